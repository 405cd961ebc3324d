"""Differences between two rows of a table, paired by seed."""

import numpy as np

N_RESAMPLES = 10000


def relative_difference(a, b):
    """How much lower (negative) ``a`` is than ``b`` of the same seeds, in percent."""
    relative = 100 * (np.divide(a, b) - 1)
    return paired_difference(relative, np.zeros(len(relative)))


def paired_difference(a, b, *, coverage=0.95, random_state=0):
    """Mean of ``a - b`` over seeds, with a percentile interval of the bootstrap.

    Parameters
    ----------
    a, b : array-like of shape (n_seeds,)
        Values of the same seeds in the same order.
    coverage : float, default=0.95
        Of the interval.
    random_state : int, default=0
        Draws the resamples.

    Returns
    -------
    dict
        ``mean``, ``low``, ``high`` and ``n``. One seed has no interval: NaN.
    """
    # sorted, so that the order of the seeds does not matter for the resamples
    differences = np.sort(np.subtract(a, b, dtype=float))
    n = len(differences)
    interval = (np.nan, np.nan)
    if n > 1:
        rng = np.random.default_rng(random_state)
        means = differences[rng.integers(n, size=(N_RESAMPLES, n))].mean(axis=1)
        interval = np.quantile(means, [(1 - coverage) / 2, (1 + coverage) / 2])
    low, high = map(float, interval)
    return {"mean": float(differences.mean()), "low": low, "high": high, "n": n}
