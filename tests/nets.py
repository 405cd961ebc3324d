"""Small nets of three components, without a separator around them."""

import numpy as np
import torch

from sklearn_cass.nn import Autoencoders, Discriminators, MapShape, ResNet9
from sklearn_cass.training import CASSNet

NETWORK = ResNet9(n_filters=2, n_latent=3, dilation=1, discriminator_scale=1)
K = 3


def prefixed(prefix, settings):
    return {f"{prefix}__{name}": value for name, value in settings.items()}


def make_net(adversarial=True, **settings):
    shape = MapShape(1, 1, n_freqs=9, n_frames=5, is_complex=True)
    parts = {"n_components": K, "shape": shape, "network": NETWORK}
    settings = {"batch_size": 4, "max_epochs": 1, "verbose": 0} | settings
    settings |= prefixed("module", parts)
    if adversarial:
        settings |= {"alpha": 0.9, "beta": 0.1, "discriminators": Discriminators}
        settings |= prefixed("discriminators", parts)
    return CASSNet(Autoencoders, **settings).initialize()


def make_rows(n=10, seed=0):
    rng = np.random.default_rng(seed)
    Y = rng.normal(size=(n, K, 1, 9, 5)) + 1j * rng.normal(size=(n, K, 1, 9, 5))
    Y = torch.tensor(Y.astype(np.complex64))
    return Y.sum(1), Y


class Rows:
    """Count the rows of maps that each module of a list takes."""

    def __init__(self, modules):
        self.counts = [0] * len(modules)
        for k, module in enumerate(modules):
            module.register_forward_hook(self.counter(k))

    def counter(self, k):
        def count(module, args, output):
            self.counts[k] += len(args[0])

        return count
