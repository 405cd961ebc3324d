"""Recordings of any length, window by window, as their entries come in."""

import numpy as np


def windows_of(blocks, n_window, hop, n_rows):
    """Windows of blocks joined end to end, as soon as they are complete.

    Parameters
    ----------
    blocks : iterable of array-like of shape (..., n)
        Parts of the recording, of any lengths.
    n_window, hop : int
        Length of a window, and from one start to the next.
    n_rows : int
        Most windows in a batch.

    Yields
    ------
    windows : ndarray of shape (rows, ..., n_window)
        A batch of windows.
    n_entries : int
        Entries of the recording in its last window; what follows them are zeros, and
        there are fewer than n_window only at the end of the recording.
    """
    windows, rest, n_covered = [], None, 0
    for block in blocks:
        for part in parts_of(block, n_window):
            rest = part if rest is None else np.concatenate([rest, part], axis=-1)
            while rest.shape[-1] >= n_window:
                windows.append(rest[..., :n_window])
                rest, n_covered = rest[..., hop:], n_window - hop
                if len(windows) == n_rows:
                    yield np.stack(windows), n_window
                    windows = []
        if windows:
            yield np.stack(windows), n_window
            windows = []
    if rest is not None and rest.shape[-1] > n_covered:
        yield padded(rest, n_window)[np.newaxis], rest.shape[-1]


def parts_of(block, length):
    """A long block by and by: it may be a file's, larger than memory."""
    for start in range(0, block.shape[-1], length):
        yield np.asarray(block[..., start : start + length])


def padded(window, n_window):
    """The window with zeros after its end."""
    missing = n_window - window.shape[-1]
    return np.pad(window, [(0, 0)] * (window.ndim - 1) + [(0, missing)])


def cross_faded(batches, n_window, hop):
    """Estimates of overlapping windows, faded into each other.

    Over an overlap, one window's estimate fades in as the other's fades out; the two
    weights add up to one, and where there is no overlap the weight is one. Windows
    that agree therefore come out as they are, at both ends, too.

    Parameters
    ----------
    batches : iterable of (ndarray of shape (rows, ..., n_window), int)
        Estimates of windows that start every ``hop`` entries, and how many entries of
        the batch's last window are the recording's.
    n_window, hop : int
        Length of a window, and from one start to the next; at least half a window.

    Yields
    ------
    estimates : ndarray of shape (..., n)
        What no later window changes: with all windows up to the m-th, the first
        ``m * hop`` entries; the rest with the last.
    """
    overlap = n_window - hop
    fade_in = np.sin(np.pi / 2 * (np.arange(overlap) + 0.5) / max(overlap, 1)) ** 2
    tail = None
    for windows, n_entries in batches:
        for window in windows:
            if tail is not None:
                window[..., :overlap] *= fade_in
                window[..., :overlap] += tail * (1 - fade_in)
            yield window[..., : min(hop, n_entries)]
            tail = window[..., hop:]
    if tail is not None and n_entries > hop:
        yield tail[..., : n_entries - hop]
