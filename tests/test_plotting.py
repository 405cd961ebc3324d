"""Displays: their contents, and matplotlib as an optional dependency."""

import sys

import numpy as np
import pytest
from cases import FAST, make_mixtures

from sklearn_cass import CASSSeparator
from sklearn_cass.plotting import (
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


def test_missing_matplotlib_names_the_extra(data, monkeypatch):
    X, y = data
    display = SeparationDisplay(X[0], y[0], y[0], NAMES)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install sklearn-cass\[plot\]"):
        display.plot()
