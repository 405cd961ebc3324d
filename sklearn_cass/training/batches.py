"""Batches of training rows, dynamic mixing, and sampling within a batch."""

import torch

from ..numeric import sent


class Batches:
    """Batches of a dataset of tensors, in a new random order at each iteration.

    Parameters
    ----------
    dataset : TensorDataset
        The rows.
    batch_size : int
        Rows in a batch; the last may have fewer.
    generator : torch.Generator
        Draws the order.
    """

    def __init__(self, dataset, batch_size, generator):
        self.dataset, self.batch_size, self.generator = dataset, batch_size, generator

    def __len__(self):
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self):
        order = torch.randperm(len(self.dataset), generator=self.generator)
        for rows in order.split(min(self.batch_size, len(order))):
            yield self.dataset[rows]


def remix(X, Y, share, generator):
    """Draw a share of the mixtures anew from the components in the batch.

    Each part of a new mixture, the K components and the residual ``X - sum(Y)``,
    is drawn from a row of its own (dynamic mixing). Where components lack the channels
    of mixtures, nothing is changed.
    """
    if Y.shape[2] != X.shape[1]:
        return X, Y
    parts = torch.cat([Y, (X - Y.sum(1)).unsqueeze(1)], 1)  # (n, K + 1, C, H, W)
    n = len(parts)
    n_new = round(share * n)

    def draw():
        return sent(torch.randperm(n, generator=generator)[:n_new], parts.device)

    new = draw()
    drawn = torch.stack([part[draw()] for part in parts.unbind(1)], 1)
    X, Y = X.index_copy(0, new, drawn.sum(1)), Y.index_copy(0, new, drawn[:, :-1])
    return X, Y


def draw_one_per_row(weights, n_rows, generator):
    """Draw, for each row, one of K maps in proportion to K weights: (n_rows,).

    The mean over rows of a loss of the drawn maps, times the sum of the weights, is on
    average the weighted sum of its means over each of the maps.
    """
    weights = torch.tensor(weights, dtype=torch.float64)
    return torch.multinomial(weights, n_rows, True, generator=generator)


def take_one_per_row(maps, drawn):
    """Return each row of one of K maps (n, C, H, W), as drawn."""
    rows = torch.arange(len(drawn), device=drawn.device)
    taken = torch.stack(maps)[drawn, rows]
    return taken.contiguous(memory_format=torch.channels_last)
