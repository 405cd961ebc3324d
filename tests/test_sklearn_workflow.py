"""scikit-learn's own tools, unchanged, on separators.

What `check_separator` holds of every separator is not repeated: clones, pickles,
groups, a search in two processes.
"""

import joblib
import numpy as np
import pytest
import sklearn
import torch
from cases import FAST, NoEncoder, make_mixtures
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    ICASeparator,
    Modules,
    NMFSeparator,
    ResNet9,
    STFTTransformer,
)
from sklearn_cass.datasets import make_ecg_mixtures
from sklearn_cass.metrics import (
    mean_ignoring_nan,
    neg_relative_error_score,
    sdr,
    sdr_score,
    si_sdr_score,
)

pytestmark = pytest.mark.usefixtures("generators_stand_still")


@pytest.fixture(scope="module")
def data():
    return make_mixtures(12)


def test_first_lines_of_a_user_work():
    ecg = make_ecg_mixtures(
        n_samples=8, n_times=256, windows_per_trace=4, random_state=0
    )
    X_mix, Y_components = ecg.data, ecg.target
    assert X_mix.shape == (8, 256)
    assert Y_components.shape == (8, 2, 256)

    separator = CASSSeparator(**FAST).fit(X_mix, Y_components)
    assert separator.transform(X_mix).shape == (8, 2, 256)
    score = separator.score(X_mix, Y_components)
    assert score == sdr(Y_components, separator.transform(X_mix)).mean()

    pipe = make_pipeline(STFTTransformer(n_fft=32), CASSSeparator(**FAST))
    search = GridSearchCV(
        pipe,
        {
            "stfttransformer__n_fft": [16, 32],
            "cassseparator__cross_weights": [0.0, [[0, 0.01], [0, 0]]],
        },
        cv=2,
    )
    search.fit(X_mix, Y_components)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(search.cv_results_["params"]) == 4
    assert search.predict(X_mix).shape == (8, 2, 256)
    assert search.score(X_mix, Y_components) == pytest.approx(
        mean_ignoring_nan(sdr(Y_components, search.best_estimator_.transform(X_mix)))
    )


@pytest.mark.slow  # processes of its own
def test_pipeline_with_memory_in_worker_processes(data, tmp_path):
    X, y = data
    steps = [("stft", STFTTransformer(n_fft=16)), ("separator", AESeparator(**FAST))]
    grid = {"separator__network__output": ["direct", "mask"]}
    settings = {"cv": 2, "error_score": "raise"}
    cached = Pipeline(steps, memory=str(tmp_path))
    many = GridSearchCV(cached, grid, n_jobs=2, **settings).fit(X, y)
    one = GridSearchCV(Pipeline(steps), grid, **settings).fit(X, y)
    assert any(tmp_path.iterdir())
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_allclose(
            many.cv_results_[name], one.cv_results_[name], rtol=1e-4
        )
    estimates = many.transform(X)
    assert estimates.shape == y.shape
    np.testing.assert_allclose(estimates, one.transform(X), atol=1e-4)
    # the output of the first step is in the cache now
    again = clone(many.best_estimator_).fit(X, y)
    np.testing.assert_allclose(again.transform(X), estimates, atol=1e-4)


@pytest.mark.parametrize("components", ["waveforms", "labels"])
def test_cross_val_predict_separates_every_row(data, components):
    X, y = data
    target = y if components == "waveforms" else np.arange(12) % 2
    pipe = make_pipeline(STFTTransformer(n_fft=16), AESeparator(**FAST))
    estimates = cross_val_predict(pipe, X, target, cv=2)
    assert estimates.shape == (12, 2, 64)
    assert np.isfinite(estimates).all()


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


def test_search_selects_by_the_scorer(data):
    grid = {"network__output": ["direct", "mask"]}
    scoring = {"sdr": sdr_score, "error": neg_relative_error_score}
    for refit in scoring:
        search = GridSearchCV(
            AESeparator(**FAST), grid, scoring=scoring, cv=2, refit=refit
        ).fit(*data)
        assert search.best_score_ == search.cv_results_[f"mean_test_{refit}"].max()


def test_search_over_parameters_of_the_network(data):
    # the network of the estimator is None
    separator = AESeparator(**FAST | {"network": None})
    grid = {"network__n_filters": [1, 2], "network__n_latent": [3]}
    search = GridSearchCV(separator, grid, cv=2, error_score="raise").fit(*data)
    best = search.best_estimator_
    assert best.network.n_filters == search.best_params_["network__n_filters"]
    assert best.net_.module_[0].encoder.stem[1].out_channels == best.network.n_filters
    assert separator.network is None


class WidthDecoder(torch.nn.Sequential):
    """Decoder with a hyperparameter."""

    def __init__(self, out_channels, n_freqs, width=3):
        super().__init__(
            torch.nn.LazyConv2d(width, 1), torch.nn.Conv2d(width, out_channels, 1)
        )

    def forward(self, features):
        return super().forward(features[-1])


def test_search_over_networks_and_over_parameters_of_modules(data):
    own = Modules(NoEncoder, WidthDecoder)
    separator = AESeparator(**FAST | {"network": own})
    search = GridSearchCV(
        separator, {"network__decoder__width": [1, 2]}, cv=2, error_score="raise"
    ).fit(*data)
    decoder = search.best_estimator_.net_.module_[0].decoder
    assert decoder[0].out_channels == search.best_params_["network__decoder__width"]
    assert own.get_params() == Modules(NoEncoder, WidthDecoder).get_params()
    grid = {"network": [own, ResNet9(1, 2)]}
    search = GridSearchCV(separator, grid, cv=2, error_score="raise").fit(*data)
    assert len(set(search.cv_results_["mean_test_score"])) == 2


def test_search_over_the_separators_own_transform(data):
    grid = {"stft__n_fft": [8, 16], "stft__hop_length": [4]}
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


def test_clone_copies_the_network(data):
    separator = CASSSeparator(**FAST).fit(*data)
    copied = clone(separator)
    assert copied.network is not separator.network
    assert copied.network.get_params() == separator.network.get_params()
    copied.set_params(network__n_filters=1)
    assert separator.network.n_filters == 2


def test_html_and_text_show_what_was_set():
    separator = CASSSeparator(ResNet9(n_filters=7), lr=0.5)
    assert "lr=0.5" in repr(separator)
    assert "ResNet9(n_filters=7)" in repr(separator)
    assert "CASSSeparator" in separator._repr_html_()


# --- containers of output, mapped models, metadata -----------------------------------


def test_set_output_of_a_pipeline_works_where_it_can(data):
    X, y = data
    seen = []

    class Seeing(AESeparator):
        def transform(self, X):
            seen.append(type(X))
            return super().transform(X)

    expected = make_pipeline(StandardScaler(), AESeparator(**FAST)).fit(X, y)
    pipe = make_pipeline(StandardScaler(), Seeing(**FAST))
    pipe.set_output(transform="pandas").fit(X, y)
    estimates = pipe.transform(X)
    assert type(estimates) is np.ndarray
    assert np.array_equal(estimates, expected.transform(X))
    assert [kind.__name__ for kind in seen] == ["DataFrame"]
    pipe = make_pipeline(STFTTransformer(n_fft=16), NMFSeparator(n_atoms=1))
    pipe.set_params(nmfseparator__random_state=0)
    assert pipe.set_output(transform="pandas").fit(X, y).transform(X).shape == y.shape


SEPARATORS = [
    CASSSeparator(**FAST, warm_start=True),
    NMFSeparator(n_atoms=2, random_state=0),
    ICASeparator(random_state=0),
]


@pytest.mark.parametrize("separator", SEPARATORS, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("n_channels", [None, 2])
@pytest.mark.filterwarnings("error:.*not writable", "ignore:.*iterations")
def test_models_in_mapped_files_work(separator, n_channels, tmp_path):
    X, y = make_mixtures(12, n_channels=n_channels)
    y = y if n_channels is None else y[:, :, 0]
    separator = clone(separator).fit(X, y)
    joblib.dump(separator, tmp_path / "separator")
    mapped = joblib.load(tmp_path / "separator", mmap_mode="r")
    assert np.array_equal(mapped.transform(X), separator.transform(X))
    assert np.array_equal(mapped.separate(X[0]), separator.separate(X[0]))
    assert mapped.score(X, y) == separator.score(X, y)
    if hasattr(separator, "discriminate"):
        assert np.array_equal(mapped.discriminate(y, X), separator.discriminate(y, X))
    expected = separator.fit(X, y).transform(X)
    assert np.array_equal(mapped.fit(X, y).transform(X), expected)


def test_the_sampling_rate_is_routed(data):
    with sklearn.config_context(enable_metadata_routing=True):
        separator = AESeparator(**FAST).set_fit_request(sfreq=True)
        search = GridSearchCV(separator, {"lr": [1e-3, 1e-2]}, cv=2)
        assert search.fit(*data, sfreq=256).best_estimator_.sfreq_ == 256


# --- weights of samples -------------------------------------------------------------

WEIGHTS = np.arange(12.0)
SEPARATORS = {
    "net": AESeparator(**FAST),
    "nmf": NMFSeparator(n_atoms=2, max_iter=20, random_state=0),
    "ica": ICASeparator(n_delays=4, max_iter=20, random_state=0),
}
SCORERS = {"sdr": sdr_score, "si-sdr": si_sdr_score, "error": neg_relative_error_score}
pytestmark = [
    pytestmark,
    pytest.mark.filterwarnings("ignore:FastICA did not converge"),
    pytest.mark.filterwarnings("ignore:Maximum number of iterations"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.mark.parametrize("name", SEPARATORS)
def test_score_is_the_weighted_mean_of_the_rows(name, data):
    X, y = data
    separator = clone(SEPARATORS[name]).fit(X, y)
    each = [separator.score(X[[i]], y[[i]]) for i in range(len(X))]
    expected = np.average(each, weights=WEIGHTS)
    assert separator.score(X, y, sample_weight=WEIGHTS) == pytest.approx(expected)
    assert separator.score(X, y, WEIGHTS) != pytest.approx(separator.score(X, y))
    some = separator.score(X, y, sample_weight=WEIGHTS < 5)  # which ones count
    assert some == pytest.approx(separator.score(X[:5], y[:5]))


def test_weights_of_silent_components_do_not_count(data):
    X, y = data
    silent = y.copy()
    silent[0, 1] = 0
    separator = SEPARATORS["nmf"].fit(X, y)
    first, rest = [
        sdr(t, separator.transform(z)) for t, z in ((y[:1], X[:1]), (y[1:], X[1:]))
    ]
    weights = np.r_[3.0, np.ones(11)]
    expected = (3 * first[0, 0] + rest.sum()) / (3 + rest.size)
    assert separator.score(X, silent, weights) == pytest.approx(expected)


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_take_weights(name, data):
    X, y = data
    separator, scorer = SEPARATORS["nmf"].fit(X, y), SCORERS[name]
    each = [scorer(separator, X[[i]], y[[i]]) for i in range(len(X))]
    expected = np.average(each, weights=WEIGHTS)
    found = scorer(separator, X, y, sample_weight=WEIGHTS)
    assert found == pytest.approx(expected)


WRONG = {
    "number": [1.0] * 11,
    "sign": [-1.0] * 12,
    "zeros": [0.0] * 12,
    "NaN": [np.nan] * 12,
    "axes": np.ones((12, 2)),
    "text": ["a"] * 12,
}


@pytest.mark.parametrize("name", WRONG)
def test_other_weights_are_refused(name, data):
    separator = SEPARATORS["nmf"].fit(*data)
    with pytest.raises(ValueError, match="sample_weight"):
        separator.score(*data, sample_weight=WRONG[name])


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_weights_are_routed_to_the_score(in_pipeline, data):
    X, y = data
    with sklearn.config_context(enable_metadata_routing=True):
        separator = clone(SEPARATORS["nmf"]).set_score_request(sample_weight=True)
        model = make_pipeline(STFTTransformer(n_fft=16), separator)
        model = model if in_pipeline else separator
        name = "nmfseparator__n_atoms" if in_pipeline else "n_atoms"
        search = GridSearchCV(model, {name: [1, 2]}, cv=2)
        search.fit(X, y, sample_weight=WEIGHTS)
        best, half = search.best_estimator_, slice(6, 12)
        expected = (
            clone(best)
            .fit(X[:6], y[:6])
            .score(X[half], y[half], sample_weight=WEIGHTS[half])
        )
        found = search.cv_results_["split1_test_score"][search.best_index_]
        assert found == pytest.approx(expected)


def test_pipelines_work_with_routing(data):
    X, y = data
    with sklearn.config_context(enable_metadata_routing=True):
        separator = clone(SEPARATORS["nmf"]).set_fit_request(component_names=True)
        pipeline = make_pipeline(STFTTransformer(n_fft=16), separator)
        pipeline.fit(X, y, component_names=["a", "b"])
        assert pipeline[-1].component_names_.tolist() == ["a", "b"]
        assert np.isfinite(pipeline.score(X, y))
        assert np.isfinite(cross_val_score(pipeline, X, y, cv=2)).all()
