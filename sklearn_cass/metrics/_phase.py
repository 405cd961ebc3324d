"""What sharing the mixture's phase hides, and the oracle that masks can reach."""

from numbers import Integral, Real

import numpy as np
from scipy.signal import ShortTimeFFT, get_window
from sklearn.utils import check_scalar, gen_batches

from ._checks import check_mixture, check_pair, nonzero
from ._errors import relative_error


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
    y_true, y_pred = check_pair(y_true, y_pred)
    y_true, X = check_mixture(y_true, X)
    stft, istft, n_entries = _make_stft(
        n_fft, hop_length, y_true=y_true, y_pred=y_pred, X=X
    )
    rebuilt = (_rebuilt(y, X, stft, istft, n_entries) for y in (y_true, y_pred))
    return relative_error(*rebuilt, ord=ord)


def share_phase(y, X, *, n_fft=1024, hop_length=None):
    """Give components the phase of their mixtures.

    What `shared_phase_error` compares: its value is `relative_error` of two such
    arrays. To measure the same truth often, rebuild it once.

    Parameters
    ----------
    y : array-like of shape (n_samples, n_components, [n_channels,] n_times)
        Waveforms; or complex spectrograms, whose last axes are ``n_freqs, n_frames``
        and which are taken as they are, without an STFT.
    X : array-like of shape (n_samples, ...)
        The mixtures in the same domain, each of the shape of one component.
    n_fft : int, default=1024
        Length of the STFT's Hann window in time points.
    hop_length : int, default=None
        Time points from one window to the next. None: a quarter of `n_fft`.

    Returns
    -------
    ndarray of the shape of y
        In the unit of y, float64 or complex128.

    Raises
    ------
    ValueError
        If a value is not finite; if the shape or the domain of the arguments do not
        fit each other; if the STFT cannot be inverted.

    Examples
    --------
    >>> from sklearn_cass.metrics import share_phase
    >>> share_phase([[[-3.0, -6.0]]], [[1.0, 2.0]]).round(3)
    array([[[3., 6.]]])
    """
    y, X = check_mixture(y, X, name="y")
    return _rebuilt(y, X, *_make_stft(n_fft, hop_length, y=y, X=X))


def _rebuilt(y, X, stft, istft, n_entries):
    """The components' magnitudes with the mixtures' phases, as waveforms again."""
    rebuilt = np.empty_like(y)
    for rows in _batches(len(y), n_entries):
        mixture = stft(X[rows])
        magnitude = abs(mixture)
        # 1 where the mixture has no phase
        phase = np.where(magnitude == 0, 1, mixture / nonzero(magnitude))
        rebuilt[rows] = istft(abs(stft(y[rows])) * phase[:, np.newaxis])
    return rebuilt


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
    check_scalar(power, "power", Real)
    if not 0 < power < np.inf:
        raise ValueError(f"power must be positive and finite; got {power!r}.")
    y_true, X = check_mixture(y_true, X)
    stft, istft, n_entries = _make_stft(n_fft, hop_length, y_true=y_true, X=X)
    estimates = np.empty_like(y_true)
    for rows in _batches(len(y_true), n_entries):
        residual = X[rows] - y_true[rows].sum(axis=1)
        parts = np.concatenate([y_true[rows], residual[:, np.newaxis]], axis=1)
        magnitudes = abs(stft(parts))
        # The largest part becomes 1, so that no power overflows and not all vanish.
        shares = (magnitudes / nonzero(magnitudes.max(axis=1, keepdims=True))) ** power
        masks = shares[:, :-1] / nonzero(shares.sum(axis=1, keepdims=True))
        estimates[rows] = istft(masks * stft(X[rows])[:, np.newaxis])
    return estimates


def _make_stft(n_fft, hop_length, **arrays):
    """Return the arrays' STFT, zeros around the signal, and its exact inverse.

    For complex spectrograms both are the identity. The third is the number of entries
    of the spectrograms of a row of components.
    """
    name, y = next(iter(arrays.items()))
    shape = y.shape
    found = {
        key: "complex" if x.dtype == complex else "real" for key, x in arrays.items()
    }
    if len(set(found.values())) > 1:
        raise ValueError(
            "All arguments must be waveforms or all must be complex spectrograms; got "
            + ", ".join(f"{kind} {key}" for key, kind in found.items())
        )
    if found[name] == "complex":
        if len(shape) < 4:
            raise ValueError(
                f"Complex {name} must be spectrograms of shape (n_samples, "
                f"n_components, [n_channels,] n_freqs, n_frames); its shape is {shape}."
            )
        return np.asarray, np.asarray, y[0].size
    if len(shape) > 4:
        raise ValueError(
            f"Real {name} must be waveforms of shape (n_samples, n_components, "
            f"[n_channels,] n_times), images have no phase; its shape is {shape}."
        )
    check_scalar(n_fft, "n_fft", Integral, min_val=1)
    hop_length = max(1, n_fft // 4) if hop_length is None else hop_length
    check_scalar(hop_length, "hop_length", Integral, min_val=1)
    n_fft, hop_length = int(n_fft), int(hop_length)
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

    n_entries = transform.f_pts * transform.p_num(n_times + padding)
    n_waveforms = int(np.prod(shape[1:-1]))
    return stft, istft, n_waveforms * n_entries


def _batches(n_samples, n_entries):
    """Slices of rows, small enough for their spectrograms to need little memory."""
    return gen_batches(n_samples, max(1, 2**18 // n_entries))
