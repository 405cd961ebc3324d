"""Settings with which suites of checks are fast, for every public estimator."""

import torch
from cases import FAST, NoEncoder

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    FilterTransformer,
    GANSeparator,
    ICASeparator,
    Modules,
    NMFSeparator,
    RegularCASSSeparator,
    STFTTransformer,
)


class Pointwise(torch.nn.Module):
    """Decoder of a single convolution."""

    def __init__(self, out_channels, n_freqs):
        super().__init__()
        self.convolution = torch.nn.LazyConv2d(out_channels, 1)

    def forward(self, features):
        return self.convolution(features[-1])


class MeanLogit(torch.nn.Module):
    """Discriminator of a single weight."""

    def __init__(self, in_channels, n_freqs):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.gain * x.mean(dim=(1, 2, 3))


# A fit takes a fifth of the time of one with the smallest ResNet-9, which is checked
# with CASSSeparator and, with a single pair, GANSeparator.
POINTWISE = FAST | {"network": Modules(NoEncoder, Pointwise, MeanLogit)}

SEPARATORS = {
    AESeparator: POINTWISE,
    CASSSeparator: FAST,
    GANSeparator: FAST,
    ICASeparator: {},
    NMFSeparator: {"n_atoms": 3, "max_iter": 20},
    RegularCASSSeparator: POINTWISE,
}

# One batch for all except the largest data sets of scikit-learn's suite.
ONE_BATCH = {"batch_size": 64}
ESTIMATORS = [
    *(
        cls(**settings | (ONE_BATCH if settings.keys() & ONE_BATCH else {}))
        for cls, settings in SEPARATORS.items()
    ),
    STFTTransformer(),
    FilterTransformer(band=(0.1, None), notch=0.2, median=3, sfreq=1),
]
