"""Recordings of any length, window by window."""

import numpy as np


def windows_of(recording, n_window, hop, n_rows):
    """Batches of up to n_rows windows, (rows, ..., n_window); zeros after the end."""
    length = recording.shape[-1]
    n_windows = 1 + max(0, -(-(length - n_window) // hop))
    for first in range(0, n_windows, n_rows):
        last = min(first + n_rows, n_windows)
        starts = range(first * hop, last * hop, hop)
        windows = [recording[..., start : start + n_window] for start in starts]
        yield np.stack([_padded(window, n_window) for window in windows])


def _padded(window, n_window):
    missing = n_window - window.shape[-1]
    if not missing:
        return window
    return np.pad(window, [(0, 0)] * (window.ndim - 1) + [(0, missing)])


def cross_fade(batches, out, n_window, hop):
    """Write the estimates of overlapping windows into ``out``, faded into each other.

    Over an overlap, one window's estimate fades in as the other's fades out; the two
    weights add up to one, and where there is no overlap the weight is one. Windows
    that agree therefore come out as they are, at both ends, too.

    Parameters
    ----------
    batches : iterable of ndarray of shape (rows, ..., n_window)
        Estimates of windows that start every ``hop`` entries.
    out : ndarray of shape (..., length)
        Where to write.
    n_window, hop : int
        Length of a window, and from one start to the next; at least half a window.
    """
    overlap, length = n_window - hop, out.shape[-1]
    fade_in = np.sin(np.pi / 2 * (np.arange(overlap) + 0.5) / max(overlap, 1)) ** 2
    start, tail = 0, None
    for batch in batches:
        for window in batch:
            if tail is not None:
                window[..., :overlap] *= fade_in
                window[..., :overlap] += tail
            stop = min(start + n_window, length)
            out[..., start:stop] = window[..., : stop - start]
            tail = window[..., hop:] * (1 - fade_in)
            start += hop
    return out
