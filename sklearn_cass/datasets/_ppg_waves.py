"""Waveforms of a generated PPG: pulses and breaths."""

import math

import numpy as np

from ._rates import PERIOD


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
