"""Spectrograms for the eye."""

import numpy as np

from ..stft import STFTTransformer


def display_stft(n_times):
    """Return a fitted STFT whose frequencies and frames are about as many.

    Parameters
    ----------
    n_times : int
        Number of time points of the waveforms.

    Returns
    -------
    stft : STFTTransformer
        The transformer.
    """
    n_fft = 2 ** round(np.log2(2.8 * np.sqrt(n_times)))
    n_fft = min(max(n_fft, 8), 2048)
    return STFTTransformer(n_fft, n_fft // 8).fit(np.zeros((1, n_times)))


def magnitude(stft, waveform):
    """Return the magnitudes (n_freqs, n_frames) of one waveform.

    Parameters
    ----------
    stft : STFTTransformer
        A fitted transformer.
    waveform : array-like of shape (n_times,)
        The waveform.

    Returns
    -------
    magnitudes : ndarray of shape (n_freqs, n_frames)
        Absolute values of its spectrogram.
    """
    rows = np.asarray(waveform, dtype=float)[np.newaxis]
    return np.abs(np.asarray(stft.transform(rows)[0]))


def decibels(magnitudes, top):
    """Return magnitudes in dB relative to a largest one.

    Parameters
    ----------
    magnitudes : ndarray
        Magnitudes.
    top : float
        The magnitude of 0 dB; for 0, of silence, 1 is taken.

    Returns
    -------
    levels : ndarray
        Levels, not below -200 dB.
    """
    return 20 * np.log10(np.maximum(magnitudes / (top or 1), 1e-10))
