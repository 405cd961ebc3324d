"""Rows with known components, rows without, and what estimates are compared with.

Generated: what is known are clean rows, and white noise by itself; the mixtures, also
those to test on, have pink noise. Recorded: what is known comes from other recordings,
the mixtures from the tested one.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.signal import resample_poly

from sklearn_cass.datasets import load_semireal_fetal_ecg, make_ecg_mixtures
from sklearn_cass.metrics import detection_f1, find_beats

from ..recordings.classical import band_filtered, fetal_band_pass, irregularity
from ..recordings.learned import known
from ..recordings.problems import FETAL_RATES, TOLERANCE
from ..report import measure
from .channels import SFREQ, noise_like

N_ROWS = (300, 300, 200)  # known, unknown, tested
SIGNALS = {"n_times": 512, "noise": "pink", "noise_db": (-8, -8)}
N_NOISE = 100  # rows of white noise alone
GENERATED = {"n_rows": N_ROWS, "n_noise": N_NOISE, **SIGNALS}
N_TIMES = 1000
RECORDED = {
    "sfreq": SFREQ,
    "n_times": N_TIMES,
    "hop": 1000,
    "magnitude_ratio": (1, 10),
}


@dataclass(frozen=True)
class Rows:
    """Rows to learn from: ``y`` are the components of X, ``mixtures`` have none.

    ``truth`` are the components of the mixtures where they are known after all, for
    the ceiling; else None.
    """

    X: np.ndarray
    y: np.ndarray
    mixtures: np.ndarray
    truth: np.ndarray | None = None

    def partly_known(self):
        """Return mixtures and components of all rows, NaN where they are not known."""
        unknown = np.full((len(self.mixtures), *self.y.shape[1:]), np.nan)
        return self.joined(unknown)

    def joined(self, y):
        """Return all rows, with some components of the mixtures."""
        return np.concatenate([self.X, self.mixtures]), np.concatenate([self.y, y])


# Generated ----------------------------------------------------------------------------


@cache
def generated(seed):
    """Return rows to learn from, and noisy rows to test on with their components."""
    clean, unknown, tested = (noisy(n, 3 * seed + i) for i, n in enumerate(N_ROWS))
    y = np.concatenate([clean[1], np.zeros_like(clean[1][:N_NOISE])])
    y[:, 2] = 0  # clean
    level = np.median(unknown[1][:, 2].std(axis=1))
    white = np.random.default_rng(seed).normal(size=y[-N_NOISE:, 2].shape)
    y[-N_NOISE:, 2] = level * white
    return Rows(y.sum(axis=1), y, *unknown), tested


def noisy(n_samples, random_state):
    """Return mixtures, and maternal ECG, fetal ECG and pink noise in them."""
    ecg = make_ecg_mixtures(n_samples, random_state=random_state, **SIGNALS)
    noise = ecg.data - ecg.target.sum(axis=1)
    return ecg.data, np.concatenate([ecg.target, noise[:, None]], axis=1)


def measure_generated(tested, transform):
    """Return errors and SDRs of each component."""
    X, y = tested
    measured = measure(y, transform(X), X)
    return {name: measured[name] for name in ("L2", "SDR")}


# Recorded -----------------------------------------------------------------------------


@cache
def components_of(folder, names, seed):
    """Return maternal and fetal ECG and noise, of either polarity, of some records."""
    rng = np.random.default_rng(seed)
    bunch = load_semireal_fetal_ecg(
        folder, records=list(names), random_state=seed, **RECORDED
    )
    y = band_filtered(bunch.target, SFREQ)
    y *= rng.choice([-1, 1], size=(*y.shape[:2], 1))
    return np.concatenate([y, noise_like(y[:, 1:], rng)], axis=1)


def recorded(training, recording, seed):
    """Return known components of other records, and this recording's own windows."""
    y = components_of(*known(training), seed)
    return Rows(y.sum(axis=1), y, windows_of(recording))


def windows_of(recording):
    """Return windows of all channels, filtered, each as loud as the others."""
    x = fetal_band_pass([], recording)
    x = resample_poly(x, SFREQ, recording.sfreq, axis=-1)
    n_windows = x.shape[1] // N_TIMES
    windows = x[:, : n_windows * N_TIMES].reshape(-1, N_TIMES)
    levels = windows.std(axis=1, keepdims=True)
    return (windows / np.where(levels > 0, levels, 1))[levels[:, 0] > 0]


def measure_recorded(tested, separate):
    """Return F1 scores of the channels, and which has the most regular beats.

    Beats are found at any rate: at known rates, also what separates little is enough.
    """
    found = [find_beats(x, tested.sfreq) for x in separate(tested)]
    f1 = [float(detection_f1(tested.events, b, tolerance=TOLERANCE)) for b in found]
    return {"F1": f1, "chosen": most_regular(found)}


def most_regular(found):
    """Return which beats are the most regular ones at a fetal rate.

    No annotation is used. If none has a fetal rate, all are compared.
    """
    low, high = FETAL_RATES
    fetal = [k for k, beats in enumerate(found) if low < rate(beats) < high]
    return min(fetal or range(len(found)), key=lambda k: irregularity(found[k]))


def rate(beats):
    """Return the median number of beats a minute, 0 if there are fewer than two."""
    return 60 / np.median(np.diff(beats)) if len(beats) > 1 else 0
