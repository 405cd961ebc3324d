"""Checks that estimates have the shape and the domain of the components."""

from unittest import SkipTest

import numpy as np

from ._common import (
    assert_estimates,
    final_step,
    fit_clone,
    fit_or_skip,
    make_mixtures,
    to_complex_array,
    to_spectrogram,
)


def check_separator_waveforms(name, estimator):
    """Check that estimates of waveforms are waveforms."""
    X, y = make_mixtures()
    separator = fit_clone(estimator, X, y)
    assert_estimates(name, separator.transform(X), y, X, "waveforms")
    assert_estimates(name, separator.transform(X[:1]), y[:1], X, "one sample")


def _check_size(name, estimator, what, **sizes):
    """Check the estimates of mixtures with the given arguments of make_mixtures."""
    X, y = make_mixtures(**sizes)
    separator = fit_clone(estimator, X, y)
    assert_estimates(name, separator.transform(X), y, X, f"{what} ({sizes})")
    found = getattr(final_step(separator), "n_components_", None)
    assert found == y.shape[1], (
        f"{name} has n_components_={found} after fit with {y.shape[1]} components"
    )


def check_separator_one_sample(name, estimator):
    """Check that one mixture is enough to fit and to separate."""
    _check_size(name, estimator, "one sample", n_samples=1)


def check_separator_one_component(name, estimator):
    """Check that a single component keeps its axis."""
    _check_size(name, estimator, "one component", n_components=1)


def check_separator_several_components(name, estimator):
    """Check that the number of components is that of y."""
    for n_components in (3, 5):
        _check_size(name, estimator, "components", n_components=n_components)


def check_separator_odd_lengths(name, estimator):
    """Check lengths that are no multiples of windows and strides."""
    for n_times in (33, 47):
        _check_size(name, estimator, "odd lengths", n_times=n_times)


def check_separator_short_signals(name, estimator):
    """Check signals that are shorter than any window."""
    for n_times in (1, 2, 3):
        _check_size(name, estimator, "short signals", n_times=n_times)


def _check_domain(name, estimator, X, y, what):
    """Check the estimates in a domain, or skip the check if it is not supported."""
    separator = fit_or_skip(name, estimator, X, y, what)
    assert_estimates(name, separator.transform(X), y, X, what)
    return separator


def check_separator_multichannel(name, estimator):
    """Check mixtures and components of several channels."""
    X, y = make_mixtures(n_channels=2)
    _check_domain(name, estimator, X, y, "waveforms of several channels")


def check_separator_multichannel_to_one_channel(name, estimator):
    """Check mixtures of several channels with components of one."""
    X, y = make_mixtures(n_channels=2)
    what = "components without the channels of X"
    _check_domain(name, estimator, X, y[:, :, 0], what)


def check_separator_complex_spectrograms(name, estimator):
    """Check that estimates of complex spectrograms are complex spectrograms."""
    X, y = map(to_complex_array, make_mixtures())
    separator = _check_domain(name, estimator, X, y, "complex spectrograms")
    low = X.astype(np.complex64)
    assert_estimates(name, separator.transform(low), y, low, "complex64 spectrograms")


def check_separator_multichannel_spectrograms(name, estimator):
    """Check complex spectrograms of several channels."""
    X, y = map(to_complex_array, make_mixtures(n_channels=2))
    _check_domain(name, estimator, X, y, "complex spectrograms of several channels")


def check_separator_spectrograms_of_waveforms(name, estimator):
    """Check that estimates are waveforms for a Spectrogram X and waveforms y."""
    X, y = make_mixtures(n_times=33)
    Z = to_spectrogram(X)
    _check_domain(name, estimator, Z, y, "Spectrogram with waveforms as y")


def check_separator_bare_spectrograms_with_waveforms(name, estimator):
    """Check the error for a plain complex X with waveforms y.

    The transform between them is not known.
    """
    X, y = make_mixtures()
    try:
        fit_clone(estimator, to_complex_array(X), y)
    except ValueError:
        return
    raise AssertionError(
        f"{name} accepts a plain complex array X with waveforms y, although it cannot "
        "know the transform between them: expected a ValueError"
    )


def check_separator_images(name, estimator):
    """Check real mixtures with four axes, to which no STFT is applied."""
    X, y = (np.abs(to_complex_array(a)) for a in make_mixtures(n_channels=2))
    _check_domain(name, estimator, X, y, "images")


def check_separator_labels(name, estimator):
    """Check labels as y: X holds recordings of single components."""
    X = make_mixtures()[1].reshape(12, -1)
    labels = np.tile(["vocals", "bass"], 6)
    separator = fit_or_skip(name, estimator, X, labels, "labels as y")
    y = np.broadcast_to(X[:, None], (12, 2, X.shape[1]))
    assert_estimates(name, separator.transform(X), y, X, "labels")
    names = getattr(final_step(separator), "component_names_", None)
    assert names is not None and list(names) == ["bass", "vocals"], (
        f"{name} has component_names_={names} after fit with labels, expected them "
        "sorted"
    )


def check_separator_separate(name, estimator):
    """Check that ``separate``, if it exists, takes a recording of any length."""
    if not hasattr(estimator, "separate"):
        raise SkipTest(f"{name} has no method separate")
    X, y = make_mixtures(n_times=33)
    separator = fit_clone(estimator, X, y)
    for length in (5, 33, 101):
        recording = np.resize(X[0], length)
        truth = np.empty((y.shape[1], length))
        what = f"a recording of {length} time points"
        assert_estimates(name, separator.separate(recording), truth, recording, what)


CHECKS = (
    check_separator_waveforms,
    check_separator_one_sample,
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
