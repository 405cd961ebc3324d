"""Checks of estimators' parameters beyond those of scikit-learn."""

from numbers import Number

from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    make_constraint,
)


def refuse_booleans(estimator):
    """Raise a ValueError for True or False where a number is meant.

    Python counts them as integers, and scikit-learn's intervals take them.

    Parameters
    ----------
    estimator : object
        Has ``get_params`` and ``_parameter_constraints``.
    """
    parameters = estimator.get_params(deep=False)
    for name, constraints in estimator._parameter_constraints.items():
        value = parameters.get(name)
        if isinstance(value, bool) and are_for_numbers(constraints, value):
            expected = " or ".join(str(make_constraint(c)) for c in constraints)
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(estimator).__name__} must be "
                f"{expected}, not a boolean. Got {value!r} instead."
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
