"""Settings, signals and networks that tests of separators share."""

import torch

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    Modules,
    RegularCASSSeparator,
    ResNet9,
)
from sklearn_cass.utils.estimator_checks import _common

SEPARATORS = (AESeparator, RegularCASSSeparator, CASSSeparator)

# The smallest training that still takes more than one step.
FAST = {
    "network": ResNet9(n_filters=2, n_latent=4),
    "max_epochs": 1,
    "batch_size": 8,
    "random_state": 0,
}
# Where discriminators matter: in the smallest, all entries of the last map may be 0.
WIDE = FAST | {"network": ResNet9(n_filters=8, n_latent=16)}


def make_mixtures(n_samples=12, n_components=2, n_times=64, n_channels=None, **kwargs):
    """Generate the mixtures of the estimator checks, with a little noise."""
    return _common.make_mixtures(
        n_samples, n_components, n_times, n_channels, noise=0.01, **kwargs
    )


def states(separator):
    """Every tensor of a fitted separator's networks, by name."""
    net = separator.net_
    modules = [net.module_, getattr(net, "discriminators_", None)]
    return [module.state_dict() for module in modules if module is not None]


def equal_states(a, b):
    """Whether two state dicts agree bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class NoEncoder(torch.nn.Module):
    """Return the mixture's map as the only feature map."""

    def __init__(self, in_channels, n_freqs):
        super().__init__()

    def forward(self, x):
        return [x]


class UnitMask(torch.nn.Module):
    """Return the mask that changes nothing, whatever it is trained on.

    ``n_parts`` is 2 where channels are real and imaginary parts by turns, else 1.
    """

    def __init__(self, out_channels, n_freqs, n_parts=2):
        super().__init__()
        one = torch.zeros(1, out_channels, 1, 1)
        one[:, ::n_parts] = 1
        self.register_buffer("one", one)
        self.idle = torch.nn.Parameter(torch.zeros(()))  # optimizers want a parameter

    def forward(self, features):
        n, _, height, width = features[-1].shape
        mask = self.one + 0 * self.idle
        return mask.expand(n, -1, height, width)


IDENTITY = {"network": Modules(NoEncoder, UnitMask, output="mask")}


class FilterEncoder(torch.nn.Conv2d):
    """Filters along time, for waveforms (``stft=False``)."""

    def __init__(self, in_channels, n_freqs, n_taps=31):
        super().__init__(in_channels, 2, (1, n_taps), padding="same")


class FilterDecoder(torch.nn.Conv2d):
    """Filters of their outputs."""

    def __init__(self, out_channels, n_freqs, n_taps=31):
        super().__init__(2, out_channels, (1, n_taps), padding="same")


class FilterDiscriminator(torch.nn.Module):
    """Power of filtered waveforms, as a logit."""

    def __init__(self, in_channels, n_freqs, n_taps=31):
        super().__init__()
        self.filters = torch.nn.Conv2d(in_channels, 4, (1, n_taps), padding="same")
        self.output = torch.nn.Linear(4, 1)

    def forward(self, x):
        power = self.filters(x).square().mean((-2, -1))
        return self.output(power.log1p()).squeeze(-1)


# Linear filters: they separate what `make_mixtures` makes, in a few milliseconds.
FILTERS = {
    "network": Modules(FilterEncoder, FilterDecoder, FilterDiscriminator),
    "stft": False,
}

# Such networks for spectrograms, where it does not matter what is learned.
TINY = FAST | {"network": FILTERS["network"]}
