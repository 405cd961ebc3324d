"""Overlapping windows of recordings of any length, and their overlap-add."""

import numpy as np


def windows_of(blocks, n_window, hop, n_rows):
    """Yield windows of concatenated blocks as soon as they are complete.

    Parameters
    ----------
    blocks : iterable of array-like of shape (..., n)
        Parts of the recording, of any lengths.
    n_window, hop : int
        Length of a window, and distance between the starts of two.
    n_rows : int
        Largest number of windows in a batch.

    Yields
    ------
    windows : ndarray of shape (rows, ..., n_window)
        A batch of windows.
    n_entries : int
        Entries of the recording in its last window, followed by zeros; less than
        ``n_window`` only at the end of the recording.
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
    """Yield copies of the parts of a block, which may be a file larger than memory.

    A part is kept until the windows that it is in are complete. By then, the caller may
    have written the next block to the same memory.
    """
    for start in range(0, block.shape[-1], length):
        yield np.array(block[..., start : start + length])


def padded(window, n_window):
    """Append zeros to a window."""
    missing = n_window - window.shape[-1]
    return np.pad(window, [(0, 0)] * (window.ndim - 1) + [(0, missing)])


def cross_fade(batches, n_window, hop):
    """Overlap-add estimates of windows with weights that add up to one.

    In an overlap, the earlier window fades out as the later one fades in; elsewhere the
    weight is one. Windows that agree are therefore reconstructed exactly, also at both
    ends.

    Parameters
    ----------
    batches : iterable of (ndarray of shape (rows, ..., n_window), int)
        Estimates of windows that start every ``hop`` entries, and the number of the
        recording's entries in the batch's last window.
    n_window, hop : int
        Length of a window, and distance between the starts of two, at least half of it.

    Yields
    ------
    estimates : ndarray of shape (..., n)
        Estimates that no later window changes: with all windows up to the m-th, the
        first ``m * hop`` entries; the rest with the last.
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
