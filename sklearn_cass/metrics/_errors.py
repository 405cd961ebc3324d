"""Errors of estimates, signal-to-distortion ratios and their improvements."""

import math
from numbers import Real

import numpy as np
import torch
from sklearn.utils import gen_batches

from ..numeric import (
    as_plain,
    divide,
    expand_rows,
    in_double,
    one_thread_each,
    vector_norm,
)
from ._checks import check_mixture, check_pair, check_sample_weight, nonzero

BATCH_ENTRIES = 2**18  # of the arrays that are compared at a time


def relative_error(y_true, y_pred, *, ord=2):
    """Return the norm of the error over that of the true component.

    This is Eq. (6) of [1]_.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_components, ...)
        The true components (sources).
    y_pred : array-like of the same shape
        The estimates.
    ord : {1, 2, inf}, default=2
        Order of the norm.

    Returns
    -------
    errors : ndarray of shape (n_samples, n_components)
        Dimensionless, lower is better: 0 for an exact estimate, 1 for an estimate of
        zeros. NaN where the true component is silent or not known.

    Raises
    ------
    ValueError
        If the shapes differ or have fewer than three axes, if a value is not
        finite, except for true components that are NaN throughout, or if `ord` is
        invalid.

    References
    ----------
    .. [1] Y. Z. Ong, C. K. Chui, H. Yang, "CASS: Cross adversarial source separation
       via autoencoder", 2019, `arXiv:1905.09877 <https://arxiv.org/abs/1905.09877>`_.

    Examples
    --------
    >>> from sklearn_cass.metrics import relative_error
    >>> relative_error([[[3.0, 4.0]]], [[[3.0, 0.0]]]).round(3)  # 4 / 5
    array([[0.8]])
    >>> relative_error([[[3.0, 0.0]]], [[[3.0, 4.0]]]).round(3)  # swapped: 4 / 3
    array([[1.333]])
    """
    if not isinstance(ord, Real) or ord not in (1, 2, np.inf):
        raise ValueError(f"ord must be 1, 2 or inf, got {ord!r}")

    def error(y_true, y_pred):
        return _ratio(_norm(y_pred - y_true, ord), _norm(y_true, ord))

    return compute_in_batches(error, *check_pair(y_true, y_pred))


def sdr(y_true, y_pred):
    """Return the signal-to-distortion ratio (SDR).

    It is ``-20 log10(relative_error(y_true, y_pred))``. Every difference from the true
    component counts as distortion, also a different scale. The SDR of BSSEval [1]_, in
    contrast, allows for a short filter.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_components, ...)
        The true components (sources).
    y_pred : array-like of the same shape
        The estimates.

    Returns
    -------
    ratios : ndarray of shape (n_samples, n_components)
        In dB, higher is better: inf for an exact estimate, 0 for an estimate of zeros.
        NaN where the true component is silent or not known.

    Raises
    ------
    ValueError
        If the shapes differ or have fewer than three axes, or if a value is not
        finite, except for true components that are NaN throughout.

    References
    ----------
    .. [1] E. Vincent, R. Gribonval, C. Fevotte, "Performance measurement in blind
       audio source separation", IEEE Transactions on Audio, Speech, and Language
       Processing 14(4), 1462-1469, 2006, `doi:10.1109/TSA.2005.858005
       <https://doi.org/10.1109/TSA.2005.858005>`_.

    Examples
    --------
    >>> from sklearn_cass.metrics import sdr
    >>> sdr([[[1.0, 1.0]]], [[[1.1, 0.9]]]).round(3)  # error of a tenth
    array([[20.]])
    >>> sdr([[[1.0, 1.0]]], [[[1.5, 1.5]]]).round(3)
    array([[6.021]])
    >>> sdr([[[1.5, 1.5]]], [[[1.0, 1.0]]]).round(3)  # swapped
    array([[9.542]])
    """

    def ratio(y_true, y_pred):
        truth = _norm(y_true)
        ratios = _decibels(truth, _norm(y_pred - y_true))
        return np.where(truth == 0, np.nan, ratios)

    return compute_in_batches(ratio, *check_pair(y_true, y_pred))


def si_sdr(y_true, y_pred, *, zero_mean=False):
    """Return the scale-invariant signal-to-distortion ratio (SI-SDR).

    It is the ratio of the projection of the estimate on the true component to the rest
    of the estimate [1]_, and does not depend on the scale, the sign or, for complex
    values, a common phase of the estimate. Except for silence it is symmetric: unlike
    `sdr`, it does not change if the arguments are swapped.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_components, ...)
        The true components (sources).
    y_pred : array-like of the same shape
        The estimates.
    zero_mean : bool, default=False
        Whether to subtract the mean of all values from each component and estimate
        first.

    Returns
    -------
    ratios : ndarray of shape (n_samples, n_components)
        In dB, higher is better: inf, or above 300 dB due to rounding, for a multiple
        of the true component; -inf for a silent or orthogonal estimate. NaN where the
        true component is not known or silent (with `zero_mean`: constant).

    Raises
    ------
    ValueError
        If the shapes differ or have fewer than three axes, or if a value is not
        finite.

    References
    ----------
    .. [1] J. Le Roux, S. Wisdom, H. Erdogan, J. R. Hershey, "SDR - half-baked or
       well done?", ICASSP, 626-630, 2019, `doi:10.1109/ICASSP.2019.8683855
       <https://doi.org/10.1109/ICASSP.2019.8683855>`_.

    Examples
    --------
    >>> from sklearn_cass.metrics import si_sdr
    >>> si_sdr([[[1.0, 1.0]]], [[[5.5, 4.5]]]).round(3)
    array([[20.]])
    >>> si_sdr([[[1.0, 1.0]]], [[[0.0, 0.0]]])
    array([[-inf]])
    >>> si_sdr([[[0.0, 0.0]]], [[[1.0, 1.0]]])  # swapped: the component is silent
    array([[nan]])
    """

    def ratio(y_true, y_pred):
        return _si_sdr(y_true, y_pred, zero_mean)

    return compute_in_batches(ratio, *check_pair(y_true, y_pred))


def _si_sdr(s, est, zero_mean):
    """Return the SI-SDR of components and estimates in double precision."""
    s, est = s.reshape(*s.shape[:2], -1), est.reshape(*est.shape[:2], -1)
    if zero_mean:
        s, est = _subtract_mean(s), _subtract_mean(est)
    # The result does not depend on scales: a peak of 1 keeps squares from overflowing.
    s, est = (divide(x, nonzero(abs(x).max(axis=-1, keepdims=True))) for x in (s, est))
    power = np.sum(abs(s) ** 2, axis=-1, keepdims=True)
    scale = np.sum(s.conj() * est, axis=-1, keepdims=True) / nonzero(power)
    values = _decibels(_norm(scale * s), _norm(est - scale * s))
    values = np.where(est.any(axis=-1), values, -np.inf)
    return np.where(s.any(axis=-1), values, np.nan)


def sdr_improvement(y_true, y_pred, X):
    """Return the improvement of `sdr` over the mixture as the estimate.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_components, ...)
        The true components (sources).
    y_pred : array-like of the same shape
        The estimates.
    X : array-like of shape (n_samples, ...)
        The mixtures, each of the shape of one component.

    Returns
    -------
    improvements : ndarray of shape (n_samples, n_components)
        In dB, higher is better. NaN where the true component is silent or not known,
        and where estimate and mixture are both exact.

    Raises
    ------
    ValueError
        As for `sdr`; if X has another shape than one component, for instance several
        channels where the components have one.

    Examples
    --------
    >>> from sklearn_cass.metrics import sdr_improvement
    >>> y_true = [[[10.0, 0.0], [0.0, 1.0]]]
    >>> y_pred = [[[10.0, 0.1], [0.0, 0.9]]]
    >>> sdr_improvement(y_true, y_pred, [[10.0, 1.0]]).round(3)
    array([[20., 40.]])
    """
    y_true, X = check_mixture(y_true, X, allow_unknown=True)
    with np.errstate(invalid="ignore"):
        return sdr(y_true, y_pred) - sdr(y_true, _repeat(X, y_true))


def si_sdr_improvement(y_true, y_pred, X, *, zero_mean=False):
    """Return the improvement of `si_sdr` over the mixture as the estimate.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_components, ...)
        The true components (sources).
    y_pred : array-like of the same shape
        The estimates.
    X : array-like of shape (n_samples, ...)
        The mixtures, each of the shape of one component.
    zero_mean : bool, default=False
        Whether to subtract all means first, as in `si_sdr`.

    Returns
    -------
    improvements : ndarray of shape (n_samples, n_components)
        In dB, higher is better. NaN where the true component is silent or not known,
        and where estimate and mixture have the same infinite ratio.

    Raises
    ------
    ValueError
        As for `sdr_improvement`.

    Examples
    --------
    >>> from sklearn_cass.metrics import si_sdr_improvement
    >>> y_true = [[[10.0, 0.0], [0.0, 1.0]]]
    >>> y_pred = [[[5.0, 0.05], [0.1, 1.0]]]
    >>> si_sdr_improvement(y_true, y_pred, [[10.0, 1.0]]).round(3)
    array([[20., 40.]])
    """
    y_true, X = check_mixture(y_true, X, allow_unknown=True)
    of_mixture = si_sdr(y_true, _repeat(X, y_true), zero_mean=zero_mean)
    with np.errstate(invalid="ignore"):
        return si_sdr(y_true, y_pred, zero_mean=zero_mean) - of_mixture


def mean_ignoring_nan(values, sample_weight=None):
    """Return the (weighted) mean of the values that are not NaN.

    Unlike :func:`numpy.nanmean`, it does not warn.

    Parameters
    ----------
    values : array-like of shape (n_samples, ...)
        Values of a metric.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample, 0 or more; None weighs all alike. Samples of weight 0 are
        left out.

    Returns
    -------
    mean : float
        The mean. NaN if all values are, or if both inf and -inf occur.

    Examples
    --------
    >>> from sklearn_cass.metrics import mean_ignoring_nan
    >>> mean_ignoring_nan([[1.0, float("nan")], [4.0, float("nan")]])
    2.5
    """
    values = np.asarray(as_plain(values, "values"), dtype=float)
    if sample_weight is not None:
        return weighted_mean(values, check_sample_weight(sample_weight, len(values)))
    values = values[~np.isnan(values)]
    with np.errstate(invalid="ignore"):  # inf and -inf
        return float(values.mean()) if values.size else float("nan")


def weighted_mean(values, weights):
    """Return the mean of the values that are not NaN, those of a sample weighed alike.

    Values are (n_samples, ...), weights (n_samples,).
    """
    weights = np.broadcast_to(expand_rows(weights, values), values.shape)
    counts = ~np.isnan(values) & (weights > 0)
    values, weights = values[counts], weights[counts]
    with np.errstate(invalid="ignore"):  # inf and -inf
        return float(np.average(values, weights=weights)) if counts.any() else math.nan


@one_thread_each()
def compute_in_batches(function, *arrays, n_entries=None):
    """Compute a function of a few samples at a time, in double precision.

    Parameters
    ----------
    function : callable
        Takes samples of each array and returns one row for each sample.
    *arrays : ndarray of shape (n_samples, ...)
        Arrays of any type of numbers, which are not copied.
    n_entries : int, default=None
        Number of entries that are computed for one sample. None is that of the first
        array.

    Returns
    -------
    rows : ndarray of shape (n_samples, ...)
        The rows of all samples.
    """
    n_samples = len(arrays[0])
    rows_per_batch = BATCH_ENTRIES // (n_entries or arrays[0][0].size)
    batches = gen_batches(n_samples, max(1, rows_per_batch))
    computed = None
    for batch in batches:
        rows = function(*(in_double(array[batch]) for array in arrays))
        if computed is None:
            computed = np.empty((n_samples, *rows.shape[1:]), rows.dtype)
        computed[batch] = rows
    return computed


def _repeat(X, y_true):
    """Return the mixtures as estimates of each component."""
    return np.broadcast_to(X[:, np.newaxis], y_true.shape)


def _norm(x, ord=2):
    """Return the norm over all but the first two axes, also where squares overflow."""
    magnitudes = torch.from_numpy(abs(x).reshape(*x.shape[:2], -1))
    return vector_norm(magnitudes, -1, ord).squeeze(-1).numpy()


def _ratio(a, b):
    """Return a / b, NaN where b is 0."""
    with np.errstate(over="ignore"):
        return np.where(b == 0, np.nan, a / nonzero(b))


def _decibels(a, b):
    """Return 20 log10(a / b) for values that may be 0 or NaN."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return 20 * (np.log10(a) - np.log10(b))


def _subtract_mean(x):
    """Subtract the mean over the last axis; constants become exactly 0."""
    centred = x - x.mean(axis=-1, keepdims=True)
    noise = 10 * np.finfo(float).eps * abs(x).max(axis=-1, keepdims=True)
    constant = abs(centred).max(axis=-1, keepdims=True) <= noise
    return np.where(constant, 0, centred)
