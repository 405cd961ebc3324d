"""Recordings of any length, and what the discriminators say."""

from functools import partial

import numpy as np
import pytest
from cases import FAST, IDENTITY, WIDE, UnitMask, make_mixtures

from sklearn_cass import AESeparator, CASSSeparator, STFTTransformer

pytestmark = pytest.mark.usefixtures("generators_stand_still")

N_WINDOW = 64
LENGTHS = [1, 2, 31, 32, 33, 63, 64, 65, 95, 96, 97, 128, 129, 1000, 1001]


def recording_of(*shape, dtype=np.float64):
    return (5 + np.random.default_rng(0).normal(size=shape)).astype(dtype)


def assert_is_recording(estimates, recording):
    """Every component is the recording itself."""
    expected = np.broadcast_to(recording, (len(estimates), *recording.shape))
    largest = np.abs(recording).max()
    np.testing.assert_allclose(estimates, expected, atol=2e-6 * largest, rtol=0)


# --- the network that changes nothing -----------------------------------------------


@pytest.fixture(scope="module")
def identity():
    return AESeparator(**FAST, **IDENTITY).fit(*make_mixtures(n_times=N_WINDOW))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_identity_gives_the_recording_back(identity, length, dtype):
    recording = recording_of(length, dtype=dtype)
    estimates = identity.separate(recording)
    assert estimates.shape == (2, length)
    assert estimates.dtype == dtype
    assert_is_recording(estimates, recording)


@pytest.mark.parametrize("n_times", [1, 2, 3, 5, 33])
def test_identity_with_windows_of_any_length(n_times):
    separator = AESeparator(**FAST, **IDENTITY).fit(*make_mixtures(n_times=n_times))
    for length in (1, 2, 3, 5, 8, 100):
        recording = recording_of(length)
        assert_is_recording(separator.separate(recording), recording)


def test_identity_over_more_windows_than_are_taken_at_a_time(identity):
    recording = recording_of(40_001)
    assert_is_recording(identity.separate(recording), recording)


@pytest.mark.parametrize("length", [1, 64, 65, 333])
def test_identity_of_several_channels(length):
    X, y = make_mixtures(n_times=N_WINDOW, n_channels=3)
    recording = recording_of(3, length)
    estimates = AESeparator(**FAST, **IDENTITY).fit(X, y).separate(recording)
    assert estimates.shape == (2, 3, length)
    assert_is_recording(estimates, recording)


@pytest.mark.parametrize("length", [1, 64, 65, 333])
def test_identity_of_waveforms_where_X_is_a_spectrogram(length):
    X, y = make_mixtures(n_times=N_WINDOW)
    Z = STFTTransformer(n_fft=16).fit_transform(X)
    recording = recording_of(length)
    separator = AESeparator(**FAST, **IDENTITY).fit(Z, y)
    assert_is_recording(separator.separate(recording), recording)


@pytest.mark.parametrize("width", [1, 4, 5, 6, 23])
def test_identity_of_spectrograms_and_images_of_any_width(width):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(9, 2, 1, 4, 5))
    decoder = partial(UnitMask, n_parts=1)
    separator = AESeparator(**FAST | IDENTITY | {"decoder": decoder})
    image = recording_of(1, 4, width)
    assert_is_recording(separator.fit(y.sum(1), y).separate(image), image)
    z = y[:, :, 0] * (1 + 1j)
    spectrogram = image[0] * (2 - 1j)
    separator = AESeparator(**FAST, **IDENTITY).fit(z.sum(1), z)
    assert_is_recording(separator.separate(spectrogram), spectrogram)


# --- trained networks ---------------------------------------------------------------


@pytest.fixture(scope="module")
def data():
    return make_mixtures(n_times=N_WINDOW)


@pytest.fixture(scope="module")
def fitted(data):
    return CASSSeparator(**WIDE).fit(*data)


def test_one_window_is_one_row(fitted, data):
    row = data[0][3]
    expected = fitted.transform(row[None])[0]
    largest = np.abs(expected).max()
    np.testing.assert_allclose(fitted.separate(row), expected, atol=1e-6 * largest)


def test_first_and_last_points_are_those_of_their_windows(fitted):
    # under the outer halves of the first and the last window nothing is cross-faded
    recording = recording_of(N_WINDOW * 3)
    estimates, half = fitted.separate(recording), N_WINDOW // 2
    windows = fitted.transform(recording.reshape(3, N_WINDOW))
    close = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5)
    close(estimates[:, :half], windows[0][:, :half])
    close(estimates[:, -half:], windows[2][:, -half:])


def test_estimates_have_the_recordings_unit(fitted):
    recording = recording_of(500)
    expected = 1e3 * fitted.separate(recording)
    found = fitted.separate(1e3 * recording)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_estimates_of_a_one_channel_component():
    X, y = make_mixtures(n_times=N_WINDOW, n_channels=2)
    separator = AESeparator(**FAST).fit(X, y[:, :, 0])
    assert separator.separate(recording_of(2, 200)).shape == (2, 200)


def test_out_is_written_and_returned(fitted, tmp_path):
    recording = recording_of(500, dtype=np.float32)
    path, shape = tmp_path / "estimates", (2, 500)
    out = np.memmap(path, dtype=np.float32, mode="w+", shape=shape)
    assert fitted.separate(recording, out=out) is out
    out.flush()
    written = np.memmap(path, dtype=np.float32, mode="r", shape=shape)
    assert np.array_equal(written, fitted.separate(recording))


def test_recording_may_be_a_read_only_memmap_or_a_list(fitted, tmp_path):
    recording = recording_of(500)
    recording.tofile(tmp_path / "recording")
    mapped = np.memmap(tmp_path / "recording", dtype=float, mode="r")
    expected = fitted.separate(recording)
    assert np.array_equal(fitted.separate(mapped), expected)
    assert np.array_equal(fitted.separate(recording.tolist()), expected)


# --- discriminate -------------------------------------------------------------------


def test_every_discriminator_answers_on_every_component(data):
    X, y = make_mixtures(n_components=3)
    answers = CASSSeparator(**FAST).fit(X, y).discriminate(y)
    assert answers.shape == (len(y), 3, 3)
    assert ((answers > 0) & (answers < 1)).all()


def test_an_answer_is_about_its_own_component(fitted, data):
    # entry [n, i, j] hears component j of row n alone, at the level of X
    X, y = data
    answers = fitted.discriminate(y, X)
    other = y.copy()
    other[4, 1] = 30 * y[5, 1]
    changed = ~np.isclose(fitted.discriminate(other, X), answers, rtol=1e-6, atol=0)
    expected = np.zeros_like(changed)
    expected[4, :, 1] = True
    assert np.array_equal(changed, expected)


def test_without_mixtures_their_level_is_that_of_the_sum(fitted, data):
    y = data[1]
    np.testing.assert_allclose(
        fitted.discriminate(y), fitted.discriminate(y, y.sum(axis=1)), rtol=1e-5
    )
    loud = fitted.discriminate(y, 100 * y.sum(axis=1))
    assert not np.allclose(fitted.discriminate(y), loud, rtol=1e-3)


def test_answers_do_not_depend_on_the_unit(fitted, data):
    X, y = data
    np.testing.assert_allclose(
        fitted.discriminate(1e3 * y, 1e3 * X), fitted.discriminate(y, X), rtol=1e-4
    )


def test_discriminators_learn_to_tell_true_components_from_others():
    X, y = make_mixtures(64, seed=1)
    settings = WIDE | {"max_epochs": 10, "discriminator_lr": 3e-2}
    separator = CASSSeparator(cross_weights=1.0, **settings).fit(X, y)
    means = separator.discriminate(y, X).mean(axis=0)
    assert means[0, 0] > means[0, 1]
    assert means[1, 1] > means[1, 0]


@pytest.mark.parametrize("kind", ["complex", "image", "one channel"])
def test_other_domains_are_judged_too(kind):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(9, 2, 2, 4, 5))
    X = y.sum(axis=1)
    if kind == "complex":
        X, y = X * 1j, y * 1j
    if kind == "one channel":
        y = y[:, :, 0]
        X = np.stack([y.sum(axis=1)] * 2, axis=1)
    answers = CASSSeparator(**FAST).fit(X, y).discriminate(y, X)
    assert answers.shape == (9, 2, 2)
    assert np.isfinite(answers).all()
