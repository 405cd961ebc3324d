"""Checks of numbers and their types, with errors that name the argument."""

import re
from contextlib import contextmanager

import numpy as np
from sklearn.utils import assert_all_finite

from .chunked import chunks_of

FLOATING = {"float32", "float64", "complex64", "complex128"}  # torch has these
# Sums of up to 2**24 values stay finite: no transform or norm overflows.
MARGIN = 2.0**-24


def check_numbers(array, name, axis=0):
    """Raise a ValueError for values that are not finite numbers of moderate size.

    Values so large that sums of them overflow are refused, too. The array is read once,
    in chunks along its first or last axis, and never copied: it may be larger than
    memory (a memmap, a SlicedArray).

    Parameters
    ----------
    array : ndarray or SlicedArray
        The values.
    name : str
        Name of the argument, for messages.
    axis : {0, -1}, default=0
        Axis along which to read.
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
    """Return the largest modulus, or NaN where there is a NaN, without a copy."""
    if array.dtype.kind == "c":
        return float(np.abs(array).max())
    return float(np.maximum(-array.min(), array.max()))


def floating(array):
    """Return the array in a floating type that torch has, else in double precision."""
    return array.astype(floating_type(array.dtype), copy=False)


def floating_type(dtype):
    """Return the type itself where torch has it, else one of double precision."""
    if dtype.isnative and dtype.name in FLOATING:
        return dtype
    return np.dtype(np.complex128 if dtype.kind == "c" else np.float64)


def in_double(array):
    """Return the array in double precision."""
    return array.astype(complex if array.dtype.kind == "c" else float, copy=False)


@contextmanager
def error_context(name, hint=""):
    """Prefix validation errors with the argument's name, and append a remedy."""
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
