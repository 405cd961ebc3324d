"""Cross adversarial source separation (CASS) with the interface of scikit-learn."""

from importlib.metadata import PackageNotFoundError, version

from .models import pretrained, pretrained_card
from .nn import BiLSTM, Modules, ResNet9
from .separators import (
    AESeparator,
    BaseSeparator,
    CASSSeparator,
    GANSeparator,
    ICASeparator,
    NMFSeparator,
    RegularCASSSeparator,
    load,
    save,
)
from .signals import FilterTransformer
from .stft import Spectrogram, STFTTransformer
from .training import Checkpoint, Remix

try:
    __version__ = version("sklearn-cass")
except PackageNotFoundError:  # a source tree that is not installed
    __version__ = "0+unknown"

__all__ = [
    "AESeparator",
    "BaseSeparator",
    "BiLSTM",
    "CASSSeparator",
    "Checkpoint",
    "FilterTransformer",
    "GANSeparator",
    "ICASeparator",
    "Modules",
    "NMFSeparator",
    "RegularCASSSeparator",
    "Remix",
    "ResNet9",
    "STFTTransformer",
    "Spectrogram",
    "load",
    "pretrained",
    "pretrained_card",
    "save",
]
