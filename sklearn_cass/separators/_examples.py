"""The rows to learn from, fetched and made into tensors a few at a time."""

import numpy as np
import torch

from ..checks import divided, floating, in_double, of_rank, powers_of_two

# Off a GPU, spectrograms are kept in a small part of memory alone: to make a batch's
# takes about a hundredth of a training step there.
ROOM = 2**27
ROWS_AT_A_TIME = 64


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

    Made anew from the user's arrays whenever they are asked for.

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
        # one level for the batch, whose rows may be mixed
        X, y, levels = self.levelled(rows)
        factors = (levels / levels.max()).float()
        X *= factors.reshape(of_rank(X)).to(X.device)
        y *= factors.reshape(of_rank(y)).to(y.device)
        return X, y

    def levelled(self, rows):
        """Mixtures and components divided by a power of two each row, and those."""
        X, y = self.examples.arrays(self.rows[rows.numpy()])
        # in double precision, for X and y may differ in theirs
        X, y = in_double(X), in_double(y)
        levels = np.maximum(of_rows(powers_of_two(X)), of_rows(powers_of_two(y)))
        X = self.domains.mixtures(divided(X, levels.reshape(of_rank(X))))
        y = self.domains.components(divided(y, levels.reshape(of_rank(y))))
        return single(X), single(y), torch.from_numpy(levels)


class KeptRows(TensorRows):
    """Tensor rows that were made once and stay on a device.

    Parameters
    ----------
    made : TensorRows
        The rows.
    device : torch.device
        Where to keep them.
    """

    def __init__(self, made, device):
        super().__init__(made.examples, made.domains, made.rows)
        X, y, levels = made.levelled(torch.arange(1))
        n_rows = len(made)
        self.X = X.new_empty(n_rows, *X.shape[1:], device=device)
        self.y = y.new_empty(n_rows, *y.shape[1:], device=device)
        self.levels = levels.new_empty(n_rows)
        for rows in torch.arange(n_rows).split(ROWS_AT_A_TIME):
            X, y, self.levels[rows] = made.levelled(rows)
            self.X[rows], self.y[rows] = X.to(device), y.to(device)

    def levelled(self, rows):
        there = rows.to(self.X.device)
        return self.X[there], self.y[there], self.levels[rows]


def training_rows(examples, domains, rows, device):
    """Tensors of some rows, kept on the device where there is room for them."""
    made = TensorRows(examples, domains, rows)
    X, y, _ = made.levelled(torch.arange(1))
    n_bytes = len(made) * (X.nbytes + y.nbytes)
    return KeptRows(made, device) if n_bytes <= room_on(device) else made


def room_on(device):
    """Bytes that the rows may take; where they do not fit they are made anew."""
    if device.type != "cuda":
        return ROOM
    free, _ = torch.cuda.mem_get_info(device)
    return free // 4


def of_rows(values):
    """One value for each row, without the axes of length one."""
    return values.reshape(len(values))


def single(tensor):
    """The tensor in single precision, which networks compute in."""
    return tensor.to(torch.complex64 if tensor.is_complex() else torch.float32)
