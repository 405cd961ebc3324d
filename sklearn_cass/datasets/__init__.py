"""Mixtures with known components: generated ones and public recordings.

Nothing is downloaded. The generators need no data at all; the loaders read a copy
that the user brings, in the layout in which the data set is distributed.
"""

from ._bach10 import load_bach10
from ._ecg import make_ecg_mixtures
from ._ppg import make_ppg_mixtures
from ._semireal import load_semireal_fetal_ecg

__all__ = [
    "load_bach10",
    "load_semireal_fetal_ecg",
    "make_ecg_mixtures",
    "make_ppg_mixtures",
]
