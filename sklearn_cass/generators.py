"""Torch's global generators: seeded for a while, and left as they were found."""

import threading
from contextlib import contextmanager

import torch

# One generator serves all threads. The lock is held while weights are drawn, never
# during a training; networks of a user's own that draw while they train (dropout) have
# no sequence of their own where several threads train at once.
LOCK = threading.RLock()
KEPT = {}  # generator: its state before, number of trainings that it is kept for


def global_generators(device):
    """The generators that torch draws from where none is given."""
    device = torch.device(device)
    if device.type != "cuda":
        return [torch.default_generator]
    torch.cuda.init()
    index = torch.cuda.current_device() if device.index is None else device.index
    return [torch.default_generator, torch.cuda.default_generators[index]]


@contextmanager
def seeded(seed):
    """The CPU's generator seeded inside, as it was outside; one thread at a time."""
    with LOCK, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def generators_apart(device, seed):
    """The global generators seeded inside, for networks of a user's own that draw."""
    generators = global_generators(device)
    with LOCK:
        for generator in generators:
            kept = KEPT.setdefault(generator, [generator.get_state(), 0])
            kept[1] += 1
            generator.manual_seed(seed)
    try:
        yield
    finally:
        with LOCK:
            for generator in generators:
                KEPT[generator][1] -= 1
                if not KEPT[generator][1]:
                    generator.set_state(KEPT.pop(generator)[0])
