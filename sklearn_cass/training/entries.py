"""Batches in which some components of some rows are not known."""

import torch


def known_entries(Y):
    """Return which components (n, K, C, H, W) are known, (n, K): others are NaN."""
    return ~Y[:, :, 0, 0, 0].isnan()


def with_unknown(Y, known, value):
    """Return components with one value throughout those that are not known."""
    return torch.where(known[:, :, None, None, None], Y, value)


class Entries:
    """Known components of a batch, and weights with which losses are means over them.

    Parameters
    ----------
    known : tensor of shape (n, K)
        Which components of the whole batch are known.
    share : WholeBatch
        The share of this process, whose rows the attributes hold.

    Attributes
    ----------
    counts : dict of tensor
        Of how many rows of the whole batch each loss is the mean.
    known : tensor of shape (n, K)
        Which components are known.
    weights : tensor of shape (n, K)
        Weights of the rows' losses: their weighted mean over the batch is the mean over
        the rows in which component k is known; 0 if there are none.
    sum_weights : tensor of shape (n,)
        Likewise for the rows in which a component is not known.
    mixture : tensor of shape (n, channels, H, W) or None
        What the sum of all components is to give; None if their channels differ.
    """

    mixture = None

    def __init__(self, known, share):
        incomplete = ~known.all(1)
        self.counts = {
            "reconstruction_loss": known.float().sum(0),
            "sum_loss": incomplete.float().sum().unsqueeze(0),
        }
        self.known = share.rows(known)
        self.weights = share.rows(weights_of(known))
        self.sum_weights = share.rows(weights_of(incomplete))

    def expect_sum(self, mixture, targets):
        """Set the maps of mixtures as what the components' sum is to give."""
        if all(target.shape == mixture.shape for target in targets):
            self.mixture = mixture

    @property
    def columns(self):
        """Which rows of each component's maps are known, one of shape (n, 1, 1, 1)."""
        return [known[:, None, None, None] for known in self.known.unbind(1)]

    def filled(self, targets, estimates):
        """Return true maps, with estimates, whose weights are 0, for unknown ones.

        Zeros would change the statistics of a normalization over the batch.
        """
        return list(map(torch.where, self.columns, targets, estimates))

    def sums(self, targets, leaves):
        """Return, for each component, sums of all as functions of its estimates alone.

        Known components stand in for their estimates.
        """
        total = sum(self.filled(targets, [leaf.detach() for leaf in leaves]))
        return [
            # the value is that of the total, to the last bit
            total + torch.where(is_known, 0, leaf - leaf.detach())
            for is_known, leaf in zip(self.columns, leaves, strict=True)
        ]


def weights_of(chosen):
    """Return weights of rows, (n, ...): a mean with them is that of the chosen rows."""
    return chosen * (len(chosen) / chosen.sum(0).clamp_min(1))
