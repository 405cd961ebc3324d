"""ICASeparator: independent sources of channels, or of delayed copies of one.

test_estimator_checks.py holds that it keeps the contract of separators.
"""

import numpy as np
import pytest
from cases import make_mixtures
from lazy_arrays import h5py_of, memmap_of
from sklearn import decomposition
from sklearn.exceptions import ConvergenceWarning

from sklearn_cass import ICASeparator, STFTTransformer
from sklearn_cass.metrics import sdr

pytestmark = [
    pytest.mark.usefixtures("generators_stand_still"),
    # scikit-learn's, of small samples
    pytest.mark.filterwarnings("ignore:FastICA did not converge"),
]


def instantaneous(mixing, n_samples=20, n_times=1000, seed=0):
    """Return mixtures (n, C, T) of Laplacian sources, components (n, K, C, T), sources.

    The mixing has shape (n_channels, n_components).
    """
    mixing = np.asarray(mixing)
    rng = np.random.default_rng(seed)
    sources = rng.laplace(size=(n_samples, mixing.shape[1], n_times))
    y = mixing.T[:, :, None] * sources[:, :, None]
    return y.sum(axis=1), y, sources


TWO = [[1.0, 0.4], [-0.6, 1.0]]


# --- separation ---------------------------------------------------------------------


@pytest.mark.parametrize("fun", ["logcosh", "exp", "cube"])
@pytest.mark.parametrize(
    "mixing", [TWO, [[1, 1, 1], [1, -1, 0.5], [0.2, 0.3, -1]]], ids=["two", "three"]
)
def test_instantaneous_mixtures_are_separated(fun, mixing):
    X, y, _ = instantaneous(mixing)
    separator = ICASeparator(fun=fun, random_state=0).fit(X, y)
    X, y, _ = instantaneous(mixing, seed=1)
    assert sdr(y, separator.transform(X)).min() > 20


def test_components_without_channels_keep_their_units():
    X, _, sources = instantaneous([[2.0, 30.0], [-1.0, 50.0]])
    separator = ICASeparator(random_state=0).fit(X, sources)
    assert sdr(sources, separator.transform(X)).min() > 20


def test_component_may_have_several_sources():
    X, y, _ = instantaneous([[1, 1, 1], [1, -1, 0.5], [0.2, 0.3, -1]])
    y = np.stack([y[:, 0] + y[:, 2], y[:, 1]], axis=1)
    separator = ICASeparator(random_state=0).fit(X, y)
    assert sorted(separator.source_components_) == [0, 0, 1]
    assert sdr(y, separator.transform(X)).min() > 20


def test_silent_channel_does_no_harm():
    X, y, _ = instantaneous([[0.0, 0.0], *TWO])
    assert ICASeparator(random_state=0).fit(X, y).score(X, y) > 20


def narrow_bands(n_samples=100, n_times=256, seed=0):
    """Sinusoids around 0.08 and around 0.33 of the sampling frequency."""
    rng = np.random.default_rng(seed)
    frequency = np.array([[0.08], [0.33]]) + rng.uniform(-0.01, 0.01, (n_samples, 2, 1))
    phase, gain = rng.uniform(0, 6, (2, n_samples, 2, 1))
    y = (0.5 + gain) * np.cos(2 * np.pi * frequency * np.arange(n_times) + phase)
    return y.sum(axis=1), y


def test_delays_separate_bands_of_a_single_channel():
    # FastICA converges to local optima: some starts end at 9 dB
    separators = [ICASeparator(random_state=seed) for seed in range(3)]
    scores = [s.fit(*narrow_bands()).score(*narrow_bands(seed=1)) for s in separators]
    assert max(scores) > 20


def test_single_channel_without_delays_is_one_source():
    X, y = narrow_bands()
    y[:, 1] *= 0.5
    X = y.sum(axis=1)
    with pytest.warns(ConvergenceWarning, match="of component 1 are .nearly. zero"):
        separator = ICASeparator(n_delays=1, random_state=0).fit(X, y)
    # all except the mean, which no source explains
    assert np.abs(separator.transform(X)[:, 1]).max() < 1e-9


# --- what estimates are -------------------------------------------------------------


@pytest.mark.parametrize("n_delays", [1, 5])
@pytest.mark.parametrize("n_channels", [None, 3])
@pytest.mark.parametrize("offset", [0.0, 7.0])
def test_estimates_add_up_to_the_mixture(n_delays, n_channels, offset):
    X, y = make_mixtures(n_components=3, n_channels=n_channels)
    X = X + offset
    estimates = ICASeparator(n_delays=n_delays, random_state=0).fit(X, y).transform(X)
    np.testing.assert_allclose(estimates.sum(axis=1), X, atol=1e-8)


def test_separation_is_linear_and_time_invariant():
    X, y = narrow_bands()
    separator = ICASeparator(n_delays=8, random_state=0).fit(X, y)
    estimates = separator.transform(X)
    np.testing.assert_allclose(separator.transform(-X), -estimates, atol=1e-12)
    sums = separator.transform(X + X[::-1])
    np.testing.assert_allclose(sums, estimates + estimates[::-1], atol=1e-10)
    later = separator.transform(np.roll(X, 3, axis=1))
    np.testing.assert_allclose(
        later[..., 11:-8], estimates[..., 8:-11], atol=1e-10
    )  # except at the ends


def test_constant_mixtures_are_shared_equally():
    X, y = make_mixtures(n_times=1, n_samples=1)
    estimates = ICASeparator(random_state=0).fit(X, y).transform(X)
    np.testing.assert_allclose(estimates, X[:, None].repeat(2, axis=1) / 2)


def test_other_rows_and_levels_do_not_matter():
    X, y, _ = instantaneous(TWO, n_samples=5, n_times=400)
    separator = ICASeparator(random_state=0).fit(X, y)
    estimates = separator.transform(X)
    assert np.array_equal(separator.transform(X[3:4])[0], estimates[3])
    assert np.array_equal(separator.transform(X * 2.0**30), estimates * 2.0**30)
    gains = np.geomspace(1e-3, 1e3, len(X))[:, None, None]
    other = ICASeparator(random_state=0).fit(gains * X, gains[:, None] * y)
    np.testing.assert_allclose(other.transform(X), estimates, atol=1e-4)


def test_order_of_the_components_does_not_matter():
    X, y, _ = instantaneous([[1, 1, 1], [1, -1, 0.5], [0.2, 0.3, -1]])
    order = [2, 0, 1]
    first = ICASeparator(random_state=0).fit(X, y).transform(X)
    second = ICASeparator(random_state=0).fit(X, y[:, order]).transform(X)
    np.testing.assert_allclose(second, first[:, order], atol=1e-12)


def test_spectrograms_are_inverted():
    X, y, _ = instantaneous(TWO)
    stft = STFTTransformer(n_fft=32).fit(X)
    expected = ICASeparator(random_state=0).fit(X, y).transform(X)
    Z = stft.transform(X)
    separator = ICASeparator(random_state=0).fit(Z, y)
    np.testing.assert_allclose(separator.transform(Z), expected, atol=1e-3)
    spectra = np.stack([stft.transform(y[:, k]) for k in range(2)], axis=1)
    found = ICASeparator(random_state=0).fit(Z, spectra).transform(Z)
    assert np.iscomplexobj(found)
    waveforms = stft.inverse_transform(found)
    np.testing.assert_allclose(waveforms, expected, atol=1e-3)


@pytest.mark.parametrize("stored", [memmap_of, h5py_of])
def test_arrays_in_files_give_the_same_bits(tmp_path, stored):
    data = narrow_bands()
    expected = ICASeparator(max_times=500, random_state=0).fit(*data)
    X, y = (stored(array, tmp_path) for array in data)
    found = ICASeparator(max_times=500, random_state=0).fit(X, y)
    assert np.array_equal(found.filters_, expected.filters_)
    assert np.array_equal(found.transform(X), expected.transform(data[0]))


def test_stream_has_the_bits_of_the_whole_recording():
    separator = ICASeparator(random_state=0).fit(*narrow_bands(n_times=64))
    recording = np.random.default_rng(0).normal(size=300)
    stream = separator.separate_stream(np.split(recording, [7, 90, 200]))
    joined = np.concatenate(list(stream), axis=-1)
    assert np.array_equal(joined, separator.separate(recording))


# --- learning -----------------------------------------------------------------------


class CountingICA(decomposition.FastICA):
    """Record how many points it was given."""

    seen: list = []

    def fit(self, X):
        self.seen.append(len(X))
        return super().fit(X)


@pytest.mark.parametrize("max_times", [60, 10**6])
def test_number_of_time_points_is_bounded(monkeypatch, max_times):
    monkeypatch.setattr(decomposition, "FastICA", CountingICA)
    CountingICA.seen.clear()
    ICASeparator(n_delays=4, max_times=max_times, random_state=0).fit(*narrow_bands())
    assert CountingICA.seen == [min(max_times, 100 * (256 - 3))]


def test_directions_without_power_are_left_out():
    data = narrow_bands()
    n_sources = [
        len(ICASeparator(min_power=p, random_state=0).fit(*data).source_components_)
        for p in (0, 1e-5, 1e-1)
    ]
    assert n_sources == sorted(n_sources, reverse=True)
    assert n_sources[0] > n_sources[2] >= 2


@pytest.mark.parametrize("what", ["images", "bare complex"])
def test_other_domains_are_refused(what):
    X, y = make_mixtures(n_channels=2)
    if what == "images":
        X, y = X[:, :, None], y[:, :, :, None]
    else:
        X, y = X.astype(complex), y.astype(complex)
    with pytest.raises(ValueError, match=f"X holds.*{what}.*STFTTransformer"):
        ICASeparator().fit(X, y)


def test_more_delays_than_time_points_are_refused():
    X, y = make_mixtures(n_times=20)
    separator = ICASeparator(n_delays=20, random_state=0).fit(X, y)
    assert separator.filters_.shape == (2, 1, 1, 39)
    with pytest.raises(ValueError, match="n_delays=21.*n_times=20"):
        ICASeparator(n_delays=21).fit(X, y)
