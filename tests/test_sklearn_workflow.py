"""scikit-learn's own tools, unchanged, on separators."""

import numpy as np
import pytest
import torch
from cases import FAST, make_mixtures
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
)
from sklearn.pipeline import Pipeline, make_pipeline

from sklearn_cass import AESeparator, CASSSeparator, STFTTransformer
from sklearn_cass.datasets import make_ecg_mixtures
from sklearn_cass.metrics import (
    mean_sdr,
    neg_relative_error_score,
    sdr,
    sdr_score,
    si_sdr_score,
)

pytestmark = pytest.mark.usefixtures("generators_stand_still")


@pytest.fixture(scope="module")
def ecg():
    return make_ecg_mixtures(
        n_samples=12, n_times=1024, windows_per_trace=4, random_state=0
    )


@pytest.fixture(scope="module")
def data():
    return make_mixtures(12)


def test_what_a_user_writes(ecg):
    X_mix, Y_components = ecg.data, ecg.target
    assert X_mix.shape == (12, 1024)
    assert Y_components.shape == (12, 2, 1024)

    separator = CASSSeparator(**FAST).fit(X_mix, Y_components)
    assert separator.transform(X_mix).shape == (12, 2, 1024)
    score = separator.score(X_mix, Y_components)
    assert score == sdr(Y_components, separator.transform(X_mix)).mean()

    pipe = make_pipeline(
        STFTTransformer(n_fft=128, hop_length=32), CASSSeparator(**FAST)
    )
    search = GridSearchCV(
        pipe,
        {
            "stfttransformer__n_fft": [64, 128],
            "cassseparator__cross_weights": [0.0, 0.01, [[0, 0.01], [0, 0]]],
        },
    )
    search.fit(X_mix, Y_components)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(search.cv_results_["params"]) == 6
    assert search.predict(X_mix).shape == (12, 2, 1024)
    assert search.score(X_mix, Y_components) == pytest.approx(
        mean_sdr(Y_components, search.best_estimator_.transform(X_mix))
    )


def test_groups_are_kept_apart(ecg):
    scores = cross_val_score(
        CASSSeparator(**FAST),
        ecg.data,
        ecg.target,
        groups=ecg.groups,
        cv=GroupKFold(n_splits=3),
    )
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()


def test_pipeline_with_memory_in_worker_processes(data, tmp_path):
    X, y = data
    steps = [("stft", STFTTransformer(n_fft=16)), ("separator", AESeparator(**FAST))]
    grid = {"separator__output": ["direct", "mask"]}
    settings = {"cv": 2, "error_score": "raise"}
    cached = Pipeline(steps, memory=str(tmp_path))
    plain = Pipeline(steps)
    # as many threads in the workers as here: others round otherwise
    with parallel_config("loky", inner_max_num_threads=torch.get_num_threads()):
        many = GridSearchCV(cached, grid, n_jobs=2, **settings).fit(X, y)
    one = GridSearchCV(plain, grid, **settings).fit(X, y)
    assert any(tmp_path.iterdir())
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_allclose(
            many.cv_results_[name], one.cv_results_[name], rtol=1e-4
        )
    estimates = many.transform(X)
    assert estimates.shape == y.shape
    np.testing.assert_allclose(estimates, one.transform(X), atol=1e-4)
    # the transform of the first step comes out of the cache now
    again = clone(many.best_estimator_).fit(X, y)
    np.testing.assert_allclose(again.transform(X), estimates, atol=1e-4)


@pytest.mark.parametrize("components", ["waveforms", "labels"])
def test_cross_val_predict_separates_rows_not_trained_on(data, components):
    X, y = data
    target = y if components == "waveforms" else np.arange(12) % 2
    pipe = make_pipeline(STFTTransformer(n_fft=16), AESeparator(**FAST))
    estimates = cross_val_predict(pipe, X, target, cv=3)
    assert len(estimates) == 12
    assert np.isfinite(estimates).all()
    fitted = AESeparator(**FAST).fit(X[4:], y[4:])
    if components == "waveforms":
        own = cross_val_predict(AESeparator(**FAST), X, y, cv=3)
        np.testing.assert_allclose(own[:4], fitted.transform(X[:4]), atol=1e-5)


def test_scorers_measure_what_they_are_named_for(data):
    X, y = data
    scoring = {
        "sdr": sdr_score,
        "si_sdr": si_sdr_score,
        "error": neg_relative_error_score,
    }
    scores = cross_validate(AESeparator(**FAST), X, y, cv=2, scoring=scoring)
    own = cross_val_score(AESeparator(**FAST), X, y, cv=2)
    np.testing.assert_allclose(scores["test_sdr"], own)
    assert (scores["test_error"] < 0).all()
    assert np.isfinite(scores["test_si_sdr"]).all()


@pytest.mark.parametrize(
    "scoring", [sdr_score, si_sdr_score, neg_relative_error_score], ids=str
)
def test_a_search_takes_any_scorer(data, scoring):
    grid = {"output": ["direct", "mask"]}
    search = GridSearchCV(AESeparator(**FAST), grid, scoring=scoring, cv=2).fit(*data)
    assert np.isfinite(search.best_score_)
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()


def test_search_over_the_separators_own_transform(data):
    grid = {"stft__n_fft": [8, 16], "stft__hop_length": [2, 4]}
    separator = AESeparator(**FAST, stft=STFTTransformer())
    search = GridSearchCV(separator, grid, cv=2, error_score="raise").fit(*data)
    used = search.best_estimator_.domains_.stft
    assert used.n_fft_ == search.best_params_["stft__n_fft"]


def test_rows_of_X_and_y_stay_together(data):
    X_train, X_test, y_train, y_test = train_test_split(*data, random_state=0)
    separator = CASSSeparator(**FAST).fit(X_train, y_train)
    assert separator.transform(X_test).shape == y_test.shape
    sizes, train_scores, test_scores = learning_curve(
        AESeparator(**FAST), *data, cv=2, train_sizes=[2, 6]
    )
    assert sizes.tolist() == [2, 6]
    assert np.isfinite([train_scores, test_scores]).all()


def test_fit_transform_is_fit_and_transform(data):
    a = CASSSeparator(**FAST).fit_transform(*data)
    b = CASSSeparator(**FAST).fit(*data).transform(data[0])
    assert np.array_equal(a, b)


def test_html_and_text_say_what_was_set(data):
    separator = CASSSeparator(n_filters=7)
    assert "n_filters=7" in repr(separator)
    assert "CASSSeparator" in separator._repr_html_()
