"""Warnings of fits whose estimates separate nothing."""

import math

import torch
from sklearn.exceptions import ConvergenceWarning

from ..numeric import divisor, level, to_unit_level
from ..numeric.warning import warn_user

CORRELATION = 0.95  # with the mixture
SILENCE = 1e-3  # of the true component's level
WORSE = 1.26  # relative error 2 dB above that of silence


def warn_of_collapse(estimate, samples, names, remedies):
    """Warn of components whose estimates are the mixture, nothing, or worse than that.

    A component that nearly equals the mixture is not warned of.

    Parameters
    ----------
    estimate : callable
        Takes mixtures (n, C, H, W) at unit level, returns estimates (n, K, C_y, H, W).
    samples : iterable of (tensor of shape (n, C, H, W), (n, K, C_y, H, W))
        Chunks of training samples: mixtures and their components.
    names : sequence
        Names of the components.
    remedies : str
        What to try then.
    """
    mixtures, truth, estimates = estimated(estimate, samples)
    if estimates.shape[2] != mixtures.shape[1]:
        mixtures = mixtures.mean(1, keepdim=True)
    for k, name in enumerate(names):
        state = collapsed(mixtures, truth[:, k], estimates[:, k])
        if state:
            warn_user(
                f"the estimates of component {name!r} {state} on training samples: "
                f"the training collapsed. {remedies}",
                ConvergenceWarning,
            )


def estimated(estimate, samples):
    """Return mixtures, components and estimates at unit level."""
    parts = []
    for mixtures, truth in samples:
        mixtures, truth, _ = to_unit_level(mixtures.cpu(), truth.cpu())
        parts.append((mixtures, truth, estimate(mixtures).to(truth.dtype)))
    return map(torch.cat, zip(*parts, strict=True))


def collapsed(mixtures, truth, estimates):
    """Describe how the estimates of one component collapsed; None if they did not."""
    audible = (level(truth) > 0).flatten()
    if not audible.any():
        return None
    mixtures, truth, estimates = mixtures[audible], truth[audible], estimates[audible]
    if (level(estimates) < SILENCE * level(truth)).all():
        return "are (nearly) zero"
    error = float((level(estimates - truth) / divisor(level(truth))).median())
    with_mixture = correlation(estimates, mixtures)
    of_truth = correlation(truth, mixtures)
    with_truth = correlation(estimates, truth)
    if with_mixture > CORRELATION >= of_truth and with_mixture > with_truth:
        return (
            f"correlate {with_mixture:.2f} with the mixtures, where the true component "
            f"does {of_truth:.2f},"
        )
    if error > WORSE:
        return f"are worse than silence ({-20 * math.log10(error):.0f} dB, median)"
    return None


def correlation(a, b):
    """Return the mean over rows of the modulus of Pearson's correlation."""
    a, b = a.flatten(1), b.flatten(1)
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    product = torch.linalg.vecdot(a, b).abs()
    norms = torch.linalg.vector_norm(a, dim=1) * torch.linalg.vector_norm(b, dim=1)
    return float((product / divisor(norms)).mean())
