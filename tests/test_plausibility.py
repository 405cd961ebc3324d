"""Warnings of data that are valid, but seldom what was meant."""

import warnings

import numpy as np
import pytest
import torch
from cases import FAST, FILTERS, TINY, make_mixtures
from sklearn.exceptions import ConvergenceWarning

from sklearn_cass import (
    AESeparator,
    BaseSeparator,
    CASSSeparator,
    ICASeparator,
    NMFSeparator,
    STFTTransformer,
)
from sklearn_cass.data import Samples, TensorDataset, domains_of, warn_of_data
from sklearn_cass.datasets import make_ecg_mixtures, make_ppg_mixtures

pytestmark = [
    pytest.mark.usefixtures("generators_stand_still"),
    pytest.mark.filterwarnings("ignore:.*iterations"),
]

X, Y = make_mixtures(24, n_times=64)


def warnings_of(call):
    """Return the messages of a call's warnings that are no ConvergenceWarnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    caught = [w for w in caught if not issubclass(w.category, ConvergenceWarning)]
    assert all(warning.filename == __file__ for warning in caught)
    return [str(warning.message) for warning in caught]


def warnings_of_data(X, y):
    return warnings_of(lambda: warn_of_data(Samples(X, y), domains_of(X, y, None)))


# --- what is warned of ----------------------------------------------------------------


@pytest.mark.parametrize("scale", [2.0**300, 1.0, 2.0**-300])
@pytest.mark.parametrize("gain", [32768, 100, 1 / 100, 1 / 32768])
def test_other_units_are_warned_of(gain, scale):
    (message,) = warnings_of_data(gain * scale * X, scale * Y)
    louder = "X is" if gain > 1 else "the sum of the components y is"
    level = f"{abs(20 * np.log10(gain)):.0f} dB louder than"
    assert message.startswith(f"{louder} {level}")
    assert "scale both alike" in message


def test_integers_beside_fractions_are_warned_of():
    counts = (X / np.abs(X).max() * 32_000).astype(np.int16)
    for separator in (AESeparator(**TINY), NMFSeparator(n_atoms=2), ICASeparator()):
        separator.set_params(random_state=0)
        (message,) = warnings_of(lambda s=separator: s.fit(counts, Y / np.abs(X).max()))
        assert "16-bit integers become fractions of full scale by X / 32768" in message


def test_noise_and_cancellation_are_no_other_units():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=X.shape)
    level = np.sqrt(np.square(X).mean())
    assert not warnings_of_data(X + 5 * level * noise, Y)  # SNR of -14 dB
    cancelling = np.stack([X, -X + 0.001 * noise], axis=1)
    assert not warnings_of_data(cancelling.sum(axis=1) + 0.1 * noise, cancelling)


@pytest.mark.parametrize("where", ["both", "X", "component"])
def test_offsets_are_warned_of(where):
    offset = 3 * np.abs(X).max()
    x = X + offset * (where != "component")
    y = Y + offset * np.array([1, 0])[:, None] * (where != "X")
    (message,) = warnings_of_data(x, y)
    assert message.startswith("the mean over time holds most of the power")
    assert ("of X (" in message) == (where != "component")
    assert ("component 0 (" in message) == (where != "X")
    assert "Subtract the mean of each row" in message
    centred = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
    assert not warnings_of_data(*centred)


def test_offsets_of_spectrograms_labels_and_channels_are_warned_of():
    x, y = X + 50, Y + [[50], [0]]
    wide, components = make_mixtures(8, n_channels=2)
    recordings, labels = y.reshape(-1, 64), np.tile(["a", "b"], 24)
    separator = AESeparator(**TINY)
    for data, name in (
        ((STFTTransformer(n_fft=8).fit_transform(x), y), "component 0"),
        ((recordings, labels), "component 'a'"),
        ((wide + 50, components + 50), "component 1"),
        ((wide + 50, components[:, :, 0] + 50), "component 1"),
    ):
        (message,) = warnings_of(lambda d=data: separator.fit(*d))
        assert message.startswith("the mean over time") and name in message


def test_images_and_spectrograms_have_no_offset():
    images = np.abs(STFTTransformer(n_fft=8).fit_transform(Y.reshape(-1, 64)))
    images = np.asarray(images).reshape(24, 2, 1, *images.shape[1:])
    assert not warnings_of_data(images.sum(axis=1), images)
    z = images[:, :, 0] + 0j
    assert not warnings_of_data(z.sum(axis=1), z)


def test_score_of_components_of_any_size_has_no_warnings_of_numpy():
    separator = AESeparator(**TINY).fit(X, Y)
    with warnings.catch_warnings(), np.errstate(all="warn"):
        warnings.simplefilter("error")
        for size in (1e-300, 1e300):
            separator.score(X, Y * size)


def test_score_warns_of_an_offset():
    separator = AESeparator(**TINY).fit(X, Y)
    assert not warnings_of(lambda: separator.score(X, Y))
    (message,) = warnings_of(lambda: separator.score(X + 99, Y + 49))
    assert message.startswith("the mean over time holds most of the power")


def test_silent_components_are_warned_of():
    silent = Y * [[1], [0]]
    for separator in (AESeparator(**TINY), NMFSeparator(n_atoms=2), ICASeparator()):
        separator.set_params(random_state=0)
        (message,) = warnings_of(lambda s=separator: s.fit(silent.sum(1), silent))
        assert message.startswith("component 1 is silent in all rows of y")


def test_a_component_that_is_audible_in_one_row_is_not_silent():
    n_rows = 200
    for row in (0, 57, 199):
        y = np.tile(Y[:1] * [[1], [0]], (n_rows, 1, 1))
        y[row] = Y[0]
        assert not warnings_of_data(y.sum(axis=1), y)


def test_components_far_below_are_warned_of():
    for gain, n_warnings in ((10**-1.5, 0), (10**-2.5, 1), (1e-6, 1), (1e-60, 1)):
        y = Y * [[1], [gain]]
        found = warnings_of_data(y.sum(axis=1), y)
        assert len(found) == n_warnings
        assert all(m.startswith("component 1 is") and "dB below" in m for m in found)


def test_each_component_is_judged_by_itself():
    parts = np.concatenate([Y, Y], axis=1)
    y = parts * np.array([0, 1, 1e-4, 1])[:, None]
    silent, quiet = warnings_of_data(y.sum(axis=1), y)
    assert silent.startswith("component 0 is silent")
    assert quiet.startswith("component 2 is 8")


# --- what is not ----------------------------------------------------------------------


@pytest.mark.parametrize("make", [make_ecg_mixtures, make_ppg_mixtures])
@pytest.mark.parametrize("n_times", [256, 1024])
def test_generated_mixtures_are_plausible(make, n_times):
    data = make(n_samples=70, n_times=n_times, random_state=0)
    assert not warnings_of_data(data.data, data.target)


@pytest.mark.parametrize("n_times", [1, 2, 15, 16])
def test_short_rows_have_no_offset(n_times):
    y = np.random.default_rng(0).normal(size=(50, 2, n_times))
    assert not warnings_of_data(y.sum(axis=1), y)


def test_warnings_depend_on_few_rows_and_draw_nothing():
    class Counted(Samples):
        rows = []

        def arrays(self, rows):
            self.rows.extend(np.atleast_1d(rows).tolist())
            return super().arrays(rows)

    y = np.tile(Y, (50, 1, 1))
    samples = Counted(y.sum(axis=1), y)
    warn_of_data(samples, domains_of(samples.X, y, None))
    assert len(set(samples.rows)) == 64
    assert {0, len(y) - 1} <= set(samples.rows)


# --- estimates ------------------------------------------------------------------------


def estimate_warnings(separator, x, y):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        separator.fit(x, y)
    return [str(w.message) for w in caught if "the estimates of" in str(w.message)]


@pytest.mark.parametrize("cls", [AESeparator, CASSSeparator])
def test_estimates_worse_than_silence_are_warned_of(cls):
    settings = FAST | FILTERS | {"max_epochs": 5}
    found = estimate_warnings(cls(**settings, lr=10), X, Y)
    assert found
    for message in found:
        assert "worse than silence (-" in message
        assert "another lr" in message
    assert not estimate_warnings(cls(**settings | {"max_epochs": 20}, lr=1e-2), X, Y)


class ExactWherePositive(BaseSeparator):
    """Separator whose estimates of negative images are worse than silence."""

    def __init__(self, stft=None, random_state=None):
        self.stft, self.random_state = stft, random_state

    def _fit_samples(self, samples, rng):
        rows = np.arange(len(samples))
        self._warn_of_estimates(TensorDataset(samples, self.domains_, rows))

    def _estimate(self, X):
        return torch.where(X > 0, X, -X).unsqueeze(1)


def test_rows_all_over_the_data_are_checked():
    images = np.ones((100, 1, 1, 4, 4))
    assert not estimate_warnings(ExactWherePositive(), images[:, 0], images)
    images[8:] = -1
    (message,) = estimate_warnings(ExactWherePositive(), images[:, 0], images)
    assert message.startswith("the estimates of component 0 are worse than silence (-6")


def test_traditional_separators_warn_of_their_estimates():
    # a component that no mask and no filter finds: its sign is another in every row
    signs = np.resize([1.0, -1.0], (24, 1, 1))
    y = np.concatenate([Y[:, :1], 0.1 * signs * Y[:, :1]], axis=1)
    for separator in (NMFSeparator(n_atoms=2, random_state=0),):
        (message,) = estimate_warnings(separator, Y[:, 0] + y[:, 1], y)
        assert message.startswith("the estimates of component 1")
        assert "n_atoms" in message
