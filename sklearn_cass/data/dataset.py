"""Training samples: arrays of mixtures and components, and datasets of tensors."""

import numpy as np
import torch

from ..numeric import (
    conversion_device,
    divide,
    expand_rows,
    floating,
    in_double,
    powers_of_two,
    sent,
)
from .domains import single

# Bytes of spectrograms to keep in memory on a CPU, where computing those of a batch
# takes about a hundredth of a training step.
CACHE_BYTES = 2**27
ROWS_AT_A_TIME = 64


class Samples:
    """Mixtures with their components, in the user's arrays.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...)
        Mixtures.
    y : ndarray of shape (n_samples, n_components, ...)
        Their components.
    names : ndarray of shape (n_components,), default=None
        Names of the components.
    known : ndarray of shape (n_samples, n_components), default=None
        Which components are known; None if all are.

    Attributes
    ----------
    component_names : ndarray of shape (n_components,)
        The names given, or 0, 1, ...
    """

    def __init__(self, X, y, names=None, known=None):
        self.X, self.y, self.known = X, y, known
        self.component_names = names
        if names is None and y.ndim > 1:
            self.component_names = np.arange(y.shape[1])

    def __len__(self):
        return len(self.X)

    def arrays(self, rows):
        """Return mixtures and components of some rows.

        Components that are not known are zeros, as silent ones are: what measures them
        leaves both out.
        """
        X, y = self.X[rows], self.y[rows]
        if self.known is not None:
            y = y.copy()
            y[~self.known[rows]] = 0
        return X, y


class MixedSamples:
    """Mixtures of isolated recordings, drawn by the labels of their components.

    The recordings of each component are shuffled and, where it has fewer than another,
    repeated; row n of the mixtures is the sum of the n-th recording of each.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...)
        Isolated recordings.
    labels : ndarray of shape (n_samples,)
        Component of each recording.
    rng : RandomState
        Draws the order.

    Attributes
    ----------
    component_names : ndarray of shape (n_components,)
        The labels in sorted order, the order of the components.
    """

    known = None  # all are

    def __init__(self, X, labels, rng):
        self.X = X
        self.component_names, counts = np.unique(labels, return_counts=True)
        rows = [np.flatnonzero(labels == name) for name in self.component_names]
        drawn = [np.resize(rng.permutation(r), counts.max()) for r in rows]
        self.recordings = np.stack(drawn, axis=1)  # (n_mixtures, n_components)

    def __len__(self):
        return len(self.recordings)

    def arrays(self, rows):
        """Return mixtures and components of some rows."""
        drawn = floating(self.X[self.recordings[rows]])
        return drawn.sum(axis=1), as_waveforms(drawn)


def complete_rows(samples):
    """Return the rows of samples whose components are all known."""
    if samples.known is None:
        return np.arange(len(samples))
    return np.flatnonzero(samples.known.all(axis=1))


def labelled_rows(samples, rows):
    """Return those of some rows of samples of which a component is known."""
    return rows if samples.known is None else rows[samples.known[rows].any(axis=1)]


def as_waveforms(X):
    """Invert recordings that an STFTTransformer transformed; return others as they are.

    In a Pipeline, labels belong to waveforms, and so must the estimates.
    """
    stft = getattr(X, "stft", None)
    return np.asarray(X) if stft is None else stft.inverse_transform(X)


class TensorDataset(torch.utils.data.Dataset):
    """Some samples as single-precision tensors; recomputed from the arrays each time.

    Components that are not known are NaN in the tensors.

    Parameters
    ----------
    samples : Samples or MixedSamples
        The samples.
    domains : Domains
        Converts arrays to tensors.
    rows : ndarray of shape (n_rows,)
        Indices of the samples in the dataset.
    device : torch.device, default="cpu"
        Where to transform waveforms.
    """

    def __init__(self, samples, domains, rows, device="cpu"):
        self.samples, self.domains, self.rows = samples, domains, rows
        self.device = device

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, rows):
        # one scale for the batch, whose rows may be mixed
        X, y, powers = self.scaled(rows)
        factors = (powers / powers.max()).float()
        X *= sent(expand_rows(factors, X), X.device)
        y *= sent(expand_rows(factors, y), y.device)
        return X, y

    def scaled(self, rows):
        """Return mixtures and components divided by a power of two each, and those."""
        rows = self.rows[rows.numpy()]
        X, y = self.samples.arrays(rows)
        # in double precision, because X and y may differ in theirs
        X, y = in_double(X), in_double(y)
        powers = np.maximum(powers_of_two(X).ravel(), powers_of_two(y).ravel())
        X, y = (divide(array, expand_rows(powers, array)) for array in (X, y))
        X = single(self.domains.mixtures_to_tensor(X, device=self.device))
        y = single(self.domains.components_to_tensor(y, self.device))
        if self.samples.known is not None:
            y[torch.from_numpy(~self.samples.known[rows])] = torch.nan
        return X, y, torch.from_numpy(powers)


class CachedTensorDataset(TensorDataset):
    """Samples as tensors that are computed once and kept on a device.

    Parameters
    ----------
    dataset : TensorDataset
        The samples.
    device : torch.device
        Where to keep them.
    """

    def __init__(self, dataset, device):
        super().__init__(dataset.samples, dataset.domains, dataset.rows, device)
        X, y, powers = dataset.scaled(torch.arange(1))
        n_rows = len(dataset)
        self.X = X.new_empty(n_rows, *X.shape[1:], device=device)
        self.y = y.new_empty(n_rows, *y.shape[1:], device=device)
        self.powers = powers.new_empty(n_rows)
        for rows in torch.arange(n_rows).split(ROWS_AT_A_TIME):
            X, y, self.powers[rows] = dataset.scaled(rows)
            self.X[rows.to(device)] = X.to(device)
            self.y[rows.to(device)] = y.to(device)

    def scaled(self, rows):
        index = sent(rows, self.X.device)
        return self.X[index], self.y[index], self.powers[rows]


class ExchangedDataset(TensorDataset):
    """Samples of several processes: each converts some rows of a batch for all.

    Parameters
    ----------
    dataset : TensorDataset
        The samples of this process: those of all processes, of which it converts its
        part, or its own.
    places : ndarray of shape (n_rows,), default=None
        The row in ``dataset`` of each sample of all processes, -1 for those of others.
        None: every process has all samples.
    ranks : Ranks
        The processes.
    device : torch.device
        Where tensors are exchanged.
    """

    def __init__(self, dataset, places, ranks, device):
        super().__init__(dataset.samples, dataset.domains, dataset.rows, device)
        self.dataset, self.ranks = dataset, ranks
        self.places = None if places is None else torch.from_numpy(places)
        self.example = dataset.scaled(torch.arange(1))

    def __len__(self):
        return len(self.rows if self.places is None else self.places)

    def scaled(self, rows):
        mine, places = self.mine(rows)
        found = self.dataset.scaled(places) if len(mine) else [None] * 3
        parts = zip(found, self.example, strict=True)
        return tuple(self.exchange(*part, mine, len(rows)) for part in parts)

    def mine(self, rows):
        """Return which rows of a batch are this process's, and where it has them."""
        if self.places is None:
            order = torch.arange(len(rows))
            mine = order.tensor_split(self.ranks.size)[self.ranks.rank]
            return mine, rows[mine]
        places = self.places[rows]
        mine = torch.nonzero(places >= 0).flatten()
        return mine, places[mine]

    def exchange(self, part, example, mine, n_rows):
        """Return the rows of all processes, of which this one has a part."""
        whole = example.new_zeros(n_rows, *example.shape[1:], device=self.device)
        if len(mine):
            whole[sent(mine, self.device)] = sent(part, self.device)
        return self.ranks.add_up(whole)


def tensor_dataset(samples, domains, rows, device):
    """Return a dataset of some samples, cached on the device if it is small enough."""
    dataset = TensorDataset(samples, domains, rows, conversion_device(device))
    X, y, _ = dataset.scaled(torch.arange(1))
    n_bytes = len(dataset) * (X.nbytes + y.nbytes)
    is_small = n_bytes <= cache_bytes(device)
    return CachedTensorDataset(dataset, device) if is_small else dataset


def exchanged_dataset(dataset, rows, numbers, device):
    """Return such a dataset for several processes.

    Parameters
    ----------
    dataset : TensorDataset
        The samples of this process.
    rows : ndarray of shape (n_rows,)
        The samples to learn from, by their numbers among those of all processes.
    numbers : RankRows
        What those numbers are.
    device : torch.device
        Where tensors are exchanged.
    """
    ranks = numbers.ranks
    if ranks.has_same_data:
        is_cached = isinstance(dataset, CachedTensorDataset)
        is_whole = ranks.size == 1 or is_cached
        return dataset if is_whole else ExchangedDataset(dataset, None, ranks, device)
    is_own = numbers.places(rows) >= 0
    places = np.where(is_own, np.cumsum(is_own) - 1, -1)
    return ExchangedDataset(dataset, places, ranks, device)


def cache_bytes(device):
    """Return how many bytes of tensors may be kept on the device."""
    if device.type != "cuda":
        return CACHE_BYTES
    free, _ = torch.cuda.mem_get_info(device)
    return free // 4
