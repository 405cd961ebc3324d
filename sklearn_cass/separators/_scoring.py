"""The score of estimates, a few rows at a time."""

import numpy as np

from ..metrics import _mean, sdr
from ._examples import recordings


def mean_sdr_of(separator, X, y):
    """Mean SDR of the estimates of validated mixtures; y may hold labels.

    No more rows are in memory than are separated at a time.
    """
    if y.ndim == 1:
        y = component_index(separator, y)
    else:
        check_components_shape(separator, y)
    chunks = separator._chunks(len(X))
    return _mean(np.concatenate([ratios(separator, X[n], y[n]) for n in chunks]))


def ratios(separator, X, y):
    """SDR of some rows' estimates, (n, n_components); of one where y is an index."""
    estimates = separator._transform_chunk(X)
    if y.ndim > 1:
        return sdr(y, estimates)
    own = estimates[np.arange(len(X)), y, np.newaxis]
    return sdr(recordings(X)[:, np.newaxis], own)


def check_components_shape(separator, y):
    """Refuse what is of another shape than the estimates."""
    wanted = (separator.n_components_, *separator.domains_.y_shape)
    if y.shape[1:] != wanted:
        raise ValueError(
            "y must hold components of shape (n_samples, "
            f"{', '.join(map(str, wanted))}), got shape {y.shape}"
        )


def component_index(separator, labels):
    """Which component each label is."""
    known = {name: k for k, name in enumerate(separator.component_names_.tolist())}
    unknown = sorted(set(labels.tolist()) - set(known))
    if unknown:
        raise ValueError(
            f"y holds the labels {unknown}, but the components are {list(known)}"
        )
    return np.array([known[label] for label in labels.tolist()])
