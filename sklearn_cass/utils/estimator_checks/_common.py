"""Data of the checks, fits and comparisons."""

import re
from unittest import SkipTest

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sklearn_cass import STFTTransformer

# Tolerances relative to the largest estimate: for arithmetic in float32, and for
# training on data that differ in their last bits.
CLOSE, CLOSE_AFTER_TRAINING = 1e-5, 1e-3

# An error for unsupported data names the argument; scikit-learn's validation has
# messages without a name.
UNSUPPORTED = re.compile(r"\b[Xy]\b|Complex data not supported|Found array with dim")


def make_mixtures(
    n_samples=6,
    n_components=2,
    n_times=32,
    n_channels=None,
    dtype=np.float64,
    *,
    noise=0.0,
    seed=0,
):
    """Generate mixtures of sinusoids, each component in its own frequency band.

    Parameters
    ----------
    n_samples, n_components, n_times : int
        Numbers of mixtures, of their components and of time points.
    n_channels : int, default=None
        Number of channels. If None, the arrays have no axis of channels.
    dtype : dtype, default=float64
        Type of the arrays.
    noise : float, default=0.0
        Standard deviation of normal noise that is added to the mixtures.
    seed : int, default=0
        Seed of all draws.

    Returns
    -------
    X : ndarray of shape (n_samples, [n_channels,] n_times)
        Mixtures.
    y : ndarray of shape (n_samples, n_components, [n_channels,] n_times)
        Their components.
    """
    rng = np.random.default_rng(seed)
    channels = () if n_channels is None else (n_channels,)
    shape = (n_samples, n_components, *channels, 1)
    band = np.arange(n_components).reshape(-1, *[1] * (len(channels) + 1))
    frequency = (band + rng.uniform(0.2, 0.8, shape)) / (2 * n_components)
    phase, amplitude = rng.uniform(0, 6, shape), rng.uniform(0.5, 2, shape)
    y = amplitude * np.cos(2 * np.pi * frequency * np.arange(n_times) + phase)
    X = y.sum(axis=1)
    if noise:
        X = X + noise * rng.normal(size=X.shape)
    return X.astype(dtype), y.astype(dtype)


def to_spectrogram(waveforms):
    """Transform mixtures to a Spectrogram, which refers to its transform."""
    return STFTTransformer(n_fft=8).fit_transform(waveforms)


def to_complex_array(waveforms):
    """Transform waveforms with any leading axes to spectrograms in a plain array."""
    flat = waveforms.reshape(-1, waveforms.shape[-1])
    spectra = np.asarray(to_spectrogram(flat))
    return spectra.reshape(*waveforms.shape[:-1], *spectra.shape[-2:])


def seeded_clone(estimator):
    """Return an unfitted clone whose random states are integers."""
    estimator = clone(estimator)
    names = estimator.get_params()
    random_states = [n for n in names if n.split("__")[-1] == "random_state"]
    return estimator.set_params(**dict.fromkeys(random_states, 0))


def fit_clone(estimator, X, y):
    """Return a seeded clone, fitted."""
    separator = seeded_clone(estimator)
    separator.fit(X, y)
    return separator


def fit_or_skip(name, estimator, X, y, what):
    """Return a seeded clone, fitted; skip the check if `what` is not supported."""
    try:
        return fit_clone(estimator, X, y)
    except ValueError as error:
        if not UNSUPPORTED.search(str(error)):
            raise AssertionError(
                f"{name} does not support {what}, but its message names neither X nor "
                f"y: {error}"
            ) from error
        reason = str(error).partition("\n")[0]  # the array itself may follow
        raise SkipTest(f"{name} does not support {what}: {reason}") from error


def final_step(separator):
    """Return the last step of a Pipeline, or the separator itself."""
    while isinstance(separator, Pipeline):
        separator = separator.steps[-1][1]
    return separator


def assert_estimates(name, estimates, y, X, what):
    """Raise unless estimates have the components' shape and the mixtures' precision."""
    kind = "c" if np.iscomplexobj(y) else "f"
    assert isinstance(estimates, np.ndarray), (
        f"{name} returns estimates of type {type(estimates).__name__}, expected an "
        "ndarray"
    )
    assert estimates.shape == y.shape, (
        f"{name} returns estimates of shape {estimates.shape} for {what}, expected "
        f"{y.shape}"
    )
    assert estimates.dtype.kind == kind and same_precision(estimates, X), (
        f"{name} returns estimates of type {estimates.dtype} for {what}: components "
        f"are {y.dtype} and mixtures {X.dtype}"
    )
    assert np.isfinite(estimates).all(), (
        f"{name} returns estimates with NaN or infinity for {what}"
    )


def same_precision(a, b):
    """Return whether two arrays have the same precision, real or complex."""
    return np.finfo(a.dtype).bits == np.finfo(b.dtype).bits


def assert_close(found, expected, message, tolerance=CLOSE):
    """Raise unless arrays agree, relative to the largest expected value per sample."""
    assert found.shape == expected.shape, (
        f"{message}: shapes are {found.shape} and {expected.shape}"
    )
    axes = tuple(range(1, expected.ndim))
    largest = np.abs(expected).max(axis=axes, initial=0)
    error = np.abs(found - expected).max(axis=axes, initial=0)
    assert (error <= tolerance * largest).all(), (
        f"{message}: the largest difference is {error.max():.3g}, the largest expected "
        f"value {largest.max():.3g}"
    )
