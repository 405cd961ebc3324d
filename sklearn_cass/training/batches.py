"""Batches of training rows, and sampling within a batch."""

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
