"""Estimators that separate mixtures into their components."""

from ..persistence import load, register, save
from ._base import BaseSeparator
from ._cass import AESeparator, CASSSeparator, GANSeparator, RegularCASSSeparator
from ._ica import ICASeparator
from ._nmf import NMFSeparator

register(AESeparator, RegularCASSSeparator, CASSSeparator, GANSeparator)
register(ICASeparator, NMFSeparator)

__all__ = [
    "AESeparator",
    "BaseSeparator",
    "CASSSeparator",
    "GANSeparator",
    "ICASeparator",
    "NMFSeparator",
    "RegularCASSSeparator",
    "load",
    "save",
]
