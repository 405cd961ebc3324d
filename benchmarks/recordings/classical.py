"""Classical methods: filters, averaged beats that are subtracted, FastICA.

Each is a function of the recordings to learn from, which most of these ignore, and of a
recording without events. It returns estimates of the wanted component, one row for
each, at the rate of the recording.
"""

import warnings

import numpy as np
from scipy.ndimage import median_filter, uniform_filter1d
from scipy.signal import butter, iirnotch, sosfiltfilt, tf2sos
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning

from sklearn_cass.datasets import load_bidmc
from sklearn_cass.metrics import find_beats, find_breaths, rate_error

from .recording import bridged

FETAL_BAND, MAINS = (3.0, 45.0), 50.0  # Hz
BREATHING_BANDS = (
    *((0.08, 0.6), (0.1, 0.4), (0.1, 0.5), (0.1, 0.55), (0.1, 0.6), (0.1, 0.8)),
    (0.15, 0.6),
)
BREATHING_FILTERS = [(order, band) for order in (2, 4) for band in BREATHING_BANDS]
WINDOW = 64.0  # seconds of a breathing rate
BEFORE, AFTER, TAPER = 0.25, 0.45, 0.05  # seconds around a maternal R wave
N_NEIGHBOURS = 10  # beats on each side of one, that its template averages
QRS_LOW = 10.0  # Hz, above P and T waves
WEIGHTED_NEIGHBOURS, SMOOTH = 20, 0.03  # beats and seconds that give a weight
_ERRORS = {}  # of the filters, by recording
MOST_IRREGULAR = 0.1  # share of a mother's intervals, found in a channel


def no_filter(training, recording):
    """Return the channels as they are."""
    return recording.data


def fetal_band_pass(training, recording):
    """Return the channels without baseline, mains and noise above the band."""
    return band_filtered(recording.data, recording.sfreq)


def band_filtered(x, sfreq):
    """Return ECG in the band of QRS complexes, without mains."""
    notch = tf2sos(*iirnotch(MAINS, 30, fs=sfreq))
    sos = butter(4, FETAL_BAND, "bandpass", fs=sfreq, output="sos")
    return sosfiltfilt(sos, sosfiltfilt(notch, x))


def breathing_band_pass(training, recording):
    """Return the channel in the band that is best on the recordings to learn from."""

    def error(candidate):
        return np.mean([breathing_error(r, candidate) for r in training])

    return breathing_filtered(recording, min(BREATHING_FILTERS, key=error))


def recorded_respiration(training, recording):
    """Return the respiration that was recorded beside the PPG."""
    bunch = load_bidmc(recording.folder, records=[recording.name], channels=["RESP"])
    return bridged(bunch.data[0])


def breathing_filtered(recording, candidate):
    """Return the channel between the edges of a band, by a filter of an order."""
    order, band = candidate
    x = recording.data - recording.data.mean(axis=1, keepdims=True)
    return sosfiltfilt(
        butter(order, band, "bandpass", fs=recording.sfreq, output="sos"), x
    )


def breathing_error(recording, candidate):
    """Return the error of the rate on a recording with events; it is kept."""
    key = (recording.database, recording.name, candidate)
    if key not in _ERRORS:
        (x,) = breathing_filtered(recording, candidate)
        found = find_breaths(x, recording.sfreq)
        _ERRORS[key] = rate_error(
            recording.events, found, duration=recording.duration, window=WINDOW
        )
    return _ERRORS[key]


def template_subtraction(training, recording):
    """Return the channels without the averages of nearby maternal beats."""
    x, sfreq = fetal_band_pass(training, recording), recording.sfreq
    beats = maternal_beats(x, sfreq)
    return np.stack([subtract_beats(channel, beats, sfreq) for channel in x])


def fast_ica(training, recording):
    """Return the independent components of the channels."""
    return independent(fetal_band_pass(training, recording))


def template_subtraction_ica(training, recording):
    """Return the independent components of what template subtraction leaves."""
    return independent(template_subtraction(training, recording))


def weighted_subtraction(training, recording):
    """Return what template subtraction leaves of QRS complexes, weighted.

    Beats of the mother that differ from their average leave more at some times after
    an R wave than at others; there, the weight is low.
    """
    x, sfreq = fetal_band_pass(training, recording), recording.sfreq
    beats = maternal_beats(x, sfreq)
    sos = butter(3, QRS_LOW, "highpass", fs=sfreq, output="sos")
    left = [subtract_beats(channel, beats, sfreq) for channel in x]
    return np.stack([evened(y, beats, sfreq) for y in sosfiltfilt(sos, left)])


def weighted_subtraction_ica(training, recording):
    """Return the independent components of what weighted subtraction leaves."""
    return independent(weighted_subtraction(training, recording))


def evened(x, beats, sfreq):
    """Divide a channel by its level at each time after, or before, nearby beats."""
    before, after = round(BEFORE * sfreq), round(AFTER * sfreq)
    power = np.maximum(uniform_filter1d(x**2, round(SMOOTH * sfreq)), 0)
    padded = np.pad(power, (before, after), mode="reflect")
    places = beats[:, None] + np.arange(before + after)
    segments = padded[places]
    highest = np.full_like(padded, np.median(power))
    for k, place in enumerate(places):
        nearby = neighbours(k, len(beats), WEIGHTED_NEIGHBOURS)
        usual = np.median(segments[nearby], axis=0)
        usual = uniform_filter1d(usual, round(SMOOTH * sfreq))
        highest[place] = np.maximum(highest[place], usual)
    level = np.sqrt(highest[before : before + len(x)])
    return x / np.maximum(level, np.finfo(float).tiny)


def independent(x):
    """Return the independent components of channels."""
    ica = FastICA(whiten="unit-variance", max_iter=1000, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return ica.fit_transform(x.T).T


def maternal_beats(x, sfreq):
    """Return the time points of the beats of the mother.

    Of the independent components with regular beats, the one with the fewest shows
    them: the mother's heart is slower than that of the fetus.
    """
    components = independent(x)
    found = [find_beats(component, sfreq) for component in components]
    regular = [k for k, beats in enumerate(found) if is_regular(beats)]
    k = min(regular or range(len(found)), key=lambda k: len(found[k]))
    return aligned(components[k], np.round(found[k] * sfreq).astype(int), sfreq)


def is_regular(beats):
    """Tell whether beats are those of one heart."""
    return irregularity(beats) < MOST_IRREGULAR


def aligned(x, beats, sfreq):
    """Return beats moved to where they resemble their average most."""
    half, most = round(0.05 * sfreq), round(0.02 * sfreq)
    padded = np.pad(x, half + most)
    for _ in range(2):
        wide = padded[beats[:, None] + np.arange(2 * (half + most) + 1)]
        template = wide[:, most:-most].mean(axis=0)
        windows = np.lib.stride_tricks.sliding_window_view(wide, len(template), axis=1)
        beats = beats + np.argmax(windows @ template, axis=1) - most
        beats = np.unique(np.clip(beats, 0, len(x) - 1))
    return beats


def irregularity(events):
    """Return the share of intervals that differ by 15 % from those around them."""
    intervals = np.diff(events)
    if len(intervals) < 9:
        return 1.0
    nearby = median_filter(intervals, 9)
    return float(np.mean(np.abs(intervals - nearby) > 0.15 * nearby))


def subtract_beats(x, beats, sfreq):
    """Return a channel without the average of the beats around each beat, scaled."""
    return x - averaged_beats(x, beats, sfreq)


def averaged_beats(x, beats, sfreq, span=(BEFORE, AFTER), n_around=N_NEIGHBOURS):
    """Return the averages of the beats around each beat, scaled, at their places."""
    before, after = (round(seconds * sfreq) for seconds in span)
    padded = np.pad(x, (before, after))
    places = beats[:, None] + np.arange(before + after)
    segments = padded[places]  # (n_beats, n_points)
    estimate, weights = np.zeros_like(padded), np.zeros_like(padded)
    taper = ramps(before + after, round(TAPER * sfreq))
    for k, place in enumerate(places):
        nearby = neighbours(k, len(beats), n_around)
        template = segments[nearby].mean(axis=0)
        power = template @ template
        gain = segments[k] @ template / power if power else 0
        estimate[place] += taper * gain * template
        weights[place] += taper
    estimate /= np.maximum(weights, 1)
    return estimate[before : before + len(x)]


def neighbours(k, n_beats, n_each_side):
    """Return the beats around a beat, as many at the ends of the recording."""
    n_around = 2 * n_each_side + 1
    first = max(0, min(k - n_each_side, n_beats - n_around))
    return slice(first, first + n_around)


def ramps(n_points, n_ramp):
    """Return weights that rise from 0 to 1, and fall to 0 at the end."""
    ramp = np.linspace(0, 1, n_ramp)
    return np.concatenate([ramp, np.ones(n_points - 2 * n_ramp), ramp[::-1]])
