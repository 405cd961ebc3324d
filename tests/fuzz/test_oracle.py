"""The oracle itself: wrong results are reported, right ones are not."""

import time
import warnings

import numpy as np
import pytest
import torch
from oracle import (
    Failure,
    finite,
    is_documented,
    time_limit,
    works_or_refuses,
)
from sklearn.exceptions import ConvergenceWarning, NotFittedError


def raising(error):
    def call():
        raise error

    return call


def dividing():
    return np.ones(3) / np.zeros(3)


def overflowing_inside_numpy():
    return np.full(2, 1e308).sum() * 0 + np.zeros((2, 3))


def reading_read_only_memory():
    array = np.zeros(3)
    array.flags.writeable = False
    # torch gives this warning once in a process
    warnings.warn(
        "The given NumPy array is not writable (Triggered internally at x.cpp)",
        stacklevel=1,
    )
    return torch.from_numpy(array.copy()).numpy() + np.zeros((2, 3))


def deprecated():
    warnings.warn("soon gone", DeprecationWarning, stacklevel=1)
    return np.zeros((2, 3))


WRONG = {
    "NaN": lambda: np.full((2, 3), np.nan),
    "infinity": lambda: np.full((2, 3), np.inf),
    "another shape": lambda: np.zeros((3, 2)),
    "no array": lambda: [[0.0] * 3] * 2,
    "another type": lambda: np.zeros((2, 3), int),
    "KeyError": raising(KeyError("X")),
    "RuntimeError": raising(RuntimeError("X")),
    "AssertionError": raising(AssertionError("X")),
    "MemoryError": raising(MemoryError("X")),
    "a message that names nothing": raising(ValueError("invalid input")),
    "a name inside a word": raising(ValueError("MAX is too large, Xy")),
    "another argument": raising(TypeError("y must be an array")),
    "numpy's warning": dividing,
    "a warning inside numpy": overflowing_inside_numpy,
    "torch's warning": reading_read_only_memory,
    "a deprecation": deprecated,
}


@pytest.mark.parametrize("name", WRONG)
def test_oracle_reports(name):
    with pytest.raises(Failure):
        works_or_refuses(WRONG[name], named={"X"}, check=finite(2, 3))


def converging():
    warnings.warn("stopped early", ConvergenceWarning, stacklevel=1)
    return np.zeros((2, 3))


@pytest.mark.parametrize("call", [lambda: np.zeros((2, 3), "f4"), converging])
def test_oracle_lets_pass_what_works(call):
    result = works_or_refuses(call, named={"X"}, check=finite(2, 3))
    assert result.shape == (2, 3)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("X contains NaN"),
        TypeError("Sparse data was passed for X, but"),
        NotFittedError("This CASSSeparator instance is not fitted yet"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_oracle_lets_pass_refusals(error):
    assert not works_or_refuses(raising(error), named={"X"})


def test_oracle_reports_what_hangs():
    with pytest.raises(Failure, match="no answer in 1 s"), time_limit(1):
        time.sleep(10)


def test_warning_of_other_code_is_not_documented():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("anything", stacklevel=1)
    assert not is_documented(caught[0])
