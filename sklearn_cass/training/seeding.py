"""Seed torch's global generators temporarily and restore their states."""

import threading
from contextlib import contextmanager

import torch

from ..numeric import single_precision_by_default

# One generator serves all threads. The lock is held while weights are drawn, but not
# during a training: where several threads train at once, networks that draw random
# numbers in training (dropout) share one sequence.
LOCK = threading.RLock()
SAVED: dict = {}  # generator: its previous state, number of trainings that use it


def global_generators(device):
    """Return the generators that torch uses by default on a device."""
    device = torch.device(device)
    if device.type != "cuda":
        return [torch.default_generator]
    torch.cuda.init()
    index = torch.cuda.current_device() if device.index is None else device.index
    return [torch.default_generator, torch.cuda.default_generators[index]]


@contextmanager
def seeded(seed):
    """Seed the CPU's generator in a context, for weights in single precision.

    One thread at a time.
    """
    with LOCK, torch.random.fork_rng(devices=[]), single_precision_by_default():
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def seeded_global_generators(device, seed):
    """Seed the global generators in a context, for networks that use them (dropout)."""
    generators = global_generators(device)
    with LOCK:
        for generator in generators:
            saved = SAVED.setdefault(generator, [generator.get_state(), 0])
            saved[1] += 1
            generator.manual_seed(seed)
    try:
        yield
    finally:
        with LOCK:
            for generator in generators:
                SAVED[generator][1] -= 1
                if not SAVED[generator][1]:
                    generator.set_state(SAVED.pop(generator)[0])
