"""Checks of side effects on the process, the data and the parameters."""

import os
import random
import warnings
from contextlib import contextmanager

import joblib
import numpy as np

from ._common import fit_clone, make_mixtures, seeded_clone


def process_state():
    """Return the state of the process that a separator must not change, by name."""
    import torch

    kind, keys, *rest = np.random.get_state()
    return {
        "Python's random generator": random.getstate(),
        "numpy's global random generator": (kind, keys.tobytes(), *rest),
        "torch's random generator": torch.get_rng_state().numpy().tobytes(),
        "torch's number of threads": torch.get_num_threads(),
        "torch's grad mode": torch.is_grad_enabled(),
        "torch's default dtype": torch.get_default_dtype(),
        "numpy's handling of floating-point errors": np.geterr(),
        "the filters of warnings": list(warnings.filters),
        "the environment variables": dict(os.environ),
        "the current directory": os.getcwd(),
    }


@contextmanager
def process_state_restored():
    """Restore the state of the process at the end, so that checks are independent."""
    import torch

    python, numpy, generator = (
        random.getstate(),
        np.random.get_state(),
        torch.get_rng_state(),
    )
    before = process_state()
    with (
        warnings.catch_warnings(),
        np.errstate(),
        torch.set_grad_enabled(torch.is_grad_enabled()),
    ):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
            torch.set_rng_state(generator)
            torch.set_num_threads(before["torch's number of threads"])
            torch.set_default_dtype(before["torch's default dtype"])
            os.environ.clear()
            os.environ.update(before["the environment variables"])
            os.chdir(before["the current directory"])


def _assert_unchanged(before, what):
    after = process_state()
    changed = [name for name in before if after[name] != before[name]]
    assert not changed, f"{what} changes {' and '.join(changed)}"


def check_separator_fit_leaves_global_state(name, estimator):
    """Check that ``fit`` changes no global generator and no setting."""
    X, y = make_mixtures()
    separator = seeded_clone(estimator)
    before = process_state()
    separator.fit(X, y)
    _assert_unchanged(before, f"{name}.fit")


def check_separator_transform_leaves_global_state(name, estimator):
    """Check that other methods change no global generator and no setting."""
    X, y = make_mixtures()
    separator = fit_clone(estimator, X, y)
    before = process_state()
    separator.transform(X)
    _assert_unchanged(before, f"{name}.transform")
    separator.predict(X)
    _assert_unchanged(before, f"{name}.predict")
    separator.score(X, y)
    _assert_unchanged(before, f"{name}.score")


def check_separator_data_unchanged(name, estimator):
    """Check that X and y do not change."""
    X, y = make_mixtures()
    given = {"X": X.copy(), "y": y.copy()}
    separator = fit_clone(estimator, given["X"], given["y"])
    _assert_data(given, X, y, f"{name}.fit")
    for method in ("transform", "predict"):
        getattr(separator, method)(given["X"])
        _assert_data(given, X, y, f"{name}.{method}")
    separator.score(given["X"], given["y"])
    _assert_data(given, X, y, f"{name}.score")


def _assert_data(given, X, y, what):
    assert np.array_equal(given["X"], X), f"{what} changes X"
    assert np.array_equal(given["y"], y), f"{what} changes y"


def check_separator_parameters_unchanged(name, estimator):
    """Check that the parameters do not change."""
    X, y = make_mixtures()
    separator = seeded_clone(estimator)
    before = _fingerprints(separator)
    separator.fit(X, y)
    separator.transform(X)
    separator.score(X, y)
    after = _fingerprints(separator)
    changed = [n for n in before if n not in after or after[n] != before[n]]
    assert not changed, f"{name} changes its parameters {changed}"


def _fingerprints(estimator):
    """Return hashes of the parameters, except for estimators, which may be fitted."""
    parameters = estimator.get_params().items()
    return {n: _fingerprint(v) for n, v in parameters if not _holds_estimators(v)}


def _holds_estimators(value):
    steps = isinstance(value, list) and any(isinstance(v, tuple) for v in value)
    return steps or hasattr(value, "get_params")


def _fingerprint(value):
    try:
        return joblib.hash(value)
    except Exception:  # a lambda, for instance, cannot be pickled
        return id(value)


CHECKS = (
    check_separator_fit_leaves_global_state,
    check_separator_transform_leaves_global_state,
    check_separator_data_unchanged,
    check_separator_parameters_unchanged,
)
