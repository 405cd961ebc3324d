"""Separators that learn fetal ECG from mixtures with known components.

They learn from semi-real mixtures of the scalp ECG of the recordings that are not
tested.
"""

from functools import lru_cache

import numpy as np
from scipy.signal import resample_poly

from sklearn_cass import AESeparator, NMFSeparator
from sklearn_cass.datasets import load_semireal_fetal_ecg

from .classical import band_filtered, fetal_band_pass

FETAL_ROWS = {
    "sfreq": 250,
    "n_times": 1000,
    "hop": 250,
    "magnitude_ratio": (1, 10),
}
NOISE = (0.1, 1.0)  # times the level of the fetal component
FETAL_NMF = {"rows": FETAL_ROWS, "parameters": {"n_atoms": 16}}
FETAL_AE = {
    "rows": FETAL_ROWS,
    "noise": NOISE,
    "signs": True,
    "parameters": {"max_epochs": 12},
}


def fetal_nmf(training, recording, seed):
    """Return fetal estimates of NMF for each channel."""
    return separated(recording, fitted_fetal_nmf(*known(training), seed))


def fetal_ae(training, recording, seed):
    """Return fetal estimates of autoencoder pairs for each channel."""
    return separated(recording, fitted_fetal_ae(*known(training), seed))


def known(training):
    """Return folder and names of the recordings with a scalp ECG."""
    names = tuple(sorted(r.name for r in training if r.database == "ADFECGDB"))
    return training[0].folder, names


@lru_cache(maxsize=1)  # recordings with the same training set follow each other
def fitted_fetal_nmf(folder, names, seed):
    """Return NMF that learned from the scalp ECG of some recordings."""
    components = fetal_components(folder, names, seed)
    separator = NMFSeparator(random_state=seed, **FETAL_NMF["parameters"])
    return separator.fit(components.sum(axis=1), components)


@lru_cache(maxsize=1)
def fitted_fetal_ae(folder, names, seed):
    """Return autoencoder pairs that learned from the scalp ECG of some recordings.

    Noise is a component of its own, which is drawn into mixtures as the others are.
    """
    rng = np.random.default_rng(seed)
    components = fetal_components(folder, names, seed)
    components *= rng.choice([-1, 1], size=(*components.shape[:2], 1))
    rows = np.concatenate([components, noise_like(components[:, 1:], rng)], axis=1)
    separator = AESeparator(random_state=seed, **FETAL_AE["parameters"])
    return separator.fit(rows.sum(axis=1), rows)


def fetal_components(folder, names, seed):
    """Return maternal and fetal components, filtered as recordings are."""
    bunch = load_semireal_fetal_ecg(
        folder, records=list(names), random_state=seed, **FETAL_ROWS
    )
    return band_filtered(bunch.target, FETAL_ROWS["sfreq"])


def noise_like(components, rng):
    """Return noise, a mean of white and pink one, in the band of the components."""
    n_times = components.shape[-1]
    spectrum = np.fft.rfft(rng.normal(size=components.shape))
    frequencies = np.maximum(np.arange(spectrum.shape[-1]), 1)
    share = rng.random((*components.shape[:-1], 1))
    spectrum = spectrum * (share + (1 - share) * 10 / np.sqrt(frequencies))
    noise = band_filtered(np.fft.irfft(spectrum, n_times), FETAL_ROWS["sfreq"])
    level = components.std(axis=-1, keepdims=True) / noise.std(axis=-1, keepdims=True)
    return noise * level * rng.uniform(*NOISE, size=level.shape)


def separated(recording, separator):
    """Return the fetal component of each channel, the same for either polarity."""
    x = fetal_band_pass([], recording)
    sfreq = FETAL_ROWS["sfreq"]
    x = resample_poly(x, sfreq, recording.sfreq, axis=-1)
    fetal = [(separator.separate(c)[1] - separator.separate(-c)[1]) / 2 for c in x]
    back = resample_poly(np.array(fetal), recording.sfreq, sfreq, axis=-1)
    return back[:, : recording.data.shape[1]]
