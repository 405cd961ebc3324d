"""Rows of arrays and data frames, as waveforms."""

import numpy as np

from ..numeric import as_plain
from ..stft import Spectrogram


def take(values, rows):
    """Return rows of an array, a data frame or a list.

    Parameters
    ----------
    values : array-like of shape (n_samples, ...)
        Arrays, also those on disk that take slices; data frames; lists.
    rows : slice or list of int
        The rows, in ascending order.

    Returns
    -------
    values : array-like
        Those rows, of the type of the values.
    """
    if hasattr(values, "iloc"):
        return values.iloc[rows]
    if not hasattr(values, "shape"):
        values = np.asarray(values)
    return values[rows]


def mixtures_as_waveforms(X, name="X"):
    """Return mixtures as an array (n_samples, [n_channels,] n_times).

    Parameters
    ----------
    X : array-like
        Waveforms, or a :class:`Spectrogram`, which is inverted.
    name : str, default="X"
        Name of the argument, for messages.

    Returns
    -------
    waveforms : ndarray
        The waveforms.

    Raises
    ------
    ValueError
        If X holds images, or spectrograms of an unknown transform.
    """
    shapes = "(n_samples, n_times) or (n_samples, n_channels, n_times)"
    return _waveforms(X, name, (2, 3), shapes)


def components_as_waveforms(y, name="y"):
    """Return components as an array (n_samples, n_components, [n_channels,] n_times).

    Parameters
    ----------
    y : array-like
        True components or estimates: waveforms, or a :class:`Spectrogram`.
    name : str, default="y"
        Name of the argument, for messages.

    Returns
    -------
    waveforms : ndarray
        The waveforms.

    Raises
    ------
    ValueError
        If y holds labels, images, or spectrograms of an unknown transform.
    """
    shapes = "(n_samples, n_components, n_times) or (..., n_channels, n_times)"
    return _waveforms(y, name, (3, 4), shapes)


def _waveforms(values, name, n_dims, shapes):
    stft = values.stft if isinstance(values, Spectrogram) else None
    values = as_plain(values, name)
    if stft is not None:
        values = stft.inverse_transform(values)
    values = np.asarray(values)
    if values.dtype.kind not in "fiub" or values.ndim not in n_dims:
        raise ValueError(
            f"{name} must hold waveforms of shape {shapes}, or a Spectrogram as "
            f"STFTTransformer returns it, got {values.dtype} of shape {values.shape}"
        )
    return values


def one_channel(waveforms, n_dims, channel=0):
    """Return one channel of waveforms.

    Parameters
    ----------
    waveforms : ndarray
        Waveforms with or without an axis of channels, the last but one.
    n_dims : int
        Number of axes without that of channels.
    channel : int, default=0
        The channel.

    Returns
    -------
    waveforms : ndarray
        Waveforms without an axis of channels.
    """
    if waveforms.ndim == n_dims:
        return waveforms
    if not 0 <= channel < waveforms.shape[-2]:
        raise ValueError(
            f"channel must be between 0 and {waveforms.shape[-2] - 1}, got {channel}"
        )
    return waveforms[..., channel, :]
