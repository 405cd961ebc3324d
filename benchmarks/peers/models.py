"""Models of other packages as modules from mixtures to estimates, with their losses.

The packages are imported where a model is made: only the environment of `make peers`
has them.
"""

import sys
import types

import torch


class Peer(torch.nn.Module):
    """A model with the loss that it is trained with; rows have one channel."""

    def prepare(self, X):
        """Learn statistics of the mixtures that are trained on; most need none."""

    def loss(self, X, y):
        """Return the loss of a batch of mixtures and components."""
        return negative_snr(self(X), y)


def negative_snr(estimates, y, eps=1e-8):
    """Return minus the mean signal-to-noise ratio in dB, components in their order."""
    signal = y.square().sum(-1)
    noise = (y - estimates).square().sum(-1)
    return -10 * torch.log10(signal / (noise + eps) + eps).mean()


def level(X, eps=1e-8):
    """Return the root mean square of each row, shape (n_samples, 1)."""
    return X.square().mean(-1, keepdim=True).sqrt() + eps


# Open-Unmix ---------------------------------------------------------------------------


class OpenUnmix(Peer):
    """One model of openunmix for each component, trained on magnitudes as published.

    Estimates are those of openunmix's own separator, which refines them by an iteration
    of a Wiener filter.
    """

    def __init__(self, n_components, n_fft, hop_length, sfreq, **size):
        super().__init__()
        model = import_openunmix()
        n_freqs = n_fft // 2 + 1
        self.networks = torch.nn.ModuleDict(
            {f"{k}": model.OpenUnmix(n_freqs, 1, **size) for k in range(n_components)}
        )
        self.separator = model.Separator(
            self.networks,
            niter=1,
            sample_rate=sfreq,
            n_fft=n_fft,
            n_hop=hop_length,
            nb_channels=1,
        )

    def stft(self, x):
        """Return complex spectrograms (..., n_freqs, n_frames) of waveforms."""
        rows = x.reshape(-1, 1, x.shape[-1])
        z = torch.view_as_complex(self.separator.stft(rows)[:, 0].contiguous())
        return z.reshape(*x.shape[:-1], *z.shape[1:])

    def prepare(self, X):
        """Set mean and scale of each frequency, as the training of openunmix does."""
        values = self.stft(X).abs().transpose(1, 2).flatten(0, 1)
        scale = values.std(0, correction=0)
        scale = scale.clamp(min=1e-4 * scale.max())
        for network in self.networks.values():
            network.input_mean.data = -values.mean(0)
            network.input_scale.data = 1 / scale

    def magnitudes(self, z):
        """Return each component's (n_samples, n_components, n_freqs, n_frames)."""
        mixture = z.abs()[:, None]
        return torch.cat([of(mixture) for of in self.networks.values()], dim=1)

    def loss(self, X, y):
        """Return the mean squared error of magnitudes, summed over the models."""
        errors = self.magnitudes(self.stft(X)) - self.stft(y).abs()
        return errors.square().mean((0, 2, 3)).sum()

    def forward(self, X):
        return self.separator(X[:, None])[:, :, 0]


class OpenUnmixWaveform(OpenUnmix):
    """The same models, trained by the SNR of waveforms with the mixture's phase."""

    def prepare(self, X):
        super().prepare(X / level(X))

    loss = Peer.loss

    def forward(self, X):
        scale = level(X)
        z = self.stft(X / scale)
        phase = torch.polar(torch.ones_like(z.real), z.angle())
        estimates = self.magnitudes(z) * phase[:, None]
        sound = self.separator.istft(torch.view_as_real(estimates), X.shape[-1])
        return sound * scale[:, None]


def import_openunmix():
    """Return the module of openunmix's models."""
    # imported by openunmix for its loaders of files; there is no build for CPUs
    sys.modules.setdefault("torchaudio", types.ModuleType("torchaudio"))
    from openunmix import model

    return model


# Asteroid -----------------------------------------------------------------------------


class TasNet(Peer):
    """A network of asteroid on waveforms of unit level."""

    def __init__(self, name, n_components, sfreq, **size):
        super().__init__()
        from asteroid import models

        self.network = getattr(models, name)(n_components, sample_rate=sfreq, **size)

    def forward(self, X):
        scale = level(X)
        return self.network((X / scale)[:, None]) * scale[:, None]
