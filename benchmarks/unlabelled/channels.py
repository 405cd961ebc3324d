"""Fetal ECG in channels of recordings: noise like theirs, and estimates of all."""

import numpy as np
from scipy.signal import resample_poly

from ..recordings.classical import band_filtered, fetal_band_pass

SFREQ = 250  # Hz, of the rows
NOISE = (0.1, 1.0)  # times the level of the fetal component


def noise_like(components, rng):
    """Return noise, a mean of white and pink one, in the band of the components."""
    n_times = components.shape[-1]
    spectrum = np.fft.rfft(rng.normal(size=components.shape))
    frequencies = np.maximum(np.arange(spectrum.shape[-1]), 1)
    share = rng.random((*components.shape[:-1], 1))
    spectrum = spectrum * (share + (1 - share) * 10 / np.sqrt(frequencies))
    noise = band_filtered(np.fft.irfft(spectrum, n_times), SFREQ)
    level = components.std(axis=-1, keepdims=True) / noise.std(axis=-1, keepdims=True)
    return noise * level * rng.uniform(*NOISE, size=level.shape)


def separated(recording, separator):
    """Return the fetal component of each channel, the same for either polarity."""
    x = fetal_band_pass([], recording)
    x = resample_poly(x, SFREQ, recording.sfreq, axis=-1)
    fetal = [(separator.separate(c)[1] - separator.separate(-c)[1]) / 2 for c in x]
    back = resample_poly(np.array(fetal), recording.sfreq, SFREQ, axis=-1)
    return back[:, : recording.data.shape[1]]
