"""Filters of waveforms with the interface of scikit-learn."""

from math import ceil, inf, isclose, log
from numbers import Real

import numpy as np
from scipy.ndimage import median_filter
from scipy.signal import butter, iirnotch, sosfiltfilt, tf2sos
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context, clone
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from ..numeric import (
    ArrayOutputMixin,
    check_channels,
    check_number_parameters,
    floating,
    floating_type,
    is_number,
    validate_samples,
)

POSITIVE = Interval(Real, 0, None, closed="neither")
ORDER = 2  # of each edge of the band, in each direction
QUALITY = 30  # of the notch: its frequency over its width
# Blocks are filtered with as many points on either side as impulse responses take to
# fall below this fraction.
TOLERANCE = 1e-8
MAX_NOTCHES, MAX_MARGIN = 1000, 2**22
BLOCK_TIMES = 1024  # filtered at a time, at least
CHUNK_ENTRIES = 2**18  # of rows that are filtered at a time


class FilterTransformer(ArrayOutputMixin, TransformerMixin, BaseEstimator):
    """Filter waveforms, without a shift in time.

    Three filters, each of which can be left out, are applied in this order: the running
    median is subtracted, the band is passed, and the mains are rejected. All are
    symmetric in time, those of the band and the mains because they run forwards and
    backwards [1]_.

    Parameters
    ----------
    band : tuple of two floats, default=None
        Lower and upper edge of the frequencies to keep, in Hz, either of which may be
        None: (0.5, 40), (0.5, None), (None, 40). The filters are Butterworth's, of
        fourth order in both directions together; the edges are 6 dB down.
    notch : float, default=None
        Frequency of the mains, in Hz. It is rejected with its harmonics below the upper
        edge of the band and half the sampling rate, each in a thirtieth of ``notch``.
    median : float or tuple of floats, default=None
        Lengths in seconds of running medians, one after the other, which are the
        baseline that is subtracted: (0.2, 0.6) removes the wander of an ECG and keeps
        its waves [2]_. The median of a sum is not the sum of the medians, so that
        filtered components no longer add up exactly.
    sfreq : float, default=None
        Sampling rate of the waveforms in Hz. It can be None for a filter that is passed
        to ``fit`` of a separator together with ``sfreq``.

    Attributes
    ----------
    sos_ : ndarray of shape (n_sections, 6)
        Second-order sections of one direction of the linear filters.
    medians_ : list of int
        Lengths of the running medians in time points.
    n_margin_ : int
        Number of time points on either side that a filtered one depends on.
    n_features_in_ : int
        ``X.shape[1]``.

    See Also
    --------
    AESeparator : Its ``fit`` takes a filter, and ``separate`` then applies it.

    Notes
    -----
    In a Pipeline, X alone is filtered, and the components of y are not. Pass the filter
    to ``fit`` of a separator instead, which filters both.

    References
    ----------
    .. [1] F. Gustafsson, "Determining the initial states in forward-backward
       filtering", IEEE Transactions on Signal Processing 44(4), 988-992, 1996.
    .. [2] P. de Chazal, M. O'Dwyer and R. B. Reilly, "Automatic classification of
       heartbeats using ECG morphology and heartbeat interval features", IEEE
       Transactions on Biomedical Engineering 51(7), 1196-1206, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import FilterTransformer
    >>> times = np.arange(5000) / 250
    >>> beat = np.sin(2 * np.pi * 5 * times)
    >>> X = beat + 3 + np.sin(2 * np.pi * 50 * times)
    >>> filtered = FilterTransformer(band=(0.5, 40), notch=50, sfreq=250)
    >>> error = filtered.fit_transform([X])[0] - beat
    >>> bool(np.abs(error[500:-500]).max() < 0.01)
    True
    """

    _parameter_constraints: dict = {
        "band": [tuple, list, None],
        "notch": [POSITIVE, None],
        "median": [POSITIVE, tuple, list, None],
        "sfreq": [POSITIVE, None],
    }

    def __init__(self, band=None, notch=None, median=None, sfreq=None):
        self.band = band
        self.notch = notch
        self.median = median
        self.sfreq = sfreq

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Design the filters.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_times) or (n_samples, n_channels, n_times)
            Real waveforms.
        y : Ignored
            Not used, present for API consistency.

        Returns
        -------
        self : FilterTransformer
            The fitted transformer.

        Raises
        ------
        ValueError
            If X is not an array of finite real waveforms, or if frequencies are not
            below half of ``sfreq``.
        """
        self._check_waveforms(X, reset=True)
        return self._design()

    def transform(self, X):
        """Filter waveforms, each by itself.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_times) or (n_samples, n_channels, n_times)
            Real waveforms.

        Returns
        -------
        X : ndarray of the same shape
            The filtered waveforms, in X's precision.

        Raises
        ------
        ValueError
            If X is not an array of finite real waveforms.
        NotFittedError
            If ``fit`` was not called.
        """
        check_is_fitted(self)
        X = self._check_waveforms(X, reset=False)
        filtered = np.empty(X.shape, floating_type(X.dtype))
        n_rows = max(1, CHUNK_ENTRIES // int(np.prod(X.shape[1:])))
        for rows in gen_batches(len(X), n_rows):
            filtered[rows] = self.filtered(np.asarray(X[rows]))
        return filtered

    def filtered(self, x):
        """Filter an array along its last axis.

        Parameters
        ----------
        x : ndarray of shape (..., n_times)
            Waveforms.

        Returns
        -------
        x : ndarray of shape (..., n_times)
            The filtered waveforms, computed in double precision.
        """
        x = floating(x)
        found = without_medians(x.astype(float), self.medians_)
        if len(self.sos_):
            # continued beyond both ends, each of which is a center of symmetry
            n_beyond = min(self._n_response, x.shape[-1] - 1)
            # a copy: those of a mapped model are read-only
            found = sosfiltfilt(np.array(self.sos_), found, axis=-1, padlen=n_beyond)
        return found.astype(x.dtype, copy=False)

    def filtered_blocks(self, blocks):
        """Filter a recording that arrives in blocks, in bounded memory.

        Parameters
        ----------
        blocks : iterable of ndarray of shape (..., n)
            Consecutive parts of the recording, of any lengths.

        Yields
        ------
        filtered : ndarray of shape (..., m)
            Concatenated, they have the same bits whatever the blocks were, and differ
            from the recording filtered at once by less than 1e-6 of its largest value.
        """
        length, margin = max(self.n_margin_, BLOCK_TIMES), self.n_margin_
        rest, n_before = None, 0  # what is not yet filtered, after points that are
        for block in blocks:
            rest = block if rest is None else np.concatenate([rest, block], axis=-1)
            while rest.shape[-1] >= n_before + length + margin:
                end = n_before + length
                yield self.filtered(rest[..., : end + margin])[..., n_before:end]
                n_before = min(margin, end)
                rest = rest[..., end - n_before :]
        if rest is not None and rest.shape[-1] > n_before:
            yield self.filtered(rest)[..., n_before:]

    def _design(self):
        """Set the filters; parameters have been validated one by one."""
        is_idle = self.band is None and self.notch is None and self.median is None
        if self.sfreq is None and not is_idle:
            raise ValueError(
                "sfreq must be given, the sampling rate in Hz: frequencies of filters "
                "mean nothing without it"
            )
        low, high = self._edges()
        sections = [*self._band_sections(low, high), *self._notch_sections(high)]
        self.sos_ = np.concatenate([np.empty((0, 6)), *sections])
        self.medians_ = [self._n_median(seconds) for seconds in self._seconds()]
        self._n_response = n_response(self.sos_)
        if self._n_response > MAX_MARGIN:
            raise ValueError(
                f"band={self.band!r} or notch={self.notch!r} is too low for sfreq="
                f"{self.sfreq:g} Hz: the response of the filter is longer than "
                f"{MAX_MARGIN} time points"
            )
        self.n_margin_ = self._n_response + sum(n // 2 for n in self.medians_)
        return self

    def _edges(self):
        """Return the edges of the band: 0 and half the sampling rate for None."""
        nyquist = np.inf if self.sfreq is None else self.sfreq / 2
        band = (None, None) if self.band is None else tuple(self.band)
        given = [edge for edge in band if edge is not None]
        are_inside = all(is_number(edge) and 0 < edge < nyquist for edge in given)
        if len(band) != 2 or not are_inside or given != sorted(set(given)):
            raise ValueError(
                "band must be a pair (low, high) of frequencies in Hz, 0 < low < high "
                f"< sfreq / 2 = {nyquist:g}, either of which may be None, got "
                f"{self.band!r}"
            )
        low, high = band
        return 0 if low is None else low, nyquist if high is None else high

    def _band_sections(self, low, high):
        """Return the sections that pass a band."""
        return [
            butter(ORDER, edge, kind, fs=self.sfreq, output="sos")
            for kind, edge in (("highpass", low), ("lowpass", high))
            if 0 < edge < (self.sfreq or 0) / 2
        ]

    def _notch_sections(self, high):
        """Return the sections that reject the mains and their harmonics."""
        if self.notch is None:
            return []
        if self.notch >= self.sfreq / 2:
            raise ValueError(
                f"notch must be below half of sfreq={self.sfreq:g} Hz, got "
                f"{self.notch!r}"
            )
        n_notches = max(1, ceil(high / self.notch) - 1)
        if n_notches > MAX_NOTCHES:
            raise ValueError(
                f"notch={self.notch:g} Hz has {n_notches} harmonics, more than "
                f"{MAX_NOTCHES}: give the band an upper edge"
            )
        return [
            tf2sos(*iirnotch(k * self.notch, k * QUALITY, fs=self.sfreq))
            for k in range(1, n_notches + 1)
        ]

    def _seconds(self):
        """Return the lengths of the medians in seconds, as a tuple."""
        if self.median is None:
            return ()
        seconds = self.median
        seconds = tuple(seconds) if isinstance(seconds, tuple | list) else (seconds,)
        if not all(is_number(s) and 0 < s < np.inf for s in seconds):
            raise ValueError(
                "median must be a positive number of seconds, or a tuple of them, got "
                f"{self.median!r}"
            )
        return seconds

    def _n_median(self, seconds):
        """Return the odd number of time points in so many seconds."""
        n_half = seconds * self.sfreq / 2
        if n_half > MAX_MARGIN:
            raise ValueError(
                f"median must have at most {2 * MAX_MARGIN} time points, got "
                f"{self.median!r} seconds at sfreq={self.sfreq:g} Hz"
            )
        return 2 * round(n_half) + 1

    def _validate_params(self):
        super()._validate_params()
        check_number_parameters(self)

    def _check_waveforms(self, X, *, reset):
        checks = {"allow_nd": True, "ensure_all_finite": False}
        X = validate_samples(self, X, reset=reset, **checks)
        if X.ndim > 3:
            raise ValueError(
                "X must be waveforms of shape (n_samples, n_times) or (n_samples, "
                f"n_channels, n_times), got {X.ndim} dimensions"
            )
        if reset:
            check_channels(X)
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def fitted_filter(filter, sfreq):
    """Return a fitted copy of a filter for a sampling rate; None for None."""
    if filter is None:
        return None
    if not isinstance(filter, FilterTransformer):
        raise TypeError(f"filter must be a FilterTransformer or None, got {filter!r}")
    fitted = clone(filter)
    if fitted.sfreq is None:
        fitted.sfreq = sfreq
    fitted._validate_params()
    fitted.sfreq = fitted.sfreq and float(fitted.sfreq)
    if None not in (sfreq, fitted.sfreq) and not isclose(sfreq, fitted.sfreq):
        raise ValueError(
            f"filter has sfreq={fitted.sfreq:g} Hz, which differs from sfreq={sfreq:g} "
            "Hz: leave out one of them"
        )
    return fitted._design()


class FilteredArray:
    """Rows of an array, filtered when they are read.

    Parameters
    ----------
    array : ndarray or SlicedArray of shape (n_samples, ..., n_times)
        Waveforms.
    filter : FilterTransformer
        A fitted filter.
    """

    stft, n_times = None, None

    def __init__(self, array, filter):
        self.array, self.filter = array, filter
        self.shape, self.ndim = tuple(array.shape), len(array.shape)
        self.dtype = floating_type(array.dtype)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        return self.filter.filtered(np.asarray(self.array[rows]))

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[:], dtype)


def n_response(sos):
    """Return after how many points the impulse responses of sections have ended.

    That is where the slowest of their poles has fallen below ``TOLERANCE``.
    """
    radii = [abs(pole) for section in sos for pole in np.roots(section[3:])]
    slowest = max(radii, default=0.0)
    if slowest == 0:
        return len(radii)
    return inf if slowest >= 1 else ceil(log(TOLERANCE) / log(slowest))


def without_medians(x, lengths):
    """Return waveforms less their running medians, one taken after the other."""
    if not lengths:
        return x
    flat = x.reshape(-1, x.shape[-1])
    for row in flat:  # the median of one axis is the fastest
        baseline = row
        for length in lengths:
            baseline = median_filter(baseline, size=length, mode="nearest")
        row -= baseline
    return flat.reshape(x.shape)
