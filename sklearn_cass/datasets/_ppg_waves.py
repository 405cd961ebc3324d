"""Waveforms of a generated PPG: pulses, breaths, noise, and their phases."""

import math

import numpy as np

PERIOD = 2 * np.pi  # in radians


def integrate(start, per_minute, modulation, sfreq):
    """Integrate a modulated rate to a phase.

    The mean of the modulation over a sample is subtracted, so that `per_minute` is the
    exact mean rate of the sample. The phase is continuous.

    Parameters
    ----------
    start : ndarray of shape (n_samples, 1)
        Phase at the first time point, in radians.
    per_minute : ndarray of shape (n_samples, 1)
        Mean rate, in periods per minute.
    modulation : ndarray of shape (n_samples, n_times)
        Relative deviation of the rate from its mean.
    sfreq : float
        Sampling frequency in Hz.

    Returns
    -------
    phase : ndarray of shape (n_samples, n_times)
        In radians.
    """
    modulation = modulation - modulation.mean(axis=1, keepdims=True)
    rate = per_minute / 60 * (1 + modulation)
    periods = np.cumsum(rate, axis=1) - rate  # before each time point
    return start + PERIOD * periods / sfreq


def _log_normal(phase, mode, width):
    """Return a log-normal curve of height 1 from phase 0 on, cut off after 3 beats."""
    tails = (np.maximum(phase + PERIOD * beat, 1e-9) for beat in range(3))
    return sum(np.exp(-((np.log(tail / mode) / width) ** 2) / 2) for tail in tails)


def _gaussian(angle, width):
    """Return a periodic Gaussian around angle 0: the sum of three copies."""
    angle = (angle + np.pi) % PERIOD - np.pi
    copies = (angle - PERIOD, angle, angle + PERIOD)
    return sum(np.exp(-((copy / width) ** 2) / 2) for copy in copies)


def _waves(phase, shape):
    """Return the sum of systolic, late systolic and diastolic wave.

    The foot of the pulse is at phase 0.
    """
    phase = phase % PERIOD
    waves = _log_normal(phase, shape["systolic_peak"], shape["systolic_width"])
    for name in ("late", "diastolic"):
        angle = phase - shape["systolic_peak"] - shape[f"{name}_delay"]
        waves += shape[f"{name}_height"] * _gaussian(angle, shape[f"{name}_width"])
    return waves


def pulse_wave(phase, shape):
    """Return a pulse wave with mean 0 over a beat.

    Parameters
    ----------
    phase : ndarray
        Phase of the beat in radians; the foot is at 0.
    shape : dict of float
        Phases and widths in radians, heights relative to the systolic wave.

    Returns
    -------
    wave : ndarray of the shape of phase
        The height from foot to systolic peak is 1.
    """
    beat = _waves(np.linspace(0, PERIOD, 512, endpoint=False), shape)
    return (_waves(phase, shape) - beat.mean()) / np.ptp(beat)


def lung_volume(phase, inspiration, power):
    """Return the relative volume of the lungs during a breath.

    Inspiration and expiration are each half a period of the cos^(2n) of Lujan et al.,
    at different speeds; the derivative is 0 where they join.

    Parameters
    ----------
    phase : ndarray
        Phase of the breath in radians; inspiration starts at 0.
    inspiration : float
        Fraction of a breath that is inspiration.
    power : float
        The n in cos^(2n), 1 or more. A larger one makes the pause after expiration
        longer.

    Returns
    -------
    volume : ndarray of the shape of phase
        From 0, at the end of expiration, to 1.
    """
    share = phase / PERIOD % 1
    half = np.minimum(share / inspiration, (1 - share) / (1 - inspiration))
    return np.sin(np.pi / 2 * half) ** (2 * power)


def mean_volume(power):
    """Return the mean of `lung_volume` over a breath, which is that of cos^(2n)."""
    return math.gamma(power + 0.5) / (math.sqrt(math.pi) * math.gamma(power + 1))


def pink_noise(rng, n_samples, n_times):
    """Draw noise of mean 0 and power 1, whose density is that of 1 / frequency."""
    spectrum = np.fft.rfft(rng.standard_normal((n_samples, n_times)))
    spectrum[:, 0] = 0
    spectrum[:, 1:] /= np.sqrt(np.arange(1, spectrum.shape[1]))
    noise = np.fft.irfft(spectrum, n_times)
    power = np.mean(noise**2, axis=1, keepdims=True)
    # the power is 0 for a single time point
    return noise / np.sqrt(np.where(power > 0, power, 1))
