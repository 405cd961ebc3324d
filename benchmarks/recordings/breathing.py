"""Separators that learn the respiration in a PPG from mixtures with known components.

They learn from generated PPG, and so from no patient.
"""

from functools import lru_cache

import numpy as np
from scipy.signal import resample_poly

from sklearn_cass import AESeparator, NMFSeparator
from sklearn_cass.datasets import make_ppg_mixtures

PPG_ROWS = {"n_samples": 640, "n_times": 1024, "sfreq": 25}
NMF = {"rows": PPG_ROWS, "parameters": {"n_atoms": 16}}
AE = {"rows": PPG_ROWS, "parameters": {"max_epochs": 20}}


def nmf(training, recording, seed):
    """Return the respiration that NMF estimates."""
    return breathing(recording, fitted_ppg(NMFSeparator, seed))


def ae(training, recording, seed):
    """Return the respiration that autoencoder pairs estimate."""
    return breathing(recording, fitted_ppg(AESeparator, seed))


@lru_cache(maxsize=1)
def fitted_ppg(cls, seed):
    """Return a separator that learned from generated PPG."""
    settings = AE if cls is AESeparator else NMF
    ppg = make_ppg_mixtures(random_state=seed, **PPG_ROWS)
    separator = cls(random_state=seed, **settings["parameters"])
    return separator.fit(ppg.data, ppg.target)


def breathing(recording, separator):
    """Return the respiration in a PPG without its mean."""
    sfreq = PPG_ROWS["sfreq"]
    x = recording.data - recording.data.mean(axis=1, keepdims=True)
    x = resample_poly(x, sfreq, recording.sfreq, axis=-1)
    estimates = np.array([separator.separate(channel)[1] for channel in x])
    back = resample_poly(estimates, recording.sfreq, sfreq, axis=-1)
    return back[:, : recording.data.shape[1]]
