"""Separators that learn from mixtures with known components.

They learn from what weighted subtraction leaves of the recordings that are not
tested, with their annotations, and from generated ECG.
"""

from functools import lru_cache

import numpy as np
from scipy.signal import butter, resample_poly, sosfiltfilt

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    NMFSeparator,
    RegularCASSSeparator,
    Remix,
    ResNet9,
)
from sklearn_cass.datasets import make_ecg_mixtures

from .classical import FETAL_BAND, QRS_LOW, averaged_beats, weighted_subtraction
from .recording import load_fetal

# Beats of the fetus: seconds before and after R waves, and how many on each side
FETAL_ROWS = {"sfreq": 125, "n_times": 512, "span": (0.12, 0.25), "neighbours": 20}
FETAL_GENERATED = {
    "n_samples": 300,
    "windows_per_trace": 2,
    "leads": "random",
    "polarity": "random",
    "fetal_bpm": (95, 195),
    "noise": ["white", "pink", "muscle"],
}
FETAL_DB = (-10, 3)  # of generated fetal ECG, relative to the noise
FETAL_TRAINING = {
    "network": {"n_filters": 10, "n_latent": 48, "output": "affine"},
    "remix": {"sign": True, "gain": (-6, 6), "shift": 0.5, "rate": (0.85, 1.18)},
    "parameters": {"max_epochs": 4, "batch_size": 16, "lr": 0.008},
}
SEPARATORS = {
    "ae": AESeparator,
    "regular": RegularCASSSeparator,
    "cross": CASSSeparator,
}
FETAL_NMF = {"parameters": {"n_atoms": 16}}


def fetal_estimates(method, training, recording, seed):
    """Return the fetal component of what weighted subtraction leaves of each channel.

    It is the same for either polarity.
    """
    separator = fitted_fetal(method, *known(training), seed)
    x = weighted_subtraction(training, recording)
    return separator.separate(x, sfreq=recording.sfreq, polarity="both")[0]


def known(training):
    """Return folder and names of the recordings of ADFECGDB."""
    names = tuple(sorted(r.name for r in training if r.database == "ADFECGDB"))
    return training[0].folder, names


@lru_cache(maxsize=1)  # recordings with the same training set follow each other
def fitted_fetal(method, folder, names, seed):
    """Return a separator of fetal ECG and what else template subtraction leaves."""
    recorded = [fetal_parts(folder, name) for name in names]
    rows = np.concatenate([*recorded, generated_parts(seed)])
    if method == "nmf":
        separator = NMFSeparator(random_state=seed, **FETAL_NMF["parameters"])
    else:
        separator = SEPARATORS[method](
            ResNet9(**FETAL_TRAINING["network"]),
            remix=Remix(**FETAL_TRAINING["remix"]),
            random_state=seed,
            **FETAL_TRAINING["parameters"],
        )
    return separator.fit(rows.sum(axis=1), rows, sfreq=FETAL_ROWS["sfreq"])


@lru_cache(maxsize=4)
def fetal_parts(folder, name):
    """Return windows of the fetal and the other part of what subtraction leaves.

    The fetal part is the average of the beats around each annotated one. Channels are
    scaled to the same level of the other part.
    """
    (recording,) = [
        r for r in load_fetal(folder) if (r.database, r.name) == ("ADFECGDB", name)
    ]
    x, sfreq = weighted_subtraction([], recording), recording.sfreq
    beats = np.round(recording.events * sfreq).astype(int)
    span, n_around = FETAL_ROWS["span"], FETAL_ROWS["neighbours"]
    fetal = np.stack([averaged_beats(c, beats, sfreq, span, n_around) for c in x])
    parts = np.stack([fetal, x - fetal], axis=1)
    parts /= parts[:, 1:].std(axis=-1, keepdims=True)
    parts = resample_poly(parts, FETAL_ROWS["sfreq"], sfreq, axis=-1)
    n_times = FETAL_ROWS["n_times"]
    n_windows = parts.shape[-1] // n_times
    windows = parts[..., : n_windows * n_times].reshape(-1, 2, n_windows, n_times)
    return windows.swapaxes(1, 2).reshape(-1, 2, n_times)


def generated_parts(seed):
    """Return generated fetal ECG and noise, filtered as recordings are."""
    ecg = make_ecg_mixtures(
        n_times=FETAL_ROWS["n_times"],
        sfreq=FETAL_ROWS["sfreq"],
        random_state=seed,
        **FETAL_GENERATED,
    )
    parts = np.stack([ecg.target[:, 1], ecg.noise], axis=1)
    band = (QRS_LOW, FETAL_BAND[1])
    sos = butter(4, band, "bandpass", fs=FETAL_ROWS["sfreq"], output="sos")
    parts = sosfiltfilt(sos, parts)
    parts /= parts.std(axis=-1, keepdims=True)
    levels = np.random.default_rng(seed).uniform(*FETAL_DB, size=len(parts))
    parts[:, 0] *= 10 ** (levels[:, None] / 20)
    return parts
