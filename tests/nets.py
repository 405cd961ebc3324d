"""Small nets of three components, without a separator around them."""

import numpy as np
import torch

from sklearn_cass.net import CASSNet
from sklearn_cass.nn import (
    Autoencoders,
    Decoder,
    Discriminator,
    Discriminators,
    Encoder,
    MapShape,
)

SIZE = {"n_filters": 2, "n_latent": 3}
K = 3


def prefixed(prefix, settings):
    return {f"{prefix}__{name}": value for name, value in settings.items()}


def make_net(adversarial=True, **settings):
    common = {"n_components": K, "shape": MapShape(1, 1, True), **SIZE}
    module = common | {
        "encoder": Encoder,
        "decoder": Decoder,
        "skip_connections": True,
        "output": "direct",
    }
    settings = {"batch_size": 4, "max_epochs": 1, "verbose": 0} | settings
    settings |= prefixed("module", module)
    if adversarial:
        parts = common | {"discriminator": Discriminator}
        settings |= {"alpha": 0.9, "beta": 0.1, "discriminators": Discriminators}
        settings |= prefixed("discriminators", parts)
    return CASSNet(Autoencoders, **settings).initialize()


def make_rows(n=10, seed=0):
    rng = np.random.default_rng(seed)
    Y = rng.normal(size=(n, K, 1, 9, 5)) + 1j * rng.normal(size=(n, K, 1, 9, 5))
    Y = torch.tensor(Y.astype(np.complex64))
    return Y.sum(1), Y


class Rows:
    """Counts the rows of maps that each module of a list is given."""

    def __init__(self, modules):
        self.counts = [0] * len(modules)
        for k, module in enumerate(modules):
            module.register_forward_hook(self.counter(k))

    def counter(self, k):
        def count(module, args, output):
            self.counts[k] += len(args[0])

        return count
