"""Metrics of estimated components (sources), and scorers for model selection.

The metrics take ``(y_true, y_pred)`` in that order, both of shape ``(n_samples,
n_components, ...)``, and return one float64 for each sample and component. The axes
after the first two (``n_times``; ``n_channels, n_times``; ``n_freqs, n_frames``; those
of an image) are flattened to one vector, real or complex. Estimate k is compared with
true component k, without a search over permutations.

The error relative to a silent true component (zero everywhere) is not defined: its
entry is NaN, also if the estimate is silent. So is that of a component that is not
known, which is NaN throughout. The scorers ignore NaN entries.

Where components are not known, events may be: ``find_beats`` and ``find_breaths`` find
them in an estimate, ``detection_f1``, ``detection_precision``, ``detection_recall`` and
``rate_error`` compare them with the true ones, of one recording at a time. All times
are in seconds.

``sdr_score``, ``si_sdr_score`` (in dB) and ``neg_relative_error_score`` are values for
the parameter ``scoring`` of `GridSearchCV` and similar tools. They call ``predict`` and
average over samples and components; higher is better. ``y`` must hold components, not
labels.

>>> import numpy as np
>>> from sklearn.model_selection import cross_val_score
>>> from sklearn_cass import NMFSeparator
>>> from sklearn_cass.metrics import neg_relative_error_score, sdr_score, si_sdr_score
>>> y = np.random.default_rng(0).normal(size=(8, 2, 64))
>>> separator = NMFSeparator(n_atoms=2, random_state=0)
>>> for scoring in (sdr_score, si_sdr_score, neg_relative_error_score):
...     print(cross_val_score(separator, y.sum(axis=1), y, scoring=scoring, cv=2).shape)
(2,)
(2,)
(2,)
"""

from ._errors import (
    mean_ignoring_nan,
    relative_error,
    sdr,
    sdr_improvement,
    si_sdr,
    si_sdr_improvement,
)
from ._events import (
    detection_f1,
    detection_precision,
    detection_recall,
    match_events,
    rate_error,
)
from ._finding import find_beats, find_breaths
from ._phase import oracle_ratio_mask, share_phase, shared_phase_error
from ._scorers import neg_relative_error_score, sdr_score, si_sdr_score

__all__ = [
    "detection_f1",
    "detection_precision",
    "detection_recall",
    "find_beats",
    "find_breaths",
    "match_events",
    "mean_ignoring_nan",
    "neg_relative_error_score",
    "oracle_ratio_mask",
    "rate_error",
    "relative_error",
    "sdr",
    "sdr_improvement",
    "sdr_score",
    "share_phase",
    "shared_phase_error",
    "si_sdr",
    "si_sdr_improvement",
    "si_sdr_score",
]
