"""Mixtures with known components, and public recordings with events.

The components of generated mixtures are known. Those of abdominal ECG or PPG are not,
but the times of beats or breaths are: see `sklearn_cass.metrics.detection_f1`.

Nothing is downloaded. The generators need no data. The loaders read a copy of the
data set, in the layout in which it is distributed, from a folder of the user.
"""

from ._adfecgdb import load_adfecgdb
from ._bach10 import load_bach10
from ._bidmc import load_bidmc
from ._challenge2013 import load_challenge2013
from ._ecg import make_ecg_mixtures
from ._mitdb import load_mitdb
from ._ppg import make_ppg_mixtures
from ._semireal import load_semireal_fetal_ecg

__all__ = [
    "load_adfecgdb",
    "load_bach10",
    "load_bidmc",
    "load_challenge2013",
    "load_mitdb",
    "load_semireal_fetal_ecg",
    "make_ecg_mixtures",
    "make_ppg_mixtures",
]
