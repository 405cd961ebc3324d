"""Checks of arrays that all parts share; messages name the argument."""

import re
from contextlib import contextmanager

import numpy as np
from sklearn.utils import assert_all_finite

from .arrays import chunks_of

FLOATING = {"float32", "float64", "complex64", "complex128"}  # torch's, of ours
# Sums of up to 2**24 values stay finite: no transform or norm overflows.
MARGIN = 2.0**-24


def check_numbers(array, name, axis=0):
    """Refuse what is no number, not finite, or so large that arithmetic overflows.

    In chunks along the first or last axis: an array larger than memory (a memmap, a
    SlicedArray) is read once and never copied.
    """
    if array.dtype.kind not in "biufc":
        raise ValueError(f"{name} must hold numbers, got an array of {array.dtype}")
    if array.dtype.kind not in "fc" or 0 in array.shape:
        return
    # what is neither single nor double precision is computed in double
    held = array.dtype if array.dtype.name in FLOATING else np.dtype(float)
    limit = float(np.finfo(held).max) * MARGIN
    for chunk in chunks_of(array if array.ndim else array[np.newaxis], axis):
        with np.errstate(all="ignore"):
            largest = largest_modulus(chunk)
            if not np.isfinite(largest):
                assert_all_finite(chunk, input_name=name)
        if largest > limit:
            raise ValueError(
                f"{name} must hold values of at most {limit:.0e} in {held} arithmetic, "
                f"got {largest:.0e}: scale it down"
            )


def largest_modulus(array):
    """The largest modulus, NaN where there is a NaN; without a copy of real numbers."""
    if array.dtype.kind == "c":
        return float(np.abs(array).max())
    return float(np.maximum(-array.min(), array.max()))


def floating(array):
    """The array itself where torch has its floating type, else in double precision."""
    return array.astype(floating_type(array.dtype), copy=False)


def floating_type(dtype):
    """The type itself where torch has it, else one of double precision."""
    if dtype.isnative and dtype.name in FLOATING:
        return dtype
    return np.dtype(np.complex128 if dtype.kind == "c" else np.float64)


def in_double(array):
    """The array in double precision."""
    return array.astype(complex if array.dtype.kind == "c" else float, copy=False)


def powers_of_two(array):
    """For each row the power of two next above its largest modulus; 1 for silence.

    To divide by it changes no bit, and brings whatever the row holds, subnormal
    numbers, too, to where arithmetic neither overflows nor underflows.
    """
    peaks = np.abs(array).max(axis=tuple(range(1, array.ndim)), keepdims=True)
    return np.ldexp(peaks.dtype.type(1), np.frexp(peaks)[1]).astype(peaks.dtype)


def of_rank(array):
    """Shape of one value for each row that goes with the array."""
    return -1, *[1] * (array.ndim - 1)


def divided(array, divisors):
    """The array divided by real numbers, tiny ones where complex division overflows."""
    if array.dtype.kind != "c":
        return array / divisors
    quotient = np.empty_like(array, subok=False)
    quotient.real, quotient.imag = array.real / divisors, array.imag / divisors
    return quotient


@contextmanager
def naming(name, hint=""):
    """Have the errors of other libraries' checks name the argument and a remedy."""
    try:
        with np.errstate(all="ignore"):
            yield
    except (TypeError, ValueError) as error:
        message = str(error)
        if not re.search(rf"\b{name}\b", message):
            message = f"{name}: {message}"
        if hint and "features" in message:
            message = f"{message} ({hint})"
        if message == str(error):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(message) from error
