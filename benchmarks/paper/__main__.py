"""Reproduce the paper's tables and figures, and what was measured around them.

    python -m benchmarks.paper tables --quick     their shape, in minutes
    python -m benchmarks.paper all --data FOLDER  hours on a CPU
    python -m benchmarks.paper all --page         the pages of the records there are

If interrupted, give the command again to resume. Pages, figures and the records of all
runs go to docs/paper; --quick and --validation have folders there.
"""

import argparse
import os
import re
import time
from pathlib import Path

import torch
from joblib import Parallel, cpu_count, delayed

from ..experiments import EXPERIMENTS, make
from . import ablations, conditions, limits, runs, settings, tables
from .records import Records
from .tasks import ROWS

PAGES = {page.NAME: page for page in (tables, ablations, conditions, limits)}
N_SEEDS = {"tables": 5, "ablations": 1, "conditions": 5, "limits": 1, "quick": 2}
JOBS_OF_A_GPU = 4  # one small training leaves most of a GPU idle


class Options(argparse.Namespace):
    """The command line's options, with what follows from them."""

    def complete(self):
        """Set what was not given."""
        if "all" in self.pages:
            self.pages = ["tables"] if self.quick else list(PAGES)
        self.measured_on = "validation" if self.validation else "test"
        self.settings = [self.setting] if self.setting else list(settings.SETTINGS)
        self.estimators = self.estimator or list(ROWS)
        self.experiments = self.experiment or list(settings.ROWS)
        if not (self.experiment or self.data or os.environ.get("SKLEARN_CASS_DATA")):
            print("no recordings without --data: Bach10 is left out")
            self.experiments = [e for e in settings.ROWS if not EXPERIMENTS[e].folders]
        if self.device == "auto":
            self.device = "cuda" if torch.cuda.is_available() else "cpu"
        on_cpu = self.device == "cpu"
        self.jobs = self.jobs or (cpu_count() if on_cpu else JOBS_OF_A_GPU)
        self.flags = [flag for flag in ("quick", "validation") if getattr(self, flag)]
        self.output = Path(self.output or Path("docs", "paper", *self.flags))
        return self

    def write_page(self, name, **parts):
        """Fill a page's template, write it and return it."""
        page = "tables" if name == "claims" else name
        command = " --".join([f"python -m benchmarks.paper {page}", *self.flags])
        template = (Path(__file__).parent / "pages" / f"{name}.md").read_text()
        text = template.format(command=command, **parts).strip() + "\n"
        text = re.sub(r"\n{3,}", "\n\n", text)
        self.output.mkdir(parents=True, exist_ok=True)
        (self.output / f"{name}.md").write_text(text)
        return text


def options_of(arguments=None):
    """Return the options of a command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.paper")
    add, on = parser.add_argument, {"action": "store_true"}
    add("pages", nargs="+", choices=(*PAGES, "all"))
    add("--experiment", action="append", choices=settings.ROWS)
    add("--setting", choices=settings.SETTINGS, help="of the tables")
    add("--estimator", action="append", choices=ROWS, help="of the tables")
    add("--quick", **on, help="tables of few rows, epochs and seeds")
    add("--validation", **on, help="measure tables on validation rows")
    add("--page", **on, help="make no runs, write the pages alone")
    add("--seeds", type=int, help="number of seeds, from 0 on")
    add("--device", default="auto", help="auto, cpu or cuda")
    add("--jobs", type=int, help="runs at a time")
    add("--data", help="folder of recordings, with one called bach10")
    add("--output", help="folder to write to")
    options = parser.parse_args(arguments, Options())
    if (options.quick or options.validation) and set(options.pages) - {"tables", "all"}:
        parser.error("--quick and --validation are options of the page tables alone")
    return options.complete()


def main(arguments=None):
    """Make the runs that are missing, seed after seed, and write the pages."""
    options = options_of(arguments)
    for page in options.pages:
        n_seeds = options.seeds or N_SEEDS["quick" if options.quick else page]
        start = time.perf_counter()
        for seed in range(0 if options.page else n_seeds):
            run_missing(page, seed, options)
            write(page, options)
            hours = (time.perf_counter() - start) / 3600
            n_left = sum(len(missing(page, s, options)) for s in range(n_seeds))
            print(f"seed {seed}: {hours:.2f} h, {n_left} runs to go", flush=True)
        write(page, options)
        print(f"wrote {options.output / page}.md")


def missing(page, seed, options):
    """Return the runs of a seed that have no record."""
    return Records(options.output, page).missing(PAGES[page].tasks(seed, options))


def run_missing(page, seed, options):
    """Make the runs that have no record, several at a time."""
    tasks = missing(page, seed, options)
    if options.jobs > 1:  # generate rows once, whose traces are then in the cache
        for task in {task.experiment: task for task in tasks}.values():
            make(task.experiment, task.rows, task.seed, options.data)
    more = getattr(PAGES[page], "more", None)
    where = (options.output, page, options.data, options.device, more)
    Parallel(n_jobs=options.jobs)(delayed(runs.do)(task, *where) for task in tasks)


def write(page, options):
    """Write the file of records and the page."""
    records = Records(options.output, page)
    records.compact()
    return PAGES[page].write(records, options)


if __name__ == "__main__":
    main()
