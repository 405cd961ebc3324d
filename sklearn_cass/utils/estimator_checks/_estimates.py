"""Checks of dependences and invariances of estimates."""

import tempfile
from pathlib import Path

import numpy as np

from ._common import (
    CLOSE_AFTER_TRAINING,
    assert_close,
    assert_estimates,
    fit_clone,
    make_mixtures,
)


def check_separator_component_order(name, estimator):
    """Check that estimates are in the order of the components in y.

    The separator is fitted twice to the same mixtures, with the same random state and
    the components in opposite orders. The difference between the two estimates, along
    the difference between the components, must be larger in the first fit. This holds
    for little training and any initial weights, too.
    """
    y = np.random.default_rng(0).normal(size=(64, 2, 16)) * [[1.0], [0.1]]
    X = y.sum(axis=1)
    direction = y[:, 0] - y[:, 1]
    first, second = (
        fit_clone(estimator, X, np.ascontiguousarray(y[:, order])).transform(X)
        for order in ([0, 1], [1, 0])
    )
    projections = [(direction * (e[:, 0] - e[:, 1])).sum() for e in (first, second)]
    scale = (direction**2).sum()
    assert projections[0] - projections[1] > 1e-6 * scale, (
        f"{name} does not return the components in the order of y: with the loud "
        f"component first, the first estimate exceeds the second by "
        f"{projections[0] / scale:.3g} of it, with the loud component second by "
        f"{projections[1] / scale:.3g}"
    )


def check_separator_scale_equivariance(name, estimator):
    """Check that ``transform(c * X)`` is ``c * transform(X)`` for each sample."""
    X, y = make_mixtures()
    separator = fit_clone(estimator, X, y)
    estimates = separator.transform(X)
    message = f"{name}.transform(c * X) is not c * transform(X) for "
    for c in (1e-3, 3.0, 1e3):
        assert_close(separator.transform(c * X), c * estimates, f"{message}c={c}")
    c = np.geomspace(1e-3, 1e3, len(X))
    assert_close(
        separator.transform(c[:, None] * X),
        c[:, None, None] * estimates,
        f"{message}another c in each sample",
    )


def check_separator_silence(name, estimator):
    """Check that estimates of a silent mixture are silent, also in training data."""
    X, y = make_mixtures()
    X[2], y[2] = 0, 0
    estimates = fit_clone(estimator, X, y).transform(X)
    assert_estimates(name, estimates, y, X, "mixtures with a silent one")
    assert not estimates[2].any(), f"{name} returns components of a silent mixture"


def check_separator_batch_independence(name, estimator):
    """Check that the estimates of a sample do not depend on the other samples."""
    X, y = make_mixtures(n_samples=9)
    separator = fit_clone(estimator, X, y)
    estimates = separator.transform(X)
    message = f"estimates of {name} depend on the other samples: "
    for samples in ([0], [4], [7, 2], list(range(8, -1, -1))):
        found = separator.transform(X[samples])
        assert_close(found, estimates[samples], f"{message}samples {samples} alone")
    others = X.copy()
    others[1:] *= 1e4
    found = separator.transform(others)[:1]
    assert_close(found, estimates[:1], f"{message}the others are louder")


def check_separator_reproducible(name, estimator):
    """Check that ``transform``, and ``fit`` with a random state, are reproducible."""
    X, y = make_mixtures()
    separator = fit_clone(estimator, X.copy(), y.copy())
    estimates = separator.transform(X.copy()).copy()
    again = separator.transform(X.copy())
    assert np.array_equal(again, estimates), (
        f"{name}.transform returns other estimates of the same X in a second call"
    )
    refitted = fit_clone(estimator, X.copy(), y.copy()).transform(X.copy())
    assert_close(
        refitted,
        estimates,
        f"{name} fitted twice on the same data, with integers as random states, "
        "returns other estimates",
        CLOSE_AFTER_TRAINING,
    )


def check_separator_refit(name, estimator):
    """Check that ``fit`` does not depend on an earlier fit to other shapes."""
    X, y = make_mixtures()
    expected = fit_clone(estimator, X, y).transform(X)
    separator = fit_clone(estimator, *make_mixtures(n_components=3, n_times=17))
    separator.fit(X, y)
    assert_close(
        separator.transform(X),
        expected,
        f"{name}.fit depends on an earlier fit",
        CLOSE_AFTER_TRAINING,
    )


def check_separator_writable_estimates(name, estimator):
    """Check that writing to the estimates changes neither the separator nor X."""
    X, y = make_mixtures()
    separator = fit_clone(estimator, X, y)
    given = X.copy()
    estimates = separator.transform(given)
    before, expected = given.copy(), estimates.copy()
    estimates[:] = 0
    assert np.array_equal(given, before), f"estimates of {name} share memory with X"
    assert_close(
        separator.transform(X),
        expected,
        f"{name}.transform returns values that were written to earlier estimates",
    )


def check_separator_dtypes(name, estimator):
    """Check that estimates have the precision of the mixtures, not of ``fit``."""
    double, single = make_mixtures(), make_mixtures(dtype=np.float32)
    for trained in (double, single):
        separator = fit_clone(estimator, *trained)
        for X, y in (double, single):
            what = f"{X.dtype} mixtures after fit with {trained[0].dtype}"
            assert_estimates(name, separator.transform(X), y, X, what)
        low, high = separator.transform(single[0]), separator.transform(double[0])
        message = f"estimates of {name} depend on the precision of X"
        assert_close(low, high, message, 1e-4)


def check_separator_memory_layout(name, estimator):
    """Check that the memory layout of the arrays does not matter."""
    X, y = make_mixtures()
    separator = fit_clone(estimator, X, y)
    expected = separator.transform(X)
    message = f"estimates of {name} depend on the memory layout of "
    wide = np.repeat(X, 2, axis=1)
    for layout in (np.asfortranarray(X), wide[:, ::2], X[:, ::-1].copy()[:, ::-1]):
        assert_close(separator.transform(layout), expected, f"{message}X")
    other = fit_clone(estimator, np.asfortranarray(X), np.asfortranarray(y))
    assert_close(
        other.transform(X), expected, f"{message}X and y in fit", CLOSE_AFTER_TRAINING
    )


def check_separator_readonly_memmap(name, estimator):
    """Check data in read-only memory maps."""
    X, y = make_mixtures()
    expected = fit_clone(estimator, X, y).transform(X)
    # some systems cannot delete an open map
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        paths = [Path(folder) / "X.npy", Path(folder) / "y.npy"]
        maps = []
        for path, array in zip(paths, (X, y), strict=True):
            np.save(path, array)
            maps.append(np.load(path, mmap_mode="r"))
        separator = fit_clone(estimator, *maps)
        found = np.array(separator.transform(maps[0]))
        separator.score(*maps)
        del maps
    message = f"estimates of {name} from memory maps differ"
    assert_close(found, expected, message, CLOSE_AFTER_TRAINING)


CHECKS = (
    check_separator_component_order,
    check_separator_scale_equivariance,
    check_separator_silence,
    check_separator_batch_independence,
    check_separator_reproducible,
    check_separator_refit,
    check_separator_writable_estimates,
    check_separator_dtypes,
    check_separator_memory_layout,
    check_separator_readonly_memmap,
)
