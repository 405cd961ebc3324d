"""Measure methods on recordings with known beats or breaths.

    python -m benchmarks.recordings fetal --data ../shared/data
    python -m benchmarks.recordings respiration --data ../shared/data --only band-pass
    python -m benchmarks.recordings fetal --page      the page of the records there are

Each recording is tested on by methods that learned from others. If interrupted, give
the command again to resume. Records go to benchmarks/recordings/results, pages to
docs/recordings.
"""

import argparse
from pathlib import Path

import torch

from ..checkout import commit
from . import page
from .problems import PROBLEMS
from .runs import FOLDER, make, records_in, tasks_of


def options_of(arguments=None):
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recordings")
    known = sorted({name for problem in PROBLEMS.values() for name in problem.methods})
    add = parser.add_argument
    add("problem", choices=PROBLEMS)
    add("--data", type=Path, help="folder of recordings (default: SKLEARN_CASS_DATA)")
    add("--only", nargs="+", choices=known, help="methods (default: all)")
    add("--seeds", nargs="+", type=int, default=[0])
    add("--page", action="store_true", help="make no runs, write the page alone")
    add("--output", default=FOLDER, help="folder of the records")
    add("--docs", default="docs", help="folder of the pages")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Make the runs that are missing, and write the page."""
    torch.set_num_threads(1)
    commit()  # kept: that of the code as it is imported, whatever changes meanwhile
    options = options_of(arguments)
    problem, records = PROBLEMS[options.problem], records_in(options.output)
    if not options.page:
        recordings = problem.load(options.data)
        names = [n for n in problem.methods if n in (options.only or problem.methods)]
        for task in tasks_of(problem, names, recordings, options.seeds):
            if make(task, recordings, records):
                print(task.name, flush=True)
        page.draw(problem, records, recordings, Path(options.docs))
    records.compact()
    print(f"wrote {page.write(problem, records, Path(options.docs))}")


if __name__ == "__main__":
    main()
