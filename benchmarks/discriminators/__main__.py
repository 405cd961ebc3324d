"""Compare kinds of discriminators with autoencoders alone, and with each other.

    python -m benchmarks.discriminators --data ../shared/data
    python -m benchmarks.discriminators --choose         settings, on validation rows
    python -m benchmarks.discriminators --page           the page of the records

If interrupted, give the command again to resume. Records go to
benchmarks/discriminators/results, the page to docs/discriminators.md.
"""

import argparse
from pathlib import Path

import torch

from ..checkout import commit
from ..paper.tasks import CROSS, REGULAR
from . import page
from .runs import (
    CHOICE_SEED,
    CHOICES,
    FOLDER,
    KINDS,
    PROBLEMS,
    Task,
    baseline,
    make,
    records_in,
)

SEPARATORS = {"regular": REGULAR, "cross": CROSS}


def options_of(arguments=None):
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.discriminators")
    add = parser.add_argument
    add("--data", type=Path, help="folder of recordings; without one, no Bach10")
    add("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    add("--separators", nargs="+", choices=SEPARATORS, default=list(SEPARATORS))
    add("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    add("--settings", nargs="+", choices=CHOICES, help="default: the first, or all")
    add("--seeds", nargs="+", type=int, default=list(range(5)))
    add("--choose", action="store_true", help="settings on validation rows")
    add("--page", action="store_true", help="make no runs, write the page alone")
    add("--output", default=FOLDER, help="folder of the records")
    add("--docs", default="docs", help="folder of the page")
    return parser.parse_args(arguments)


def tasks_of(options):
    """Yield the runs asked for; those of a seed are of the same rows."""
    seeds = [CHOICE_SEED] if options.choose else options.seeds
    default = list(CHOICES) if options.choose else list(CHOICES)[:1]
    settings = options.settings or default
    measured_on = "validation" if options.choose else "test"
    problems = [p for p in options.problems if options.data or p != "bach10-unseen"]
    for seed in seeds:
        for problem in problems:
            yield baseline(problem, seed, measured_on)
            for kind in options.kinds:
                for choice in settings:
                    for name in options.separators:
                        of = (problem, SEPARATORS[name], kind, choice)
                        yield Task(*of, seed, measured_on)


def main(arguments=None):
    """Make the runs that are missing, and write the page."""
    torch.set_num_threads(1)
    commit()  # kept: that of the code as it is imported, whatever changes meanwhile
    options = options_of(arguments)
    records = records_in(options.output)
    if not options.page:
        for task in tasks_of(options):
            if make(task, records, options.data):
                print(task.name, flush=True)
    records.compact()
    print(f"wrote {page.write(records, options.docs)}")


if __name__ == "__main__":
    main()
