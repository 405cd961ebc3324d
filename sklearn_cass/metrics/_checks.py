"""Checks of the arguments of metrics."""

import numpy as np

from ..numeric import as_plain, check_numbers, known_entries


def check_array_of_numbers(values, name, min_ndim, allow_unknown=False):
    """Return `values` as an array of finite numbers.

    With `allow_unknown`, components that are NaN throughout are zeros in the array:
    metrics leave out silent ones, too.
    """
    try:
        array = np.asarray(as_plain(values, name))
    except ValueError as error:  # a ragged list
        raise ValueError(f"{name} is not an array of numbers: {error}") from error
    if array.ndim < min_ndim or array.size == 0:
        axes = "n_samples, n_components, ..." if min_ndim == 3 else "n_samples, ..."
        raise ValueError(
            f"{name} must have shape ({axes}), with at least {min_ndim} axes and no "
            f"empty one, got {array.shape}"
        )
    if check_numbers(array, name, allow_nan=allow_unknown):
        known = known_entries(array, name)
        array = array.copy()
        array[~known] = 0
    return array


def check_pair(y_true, y_pred):
    """Return components and estimates as arrays of the same shape."""
    y_true = check_array_of_numbers(y_true, "y_true", 3, allow_unknown=True)
    y_pred = check_array_of_numbers(y_pred, "y_pred", 3)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            "y_true and y_pred must have the same shape, "
            f"got {y_true.shape} and {y_pred.shape}"
        )
    return y_true, y_pred


def check_mixture(y_true, X, name="y_true", allow_unknown=False):
    """Return components and mixtures as arrays; `name` is that of the components."""
    y_true, X = (
        check_array_of_numbers(y_true, name, 3, allow_unknown),
        check_array_of_numbers(X, "X", 2),
    )
    expected = (y_true.shape[0], *y_true.shape[2:])
    if X.shape == expected:
        return y_true, X
    message = (
        f"X must have shape {expected}, one mixture of the shape of one component "
        f"for every sample of {name} {y_true.shape}, got {X.shape}"
    )
    if X.shape[:1] + X.shape[2:] == expected:  # (n_samples, n_channels, ...)
        message += (
            f": X has {X.shape[1]} channels and the components have one, pass the "
            "channel to compare with, X[:, channel]"
        )
    raise ValueError(message)


def check_sample_weight(sample_weight, n_samples):
    """Return weights as an array of floating point numbers, or None."""
    if sample_weight is None:
        return None
    weights = check_array_of_numbers(sample_weight, "sample_weight", 1).astype(float)
    if weights.shape != (n_samples,) or (weights < 0).any() or not weights.any():
        raise ValueError(
            "sample_weight must hold a number of 0 or more for each sample, not all 0, "
            f"in an array of shape ({n_samples},), got {weights!r}"
        )
    return weights


def nonzero(x):
    """Return x as a divisor, with 1 in place of 0."""
    return np.where(x == 0, 1, x)
