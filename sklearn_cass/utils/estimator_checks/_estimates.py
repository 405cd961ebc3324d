"""What estimates follow, and what they do not depend on."""

import tempfile
from pathlib import Path

import numpy as np

from ._common import (
    CLOSE_AFTER_TRAINING,
    assert_close,
    assert_estimates,
    fit,
    make_mixtures,
)


def check_separator_component_order(name, estimator):
    """Estimate k is that of component k of y.

    The same mixtures are learnt with their components in one order and in the other,
    from the same random state. However little was learnt, and whatever the estimates
    owe to where learning began, the first fit's estimates must lie further towards
    the first order than the second fit's.
    """
    y = np.random.default_rng(0).normal(size=(64, 2, 16)) * [[1.0], [1e-3]]
    X = y.sum(axis=1)
    direction = y[:, 0] - y[:, 1]
    first, second = (
        fit(estimator, X, np.ascontiguousarray(y[:, order])).transform(X)
        for order in ([0, 1], [1, 0])
    )
    towards = [(direction * (e[:, 0] - e[:, 1])).sum() for e in (first, second)]
    scale = (direction**2).sum()
    assert towards[0] - towards[1] > 1e-6 * scale, (
        f"{name} does not return the components in the order of y: with the loud "
        f"component first, the first estimate exceeds the second by "
        f"{towards[0] / scale:.3g} of it, with the loud component second by "
        f"{towards[1] / scale:.3g}"
    )


def check_separator_scale_equivariance(name, estimator):
    """``transform(c * X)`` is ``c * transform(X)``, row by row."""
    X, y = make_mixtures()
    separator = fit(estimator, X, y)
    estimates = separator.transform(X)
    message = f"{name}.transform(c * X) is not c * transform(X) for "
    for c in (1e-3, 3.0, 1e3):
        assert_close(separator.transform(c * X), c * estimates, f"{message}c={c}")
    c = np.geomspace(1e-3, 1e3, len(X))
    assert_close(
        separator.transform(c[:, None] * X),
        c[:, None, None] * estimates,
        f"{message}another c in each row",
    )


def check_separator_silence(name, estimator):
    """A silent mixture has silent components; it may be among those trained on."""
    X, y = make_mixtures()
    X[2], y[2] = 0, 0
    estimates = fit(estimator, X, y).transform(X)
    assert_estimates(name, estimates, y, X, "mixtures with a silent one")
    assert not estimates[2].any(), f"{name} hears components in a silent mixture"


def check_separator_batch_independence(name, estimator):
    """An estimate does not depend on the rows beside it."""
    X, y = make_mixtures(n_samples=9)
    separator = fit(estimator, X, y)
    estimates = separator.transform(X)
    message = f"estimates of {name} depend on the rows that are beside: "
    for rows in ([0], [4], [7, 2], list(range(8, -1, -1))):
        found = separator.transform(X[rows])
        assert_close(found, estimates[rows], f"{message}rows {rows} alone")
    others = X.copy()
    others[1:] *= 1e4
    found = separator.transform(others)[:1]
    assert_close(found, estimates[:1], f"{message}the others are louder")


def check_separator_repeats(name, estimator):
    """Equal bits from ``transform`` again, and from ``fit`` with the random state."""
    X, y = make_mixtures()
    separator = fit(estimator, X.copy(), y.copy())
    estimates = separator.transform(X.copy()).copy()
    again = separator.transform(X.copy())
    assert np.array_equal(again, estimates), (
        f"{name}.transform returns other estimates of the same X when called again"
    )
    refitted = fit(estimator, X.copy(), y.copy()).transform(X.copy())
    assert_close(
        refitted,
        estimates,
        f"{name} fitted twice on the same data, with integers as random states, "
        "returns other estimates",
        CLOSE_AFTER_TRAINING,
    )


def check_separator_fits_anew(name, estimator):
    """``fit`` forgets the fit before, with another number of components, too."""
    X, y = make_mixtures()
    expected = fit(estimator, X, y).transform(X)
    separator = fit(estimator, *make_mixtures(n_components=3, n_times=17))
    separator.fit(X, y)
    assert_close(
        separator.transform(X),
        expected,
        f"{name}.fit depends on the fit before",
        CLOSE_AFTER_TRAINING,
    )


def check_separator_estimates_may_be_changed(name, estimator):
    """Writing to the estimates changes neither the separator nor X."""
    X, y = make_mixtures()
    separator = fit(estimator, X, y)
    given = X.copy()
    estimates = separator.transform(given)
    before, expected = given.copy(), estimates.copy()
    estimates[:] = 0
    assert np.array_equal(given, before), f"estimates of {name} share memory with X"
    assert_close(
        separator.transform(X),
        expected,
        f"{name}.transform returns what was written to the estimates before",
    )


def check_separator_dtypes(name, estimator):
    """Estimates have the precision of the mixtures, whatever was trained on."""
    double, single = make_mixtures(), make_mixtures(dtype=np.float32)
    for trained in (double, single):
        separator = fit(estimator, *trained)
        for X, y in (double, single):
            what = f"{X.dtype} mixtures after {trained[0].dtype} ones in fit"
            assert_estimates(name, separator.transform(X), y, X, what)
        low, high = separator.transform(single[0]), separator.transform(double[0])
        message = f"estimates of {name} depend on the precision of X"
        assert_close(low, high, message, 1e-4)


def check_separator_memory_layout(name, estimator):
    """The order of entries in memory does not matter."""
    X, y = make_mixtures()
    separator = fit(estimator, X, y)
    expected = separator.transform(X)
    message = f"estimates of {name} depend on the memory layout of "
    wide = np.repeat(X, 2, axis=1)
    for layout in (np.asfortranarray(X), wide[:, ::2], X[:, ::-1].copy()[:, ::-1]):
        assert_close(separator.transform(layout), expected, f"{message}X")
    other = fit(estimator, np.asfortranarray(X), np.asfortranarray(y))
    assert_close(
        other.transform(X), expected, f"{message}X and y in fit", CLOSE_AFTER_TRAINING
    )


def check_separator_readonly_memmap(name, estimator):
    """Data may be memory maps that cannot be written to."""
    X, y = make_mixtures()
    expected = fit(estimator, X, y).transform(X)
    # an open map cannot be deleted everywhere
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        paths = [Path(folder) / "X.npy", Path(folder) / "y.npy"]
        maps = []
        for path, array in zip(paths, (X, y), strict=True):
            np.save(path, array)
            maps.append(np.load(path, mmap_mode="r"))
        separator = fit(estimator, *maps)
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
    check_separator_repeats,
    check_separator_fits_anew,
    check_separator_estimates_may_be_changed,
    check_separator_dtypes,
    check_separator_memory_layout,
    check_separator_readonly_memmap,
)
