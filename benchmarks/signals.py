"""Signals for benchmarks: noise, where the content does not matter, and ECG."""

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

SFREQ = 22050  # Hz, of audio windows
WINDOWS_PER_TRACE = 32


def coloured_noise(n_samples, n_components, n_times, seed, dtype=np.float32):
    """Return mixtures and components of noise, the k-th smoothed over k + 1 points."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n_samples, n_components, n_times))
    for k in range(n_components):
        kernel = np.full(k + 1, (k + 1) ** -0.5)
        y[:, k] = np.apply_along_axis(np.convolve, -1, y[:, k], kernel, "same")
    return y.sum(axis=1).astype(dtype), y.astype(dtype)


def ecg_split(n_train, n_test, seed):
    """Return generated ECG for training, and for tests from traces of their own."""
    # not needed for noise: it imports signalz
    from sklearn_cass.datasets import make_ecg_mixtures

    n_samples = n_train + n_test
    ecg = make_ecg_mixtures(
        n_samples, windows_per_trace=WINDOWS_PER_TRACE, random_state=seed
    )
    splitter = GroupShuffleSplit(1, test_size=n_test / n_samples, random_state=seed)
    (rows,) = splitter.split(ecg.data, groups=ecg.groups)
    return [(ecg.data[r], ecg.target[r]) for r in rows]
