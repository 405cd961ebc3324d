"""Estimators that separate mixtures into their components."""

from ._ae import AESeparator
from ._cass import CASSSeparator, RegularCASSSeparator
from ._gan import GANSeparator
from ._ica import ICASeparator
from ._load import load
from ._nmf import NMFSeparator

__all__ = [
    "AESeparator",
    "CASSSeparator",
    "GANSeparator",
    "ICASeparator",
    "NMFSeparator",
    "RegularCASSSeparator",
    "load",
]
