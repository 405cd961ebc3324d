"""Tables in the paper's layout, and what they were measured on."""

import os
import platform

import numpy as np
import torch

from sklearn_cass.metrics import (
    oracle_ratio_mask,
    relative_error,
    sdr,
    sdr_improvement,
)

COLUMNS = {
    "L1": lambda y, est, X: relative_error(y, est, ord=1),
    "L2": lambda y, est, X: relative_error(y, est, ord=2),
    "Linf": lambda y, est, X: relative_error(y, est, ord=np.inf),
    "SDR": lambda y, est, X: sdr(y, est),
    "SDRi": sdr_improvement,
}


def references(y, X, oracle):
    """Floors and ceiling: estimates that no training was needed for."""
    return {
        "mixture": np.broadcast_to(X[:, None], y.shape),
        "zero": np.zeros_like(y),
        "oracle ratio mask": oracle_ratio_mask(y, X, **oracle),
    }


def measure(y, estimate, X):
    """Mean over rows of every column, a list over components; NaN rows counted."""
    values = {name: column(y, estimate, X) for name, column in COLUMNS.items()}
    means = {name: np.nanmean(v, axis=0).tolist() for name, v in values.items()}
    return means | {"silent": int(np.isnan(values["L2"]).sum())}


def table(measured, component_names):
    """One block a component, one line an estimate."""
    lines = []
    for k, component in enumerate(component_names):
        title = f"{component} component"
        lines.append(
            f"{title:<24}{'L1':>9}{'L2':>9}{'Linf':>9}{'SDR [dB]':>11}{'SDRi [dB]':>11}"
        )
        for name, row in measured.items():
            errors = "".join(f"{row[c][k]:9.4f}" for c in ("L1", "L2", "Linf"))
            decibels = "".join(f"{row[c][k]:11.2f}" for c in ("SDR", "SDRi"))
            lines.append(f"{name:<24}{errors}{decibels}")
        lines.append("")
    return "\n".join(lines)


def rejected(answers, component_names):
    """Share of the other components' estimates that each discriminator rejects."""
    n = len(component_names)
    return {
        f"{component_names[i]} discriminator, {component_names[j]} estimates": float(
            np.mean(answers[:, i, j] < 0.5)
        )
        for i in range(n)
        for j in range(n)
        if i != j
    }


def machine():
    """The machine in a line."""
    return (
        f"{os.cpu_count()} cores {platform.machine()} "
        f"({torch.backends.cpu.get_cpu_capability()}), Python "
        f"{platform.python_version()}, torch {torch.__version__}"
    )
