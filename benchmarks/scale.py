"""Needs of a training on 10,000 hours of 44.1 kHz: `python -m benchmarks.scale FOLDER`.

Rates of one CPU core are measured on rows of one second, mixtures and two components
in single precision; those of a disk on a file of 16 bits in FOLDER that is not in
memory. Rows are drawn from sparse files of the full size there, which take no room. The
rate of a GPU is that of docs/scale.md.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
import torch

from sklearn_cass import STFTTransformer
from sklearn_cass.data import Samples, TensorDataset, domains_of
from sklearn_cass.numeric import check_numbers, one_thread_each
from sklearn_cass.numeric.chunked import SlicedArray
from sklearn_cass.persistence.identity import described
from sklearn_cass.training.batches import Batches

from .markdown import table
from .report import machine

SFREQ, HOURS, N_COMPONENTS, N_FFT = 44_100, 10_000, 2, 8192
N_ALL = HOURS * 3600  # rows
ROW_BYTES = SFREQ * 4 * (1 + N_COMPONENTS)
GPU_ROWS = 4423 / 2  # a second, of one second at twice the rate of the measurement
N_ROWS, BATCH, N_COLD = 128, 32, 4096


def cpu_seconds(function, n_times=3):
    """Return the least CPU seconds of some calls of a function."""
    times = []
    for _ in range(n_times):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def sparse(path, dtype, shape):
    """Return a memory map of a new file of zeros that takes no room."""
    np.lib.format.open_memmap(path, "w+", dtype, shape)
    return np.load(path, mmap_mode="r")


def rates(folder):
    """Return what one core does in a second: rows of each part of the work."""
    rng = np.random.default_rng(0)
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
    found = {name: N_ROWS / cpu_seconds(call) for name, call in calls.items()}
    return {"read from a disk": cold_rate(folder), **found}


def cold_rate(folder):
    """Return the rows that a core reads of a file that the system has not in memory."""
    path, rng = folder / "cold.npy", np.random.default_rng(0)
    shape = (N_COLD, 1 + N_COMPONENTS, SFREQ)
    array = np.lib.format.open_memmap(path, "w+", np.int16, shape)
    for rows in np.split(np.arange(N_COLD), N_COLD // BATCH):
        array[rows] = rng.integers(-999, 999, (BATCH, *shape[1:]))
    array.flush()
    del array
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    array = SlicedArray(np.load(path, mmap_mode="r"))
    order = rng.permutation(N_COLD)[:N_ROWS].reshape(-1, BATCH)
    return N_ROWS / cpu_seconds(lambda: [array[rows] for rows in order], 1)


def simulate(folder):
    """Return the CPU seconds of an order of all rows; read the first of full files."""
    X = sparse(folder / "all_X.npy", np.int16, (N_ALL, SFREQ))
    y = sparse(folder / "all_y.npy", np.int16, (N_ALL, N_COMPONENTS, SFREQ))
    samples = Samples(SlicedArray(X), SlicedArray(y))
    batches = Batches(range(N_ALL), BATCH, torch.Generator().manual_seed(0))
    start = time.process_time()
    order = torch.randperm(len(batches.dataset), generator=batches.generator)
    seconds = time.process_time() - start
    samples.arrays(order[:BATCH].numpy())
    return seconds


def main(folder="."):
    """Print rates of a core, and what all rows need."""
    folder = Path(folder)
    with one_thread_each():
        found = rates(folder)
        seconds = simulate(folder)
    print(f"{HOURS:,} hours, {N_ALL:,} rows of {ROW_BYTES:,} bytes; {machine()}\n")
    found["train (GPU)"] = GPU_ROWS
    rows = [
        {"part": name, "rows/s": rate, "hours an epoch": N_ALL / rate / 3600}
        for name, rate in found.items()
    ]
    print(table(rows))
    print(f"\norder of an epoch: {seconds:.1f} s and {N_ALL * 8 / 1e6:.0f} MB")
    for name in ("X", "y", "all_X", "all_y", "cold"):
        (folder / f"{name}.npy").unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
