"""Checks of estimators' parameters beyond those of scikit-learn."""

import sys
from numbers import Number

from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    make_constraint,
)


def check_number_parameters(estimator):
    """Raise a ValueError for numbers that scikit-learn's intervals take by mistake.

    True and False count as integers in Python, and no float is as large as some
    integers.

    Parameters
    ----------
    estimator : object
        Has ``get_params`` and ``_parameter_constraints``.
    """
    parameters = estimator.get_params(deep=False)
    for name, constraints in estimator._parameter_constraints.items():
        value, hint = parameters.get(name), None
        if isinstance(value, bool) and are_for_numbers(constraints, value):
            hint = "not a boolean"
        elif isinstance(value, int) and abs(value) > sys.float_info.max:
            value, hint = "an integer of 1e308 or more", "below 1e308"
        if hint:
            expected = " or ".join(str(make_constraint(c)) for c in constraints)
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(estimator).__name__} must be "
                f"{expected}, {hint}. Got {value} instead."
            )


def are_for_numbers(constraints, value):
    """Return whether a boolean satisfies only constraints that are for numbers."""
    if isinstance(constraints, str):  # "no_validation"
        return False
    satisfied = [c for c in constraints if make_constraint(c).is_satisfied_by(value)]
    return all(
        isinstance(c, Interval)
        or (isinstance(c, str) and c == "random_state")
        or (isinstance(c, type) and issubclass(c, Number))
        for c in satisfied
    )
