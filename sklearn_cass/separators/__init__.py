"""Estimators that separate mixtures into their components."""

from ._ae import AESeparator
from ._cass import CASSSeparator, RegularCASSSeparator

__all__ = ["AESeparator", "CASSSeparator", "RegularCASSSeparator"]
