"""Errors and ratios of estimates as they are, and what they gain over the mixture."""

from numbers import Real

import numpy as np

from ..numeric import divide as divided
from ._checks import check_mixture, check_pair, nonzero


def relative_error(y_true, y_pred, *, ord=2):
    """Norm of the error over the norm of the true component, Eq. (6) of [1]_.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_components, ...)
        The true components (sources).
    y_pred : array-like of the same shape
        The estimates.
    ord : {1, 2, inf}, default=2
        Which p-norm.

    Returns
    -------
    ndarray of shape (n_samples, n_components)
        No unit; 0 is exact, the zero estimate has 1, lower is better. NaN where
        the true component is silent.

    Raises
    ------
    ValueError
        If the shapes differ or have fewer than three axes, if a value is not
        finite, or if `ord` is none of the three.

    References
    ----------
    .. [1] "CASS: Cross adversarial source separation via autoencoder".

    Examples
    --------
    >>> from sklearn_cass.metrics import relative_error
    >>> relative_error([[[3.0, 4.0]]], [[[3.0, 0.0]]]).round(3)  # 4 / 5
    array([[0.8]])
    >>> relative_error([[[3.0, 0.0]]], [[[3.0, 4.0]]]).round(3)  # swapped: 4 / 3
    array([[1.333]])
    """
    if not isinstance(ord, Real) or ord not in (1, 2, np.inf):
        raise ValueError(f"ord must be 1, 2 or inf; got {ord!r}.")
    y_true, y_pred = check_pair(y_true, y_pred)
    return _ratio(_norm(y_pred - y_true, ord), _norm(y_true, ord))


def sdr(y_true, y_pred):
    """Signal-to-distortion ratio, ``-20 log10(relative_error(y_true, y_pred))``.

    Whatever differs from the truth counts as distortion, a wrong scale included.
    The SDR of BSSEval [1]_ forgives a short filter; this one forgives nothing.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_components, ...)
        The true components (sources).
    y_pred : array-like of the same shape
        The estimates.

    Returns
    -------
    ndarray of shape (n_samples, n_components)
        In dB, higher is better: the zero estimate has 0, an exact one has inf. NaN
        where the true component is silent.

    Raises
    ------
    ValueError
        If the shapes differ or have fewer than three axes, or if a value is not
        finite.

    References
    ----------
    .. [1] E. Vincent, R. Gribonval, C. Fevotte, "Performance measurement in blind
       audio source separation", IEEE Trans. Audio Speech Lang. Process., 2006.

    Examples
    --------
    >>> from sklearn_cass.metrics import sdr
    >>> sdr([[[1.0, 1.0]]], [[[1.1, 0.9]]]).round(3)  # a tenth of the amplitude
    array([[20.]])
    >>> sdr([[[1.0, 1.0]]], [[[1.5, 1.5]]]).round(3)
    array([[6.021]])
    >>> sdr([[[1.5, 1.5]]], [[[1.0, 1.0]]]).round(3)  # swapped
    array([[9.542]])
    """
    y_true, y_pred = check_pair(y_true, y_pred)
    truth = _norm(y_true)
    ratio = _decibels(truth, _norm(y_pred - y_true))
    return np.where(truth == 0, np.nan, ratio)


def si_sdr(y_true, y_pred, *, zero_mean=False):
    """Scale-invariant signal-to-distortion ratio (SI-SDR) [1]_.

    The estimate is split into its projection on the true component and the rest;
    the ratio of the two does not depend on the estimate's scale, sign or, if it is
    complex, common phase. It does not depend on which argument comes first either,
    silence apart: a swap goes unnoticed here, but not in `sdr`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_components, ...)
        The true components (sources).
    y_pred : array-like of the same shape
        The estimates.
    zero_mean : bool, default=False
        Whether to subtract from every component and estimate the mean of all its
        values first.

    Returns
    -------
    ndarray of shape (n_samples, n_components)
        In dB, higher is better. inf, or beyond 300 dB by rounding, for a multiple
        of the truth; -inf for a silent or an orthogonal estimate; NaN where the
        true component is silent (with `zero_mean`: constant).

    Raises
    ------
    ValueError
        If the shapes differ or have fewer than three axes, or if a value is not
        finite.

    References
    ----------
    .. [1] J. Le Roux, S. Wisdom, H. Erdogan, J. R. Hershey, "SDR - half-baked or
       well done?", ICASSP, 2019.

    Examples
    --------
    >>> from sklearn_cass.metrics import si_sdr
    >>> si_sdr([[[1.0, 1.0]]], [[[5.5, 4.5]]]).round(3)
    array([[20.]])
    >>> si_sdr([[[1.0, 1.0]]], [[[0.0, 0.0]]])
    array([[-inf]])
    >>> si_sdr([[[0.0, 0.0]]], [[[1.0, 1.0]]])  # swapped: the truth is silent
    array([[nan]])
    """
    s, est = check_pair(y_true, y_pred)
    s, est = s.reshape(*s.shape[:2], -1), est.reshape(*est.shape[:2], -1)
    if zero_mean:
        s, est = _subtract_mean(s), _subtract_mean(est)
    # Any scale will do: the largest value becomes 1, so that no square overflows.
    s, est = (divided(x, nonzero(abs(x).max(axis=-1, keepdims=True))) for x in (s, est))
    power = np.sum(abs(s) ** 2, axis=-1, keepdims=True)
    scale = np.sum(s.conj() * est, axis=-1, keepdims=True) / nonzero(power)
    values = _decibels(_norm(scale * s), _norm(est - scale * s))
    values = np.where(est.any(axis=-1), values, -np.inf)
    return np.where(s.any(axis=-1), values, np.nan)


def sdr_improvement(y_true, y_pred, X):
    """How many dB of `sdr` the estimates gain over the mixture as the estimate.

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
    ndarray of shape (n_samples, n_components)
        In dB, higher is better. NaN where the true component is silent, and where
        estimate and mixture are both exact.

    Raises
    ------
    ValueError
        As `sdr`; if the shape of X does not fit, for instance because X has several
        channels and the components one.

    Examples
    --------
    >>> from sklearn_cass.metrics import sdr_improvement
    >>> y_true = [[[10.0, 0.0], [0.0, 1.0]]]
    >>> y_pred = [[[10.0, 0.1], [0.0, 0.9]]]
    >>> sdr_improvement(y_true, y_pred, [[10.0, 1.0]]).round(3)
    array([[20., 40.]])
    """
    y_true, X = check_mixture(y_true, X)
    with np.errstate(invalid="ignore"):
        return sdr(y_true, y_pred) - sdr(y_true, _repeat(X, y_true))


def si_sdr_improvement(y_true, y_pred, X, *, zero_mean=False):
    """How many dB of `si_sdr` the estimates gain over the mixture as the estimate.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_components, ...)
        The true components (sources).
    y_pred : array-like of the same shape
        The estimates.
    X : array-like of shape (n_samples, ...)
        The mixtures, each of the shape of one component.
    zero_mean : bool, default=False
        Whether to subtract every mean first, as in `si_sdr`.

    Returns
    -------
    ndarray of shape (n_samples, n_components)
        In dB, higher is better. NaN where the true component is silent, and where
        estimate and mixture have the same infinite ratio.

    Raises
    ------
    ValueError
        As `sdr_improvement`.

    Examples
    --------
    >>> from sklearn_cass.metrics import si_sdr_improvement
    >>> y_true = [[[10.0, 0.0], [0.0, 1.0]]]
    >>> y_pred = [[[5.0, 0.05], [0.1, 1.0]]]
    >>> si_sdr_improvement(y_true, y_pred, [[10.0, 1.0]]).round(3)
    array([[20., 40.]])
    """
    y_true, X = check_mixture(y_true, X)
    of_mixture = si_sdr(y_true, _repeat(X, y_true), zero_mean=zero_mean)
    with np.errstate(invalid="ignore"):
        return si_sdr(y_true, y_pred, zero_mean=zero_mean) - of_mixture


def _repeat(X, y_true):
    return np.broadcast_to(X[:, np.newaxis], y_true.shape)


def _norm(x, ord=2):
    """Norm over all but the first two axes, of values too large to be squared too."""
    x = x.reshape(*x.shape[:2], -1)
    peak = abs(x).max(axis=-1)
    return peak * np.linalg.norm(
        divided(x, nonzero(peak)[..., np.newaxis]), ord, axis=-1
    )


def _ratio(a, b):
    """Return a / b, NaN where b is 0."""
    with np.errstate(over="ignore"):
        return np.where(b == 0, np.nan, a / nonzero(b))


def _decibels(a, b):
    """Return 20 log10(a / b) for values that may be 0 or NaN."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return 20 * (np.log10(a) - np.log10(b))


def _subtract_mean(x):
    """Centre x on its last axis; what only rounding keeps from 0 becomes 0."""
    centred = x - x.mean(axis=-1, keepdims=True)
    noise = 10 * np.finfo(float).eps * abs(x).max(axis=-1, keepdims=True)
    constant = abs(centred).max(axis=-1, keepdims=True) <= noise
    return np.where(constant, 0, centred)
