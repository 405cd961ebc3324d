"""Subsamples of frames or time points, for estimators that cannot use all the data."""

import numpy as np
import torch
from sklearn.utils import gen_batches
from sklearn.utils.random import sample_without_replacement

from ..numeric import to_unit_level
from .dataset import ROWS_AT_A_TIME, TensorDataset


def subsample(samples, domains, n_places, limit, rng):
    """Yield the samples in which places were drawn, at their mixtures' unit level.

    At most ``limit`` of the ``n_places`` places in each row are drawn, all with the
    same probability.

    Parameters
    ----------
    samples : Samples or MixedSamples
        The samples.
    domains : Domains
        Converts arrays to tensors.
    n_places : int
        Places, such as frames, in each row.
    limit : int
        Largest number of places to draw.
    rng : RandomState
        Draws the places.

    Yields
    ------
    X : tensor of shape (n, C, H, W)
        Mixtures.
    y : tensor of shape (n, K, C_y, H, W)
        Their components.
    indices : tuple of two ndarrays of shape (n_drawn,)
        For each place drawn in them, the index of the row and that of the place.
    """
    n_all = len(samples) * n_places
    n_drawn = min(n_all, limit)
    drawn = np.sort(sample_without_replacement(n_all, n_drawn, random_state=rng))
    rows, places = np.divmod(drawn, n_places)
    used, index = np.unique(rows, return_inverse=True)
    dataset = TensorDataset(samples, domains, used)
    for part in gen_batches(len(used), ROWS_AT_A_TIME):
        X, y, _ = dataset.scaled(torch.arange(part.start, part.stop))
        inside = (index >= part.start) & (index < part.stop)
        X, y, _ = to_unit_level(X, y)
        yield X, y, (index[inside] - part.start, places[inside])


def channel_products(X, total):
    """Return products of channels, (m, C), with each other and with a signal, (m,)."""
    adjoint = X.conj().T
    return np.stack([*(adjoint @ X).real, (adjoint @ total).real])


def channel_weights(products):
    """Return the weights (C,) with which mixtures' channels add up to components.

    Least squares, from the sum of their :func:`channel_products`.
    """
    return np.linalg.pinv(products[:-1], rcond=1e-10, hermitian=True) @ products[-1]
