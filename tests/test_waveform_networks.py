"""``stft=False``: networks take the waveforms themselves."""

import numpy as np
import pytest
from cases import (
    FAST,
    FILTERS,
    NoEncoder,
    UnitMask,
    equal_states,
    make_mixtures,
    states,
)

from sklearn_cass import AESeparator, CASSSeparator, Modules, STFTTransformer
from sklearn_cass.nn import MapShape

pytestmark = pytest.mark.usefixtures("generators_stand_still")

SETTINGS = FAST | {"stft": False}


class RealUnitMask(UnitMask):
    """Return the real mask that changes nothing."""

    def __init__(self, out_channels, n_freqs):
        super().__init__(out_channels, n_freqs, n_parts=1)


IDENTITY = {"network": Modules(NoEncoder, RealUnitMask, output="mask")}


@pytest.fixture(scope="module")
def data():
    return make_mixtures()


def in_domain(domain):
    X, y = make_mixtures(n_channels=2 if "channel" in domain else None)
    if domain == "one channel of components":
        return X, y[:, :, 0]
    if domain.startswith("spectrograms"):
        stft = STFTTransformer(n_fft=16).fit(X)
        if domain == "spectrograms":
            y = np.stack([stft.transform(y[:, k]) for k in range(2)], axis=1)
        return stft.transform(X), y
    return X, y


@pytest.mark.parametrize(
    ("domain", "shape"),
    [
        ("waveforms", (1, 1)),
        ("channels", (2, 2)),
        ("one channel of components", (2, 1)),
        ("spectrograms with waveforms as y", (1, 1)),
        ("spectrograms", (1, 1)),
    ],
)
def test_waveform_networks_take_and_return_waveforms(domain, shape):
    X, y = in_domain(domain)
    separator = CASSSeparator(**SETTINGS).fit(X, y)
    found = separator.net_.module_[0].shape
    assert found == MapShape(*shape, n_freqs=1, n_frames=64, is_complex=False)
    estimates = separator.transform(X)
    assert estimates.shape == y.shape
    assert estimates.dtype == y.dtype
    assert np.isfinite(estimates).all()
    assert separator.discriminate(y).shape == (len(y), 2, 2)


def test_waveform_networks_take_mixtures_at_unit_level(data):
    X, y = data
    taken = []

    class Recorder(NoEncoder):
        def forward(self, x):
            taken.append(x.detach().clone())
            return super().forward(x)

    network = Modules(Recorder, RealUnitMask, output="mask")
    separator = AESeparator(**SETTINGS | {"network": network}).fit(X, y)
    taken.clear()
    separator.transform(X[:8])
    expected = X[:8] / np.sqrt(np.mean(X[:8] ** 2, axis=1, keepdims=True))
    np.testing.assert_allclose(taken[0][:, 0, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("domain", ["waveforms", "channels", "spectrograms"])
def test_waveform_networks_of_unit_masks_return_the_mixture(domain):
    X, y = in_domain(domain)
    estimates = AESeparator(**SETTINGS | IDENTITY).fit(X, y).transform(X)
    expected = np.stack([X, X], axis=1)
    np.testing.assert_allclose(estimates, expected, atol=1e-5)


def test_spectrograms_are_inverted_for_waveform_networks(data):
    # as if the waveforms had been given
    X, y = data
    Z = STFTTransformer(n_fft=16).fit_transform(X)
    from_waveforms, from_spectrograms = (
        AESeparator(**SETTINGS | FILTERS).fit(given, y).transform(given)
        for given in (X, Z)
    )
    np.testing.assert_allclose(from_spectrograms, from_waveforms, rtol=0, atol=1e-3)


def test_complex_estimates_of_waveform_networks_are_spectrograms():
    Z, Y = in_domain("spectrograms")
    separator = AESeparator(**SETTINGS | FILTERS).fit(Z, Y)
    estimates = separator.transform(Z)
    waveforms = Z.stft.inverse_transform(estimates)
    again = Z.stft.transform(waveforms.reshape(-1, 64)).reshape(estimates.shape)
    np.testing.assert_allclose(np.asarray(estimates), np.asarray(again), atol=1e-5)


def test_bare_spectrograms_cannot_be_inverted_for_waveform_networks():
    Z, Y = map(np.asarray, in_domain("spectrograms"))
    with pytest.raises(ValueError, match="X holds a bare complex array, but waveforms"):
        AESeparator(**SETTINGS).fit(Z, Y)


@pytest.mark.parametrize("c", [1e-200, 2.0**-20, 3.0, 1e200])
def test_waveform_estimates_scale_with_the_mixture(c, data):
    X, y = data
    separator = AESeparator(**SETTINGS | FILTERS).fit(X, y)
    expected = c * separator.transform(X)
    tolerance = 0 if c == 2.0**-20 else 1e-6 * np.abs(expected).max()
    np.testing.assert_allclose(
        separator.transform(c * X), expected, rtol=0, atol=tolerance
    )


def test_images_are_not_changed_by_stft_false(data):
    X, y = data
    X, y = X.reshape(-1, 1, 4, 16), y.reshape(-1, 2, 1, 4, 16)
    without, with_stft = (
        CASSSeparator(**FAST, stft=stft).fit(X, y) for stft in (False, None)
    )
    assert all(map(equal_states, states(without), states(with_stft)))
    assert np.array_equal(without.transform(X), with_stft.transform(X))


def test_representation_has_no_effect_on_waveform_networks(data):
    # waveforms have no phases
    fitted = [
        AESeparator(**SETTINGS | FILTERS, representation=name).fit(*data)
        for name in ("complex", "magnitude", "phase-sensitive")
    ]
    for other in fitted[1:]:
        assert equal_states(states(other)[0], states(fitted[0])[0])
        assert np.array_equal(other.transform(data[0]), fitted[0].transform(data[0]))


def test_waveform_networks_separate_recordings_and_labels(data):
    X, y = data
    separator = AESeparator(**SETTINGS | FILTERS).fit(X, y)
    assert separator.separate(np.resize(X[0], 100)).shape == (2, 100)
    separator.fit(y.reshape(-1, 64), np.tile(["a", "b"], len(y)))
    assert separator.component_names_.tolist() == ["a", "b"]
    assert separator.transform(X).shape == y.shape


def test_waveform_networks_separate():
    X, y = make_mixtures(n_samples=40, n_times=128)
    settings = SETTINGS | FILTERS | {"max_epochs": 20, "lr": 1e-2}
    separator = AESeparator(**settings).fit(X, y)
    # linear filters separate the bands but for the ends of the waveforms
    assert separator.score(X, y) > 10


@pytest.mark.parametrize("stft", [True, 0, "no"])
def test_stft_must_be_a_transform_none_or_false(stft, data):
    with pytest.raises(ValueError, match="'stft' parameter of AESeparator"):
        AESeparator(**FAST, stft=stft).fit(*data)


def test_resnet9_takes_waveforms_of_any_length():
    for n_times in (1, 2, 33):
        X, y = make_mixtures(2, n_times=n_times)
        estimates = AESeparator(**SETTINGS).fit(X, y).transform(X)
        assert estimates.shape == y.shape
        assert np.isfinite(estimates).all()
