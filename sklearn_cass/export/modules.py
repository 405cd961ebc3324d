"""A fitted separator as one module of real tensors in single precision.

Exporters and runtimes know few operations on complex tensors. Spectrograms are pairs of
a real and an imaginary part along the last axis, (..., n_freqs, n_frames, 2).
"""

import numpy as np
import torch
from torch import nn

from ..data import WAVEFORM
from ..stft import OVERLAP_IN_SINGLE, padded_window, smallest_overlap

TINY = torch.finfo(torch.float32).tiny


class ExportedSeparator(nn.Module):
    """Separator of waveforms, or of images: level, STFT, networks, and the way back.

    Parameters
    ----------
    autoencoders : Autoencoders
        The fitted networks, on the CPU.
    domains : Domains
        Domains and shapes seen in ``fit``; components are waveforms or images.
    representation : {"complex", "magnitude", "phase-sensitive"}
        Representation of spectrograms by real maps.
    n_components : int
        Number of components.
    """

    def __init__(self, autoencoders, domains, representation, n_components):
        super().__init__()
        self.autoencoders = autoencoders
        self.n_components, self.shape = n_components, domains.y_shape
        self.n_channels = domains.n_channels
        self.n_component_channels = domains.n_component_channels
        self.transform = transform_of(domains)
        self.phases = domains.is_complex and representation != "complex"

    def forward(self, mixtures):
        """Map mixtures (n, [C,] ...) to estimates (n, K, [C_y,] ...)."""
        x = mixtures.reshape(mixtures.shape[0], self.n_channels, -1)
        x, peak = divided(x, x.abs().amax((1, 2), keepdim=True))
        z = self.transform(x)
        z, level = divided(
            z, z.square().sum(-1).mean((1, 2, 3), True).sqrt()[..., None]
        )
        estimates = self.estimates(z) * level.unsqueeze(1)
        waveforms = self.transform.inverse(estimates) * peak.unsqueeze(1)
        return waveforms.reshape(waveforms.shape[0], self.n_components, *self.shape)

    def estimates(self, z):
        """Map mixtures (n, C, H, W, parts) to estimates (n, K, C_y, H, W, parts)."""
        phases = self.phases_of(z) if self.phases else None
        z = magnitudes(z) if self.phases else z
        x = z.movedim(-1, 2).flatten(1, 2)  # parts are neighbouring channels
        maps = torch.cat(self.autoencoders(x), 1)
        channels = self.n_components, self.n_component_channels, -1
        estimates = maps.unflatten(1, channels).movedim(3, -1)
        return estimates if phases is None else estimates * phases.unsqueeze(1)

    def phases_of(self, z):
        """Return the phases of mixtures for components, as pairs of modulus 1 or 0."""
        if self.n_component_channels != self.n_channels:
            z = z.mean(1, keepdim=True)
        return divided(z, magnitudes(z))[0]


def transform_of(domains):
    """Return the module that converts mixtures to tensors and estimates back."""
    if domains.y_domain != WAVEFORM or not domains.is_complex:
        return NoTransform(domains.map_shape)
    return STFT(domains.stft, domains.n_times)


class NoTransform(nn.Module):
    """Tensors of images, or of waveforms for networks that take them.

    Parameters
    ----------
    map_shape : tuple
        Height and width.
    """

    def __init__(self, map_shape):
        super().__init__()
        self.map_shape = tuple(map_shape)

    def forward(self, x):
        """Map (n, C, entries) to (n, C, H, W, 1)."""
        return x.unflatten(-1, self.map_shape).unsqueeze(-1)

    def inverse(self, estimates):
        """Map (n, K, C, H, W, 1) to (n, K, C, entries)."""
        return estimates.flatten(-3)


class STFT(nn.Module):
    """The transform of an :class:`STFTTransformer`, by real Fourier transforms.

    onnxruntime transforms lengths that are no powers of two with an error of 1e-5 in
    single precision, of 1e-7 in double precision.

    Parameters
    ----------
    stft : STFTTransformer
        The fitted transform.
    n_times : int
        Number of time points of the waveforms.
    """

    def __init__(self, stft, n_times):
        super().__init__()
        self.n_fft, self.hop_length = stft.n_fft_, stft.hop_length_
        self.n_times = n_times
        _, self.n_frames = stft.spectrogram_shape(n_times)
        lengths = self.n_fft, self.hop_length
        window = padded_window(stft.window_, self.n_fft)
        in_single = smallest_overlap(stft.window_, *lengths) >= OVERLAP_IN_SINGLE
        is_power = self.n_fft & (self.n_fft - 1) == 0
        self.dtype = torch.float32 if in_single and is_power else torch.float64
        squares = np.tile(window**2, (self.n_frames, 1))
        overlaps = self.overlap_add(torch.from_numpy(squares))
        self.register_buffer("window", torch.from_numpy(window).to(self.dtype))
        self.register_buffer("conjugate", torch.tensor([1, -1], dtype=self.dtype))
        self.register_buffer("overlaps", overlaps.to(self.dtype))

    def forward(self, x):
        """Map waveforms (..., n_times) to (..., n_freqs, n_frames, 2)."""
        frames = self.frames(x.to(self.dtype)) * self.window
        parts = torch.view_as_real(torch.fft.rfft(frames))
        return parts.transpose(-3, -2).float()

    def inverse(self, spectra):
        """Map (..., n_freqs, n_frames, 2) to waveforms (..., n_times)."""
        half = spectra.to(self.dtype).transpose(-3, -2)
        # all frequencies: onnxruntime 1.23 cannot invert half of them
        rest = half[..., 1 : self.n_fft - self.n_fft // 2, :].flip(-2)
        whole = torch.cat([half, rest * self.conjugate], -2)
        frames = torch.view_as_real(torch.fft.ifft(torch.view_as_complex(whole)))
        waveforms = self.overlap_add(frames[..., 0] * self.window) / self.overlaps
        return waveforms.float()

    @property
    def n_hops(self):
        """Return the number of hops that a frame extends over."""
        return -(-self.n_fft // self.hop_length)

    def frames(self, x):
        """Cut waveforms (..., n_times) into frames (..., n_frames, n_fft)."""
        before = self.n_fft // 2
        length = (self.n_frames + self.n_hops - 1) * self.hop_length
        padded = nn.functional.pad(x, (before, length - before - self.n_times))
        hops = padded.unflatten(-1, (-1, self.hop_length))
        pieces = [hops[..., k : k + self.n_frames, :] for k in range(self.n_hops)]
        return torch.cat(pieces, -1)[..., : self.n_fft]

    def overlap_add(self, frames):
        """Add up frames (..., n_frames, n_fft) to waveforms (..., n_times)."""
        n_hops, hop = self.n_hops, self.hop_length
        frames = nn.functional.pad(frames, (0, n_hops * hop - self.n_fft))
        pieces = frames.split(hop, -1)
        added = sum(
            nn.functional.pad(piece, (0, 0, k, n_hops - 1 - k))
            for k, piece in enumerate(pieces)
        )
        start = self.n_fft // 2
        return added.flatten(-2)[..., start : start + self.n_times]


def magnitudes(z):
    """Return magnitudes of pairs (..., 2), the last axis kept."""
    return z.square().sum(-1, keepdim=True).sqrt()


def divided(x, norms):
    """Divide by norms, where they are not nearly zero; return the norms, too."""
    return x / torch.where(norms >= TINY, norms, 1.0), norms
