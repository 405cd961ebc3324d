"""Measure what mixtures without known components teach, beside known components.

    python -m benchmarks.unlabelled choice        settings, on rows of another seed
    python -m benchmarks.unlabelled generated --seeds 0 1 2
    python -m benchmarks.unlabelled recorded --data ../shared/data --subjects a01
    python -m benchmarks.unlabelled page          the page of the records there are

If interrupted, give the command again to resume. Records go to
benchmarks/unlabelled/results, the page to docs/unlabelled.md.
"""

import argparse
from functools import partial
from itertools import product
from pathlib import Path

import torch

from ..checkout import commit
from . import page
from .methods import METHODS
from .runs import (
    FOLDER,
    Task,
    choices,
    make,
    on_generated,
    on_recording,
    recordings_in,
    records_in,
    tested_of,
)


def options_of(arguments=None):
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.unlabelled")
    add = parser.add_argument
    add("part", choices=("choice", "generated", "recorded", "page"))
    add("--data", type=Path, help="folder of recordings (default: SKLEARN_CASS_DATA)")
    add("--only", nargs="+", choices=METHODS, help="methods (default: all)")
    add("--subjects", nargs="+", help="recordings (default: all)")
    add("--seeds", nargs="+", type=int, default=[0])
    add("--output", default=FOLDER, help="folder of the records")
    add("--docs", type=Path, default=Path("docs"), help="folder of the page")
    return parser.parse_args(arguments)


def runs_of(options):
    """Yield tasks, what measures them, and changes to their settings."""
    names = [name for name in METHODS if name in (options.only or METHODS)]
    if options.part == "choice":
        for task, changes in choices():
            if task.method in names:
                yield task, on_generated, changes
    if options.part == "generated":
        for seed, name in product(options.seeds, names):
            yield Task("generated", name, seed=seed), on_generated, {}
    if options.part == "recorded":
        yield from recorded_runs(options, [n for n in names if METHODS[n].is_recorded])


def recorded_runs(options, names):
    """Yield those on recordings."""
    recordings = recordings_in(options.data)
    measured = partial(on_recording, recordings=recordings)
    subjects = [recording.name for recording in tested_of(recordings)]
    subjects = [s for s in subjects if s in (options.subjects or subjects)]
    for subject, name, seed in product(subjects, names, options.seeds):
        yield Task("recorded", name, subject, seed=seed), measured, {}


def main(arguments=None):
    """Make the runs that are missing, and write the page."""
    torch.set_num_threads(1)
    commit()  # kept: that of the code as it is imported, whatever changes meanwhile
    options = options_of(arguments)
    records = records_in(options.output)
    for task, measure, changes in runs_of(options):
        if make(task, records, measure, changes):
            print(task.name, records.read(task)["measured"], flush=True)
    if options.part == "page":
        records.compact()
        print(f"wrote {page.write(records, options.docs)}")


if __name__ == "__main__":
    main()
