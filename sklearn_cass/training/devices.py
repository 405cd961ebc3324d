"""The device of a training: as asked for, or the best one that works."""

from functools import lru_cache

import torch

from ..nn import Autoencoders, Discriminators, MapShape, ResNet9
from ..numeric.warning import warn_user
from .distributed import rank_device
from .net import CASSNet
from .optimizers import Muon


def check_device(device):
    """Return the torch device; "auto" is CUDA or MPS where they work, else the CPU.

    In a process group, "cuda" is the GPU of this process.
    """
    if device == "auto":
        return rank_device(torch.device(best_device()))
    try:
        if "mkldnn" in str(device):  # torch warns of it
            raise ValueError("mkldnn is not a device type of its own")
        found = rank_device(torch.device(device))
        torch.zeros(1, device=found).item()
    except Exception as error:  # each backend has its own
        raise ValueError(
            f"device={device!r} is not available ({error}); expected 'auto', 'cpu', or "
            "the name of a device that torch can use"
        ) from error
    return found


def best_device():
    """Return the name of the device that "auto" stands for."""
    if torch.cuda.is_available():
        return "cuda"
    if not torch.backends.mps.is_available():
        return "cpu"
    failure = failure_on("mps")
    if failure is None:
        return "mps"
    warn_user(
        f"device='auto' computes on the CPU, because a trial on 'mps' failed: {failure}"
    )
    return "cpu"


@lru_cache
def failure_on(device):
    """Return why a step of a tiny training fails on a device, None if it works.

    Backends may lack operations on complex numbers, of optimizers, or of networks.
    """
    shape = MapShape(1, 1, n_freqs=9, n_frames=5, is_complex=True)
    parts = {"n_components": 1, "shape": shape, "network": ResNet9(2, 4)}
    roles = ("module", "discriminators")
    parts = {f"{role}__{name}": parts[name] for role in roles for name in parts}
    settings = {"optimizer": Muon, "beta": 0.1, "lr": 1e-3, "device": device}
    settings |= {"reconstruction": "snr", "callbacks": None, "verbose": 0}
    X = torch.ones(4, 1, 9, 5, dtype=torch.complex64)
    try:
        net = CASSNet(
            Autoencoders, discriminators=Discriminators, **settings, **parts
        ).initialize()
        losses = net.train_step((X, X.unsqueeze(1)))["losses"]
        is_finite = all(value.isfinite().all() for value in losses.values())
        is_finite = is_finite and net.has_finite_estimates(X)
    except Exception as error:  # each backend has its own
        return str(error).partition("\n")[0]
    return None if is_finite else "values that are not finite"
