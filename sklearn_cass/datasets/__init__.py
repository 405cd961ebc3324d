"""Mixtures with known components: generated signals and public recordings.

Nothing is downloaded. The generators need no data. The loaders read a copy of the
data set, in the layout in which it is distributed, from a folder of the user.
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
