"""Mixtures from isolated recordings and the labels that say what they are."""

import numpy as np


def draw_mixtures(X, labels, rng):
    """Draw mixtures from isolated recordings.

    Every component's recordings are shuffled and, where it has fewer than another,
    used again; row n of the mixtures adds up the n-th recording of each.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...)
        Isolated recordings.
    labels : ndarray of shape (n_samples,)
        Which component each of them is.
    rng : RandomState
        Draws the order.

    Returns
    -------
    X : ndarray of shape (n_mixtures, ...)
        The mixtures, as many as the most frequent component has recordings.
    y : ndarray of shape (n_mixtures, n_components, ...)
        Their components.
    names : ndarray of shape (n_components,)
        The labels in sorted order, the order of the components.
    """
    names, counts = np.unique(labels, return_counts=True)
    rows = [np.flatnonzero(labels == name) for name in names]
    drawn = [np.resize(rng.permutation(r), counts.max()) for r in rows]
    y = np.stack([X[d] for d in drawn], axis=1)
    return y.sum(axis=1), y, names
