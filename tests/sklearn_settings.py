"""Settings with which scikit-learn's suite is fast, for every public estimator."""

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

# One batch for all except the largest of the suite's data sets.
SMALL = FAST | {"batch_size": 64}

SETTINGS = {
    AESeparator: SMALL,
    CASSSeparator: SMALL,
    GANSeparator: SMALL,
    ICASeparator: {},
    NMFSeparator: {"n_atoms": 3, "max_iter": 20},
    RegularCASSSeparator: SMALL,
    STFTTransformer: {},
}
