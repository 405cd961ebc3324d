"""Checks of the fields of a file: types, ranges, and no others than described."""

import math
import sys
from contextlib import contextmanager

LARGEST = 2**31  # of lengths and counts
FINITE = sys.float_info.max


@contextmanager
def named(name):
    """Prefix errors with the name of a field."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def expect(condition, what, value):
    """Raise a ValueError that says what was expected unless the condition holds."""
    if not condition:
        raise ValueError(f"expected {what}, got {brief(value)}")


def brief(value):
    """Return a value as text of at most 100 characters."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except (RecursionError, ValueError):  # an integer of very many digits
        text = f"an object of type {type(value).__name__}"
    return text if len(text) < 100 else f"{text[:96]} ..."


def described(content, fields, optional=()):
    """Return the values of a JSON object, each checked by the check of its name.

    Parameters
    ----------
    content : object
        Plain JSON.
    fields : dict of callable
        For each field a check, which returns the value or raises a ValueError.
    optional : collection of str, default=()
        Fields that may be missing.

    Returns
    -------
    values : dict
        The values.

    Raises
    ------
    ValueError
        If the content is no object, lacks a field, or has one that is not described.
    """
    expect(isinstance(content, dict), "an object", content)
    unknown = sorted(set(content) - set(fields))
    missing = sorted(set(fields) - set(content) - set(optional))
    expect(not unknown, f"the fields {sorted(fields)} alone", unknown)
    expect(not missing, f"the fields {missing}, too", sorted(content))
    values = {}
    for name, value in content.items():
        with named(name):
            values[name] = fields[name](value)
    return values


def integer(low=0, high=LARGEST):
    """Return a check for integers in a range, both ends included."""

    def check(value):
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        expect(
            is_integer and low <= value <= high, f"an integer {low} to {high}", value
        )
        return value

    return check


def number(low=-math.inf, high=math.inf):
    """Return a check for finite numbers in a range, both ends included."""

    def check(value):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        is_inside = is_number and low <= value <= high and abs(value) <= FINITE
        expect(is_inside, f"a finite number from {low} to {high}", value)
        return value

    return check


def anything(value):
    """Return the value, which is checked elsewhere."""
    return value


def boolean(value):
    """Return the value if it is true or false."""
    expect(isinstance(value, bool), "true or false", value)
    return value


def options(*known):
    """Return a check for one of some texts."""

    def check(value):
        expect(isinstance(value, str) and value in known, f"one of {known}", value)
        return value

    return check


def text(longest=1000):
    """Return a check for text."""

    def check(value):
        is_short = isinstance(value, str) and len(value) <= longest
        expect(is_short, f"text of at most {longest} characters", value)
        return value

    return check


def list_of(check=anything, size=None):
    """Return a check for lists, of a length if given, whose entries are checked."""

    def check_list(value):
        expect(isinstance(value, list), "a list", value)
        expect(size in (None, len(value)), f"a list of length {size}", value)
        return [check(entry) for entry in value]

    return check_list


def none_or(check):
    """Return a check for null, or what another check takes."""
    return lambda value: None if value is None else check(value)
