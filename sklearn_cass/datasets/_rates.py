"""Rates of beats and breaths: ranges, draws, and phases."""

import numpy as np

from ._checks import check_range

PERIOD = 2 * np.pi  # in radians
RATE_SPREAD = 0.05  # relative, of the rates in the windows of one subject


def check_rates(name, values, sfreq):
    """Return a range of rates per minute, of at most one period per time point."""
    low, high = check_range(name, values)
    if high > 60 * sfreq:
        raise ValueError(
            f"{name} must be at most 60 * sfreq = {60 * sfreq:g}, got {values!r}"
        )
    return low, high


def draw_rates(rng, limits, n_windows):
    """Draw a subject's rate per minute, and near it the rates in its windows."""
    own = rng.uniform(*limits)
    low, high = np.clip([own * (1 - RATE_SPREAD), own * (1 + RATE_SPREAD)], *limits)
    return rng.uniform(low, high, size=n_windows)


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


def delayed(phase, n_points):
    """Return phases of a number of time points before; at the ends, at the mean rate.

    Parameters
    ----------
    phase : ndarray of shape (n_samples, n_times)
        Ascending phases.
    n_points : ndarray of shape (n_samples, 1)
        Delay of each sample in time points, which may be negative.

    Returns
    -------
    phase : ndarray of shape (n_samples, n_times)
        The delayed phases.
    """
    if not np.any(n_points):
        return phase
    n_times = phase.shape[1]
    places = np.arange(n_times) - n_points
    inside = np.clip(places, 0, n_times - 1)
    found = np.array(
        [
            np.interp(at, np.arange(n_times), row)
            for at, row in zip(inside, phase, strict=True)
        ]
    )
    rate = (phase[:, -1:] - phase[:, :1]) / max(n_times - 1, 1)
    return found + rate * (places - inside)
