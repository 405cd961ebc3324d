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

from numbers import Integral

import numpy as np
from scipy.signal import ShortTimeFFT, get_window
from sklearn.metrics import make_scorer
from sklearn.utils import check_scalar, gen_batches

__all__ = [
    "neg_relative_error_score",
    "oracle_ratio_mask",
    "relative_error",
    "sdr",
    "sdr_improvement",
    "sdr_score",
    "shared_phase_error",
    "si_sdr",
    "si_sdr_improvement",
    "si_sdr_score",
]


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
    if ord not in (1, 2, np.inf):
        raise ValueError(f"ord must be 1, 2 or inf; got {ord!r}.")
    y_true, y_pred = _check_pair(y_true, y_pred)
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
    return _decibels(1.0, relative_error(y_true, y_pred))


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
    s, est = _check_pair(y_true, y_pred)
    s, est = s.reshape(*s.shape[:2], -1), est.reshape(*est.shape[:2], -1)
    if zero_mean:
        s, est = _subtract_mean(s), _subtract_mean(est)
    # Any scale will do: the largest value becomes 1, so that no square overflows.
    s, est = (x / _nonzero(abs(x).max(axis=-1, keepdims=True)) for x in (s, est))
    power = np.sum(abs(s) ** 2, axis=-1, keepdims=True)
    scale = np.sum(s.conj() * est, axis=-1, keepdims=True) / _nonzero(power)
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
    y_true, X = _check_mixture(y_true, X)
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
    y_true, X = _check_mixture(y_true, X)
    of_mixture = si_sdr(y_true, _repeat(X, y_true), zero_mean=zero_mean)
    with np.errstate(invalid="ignore"):
        return si_sdr(y_true, y_pred, zero_mean=zero_mean) - of_mixture


def shared_phase_error(y_true, y_pred, X, *, ord=2, n_fft=1024, hop_length=None):
    """`relative_error` after truth and estimate were given the mixture's phase.

    Errors of phase vanish, errors of magnitude remain: what the tables of [1]_ hold,
    and to be laid beside those alone. The true components themselves, rebuilt like
    this, are usually far from the true waveforms; `relative_error` counts that.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_components, [n_channels,] n_times)
        The true waveforms; or complex spectrograms, whose last axes are
        ``n_freqs, n_frames`` and which are taken as they are, without an STFT.
    y_pred : array-like of the same shape
        The estimates in the same domain.
    X : array-like of shape (n_samples, ...)
        The mixtures in the same domain, each of the shape of one component.
    ord : {1, 2, inf}, default=2
        Which p-norm.
    n_fft : int, default=1024
        Length of the STFT's Hann window in time points.
    hop_length : int, default=None
        Time points from one window to the next. None: a quarter of `n_fft`.

    Returns
    -------
    ndarray of shape (n_samples, n_components)
        No unit, lower is better. NaN where the true component is silent.

    Raises
    ------
    ValueError
        As `relative_error`; if the shape or the domain of the arguments do not fit
        each other; if the STFT cannot be inverted.

    References
    ----------
    .. [1] "CASS: Cross adversarial source separation via autoencoder".

    Examples
    --------
    >>> from sklearn_cass.metrics import relative_error, shared_phase_error
    >>> y_true, y_pred, X = [[[1.0, 2.0]]], [[[-3.0, -6.0]]], [[1.0, 2.0]]
    >>> relative_error(y_true, y_pred), shared_phase_error(y_true, y_pred, X).round(3)
    (array([[4.]]), array([[2.]]))
    >>> shared_phase_error(y_pred, y_true, X).round(3)  # swapped
    array([[0.667]])
    """
    y_true, y_pred = _check_pair(y_true, y_pred)
    y_true, X = _check_mixture(y_true, X)
    stft, istft = _make_stft(n_fft, hop_length, y_true=y_true, y_pred=y_pred, X=X)
    rebuilt = np.empty((2, *y_true.shape), y_true.dtype)
    for rows in _batches(y_true):
        phase = np.exp(1j * np.angle(stft(X[rows])))[:, np.newaxis]
        for out, y in zip(rebuilt, (y_true, y_pred), strict=True):
            out[rows] = istft(abs(stft(y[rows])) * phase)
    return relative_error(*rebuilt, ord=ord)


def oracle_ratio_mask(y_true, X, *, n_fft=1024, hop_length=None, power=1):
    """Estimates by the ratio mask of the true components: a ceiling, no method.

    Component k gets the share ``|S_k|^p / (sum_j |S_j|^p + |R|^p)`` of each time and
    frequency point of the mixture, p being `power`, S_j the components and R the
    residual ``X - sum_j y_j``, whose share nobody gets. The default is the mask of
    amplitudes; ``power=2`` has the higher SDR (by 1.2 dB on bassoon and saxophone).

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_components, [n_channels,] n_times)
        The true waveforms; or complex spectrograms, whose last axes are
        ``n_freqs, n_frames`` and which are taken as they are, without an STFT.
    X : array-like of shape (n_samples, ...)
        The mixtures in the same domain, each of the shape of one component.
    n_fft : int, default=1024
        Length of the STFT's Hann window in time points.
    hop_length : int, default=None
        Time points from one window to the next. None: a quarter of `n_fft`.
    power : float, default=1
        Exponent of the magnitudes: 1 shares out amplitude, 2 energy.

    Returns
    -------
    ndarray of the shape of y_true
        The estimates in the unit of X, float64 or complex128.

    Raises
    ------
    ValueError
        If a value is not finite; if the shape or the domain of the arguments do not
        fit each other; if `power` is not positive; if the STFT cannot be inverted.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass.metrics import oracle_ratio_mask, sdr
    >>> y_true = np.sin(np.outer([0.1, 1.0], np.arange(4096)))[np.newaxis]
    >>> estimates = oracle_ratio_mask(y_true, y_true.sum(axis=1))
    >>> estimates.shape, bool(sdr(y_true, estimates).min() > 30)
    ((1, 2, 4096), True)
    """
    if not 0 < power < np.inf:
        raise ValueError(f"power must be positive and finite; got {power!r}.")
    y_true, X = _check_mixture(y_true, X)
    stft, istft = _make_stft(n_fft, hop_length, y_true=y_true, X=X)
    estimates = np.empty_like(y_true)
    for rows in _batches(y_true):
        residual = X[rows] - y_true[rows].sum(axis=1)
        parts = np.concatenate([y_true[rows], residual[:, np.newaxis]], axis=1)
        magnitudes = abs(stft(parts))
        # The largest part becomes 1, so that no power overflows and not all vanish.
        shares = (magnitudes / _nonzero(magnitudes.max(axis=1, keepdims=True))) ** power
        masks = shares[:, :-1] / _nonzero(shares.sum(axis=1, keepdims=True))
        estimates[rows] = istft(masks * stft(X[rows])[:, np.newaxis])
    return estimates


def _check_array(values, name, min_ndim):
    """Return `values` as a finite float64 or complex128 array."""
    try:
        array = np.asarray(values)
    except ValueError as error:  # a ragged list
        raise ValueError(f"{name} is not an array of numbers: {error}") from error
    if array.dtype.kind not in "biufc":
        raise ValueError(f"{name} must hold numbers; its dtype is {array.dtype}.")
    if array.ndim < min_ndim or array.size == 0:
        axes = "n_samples, n_components, ..." if min_ndim == 3 else "n_samples, ..."
        raise ValueError(
            f"{name} must have shape ({axes}), at least {min_ndim} axes and no empty "
            f"one; its shape is {array.shape}."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} contains NaN or infinity.")
    return array.astype(complex if array.dtype.kind == "c" else float, copy=False)


def _check_pair(y_true, y_pred):
    y_true = _check_array(y_true, "y_true", 3)
    y_pred = _check_array(y_pred, "y_pred", 3)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            "y_true and y_pred must have the same shape; "
            f"got {y_true.shape} and {y_pred.shape}."
        )
    return y_true, y_pred


def _check_mixture(y_true, X):
    y_true, X = _check_array(y_true, "y_true", 3), _check_array(X, "X", 2)
    expected = (y_true.shape[0], *y_true.shape[2:])
    if X.shape == expected:
        return y_true, X
    message = (
        f"X must have shape {expected}, one mixture of the shape of one component "
        f"for every sample of y_true {y_true.shape}; its shape is {X.shape}."
    )
    if X.shape[:1] + X.shape[2:] == expected:  # (n_samples, n_channels, ...)
        message += (
            f" X has {X.shape[1]} channels and the components have one: pass the "
            "channel to compare with, X[:, channel]."
        )
    raise ValueError(message)


def _make_stft(n_fft, hop_length, **arrays):
    """Return the arrays' STFT, zeros around the signal, and its exact inverse.

    For complex spectrograms both are the identity.
    """
    shape = arrays["y_true"].shape
    found = {
        name: "complex" if x.dtype == complex else "real" for name, x in arrays.items()
    }
    if len(set(found.values())) > 1:
        raise ValueError(
            "All arguments must be waveforms or all must be complex spectrograms; got "
            + ", ".join(f"{kind} {name}" for name, kind in found.items())
        )
    if found["y_true"] == "complex":
        if len(shape) < 4:
            raise ValueError(
                "Complex y_true must be spectrograms of shape (n_samples, "
                f"n_components, [n_channels,] n_freqs, n_frames); its shape is {shape}."
            )
        return np.asarray, np.asarray
    if len(shape) > 4:
        raise ValueError(
            "Real y_true must be waveforms of shape (n_samples, n_components, "
            f"[n_channels,] n_times), images have no phase; its shape is {shape}."
        )
    check_scalar(n_fft, "n_fft", Integral, min_val=1)
    hop_length = max(1, n_fft // 4) if hop_length is None else hop_length
    check_scalar(hop_length, "hop_length", Integral, min_val=1)
    transform = ShortTimeFFT(get_window("hann", n_fft), hop_length, fs=1.0)
    if not transform.invertible:
        raise ValueError(
            f"n_fft={n_fft} with hop_length={hop_length} gives no invertible STFT; "
            "take a smaller hop_length."
        )
    n_times = shape[-1]
    padding = max(0, n_fft - n_times)  # the transform takes no shorter signal

    def stft(x):  # (..., n_times) -> (..., n_freqs, n_frames)
        return transform.stft(np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, padding)]))

    def istft(S):  # (..., n_freqs, n_frames) -> (..., n_times)
        return transform.istft(S, k1=n_times + padding)[..., :n_times]

    return stft, istft


def _batches(y):
    """Slices of rows, small enough for their spectrograms to need little memory."""
    return gen_batches(len(y), max(1, 2**17 // y[0].size))


def _repeat(X, y_true):
    return np.broadcast_to(X[:, np.newaxis], y_true.shape)


def _nonzero(x):
    """Return a divisor: 1 where x is 0."""
    return np.where(x == 0, 1, x)


def _norm(x, ord=2):
    """Norm over all but the first two axes, of values too large to be squared too."""
    x = x.reshape(*x.shape[:2], -1)
    peak = abs(x).max(axis=-1)
    return peak * np.linalg.norm(x / _nonzero(peak)[..., np.newaxis], ord, axis=-1)


def _ratio(a, b):
    """Return a / b, NaN where b is 0."""
    with np.errstate(over="ignore"):
        return np.where(b == 0, np.nan, a / _nonzero(b))


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
