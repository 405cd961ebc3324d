"""What the checks share: data, fitting, comparing."""

import re
from unittest import SkipTest

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sklearn_cass import STFTTransformer

# Of the largest estimate. Arithmetic in float32 stays below the first; training on
# data that differ in their last bits stays below the second.
CLOSE, CLOSE_AFTER_TRAINING = 1e-5, 1e-3

# A refusal says which argument is refused; so do, in other words, scikit-learn's own
# sentences, which separators that validate with its tools raise.
REFUSAL = re.compile(r"\b[Xy]\b|Complex data not supported|Found array with dim")


def make_mixtures(
    n_samples=6, n_components=2, n_times=32, n_channels=None, dtype=np.float64
):
    """Sinusoids, each component in a band of its own, and their sums.

    Returns X of shape (n_samples, [n_channels,] n_times) and y with an axis of
    components after the first.
    """
    rng = np.random.default_rng(0)
    channels = () if n_channels is None else (n_channels,)
    shape = (n_samples, n_components, *channels, 1)
    band = np.arange(n_components).reshape(-1, *[1] * (len(channels) + 1))
    frequency = (band + rng.uniform(0.2, 0.8, shape)) / (2 * n_components)
    phase, amplitude = rng.uniform(0, 6, shape), rng.uniform(0.5, 2, shape)
    y = amplitude * np.cos(2 * np.pi * frequency * np.arange(n_times) + phase)
    return y.sum(axis=1).astype(dtype), y.astype(dtype)


def remembering_spectrograms(waveforms):
    """Spectrograms of mixtures that know the transform that made them."""
    return STFTTransformer(n_fft=8).fit_transform(waveforms)


def bare_spectrograms(waveforms):
    """Complex arrays, whatever the leading axes."""
    flat = waveforms.reshape(-1, waveforms.shape[-1])
    spectra = np.asarray(remembering_spectrograms(flat))
    return spectra.reshape(*waveforms.shape[:-1], *spectra.shape[-2:])


def seeded(estimator):
    """An unfitted clone whose random states are integers."""
    estimator = clone(estimator)
    names = estimator.get_params()
    random_states = [n for n in names if n.split("__")[-1] == "random_state"]
    return estimator.set_params(**dict.fromkeys(random_states, 0))


def fit(estimator, X, y):
    """A seeded clone, fitted."""
    separator = seeded(estimator)
    separator.fit(X, y)
    return separator


def fit_unless_refused(name, estimator, X, y, what):
    """A seeded clone, fitted; a refusal that says what is refused skips the check."""
    try:
        return fit(estimator, X, y)
    except ValueError as error:
        if not REFUSAL.search(str(error)):
            raise AssertionError(
                f"{name} refuses {what} with a message that names neither X nor y: "
                f"{error}"
            ) from error
        reason = str(error).partition("\n")[0]  # the array itself may follow
        raise SkipTest(f"{name} takes no {what}: {reason}") from error


def last_step(separator):
    """The separator itself, where it comes in a Pipeline."""
    while isinstance(separator, Pipeline):
        separator = separator.steps[-1][1]
    return separator


def assert_estimates(name, estimates, y, X, what):
    """Estimates have the shape of the components and the mixtures' precision."""
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
    return np.finfo(a.dtype).bits == np.finfo(b.dtype).bits


def assert_close(found, expected, message, tolerance=CLOSE):
    """Arrays agree up to a share of the largest expected value of each row."""
    assert found.shape == expected.shape, (
        f"{message}: shapes are {found.shape} and {expected.shape}"
    )
    rows = tuple(range(1, expected.ndim))
    largest = np.abs(expected).max(axis=rows, initial=0)
    error = np.abs(found - expected).max(axis=rows, initial=0)
    assert (error <= tolerance * largest).all(), (
        f"{message}: the largest difference is {error.max():.3g}, where the largest "
        f"value is {largest.max():.3g}"
    )
