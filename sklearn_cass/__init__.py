"""Cross adversarial source separation (CASS) with the interface of scikit-learn."""

from importlib.metadata import PackageNotFoundError, version

from .separators import (
    AESeparator,
    CASSSeparator,
    GANSeparator,
    ICASeparator,
    NMFSeparator,
    RegularCASSSeparator,
    load,
)
from .stft import Spectrogram, STFTTransformer

try:
    __version__ = version("sklearn-cass")
except PackageNotFoundError:  # a source tree that is not installed
    __version__ = "0+unknown"

__all__ = [
    "AESeparator",
    "CASSSeparator",
    "GANSeparator",
    "ICASeparator",
    "NMFSeparator",
    "RegularCASSSeparator",
    "STFTTransformer",
    "Spectrogram",
    "load",
]
