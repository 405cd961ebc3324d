"""NMFSeparator: dictionaries of spectra, and the masks that they make.

test_estimator_checks.py holds that it keeps the contract of separators.
"""

import numpy as np
import pytest
from cases import make_mixtures
from lazy_arrays import h5py_of, memmap_of
from sklearn import decomposition
from sklearn.exceptions import ConvergenceWarning

from sklearn_cass import NMFSeparator, STFTTransformer
from sklearn_cass.metrics import sdr

pytestmark = [
    pytest.mark.usefixtures("generators_stand_still"),
    # scikit-learn's, of short fits
    pytest.mark.filterwarnings("ignore:Maximum number of iterations"),
]

FAST = {"n_atoms": 3, "max_iter": 20, "random_state": 0}


@pytest.fixture(scope="module")
def data():
    return make_mixtures()


# --- separation ---------------------------------------------------------------------


def disjoint_bands(n_samples=16, seed=0):
    """Sinusoids around 0.1 and around 0.35 of the sampling frequency."""
    rng = np.random.default_rng(seed)
    frequency = np.array([[0.1], [0.35]]) + rng.uniform(-0.05, 0.05, (n_samples, 2, 1))
    phase, gain = rng.uniform(0, 6, (2, n_samples, 2, 1))
    y = (0.5 + gain) * np.cos(2 * np.pi * frequency * np.arange(512) + phase)
    return y.sum(axis=1), y


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize(
    "beta_loss", ["frobenius", "kullback-leibler", "itakura-saito"]
)
def test_disjoint_bands_are_separated(beta_loss, power):
    stft = STFTTransformer(n_fft=64)
    settings = {"beta_loss": beta_loss, "power": power, "stft": stft}
    separator = NMFSeparator(**settings, n_atoms=4, random_state=0)
    separator.fit(*disjoint_bands())
    X, y = disjoint_bands(seed=1)
    ratios = sdr(y, separator.transform(X))
    assert ratios.min() > 18 and ratios.mean() > 25


def test_components_with_the_same_spectra_are_not_separated():
    X, y = disjoint_bands()
    same = np.stack([y[:, 0], np.roll(y[:, 0], 1, axis=0)], axis=1)
    separator = NMFSeparator(n_atoms=4, random_state=0).fit(same.sum(axis=1), same)
    assert separator.score(same.sum(axis=1), same) < 10


def test_silent_component_has_silent_estimates(data):
    X, y = data
    estimates = NMFSeparator(**FAST).fit(X, y * [[1], [0]]).transform(X)
    assert np.abs(estimates[:, 1]).max() < 1e-12
    np.testing.assert_allclose(estimates[:, 0], X, atol=1e-12)


def test_unexplained_mixtures_are_shared_equally(data):
    X, y = data
    estimates = NMFSeparator(**FAST).fit(X, 0 * y).transform(X)
    np.testing.assert_allclose(estimates, X[:, None].repeat(2, axis=1) / 2, atol=1e-12)


# --- masks --------------------------------------------------------------------------


@pytest.mark.parametrize("n_channels", [None, 2])
def test_estimates_add_up_to_the_mixture(n_channels):
    X, y = make_mixtures(n_components=3, n_channels=n_channels)
    estimates = NMFSeparator(**FAST).fit(X, y).transform(X)
    np.testing.assert_allclose(estimates.sum(axis=1), X, atol=1e-12)


def test_masks_are_real_and_add_up_to_one(data):
    stft = STFTTransformer(n_fft=16).fit(data[0])
    Z, y = stft.transform(data[0]), stft.transform(data[1][:, 0])
    y = np.stack([y, Z - y], axis=1)
    masks = NMFSeparator(**FAST).fit(Z, y).transform(Z) / Z[:, None]
    assert np.abs(masks.imag).max() < 1e-12
    assert masks.real.min() >= 0 and masks.real.max() <= 1 + 1e-12
    np.testing.assert_allclose(masks.real.sum(axis=1), 1, atol=1e-12)


def test_components_of_one_channel_are_weighted_sums_of_channels():
    X, y = make_mixtures(n_channels=3)
    y = np.einsum("c,nkct->nkt", [0.5, -2.0, 0.0], y)
    separator = NMFSeparator(**FAST).fit(X, y)
    np.testing.assert_allclose(separator.channel_weights_, [0.5, -2, 0], atol=0.02)
    total = np.einsum("c,nct->nt", separator.channel_weights_, X)
    np.testing.assert_allclose(separator.transform(X).sum(axis=1), total, atol=1e-12)


# --- invariances --------------------------------------------------------------------


def test_estimates_do_not_depend_on_the_other_rows(data):
    X, y = data
    separator = NMFSeparator(**FAST).fit(X, y)
    estimates = separator.transform(X)
    assert np.array_equal(separator.transform(X[3:4])[0], estimates[3])
    assert np.array_equal(separator.transform(X[::-1]), estimates[::-1])


def test_levels_of_the_rows_do_not_matter(data):
    X, y = data
    separator = NMFSeparator(**FAST).fit(X, y)
    estimates = separator.transform(X)
    assert np.array_equal(separator.transform(2.0**-9 * X), 2.0**-9 * estimates)
    gains = np.geomspace(1e-3, 1e3, len(X))[:, None]
    other = NMFSeparator(**FAST).fit(gains * X, gains[:, None] * y)
    np.testing.assert_allclose(other.transform(X), estimates, atol=1e-3)


def test_order_of_the_components_does_not_matter():
    X, y = make_mixtures(n_components=3)
    order = [2, 0, 1]
    first = NMFSeparator(**FAST).fit(X, y).transform(X)
    second = NMFSeparator(**FAST).fit(X, y[:, order]).transform(X)
    np.testing.assert_allclose(second, first[:, order], atol=1e-9)


@pytest.mark.parametrize("stored", [memmap_of, h5py_of])
def test_arrays_in_files_give_the_same_bits(data, tmp_path, stored):
    expected = NMFSeparator(**FAST, max_frames=20).fit(*data)
    X, y = (stored(array, tmp_path) for array in data)
    found = NMFSeparator(**FAST, max_frames=20).fit(X, y)
    assert np.array_equal(found.dictionaries_, expected.dictionaries_)
    assert np.array_equal(found.transform(X), expected.transform(data[0]))


# --- learning -----------------------------------------------------------------------


class CountingNMF(decomposition.NMF):
    """Record how many frames it was given."""

    seen: list = []

    def fit_transform(self, X):
        self.seen.append(len(X))
        return super().fit_transform(X)


@pytest.mark.parametrize("max_frames", [1, 7, 10**6])
def test_number_of_frames_is_bounded(data, monkeypatch, max_frames):
    monkeypatch.setattr(decomposition, "NMF", CountingNMF)
    CountingNMF.seen.clear()
    NMFSeparator(**FAST, max_frames=max_frames).fit(*data)
    n_frames = STFTTransformer().fit_transform(data[0]).shape[-1]
    assert CountingNMF.seen == [min(max_frames, 12 * n_frames)] * 2


def test_labels_name_the_components(data):
    X = data[1].reshape(24, -1)
    separator = NMFSeparator(**FAST).fit(X, np.tile(["low", "high"], 12))
    assert separator.component_names_.tolist() == ["high", "low"]
    own = separator.transform(X).std(axis=2).argmax(axis=1)
    assert own.tolist() == [1, 0] * 12


def test_convergence_warnings_reach_the_user(data):
    with pytest.warns(ConvergenceWarning, match="number of iterations 2 reached"):
        NMFSeparator(max_iter=2, random_state=0).fit(*data)
