"""Metrics as scorers for model selection."""

import numpy as np
from sklearn.metrics import make_scorer

from ._errors import relative_error, sdr, si_sdr


def _mean(values):
    """Mean of the entries that are not NaN; NaN if there are none."""
    values = values[~np.isnan(values)]
    with np.errstate(invalid="ignore"):  # inf and -inf together
        return float(values.mean()) if values.size else float("nan")


def mean_sdr(y_true, y_pred):
    return _mean(sdr(y_true, y_pred))


def _mean_si_sdr(y_true, y_pred):
    return _mean(si_sdr(y_true, y_pred))


def _mean_relative_error(y_true, y_pred):
    return _mean(relative_error(y_true, y_pred))


sdr_score = make_scorer(mean_sdr)
si_sdr_score = make_scorer(_mean_si_sdr)
neg_relative_error_score = make_scorer(_mean_relative_error, greater_is_better=False)
