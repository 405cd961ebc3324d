"""Resampling of signals that arrive in blocks."""

from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly


def resampling_ratio(sfreq_from, sfreq_to):
    """Return the ratio of two frequencies in Hz as integers, up and down."""
    start, end = (Fraction(f).limit_denominator(1000) for f in (sfreq_from, sfreq_to))
    ratio = end / start
    return ratio.numerator, ratio.denominator


def context_of(up, down):
    """Return how many points on either side a resampled point depends on, at most.

    It is a multiple of ``down``. The filter of :func:`scipy.signal.resample_poly` has
    ``10 * max(up, down)`` taps on each side.
    """
    return down * -(-(10 * max(up, down) // up + 1) // down)


def resample_blocks(blocks, up, down):
    """Resample a signal that arrives in blocks, in bounded memory.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (..., n)
        Consecutive parts of the signal, of any lengths.
    up, down : int
        The ratio of the new frequency to the old one.

    Yields
    ------
    resampled : ndarray of shape (..., m)
        Concatenated, they are :func:`scipy.signal.resample_poly` of the whole signal.
    """
    if up == down:
        yield from blocks
        return
    context = context_of(up, down)
    rest, n_before = None, 0  # points not yet resampled, after n_before that are
    for block in blocks:
        rest = block if rest is None else np.concatenate([rest, block], axis=-1)
        n_ready = (rest.shape[-1] - n_before - context) // down * down
        if n_ready > 0:
            end = n_before + n_ready
            out = resample_poly(rest[..., : end + context], up, down, axis=-1)
            yield out[..., n_before * up // down : end * up // down]
            n_before = min(context, end)
            rest = rest[..., end - n_before :]
    if rest is not None:
        out = resample_poly(rest, up, down, axis=-1)
        yield out[..., n_before * up // down :]


def resample_recording(blocks, up, down):
    """Resample a recording in blocks, whose ends are no steps.

    :func:`scipy.signal.resample_poly` takes what lies beyond the ends as zeros, so that
    an offset rings there. Here the first and the last value are repeated.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (..., n)
        Consecutive parts of the recording, of any lengths from 1 on.
    up, down : int
        The ratio of the new frequency to the old one.

    Yields
    ------
    resampled : ndarray of shape (..., m)
        Concatenated, they have ``ceil(n * up / down)`` points where the blocks have n.
    """
    if up == down:
        yield from blocks
        return
    context, counted = context_of(up, down), Counted(blocks)
    resampled = resample_blocks(with_ends(counted, context), up, down)
    n_before = context // down * up
    yield from cropped(resampled, lambda: -(-counted.n * up // down), n_before)


class Counted:
    """Blocks, and how many points of them have been read."""

    def __init__(self, blocks):
        self.blocks, self.n = blocks, 0

    def __iter__(self):
        for block in self.blocks:
            self.n += block.shape[-1]
            yield block


def with_ends(blocks, n_repeats):
    """Yield blocks with the first value repeated before them, the last one after."""
    last = None
    for block in blocks:
        if last is None:
            yield np.repeat(block[..., :1], n_repeats, axis=-1)
        last = block[..., -1:].copy()
        yield block
    if last is not None:
        yield np.repeat(last, n_repeats, axis=-1)


def cropped(blocks, n_points, n_before=0):
    """Yield blocks without their first points, and no more than so many.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (..., n)
        The blocks.
    n_points : callable
        Returns how many points to yield; called after each block.
    n_before : int, default=0
        Number of points to leave out before.
    """
    n_yielded = 0
    for block in blocks:
        n_skipped = min(n_before, block.shape[-1])
        n_before -= n_skipped
        block = block[..., n_skipped : n_skipped + n_points() - n_yielded]
        n_yielded += block.shape[-1]
        if block.shape[-1]:
            yield block
