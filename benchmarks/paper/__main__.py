"""Measure the paper's tables and figures anew.

    python -m benchmarks.paper ecg --quick        the shape of it in minutes
    python -m benchmarks.paper all --data FOLDER  hours on a CPU

A run that is cut off goes on where it stopped when the command is given again. Tables,
figures and the results of all runs go to docs/paper; --quick has a folder there.
"""

import argparse
import os
import time
from pathlib import Path

import torch
from joblib import Parallel, cpu_count, delayed

from . import data, page
from .plan import names_of_settings, plan
from .runs import do, finished
from .settings import N_SEEDS

JOBS_OF_A_GPU = 4  # one small training leaves most of a GPU idle
JOBS_OF_A_CPU = cpu_count()  # its maps are too small for several cores


def main(arguments=None):
    """Make the runs that are not there yet, seed after seed, and write the page."""
    options = options_of(arguments)
    start, n_made = time.perf_counter(), 0
    for seed in range(0 if options.page else options.seeds):
        n_made += run_seed(seed, options)
        write(options)
        hours = (time.perf_counter() - start) / 3600
        print(f"seed {seed} done; {progress(hours, n_made, options)}", flush=True)
    write(options)
    common = (options.form, options.measured_on)
    print(page.printed(options.output, options.names, options.settings, *common))
    print(f"\ntables and figures are in {options.output}")


def unfinished(seeds, options):
    """The runs of some seeds that are not there yet."""
    asked = (options.names, options.settings, options.form, options.measured_on)
    tasks = plan(seeds, *asked)
    return [task for task in tasks if finished(task, options.output) is None]


def progress(hours, n_made, options):
    """Hours so far, and to go by the mean of the runs made: each seed has the same."""
    n_left = len(unfinished(range(options.seeds), options))
    if not (n_made and n_left):
        return f"{hours:.2f} h so far, {n_left} runs to go"
    left = hours / n_made * n_left
    return f"{hours:.2f} h so far, about {left:.2f} h to go for {n_left} runs"


def run_seed(seed, options):
    """The runs of a seed that are left, several at a time where so asked."""
    left = unfinished([seed], options)
    run_all(left, options)
    return len(left)


def run_all(tasks, options):
    """Runs, one after the other or several at a time."""
    if options.jobs > 1:
        prepare(tasks, options.data)
    Parallel(n_jobs=options.jobs)(
        delayed(run)(task, options.output, options.data, options.device)
        for task in tasks
    )


def prepare(tasks, recordings):
    """Generate the rows once, which leaves their traces in the cache for all jobs."""
    for task in {task.experiment: task for task in tasks}.values():
        data.make(task.experiment, task.rows(), task.seed, recordings)


def run(task, *where):
    """One run, and a line that says so."""
    start = time.perf_counter()
    do(task, *where)
    print(f"{task.stem} {time.perf_counter() - start:.0f} s", flush=True)


def write(options):
    """The page of what there is."""
    page.write(options.output, options.command, options.form, options.measured_on)


# The command line ---------------------------------------------------------------------


def options_of(arguments=None):
    """What the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.paper", description=__doc__.splitlines()[0]
    )
    names = (*data.EXPERIMENTS, "all")
    parser.add_argument(
        "experiments",
        nargs="+",
        choices=names,
        metavar="experiment",
        help=", ".join(names),
    )
    parser.add_argument(
        "--quick",
        dest="form",
        action="store_const",
        const="quick",
        default="full",
        help="few rows, epochs and seeds",
    )
    parser.add_argument("--seeds", type=int, help="how many seeds, from 0 on")
    parser.add_argument(
        "--setting", choices=(*names_of_settings(), "all"), default="all"
    )
    parser.add_argument(
        "--choose",
        dest="measured_on",
        action="store_const",
        const="choose",
        default="test",
        help="measure on the rows kept for choosing a setting",
    )
    parser.add_argument(
        "--page", action="store_true", help="make no runs, write up those there are"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--jobs", type=int, help="runs at a time")
    parser.add_argument("--data", help="folder of recordings, with one called bach10")
    parser.add_argument("--output", help="folder to write to")
    return completed(parser.parse_args(arguments))


def completed(options):
    """The options with all that follows from them."""
    options.command = command(options)
    options.names = experiments_of(options)
    every = options.setting == "all"
    options.settings = names_of_settings() if every else (options.setting,)
    options.seeds = options.seeds or N_SEEDS[options.form]
    if options.device == "auto":
        options.device = "cuda" if torch.cuda.is_available() else "cpu"
    on_gpu = options.device.startswith("cuda")
    options.jobs = options.jobs or (JOBS_OF_A_GPU if on_gpu else JOBS_OF_A_CPU)
    options.output = Path(options.output or default_folder(options))
    return options


def experiments_of(options):
    """The experiments asked for; "all" leaves out what lacks its recordings."""
    if "all" not in options.experiments:
        return list(dict.fromkeys(options.experiments))
    names = list(data.EXPERIMENTS)
    if not (options.data or os.environ.get("SKLEARN_CASS_DATA")):
        print("no recordings without --data: the experiments on Bach10 are left out")
        names = [name for name in names if name not in data.RECORDED]
    return names


def default_folder(options):
    """docs/paper, and folders in it for what is no final table."""
    parts = ["docs", "paper"]
    parts += ["quick"] if options.form == "quick" else []
    parts += ["choose"] if options.measured_on == "choose" else []
    return Path(*parts)


def command(options):
    """The command that repeats a run, but for where things lie."""
    words = ["python -m benchmarks.paper", *options.experiments]
    words += ["--quick"] if options.form == "quick" else []
    words += [f"--seeds {options.seeds}"] if options.seeds else []
    words += [f"--setting {options.setting}"] if options.setting != "all" else []
    words += ["--choose"] if options.measured_on == "choose" else []
    return " ".join(words)


if __name__ == "__main__":
    main()
