"""Components come back in the domain, the shape and the units they were given in."""

from functools import partial

import numpy as np
import pytest
from cases import FAST, UnitMask, make_mixtures
from sklearn.pipeline import make_pipeline

from sklearn_cass import AESeparator, CASSSeparator, Spectrogram, STFTTransformer
from sklearn_cass.metrics import mean_ignoring_nan, sdr

pytestmark = pytest.mark.usefixtures("generators_stand_still")

N_TIMES = 45


def spectrograms(array):
    """Spectrogram of waveforms with any leading dimensions, one bare array."""
    stft = STFTTransformer(n_fft=16)
    flat = stft.fit_transform(array.reshape(-1, array.shape[-1]))
    return np.asarray(flat).reshape(*array.shape[:-1], *flat.shape[-2:])


def remembering(X):
    return STFTTransformer(n_fft=16).fit_transform(X)


def images(array):
    return np.abs(spectrograms(array))


ONE, TWO = {"n_channels": None}, {"n_channels": 2}
# channels of the signals; what makes X of the mixtures; what makes y of the components
DOMAINS = {
    "waveforms": (ONE, np.asarray, np.asarray),
    "multichannel waveforms": (TWO, np.asarray, np.asarray),
    "multichannel waveforms, one channel": (TWO, np.asarray, lambda y: y[:, :, 0]),
    "Spectrogram, waveforms": (ONE, remembering, np.asarray),
    "Spectrogram, complex": (ONE, remembering, spectrograms),
    "multichannel Spectrogram, waveforms": (TWO, remembering, np.asarray),
    "multichannel Spectrogram, waveforms of one channel": (
        TWO,
        remembering,
        lambda y: y[:, :, 0],
    ),
    "multichannel Spectrogram, complex": (TWO, remembering, spectrograms),
    "multichannel Spectrogram, complex of one channel": (
        TWO,
        remembering,
        lambda y: spectrograms(y[:, :, 0]),
    ),
    "bare complex": (ONE, spectrograms, spectrograms),
    "multichannel bare complex": (TWO, spectrograms, spectrograms),
    "images": (TWO, images, images),
    "images, one channel": (TWO, images, lambda y: images(y[:, :, 0])),
}


@pytest.fixture(params=DOMAINS, scope="module")
def case(request):
    signals, make_X, make_y = DOMAINS[request.param]
    X, y = make_mixtures(9, n_times=N_TIMES, **signals)
    return make_X(X), make_y(y)


@pytest.fixture(scope="module")
def fitted(case):
    return CASSSeparator(**FAST).fit(*case)


def test_domain_in_is_domain_out(case, fitted):
    X, y = case
    estimates = fitted.transform(X)
    assert estimates.shape == y.shape
    assert estimates.dtype == y.dtype
    assert np.isfinite(estimates).all()
    assert fitted.n_components_ == 2
    assert fitted.component_names_.tolist() == [0, 1]
    assert fitted.n_features_in_ == X.shape[1]


def test_precision_is_that_of_the_mixtures(case, fitted):
    X, y = case
    single = {"f": np.float32, "c": np.complex64}
    low = X.astype(single[X.dtype.kind])
    estimates = fitted.transform(low)
    assert estimates.dtype == single[y.dtype.kind]
    scale = np.abs(estimates).max()
    np.testing.assert_allclose(fitted.transform(X), estimates, atol=1e-4 * scale)
    trained_low = CASSSeparator(**FAST).fit(low, y.astype(single[y.dtype.kind]))
    assert trained_low.transform(low).dtype == single[y.dtype.kind]
    assert trained_low.transform(X).dtype == y.dtype


def test_score_is_the_mean_sdr_of_the_estimates(case, fitted):
    X, y = case
    assert fitted.score(X, y) == mean_ignoring_nan(sdr(y, fitted.transform(X)))


def test_predict_is_transform(case, fitted):
    X, _ = case
    assert np.array_equal(fitted.predict(X), fitted.transform(X))


def test_one_row_at_a_time(case, fitted):
    X, _ = case
    estimates = fitted.transform(X)
    scale = np.abs(estimates).max()
    np.testing.assert_allclose(
        fitted.transform(X[4:5])[0], estimates[4], atol=1e-7 * scale
    )


@pytest.mark.parametrize("representation", ["complex", "magnitude", "phase-sensitive"])
@pytest.mark.parametrize("output", ["direct", "mask", "ratio_mask", "affine"])
def test_every_representation_and_output(case, representation, output):
    X, y = case
    network = {"representation": representation, "output": output, "compression": 0.5}
    separator = AESeparator(**FAST, **network)
    estimates = separator.fit(X, y).transform(X)
    assert estimates.shape == y.shape
    assert estimates.dtype == y.dtype
    assert np.isfinite(estimates).all()


def test_magnitude_keeps_the_mixtures_phase():
    X, y = (spectrograms(a) for a in make_mixtures(9, n_times=N_TIMES))
    separator = AESeparator(**FAST, representation="magnitude", output="mask")
    ratio = separator.fit(X, y).transform(X) / X[:, None]
    np.testing.assert_allclose(ratio.imag, 0, atol=1e-4 * np.abs(ratio).max())


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
    assert not hasattr(stft, "window_")  # the user's is left unfitted
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


@pytest.mark.parametrize(
    ("n_samples", "n_components", "n_times"),
    [
        (1, 2, 64),
        (1, 1, 1),
        (9, 2, 1),
        (9, 2, 2),
        (5, 3, 3),
        (9, 1, 17),
        (17, 3, 129),
        (2, 5, 64),
    ],
)
def test_any_size(n_samples, n_components, n_times):
    X, y = make_mixtures(n_samples, n_components, n_times)
    separator = CASSSeparator(**FAST).fit(X, y)
    estimates = separator.transform(X)
    assert estimates.shape == y.shape
    assert np.isfinite(estimates).all()
    assert separator.n_components_ == n_components
    assert separator.transform(X[:1]).shape == y[:1].shape


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1)])
def test_any_image_and_any_spectrogram(size):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(3, 2, 1, *size))
    assert AESeparator(**FAST).fit(y.sum(1), y).transform(y.sum(1)).shape == y.shape
    y = y[:, :, 0] * 1j
    assert AESeparator(**FAST).fit(y.sum(1), y).transform(y.sum(1)).shape == y.shape


LEARNS = FAST | {"n_filters": 4, "max_epochs": 4, "lr": 1e-2, "output": "mask"}


def test_component_k_is_that_of_y():
    # learnt well enough to tell low from high, whichever comes first
    X, y = make_mixtures(64, seed=1)
    for order in ([0, 1], [1, 0]):
        estimates = AESeparator(**LEARNS).fit(X, y[:, order]).transform(X)
        right, wrong = sdr(y[:, order], estimates), sdr(y[:, order[::-1]], estimates)
        assert (right.mean(axis=0) > wrong.mean(axis=0) + 3).all()


# --- labels -------------------------------------------------------------------------


def isolated(names):
    """Isolated recordings, three of each name but the first, with their labels."""
    _, y = make_mixtures(3, len(names), 32)
    X, labels = y.reshape(-1, 32), np.tile(names, 3)
    return np.append(X, X[:1], axis=0), np.append(labels, labels[:1])


@pytest.mark.parametrize("names", [[7, 3], ["vocals", "bass", "drums"], [0.0, 1.0]])
def test_labels_name_the_components(separator_class, names):
    X, labels = isolated(names)
    separator = separator_class(**FAST).fit(X, labels)
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
    separator = CASSSeparator(**FAST).fit(X, labels)
    estimates = separator.transform(X)
    assert estimates.shape == (len(X), 2, *X.shape[1:])
    assert estimates.dtype == X.dtype
    assert np.isfinite(separator.score(X, labels))


def test_labels_of_what_was_made_from_waveforms_are_theirs():
    X, labels = isolated(["a", "b"])
    pipe = make_pipeline(STFTTransformer(n_fft=8), CASSSeparator(**FAST))
    estimates = pipe.fit(X, labels).transform(X)
    assert estimates.shape == (len(X), 2, X.shape[1])
    own = CASSSeparator(**FAST, stft=STFTTransformer(n_fft=8)).fit(X, labels)
    np.testing.assert_allclose(estimates, own.transform(X), atol=1e-4)
    assert pipe.score(X, labels) == pytest.approx(own.score(X, labels), abs=1e-3)


def test_score_of_labels_counts_the_labelled_component():
    X, labels = isolated(["vocals", "bass"])
    separator = CASSSeparator(**FAST).fit(X, labels)
    estimates = separator.transform(X)
    own = [separator.component_names_.tolist().index(label) for label in labels]
    expected = sdr(X[:, None], estimates[np.arange(len(X)), own][:, None]).mean()
    assert separator.score(X, labels) == pytest.approx(expected, rel=1e-12)


def test_labelled_recordings_are_learnt_for_their_component():
    _, y = make_mixtures(64, seed=1)
    X, labels = y.reshape(128, 64), np.tile(["low", "high"], 64)
    separator = AESeparator(**LEARNS).fit(X, labels)
    assert separator.component_names_.tolist() == ["high", "low"]
    estimates = separator.transform(y.sum(axis=1))
    right, wrong = sdr(y[:, ::-1], estimates), sdr(y, estimates)
    assert (right.mean(axis=0) > wrong.mean(axis=0) + 3).all()


def test_unit_masks_of_images_change_nothing():
    X, y = (images(a) for a in make_mixtures(9, n_times=N_TIMES, n_channels=2))
    decoder = partial(UnitMask, n_parts=1)
    separator = AESeparator(**FAST, decoder=decoder, output="mask").fit(X, y)
    estimates = separator.transform(X)
    for k in range(2):
        np.testing.assert_allclose(estimates[:, k], X, rtol=1e-5)
