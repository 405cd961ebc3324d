"""Components come back in the shape and the domain in which they were given."""

from unittest import SkipTest

import numpy as np

from ._common import (
    assert_estimates,
    bare_spectrograms,
    fit,
    fit_unless_refused,
    last_step,
    make_mixtures,
    remembering_spectrograms,
)


def check_separator_waveforms(name, estimator):
    """Waveforms in, waveforms out."""
    X, y = make_mixtures()
    separator = fit(estimator, X, y)
    assert_estimates(name, separator.transform(X), y, X, "waveforms")
    assert_estimates(name, separator.transform(X[:1]), y[:1], X, "one row")


def _check_size(name, estimator, what, **sizes):
    X, y = make_mixtures(**sizes)
    separator = fit(estimator, X, y)
    assert_estimates(name, separator.transform(X), y, X, f"{what} ({sizes})")
    found = getattr(last_step(separator), "n_components_", None)
    assert found == y.shape[1], (
        f"{name} has n_components_={found} after fit on {y.shape[1]} components"
    )


def check_separator_one_row(name, estimator):
    """One mixture is enough to fit and to separate."""
    _check_size(name, estimator, "one row", n_samples=1)


def check_separator_one_component(name, estimator):
    """A single component keeps its axis."""
    _check_size(name, estimator, "one component", n_components=1)


def check_separator_several_components(name, estimator):
    """The number of components is that of y."""
    for n_components in (3, 5):
        _check_size(name, estimator, "components", n_components=n_components)


def check_separator_odd_lengths(name, estimator):
    """Any number of time points comes back, whatever windows and strides there are."""
    for n_times in (33, 47):
        _check_size(name, estimator, "odd lengths", n_times=n_times)


def check_separator_short_signals(name, estimator):
    """Signals may be shorter than any window."""
    for n_times in (1, 2, 3):
        _check_size(name, estimator, "short signals", n_times=n_times)


def _check_domain(name, estimator, X, y, what):
    separator = fit_unless_refused(name, estimator, X, y, what)
    assert_estimates(name, separator.transform(X), y, X, what)
    return separator


def check_separator_multichannel(name, estimator):
    """Mixtures and components of several channels."""
    X, y = make_mixtures(n_channels=2)
    _check_domain(name, estimator, X, y, "waveforms of several channels")


def check_separator_multichannel_to_one_channel(name, estimator):
    """Components need not have the channels of the mixtures."""
    X, y = make_mixtures(n_channels=2)
    what = "components without the channels of X"
    _check_domain(name, estimator, X, y[:, :, 0], what)


def check_separator_complex_spectrograms(name, estimator):
    """Complex in, complex out."""
    X, y = map(bare_spectrograms, make_mixtures())
    separator = _check_domain(name, estimator, X, y, "complex spectrograms")
    low = X.astype(np.complex64)
    assert_estimates(name, separator.transform(low), y, low, "complex64 spectrograms")


def check_separator_multichannel_spectrograms(name, estimator):
    """Complex spectrograms of several channels."""
    X, y = map(bare_spectrograms, make_mixtures(n_channels=2))
    _check_domain(name, estimator, X, y, "complex spectrograms of several channels")


def check_separator_spectrograms_of_waveforms(name, estimator):
    """A Spectrogram as X and waveforms as y: waveforms out."""
    X, y = make_mixtures(n_times=33)
    Z = remembering_spectrograms(X)
    _check_domain(name, estimator, Z, y, "Spectrogram with waveforms as y")


def check_separator_bare_spectrograms_with_waveforms(name, estimator):
    """Waveforms cannot be components of spectrograms of unknown making: an error."""
    X, y = make_mixtures()
    try:
        fit(estimator, bare_spectrograms(X), y)
    except ValueError:
        return
    raise AssertionError(
        f"{name} takes bare complex spectrograms as X with waveforms as y, but cannot "
        "know the transform between them: expected a ValueError"
    )


def check_separator_images(name, estimator):
    """Real mixtures with four axes are used as they are."""
    X, y = (np.abs(bare_spectrograms(a)) for a in make_mixtures(n_channels=2))
    _check_domain(name, estimator, X, y, "images")


def check_separator_labels(name, estimator):
    """Labels as y: rows of X are isolated recordings of the labelled component."""
    X = make_mixtures()[1].reshape(12, -1)
    labels = np.tile(["vocals", "bass"], 6)
    separator = fit_unless_refused(name, estimator, X, labels, "labels as y")
    y = np.broadcast_to(X[:, None], (12, 2, X.shape[1]))
    assert_estimates(name, separator.transform(X), y, X, "labels")
    names = getattr(last_step(separator), "component_names_", None)
    assert names is not None and list(names) == ["bass", "vocals"], (
        f"{name} has component_names_={names} after fit on labels, expected them in "
        "sorted order"
    )


def check_separator_separate(name, estimator):
    """``separate`` takes one recording of any length, if there is such a method."""
    if not hasattr(estimator, "separate"):
        raise SkipTest(f"{name} has no method separate")
    X, y = make_mixtures(n_times=33)
    separator = fit(estimator, X, y)
    for length in (5, 33, 101):
        recording = np.resize(X[0], length)
        truth = np.empty((y.shape[1], length))
        what = f"a recording of {length} time points"
        assert_estimates(name, separator.separate(recording), truth, recording, what)


CHECKS = (
    check_separator_waveforms,
    check_separator_one_row,
    check_separator_one_component,
    check_separator_several_components,
    check_separator_odd_lengths,
    check_separator_short_signals,
    check_separator_multichannel,
    check_separator_multichannel_to_one_channel,
    check_separator_complex_spectrograms,
    check_separator_multichannel_spectrograms,
    check_separator_spectrograms_of_waveforms,
    check_separator_bare_spectrograms_with_waveforms,
    check_separator_images,
    check_separator_labels,
    check_separator_separate,
)
