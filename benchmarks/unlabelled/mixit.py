"""Mixture-invariant training, of Wisdom et al. (NeurIPS 2020, arXiv:2006.12701).

Networks separate the sum of two mixtures, and each of their estimates is assigned to
the mixture to which it belongs best: Eq. (2) there. Rows with known components are
learned beside them.
"""

from itertools import product

import torch

from sklearn_cass import AESeparator
from sklearn_cass.training import CASSNet
from sklearn_cass.training.entries import known_entries


class MixtureInvariantNet(CASSNet):
    """Net of autoencoder pairs that also learns from sums of two mixtures."""

    def step(self, X, Y, *drawn, batch=None):
        """Update the autoencoders on known components and on sums of mixtures."""
        known = known_entries(Y).all(1)
        self.optimizer_.zero_grad()
        of_known = torch.zeros(len(self.module_))
        if known.any():
            of_known = self.supervised(X[known], Y[known])
        if (~known).sum() > 1:
            of_known.sum().add(self.invariant(X[~known])).backward()
        else:
            of_known.sum().backward()
        self.optimizer_.step()
        return {"reconstruction_loss": of_known.detach()}

    def supervised(self, X, Y):
        """Return the loss of each component where all are known."""
        mixture, targets = self.unit_maps(X, Y)
        terms = map(self.reconstruction_loss, self.estimates(mixture), targets)
        return torch.stack(list(terms))

    def invariant(self, X):
        """Return the loss of the best assignment of estimates to two mixtures."""
        n = len(X) // 2 * 2
        scale = X[:n].abs().square().mean((1, 2, 3), keepdim=True).sqrt()
        pairs = (X[:n] / scale).unflatten(0, (2, -1)).transpose(0, 1)  # (n / 2, 2, ...)
        mixture, targets = self.unit_maps(pairs.sum(1), pairs)
        estimates = torch.stack(self.estimates(mixture), 1)
        truth = torch.stack(targets, 1)
        losses = [
            self.assigned_losses(estimates, truth, torch.tensor(choice))
            for choice in product([0, 1], repeat=estimates.shape[1])
        ]
        return torch.stack(losses).amin(0).mean()

    def assigned_losses(self, estimates, truth, choice):
        """Return each row's loss with estimates assigned to the mixtures."""
        weights = torch.stack([1 - choice, choice]).to(estimates.dtype)
        sums = torch.einsum("mk,nkchw->nmchw", weights, estimates)
        error = (sums - truth).square().mean((2, 3, 4))
        limit = 1e-3 * truth.square().mean((2, 3, 4))
        return (10 * torch.log10(1 + error / limit)).sum(1)


class MixtureInvariantSeparator(AESeparator):
    """Separator that is trained so; y has twice the components of a mixture."""

    _net_class = MixtureInvariantNet
