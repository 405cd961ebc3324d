"""Resampling of signals in memory."""

import math

from scipy.signal import resample_poly


def resample(x, sfreq_from, sfreq_to):
    """Resample the last axis by the exact ratio of two integer frequencies in Hz."""
    divisor = math.gcd(sfreq_from, sfreq_to)
    if sfreq_from == sfreq_to:
        return x
    return resample_poly(x, sfreq_to // divisor, sfreq_from // divisor, axis=-1)
