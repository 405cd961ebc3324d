"""Beats and breaths in waveforms, found with one rule each."""

import importlib
import warnings

import numpy as np
from scipy.signal import butter, sosfiltfilt

from ..numeric import as_plain, is_number
from ._checks import check_array_of_numbers
from ._rhythm import regular_beats

# QRS complexes of adults and fetuses; baseline, T waves and mains are mostly outside
_BEAT_BAND = (3.0, 45.0)  # Hz
_QRS_BAND = (10.0, 45.0)  # also without P and T waves that a mother's subtraction left
_MIN_SFREQ = {"find_beats": 100, "find_breaths": 10}


def find_beats(x, sfreq, *, rates=None):
    """Return the times of heart beats in a waveform of ECG.

    The rule is the same for adults and fetuses: the waveform is filtered to 3-45 Hz
    with zero phase, and R waves are found by the method of Gutiérrez-Rivas et al.
    [1]_, as NeuroKit2 [2]_ implements it: a threshold on the squared slope that
    decreases until the next beat. It does not depend on polarity or scale. Needs the
    package ``neurokit2``: ``pip install "sklearn-cass[events]"``.

    With `rates`, the waveform is that of one heart in noise, and beats are found that
    the noise hides: of all series of beats at these rates, the one with the most energy
    at 10-45 Hz at its beats, less a penalty for intervals that change, is found by
    dynamic programming. Beats continue where the waveform shows none, so a waveform of
    noise has them too. This needs no package.

    Parameters
    ----------
    x : array-like of shape (n_times,)
        The waveform. NaN entries are gaps; no beat is found in them.
    sfreq : float
        Sampling frequency in Hz, 100 or more.
    rates : (float, float), default=None
        Lowest and highest heart rate in beats per minute, such as (100, 200) for a
        fetus. If None, any.

    Returns
    -------
    times : ndarray of shape (n_beats,)
        In seconds, ascending.

    Raises
    ------
    ValueError
        If `x` is not an array of numbers with one axis, `sfreq` is too low, or `rates`
        are not two positive numbers in order.
    ImportError
        If ``neurokit2`` is not installed, and `rates` is None.

    See Also
    --------
    detection_f1 : Comparison with true beats.

    References
    ----------
    .. [1] R. Gutiérrez-Rivas, J. J. García, W. P. Marnane, Á. Hernández, "Novel
       real-time low-complexity QRS complex detector based on adaptive thresholding",
       IEEE Sensors Journal 15(10), 6036-6043, 2015, `doi:10.1109/JSEN.2015.2450773
       <https://doi.org/10.1109/JSEN.2015.2450773>`_.
    .. [2] D. Makowski et al., "NeuroKit2: A Python toolbox for neurophysiological
       signal processing", Behavior Research Methods 53, 1689-1696, 2021,
       `doi:10.3758/s13428-020-01516-y <https://doi.org/10.3758/s13428-020-01516-y>`_.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass.metrics import find_beats
    >>> times = np.arange(5000) / 500
    >>> ecg = np.exp(-(((times % 0.5 - 0.25) / 0.01) ** 2))  # an R wave every 0.5 s
    >>> np.diff(find_beats(ecg, 500)).round(1)[2:6]
    array([0.5, 0.5, 0.5, 0.5])

    In noise, with the rate of the heart known to lie in a range:

    >>> noise = 0.5 * np.random.default_rng(0).normal(size=5000)
    >>> np.diff(find_beats(ecg + noise, 500, rates=(100, 200))).round(1)[2:6]
    array([0.5, 0.5, 0.5, 0.5])
    """
    if rates is None:
        neurokit2 = _neurokit2("find_beats")
    else:
        _check_rates(rates)
    x, is_gap = _check_waveform(x, sfreq, "find_beats")
    if not x.any():
        return np.zeros(0)
    if rates is not None:
        x = _band_filtered(x, _QRS_BAND, sfreq)
        return _times(lambda: regular_beats(x, is_gap, sfreq, rates), is_gap, sfreq)
    x = _band_filtered(x, _BEAT_BAND, sfreq)

    def find():
        found = neurokit2.ecg_findpeaks(x, sfreq, method="rodrigues2021")
        return found["ECG_R_Peaks"]

    return _times(find, is_gap, sfreq)


def find_breaths(x, sfreq):
    """Return the times of breaths in a waveform of respiration.

    Breaths are the maxima that NeuroKit2 [2]_ finds by the method of Khodadad et al.
    [1]_: one between two zero crossings of the waveform, filtered to 0.05-3 Hz, where
    it is higher than its neighbours by 0.3 of the median. Needs the package
    ``neurokit2``: ``pip install "sklearn-cass[events]"``.

    Parameters
    ----------
    x : array-like of shape (n_times,)
        The waveform: respiration, without the heart beats. NaN entries are gaps; no
        breath is found in them.
    sfreq : float
        Sampling frequency in Hz, 10 or more.

    Returns
    -------
    times : ndarray of shape (n_breaths,)
        In seconds, ascending.

    Raises
    ------
    ValueError
        If `x` is not an array of numbers with one axis, or `sfreq` is too low.
    ImportError
        If ``neurokit2`` is not installed.

    See Also
    --------
    rate_error : Comparison with true breaths.

    References
    ----------
    .. [1] D. Khodadad et al., "Optimized breath detection algorithm in electrical
       impedance tomography", Physiological Measurement 39(9), 094001, 2018,
       `doi:10.1088/1361-6579/aad7e6 <https://doi.org/10.1088/1361-6579/aad7e6>`_.
    .. [2] D. Makowski et al., "NeuroKit2: A Python toolbox for neurophysiological
       signal processing", Behavior Research Methods 53, 1689-1696, 2021,
       `doi:10.3758/s13428-020-01516-y <https://doi.org/10.3758/s13428-020-01516-y>`_.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass.metrics import find_breaths
    >>> times = np.arange(60 * 25) / 25
    >>> respiration = np.sin(2 * np.pi * times / 4)  # a breath every 4 s
    >>> find_breaths(respiration, 25).round(1)[2:6]
    array([13., 17., 21., 25.])
    """
    neurokit2 = _neurokit2("find_breaths")
    x, is_gap = _check_waveform(x, sfreq, "find_breaths")
    if not x.any():
        return np.zeros(0)

    def find():
        clean = neurokit2.rsp_clean(x, sfreq, method="khodadad2018")
        found = neurokit2.rsp_findpeaks(clean, sfreq, method="khodadad2018")
        return found["RSP_Peaks"]

    return _times(find, is_gap, sfreq)


def _neurokit2(function):
    try:
        return importlib.import_module("neurokit2")
    except ImportError as error:
        raise ImportError(
            f'{function} needs neurokit2: pip install "sklearn-cass[events]"'
        ) from error


def _check_rates(rates):
    """Raise a ValueError unless rates are two positive numbers in order."""
    try:
        lowest, highest = rates
        valid = is_number(lowest) and is_number(highest)
        valid = valid and 0 < lowest < highest < np.inf
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(
            f"rates must be two positive numbers (lowest, highest), got {rates!r}"
        )


def _band_filtered(x, band, sfreq):
    """Return a waveform between two frequencies, with zero phase."""
    band = (band[0], min(band[1], 0.45 * sfreq))
    sos = butter(4, band, "bandpass", fs=sfreq, output="sos")
    return sosfiltfilt(sos, x, padlen=min(len(x) - 1, round(sfreq)))


def _check_waveform(x, sfreq, function):
    """Return a waveform of mean 0 and range 1, gaps bridged, and where gaps are.

    A waveform without two different values becomes zeros.
    """
    least = _MIN_SFREQ[function]
    if not is_number(sfreq) or not least <= sfreq < np.inf:
        raise ValueError(f"sfreq must be {least} Hz or more, got {sfreq!r}")
    x = np.array(as_plain(x, "x"), dtype=np.float64)
    if x.ndim != 1:
        raise ValueError(f"x must be one waveform, of shape (n_times,), got {x.shape}")
    is_gap = np.isnan(x)
    known = x[~is_gap]
    if len(known):
        check_array_of_numbers(known, "x", 1)
    if not len(known) or np.ptp(known) == 0:
        return np.zeros(len(x)), is_gap
    points = np.arange(len(x))
    x[is_gap] = np.interp(points[is_gap], points[~is_gap], known)
    return (x - x.mean()) / np.ptp(x), is_gap


def _times(find, is_gap, sfreq):
    """Return the times at which a function of the library finds something."""
    # Its functions raise errors, or take means of nothing, if there is nothing to find.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            places = np.asarray(find(), dtype=np.intp)
    except (IndexError, ValueError):
        return np.zeros(0)
    return np.sort(places[~is_gap[places]]) / sfreq
