"""Components come back in the domain, the shape and the precision of their kind.

The domains that `check_separator` tries are not repeated: waveforms of one and several
channels, bare complex spectrograms, images, a Spectrogram with waveforms as y.
"""

import numpy as np
import pytest
from cases import FAST, NoEncoder, UnitMask, equal_states, make_mixtures, states
from sklearn.pipeline import make_pipeline

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    Modules,
    ResNet9,
    Spectrogram,
    STFTTransformer,
)
from sklearn_cass.metrics import mean_ignoring_nan, sdr

pytestmark = pytest.mark.usefixtures("generators_stand_still")

N_TIMES = 45


def spectrograms(array):
    """Return spectrograms of waveforms with any leading axes as a bare array."""
    stft = STFTTransformer(n_fft=16)
    flat = stft.fit_transform(array.reshape(-1, array.shape[-1]))
    return np.asarray(flat).reshape(*array.shape[:-1], *flat.shape[-2:])


def remembering(X):
    return STFTTransformer(n_fft=16).fit_transform(X)


def images(array):
    return np.abs(spectrograms(array))


def first_channel(make):
    return lambda y: make(y[:, :, 0])


ONE, TWO = {"n_channels": None}, {"n_channels": 2}
# channels of the signals; what makes X of the mixtures; what makes y of the components
DOMAINS = {
    "Spectrogram, complex": (ONE, remembering, spectrograms),
    "Spectrogram of channels, waveforms": (TWO, remembering, np.asarray),
    "Spectrogram of channels, waveforms of one": (
        TWO,
        remembering,
        first_channel(np.asarray),
    ),
    "Spectrogram of channels, complex of one": (
        TWO,
        remembering,
        first_channel(spectrograms),
    ),
    "images of channels, images of one": (TWO, images, first_channel(images)),
}
DOMAIN_OF_STFT_FALSE = {
    "waveforms": (ONE, np.asarray, np.asarray),
    "waveforms of channels, waveforms of one": (
        TWO,
        np.asarray,
        first_channel(np.asarray),
    ),
    "Spectrogram, waveforms": (ONE, remembering, np.asarray),
    "Spectrogram of channels, complex": (TWO, remembering, spectrograms),
    "images": (TWO, images, images),
}


def make_case(signals, make_X, make_y):
    X, y = make_mixtures(9, n_times=N_TIMES, **signals)
    return make_X(X), make_y(y)


@pytest.fixture(params=DOMAINS, scope="module")
def case(request):
    return make_case(*DOMAINS[request.param])


@pytest.fixture(scope="module")
def fitted(case):
    return CASSSeparator(**FAST).fit(*case)


def assert_like(estimates, y):
    assert estimates.shape == y.shape
    assert estimates.dtype == y.dtype
    assert np.isfinite(estimates).all()


def test_domain_in_is_domain_out(case, fitted):
    X, y = case
    assert_like(fitted.transform(X), y)
    assert fitted.n_components_ == 2
    assert fitted.component_names_.tolist() == [0, 1]
    assert fitted.n_features_in_ == X.shape[1]


def test_precision_is_that_of_the_mixtures(case, fitted):
    X, y = case
    single = {"f": np.float32, "c": np.complex64}
    low, low_y = X.astype(single[X.dtype.kind]), y.astype(single[y.dtype.kind])
    estimates = fitted.transform(low)
    assert_like(estimates, low_y)
    scale = np.abs(estimates).max()
    np.testing.assert_allclose(fitted.transform(X), estimates, atol=1e-4 * scale)
    trained_low = CASSSeparator(**FAST).fit(low, low_y)
    assert trained_low.transform(low).dtype == low_y.dtype
    assert trained_low.transform(X).dtype == y.dtype


def test_score_is_the_mean_sdr_of_the_estimates(case, fitted):
    X, y = case
    assert fitted.score(X, y) == mean_ignoring_nan(sdr(y, fitted.transform(X)))


# the components lack a channel, which masks have to add up
COMPLEX = DOMAINS["Spectrogram of channels, complex of one"]
REAL = DOMAINS["images of channels, images of one"]


@pytest.mark.parametrize("output", ["direct", "mask", "ratio_mask", "affine"])
@pytest.mark.parametrize(
    ("domains", "representation"),
    [
        (COMPLEX, "complex"),
        (COMPLEX, "magnitude"),
        (COMPLEX, "phase-sensitive"),
        (REAL, "complex"),
    ],
    ids=["complex", "magnitude", "phase-sensitive", "images"],
)
def test_every_representation_and_output(domains, representation, output):
    X, y = make_case(*domains)
    network = ResNet9(2, 4, output=output, compression=0.5)
    settings = FAST | {"network": network, "representation": representation}
    assert_like(AESeparator(**settings).fit(X, y).transform(X), y)


def test_magnitude_keeps_the_phase_of_the_mixture():
    X, y = (spectrograms(a) for a in make_mixtures(9, n_times=N_TIMES))
    settings = FAST | {"network": ResNet9(2, 4, output="mask")}
    separator = AESeparator(**settings, representation="magnitude")
    ratio = separator.fit(X, y).transform(X) / X[:, None]
    np.testing.assert_allclose(ratio.imag, 0, atol=1e-4 * np.abs(ratio).max())


# --- stft=False ---------------------------------------------------------------------


@pytest.mark.parametrize("name", DOMAIN_OF_STFT_FALSE)
def test_domain_in_is_domain_out_without_a_transform(name):
    X, y = make_case(*DOMAIN_OF_STFT_FALSE[name])
    separator = CASSSeparator(**FAST, stft=False).fit(X, y)
    assert_like(separator.transform(X), y)
    assert separator.discriminate(y, X).shape == (9, 2, 2)


class Shapes(NoEncoder):
    """Encoder that records the shape of its maps."""

    seen: list = []

    def __init__(self, in_channels, n_freqs):
        super().__init__(in_channels, n_freqs)
        self.told = in_channels, n_freqs

    def forward(self, x):
        self.seen.append((self.told, tuple(x.shape[1:])))
        return super().forward(x)


REAL_MASK = Modules(Shapes, UnitMask, output="mask", decoder__n_parts=1)


@pytest.mark.parametrize("n_channels", [None, 3])
@pytest.mark.parametrize("make_X", [np.asarray, remembering])
def test_without_a_transform_networks_get_waveforms(n_channels, make_X):
    X, y = make_mixtures(9, n_times=N_TIMES, n_channels=n_channels)
    Shapes.seen.clear()
    settings = FAST | {"network": REAL_MASK, "stft": False}
    separator = AESeparator(**settings).fit(make_X(X), y)
    estimates = separator.transform(make_X(X))
    for k in range(2):
        np.testing.assert_allclose(estimates[:, k], X, atol=1e-5)
    n_channels = n_channels or 1
    assert set(Shapes.seen) == {((n_channels, 1), (n_channels, 1, N_TIMES))}
    recording = np.random.default_rng(0).normal(size=(*X.shape[1:-1], 333))
    found = separator.separate(recording)
    np.testing.assert_allclose(found, [recording] * 2, atol=1e-5)


def test_without_a_transform_the_representation_does_not_matter():
    X, y = make_mixtures(9, n_times=N_TIMES)
    first, other = (
        AESeparator(**FAST, stft=False, representation=representation).fit(X, y)
        for representation in ("complex", "magnitude")
    )
    assert all(map(equal_states, states(first), states(other)))


def test_without_a_transform_images_are_as_with_one():
    X, y = make_case(TWO, images, images)
    first, other = (AESeparator(**FAST, stft=stft).fit(X, y) for stft in (None, False))
    assert np.array_equal(first.transform(X), other.transform(X))


def test_without_a_transform_bare_spectrograms_are_refused():
    X, y = make_case(ONE, spectrograms, spectrograms)
    with pytest.raises(ValueError, match="X holds a bare complex array"):
        AESeparator(**FAST, stft=False).fit(X, y)


# --- one path -----------------------------------------------------------------------


def test_complex_estimates_of_a_spectrogram_know_the_way_back():
    X, y = make_mixtures(9, n_times=N_TIMES)
    Z = remembering(X)
    in_waveforms = AESeparator(**FAST).fit(Z, y).transform(Z)
    as_spectrograms = AESeparator(**FAST).fit(Z, spectrograms(y)).transform(Z)
    assert isinstance(as_spectrograms, Spectrogram)
    back = as_spectrograms.stft.inverse_transform(as_spectrograms)
    assert back.shape == y.shape
    np.testing.assert_allclose(back, in_waveforms, atol=1e-5)


def test_waveforms_and_their_spectrograms_are_one_path():
    X, y = make_mixtures(9, n_times=N_TIMES)
    stft = STFTTransformer(n_fft=16, hop_length=8)
    Z = STFTTransformer(n_fft=16, hop_length=8).fit_transform(X)
    own = CASSSeparator(**FAST, stft=stft).fit(X, y)
    other = CASSSeparator(**FAST).fit(Z, y)
    assert not hasattr(stft, "window_")  # the user's is not fitted
    np.testing.assert_allclose(own.transform(X), other.transform(Z), atol=1e-5)


@pytest.mark.parametrize("dtype", [np.int64, np.float16, ">f8"])
def test_other_numbers_are_computed_in_double_precision(dtype):
    X, y = make_mixtures(9, n_times=N_TIMES)
    X, y = (10 * X).astype(dtype), (10 * y).astype(dtype)
    assert CASSSeparator(**FAST).fit(X, y).transform(X).dtype == np.float64


def test_lists_are_arrays():
    X, y = make_mixtures(4, n_times=9)
    a = AESeparator(**FAST).fit(X, y).transform(X)
    b = AESeparator(**FAST).fit(X.tolist(), y.tolist()).transform(X.tolist())
    assert np.array_equal(a, b)


# --- sizes --------------------------------------------------------------------------


# with batches of 8, 9 samples leave a batch of one
@pytest.mark.parametrize(("n_samples", "n_components"), [(1, 1), (9, 2)])
def test_maps_of_one_entry(n_samples, n_components):
    X, y = make_mixtures(n_samples, n_components, n_times=1)
    separator = CASSSeparator(**FAST).fit(X, y)
    assert_like(separator.transform(X), y)
    assert separator.n_components_ == n_components


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1)])
def test_images_and_spectrograms_of_any_size(size):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(3, 2, 1, *size))
    assert AESeparator(**FAST).fit(y.sum(1), y).transform(y.sum(1)).shape == y.shape
    y = y[:, :, 0] * 1j
    assert AESeparator(**FAST).fit(y.sum(1), y).transform(y.sum(1)).shape == y.shape


# --- labels -------------------------------------------------------------------------


def isolated(names):
    """Isolated recordings, three of each name but the first, with their labels."""
    _, y = make_mixtures(3, len(names), 32)
    X, labels = y.reshape(-1, 32), np.tile(names, 3)
    return np.append(X, X[:1], axis=0), np.append(labels, labels[:1])


@pytest.mark.parametrize("names", [[7, 3], [0.0, 1.0, 2.0]], ids=["int", "float"])
def test_labels_name_the_components(names):
    X, labels = isolated(names)
    separator = AESeparator(**FAST).fit(X, labels)
    assert separator.component_names_.tolist() == sorted(names)
    assert separator.n_components_ == len(names)
    assert separator.transform(X).shape == (len(X), len(names), 32)


def test_one_label_is_one_component():
    X, labels = isolated(["all"])
    assert AESeparator(**FAST).fit(X, labels).transform(X).shape == (4, 1, 32)


@pytest.mark.parametrize("make", [spectrograms, images])
def test_labels_of_other_domains(make):
    X, labels = isolated(["a", "b"])
    X = make(X)[:, None] if make is images else make(X)
    separator = AESeparator(**FAST).fit(X, labels)
    estimates = separator.transform(X)
    assert estimates.shape == (len(X), 2, *X.shape[1:])
    assert estimates.dtype == X.dtype
    assert np.isfinite(separator.score(X, labels))


def test_labels_of_spectrograms_of_waveforms_name_the_waveforms():
    X, labels = isolated(["a", "b"])
    pipe = make_pipeline(STFTTransformer(n_fft=8), AESeparator(**FAST))
    estimates = pipe.fit(X, labels).transform(X)
    assert estimates.shape == (len(X), 2, X.shape[1])
    own = AESeparator(**FAST, stft=STFTTransformer(n_fft=8)).fit(X, labels)
    np.testing.assert_allclose(estimates, own.transform(X), atol=1e-4)
    assert pipe.score(X, labels) == pytest.approx(own.score(X, labels), abs=1e-3)


def test_score_of_labels_is_that_of_the_labeled_component():
    X, labels = isolated(["vocals", "bass"])
    separator = AESeparator(**FAST).fit(X, labels)
    estimates = separator.transform(X)
    own = [separator.component_names_.tolist().index(label) for label in labels]
    expected = sdr(X[:, None], estimates[np.arange(len(X)), own][:, None]).mean()
    assert separator.score(X, labels) == pytest.approx(expected, rel=1e-12)


def test_labeled_recordings_teach_their_component():
    _, y = make_mixtures(64, seed=1)
    X, labels = y.reshape(128, 64), np.tile(["low", "high"], 64)
    network = ResNet9(n_filters=4, n_latent=4, output="mask")
    settings = FAST | {"network": network, "max_epochs": 4, "lr": 1e-2}
    separator = AESeparator(**settings).fit(X, labels)
    assert separator.component_names_.tolist() == ["high", "low"]
    estimates = separator.transform(y.sum(axis=1))
    right, wrong = sdr(y[:, ::-1], estimates), sdr(y, estimates)
    assert (right.mean(axis=0) > wrong.mean(axis=0) + 3).all()


def test_unit_masks_of_images_change_nothing():
    X, y = (images(a) for a in make_mixtures(9, n_times=N_TIMES, n_channels=2))
    separator = AESeparator(**FAST | {"network": REAL_MASK}).fit(X, y)
    estimates = separator.transform(X)
    for k in range(2):
        np.testing.assert_allclose(estimates[:, k], X, rtol=1e-5)
