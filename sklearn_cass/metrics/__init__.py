"""How far estimated components (sources) are from the true ones.

Every function takes ``(y_true, y_pred)`` in that order, both of shape
``(n_samples, n_components, ...)``, and returns one float64 per sample and component.
What follows the first two axes (``n_times``; ``n_channels, n_times``; ``n_freqs,
n_frames``; an image) is one long vector, real or complex. Estimate k is compared
with true component k: no permutation is searched.

A true component that is silent (zero everywhere) has no scale to measure an error
by: its entry is NaN, also when the estimate is silence too. The scorers leave NaN
entries out of their means.

``sdr_score``, ``si_sdr_score`` (in dB) and ``neg_relative_error_score`` go into the
``scoring`` of `GridSearchCV` and its relatives. They call ``predict`` and average
over samples and components; greater is better. ``y`` must hold components, not labels.
"""

from ._errors import relative_error, sdr, sdr_improvement, si_sdr, si_sdr_improvement
from ._phase import oracle_ratio_mask, share_phase, shared_phase_error
from ._scorers import (
    _mean,  # noqa: F401
    mean_sdr,  # noqa: F401
    neg_relative_error_score,
    sdr_score,
    si_sdr_score,
)

__all__ = [
    "neg_relative_error_score",
    "oracle_ratio_mask",
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
