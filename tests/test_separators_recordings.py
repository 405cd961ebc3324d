"""Recordings of any length."""

from functools import partial

import numpy as np
import pytest
import torch
from cases import FAST, IDENTITY, WIDE, NoEncoder, UnitMask, make_mixtures

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    FilterTransformer,
    Modules,
    STFTTransformer,
)

pytestmark = pytest.mark.usefixtures("generators_stand_still")

N_WINDOW = 64
LENGTHS = [1, 2, 31, 32, 33, 63, 64, 65, 95, 96, 97, 128, 129, 1001]


def recording_of(*shape, dtype=np.float64):
    return (5 + np.random.default_rng(0).normal(size=shape)).astype(dtype)


def assert_is_recording(estimates, recording):
    """Check that every component is the recording itself."""
    expected = np.broadcast_to(recording, (len(estimates), *recording.shape))
    largest = np.abs(recording).max()
    np.testing.assert_allclose(estimates, expected, atol=2e-6 * largest, rtol=0)


# --- the network that changes nothing -----------------------------------------------


@pytest.fixture(scope="module")
def identity():
    return AESeparator(**FAST | IDENTITY).fit(*make_mixtures(n_times=N_WINDOW))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_identity_returns_the_recording(identity, dtype):
    for length in LENGTHS:
        recording = recording_of(length, dtype=dtype)
        estimates = identity.separate(recording)
        assert estimates.shape == (2, length)
        assert estimates.dtype == dtype
        assert_is_recording(estimates, recording)


@pytest.mark.parametrize("n_times", [1, 2, 3, 5, 33])
def test_identity_with_windows_of_any_length(n_times):
    separator = AESeparator(**FAST | IDENTITY).fit(*make_mixtures(n_times=n_times))
    for length in (1, 2, 3, 5, 8, 100):
        recording = recording_of(length)
        assert_is_recording(separator.separate(recording), recording)


def test_identity_over_more_windows_than_a_chunk_has(identity):
    recording = recording_of(40_001)
    assert_is_recording(identity.separate(recording), recording)


def test_identity_of_several_channels():
    X, y = make_mixtures(n_times=N_WINDOW, n_channels=3)
    separator = AESeparator(**FAST | IDENTITY).fit(X, y)
    for length in (1, 64, 65, 333):
        recording = recording_of(3, length)
        estimates = separator.separate(recording)
        assert estimates.shape == (2, 3, length)
        assert_is_recording(estimates, recording)


def test_identity_of_waveforms_where_X_is_a_spectrogram():
    X, y = make_mixtures(n_times=N_WINDOW)
    Z = STFTTransformer(n_fft=16).fit_transform(X)
    separator = AESeparator(**FAST | IDENTITY).fit(Z, y)
    for length in (1, 64, 65, 333):
        recording = recording_of(length)
        assert_is_recording(separator.separate(recording), recording)


def test_identity_of_spectrograms_and_images_of_any_width():
    y = np.random.default_rng(0).normal(size=(9, 2, 1, 4, 5))
    z = y[:, :, 0] * (1 + 1j)
    network = Modules(NoEncoder, UnitMask, output="mask", decoder__n_parts=1)
    of_images = AESeparator(**FAST | {"network": network}).fit(y.sum(1), y)
    of_spectrograms = AESeparator(**FAST | IDENTITY).fit(z.sum(1), z)
    for width in (1, 4, 5, 6, 23):
        image = recording_of(1, 4, width)
        assert_is_recording(of_images.separate(image), image)
        spectrogram = image[0] * (2 - 1j)
        assert_is_recording(of_spectrograms.separate(spectrogram), spectrogram)


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


def test_out_must_not_be_the_recordings_memory(fitted, tmp_path):
    memory = np.zeros((3, 500))
    mapped = np.memmap(tmp_path / "recording", float, "w+", shape=(3, 500))
    for array in (memory, mapped):
        array[...] = recording_of(3, 500)
        for recording in (array[0], array[1], array[1, ::-1]):
            with pytest.raises(ValueError, match="out must not share memory with the"):
                fitted.separate(recording, out=array[:2])
        expected = fitted.separate(array[2])
        assert np.array_equal(fitted.separate(array[2], out=array[:2]), expected)
        columns = np.ascontiguousarray(array.T).T  # interleaved, but apart
        assert np.array_equal(
            fitted.separate(columns[0], out=columns[1:]), fitted.separate(array[0])
        )


# --- gaps ---------------------------------------------------------------------------


GAPS = [slice(0, 3), slice(10, 11), slice(90, 200), slice(201, 202), slice(395, 400)]


def with_gaps(recording, gaps=GAPS):
    recording = recording.copy()
    for gap in gaps:
        recording[..., gap] = np.nan
    return recording


def test_what_lies_between_gaps_is_a_recording_of_its_own(fitted):
    recording = recording_of(400)
    found = fitted.separate(with_gaps(recording))
    gaps = np.isnan(with_gaps(recording))
    assert np.array_equal(np.isnan(found), np.broadcast_to(gaps, found.shape))
    starts = [0, *(gap.stop for gap in GAPS)]
    stops = [*(gap.start for gap in GAPS), 400]
    for start, stop in zip(starts, stops, strict=True):
        if start < stop:
            expected = fitted.separate(recording[start:stop])
            assert np.array_equal(found[:, start:stop], expected)


@pytest.mark.parametrize("size", [1, 5, 64, 400])
def test_gaps_of_streams_and_files(fitted, size, tmp_path):
    recording = with_gaps(recording_of(400))
    expected = fitted.separate(recording)
    blocks = np.split(recording, range(size, 400, size))
    found = np.concatenate(list(fitted.separate_stream(blocks)), axis=-1)
    np.testing.assert_array_equal(found, expected)
    np.save(tmp_path / "a.npy", recording)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    np.testing.assert_array_equal(fitted.separate(mapped), expected)


def test_a_recording_may_be_one_gap(fitted):
    found = fitted.separate(np.full(100, np.nan, np.float32))
    assert (found.shape, found.dtype) == ((2, 100), np.float32)
    assert np.isnan(found).all()


def test_a_gap_of_one_channel_is_one_of_all():
    X, y = make_mixtures(n_times=N_WINDOW, n_channels=2)
    separator = AESeparator(**FAST).fit(X, y)
    recording = recording_of(2, 150)
    recording[0, 70:80] = np.nan
    found = separator.separate(recording)
    assert np.isnan(found[..., 70:80]).all()
    assert np.array_equal(found[..., 80:], separator.separate(recording[:, 80:]))


def test_fit_and_transform_name_separate_where_there_are_gaps(fitted, data):
    X = data[0].copy()
    X[1, 3] = np.nan
    message = "X contains NaN.*`separate` takes recordings with gaps"
    with pytest.raises(ValueError, match=message):
        fitted.transform(X)
    message = "X contains NaN.*`separate` takes recordings with gaps"
    with pytest.raises(ValueError, match=message):
        AESeparator(**FAST).fit(X, data[1])


# --- several channels by a separator of one -----------------------------------------


@pytest.fixture(scope="module", params=["none", "X", "X and y"])
def of_one_channel(request, data):
    X, y = data
    X = X if request.param == "none" else X[:, np.newaxis]
    y = y[:, :, np.newaxis] if request.param == "X and y" else y
    return AESeparator(**FAST).fit(X, y)


@pytest.mark.parametrize("n_channels", [2, 5])
def test_channels_are_separated_one_by_one(of_one_channel, n_channels):
    has_axis = len(of_one_channel.domains_.X_shape) == 2
    recording = with_gaps(recording_of(n_channels, 300), [slice(100, 120)])
    recording[1, 40:50] = np.nan  # a gap of its own
    found = of_one_channel.separate(recording)
    assert found.shape == (2, n_channels, 300)
    for k in range(n_channels):
        channel = recording[k : k + 1] if has_axis else recording[k]
        expected = of_one_channel.separate(channel).reshape(2, 300)
        np.testing.assert_array_equal(found[:, k], expected)
    for size in (1, 70):
        blocks = np.split(recording, range(size, 300, size), axis=-1)
        stream = of_one_channel.separate_stream(blocks)
        stream = np.concatenate(list(stream), axis=-1)
        np.testing.assert_array_equal(stream, found)


def test_blocks_of_other_channels_than_the_first_are_refused(fitted):
    stream = fitted.separate_stream([recording_of(2, 80), recording_of(3, 80)])
    with pytest.raises(ValueError, match="the channels of the first, of shape .2, 80"):
        list(stream)
    with pytest.raises(ValueError, match="channels come first: pass blocks.T"):
        list(fitted.separate_stream([recording_of(80, 2)]))
    few = fitted.separate_stream([recording_of(4, 1)] * 5)  # not transposed
    assert np.concatenate(list(few), axis=-1).shape == (2, 4, 5)


# --- polarity -----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(500,), (3, 200)])
def test_estimates_of_both_signs_are_averaged(fitted, shape):
    recording = recording_of(*shape)
    found = fitted.separate(recording, polarity="both")
    negative = fitted.separate(-recording, polarity="both")
    assert np.array_equal(negative, -found)
    each = fitted.separate(recording), fitted.separate(-recording)
    assert not np.allclose(each[0], -each[1], rtol=1e-3)
    np.testing.assert_allclose(found, (each[0] - each[1]) / 2, atol=1e-12)
    blocks = np.array_split(recording, 7, axis=-1)
    stream = fitted.separate_stream(blocks, polarity="both")
    assert np.array_equal(np.concatenate(list(stream), axis=-1), found)


class Positive(UnitMask):
    """Return a mask that keeps what is above the mean, and so one sign."""

    def forward(self, features):
        x = features[-1]
        return torch.where(x > 0, 1.0, 0.1) * (1 + 0 * self.idle)


@pytest.fixture(scope="module")
def of_one_sign():
    """Return a separator that keeps positive values, a tenth of negative ones."""
    network = Modules(NoEncoder, Positive, output="mask", decoder__n_parts=1)
    X, y = make_mixtures(n_components=1, n_times=N_WINDOW)
    return AESeparator(**FAST | {"network": network, "stft": False}).fit(X, y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("shape", [(1,), (50,), (9000,), (3, 9000)])
def test_the_sign_is_that_which_the_separator_knows(of_one_sign, shape, dtype):
    recording = np.abs(1000 * recording_of(*shape)).astype(dtype)
    expected = of_one_sign.separate(recording)
    for sign in (1, -1):
        turned = sign * recording
        found = of_one_sign.separate(turned, polarity="auto")
        assert np.array_equal(found, sign * expected)
        assert found.dtype == expected.dtype
    assert not np.allclose(of_one_sign.separate(-recording), -expected)


def test_each_channel_has_a_sign_of_its_own(of_one_sign, tmp_path):
    recording = np.abs(recording_of(4, 9000))
    recording[2, 100:7000] = np.nan
    recording[3] = 0
    signs = np.array([1, -1, -1, -1.0])[:, np.newaxis]
    expected = of_one_sign.separate(recording)
    np.save(tmp_path / "a.npy", signs * recording)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    found = of_one_sign.separate(mapped, polarity="auto")
    np.testing.assert_array_equal(found, signs * expected)


def test_signs_are_told_after_resampling_and_filtering(data):
    filter = FilterTransformer(band=(1, None))
    separator = AESeparator(**WIDE).fit(*data, sfreq=250, filter=filter)
    recording = recording_of(2, 3000)
    settings = {"sfreq": 1000, "polarity": "auto"}
    found = separator.separate(recording, **settings)
    assert np.array_equal(separator.separate(-recording, **settings), -found)
    plain = separator.separate(recording, sfreq=1000)
    negative = -separator.separate(-recording, sfreq=1000)
    for k in range(2):
        either = [np.array_equal(found[:, k], e[:, k]) for e in (plain, negative)]
        assert any(either)


def test_polarities_that_cannot_be_are_refused(fitted):
    with pytest.raises(ValueError, match="polarity must be one of .*, got True"):
        fitted.separate(recording_of(100), polarity=True)
    with pytest.raises(ValueError, match="polarity must be one of .*, got 'auto'"):
        fitted.separate_stream([], polarity="auto")
    X, y = make_mixtures(n_times=N_WINDOW, n_channels=2)
    separator = AESeparator(**FAST).fit(X, y[:, :, 0])
    with pytest.raises(ValueError, match="they lack its axis of channels"):
        separator.separate(recording_of(2, 100), polarity="auto")


@pytest.mark.parametrize("representation", ["magnitude", "phase-sensitive"])
def test_maps_of_magnitudes_do_not_depend_on_polarity(representation, data):
    settings = FAST | {"representation": representation}
    separator = AESeparator(**settings).fit(*data)
    recording = recording_of(500)
    expected = -separator.separate(recording)
    found = separator.separate(-recording)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
