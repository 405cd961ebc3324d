"""Trainings that ended in estimates that separate nothing."""

import warnings

import torch
from sklearn.exceptions import ConvergenceWarning

from ..nn import divisor, level

CORRELATION = 0.95  # with the mixture
SILENCE = 1e-3  # of the true component's level
REMEDIES = (
    "Try more epochs (max_epochs), another lr, a smaller beta or cross_weights, and "
    "rows in which the components differ."
)


def warn_of_collapse(separator, dataset):
    """Warn of components whose estimates are the mixture itself, or nothing.

    Looked at on a few of the training rows. A component that is nearly the mixture
    itself is no reason for a warning.
    """
    n_rows = min(len(dataset), separator._rows_per_chunk())
    mixtures, truth = (tensor.cpu() for tensor in dataset[torch.arange(n_rows)])
    scale = divisor(level(mixtures))
    mixtures, truth = mixtures / scale, truth / scale.unsqueeze(1)
    estimates = separator._estimate(mixtures)
    if estimates.shape[2] != mixtures.shape[1]:
        mixtures = mixtures.mean(1, keepdim=True)
    for k, name in enumerate(separator.component_names_.tolist()):
        state = collapsed(mixtures, truth[:, k], estimates[:, k])
        if state:
            warnings.warn(
                f"the estimates of component {name!r} {state} on rows that it was "
                f"trained on: the training collapsed. {REMEDIES}",
                ConvergenceWarning,
                stacklevel=6,  # where fit was called
            )


def collapsed(mixtures, truth, estimates):
    """What is wrong with the estimates of one component, or None."""
    heard = (level(truth) > 0).flatten()
    if not heard.any():
        return None
    mixtures, truth, estimates = mixtures[heard], truth[heard], estimates[heard]
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
    """Mean over rows of the modulus of Pearson's correlation."""
    a, b = a.flatten(1), b.flatten(1)
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    product = torch.linalg.vecdot(a, b).abs()
    norms = torch.linalg.vector_norm(a, dim=1) * torch.linalg.vector_norm(b, dim=1)
    return float((product / divisor(norms)).mean())
