"""Norms, levels and scale factors that neither overflow nor underflow."""

import numpy as np
import torch


def powers_of_two(array):
    """Return for each row the power of two next above its largest modulus.

    Silent rows have 1. Division by it changes no bit and brings every row, also one of
    subnormal numbers, into the range where arithmetic neither overflows nor underflows.

    Parameters
    ----------
    array : ndarray of shape (n_rows, ...)
        Real or complex values.

    Returns
    -------
    powers : ndarray of shape (n_rows, 1, ...)
        Real, in the precision and of the rank of the array.
    """
    peaks = np.abs(array).max(axis=tuple(range(1, array.ndim)), keepdims=True)
    return np.ldexp(peaks.dtype.type(1), np.frexp(peaks)[1]).astype(peaks.dtype)


def expand_rows(values, array):
    """Reshape one value for each row so that it broadcasts against the array."""
    return values.reshape(-1, *[1] * (array.ndim - 1))


def divide(array, divisors):
    """Divide an array by real numbers; complex division by tiny ones overflows."""
    # numpy 1.26 reports overflows in quotients of subnormal numbers that have none
    with np.errstate(over="ignore"):
        if array.dtype.kind != "c":
            return array / divisors
        quotient = np.empty_like(array, subok=False)
        quotient.real, quotient.imag = array.real / divisors, array.imag / divisors
    return quotient


def vector_norm(x, dim, ord=2):
    """Return norms over some axes, which are kept with length one.

    The largest modulus is divided out first, so that no square overflows or vanishes.

    Parameters
    ----------
    x : tensor
        Real or complex values.
    dim : tuple of int
        The axes.
    ord : {1, 2, inf}, default=2
        Order of the norm.

    Returns
    -------
    norms : tensor
        In double precision.
    """
    magnitude = x.abs()
    peak = magnitude.amax(dim, keepdim=True)
    scaled = magnitude / torch.where(peak > 0, peak, 1.0)
    norms = torch.linalg.vector_norm(scaled, ord, dim, True, dtype=torch.float64)
    return peak * norms


def level(X):
    """Return each mixture's root mean square: (n, C, H, W) -> (n, 1, 1, 1)."""
    norms = vector_norm(X, dim=(1, 2, 3))
    return (norms / X[0].numel() ** 0.5).to(X.real.dtype)


def divisor(level):
    """Return the levels, and 1 for silence.

    Subnormal levels count as silence, because complex division by them overflows.
    """
    return torch.where(level >= torch.finfo(level.dtype).tiny, level, 1.0)


def to_unit_level(X, Y=None):
    """Divide mixtures, and their components, by the level of each mixture.

    Parameters
    ----------
    X : tensor of shape (n, C, H, W)
        Mixtures. Silent ones stay as they are.
    Y : tensor of shape (n, K, C_y, H, W), default=None
        Their components.

    Returns
    -------
    X, Y : tensors
        The scaled mixtures and components; Y is None where none were given.
    scale : tensor of shape (n, 1, 1, 1)
        The levels, 0 for silence.
    """
    scale = level(X)
    divisors = divisor(scale)
    return X / divisors, None if Y is None else Y / divisors.unsqueeze(1), scale


def scaled_to_unit_level(X):
    """Divide mixtures by their levels in place, where no value is extreme.

    After :func:`powers_of_two` have been divided out, squares neither overflow nor
    vanish: one pass over the values does for what :func:`to_unit_level` takes several.

    Parameters
    ----------
    X : tensor of shape (n, C, H, W)
        Mixtures. Silent ones stay as they are.

    Returns
    -------
    X : tensor of shape (n, C, H, W)
        The same tensor.
    scale : tensor of shape (n, 1, 1, 1)
        The levels, 0 for silence.
    """
    parts = torch.view_as_real(X) if X.is_complex() else X.unsqueeze(-1)
    norms = torch.linalg.vector_norm(parts, dim=(1, 2, 3, 4), dtype=torch.float64)
    scale = (norms / X[0].numel() ** 0.5).to(parts.dtype).view(-1, 1, 1, 1)
    parts /= divisor(scale).unsqueeze(-1)
    return X, scale
