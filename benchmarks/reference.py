"""Plain training loop of CASS, with which the package's is compared.

The networks are the package's. Each discriminator, then each autoencoder, computes all
that its step needs in single precision: the estimates, and discriminator outputs of the
true component, its own estimate and each other. Each has an optimizer of its own.
"""

import copy

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, Sampler, TensorDataset

from sklearn_cass.data import single


class PlainCASS:
    """K autoencoders and K discriminators, trained by Eq. (7) and (9).

    Parameters
    ----------
    autoencoders : sequence of nn.Module
        The pairs.
    discriminators : sequence of nn.Module or None
        The discriminators; None trains on reconstruction alone.
    alpha, beta : float
        Weights of the reconstruction and the adversarial term, Eq. (7).
    cross_weights : array-like of shape (n_components, n_components)
        Entry [i, j] weighs D_i's rejection of AE_j's estimate, Eq. (9).
    lr, discriminator_lr : float
        Learning rates.
    optimizer : type
        Class of all optimizers.
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
        """Train on all batches, lists of mixtures and their K components."""
        for mixture, *targets in loader:
            self.step(mixture, targets)

    def step(self, mixture, targets):
        """Update every discriminator, then every autoencoder."""
        for i in range(len(self.discriminator_optimizers)):
            self.discriminator_step(i, mixture, targets[i])
        for i in range(len(self.autoencoders)):
            self.autoencoder_step(i, mixture, targets[i])

    def discriminator_step(self, i, mixture, target):
        """Update D_i by Eq. (9)."""
        logits, optimizer = self.discriminators[i], self.discriminator_optimizers[i]
        with torch.no_grad():
            estimate = self.autoencoders[i](mixture)
            others = {j: self.autoencoders[j](mixture) for j in self.others_of(i)}
        loss = cross_entropy(logits(target), 1) + cross_entropy(logits(estimate), 0)
        for j, other in others.items():
            loss = loss + self.cross_weights[i][j] * cross_entropy(logits(other), 0)
        update(optimizer, loss)

    def others_of(self, i):
        """Return the components whose estimates D_i rejects."""
        weights = enumerate(self.cross_weights[i])
        return [j for j, weight in weights if weight and j != i]

    def autoencoder_step(self, i, mixture, target):
        """Update AE_i by Eq. (7)."""
        estimate = self.autoencoders[i](mixture)
        loss = self.alpha * F.mse_loss(estimate, target)
        if self.discriminators is not None:
            accepted = cross_entropy(self.discriminators[i](estimate), 1)
            loss = loss + self.beta * accepted
        update(self.optimizers[i], loss)


def cross_entropy(logits, label):
    """Return BCE(D(x), label)."""
    labels = torch.full_like(logits, label)
    return F.binary_cross_entropy_with_logits(logits, labels)


def update(optimizer, loss):
    """Take a gradient step."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def reference_of(net, **settings):
    """Return a reference with the initial weights and the settings of a CASSNet."""
    initial = copy.deepcopy(net).initialize()  # weights as its seed draws them
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
    """Return a module with weights in torch's default memory format."""
    return module and module.to(memory_format=torch.contiguous_format)


class Order(Sampler):
    """Order of rows in each epoch, that of a net."""

    def __init__(self, net, n_rows):
        self.n_rows = n_rows
        self.generator = torch.Generator().manual_seed(net.seed + 2)

    def __len__(self):
        return self.n_rows

    def __iter__(self):
        return iter(torch.randperm(self.n_rows, generator=self.generator).tolist())


def batches_of(separator, X, y):
    """Return a DataLoader of the rows as spectrograms, computed once.

    Batches are those of the separator's training: the order matters more to errors
    after a few epochs than all else.
    """
    net, domains = separator.net_, separator.domains_
    Z, Y = domains.mixtures_to_tensor(X), domains.components_to_tensor(y)
    mixtures, components = net.maps(single(Z), single(Y))
    dataset = TensorDataset(*(m.contiguous() for m in (mixtures, *components)))
    return DataLoader(dataset, net.batch_size, sampler=Order(net, len(dataset)))
