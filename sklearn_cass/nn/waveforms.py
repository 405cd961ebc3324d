"""Waveforms of maps, and the discriminator that takes them."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

KERNEL, STRIDE = 9, 4  # time points, of each convolution
N_LAYERS, N_LOCAL_LAYERS = 5, 3


@dataclass(frozen=True, eq=False)
class WaveformShape:
    """Relation of maps to waveforms: the STFT that the maps were made by, if any.

    Parameters
    ----------
    n_times : int
        Number of time points of the waveforms.
    window : tensor of shape (n_fft,), default=None
        Window of the STFT; None if the maps are the waveforms themselves.
    hop_length : int, default=1
        Time points between frames.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cass.nn import WaveformShape
    >>> waveforms = WaveformShape(8, torch.ones(4), hop_length=2)
    >>> waveforms.overlaps(n_frames=5)  # each time point is in two windows
    tensor([2., 2., 2., 2., 2., 2., 2., 2.])
    """

    n_times: int
    window: torch.Tensor | None = None
    hop_length: int = 1

    def overlaps(self, n_frames):
        """Return the sum of the squared windows at each time point."""
        n_fft, hop = len(self.window), self.hop_length
        overlaps = self.window.new_zeros(n_fft + hop * (n_frames - 1))
        for start in range(0, hop * n_frames, hop):
            overlaps[start : start + n_fft] += self.window**2
        return overlaps[n_fft // 2 :][: self.n_times]


def inverse_stft(spectra, window, overlaps, hop_length):
    """Invert spectrograms (n, C, n_freqs, n_frames) to waveforms (n, C, n_times).

    It is the inverse of :class:`~sklearn_cass.STFTTransformer` with a gradient. As part
    of a step that is recorded as a CUDA graph, it neither reads values back, as
    torch.istft does, nor copies from the host: the window is a tensor on the device.

    Parameters
    ----------
    spectra : complex tensor of shape (n, C, n_freqs, n_frames)
        Spectrograms.
    window : tensor of shape (n_fft,)
        The window.
    overlaps : tensor of shape (n_times,)
        See :meth:`WaveformShape.overlaps`.
    hop_length : int
        Time points between frames.

    Returns
    -------
    waveforms : tensor of shape (n, C, n_times)
        The waveforms.
    """
    n_fft, n_frames = len(window), spectra.shape[-1]
    frames = torch.fft.irfft(spectra, n_fft, dim=-2) * window.unsqueeze(-1)
    added = F.fold(
        frames.flatten(0, 1),
        (1, n_fft + hop_length * (n_frames - 1)),
        (1, n_fft),
        stride=(1, hop_length),
    )
    inside = slice(n_fft // 2, n_fft // 2 + len(overlaps))
    waveforms = added[..., inside].flatten(1) / overlaps
    return waveforms.unflatten(0, spectra.shape[:2])


class WaveformDiscriminator(nn.Module):
    """Discriminator of waveforms: strided convolutions along time.

    Parameters
    ----------
    in_channels : int
        Channels of the waveforms.
    n_filters, n_latent : int
        Channels after the first and after the last convolution.
    local : bool, default=False
        Whether to return a logit for each stretch of time (169 time points, one
        beginning every 64) instead of one for the whole waveform.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cass.nn import WaveformDiscriminator
    >>> waveforms = torch.ones(3, 1, 256)
    >>> WaveformDiscriminator(1, n_filters=4, n_latent=8)(waveforms).shape
    torch.Size([3])
    >>> WaveformDiscriminator(1, n_filters=4, n_latent=8, local=True)(waveforms).shape
    torch.Size([3, 4])
    """

    def __init__(self, in_channels, *, n_filters, n_latent, local=False):
        super().__init__()
        widths = [n_filters, 2 * n_filters, 4 * n_filters, 4 * n_filters, n_latent]
        channels = [in_channels, *widths[: N_LOCAL_LAYERS if local else N_LAYERS]]
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv1d(n_in, n_out, KERNEL, STRIDE, KERNEL // 2),
                    nn.LeakyReLU(0.2, inplace=True),
                )
                for n_in, n_out in zip(channels[:-1], channels[1:], strict=True)
            )
        )
        self.pool = times_first if local else mean_over_time
        self.output = nn.Linear(channels[-1], 1)

    def forward(self, x):
        """Map (n, in_channels, n_times) to logits (n,), or (n, n_stretches)."""
        return self.output(self.pool(self.layers(x))).squeeze(-1)


def times_first(x):
    """Move the channels behind the time points."""
    return x.transpose(1, 2)


def mean_over_time(x):
    """Return the mean over all time points."""
    return x.mean(-1)
