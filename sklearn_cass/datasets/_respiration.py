"""Respiratory noise of ECG."""

import numpy as np

RESPIRATION_HZ = (0.2, 0.6)
RESPIRATION_MV = (0.05, 0.3)


def draw_respiration(rng, n_samples, n_times, sfreq):
    """Draw sinusoids that model respiration, as in section 4.1 of [1]_.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    n_samples, n_times : int
        Number of signals, and of their time points.
    sfreq : int
        Sampling frequency in Hz.

    Returns
    -------
    drawn : dict
        ``noise`` of shape (n_samples, n_times) in mV, ``noise_frequency`` in Hz and
        ``noise_amplitude`` in mV, both of shape (n_samples,).

    References
    ----------
    .. [1] Y. Z. Ong, C. K. Chui, H. Yang, "CASS: Cross adversarial source separation
       via autoencoder", 2019, `arXiv:1905.09877 <https://arxiv.org/abs/1905.09877>`_.
    """
    frequency = rng.uniform(*RESPIRATION_HZ, size=n_samples)
    amplitude = rng.uniform(*RESPIRATION_MV, size=n_samples)
    phase = rng.uniform(0, 2 * np.pi, size=n_samples)
    times = np.arange(n_times) / sfreq
    angle = 2 * np.pi * frequency[:, None] * times + phase[:, None]
    return {
        "noise": amplitude[:, None] * np.sin(angle),
        "noise_frequency": frequency,
        "noise_amplitude": amplitude,
    }
