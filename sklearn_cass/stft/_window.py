"""Lengths and windows of the transform, and whether they can be inverted."""

import numpy as np
from scipy.signal import get_window

# Overlap-add divides by the summed squares of the window. Below this share of the
# largest square the division magnifies rounding beyond 1e-6 of a float32 signal.
SMALLEST_OVERLAP = 0.015


def default_n_fft(n_times, win_length=None):
    """Power of two at or above n_times / 64, between 8 and 2048; >= win_length."""
    wanted = min(max(n_times / 64, 8), 2048)
    return 2 ** int(np.ceil(np.log2(max(wanted, win_length or 1))))


def window_values(window, win_length):
    """Values of a window; the largest modulus of values that were given becomes 1."""
    if isinstance(window, (str, tuple)):
        try:
            return get_window(window, win_length, fftbins=True)
        except Exception as error:  # each window has its own
            raise ValueError(f"window={window!r}: {error}") from error
    try:
        window = np.asarray(window, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"window must hold numbers: {error}") from error
    if window.shape != (win_length,) or not np.isfinite(window).all():
        raise ValueError(
            f"window must hold win_length={win_length} finite values, got shape "
            f"{window.shape}"
        )
    return window / (np.abs(window).max() or 1.0)


def check_invertible(window, n_fft, hop_length):
    # Between any two centres of frames those two frames are there, and in a signal of
    # at most one hop no other.
    win_length = len(window)
    left = (n_fft - win_length) // 2
    right = n_fft - win_length - left + 1
    squares = np.pad(window**2, (left + hop_length, right + hop_length))
    centre = hop_length + n_fft // 2
    between = np.arange(centre, centre + hop_length)
    overlap = squares[between] + squares[between - hop_length]
    if not overlap.min() >= SMALLEST_OVERLAP * squares.max() > 0:
        raise ValueError(
            f"hop_length={hop_length} with a window of win_length={win_length} leaves "
            "time points that (nearly) no frame covers, so the transform cannot be "
            "inverted; choose a smaller hop_length"
        )
