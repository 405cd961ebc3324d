"""Runs that differ from a base in one thing, and their comparison by seeds."""

import argparse
from abc import abstractmethod
from dataclasses import dataclass, field
from types import SimpleNamespace

from .__main__ import JOBS_OF_A_CPU, run_all
from .bootstrap import relative_difference
from .runs import Task, finished
from .tables import difference_text


@dataclass(frozen=True)
class Variant:
    """What differs from the base: parameters, or how rows are made."""

    about: str
    parameters: dict = field(default_factory=dict)
    rows: dict = field(default_factory=dict)


@dataclass(frozen=True)
class VariantTask(Task):
    """A run of a variant; its setting is the variant's name."""

    @property
    @abstractmethod
    def base(self):
        """The setting that variants differ from."""

    @property
    @abstractmethod
    def variant(self):
        """What differs."""

    def rows(self):
        """Those of the experiment, with what the variant says of them."""
        return super().rows() | self.variant.rows

    def entries(self):
        """The base, with what the variant says of it."""
        return self.base | self.variant.parameters


def made_of(task):
    """What a run depends on, but for its name."""
    return task.rows(), task.parameters()


def percent(ours, plain):
    """How much lower (negative) errors of the same seeds are, in percent of others."""
    return difference_text(relative_difference(ours, plain), 1)


def run_seeds(tasks_of, write, folder, options):
    """Make the runs that are not there yet, seed after seed; ``write`` after each.

    ``tasks_of`` takes a seed, ``write`` the number of seeds that are done.
    """
    where = SimpleNamespace(
        jobs=options.jobs, output=folder, data=options.data, device="cpu"
    )
    for seed in range(options.seeds):
        left = [t for t in dict.fromkeys(tasks_of(seed)) if not finished(t, folder)]
        run_all(left, where)
        write(seed + 1)


def parser(description):
    """What these commands have in common."""
    common = argparse.ArgumentParser(description=description.splitlines()[0])
    common.add_argument("--seeds", type=int, default=5, help="from 0 on")
    common.add_argument(
        "--jobs", type=int, default=JOBS_OF_A_CPU, help="runs at a time"
    )
    common.add_argument("--output", default="docs/paper")
    common.set_defaults(data=None)
    return common
