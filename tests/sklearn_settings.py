"""Settings with which scikit-learn's suite is quick, for every public estimator."""

from cases import FAST

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    GANSeparator,
    ICASeparator,
    NMFSeparator,
    RegularCASSSeparator,
    STFTTransformer,
)

# One batch for all but the largest of the suite's data sets.
SMALL = FAST | {"batch_size": 64}

SETTINGS = {
    AESeparator: SMALL,
    CASSSeparator: SMALL,
    GANSeparator: SMALL,
    ICASeparator: {},
    NMFSeparator: {},
    RegularCASSSeparator: SMALL,
    STFTTransformer: {},
}

# The constructor's own defaults, but for the length of the training.
DEFAULTS = {CASSSeparator: {"max_epochs": 1}}
