"""Estimates of all estimators, floors and the ceiling, a few samples at a time."""

import numpy as np
from sklearn.utils import gen_batches

from ..inspection import (
    components_as_waveforms,
    estimate,
    mixtures_as_waveforms,
    take,
)
from ..metrics import oracle_ratio_mask
from ._metrics import choose_metrics, measure, measure_without_truth

CHUNK_ENTRIES = 2**20  # of the estimates that are compared at a time

MIXTURE, ZERO, ORACLE = "mixture", "zero", "oracle ratio mask"
FLOOR, CEILING, ESTIMATOR = "floor", "ceiling", "estimator"


class Samples:
    """Mixtures and, if known, components of the samples that are evaluated.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        Mixtures.
    y : array-like of shape (n_samples, n_components, ...) or None
        Components.
    """

    def __init__(self, X, y):
        self.X = X if hasattr(X, "shape") else np.asarray(X)
        self.y = y if y is None or hasattr(y, "shape") else np.asarray(y)
        if self.y is not None and self.y.ndim < 3:
            raise ValueError(
                "y must hold true components (n_samples, n_components, n_times), got "
                f"shape {tuple(self.y.shape)}; y=None reports on estimates alone"
            )
        if self.y is not None and len(self.y) != len(self.X):
            raise ValueError(
                f"X and y must have as many samples, got {len(self.X)} and "
                f"{len(self.y)}"
            )
        if not len(self.X):
            raise ValueError("X holds no samples")

    def __len__(self):
        return len(self.X)

    def estimates(self, estimators, rows):
        """Return estimates of some samples by each estimator, as waveforms."""
        X = take(self.X, rows)
        return {
            name: components_as_waveforms(
                estimate(estimator, X), f"estimates of {name}"
            )
            for name, estimator in estimators.items()
        }

    def mixtures(self, rows, n_dims):
        """Return mixtures of some samples, of the shape of one component."""
        X = mixtures_as_waveforms(take(self.X, rows))
        return X[:, 0] if X.ndim == 3 and n_dims == 3 else X

    def truth(self, rows):
        """Return true components of some samples, None if they are unknown."""
        return None if self.y is None else components_as_waveforms(take(self.y, rows))

    def chunks(self, n_entries):
        """Yield slices of samples, each of which has so many entries."""
        return gen_batches(len(self), max(1, CHUNK_ENTRIES // n_entries))


def check_like(estimates, expected):
    """Raise a ValueError unless all estimates have the shape of components."""
    for name, values in estimates.items():
        if values.shape != expected:
            raise ValueError(
                f"the estimates of {name} have shape {values.shape}, expected "
                f"{expected}, that of the components"
            )


def evaluate(samples, estimators, sfreq, metrics):
    """Measure all estimates.

    Parameters
    ----------
    samples : Samples
        The samples.
    estimators : dict of str to estimator
        Fitted estimators by name.
    sfreq : float or None
        Sampling frequency in Hz.
    metrics : list of str or None
        Metrics that the user wants.

    Returns
    -------
    values : dict of (str, str) to dict of str to ndarray of shape (n_samples, n)
        Values of each metric by kind and name of the estimate. Without truth, the last
        of the n columns is that of the residual.
    notes : list of str
        Metrics that were left out.
    """
    first = samples.estimates(estimators, slice(0, 1))
    like = next(iter(first.values())) if samples.y is None else samples.truth([0])
    check_like(first, like.shape)
    if samples.y is None:
        if metrics is not None:
            raise ValueError("metrics need the true components, got y=None")
        keys, notes = None, []
    else:
        n_channels = like.shape[2] if like.ndim == 4 else None
        keys, notes = choose_metrics(metrics, sfreq, n_channels)
    parts = [
        _evaluate_chunk(samples, estimators, rows, keys, sfreq)
        for rows in samples.chunks(like.size)
    ]
    return {key: _joined([part[key] for part in parts]) for key in parts[0]}, notes


def _joined(parts):
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _evaluate_chunk(samples, estimators, rows, keys, sfreq):
    """Return values of one chunk by kind and name of the estimate."""
    found, truth = samples.estimates(estimators, rows), samples.truth(rows)
    n_dims = next(iter(found.values())).ndim
    mixtures = samples.mixtures(rows, n_dims)
    if truth is None:
        return {
            (ESTIMATOR, name): measure_without_truth(mixtures, values)
            for name, values in found.items()
        }
    check_like(found, truth.shape)
    candidates = {(ESTIMATOR, name): values for name, values in found.items()}
    candidates |= references(truth, mixtures)
    return {
        key: measure(keys, truth, values, sfreq) for key, values in candidates.items()
    }


def references(truth, mixtures):
    """Return the floors and the ceiling of estimates.

    Parameters
    ----------
    truth : ndarray of shape (n_samples, n_components, ...)
        True components.
    mixtures : ndarray of shape (n_samples, ...)
        Mixtures of the shape of one component.

    Returns
    -------
    estimates : dict of (str, str) to ndarray
        By kind and name.
    """
    return {
        (FLOOR, MIXTURE): np.broadcast_to(mixtures[:, np.newaxis], truth.shape),
        (FLOOR, ZERO): np.zeros(truth.shape),
        (CEILING, ORACLE): oracle_ratio_mask(truth, mixtures),
    }
