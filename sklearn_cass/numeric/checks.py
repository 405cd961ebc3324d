"""Checks of numbers and their types, with errors that name the argument."""

import re
from contextlib import contextmanager
from functools import partial
from numbers import Real

import numpy as np
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import validate_data

from .chunked import SlicedArray, chunks_of, shared_mapping, takes_slices
from .containers import as_plain, refuse_masked

FLOATING = {"float32", "float64", "complex64", "complex128"}  # torch has these
# Sums of up to 2**24 values stay finite: no transform or norm overflows.
MARGIN = 2.0**-24


def is_number(value):
    """Return whether a value is a real number, and not a boolean."""
    return isinstance(value, Real) and not isinstance(value, bool)


def validate_samples(estimator, X, *, reset, hint="", **checks):
    """Return an estimator's X as finite numbers, arrays on disk unread.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` is set or compared.
    X : array-like
        The samples.
    reset : bool
        Whether to set ``n_features_in_``, as in ``fit``.
    hint : str, default=""
        Remedy to name where the number of features differs.
    **checks
        As for :func:`sklearn.utils.validation.validate_data`.

    Returns
    -------
    X : ndarray or SlicedArray
        The samples.

    Raises
    ------
    ValueError
        If X is no array of finite numbers, or empty.
    """
    with error_context("X", hint):
        check = partial(validate_data, estimator, reset=reset, **checks)
        X = check_unread(as_plain(X, "X"), check)
        check_numbers(X, "X")
    if 0 in X.shape:
        raise ValueError(f"X has an axis of length 0 and is empty: shape {X.shape}")
    return X


def check_unread(array, check, min_ndim=2):
    """Apply ``check`` to an array, but only to type and shape of one on disk.

    An array that can be read in slices is returned as a :class:`SlicedArray`.
    """
    if isinstance(array, SlicedArray):
        return array
    if takes_slices(array) and len(array.shape) >= min_ndim:
        check(np.broadcast_to(np.zeros((), array.dtype), array.shape))
        return SlicedArray(array)
    array = check(array)
    is_mapped = array.ndim >= min_ndim and shared_mapping(array) is not None
    return SlicedArray(array) if is_mapped else array


def check_numbers(array, name, axis=0, allow_nan=False):
    """Raise a ValueError for values that are not finite numbers of moderate size.

    Values so large that sums of them overflow are refused, too, and masked entries. The
    array is read once, in chunks along its first or last axis, and never copied: it may
    be larger than memory (a memmap, a SlicedArray).

    Parameters
    ----------
    array : ndarray or SlicedArray
        The values.
    name : str
        Name of the argument, for messages.
    axis : {0, -1}, default=0
        Axis along which to read.
    allow_nan : bool, default=False
        Whether values may be NaN.

    Returns
    -------
    has_nan : bool
        Whether a value is NaN.
    """
    has_nan = False
    if array.dtype.kind not in "biufc":
        raise ValueError(f"{name} must hold numbers, got an array of {array.dtype}")
    if 0 in array.shape:
        return has_nan
    if array.dtype.kind not in "fc":
        if isinstance(array, SlicedArray) and not isinstance(array.array, np.ndarray):
            for chunk in chunks_of(array, axis):
                refuse_masked(chunk, name)  # netCDF has masked integers
        return has_nan
    # what is neither single nor double precision is computed in double
    held = array.dtype if array.dtype.name in FLOATING else np.dtype(float)
    limit = float(np.finfo(held).max) * MARGIN
    for chunk in chunks_of(array if array.ndim else array[np.newaxis], axis):
        refuse_masked(chunk, name)
        with np.errstate(all="ignore"):
            largest = largest_modulus(chunk)
            if np.isnan(largest) and allow_nan:
                has_nan = True
                largest = largest_modulus(without_nan(chunk))
            if not np.isfinite(largest):
                assert_all_finite(chunk, input_name=name, allow_nan=allow_nan)
        if largest > limit:
            raise ValueError(
                f"{name} must hold values of at most {limit:.0e} in {held} arithmetic, "
                f"got {largest:.0e}: scale it down"
            )
    return has_nan


def known_entries(array, name):
    """Return which components of which rows are known: the others are NaN throughout.

    Parameters
    ----------
    array : ndarray or SlicedArray of shape (n_rows, n_components, ...)
        Components, which `check_numbers` found to hold NaN.
    name : str
        Name of the argument, for messages.

    Returns
    -------
    known : ndarray of shape (n_rows, n_components)
        Whether each entry holds numbers.

    Raises
    ------
    ValueError
        If a part of an entry is NaN, or if all entries are.
    """
    shares = [
        np.isnan(chunk).reshape(*chunk.shape[:2], -1).mean(axis=-1)
        for chunk in map(np.asarray, chunks_of(array))
    ]
    missing = np.concatenate(shares)
    partly = np.argwhere((missing > 0) & (missing < 1))
    if len(partly):
        row, component = partly[0].tolist()
        raise ValueError(
            f"{name} contains NaN in a part of component {component} of row {row}: "
            "only a component that is not known may be NaN, and then throughout"
        )
    if missing.all():
        raise ValueError(f"{name} contains NaN alone: no component of any row is known")
    return missing == 0


def check_channels(X):
    """Raise a ValueError for multichannel waveforms of more channels than time points.

    They are nearly always transposed: sound files are read as (n_times, n_channels).
    """
    if X.ndim == 3 and X.shape[1] > X.shape[2]:
        raise ValueError(
            f"X of shape {X.shape} has more channels ({X.shape[1]}) than time points "
            f"({X.shape[2]}): waveforms have shape (n_samples, n_channels, n_times). "
            "If channels come last, pass np.swapaxes(X, 1, 2), and y likewise. Real "
            "spectrograms need an axis of channels, X[:, np.newaxis]"
        )


def without_nan(array):
    """Return an array with zeros for NaN."""
    return np.nan_to_num(array, nan=0, posinf=np.inf, neginf=-np.inf)


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
