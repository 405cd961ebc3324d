"""Conversion between spectrograms and the real maps that networks take."""

import torch

QUIETEST = 1e-8  # of a mixture's unit level; compression is linear below


class RealAndImaginary:
    """Representation by real and imaginary parts; real maps stay as they are."""

    def mixtures(self, X):
        """Represent mixtures (n, C, H, W)."""
        return X

    def components(self, Y, X):
        """Represent components (n, K, C_y, H, W) of those mixtures."""
        return Y

    def estimates(self, maps, X):
        """Convert maps (n, K, channels, H, W) to components (n, K, C_y, H, W)."""
        return from_map(maps.flatten(0, 1), X.is_complex()).unflatten(0, maps.shape[:2])


class Magnitude:
    """Representation by magnitudes; estimates get the mixture's phase."""

    def mixtures(self, X):
        """Return magnitudes of mixtures (n, C, H, W)."""
        return X.abs()

    def components(self, Y, X):
        """Return magnitudes of components (n, K, C_y, H, W)."""
        return Y.abs()

    def estimates(self, maps, X):
        """Convert maps (n, K, channels, H, W) to components (n, K, C_y, H, W)."""
        return by_sample(with_phase, maps.float(), X)


class PhaseSensitive(Magnitude):
    """Magnitudes of mixtures, and the parts of components in phase with them.

    An estimate with the mixture's phase can only reconstruct that part. It is negative
    where a component opposes the mixture [1]_.

    References
    ----------
    .. [1] H. Erdogan, J. R. Hershey, S. Watanabe and J. Le Roux, "Phase-sensitive and
       recognition-boosted speech separation using deep recurrent neural networks",
       ICASSP 2015, doi:10.1109/ICASSP.2015.7178061.
    """

    def components(self, Y, X):
        """Return parts of components (n, K, C_y, H, W) in phase with their mixtures."""
        return (Y * phase_for(X, Y.shape[2]).conj()).real


REPRESENTATIONS = {
    "complex": RealAndImaginary(),
    "magnitude": Magnitude(),
    "phase-sensitive": PhaseSensitive(),
}


def phase_for(X, n_channels):
    """Return phase factors (n, 1, n_channels, H, W) of mixtures.

    Where components lack the channels of mixtures, the mean of the channels is used.
    """
    phases = X if n_channels == X.shape[1] else X.mean(1, keepdim=True)
    return torch.sgn(phases).unsqueeze(1)


def with_phase(maps, X):
    """Return maps (K, C_y, H, W) with the phase of one mixture (C, H, W)."""
    return maps * phase_for(X.unsqueeze(0), maps.shape[1]).squeeze(0)


def by_sample(function, *tensors):
    """Apply a function of single samples to each, and stack the results.

    The last values of a tensor, which fill no vector register, are rounded differently
    in some functions (sigmoid, complex products): a sample by itself has the same bits
    wherever it stands in a batch.
    """
    return torch.stack([function(*parts) for parts in zip(*tensors, strict=True)])


def complex_product(a, b):
    """Multiply maps whose channels are real and imaginary parts in turn."""
    return _parts(_complex(a) * _complex(b))


def to_map(z):
    """Convert real or complex (n, C, H, W) to the real map that networks take."""
    real = _parts(z.permute(0, 2, 3, 1)) if z.is_complex() else z
    return real.contiguous(memory_format=torch.channels_last)


def from_map(x, is_complex):
    """Invert :func:`to_map`."""
    return _complex(x).permute(0, 3, 1, 2) if is_complex else x.float()


def compressed(x, exponent, is_complex):
    """Raise magnitudes to a power (power-law compression) and keep the phases."""
    if exponent == 1:
        return x
    magnitude = x.abs()
    if is_complex:
        magnitude = torch.linalg.vector_norm(x.unflatten(1, (-1, 2)), dim=2)
        magnitude = magnitude.repeat_interleave(2, dim=1)
    return x * magnitude.clamp_min(QUIETEST) ** (exponent - 1)


def _complex(x):
    # (n, 2C, H, W) -> (n, H, W, C); no copy of channels_last memory
    pairs = x.float().permute(0, 2, 3, 1).unflatten(-1, (-1, 2))
    return torch.view_as_complex(pairs.contiguous())


def _parts(z):
    # (n, H, W, C) -> (n, 2C, H, W)
    return torch.view_as_real(z.contiguous()).flatten(-2).permute(0, 3, 1, 2)
