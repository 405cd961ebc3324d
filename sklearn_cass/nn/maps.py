"""Real maps that networks take, the spectrograms they stand for, and their level."""

import torch

QUIETEST = 1e-8  # of a mixture's unit level: below, compression is linear


class AsGiven:
    """Real and imaginary parts of what is complex; real maps as they are."""

    def mixtures(self, X):
        """What the networks see of mixtures (n, C, H, W)."""
        return X

    def components(self, Y, X):
        """What the networks see of components (n, K, C_y, H, W) of those mixtures."""
        return Y

    def estimates(self, maps, X):
        """Components (n, K, C_y, H, W) from maps (n, K, channels, H, W)."""
        return from_map(maps.flatten(0, 1), X.is_complex()).unflatten(0, maps.shape[:2])


class Magnitude:
    """Magnitudes; estimates get the mixture's phase."""

    def mixtures(self, X):
        """Magnitudes of mixtures (n, C, H, W)."""
        return X.abs()

    def components(self, Y, X):
        """Magnitudes of components (n, K, C_y, H, W)."""
        return Y.abs()

    def estimates(self, maps, X):
        """Components (n, K, C_y, H, W) from maps (n, K, channels, H, W)."""
        return maps.float() * phase_for(X, maps.shape[2])


class PhaseSensitive(Magnitude):
    """Magnitudes of mixtures, and of components what lies along the mixture's phase.

    That part is all that an estimate with the mixture's phase can be right about. It is
    negative where a component opposes the mixture. H. Erdogan, J. R. Hershey, S.
    Watanabe and J. Le Roux, "Phase-sensitive and recognition-boosted speech separation
    using deep recurrent neural networks", ICASSP 2015.
    """

    def components(self, Y, X):
        """Parts of components (n, K, C_y, H, W) in phase with their mixtures."""
        return (Y * phase_for(X, Y.shape[2]).conj()).real


REPRESENTATIONS = {
    "complex": AsGiven(),
    "magnitude": Magnitude(),
    "phase-sensitive": PhaseSensitive(),
}


def phase_for(X, n_channels):
    """Phase factors (n, 1, n_channels, H, W) of mixtures; of their mean for others."""
    phases = X if n_channels == X.shape[1] else X.mean(1, keepdim=True)
    return torch.sgn(phases).unsqueeze(1)


def complex_product(a, b):
    """Product of maps whose channels are real and imaginary parts by turns."""
    return _parts(_complex(a) * _complex(b))


def to_map(z):
    """(n, C, H, W), real or complex, to the real map that the networks take."""
    real = _parts(z.permute(0, 2, 3, 1)) if z.is_complex() else z
    return real.contiguous(memory_format=torch.channels_last)


def from_map(x, is_complex):
    """Undo :func:`to_map`."""
    return _complex(x).permute(0, 3, 1, 2) if is_complex else x.float()


def compressed(x, exponent, is_complex):
    """Maps whose magnitudes are raised to a power: power-law compression below 1."""
    if exponent == 1:
        return x
    magnitude = x.abs()
    if is_complex:
        magnitude = torch.linalg.vector_norm(x.unflatten(1, (-1, 2)), dim=2)
        magnitude = magnitude.repeat_interleave(2, dim=1)
    return x * magnitude.clamp_min(QUIETEST) ** (exponent - 1)


def _complex(x):
    # (n, 2C, H, W) -> (n, H, W, C); no copy where channels lie last in memory
    pairs = x.float().permute(0, 2, 3, 1).unflatten(-1, (-1, 2))
    return torch.view_as_complex(pairs.contiguous())


def _parts(z):
    # (n, H, W, C) -> (n, 2C, H, W)
    return torch.view_as_real(z.contiguous()).flatten(-2).permute(0, 3, 1, 2)


def level(z):
    """Root mean square of each mixture, (n, C, H, W) -> (n, 1, 1, 1); 0 for silence."""
    # at a peak of one, for squares leave the range of floating point
    peak = z.abs().amax(dim=(1, 2, 3), keepdim=True)
    double = torch.complex128 if z.is_complex() else torch.float64
    norm = torch.linalg.vector_norm(
        z / divisor(peak), dim=(1, 2, 3), keepdim=True, dtype=double
    )
    return (peak * norm / z[0].numel() ** 0.5).to(peak.dtype)


def divisor(level):
    """What to divide a mixture by to bring it to unit level: 1 for silence.

    Subnormal levels count as silence: complex division by them overflows.
    """
    return torch.where(level >= torch.finfo(level.dtype).tiny, level, 1.0)
