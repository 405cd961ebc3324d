"""Needs of a training on 10,000 hours of 44.1 kHz, at the rates of one CPU core.

    python -m benchmarks.bench_scale --quick

Rates are measured on rows of one second, mixtures and two components in single
precision; those of a disk on a file of 16 bits, of a temporary folder, that is not in
memory. Rows are drawn from sparse files of the full size there, which take no room.
"""

import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from sklearn_cass import STFTTransformer
from sklearn_cass.data import Samples, TensorDataset, domains_of
from sklearn_cass.numeric import check_numbers, one_thread_each
from sklearn_cass.numeric.chunked import SlicedArray
from sklearn_cass.persistence.identity import described
from sklearn_cass.training.batches import Batches

from .command import main
from .figures import horizontal_bars, panels
from .results import Result
from .timing import rate, spread

SFREQ, HOURS, N_COMPONENTS, N_FFT = 44_100, 10_000, 2, 8192
N_ALL = HOURS * 3600  # rows
N_ROWS, BATCH = 128, 32
QUICK = {"n_cold": 1024, "n_rounds": 3}
FULL = {"n_cold": 4096, "n_rounds": 9}
READING = (
    "What one core does in a CPU second with rows of one second at 44.1 kHz, mixtures "
    "and two components, and how long it takes for 10,000 hours of them, an epoch of "
    "which has an order of rows that is drawn in the time of the second table. "
    "[scale.md](scale.md) is the plan that rests on these rates."
)
ALT = "Bars: rows of one second that a core reads, checks and transforms in a second"


def measure(sizes, options):
    """Measure rates of a core, and draw rows of full files."""
    with one_thread_each(), tempfile.TemporaryDirectory() as name:
        seconds = seconds_of_parts(Path(name), sizes, options.seed)
        order = order_of_all(Path(name), options.seed)
    rates = [
        {
            "part": part,
            "rows/s": rate(N_ROWS, values),
            "hours an epoch": spread(v / N_ROWS * N_ALL / 3600 for v in values),
        }
        for part, values in seconds.items()
    ]
    return Result(
        name="scale",
        title="Scale: rows of 10,000 hours",
        reading=READING,
        command=options.command,
        settings=sizes | {"sfreq": SFREQ, "n_fft": N_FFT, "batch_size": BATCH},
        tables={"Rates of a core": rates, "Order of an epoch": [order]},
        alt=ALT,
        seed=options.seed,
    )


def cpu_seconds(function, n_times):
    """Return the CPU seconds of each of some calls of a function."""
    times = []
    for _ in range(n_times):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return times


def sparse(path, dtype, shape):
    """Return a memory map of a new file of zeros that takes no room."""
    np.lib.format.open_memmap(path, "w+", dtype, shape)
    return np.load(path, mmap_mode="r")


def seconds_of_parts(folder, sizes, seed):
    """Return CPU seconds of some rows by the part of the work."""
    rng = np.random.default_rng(seed)
    shapes = (N_ROWS, SFREQ), (N_ROWS, N_COMPONENTS, SFREQ)
    paths = [folder / f"{name}.npy" for name in "Xy"]
    for path, shape in zip(paths, shapes, strict=True):
        np.save(path, rng.normal(size=shape).astype(np.float32))
    X, y = (SlicedArray(np.load(path, mmap_mode="r")) for path in paths)
    stft = STFTTransformer(N_FFT, N_FFT // 4)
    samples, domains = Samples(X, y), domains_of(X[:1], y[:1], stft)
    dataset = TensorDataset(samples, domains, np.arange(N_ROWS))
    order = torch.randperm(N_ROWS).split(BATCH)
    calls = {
        "read from memory": lambda: [samples.arrays(r.numpy()) for r in order],
        "check": lambda: [check_numbers(a, "X") for a in (X, y)],
        "checksum": lambda: [described(a) for a in (X, y)],
        "read and transform": lambda: [dataset[rows] for rows in order],
    }
    n = sizes["n_rounds"]
    cold = partial(cold_seconds, cold_file(folder, sizes["n_cold"], rng), rng)
    found = {name: cpu_seconds(call, n) for name, call in calls.items()}
    return {"read from a disk": [cold() for _ in range(n)], **found}


def cold_file(folder, n_cold, rng):
    """Write a file of rows of 16 bits, and return its path."""
    path, shape = folder / "cold.npy", (n_cold, 1 + N_COMPONENTS, SFREQ)
    array = np.lib.format.open_memmap(path, "w+", np.int16, shape)
    for rows in np.split(np.arange(n_cold), n_cold // BATCH):
        array[rows] = rng.integers(-999, 999, (BATCH, *shape[1:]))
    array.flush()
    return path


def cold_seconds(path, rng):
    """Return the CPU seconds of reading rows that the system has not in memory."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    array = SlicedArray(np.load(path, mmap_mode="r"))
    order = rng.permutation(len(array))[:N_ROWS].reshape(-1, BATCH)
    return cpu_seconds(lambda: [array[rows] for rows in order], 1)[0]


def order_of_all(folder, seed):
    """Return time and memory of an order of all rows; read the first of full files."""
    X = sparse(folder / "all_X.npy", np.int16, (N_ALL, SFREQ))
    y = sparse(folder / "all_y.npy", np.int16, (N_ALL, N_COMPONENTS, SFREQ))
    samples = Samples(SlicedArray(X), SlicedArray(y))
    batches = Batches(range(N_ALL), BATCH, torch.Generator().manual_seed(seed))
    start = time.process_time()
    order = torch.randperm(len(batches.dataset), generator=batches.generator)
    seconds = time.process_time() - start
    samples.arrays(order[:BATCH].numpy())
    return {"rows": N_ALL, "CPU seconds": seconds, "MB": order.nbytes / 1e6}


def draw(result):
    """Draw the rates on a logarithmic axis."""
    rows, _ = result.tables.values()
    figure, (ax,) = panels(1)
    figure.set_size_inches(6, 2.6)
    names, values = zip(*((row["part"], row["rows/s"]) for row in rows), strict=True)
    title, label = "One core", "rows of one second, a second"
    horizontal_bars(ax, names, values, title=title, label=label)
    ax.set_xscale("log")
    return figure


if __name__ == "__main__":
    main(sys.modules[__name__])
