"""Breaths that differ in length and depth, with pauses and sighs."""

import numpy as np

from ._rates import PERIOD

CORRELATION = 0.5  # of the logarithms of successive breaths' lengths, and depths
PAUSE = (0.5, 2.0)  # length, in mean breaths
SIGH = (2.0, 3.0)  # depth, relative to the other breaths
SIGH_LENGTH = 1.5


def draw_breaths(rng, phase, breath_variability, pauses, sighs):
    """Draw breaths, one after the other.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    phase : float
        Phase that passes while they last, in radians.
    breath_variability : float
        Standard deviation of the logarithms of lengths and depths.
    pauses, sighs : float
        Share of breaths that a pause follows, and of those that are sighs.

    Returns
    -------
    breaths : dict of str to ndarray of shape (n_breaths,)
        ``length``, ``pause`` after the breath, both in mean breaths, and ``depth``,
        with mean 1.
    """
    n_breaths = int(phase / PERIOD) + 2
    length, depth = np.exp(breath_variability * _correlated(rng, (2, n_breaths)))
    pause = rng.uniform(*PAUSE, size=n_breaths) * (rng.random(n_breaths) < pauses)
    is_sigh = rng.random(n_breaths) < sighs
    depth = depth * np.where(is_sigh, rng.uniform(*SIGH, size=n_breaths), 1)
    length = length * np.where(is_sigh, SIGH_LENGTH, 1)
    return {"length": length, "pause": pause, "depth": depth / depth.mean()}


def _correlated(rng, shape):
    """Draw rows of standard normal numbers, each correlated with the one before."""
    rows = rng.standard_normal(shape)
    for k in range(1, shape[-1]):
        rows[..., k] *= np.sqrt(1 - CORRELATION**2)
        rows[..., k] += CORRELATION * rows[..., k - 1]
    return rows


def phase_and_depth(phase, breaths):
    """Give the breaths of a window their lengths and depths.

    As many breaths as before pass in the window, so that its mean rate is the same.
    All changes of rate and depth happen where a breath ends, at lung volume 0.

    Parameters
    ----------
    phase : ndarray of shape (n_times,)
        Ascending phase of regular breaths in radians.
    breaths : dict
        From :func:`draw_breaths`.

    Returns
    -------
    phase, depth : ndarray of shape (n_times,)
        New phase, between the same two values, and the depth at each time point.
    """
    first = np.floor(phase[0] / PERIOD)
    starts = PERIOD * (first + np.arange(len(breaths["length"]) + 1))
    ends = np.cumsum(breaths["length"] + breaths["pause"])
    # lengths of breaths and pauses in turn; no phase passes in a pause
    times = np.sort([*(ends - breaths["pause"]), *ends, 0.0])
    phases = np.repeat(starts, 2)[1:]
    increasing = phases + 1e-9 * np.arange(len(phases))  # invertible in pauses, too
    first_and_last = np.interp([phase[0], phase[-1]], increasing, times)
    at = np.interp(phase, [phase[0], phase[-1]], first_and_last)
    found = np.interp(at, times, phases)
    which = np.clip(np.searchsorted(ends, at), 0, len(ends) - 1)
    return found, breaths["depth"][which]
