"""Batches of training rows, dynamic mixing, and sampling within a batch."""

import torch


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
        return torch.randperm(n, generator=generator)[:n_new].to(parts.device)

    new = draw()
    drawn = torch.stack([part[draw()] for part in parts.unbind(1)], 1)
    X, Y = X.index_copy(0, new, drawn.sum(1)), Y.index_copy(0, new, drawn[:, :-1])
    return X, Y


def sample_one_per_row(maps, weights, generator):
    """Sample, for each row, one of K maps (n, ...) in proportion to the K weights.

    The mean over rows of a loss, times the sum of the weights, is on average the
    weighted sum of its means over each of the maps.
    """
    weights = torch.tensor(weights, dtype=torch.float64)
    drawn = torch.multinomial(weights, len(maps[0]), True, generator=generator)
    return torch.cat([maps[j][row, None] for row, j in enumerate(drawn.tolist())])
