"""Measures of estimates, and where and with what they were made."""

import os
import platform
from importlib.metadata import version

import numpy as np
import torch

import sklearn_cass
from sklearn_cass.metrics import (
    oracle_ratio_mask,
    relative_error,
    sdr,
    sdr_improvement,
    share_phase,
)

from .checkout import commit

ORDS = {"L1": 1, "L2": 2, "Linf": np.inf}
FLOORS, CEILING = ("mixture", "zero"), "oracle ratio mask"
LIBRARIES = ("numpy", "scipy", "scikit-learn", "skorch", "torch")
REJECTED_BELOW = 0.5  # probability of being true


def references(y, X, stft):
    """Return the floors and the ceiling: estimates that need no training."""
    return {
        "mixture": np.broadcast_to(X[:, None], y.shape),
        "zero": np.zeros_like(y),
        CEILING: oracle_ratio_mask(y, X, **stft),
    }


def measure(y, estimate, X):
    """Return means over rows, lists over components; NaN rows are counted as silent."""
    values = {name: relative_error(y, estimate, ord=o) for name, o in ORDS.items()}
    n_silent = int(np.isnan(values["L2"]).sum())
    values |= {"SDR": sdr(y, estimate), "SDRi": sdr_improvement(y, estimate, X)}
    return {k: np.nanmean(v, axis=0).tolist() for k, v in values.items()} | {
        "silent": n_silent
    }


def shared_phase_errors(y, estimate, X, stft):
    """Return means over rows of the errors with the mixture's phase."""
    rebuilt = [share_phase(components, X, **stft) for components in (y, estimate)]
    return {
        name: np.nanmean(relative_error(*rebuilt, ord=ord), axis=0).tolist()
        for name, ord in ORDS.items()
    }


def by_discriminator(outputs, true_outputs):
    """Return outputs by (i, j): of D_i on component j, on the true one where i is j.

    Parameters
    ----------
    outputs, true_outputs : ndarray of shape (n_samples, n_components, n_components)
        Of ``discriminate``, for estimates and for true components.
    """
    pairs = np.ndindex(*outputs.shape[1:])
    return {(i, j): (true_outputs if i == j else outputs)[:, i, j] for i, j in pairs}


def share_rejected(outputs):
    """Return the share of outputs that reject a component."""
    return float(np.mean(outputs < REJECTED_BELOW))


def provenance():
    """Return where and with what numbers are made."""
    return {
        "machine": machine(),
        "n_threads": torch.get_num_threads(),
        "version": sklearn_cass.__version__,
        "commit": commit(),
        "versions": versions(),
    }


def versions():
    """Return the versions of the libraries that numbers depend on."""
    return {name: version(name) for name in LIBRARIES}


def machine():
    """Return the machine in a line."""
    return (
        f"{os.cpu_count()} cores {platform.machine()} "
        f"({torch.backends.cpu.get_cpu_capability()}), Python "
        f"{platform.python_version()}, torch {torch.__version__}"
    )
