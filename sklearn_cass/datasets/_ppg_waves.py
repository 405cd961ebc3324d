"""The shapes in a generated PPG: pulse wave, breath, noise, phases."""

import math

import numpy as np

TURN = 2 * np.pi


def integrate(start, per_minute, modulation, sfreq):
    """Integrate a modulated rate to a phase in radians.

    The modulation loses its mean over the row, so that `per_minute` is the row's mean
    rate exactly; the phase is continuous, so beats join without a jump.

    Parameters
    ----------
    start, per_minute : ndarray of shape (n_rows, 1)
    modulation : ndarray of shape (n_rows, n_times)
        Relative to the rate.
    sfreq : float
        In Hz.

    Returns
    -------
    phase : ndarray of shape (n_rows, n_times)
    """
    modulation = modulation - modulation.mean(axis=1, keepdims=True)
    rate = per_minute / 60 * (1 + modulation)
    turns = np.cumsum(rate, axis=1) - rate  # those before each sample
    return start + TURN * turns / sfreq


def _log_normal(phase, mode, width):
    """Log-normal curve of height 1 that starts at phase 0; its tail lasts 3 beats."""
    tails = (np.maximum(phase + TURN * beat, 1e-9) for beat in range(3))
    return sum(np.exp(-((np.log(tail / mode) / width) ** 2) / 2) for tail in tails)


def _gaussian(angle, width):
    """Gaussian around angle 0 with its copies one turn away: smooth on the circle."""
    angle = (angle + np.pi) % TURN - np.pi
    copies = (angle - TURN, angle, angle + TURN)
    return sum(np.exp(-((copy / width) ** 2) / 2) for copy in copies)


def _waves(phase, shape):
    """Add up systolic, late systolic and diastolic wave; phase 0 is the foot."""
    phase = phase % TURN
    waves = _log_normal(phase, shape["systolic_peak"], shape["systolic_width"])
    for name in ("late", "diastolic"):
        angle = phase - shape["systolic_peak"] - shape[f"{name}_delay"]
        waves += shape[f"{name}_height"] * _gaussian(angle, shape[f"{name}_width"])
    return waves


def pulse_wave(phase, shape):
    """Pulse wave of height 1, foot to systolic peak, with mean 0 over a beat.

    Parameters
    ----------
    phase : ndarray
        In radians; the foot is at 0.
    shape : dict of float
        Phases and widths in radians, heights relative to the systolic wave.

    Returns
    -------
    wave : ndarray of the shape of phase
    """
    beat = _waves(np.linspace(0, TURN, 512, endpoint=False), shape)
    return (_waves(phase, shape) - beat.mean()) / np.ptp(beat)


def lung_volume(phase, inspiration, power):
    """Breath from 0, at the end of expiration, to 1.

    Inspiration and expiration are each half a period of Lujan's cos^(2n), at their own
    speeds, and join smoothly: the curve is level where they meet.

    Parameters
    ----------
    phase : ndarray
        In radians; inspiration starts at 0.
    inspiration : float
        Its share of the cycle.
    power : float
        The n in cos^(2n), 1 or more: the larger, the longer the pause after expiration.

    Returns
    -------
    volume : ndarray of the shape of phase
    """
    share = phase / TURN % 1
    half = np.minimum(share / inspiration, (1 - share) / (1 - inspiration))
    return np.sin(np.pi / 2 * half) ** (2 * power)


def mean_volume(power):
    """Return the mean of `lung_volume` over a breath, that of cos^(2n)."""
    return math.gamma(power + 0.5) / (math.sqrt(math.pi) * math.gamma(power + 1))


def pink_noise(rng, n_rows, n_times):
    """Draw noise of power 1 and mean 0 in each row, spread like 1 / frequency."""
    spectrum = np.fft.rfft(rng.standard_normal((n_rows, n_times)))
    spectrum[:, 0] = 0
    spectrum[:, 1:] /= np.sqrt(np.arange(1, spectrum.shape[1]))
    noise = np.fft.irfft(spectrum, n_times)
    power = np.mean(noise**2, axis=1, keepdims=True)
    return noise / np.sqrt(np.where(power > 0, power, 1))  # one sample is its own mean
