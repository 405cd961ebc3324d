"""Checks with the tools of scikit-learn, and of errors for invalid data."""

import pickle
import tempfile
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_cass import STFTTransformer
from sklearn_cass.metrics import sdr

from ._common import (
    CLOSE_AFTER_TRAINING,
    assert_close,
    assert_estimates,
    fit_clone,
    fit_or_skip,
    make_mixtures,
    seeded_clone,
)


def check_separator_clone(name, estimator):
    """Check that a clone has the same parameters and is not fitted."""
    X, y = make_mixtures()
    separator = fit_clone(estimator, X, y)
    copied = clone(separator)
    assert (
        copied.get_params(deep=False).keys() == separator.get_params(deep=False).keys()
    ), f"a clone of {name} has other parameters"
    _assert_not_fitted(copied, "transform", X, what=f"a clone of {name}")
    copied.fit(X, y)
    assert_close(
        copied.transform(X),
        separator.transform(X),
        f"a clone of {name}, fitted on the same data, returns other estimates",
        CLOSE_AFTER_TRAINING,
    )


def check_separator_pickle(name, estimator):
    """Check that fitted separators can be saved by pickle and joblib."""
    X, y = make_mixtures()
    separator = fit_clone(estimator, X, y)
    expected = separator.transform(X)
    pickled = pickle.loads(pickle.dumps(separator))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "separator.joblib"
        joblib.dump(separator, path)
        dumped = joblib.load(path)
    for copied, tool in ((pickled, "pickle"), (dumped, "joblib")):
        message = f"{name} returns other estimates when loaded by {tool}"
        assert_close(copied.transform(X), expected, message)


def check_separator_predict(name, estimator):
    """Check ``predict``, ``fit_transform`` and that ``fit`` returns the separator."""
    X, y = make_mixtures()
    separator = seeded_clone(estimator)
    assert separator.fit(X, y) is separator, f"{name}.fit does not return self"
    expected = separator.transform(X)
    message = "does not return the same as transform"
    assert_close(separator.predict(X), expected, f"{name}.predict {message}")
    at_once = seeded_clone(estimator).fit_transform(X, y)
    message = f"{name}.fit_transform {message}"
    assert_close(at_once, expected, message, CLOSE_AFTER_TRAINING)


def check_separator_score(name, estimator):
    """Check that ``score`` is the mean SDR in dB without silent components."""
    X, y = make_mixtures()
    X[1] -= y[1, 0]
    y[1, 0] = 0
    separator = fit_clone(estimator, X, y)
    expected = np.nanmean(sdr(y, separator.transform(X)))
    found = separator.score(X, y)
    assert np.ndim(found) == 0 and np.isclose(found, expected, rtol=1e-6), (
        f"{name}.score is {found}, but the mean of sklearn_cass.metrics.sdr over "
        f"samples and components that are not silent is {expected}"
    )


def check_separator_pipeline(name, estimator):
    """Check a Pipeline with a step that changes nothing."""
    X, y = make_mixtures()
    separator = fit_clone(estimator, X, y)
    pipe = make_pipeline(FunctionTransformer(), seeded_clone(estimator)).fit(X, y)
    message = f"{name} returns other estimates in a Pipeline"
    expected = separator.transform(X)
    for found in (pipe.transform(X), pipe.predict(X)):
        assert_close(found, expected, message, CLOSE_AFTER_TRAINING)
    assert np.isclose(pipe.score(X, y), separator.score(X, y), atol=0.1), (
        f"{name} has another score in a Pipeline"
    )


def check_separator_after_stft(name, estimator):
    """Check that estimates are waveforms in a Pipeline with an STFTTransformer."""
    X, y = make_mixtures(n_times=33)
    pipe = make_pipeline(STFTTransformer(n_fft=8), estimator)
    what = "Spectrogram of an earlier step, with waveforms as y"
    pipe = fit_or_skip(name, pipe, X, y, what)
    assert_estimates(name, pipe.transform(X), y, X, "waveforms after an STFT")


def check_separator_grid_search(name, estimator):
    """Check that GridSearchCV has the same scores in two processes as in one."""
    X, y = make_mixtures(n_samples=8)
    # the same value twice, since no parameter is common to all separators
    first = list(estimator.get_params(deep=False).items())[:1]
    grid = {parameter: [value, value] for parameter, value in first}
    settings = {"cv": 2, "error_score": "raise"}
    one = GridSearchCV(seeded_clone(estimator), grid, **settings).fit(X, y)
    two = GridSearchCV(seeded_clone(estimator), grid, n_jobs=2, **settings).fit(X, y)
    expected = one.cv_results_["mean_test_score"]
    found = two.cv_results_["mean_test_score"]
    assert np.isfinite(expected).all(), f"{name} has scores that are not finite"
    # with another number of threads, workers may round differently
    assert np.allclose(found, expected, atol=0.1), (
        f"{name} has the scores {found} in a GridSearchCV with n_jobs=2, but "
        f"{expected} in one process"
    )
    assert_estimates(name, two.predict(X), y, X, "a GridSearchCV")


def check_separator_group_k_fold(name, estimator):
    """Check cross_val_predict with GroupKFold against a fit to the other groups."""
    X, y = make_mixtures(n_samples=8)
    groups = np.repeat([0, 1, 2, 3], 2)
    folds = GroupKFold(n_splits=2)
    found = cross_val_predict(seeded_clone(estimator), X, y, groups=groups, cv=folds)
    assert_estimates(name, found, y, X, "cross_val_predict")
    trained, tested = next(folds.split(X, y, groups))
    assert_close(
        found[tested],
        fit_clone(estimator, X[trained], y[trained]).transform(X[tested]),
        f"{name} returns other estimates in cross_val_predict",
        CLOSE_AFTER_TRAINING,
    )


def check_separator_not_fitted(name, estimator):
    """Check the NotFittedError before ``fit``, and after a ``fit`` that failed."""
    X, y = make_mixtures()
    separator = seeded_clone(estimator)
    for method, arguments in (("transform", [X]), ("predict", [X]), ("score", [X, y])):
        _assert_not_fitted(separator, method, *arguments, what=name)
    try:
        separator.fit(X, np.full_like(y, np.nan))
    except ValueError:
        what = f"{name}, whose fit failed,"
        _assert_not_fitted(separator, "transform", X, what=what)


def _assert_not_fitted(separator, method, *arguments, what):
    try:
        getattr(separator, method)(*arguments)
    except NotFittedError:
        return
    raise AssertionError(f"{what} does not raise a NotFittedError in {method}")


def check_separator_invalid_training_data(name, estimator):
    """Check that ``fit`` raises a ValueError for invalid X or y."""
    X, y = make_mixtures()
    broken = X.copy()
    broken[1, 2] = np.nan
    infinite = y.copy()
    infinite[0, 1, 3] = np.inf
    cases = {
        "NaN in X": (broken, y),
        "infinity in y": (X, infinite),
        "fewer samples in y than in X": (X, y[:-1]),
        "components shorter than X": (X, y[..., :-1]),
        "an empty X": (X[:0], y[:0]),
    }
    for what, data in cases.items():
        _assert_raises(seeded_clone(estimator).fit, data, f"{name}.fit accepts {what}")


def check_separator_invalid_mixtures(name, estimator):
    """Check that ``transform`` raises a ValueError for other lengths and for NaN."""
    X, y = make_mixtures()
    separator = fit_clone(estimator, X, y)
    broken = X.copy()
    broken[1, 2] = np.nan
    cases = {
        "mixtures shorter than in fit": X[:, :-1],
        "mixtures longer than in fit": np.tile(X, 2),
        "NaN": broken,
    }
    for what, mixtures in cases.items():
        for method in ("transform", "predict"):
            message = f"{name}.{method} accepts {what}"
            _assert_raises(getattr(separator, method), [mixtures], message)


def _assert_raises(method, arguments, message):
    try:
        method(*arguments)
    except ValueError:
        return
    raise AssertionError(f"{message}: expected a ValueError")


CHECKS = (
    check_separator_clone,
    check_separator_pickle,
    check_separator_predict,
    check_separator_score,
    check_separator_pipeline,
    check_separator_after_stft,
    check_separator_grid_search,
    check_separator_group_k_fold,
    check_separator_not_fitted,
    check_separator_invalid_training_data,
    check_separator_invalid_mixtures,
)
