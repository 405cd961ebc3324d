"""Windows of signals."""

import sys

import numpy as np


def cut_windows(x, starts, n_times):
    """Return windows of the last axis.

    Parameters
    ----------
    x : ndarray of shape (..., n_total)
        Signals.
    starts : array-like of int of shape (n_windows,)
        First time point of each window.
    n_times : int
        Number of time points of a window.

    Returns
    -------
    windows : ndarray of shape (n_windows, ..., n_times)
        A copy.
    """
    index = np.asarray(starts)[:, None] + np.arange(n_times)
    return np.moveaxis(x[..., index], -2, 0)


def window_starts(n_total, n_times, hop):
    """Return the first time points of the windows that are complete."""
    # arguments may be larger than numpy's integers
    return np.arange(0, max(0, n_total - n_times + 1), max(1, min(hop, n_total)))


def seconds_to_times(name, seconds, sfreq):
    """Convert seconds to a number of time points.

    Parameters
    ----------
    name : str
        Name of the argument, for messages.
    seconds : float
        Its value.
    sfreq : int
        Sampling frequency in Hz.

    Returns
    -------
    n_times : int
        Number of time points.

    Raises
    ------
    ValueError
        If it is less than one.
    """
    n_times = round(min(seconds * sfreq, sys.maxsize))
    if n_times < 1:
        raise ValueError(
            f"{name}={seconds} s is less than one time point at {sfreq} Hz"
        )
    return n_times


def recorded_seconds(x, sfreq):
    """Return for each whole second whether it has neither a gap nor a flat line."""
    seconds = x[: len(x) // sfreq * sfreq].reshape(-1, sfreq)
    with np.errstate(invalid="ignore"):
        return np.isfinite(seconds).all(axis=1) & (np.ptp(seconds, axis=1) > 0)
