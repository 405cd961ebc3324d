"""Lengths and windows of the transform, and the check that it can be inverted."""

import reprlib

import numpy as np
from scipy.signal import get_window

# The inverse divides by the summed squares of the windows. Below this fraction of the
# largest square, the division magnifies rounding beyond 1e-6 of a float32 signal.
SMALLEST_OVERLAP = 0.015
# A spectrogram has n_fft / (2 * hop_length) entries for each point of a long signal.
MAX_ENTRIES_PER_POINT = 2**12
MAX_NBAR = 1000  # of Taylor windows, which take time and memory with its square


def default_n_fft(n_times, win_length=None, *, n_windows=64, largest=2048):
    """Return the default length of the Fourier transform.

    Parameters
    ----------
    n_times : int
        Number of time points of the waveforms.
    win_length : int, default=None
        Length of the window, which the result is not below.
    n_windows : int, default=64
        Windows of that length, end to end, in a waveform, at most.
    largest : int, default=2048
        Largest default.

    Returns
    -------
    n_fft : int
        The power of two at or above ``n_times / n_windows``, between 8 and ``largest``.
    """
    wanted = min(max(n_times / n_windows, 8), largest)
    return 2 ** int(np.ceil(np.log2(max(wanted, win_length or 1))))


def window_values(window, win_length):
    """Return the values of a window.

    Parameters
    ----------
    window : str, tuple or array-like of shape (win_length,)
        Name of the window, or values, which are scaled to a largest modulus of 1.
    win_length : int
        Length of the window.

    Returns
    -------
    window : ndarray of shape (win_length,)
        The values.

    Raises
    ------
    ValueError
        If there is no such window, or if the values are not finite numbers of that
        shape.
    """
    is_named = isinstance(window, (str, tuple))
    try:
        values = named_window(window, win_length) if is_named else window
        values = np.asarray(values, dtype=float)
    except Exception as error:  # every window raises its own type
        name = reprlib.repr(window)
        raise ValueError(f"window={name} is not a window: {error}") from error
    if values.shape != (win_length,) or not np.isfinite(values).all():
        raise ValueError(
            f"window must hold win_length={win_length} finite values, got shape "
            f"{values.shape}"
        )
    return values if is_named else values / (np.abs(values).max() or 1.0)


def named_window(window, win_length):
    """Return a window of scipy."""
    if window[:1] == ("taylor",) and max(window[1:2], default=0) > MAX_NBAR:
        raise ValueError(f"nbar must be at most {MAX_NBAR}")
    return get_window(window, win_length, fftbins=True)


def padded_window(window, n_fft):
    """Return a window of length n_fft, with zeros on either side."""
    missing = n_fft - len(window)
    return np.pad(window, (missing // 2, missing - missing // 2))


def check_invertible(window, n_fft, hop_length):
    """Raise a ValueError if the transform cannot be inverted.

    Parameters
    ----------
    window : ndarray of shape (win_length,)
        The window.
    n_fft, hop_length : int
        Length of the Fourier transform and time points between frames.
    """
    if not smallest_overlap(window, n_fft, hop_length) >= SMALLEST_OVERLAP:
        raise ValueError(
            f"n_fft={n_fft} with hop_length={hop_length} and a window of "
            f"win_length={len(window)} cannot be inverted, since (nearly) no frame "
            "covers some time points: choose a smaller hop_length"
        )


def smallest_overlap(window, n_fft, hop_length):
    """Return the smallest overlap of squared windows, as a share of the largest square.

    Parameters
    ----------
    window : ndarray of shape (win_length,)
        The window.
    n_fft, hop_length : int
        Length of the Fourier transform and time points between frames.

    Returns
    -------
    share : float
        The sum of squares at the time point where it is smallest; 0 for a window of
        zeros.
    """
    # Every time point is covered by the two frames with the nearest centres, and in a
    # signal of at most one hop by no others.
    win_length = len(window)
    centre = n_fft // 2 - (n_fft - win_length) // 2  # of a frame, in its window
    after = centre + np.arange(hop_length)
    squares = window**2
    overlap = np.zeros(hop_length)
    for places in (after, after - hop_length):
        inside = (places >= 0) & (places < win_length)
        overlap[inside] += squares[places[inside]]
    return overlap.min() / (squares.max() or 1.0)


def check_size(n_times, n_fft, hop_length):
    """Raise a ValueError if spectrograms are larger than any use of them needs.

    Parameters
    ----------
    n_times : int
        Number of time points of the waveforms.
    n_fft, hop_length : int
        Length of the Fourier transform and time points between frames.
    """
    n_entries = (n_fft // 2 + 1) * (-(-n_times // hop_length) + 1)
    if n_entries > MAX_ENTRIES_PER_POINT * (n_times + 64):
        raise ValueError(
            f"n_fft={n_fft} with hop_length={hop_length} would make spectrograms of "
            f"{n_entries:.1e} entries from {n_times} time points: choose a larger "
            "hop_length or a smaller n_fft"
        )
