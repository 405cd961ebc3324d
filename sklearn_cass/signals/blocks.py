"""Recordings in blocks: gaps, and channels one by one."""

from itertools import groupby

import numpy as np


def finite_stretches(blocks):
    """Split a recording at its gaps, which are NaN.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (..., n)
        Consecutive parts of the recording. A point at which any channel is NaN belongs
        to a gap.

    Yields
    ------
    is_gap : bool
        Whether a stretch is a gap.
    blocks : iterable of ndarray of shape (..., n)
        Its parts, to be read before the next stretch.
    """
    for is_gap, parts in groupby(parts_at_gaps(blocks), key=lambda part: part[0]):
        yield is_gap, (block for _, block in parts)


def parts_at_gaps(blocks):
    """Yield the parts of blocks between ends of gaps, and whether each is a gap."""
    for block in blocks:
        gaps = gaps_of(block)
        bounds = [0, *(np.flatnonzero(np.diff(gaps)) + 1).tolist(), len(gaps)]
        for start, stop in zip(bounds, bounds[1:], strict=False):
            yield bool(gaps[start]), block[..., start:stop]


def gaps_of(block):
    """Return at which points of a block any entry is NaN."""
    if block.dtype.kind not in "fc":
        return np.zeros(block.shape[-1], bool)
    return np.isnan(block).any(axis=tuple(range(block.ndim - 1)))


def parts_of_channel(blocks, k, keep_axis):
    """Yield one channel of blocks (n_channels, n), with or without the axis."""
    for block in blocks:
        yield block[k : k + 1] if keep_axis else block[k]


def in_lockstep(streams):
    """Cut streams of blocks at the same places, and stack them.

    Parameters
    ----------
    streams : list of iterable of ndarray of shape (n_components, n)
        Streams of equal lengths in all, in blocks of any lengths.

    Yields
    ------
    stacked : ndarray of shape (n_components, n_streams, m)
        Blocks of all streams.
    """
    streams = [iter(stream) for stream in streams]
    rests = [None] * len(streams)
    while True:
        rests = [
            next(stream, None) if rest is None else rest
            for stream, rest in zip(streams, rests, strict=True)
        ]
        if any(rest is None for rest in rests):
            return
        n = min(rest.shape[-1] for rest in rests)
        yield np.stack([rest[..., :n] for rest in rests], axis=1)
        rests = [rest[..., n:] if rest.shape[-1] > n else None for rest in rests]
