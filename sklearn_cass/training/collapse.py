"""Warnings of trainings whose estimates separate nothing."""

import torch
from sklearn.exceptions import ConvergenceWarning

from ..numeric import divisor, level, to_unit_level
from ..numeric.warning import warn_user

CORRELATION = 0.95  # with the mixture
SILENCE = 1e-3  # of the true component's level
REMEDIES = (
    "Try more epochs (max_epochs), another lr, a smaller beta or cross_weights, and "
    "rows in which the components differ."
)


def warn_of_collapse(estimate, mixtures, truth, names):
    """Warn of components whose estimates are the mixture itself, or nothing.

    A component that nearly equals the mixture is not warned of.

    Parameters
    ----------
    estimate : callable
        Takes mixtures (n, C, H, W) at unit level, returns estimates (n, K, C_y, H, W).
    mixtures : tensor of shape (n, C, H, W)
        A few of the training mixtures.
    truth : tensor of shape (n, K, C_y, H, W)
        Their components.
    names : sequence
        Names of the components.
    """
    mixtures, truth, _ = to_unit_level(mixtures.cpu(), truth.cpu())
    estimates = estimate(mixtures)
    if estimates.shape[2] != mixtures.shape[1]:
        mixtures = mixtures.mean(1, keepdim=True)
    for k, name in enumerate(names):
        state = collapsed(mixtures, truth[:, k], estimates[:, k])
        if state:
            warn_user(
                f"the estimates of component {name!r} {state} on rows that it was "
                f"trained on: the training collapsed. {REMEDIES}",
                ConvergenceWarning,
            )


def collapsed(mixtures, truth, estimates):
    """Describe how the estimates of one component collapsed; None if they did not."""
    audible = (level(truth) > 0).flatten()
    if not audible.any():
        return None
    mixtures, truth, estimates = mixtures[audible], truth[audible], estimates[audible]
    if (level(estimates) < SILENCE * level(truth)).all():
        return "are (nearly) zero"
    with_mixture = correlation(estimates, mixtures)
    of_truth = correlation(truth, mixtures)
    with_truth = correlation(estimates, truth)
    if with_mixture > CORRELATION >= of_truth and with_mixture > with_truth:
        return (
            f"correlate {with_mixture:.2f} with the mixtures, where the true component "
            f"does {of_truth:.2f},"
        )
    return None


def correlation(a, b):
    """Return the mean over rows of the modulus of Pearson's correlation."""
    a, b = a.flatten(1), b.flatten(1)
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    product = torch.linalg.vecdot(a, b).abs()
    norms = torch.linalg.vector_norm(a, dim=1) * torch.linalg.vector_norm(b, dim=1)
    return float((product / divisor(norms)).mean())
