"""Resampling of signals."""

import math
from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly


def resample(x, sfreq_from, sfreq_to):
    """Resample the last axis by the exact ratio of two integer frequencies in Hz."""
    divisor = math.gcd(sfreq_from, sfreq_to)
    if sfreq_from == sfreq_to:
        return x
    return resample_poly(x, sfreq_to // divisor, sfreq_from // divisor, axis=-1)


def resampling_ratio(sfreq_from, sfreq_to):
    """Return the ratio of two frequencies in Hz as integers, up and down."""
    start, end = (Fraction(f).limit_denominator(1000) for f in (sfreq_from, sfreq_to))
    ratio = end / start
    return ratio.numerator, ratio.denominator


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
    # the filter of resample_poly has 10 * max(up, down) taps on each side
    context = down * -(-(10 * max(up, down) // up + 1) // down)
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
