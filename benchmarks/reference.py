"""CASS trained as a textbook would write it: what the package's training is held to.

The networks are the package's own. One player after the other computes all that its
step needs, in single precision: estimates, and a discriminator pass for each of the
true component, its own estimate and every other. Each has an optimizer of its own.
"""

import copy

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from sklearn_cass.separators._examples import single


class PlainCASS:
    """K autoencoders and K discriminators, trained by Eq. (7) and (9).

    Parameters
    ----------
    autoencoders : sequence of nn.Module
        The pairs.
    discriminators : sequence of nn.Module or None
        Their discriminators; None trains on reconstruction alone.
    alpha, beta : float
        Weights of reconstruction and adversarial term, Eq. (7).
    cross_weights : array-like of shape (n_components, n_components)
        Entry [i, j] weighs D_i's rejection of AE_j's estimate, Eq. (9).
    lr, discriminator_lr : float
        Learning rates.
    optimizer : type
        Of every player.
    """

    def __init__(
        self,
        autoencoders,
        discriminators,
        *,
        alpha,
        beta,
        cross_weights,
        lr,
        discriminator_lr,
        optimizer=torch.optim.Adam,
    ):
        self.autoencoders = autoencoders.train()
        self.optimizers = [optimizer(a.parameters(), lr=lr) for a in autoencoders]
        self.discriminators = discriminators
        self.discriminator_optimizers = [
            optimizer(d.parameters(), lr=discriminator_lr) for d in discriminators or []
        ]
        self.alpha, self.beta, self.cross_weights = alpha, beta, cross_weights

    def train_epoch(self, loader):
        """One pass over the batches: lists of a mixture and its K components."""
        for mixture, *targets in loader:
            self.step(mixture, targets)

    def step(self, mixture, targets):
        """Every discriminator's step, then every autoencoder's."""
        for i in range(len(self.discriminator_optimizers)):
            self.discriminator_step(i, mixture, targets[i])
        for i in range(len(self.autoencoders)):
            self.autoencoder_step(i, mixture, targets[i])

    def discriminator_step(self, i, mixture, target):
        """Eq. (9) for D_i."""
        judge, optimizer = self.discriminators[i], self.discriminator_optimizers[i]
        with torch.no_grad():
            estimate = self.autoencoders[i](mixture)
            others = {j: self.autoencoders[j](mixture) for j in self.others_of(i)}
        loss = cross_entropy(judge(target), 1) + cross_entropy(judge(estimate), 0)
        for j, other in others.items():
            loss = loss + self.cross_weights[i][j] * cross_entropy(judge(other), 0)
        update(optimizer, loss)

    def others_of(self, i):
        """The components whose estimates D_i rejects."""
        weights = enumerate(self.cross_weights[i])
        return [j for j, weight in weights if weight and j != i]

    def autoencoder_step(self, i, mixture, target):
        """Eq. (7) for AE_i."""
        estimate = self.autoencoders[i](mixture)
        loss = self.alpha * F.mse_loss(estimate, target)
        if self.discriminators is not None:
            accepted = cross_entropy(self.discriminators[i](estimate), 1)
            loss = loss + self.beta * accepted
        update(self.optimizers[i], loss)


def cross_entropy(logits, label):
    """BCE(D(x), label)."""
    labels = torch.full_like(logits, label)
    return F.binary_cross_entropy_with_logits(logits, labels)


def update(optimizer, loss):
    """One gradient step."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def reference_of(net, **settings):
    """A reference with the initial weights and the settings of a CASSNet."""
    initial = copy.deepcopy(net).initialize()  # the weights that its seed draws
    return PlainCASS(
        contiguous(initial.module_),
        contiguous(getattr(initial, "discriminators_", None)),
        alpha=net.alpha,
        beta=net.beta,
        cross_weights=net.cross_weights,
        lr=net.lr,
        discriminator_lr=net.discriminator_lr,
        **settings,
    )


def contiguous(module):
    """A module whose weights lie as torch makes them."""
    return module and module.to(memory_format=torch.contiguous_format)


def batches_of(separator, X, y, seed):
    """The rows as spectrograms, made once, in a torch DataLoader."""
    net, domains = separator.net_, separator.domains_
    tensors = (single(domains.mixtures(X)), single(domains.components(y)))
    mixtures, components = net.maps(*tensors)
    dataset = TensorDataset(*(m.contiguous() for m in (mixtures, *components)))
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(dataset, net.batch_size, shuffle=True, generator=generator)
