"""Separators that learn the respiration in a PPG from that of other patients.

The true respiration is made from the annotated breaths of the patients that are learned
from: a cosine with a maximum at each breath, moved by the lag at which it is most like
their PPG. The settings are chosen on further patients that are left out among these.
"""

from functools import cache, lru_cache

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, resample_poly, sosfiltfilt

from sklearn_cass import (
    NMFSeparator,
    ResNet9,
    STFTTransformer,
)
from sklearn_cass.datasets import make_ppg_mixtures
from sklearn_cass.metrics import find_breaths, rate_error

from .classical import WINDOW
from .learned import SEPARATORS

PPG_ROWS = {"n_samples": 640, "n_times": 1024, "sfreq": 25}
NMF = {"rows": PPG_ROWS, "parameters": {"n_atoms": 16}}

SFREQ = 6.25  # of rows and estimates, in Hz
BANDS = ((0.1, 0.5), (0.07, 0.7))  # Hz, one after the other
LEVEL, ESTIMATE_LEVEL, MOST = 60.0, 20.0, 3.0  # seconds, seconds, times the level
LAG = 4.0  # largest, in seconds
RATES = (0.7, 1.0, 1.4)  # at which recordings are played
HOP = 8.0  # seconds between rows
LEAST = 0.3  # amplitude of the respiration, relative to the PPG's level
WINDOWS = ((64, 8), (128, 16))  # n_fft and hop_length, to choose from
NETWORK = {"n_filters": 4, "n_latent": 16}
PARAMETERS = {
    "representation": "phase-sensitive",
    "batch_size": 32,
    "lr": 8e-3,
    "max_epochs": 6,
    "remix": 0,
}
LEARNED = {
    "bands": BANDS,
    "seconds": (LEVEL, ESTIMATE_LEVEL, LAG, HOP, WINDOW),
    "most": MOST,
    "least": LEAST,
    "rates": RATES,
    "windows": WINDOWS,
    "network": NETWORK,
    "parameters": PARAMETERS,
}


def nmf(training, recording, seed):
    """Return the respiration that NMF estimates, which learned from generated PPG."""
    return breathing(recording, fitted_nmf(seed))


@lru_cache(maxsize=1)
def fitted_nmf(seed):
    """Return NMF that learned from generated PPG."""
    ppg = make_ppg_mixtures(random_state=seed, **PPG_ROWS)
    separator = NMFSeparator(random_state=seed, **NMF["parameters"])
    return separator.fit(ppg.data, ppg.target)


def breathing(recording, separator):
    """Return the respiration in a PPG without its mean."""
    sfreq = PPG_ROWS["sfreq"]
    x = recording.data - recording.data.mean(axis=1, keepdims=True)
    x = resample_poly(x, sfreq, recording.sfreq, axis=-1)
    estimates = np.array([separator.separate(channel)[1] for channel in x])
    back = resample_poly(estimates, recording.sfreq, sfreq, axis=-1)
    return back[:, : recording.data.shape[1]]


def learned(name, training, recording, seed):
    """Return the respiration by a separator whose window is chosen without it."""
    window = chosen_window(training, recording, seed)
    estimate = estimated(fitted(name, tuple(training), window, seed), recording)
    up = round(recording.sfreq / SFREQ)
    return resample_poly(estimate, up, 1)[None, : recording.data.shape[1]]


# Rows ---------------------------------------------------------------------------------


def baseline(recording):
    """Return the slow part of a PPG at the rate of rows, its level divided out."""
    x = recording.data[0] - recording.data[0].mean()
    x = resample_poly(x, 1, round(recording.sfreq / SFREQ))
    for band in BANDS:
        x = sosfiltfilt(butter(2, band, "bandpass", fs=SFREQ, output="sos"), x)
    return levelled(x, LEVEL)


def levelled(x, seconds):
    """Return a waveform divided by its RMS nearby, without its largest swings."""
    power = uniform_filter1d(x**2, round(seconds * SFREQ), mode="reflect")
    return np.clip(x / np.sqrt(np.maximum(power, 1e-24)), -MOST, MOST)


def respiration(events, x):
    """Return a cosine with a maximum a breath, with the lag at which it is most like x.

    A breath is annotated in another signal than the PPG, and by another part of it in
    each patient. Before the first breath and after the last one, it is 0.
    """
    times, n = np.arange(len(x)) / SFREQ, round(LAG * SFREQ)
    phase = np.interp(times, events, np.arange(len(events)))
    inside = (times > events[0]) & (times < events[-1])
    wave = np.where(inside, np.cos(2 * np.pi * phase), 0)
    lags = np.arange(-n, n + 1)
    likeness = [wave[n + k : len(x) - n + k] @ x[n : len(x) - n] for k in lags]
    return np.roll(wave, -lags[np.argmax(likeness)])


def rows_of(recordings):
    """Return mixtures and components, rest and respiration, at several rates."""
    pairs = [
        pair
        for recording in recordings
        for rate in RATES
        for pair in rows(recording, rate)
    ]
    mixtures, true = np.array(pairs).transpose(1, 0, 2)
    return mixtures, np.stack([mixtures - true, true], axis=1)


@cache
def rows(recording, rate):
    """Return rows of a recording that is played at a rate: mixture and respiration."""
    x = baseline(recording)
    wave = respiration(recording.events, x)
    places = np.arange(0, len(x) - 1, rate)
    played = [np.interp(places, np.arange(len(x)), s) for s in (x, wave)]
    n_times, hop = round(WINDOW * SFREQ), round(HOP * SFREQ)
    starts = range(0, len(places) - n_times + 1, hop)
    cut = [[s[start : start + n_times] for s in played] for start in starts]
    return [(mixture, scaled(true, mixture)) for mixture, true in cut]


def scaled(true, mixture):
    """Return a respiration as large as least squares find it in a mixture, or LEAST."""
    return max(LEAST, true @ mixture / max(true @ true, 1e-12)) * true


# Separators ---------------------------------------------------------------------------


@lru_cache(maxsize=128)
def fitted(name, training, window, seed):
    """Return a separator that learned from recordings with events."""
    separator = SEPARATORS[name](
        ResNet9(**NETWORK),
        stft=STFTTransformer(*window),
        random_state=seed,
        **PARAMETERS,
    )
    return separator.fit(*rows_of(training), sfreq=SFREQ)


def estimated(separator, recording):
    """Return the respiration that a separator estimates, at the rate of rows."""
    estimate = separator.separate(baseline(recording))[1]
    return levelled(estimate, ESTIMATE_LEVEL)


def chosen_window(training, tested, seed):
    """Return the window of least error on patients among those to learn from.

    All patients in turn form pairs. The pair with the one that is tested is left out
    entirely: autoencoder pairs learn from all other pairs but one, on which their error
    is found.
    """
    pairs = [p for p in pairs_of([*training, tested]) if tested.name not in names(p)]

    def error(window):
        found = [
            error_of(r, fitted("ae", others_of(pairs, pair), window, seed))
            for pair in pairs
            for r in pair
        ]
        return np.mean(found)

    return min(WINDOWS, key=error)


def pairs_of(recordings):
    """Return recordings in pairs, in the order of their names."""
    ordered = sorted(recordings, key=lambda r: r.name)
    return [tuple(ordered[k : k + 2]) for k in range(0, len(ordered), 2)]


def others_of(pairs, pair):
    """Return the recordings of the other pairs."""
    return tuple(r for other in pairs if other is not pair for r in other)


def names(recordings):
    """Return the names of recordings."""
    return [r.name for r in recordings]


def error_of(recording, separator):
    """Return the error of the rate on a recording with events."""
    up = round(recording.sfreq / SFREQ)
    found = find_breaths(
        resample_poly(estimated(separator, recording), up, 1), up * SFREQ
    )
    duration = recording.duration
    return rate_error(recording.events, found, duration=duration, window=WINDOW)
