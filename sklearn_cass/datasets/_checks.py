"""Checks of arguments, with errors that name them."""

import math


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
    if isinstance(values, str) or not len(values):
        raise ValueError(f"{name} must be a non-empty list of names, got {values!r}")
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
