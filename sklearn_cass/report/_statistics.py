"""Medians, means, intervals and improvements of values, as rows of a table."""

import numpy as np

from ..metrics import mean_ignoring_nan
from ._evaluation import FLOOR, MIXTURE

LEVEL = 0.95  # of intervals
N_RESAMPLES = 1000
DRAW_ENTRIES = 2**20  # of resamples that are drawn at a time


def table_rows(values, labels, metrics, rng):
    """Return one row for each estimate, component and metric.

    Parameters
    ----------
    values : dict of (str, str) to dict of str to ndarray of shape (n_samples, n)
        Values by kind and name of the estimate, and by metric.
    labels : list of str
        Names of the n columns.
    metrics : dict of str to Metric
        The metrics.
    rng : RandomState
        For the resamples.

    Returns
    -------
    rows : list of dict
        The rows.
    """
    floor = values.get((FLOOR, MIXTURE), {})
    seed = rng.randint(2**31 - 1)  # the same resamples for all rows
    return [
        {
            "estimator": name,
            "kind": kind,
            "component": label,
            "metric": metrics[key].name,
            "unit": metrics[key].unit,
            **summary(columns[:, k], np.random.RandomState(seed)),
            "improvement": improvement(columns[:, k], floor, key, k),
        }
        for (kind, name), of_metrics in values.items()
        for k, label in enumerate(labels)
        for key, columns in of_metrics.items()
    ]


def summary(values, rng):
    """Return median, mean, interval and counts of the values of all samples."""
    known = values[~np.isnan(values)]
    low, high = median_interval(known, rng)
    return {
        "median": median(known),
        "mean": mean_ignoring_nan(known),
        "low": low,
        "high": high,
        "n": len(values),
        "n_nan": len(values) - len(known),
    }


def median(values):
    """Return the median of values that may be infinite, NaN if there are none."""
    if not len(values):
        return float("nan")
    with np.errstate(invalid="ignore"):  # between inf and -inf
        return float(np.median(values))


def median_interval(values, rng):
    """Return the percentile interval of the median by the bootstrap."""
    n = len(values)
    if n < 2:
        return float("nan"), float("nan")
    n_at_once = max(1, DRAW_ENTRIES // n)
    medians = []
    for start in range(0, N_RESAMPLES, n_at_once):
        size = (min(n_at_once, N_RESAMPLES - start), n)
        with np.errstate(invalid="ignore"):
            medians.append(np.median(values[rng.randint(n, size=size)], axis=1))
    medians, tail = np.sort(np.concatenate(medians)), (1 - LEVEL) / 2
    last = N_RESAMPLES - 1  # entries, for there is nothing between infinite values
    low, high = medians[int(tail * last)], medians[-1 - int(tail * last)]
    return float(low), float(high)


def improvement(values, floor, key, k):
    """Return the median over samples of the difference to the mixture's value."""
    if key not in floor:
        return float("nan")
    with np.errstate(invalid="ignore"):  # inf - inf
        gains = values - floor[key][:, k]
    return median(gains[~np.isnan(gains)])
