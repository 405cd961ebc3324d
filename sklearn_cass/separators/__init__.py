"""Estimators that separate mixtures into their components."""

from ._ae import AESeparator
from ._cass import CASSSeparator, RegularCASSSeparator
from ._gan import GANSeparator
from ._load import load

__all__ = [
    "AESeparator",
    "CASSSeparator",
    "GANSeparator",
    "RegularCASSSeparator",
    "load",
]
