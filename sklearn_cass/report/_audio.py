"""Waveforms as WAV files in data URIs."""

import base64
import io
import wave

import numpy as np

LOWEST_SFREQ = 4000  # Hz, below which nothing is to be heard
LONGEST = 20  # seconds
PEAK = 0.9  # of the loudest waveform, of full scale


def is_audible(sfreq):
    """Return whether waveforms of this sampling rate can be listened to."""
    return sfreq is not None and sfreq >= LOWEST_SFREQ


def common_scale(waveforms):
    """Return the factor by which the loudest of some waveforms gets its peak.

    Parameters
    ----------
    waveforms : list of ndarray
        Waveforms that are to keep their relative loudness.

    Returns
    -------
    scale : float
        The factor, 1 if all are silent.
    """
    peak = max(float(np.abs(x).max()) for x in waveforms)
    return PEAK / peak if peak > 0 else 1.0


def data_uri(waveform, sfreq, scale):
    """Return a WAV file of 16 bits, of the first seconds, as a data URI."""
    x = np.asarray(waveform, dtype=float)[: int(LONGEST * sfreq)]
    values = np.round(np.clip(x * scale, -1, 1) * 32767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(round(sfreq))
        file.writeframes(values.tobytes())
    return "data:audio/wav;base64," + base64.b64encode(buffer.getvalue()).decode()
