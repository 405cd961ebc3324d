"""Displays: their contents, and matplotlib as an optional dependency."""

import sys

import numpy as np
import pytest
from cases import FAST, make_mixtures
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_cass import CASSSeparator, GANSeparator, NMFSeparator, STFTTransformer
from sklearn_cass.plotting import (
    CrossWeightsDisplay,
    DiscriminationDisplay,
    ErrorCurveDisplay,
    SeparationDisplay,
)

plt = pytest.importorskip("matplotlib.pyplot")
NAMES = ["low", "high"]


@pytest.fixture(autouse=True)
def closed_figures():
    """Close all figures after each test."""
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def data():
    return make_mixtures()


@pytest.fixture(scope="module")
def fitted(data):
    settings = FAST | {"max_epochs": 2, "validation_fraction": 0.3}
    return CASSSeparator(**settings).fit(*data)


def test_separation_display_shows_mixture_components_and_estimates(data, fitted):
    X, y = data
    display = SeparationDisplay.from_estimator(
        fitted, X, y, index=3, component_names=NAMES, sfreq=32
    )
    mixture, *panels = display.axes_
    np.testing.assert_array_equal(mixture.lines[0].get_ydata(), X[3])
    estimates = fitted.transform(X)[3]
    for ax, component, estimate in zip(panels, y[3], estimates, strict=True):
        drawn = [line.get_ydata() for line in ax.lines]
        np.testing.assert_allclose(drawn, [component, estimate], atol=1e-6)
    np.testing.assert_array_equal(mixture.lines[0].get_xdata(), np.arange(64) / 32)
    assert panels[-1].get_xlabel() == "time [s]"


def test_separation_display_span_is_in_units_of_the_axis(data):
    X, y = data
    for sfreq, span in ((None, (8, 15)), (4, (2, 3.75))):
        display = SeparationDisplay(X[0], y[0], y[0], NAMES, sfreq=sfreq, span=span)
        drawn = display.plot().axes_[0].lines[0].get_ydata()
        np.testing.assert_array_equal(drawn, X[0, 8:16])


def test_error_curves_show_the_history(fitted):
    display = ErrorCurveDisplay.from_estimators({"CASS": fitted}, NAMES)
    drawn = [ax.lines[0].get_ydata() for ax in display.axes_]
    expected = np.transpose(fitted.history_[:, "valid_relative_error"])
    np.testing.assert_array_equal(drawn, expected)


def test_discrimination_display_shows_outputs_for_other_components(data, fitted):
    X, _ = data
    display = DiscriminationDisplay.from_estimators({"CASS": fitted}, X, NAMES)
    outputs = fitted.discriminate(fitted.transform(X), X)
    drawn = [ax.lines[0].get_ydata() for ax in display.axes_]
    np.testing.assert_allclose(drawn, [outputs[:, 0, 1], outputs[:, 1, 0]], atol=1e-6)
    titles = [ax.get_title(loc="left") for ax in display.axes_]
    assert titles == [
        "low discriminator, estimates of high",
        "high discriminator, estimates of low",
    ]


# --- what is drawn, of which estimators -----------------------------------------------


def drawn_lines(display):
    return [[line.get_ydata() for line in ax.lines] for ax in display.axes_]


def pipeline(**settings):
    return make_pipeline(STFTTransformer(n_fft=16), CASSSeparator(**FAST, **settings))


def test_pipelines_searches_and_frames_are_drawn_as_their_estimates(data):
    pandas = pytest.importorskip("pandas")
    X, y = data
    search = GridSearchCV(
        pipeline(),
        {"cassseparator__cross_weights": [0.0, 0.3]},
        cv=2,
        error_score="raise",
    ).fit(X, y)
    expected = search.predict(X)[3]
    for estimator in (search, search.best_estimator_):
        display = SeparationDisplay.from_estimator(
            estimator, pandas.DataFrame(X), index=3
        )
        (mixture,), *panels = drawn_lines(display)
        np.testing.assert_array_equal(mixture, X[3])
        np.testing.assert_allclose(np.squeeze(panels, 1), expected, atol=1e-6)


def test_spectrograms_are_drawn_as_the_waveforms_they_stand_for(data):
    X, y = data
    Z = STFTTransformer(n_fft=16).fit_transform(X)
    nmf = NMFSeparator(n_atoms=2, random_state=0).fit(Z, y)
    display = SeparationDisplay.from_estimator(nmf, Z, y, index=2)
    np.testing.assert_allclose(drawn_lines(display)[0][0], X[2], atol=1e-12)


def test_names_and_rate_are_those_of_the_fit(data):
    X, y = data
    rows, labels = y.reshape(-1, y.shape[-1]), ["low", "high"] * len(y)
    nmf = NMFSeparator(n_atoms=2, random_state=0).fit(rows, labels, sfreq=32)
    display = SeparationDisplay.from_estimator(nmf, X)
    titles = [ax.get_title(loc="left") for ax in display.axes_]
    assert titles == ["mixture", "high", "low"]
    assert display.axes_[-1].get_xlabel() == "time [s]"


def test_multichannel_mixtures_are_drawn_one_channel_at_a_time():
    X, y = make_mixtures(n_channels=3)
    display = SeparationDisplay.from_predictions(y, y, X, index=1, channel=2)
    (mixture,), (truth, _), _ = drawn_lines(display)
    np.testing.assert_array_equal(mixture, X[1, 2])
    np.testing.assert_array_equal(truth, y[1, 0, 2] if y.ndim == 4 else y[1, 0])
    with pytest.raises(ValueError, match="channel must be between 0 and 2, got 3"):
        SeparationDisplay.from_predictions(y, y, X, channel=3)


def test_residual_is_the_mixture_minus_the_estimates_to_its_scale(data):
    X, y = data
    display = SeparationDisplay.from_predictions(y, 0.5 * y, index=4, residual=True)
    residual = drawn_lines(display)[-1][0]
    np.testing.assert_allclose(residual, 0.5 * y[4].sum(axis=0))
    assert display.axes_[-1].get_ylim() == display.axes_[0].get_ylim()


def test_spectrograms_share_one_scale_and_show_what_is_known(data):
    _, y = data
    settings = {"spectrograms": True, "residual": True}
    display = SeparationDisplay.from_predictions(y, y, sfreq=64, **settings)
    shown = [ax.get_visible() for ax in display.spectrogram_axes_.flat]
    assert shown == [True, False, True, True, True, True, False, True]
    images = [i for ax in display.spectrogram_axes_.flat for i in ax.images]
    assert {image.get_clim() for image in images} == {(-70, 0)}
    assert np.isclose(images[0].get_array().max(), 0)
    assert images[0].get_extent()[3] == 32  # half the sampling rate
    display = SeparationDisplay.from_predictions(None, y, y.sum(axis=1), **settings)
    assert sum(ax.get_visible() for ax in display.spectrogram_axes_.flat) == 4


def test_displays_draw_on_the_axes_of_a_user(data):
    _, y = data
    figure, (left, right) = plt.subplots(1, 2)
    display = SeparationDisplay.from_predictions(y, y, ax=left)
    assert display.figure_ is figure
    assert len(display.axes_) == 3
    assert right in figure.axes
    _, three = plt.subplots(3, 1)
    display = SeparationDisplay.from_predictions(y, y, ax=three)
    assert list(display.axes_) == list(three)
    with pytest.raises(ValueError, match=r"one Axes, or 4 for 4 x 1 panels, got 3"):
        SeparationDisplay.from_predictions(y, y, residual=True, ax=three)


def test_curves_and_outputs_of_pipelines_are_those_of_their_separators(data):
    X, y = data
    pipe = pipeline(validation_fraction=0.3).fit(X, y)
    separator, Z = pipe[-1], pipe[:-1].transform(X)
    display = ErrorCurveDisplay.from_estimator(pipe)
    expected = np.transpose(separator.history_[:, "valid_relative_error"])
    np.testing.assert_array_equal(np.squeeze(drawn_lines(display), 1), expected)
    display = DiscriminationDisplay.from_estimator(pipe, X)
    outputs = separator.discriminate(separator.transform(Z), Z)
    np.testing.assert_allclose(drawn_lines(display)[0][0], outputs[:, 0, 1], atol=1e-6)


# --- searches over cross weights ------------------------------------------------------

WEIGHTS = [0.0, 0.3, [[0, 0.3], [0, 0]], [[0, 0], [0.1, 0]]]
SCORES = np.array([[1.0, 2], [2, 5], [4, 4], [0, 1]])


def test_search_over_cross_weights_is_drawn_by_candidate(data):
    X, y = data
    grid = {
        "cassseparator__cross_weights": [0.1, [[0, 0.2], [0, 0]]],
        "stfttransformer__hop_length": [2, 4],
    }
    search = GridSearchCV(pipeline(), grid, cv=2).fit(X, y)
    (ax,) = CrossWeightsDisplay.from_estimator(search).axes_
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels[:2] == ["0.1\nhop_length=2", "0.1\nhop_length=4"]
    assert labels[2] == "[[0, 0.2],\n[0, 0]]\nhop_length=2"
    means = next(line for line in ax.lines if line.get_label() == "mean")
    np.testing.assert_allclose(means.get_xdata(), search.cv_results_["mean_test_score"])
    assert ax.get_xlabel() == "mean SDR [dB]"
    (best,) = (line for line in ax.lines if line.get_label() == "best mean")
    assert best.get_ydata() == [search.best_index_]
    with pytest.raises(ValueError, match="over nothing else"):
        CrossWeightsDisplay.from_estimator(search, kind="heatmap")


def test_heat_map_has_the_mean_of_each_pair_of_weights():
    (ax,) = CrossWeightsDisplay(WEIGHTS, SCORES, None, NAMES).plot(kind="heatmap").axes_
    rows = [float(text.get_text()) for text in ax.get_yticklabels()]
    columns = [float(text.get_text()) for text in ax.get_xticklabels()]
    assert (rows, columns) == ([0, 0.3], [0, 0.1, 0.3])
    assert ax.get_ylabel() == "low discriminator\nrejects high"
    expected = [[1.5, 0.5, np.nan], [4, np.nan, 3.5]]
    np.testing.assert_array_equal(ax.images[0].get_array().filled(np.nan), expected)


# --- errors ---------------------------------------------------------------------------


def test_what_cannot_be_drawn_is_an_error_that_says_why(data, fitted):
    X, y = data
    nmf = NMFSeparator(n_atoms=2, random_state=0).fit(X, y)
    gan = GANSeparator(**FAST).fit(X, y)
    with pytest.raises(NotFittedError):
        SeparationDisplay.from_estimator(NMFSeparator(), X)
    with pytest.raises(KeyError, match="NMFSeparator has no errors of a validation"):
        ErrorCurveDisplay.from_estimator(nmf)
    with pytest.raises(ValueError, match="NMFSeparator has no discriminators"):
        DiscriminationDisplay.from_estimator(nmf, X)
    with pytest.raises(ValueError, match="no discriminator for each component"):
        DiscriminationDisplay.from_estimator(gan, X)
    with pytest.raises(ValueError, match="must be a fitted search"):
        CrossWeightsDisplay.from_estimator(fitted)
    with pytest.raises(ValueError, match="X must hold the mixtures"):
        SeparationDisplay.from_predictions(None, y)
    with pytest.raises(ValueError, match="must hold 2 names"):
        SeparationDisplay.from_predictions(y, y, component_names=["one"])
    images = np.ones((2, 2, 1, 8, 8))
    with pytest.raises(ValueError, match="y_pred must hold waveforms"):
        SeparationDisplay.from_predictions(None, images, X)


def test_missing_matplotlib_names_the_extra(data, monkeypatch):
    X, y = data
    display = SeparationDisplay(X[0], y[0], y[0], NAMES)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install sklearn-cass\[plot\]"):
        display.plot()
