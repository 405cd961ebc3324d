"""Compare with separation models of other packages, at equal CPU seconds.

    make peers ARGS="--data ../shared/data"       hours, in an environment of its own
    python -m benchmarks.bench_peers --page       the page of the records there are,
                                                  which become one file

Open-Unmix, Conv-TasNet and DPRNN-TasNet are trained in one thread on the rows that our
separators are trained on, up to budgets of CPU seconds. If interrupted, give the
command again to resume. Records go to benchmarks/peers/results, the page to
docs/peers.md.
"""

import argparse
from pathlib import Path

import torch

from .checkout import commit
from .peers import page, runs
from .peers.records import FOLDER, Records
from .peers.systems import BUDGETS, NAMES, SEEDS, systems

WORK = FOLDER.parent / "work"  # what a training goes on from


def options_of(arguments=None):
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_peers")
    known = sorted({name for experiment in NAMES for name in systems(experiment)})
    add = parser.add_argument
    add("--experiment", nargs="+", choices=NAMES, default=NAMES)
    add("--only", nargs="+", choices=known, help="systems (default: all)")
    add("--seeds", nargs="+", type=int, default=SEEDS)
    add("--budgets", nargs="+", type=float, default=BUDGETS, help="CPU seconds")
    add("--data", help="folder of recordings, with one called bach10")
    add("--validation", action="store_true", help="measure on validation rows")
    add("--page", action="store_true", help="make no runs, write the page alone")
    add("--output", help="folder of the records")
    add("--docs", default="docs", help="folder of the page")
    options = parser.parse_args(arguments)
    options.budgets = sorted(options.budgets)
    options.measured_on = "validation" if options.validation else "test"
    options.work = WORK / options.measured_on
    folder = options.work / "results" if options.validation else FOLDER
    options.records = Records(options.output or folder)
    options.fit_costs = {}  # of ours, measured once
    return options


def main(arguments=None):
    """Make the runs that are missing, seed after seed, and write the page."""
    torch.set_num_threads(1)
    commit()  # kept: that of the code as it is imported, whatever changes meanwhile
    options = options_of(arguments)
    if not options.page:
        for task in tasks(options):
            if runs.is_missing(task, options):
                runs.do(task, options)
    else:
        options.records.compact()
    if not options.validation:
        path = page.write(options.records, Path(options.docs))
        print(f"wrote {path}")


def tasks(options):
    """Return the runs that are asked for, all of a seed before those of the next."""
    found = [
        task
        for experiment in options.experiment
        for name in systems(experiment)
        if not options.only or name in options.only
        for task in runs.tasks_of(experiment, name, options.seeds, options.budgets)
    ]
    return sorted(found, key=lambda task: task.seed)  # stable


if __name__ == "__main__":
    main()
