"""Beats of one heart, whose rate is known to lie in a range."""

import numpy as np
from scipy.ndimage import maximum_filter1d, uniform_filter1d

_STEP = 0.008  # seconds; intervals are multiples of it
_QRS, _NEARBY = 0.03, 2.0  # seconds: over which energy is averaged, and compared
_HIGHEST = 3.0  # times the level nearby; bursts of noise count no more than beats do
_DEVIATION = 0.05  # of an interval from the one before, relative


def regular_beats(x, is_gap, sfreq, rates):
    """Return the points of the beats of one heart.

    Among all series of beats whose intervals lie in a range, the one with the largest
    sum of scores is found by dynamic programming: each beat scores by the energy at its
    time, less a penalty for the change of the interval.

    Parameters
    ----------
    x : ndarray of shape (n_times,)
        Waveform in the band of QRS complexes.
    is_gap : ndarray of shape (n_times,)
        Where nothing is known.
    sfreq : float
        Sampling frequency in Hz.
    rates : (float, float)
        Lowest and highest rate in beats per minute.
    """
    # running means of a waveform that is nearly zero may be below zero
    envelope = np.sqrt(np.maximum(averaged(x**2, _QRS * sfreq), 0))
    n_steps = int(len(x) / sfreq / _STEP)
    lowest, highest = (60 / rate / _STEP for rate in rates[::-1])
    intervals = np.arange(max(1, int(lowest)), int(np.ceil(highest)) + 1)
    if n_steps <= intervals[0]:
        return np.zeros(0, np.intp)
    scores = scores_of(envelope, is_gap, n_steps, sfreq)
    centers = (best_series(scores, intervals) + 0.5) * _STEP * sfreq
    return highest_nearby(envelope, centers.astype(np.intp), round(_QRS * sfreq))


def averaged(x, n_points):
    """Return means over windows around each point."""
    return uniform_filter1d(x, max(1, round(n_points)))


def scores_of(envelope, is_gap, n_steps, sfreq):
    """Return scores of a beat at each step, of mean 0 nearby; 0 in gaps."""
    places = (np.arange(n_steps) * _STEP * sfreq).astype(np.intp)
    width = max(1, round(_STEP * sfreq))
    heights = maximum_filter1d(envelope, width, origin=-(width // 2))[places]
    level = averaged(heights, _NEARBY / _STEP)
    least = np.finfo(np.float64).tiny
    scores = np.minimum(heights / np.maximum(level, least), _HIGHEST)
    scores -= averaged(scores, _NEARBY / _STEP)
    return np.where(is_gap[places], 0, scores)


def best_series(scores, intervals):
    """Return the steps of the beats with the largest sum of scores and penalties.

    ``recent[t % longest, k]`` is the sum for series that end at step t with interval k.
    """
    changes = np.subtract.outer(np.log(intervals), np.log(intervals))
    penalties = -0.5 * (changes / _DEVIATION) ** 2  # (interval, the one before)
    longest, every = intervals[-1], np.arange(len(intervals))
    recent = np.zeros((longest, len(intervals)))
    before = np.zeros((len(scores), len(intervals)), np.int16)
    for t, score in enumerate(scores):
        sums = recent[(t - intervals) % longest] + penalties
        best = before[t] = sums.argmax(axis=1)
        recent[t % longest] = score + sums[every, best]
    last = np.arange(max(0, len(scores) - longest), len(scores))
    row, k = np.unravel_index(recent[last % longest].argmax(), (len(last), len(every)))
    return np.array(walked_back(last[row], k, before, intervals))


def walked_back(t, k, before, intervals):
    """Return the steps of a series that ends at step t with interval k."""
    steps = []
    while t >= 0:
        steps.append(t)
        t, k = t - intervals[k], before[t, k]
    return steps[::-1]


def highest_nearby(x, places, half):
    """Return the highest point within some points of each place."""
    padded = np.pad(x, half, constant_values=-1)
    windows = padded[np.minimum(places, len(x) - 1)[:, None] + np.arange(2 * half + 1)]
    return np.unique(places + windows.argmax(axis=1) - half)
