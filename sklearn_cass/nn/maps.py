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
        return from_map(maps, X.is_complex())


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
        n_channels = maps.shape[2]
        return maps.float() * by_sample(lambda x: phase_for(x, n_channels), X)


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


def by_sample(function, *tensors):
    """Apply a function of samples (n, ...) to each by itself.

    The last values of a tensor, which fill no vector register, are rounded differently
    in some functions (sigmoid, complex products), and so are the rows of a product of
    matrices by their places: a sample by itself has the same bits wherever it stands in
    a batch, and what is computed in between stays in the cache. A graph that is traced,
    whose batches have any size, takes them whole, and so does a GPU, whose batches have
    one size.
    """
    if torch.compiler.is_compiling() or tensors[0].is_cuda:
        return function(*tensors)
    rows = (slice(i, i + 1) for i in range(len(tensors[0])))
    return concatenated(
        [function(*(tensor[row] for tensor in tensors)) for row in rows]
    )


def concatenated(tensors):
    """Concatenate tensors along the first axis, with the memory format of the first.

    torch.cat returns contiguous memory: it transposes spectrograms, whose frames are
    contiguous, and what combines them with others transposes them once more.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cass.nn import concatenated
    >>> spectrograms = [torch.ones(1, 20, 9).mT, torch.ones(2, 20, 9).mT]
    >>> concatenated(spectrograms).stride()  # torch.cat: (180, 20, 1)
    (180, 1, 9)
    """
    first = tensors[0]
    if len(tensors) == 1:
        return first
    order = [0, *sorted(range(1, first.ndim), key=first.stride, reverse=True)]
    contiguous = torch.cat([tensor.permute(order) for tensor in tensors])
    return contiguous.permute([order.index(axis) for axis in range(first.ndim)])


def complex_product(a, b):
    """Multiply maps whose channels are real and imaginary parts in turn."""
    if torch.compiler.is_compiling():  # exporters know few complex operations
        return _real_product(a, b)
    return _parts(_complex(a) * _complex(b))


def _real_product(a, b):
    # the same from real tensors
    (a_real, a_imag), (b_real, b_imag) = (
        x.float().unflatten(1, (-1, 2)).unbind(2) for x in (a, b)
    )
    real, imag = a_real * b_real - a_imag * b_imag, a_real * b_imag + a_imag * b_real
    return torch.stack([real, imag], 2).flatten(1, 2)


def to_map(z, keep_format=False):
    """Convert real or complex (n, C, H, W) to the real map that networks take.

    Real maps keep their memory format with ``keep_format``, else all are channels_last.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cass.nn import to_map
    >>> to_map(torch.tensor([[[[1 + 2j]]]])).flatten()  # real, imaginary
    tensor([1., 2.])
    """
    real = _parts(z.permute(0, 2, 3, 1)) if z.is_complex() else z
    return real if keep_format else real.contiguous(memory_format=torch.channels_last)


def from_map(x, is_complex):
    """Invert :func:`to_map`, also of maps with more leading axes.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cass.nn import from_map, to_map
    >>> z = torch.tensor([[[[1 + 2j, 3 - 1j]]]])
    >>> bool((from_map(to_map(z), is_complex=True) == z).all())
    True
    """
    return torch.view_as_complex(_pairs(x)).movedim(-1, -3) if is_complex else x.float()


def compressed(x, exponent, is_complex):
    """Raise magnitudes to a power (power-law compression) and keep the phases."""
    if exponent == 1:
        return x
    if not is_complex:
        return x * x.abs().clamp_min(QUIETEST) ** (exponent - 1)
    pairs = x.unflatten(1, (-1, 2))
    magnitude = torch.linalg.vector_norm(pairs, dim=2, keepdim=True)
    return (pairs * magnitude.clamp_min(QUIETEST) ** (exponent - 1)).flatten(1, 2)


def _complex(x):
    # (..., 2C, H, W) -> (..., H, W, C)
    return torch.view_as_complex(_pairs(x).contiguous())


def _pairs(x):
    # (..., 2C, H, W) -> (..., H, W, C, 2); no copy of memory where parts are neighbours
    pairs = x.float().movedim(-3, -1).unflatten(-1, (-1, 2))
    *strides, last = pairs.stride()
    is_complex = last == 1 and not any(stride % 2 for stride in strides)
    return pairs if is_complex else pairs.contiguous()


def _parts(z):
    # (..., H, W, C) -> (..., 2C, H, W)
    return torch.view_as_real(z.contiguous()).flatten(-2).movedim(-1, -3)
