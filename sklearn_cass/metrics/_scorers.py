"""Scorers for model selection."""

from sklearn.metrics import make_scorer

from ._errors import mean_ignoring_nan, relative_error, sdr, si_sdr


def _mean_sdr(y_true, y_pred, sample_weight=None):
    return mean_ignoring_nan(sdr(y_true, y_pred), sample_weight)


def _mean_si_sdr(y_true, y_pred, sample_weight=None):
    return mean_ignoring_nan(si_sdr(y_true, y_pred), sample_weight)


def _mean_relative_error(y_true, y_pred, sample_weight=None):
    return mean_ignoring_nan(relative_error(y_true, y_pred), sample_weight)


sdr_score = make_scorer(_mean_sdr)
si_sdr_score = make_scorer(_mean_si_sdr)
neg_relative_error_score = make_scorer(_mean_relative_error, greater_is_better=False)
