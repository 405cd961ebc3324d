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
    chunks = [statistics(estimate, *chunk) for chunk in samples]
    for k, name in enumerate(names):
        of_component = zip(*(chunk[k] for chunk in chunks), strict=True)
        state = collapsed(*map(torch.cat, of_component))
        if state:
            warn_user(
                f"the estimates of component {name!r} {state} on training samples: "
                f"the training collapsed. {remedies}",
                ConvergenceWarning,
            )


def statistics(estimate, mixtures, truth):
    """Return for each component levels and correlations of rows: see `collapsed`."""
    truth = truth.cpu()
    truth = torch.where(truth.isnan(), 0, truth)  # not known: as silence, left out
    mixtures, truth, _ = to_unit_level(mixtures.cpu(), truth)
    estimates = estimate(mixtures).to(truth.dtype)
    if estimates.shape[2] != mixtures.shape[1]:
        mixtures = mixtures.mean(1, keepdim=True)
    return [
        (
            *(level(x).flatten() for x in (true, estimated, estimated - true)),
            correlation(estimated, mixtures),
            correlation(true, mixtures),
            correlation(estimated, true),
        )
        for true, estimated in zip(truth.unbind(1), estimates.unbind(1), strict=True)
    ]


def collapsed(true, estimated, error, with_mixture, of_truth, with_truth):
    """Describe how the estimates of one component collapsed; None if they did not.

    Parameters
    ----------
    true, estimated, error : tensor of shape (n,)
        Levels of the true component, of its estimates and of their errors.
    with_mixture, of_truth, with_truth : tensor of shape (n,)
        Correlations of estimates and mixtures, of the true component and mixtures, and
        of estimates and the true component.
    """
    audible = true > 0
    if not audible.any():
        return None
    if (estimated[audible] < SILENCE * true[audible]).all():
        return "are (nearly) zero"
    correlations = with_mixture, of_truth, with_truth
    with_mixture, of_truth, with_truth = (
        float(c[audible].mean()) for c in correlations
    )
    if with_mixture > CORRELATION >= of_truth and with_mixture > with_truth:
        return (
            f"correlate {with_mixture:.2f} with the mixtures, where the true component "
            f"does {of_truth:.2f},"
        )
    relative_error = float((error[audible] / divisor(true[audible])).median())
    if relative_error > WORSE:
        decibels = -20 * math.log10(relative_error)
        return f"are worse than silence ({decibels:.0f} dB, median)"
    return None


def correlation(a, b):
    """Return for each row the modulus of Pearson's correlation."""
    a, b = a.flatten(1), b.flatten(1)
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    product = torch.linalg.vecdot(a, b).abs()
    norms = torch.linalg.vector_norm(a, dim=1) * torch.linalg.vector_norm(b, dim=1)
    return product / divisor(norms)
