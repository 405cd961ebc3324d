"""Places drawn from the rows to learn from, for what cannot take them all."""

import numpy as np
import torch
from sklearn.utils import gen_batches
from sklearn.utils.random import sample_without_replacement

from ..nn import divisor, level
from ._examples import ROWS_AT_A_TIME, TensorRows


def drawn_rows(examples, domains, n_places, limit, rng):
    """Rows in which places were drawn, some at a time, at their mixtures' unit level.

    At most ``limit`` of the ``n_places`` places in every row are drawn, each with the
    same chance.

    Yields
    ------
    X : tensor of shape (n, C, H, W)
        Mixtures.
    y : tensor of shape (n, K, C_y, H, W)
        Their components.
    at : tuple of two ndarrays of shape (n_drawn,)
        For each place drawn in them, the index of the row and that of the place.
    """
    n_all = len(examples) * n_places
    n_drawn = min(n_all, limit)
    drawn = np.sort(sample_without_replacement(n_all, n_drawn, random_state=rng))
    rows, places = np.divmod(drawn, n_places)
    wanted, index = np.unique(rows, return_inverse=True)
    made = TensorRows(examples, domains, wanted)
    for part in gen_batches(len(wanted), ROWS_AT_A_TIME):
        X, y, _ = made.levelled(torch.arange(part.start, part.stop))
        inside = (index >= part.start) & (index < part.stop)
        scale = divisor(level(X))
        at = index[inside] - part.start, places[inside]
        yield X / scale, y / scale.unsqueeze(1), at


def channel_products(X, total):
    """Of a mixture's channels, (m, C), with each other and with one signal, (m,)."""
    adjoint = X.conj().T
    return np.stack([*(adjoint @ X).real, (adjoint @ total).real])


def channel_weights(products):
    """Weights (C,) with which the channels of mixtures add up to their components.

    Least squares, from the sum of their :func:`channel_products`.
    """
    return np.linalg.pinv(products[:-1], rcond=1e-10, hermitian=True) @ products[-1]
