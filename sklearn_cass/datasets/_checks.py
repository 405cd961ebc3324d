"""Checks of arguments, with errors that name them."""

import math
import os
from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval

# Recordings of sound have up to 192 kHz. Far above, a second takes gigabytes.
SFREQ = Interval(Integral, 1, 192_000, closed="both")
COUNT = Interval(Integral, 1, None, closed="left")


def refuse_bools(**arguments):
    """Raise a ValueError for booleans, which are integers in Python."""
    for name, value in arguments.items():
        if isinstance(value, bool | np.bool_):
            raise ValueError(f"{name} must be a number, got {value}")


def check_memory(n_bytes, **arguments):
    """Raise a ValueError if arrays are larger than the memory of this machine.

    Parameters
    ----------
    n_bytes : int
        Size of the arrays in bytes.
    **arguments
        The arguments that determine it.
    """
    available = memory_bytes()
    if n_bytes > available:
        values = ", ".join(f"{name}={value}" for name, value in arguments.items())
        raise ValueError(
            f"{values} take about {n_bytes // 2**30} GiB of memory, but this machine "
            f"has {available // 2**30} GiB"
        )


def memory_bytes():
    """Return the size of this machine's memory, 128 GiB where it is unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 2**37


def check_not_empty(name, values):
    """Raise a ValueError unless there is a list of names."""
    if isinstance(values, str) or not len(values):
        raise ValueError(f"{name} must be a non-empty list of names, got {values!r}")


def check_choices(name, values, known):
    """Return names as a list, after a check that they are known and distinct.

    Parameters
    ----------
    name : str
        Name of the argument, for messages.
    values : list of str
        Its value.
    known : container of str
        The names to choose from.

    Returns
    -------
    values : list of str
        The names.

    Raises
    ------
    ValueError
        If there is no name, an unknown one, or one twice.
    """
    check_not_empty(name, values)
    values = list(values)
    for value in values:
        if value not in known:
            raise ValueError(f"{name} must be among {list(known)}, got {value!r}")
    if len(set(values)) < len(values):
        raise ValueError(f"{name} holds a name twice: {values}")
    return values


def check_range(name, values):
    """Return the ends of a range of positive numbers.

    Parameters
    ----------
    name : str
        Name of the argument, for messages.
    values : sequence of two floats
        Its value.

    Returns
    -------
    low, high : float
        The ends.

    Raises
    ------
    ValueError
        If they are not two positive finite numbers, the lower one first.
    """
    try:
        low, high = (float(value) for value in values)
    except (TypeError, ValueError):
        low = high = math.nan
    if not 0 < low <= high < math.inf:
        raise ValueError(
            f"{name} must be two positive numbers, the lower one first, got {values!r}"
        )
    return low, high


def check_interval(name, values, low=-math.inf, high=math.inf):
    """Return the ends of a range of numbers, which may be negative.

    Parameters
    ----------
    name : str
        Name of the argument, for messages.
    values : sequence of two floats
        Its value.
    low, high : float
        Limits of both ends.

    Returns
    -------
    first, last : float
        The ends.

    Raises
    ------
    ValueError
        If they are not two finite numbers within the limits, the lower one first.
    """
    try:
        first, last = (float(value) for value in values)
    except (TypeError, ValueError):
        first = last = math.nan
    if not low <= first <= last <= high or math.isinf(first) or math.isinf(last):
        limits = "" if low == -high else f" from {low:g} to {high:g}"
        raise ValueError(
            f"{name} must be two finite numbers{limits}, the lower one first, got "
            f"{values!r}"
        )
    return first, last
