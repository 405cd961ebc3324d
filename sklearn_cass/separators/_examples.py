"""The rows to learn from, fetched and made into tensors a few at a time."""

import numpy as np
import torch

from ..checks import divided, floating, in_double, powers_of_two


class Examples:
    """Mixtures with their components, as the user's arrays hold them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...)
        Mixtures.
    y : ndarray of shape (n_samples, n_components, ...)
        Their components.
    """

    def __init__(self, X, y):
        self.X, self.y = X, y
        self.names = np.arange(y.shape[1]) if y.ndim > 1 else None

    def __len__(self):
        return len(self.X)

    def arrays(self, rows):
        """Mixtures and components of some rows."""
        return self.X[rows], self.y[rows]


class DrawnExamples:
    """Mixtures drawn from isolated recordings and the labels that say what they are.

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

    Attributes
    ----------
    names : ndarray of shape (n_components,)
        The labels in sorted order, the order of the components.
    """

    def __init__(self, X, labels, rng):
        self.X = X
        self.names, counts = np.unique(labels, return_counts=True)
        rows = [np.flatnonzero(labels == name) for name in self.names]
        drawn = [np.resize(rng.permutation(r), counts.max()) for r in rows]
        self.table = np.stack(drawn, axis=1)  # (n_mixtures, n_components)

    def __len__(self):
        return len(self.table)

    def arrays(self, rows):
        """Mixtures and components of some rows."""
        drawn = floating(self.X[self.table[rows]])
        return drawn.sum(axis=1), recordings(drawn)


def recordings(X):
    """Recordings as the user has them: waveforms where a Spectrogram was made of them.

    In a Pipeline the labels belong to waveforms, and estimates are to come back so.
    """
    stft = getattr(X, "stft", None)
    return np.asarray(X) if stft is None else stft.inverse_transform(X)


class TensorRows(torch.utils.data.Dataset):
    """Some rows of the examples as the single-precision tensors that nets train on.

    Parameters
    ----------
    examples : Examples or DrawnExamples
        The examples.
    domains : Domains
        Takes arrays to tensors.
    rows : ndarray of shape (n_rows,)
        Which of the examples.
    """

    def __init__(self, examples, domains, rows):
        self.examples, self.domains, self.rows = examples, domains, rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, rows):
        X, y = self.examples.arrays(self.rows[rows.numpy()])
        # in double precision, for X and y may differ in theirs; one scale for the
        # batch, whose rows may be mixed
        X, y = in_double(X), in_double(y)
        scale = max(powers_of_two(X[None]).item(), powers_of_two(y[None]).item())
        X = self.domains.mixtures(divided(X, scale))
        y = self.domains.components(divided(y, scale))
        return single(X), single(y)


def single(tensor):
    """The tensor in single precision, which networks compute in."""
    return tensor.to(torch.complex64 if tensor.is_complex() else torch.float32)
