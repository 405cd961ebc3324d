"""Speed of several processes over that of one: training, and separation of files.

    python -m benchmarks.bench_processes --quick

Two processes of torchrun exchange by gloo and train on one set of rows; joblib's
separate recordings.
"""

import json
import subprocess
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_cass import CASSSeparator, ResNet9
from sklearn_cass.cli import separate_files

from .command import main
from .figures import bars, panels
from .results import Result
from .signals import coloured_noise
from .timing import interleaved, rate, ratio, spread

QUICK = {
    "training": {"n_samples": 256, "n_times": 1024, "batch_sizes": [32, 128]},
    "separation": {"n_recordings": 8, "n_times": 2**17},
    "n_processes": [1, 2],
    "n_rounds": 3,
}
FULL = {
    "training": {"n_samples": 1024, "n_times": 1024, "batch_sizes": [8, 32, 128, 256]},
    "separation": {"n_recordings": 32, "n_times": 2**19},
    "n_processes": [1, 2],
    "n_rounds": 5,
}
READING = (
    "Training: `CASSSeparator(ResNet9())` for an epoch, in one process and in two of "
    "`torchrun` on this machine that exchange by gloo, each with one thread; the same "
    "rows, and batches of the same size in all. Separation: `separate_files` of "
    "recordings of one model, the start of processes included. Above a ratio of 1, two "
    "processes are faster than one of the same round; more cores than processes are "
    "needed for that, and more work than there is to exchange."
)
ALT = "Bars: speed of two processes over that of one, in training and in separation"


def measure(sizes, options):
    """Measure both tables."""
    return Result(
        name="processes",
        title="Several processes",
        reading=READING,
        command=options.command,
        settings=sizes,
        tables={
            "Training": training_rows(sizes, options.seed),
            "Separation of recordings": separation_rows(sizes, options.seed),
        },
        alt=ALT,
        seed=options.seed,
    )


def training_rows(sizes, seed):
    """Return a row for each size of batches and number of processes."""
    settings, numbers = sizes["training"] | {"seed": seed}, sizes["n_processes"]
    rounds = [[trained(n, settings) for n in numbers] for _ in range(sizes["n_rounds"])]
    rows = []
    for size in map(str, settings["batch_sizes"]):
        of_one = [of_number[0][size][0] for of_number in rounds]
        for k, n in enumerate(numbers):
            seconds, cpu_seconds = zip(*(r[k][size] for r in rounds), strict=True)
            rows.append(
                {
                    "rows of a batch": int(size),
                    "processes": n,
                    "rows/s": rate(settings["n_samples"], seconds),
                    "CPU seconds of a process": spread(cpu_seconds),
                    "times one process": ratio(of_one, seconds),
                }
            )
    return rows


def trained(n_processes, settings):
    """Return what new processes measured."""
    launcher = [
        *("-m", "torch.distributed.run", "--standalone"),
        f"--nproc_per_node={n_processes}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "found.json")
        words = [
            *(sys.executable, *(launcher if n_processes > 1 else [])),
            *("-m", "benchmarks.ranks", str(path), json.dumps(settings)),
        ]
        subprocess.run(words, check=True, capture_output=True)
        return json.loads(path.read_text())


def separation_rows(sizes, seed):
    """Return a row for each number of processes."""
    numbers, size = sizes["n_processes"], sizes["separation"]
    with tempfile.TemporaryDirectory() as folder:
        write_recordings(Path(folder), seed=seed, **size)
        calls = {n: partial(separate, Path(folder), n) for n in numbers}
        seconds = interleaved(calls, sizes["n_rounds"])
    return [
        {
            "processes": n,
            "recordings/s": rate(size["n_recordings"], seconds[n]),
            "times one process": ratio(seconds[numbers[0]], seconds[n]),
        }
        for n in numbers
    ]


def write_recordings(folder, n_recordings, n_times, seed):
    """Write a model and recordings."""
    X, y = coloured_noise(32, 2, 1024, seed)
    separator = CASSSeparator(ResNet9(), max_epochs=1, device="cpu", random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        separator.fit(X, y, sfreq=256).save(folder / "model")
    recordings, _ = coloured_noise(n_recordings, 2, n_times, seed)
    (folder / "recordings").mkdir()
    for k, recording in enumerate(recordings):
        np.save(folder / "recordings" / f"{k}.npy", recording)


def separate(folder, n_jobs):
    """Separate all recordings; raise if one failed."""
    parts = folder / "model", [folder / "recordings"], folder / "parts"
    outcomes = separate_files(*parts, n_jobs=n_jobs, sfreq=256, force=True)
    failed = [outcome.error for outcome in outcomes if outcome.error]
    if failed:
        raise RuntimeError(failed[0])


def draw(result):
    """Draw a panel for training, one for separation."""
    training, separation = result.tables.values()
    figure, axes = panels(2)
    label = "speed over one process"
    of_two = [row for row in training if row["processes"] > 1]
    names = [str(row["rows of a batch"]) for row in of_two]
    values = [row["times one process"] for row in of_two]
    title = "Training, by rows of a batch"
    bars(axes[0], names, values, title=title, label=label, line=1)
    names = [str(row["processes"]) for row in separation]
    values = [row["times one process"] for row in separation]
    title = "Separation, by processes"
    bars(axes[1], names, values, title=title, label=label, line=1)
    return figure


if __name__ == "__main__":
    main(sys.modules[__name__])
