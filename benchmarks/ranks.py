"""Training of one process of ``bench_processes``, alone or under torchrun.

python -m benchmarks.ranks FILE SIZES    SIZES as JSON; the first process writes FILE
"""

import json
import os
import sys
import time
from pathlib import Path

import torch
from torch import distributed

from sklearn_cass import CASSSeparator, ResNet9

from .signals import coloured_noise


def main(path, sizes):
    """Write seconds, and CPU seconds of this process, of an epoch by batch size."""
    sizes = json.loads(sizes)
    torch.set_num_threads(1)
    if "WORLD_SIZE" in os.environ:
        distributed.init_process_group("gloo")
    X, y = coloured_noise(sizes["n_samples"], 2, sizes["n_times"], sizes["seed"])
    fit(X[: 2 * sizes["batch_sizes"][0]], y, sizes["batch_sizes"][0])  # a warm-up
    found = {size: fit(X, y, size) for size in sizes["batch_sizes"]}
    if os.environ.get("RANK", "0") == "0":
        Path(path).write_text(json.dumps(found))
    if distributed.is_initialized():
        distributed.destroy_process_group()


def fit(X, y, batch_size):
    """Return seconds and CPU seconds of an epoch."""
    separator = CASSSeparator(
        ResNet9(), batch_size=batch_size, max_epochs=1, device="cpu", random_state=0
    )
    start, cpu_start = time.perf_counter(), time.process_time()
    separator.fit(X, y[: len(X)])
    return time.perf_counter() - start, time.process_time() - cpu_start


if __name__ == "__main__":
    main(*sys.argv[1:])
