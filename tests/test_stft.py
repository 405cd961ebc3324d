"""The STFT and its inverse: a round trip for everything that `fit` accepts."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lazy_arrays import Counting, h5py_of, memmap_of
from scipy.signal import get_window
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_cass import Spectrogram, STFTTransformer
from sklearn_cass.numeric import chunked
from sklearn_cass.stft import _transformer

pytestmark = pytest.mark.usefixtures("generators_stand_still")

TOLERANCE = {np.float32: 1e-6, np.float64: 1e-12}  # of the signal's RMS


def assert_round_trip(stft, X):
    """The largest error of inverse(transform(X)) is within its share of X's RMS."""
    returned = stft.inverse_transform(stft.transform(X))
    assert returned.dtype == X.dtype
    assert returned.shape == X.shape
    rms = np.sqrt(np.mean(np.square(X, dtype=float)))
    assert np.abs(returned - X).max() <= TOLERANCE[X.dtype.type] * rms


# --- round trip ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters",
    [{}, {"n_fft": 16, "hop_length": 10}],
    ids=["default", "hop above half a window"],
)
def test_round_trip_for_every_length(parameters):
    signal = np.random.default_rng(0).normal(size=(1, 5000))
    stft = STFTTransformer(**parameters)
    with config_context(assume_finite=True, skip_parameter_validation=True):
        for n_times in range(1, 5001):
            X = signal[:, :n_times]
            stft.fit(X)
            assert_round_trip(stft, X)
            assert_round_trip(stft, X.astype(np.float32))


NAMES = ["hann", "boxcar", "hamming", "cosine", "bartlett", ("kaiser", 6.0)]


@st.composite
def transforms(draw, named):
    """Any STFT that can be written down, invertible or not."""
    n_fft = draw(st.integers(1, 24))
    win_length = draw(st.integers(1, n_fft))
    value = st.sampled_from([0.0, 0.0, 1.0, -1.0, 0.5, 1e-3])
    values = st.lists(value, min_size=win_length, max_size=win_length)
    return STFTTransformer(
        n_fft=n_fft,
        win_length=win_length,
        hop_length=draw(st.integers(1, win_length + 2)),
        window=draw(st.sampled_from(NAMES) if named else values),
    )


def check_whatever_fit_accepts(stft, n_times, dtype):
    X = np.random.default_rng(n_times).normal(size=(2, n_times)).astype(dtype)
    try:
        stft.fit(X)
    except ValueError as error:
        assert "inverted" in str(error)
        assume(False)
    assert_round_trip(stft, X)


any_case = settings(max_examples=300, deadline=None, derandomize=True, database=None)
lengths, dtypes = st.integers(1, 60), st.sampled_from([np.float32, np.float64])


@any_case
@given(stft=transforms(named=True), n_times=lengths, dtype=dtypes)
def test_whatever_fit_accepts_round_trips(stft, n_times, dtype):
    check_whatever_fit_accepts(stft, n_times, dtype)


@any_case
@given(stft=transforms(named=False), n_times=lengths, dtype=dtypes)
def test_whatever_window_of_values_fit_accepts_round_trips(stft, n_times, dtype):
    check_whatever_fit_accepts(stft, n_times, dtype)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_fft": 8, "hop_length": 8, "window": "boxcar"},
        {"n_fft": 8, "hop_length": 4},
        {"n_fft": 8, "hop_length": 5},
        {"n_fft": 7, "hop_length": 3},
        {"n_fft": 1, "hop_length": 1, "window": "boxcar"},
        {"n_fft": 16, "win_length": 9, "hop_length": 4},
        {"n_fft": 15, "win_length": 8, "hop_length": 2, "window": ("kaiser", 5.0)},
        {"n_fft": 8, "hop_length": 2, "window": np.hanning(10)[1:-1]},
        {"n_fft": 8, "hop_length": 2, "window": get_window("hann", 8).tolist()},
    ],
    ids=str,
)
@pytest.mark.parametrize("n_times", [1, 2, 7, 8, 9, 100])
def test_usual_pairs_are_accepted(parameters, n_times):
    X = np.random.default_rng(0).normal(size=(2, n_times))
    assert_round_trip(STFTTransformer(**parameters).fit(X), X)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_fft": 8, "hop_length": 9, "window": "boxcar"},
        {"n_fft": 8, "hop_length": 8},
        {"n_fft": 64, "hop_length": 63},
        {"n_fft": 16, "win_length": 4, "hop_length": 8, "window": "boxcar"},
        {"n_fft": 8, "hop_length": 4, "window": np.eye(8)[3]},
        {"n_fft": 8, "hop_length": 1, "window": np.zeros(8)},
    ],
    ids=str,
)
def test_pairs_that_cannot_be_inverted_are_refused(parameters):
    with pytest.raises(ValueError, match="hop_length=.* cannot be inverted"):
        STFTTransformer(**parameters).fit(np.ones((1, 100)))


def test_inverse_takes_any_leading_dimensions():
    X = np.random.default_rng(0).normal(size=(2, 3, 50))
    stft = STFTTransformer(n_fft=8).fit(X[:, 0])
    Z = np.stack([stft.transform(X[:, k]) for k in range(3)], axis=1)
    expected = np.stack([stft.inverse_transform(Z[:, k]) for k in range(3)], axis=1)
    # another number of rows may round differently in the last bit
    np.testing.assert_allclose(stft.inverse_transform(Z), expected, atol=1e-14)
    np.testing.assert_allclose(
        stft.inverse_transform(Z[0, 0]), expected[0, 0], atol=1e-14
    )
    assert np.array_equal(stft.inverse_transform(Z[:, :, None])[:, :, 0], expected)


# --- what it computes ---------------------------------------------------------------


@pytest.mark.parametrize("n_times", [1, 10, 33])
@pytest.mark.parametrize(
    ("n_fft", "win_length", "hop_length"), [(8, 8, 2), (9, 9, 4), (16, 8, 4), (9, 4, 1)]
)
def test_frames_are_fourier_transforms_of_windowed_pieces(
    n_fft, win_length, hop_length, n_times
):
    # the definition, frame by frame: zeros around the signal, the window in the
    # middle of the frame
    X = np.random.default_rng(0).normal(size=(2, n_times))
    stft = STFTTransformer(n_fft, hop_length, win_length).fit(X)
    Z = stft.transform(X)
    assert Z.shape == (2, n_fft // 2 + 1, -(-n_times // hop_length) + 1)
    window = np.zeros(n_fft)
    left = (n_fft - win_length) // 2
    window[left : left + win_length] = get_window("hann", win_length)
    padded = np.pad(X, [(0, 0), (n_fft // 2, 2 * n_fft + hop_length)])
    for frame in range(Z.shape[-1]):
        start = frame * hop_length
        piece = padded[:, start : start + n_fft]
        expected = np.fft.rfft(window * piece)
        np.testing.assert_allclose(Z[..., frame], expected, atol=1e-12)


def test_transform_is_linear():
    A, B = np.random.default_rng(0).normal(size=(2, 3, 100))
    stft = STFTTransformer().fit(A)
    expected = 2 * stft.transform(A) - 3 * stft.transform(B)
    np.testing.assert_allclose(stft.transform(2 * A - 3 * B), expected, atol=1e-12)


def test_channels_are_transformed_one_by_one():
    X = np.random.default_rng(0).normal(size=(2, 3, 100))
    Z = STFTTransformer().fit_transform(X)
    single = STFTTransformer().fit(X[:, 0])
    for channel in range(3):
        assert np.array_equal(Z[:, channel], single.transform(X[:, channel]))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.float32, np.complex64),
        (np.float64, np.complex128),
        (np.int64, np.complex128),
    ],
)
def test_precision_follows_the_waveforms(dtype, expected):
    X = np.arange(40).reshape(2, 20).astype(dtype)
    stft = STFTTransformer().fit(X)
    Z = stft.transform(X)
    assert Z.dtype == expected
    assert stft.inverse_transform(Z).dtype == Z.real.dtype


def test_default_n_fft_is_a_power_of_two_that_grows_with_the_length():
    lengths = [1, 5, 64, 1024, 22050, 10**6]
    fitted = [STFTTransformer().fit(np.zeros((1, n_times))) for n_times in lengths]
    sizes = [stft.n_fft_ for stft in fitted]
    assert sizes == sorted(sizes)
    assert sizes[0] == 8
    assert sizes[-1] == 2048
    for stft in fitted:
        assert stft.n_fft_ & (stft.n_fft_ - 1) == 0
        assert stft.win_length_ == stft.n_fft_ == 4 * stft.hop_length_


def test_default_n_fft_holds_the_window():
    stft = STFTTransformer(win_length=100).fit(np.zeros((1, 4)))
    assert stft.n_fft_ == 128


# --- as an estimator ----------------------------------------------------------------


def test_clone_and_parameters():
    window = np.hanning(10)[1:-1]
    stft = STFTTransformer(n_fft=8, hop_length=2, window=window)
    copy = clone(stft.fit(np.ones((1, 20))))
    assert not hasattr(copy, "window_")
    assert copy.get_params()["hop_length"] == 2
    assert np.array_equal(copy.window, window)
    assert copy.set_params(n_fft=16, window="hann").fit(np.ones((1, 20))).n_fft_ == 16


@pytest.mark.parametrize("kind", ["strided", "reversed", "fortran", "memmap"])
def test_memory_layout_does_not_matter(kind, tmp_path):
    X = np.random.default_rng(0).normal(size=(4, 60))
    expected = STFTTransformer().fit_transform(X)
    if kind == "strided":
        other = np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3]
    elif kind == "reversed":
        other = X[::-1, ::-1].copy()[::-1, ::-1]
    elif kind == "fortran":
        other = np.asfortranarray(X)
    else:
        X.tofile(tmp_path / "X")
        other = np.memmap(tmp_path / "X", dtype=float, mode="r", shape=X.shape)
    stft = STFTTransformer().fit(other)
    Z = stft.transform(other)
    assert np.array_equal(Z, expected)
    backwards = Spectrogram(np.asarray(Z)[..., ::-1].copy()[..., ::-1], stft, 60)
    backwards.flags.writeable = False
    assert np.array_equal(
        stft.inverse_transform(backwards), stft.inverse_transform(expected)
    )


# --- memory -------------------------------------------------------------------------


@pytest.mark.parametrize("n_channels", [(), (3,)], ids=["mono", "channels"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_fft", [7, 8, 64])
def test_rows_have_the_same_bits_in_chunks_of_any_size(
    n_fft, dtype, n_channels, monkeypatch
):
    X = np.random.default_rng(0).normal(size=(7, *n_channels, 200)).astype(dtype)
    stft = STFTTransformer(n_fft=n_fft).fit(X)
    Z = stft.transform(X)
    waveforms = stft.inverse_transform(Z)
    for n_rows in (1, 2, 3):
        monkeypatch.setattr(_transformer, "CHUNK_ENTRIES", n_rows * Z[0].size)
        assert np.array_equal(stft.transform(X), Z)
        assert np.array_equal(stft.inverse_transform(Z), waveforms)
    assert np.array_equal(stft.transform(X[4:5]), Z[4:5])
    assert np.array_equal(stft.inverse_transform(Z[4]), waveforms[4])


def recorded(function, sizes):
    """Return the function, which appends the length of its argument to a list."""

    def call(array, *args):
        sizes.append(len(array))
        return function(array, *args)

    return call


def test_few_rows_are_computed_at_a_time(monkeypatch):
    X = np.random.default_rng(0).normal(size=(50, 2, 300))
    stft = STFTTransformer().fit(X)
    Z = stft.transform(X)
    monkeypatch.setattr(_transformer, "CHUNK_ENTRIES", 3 * Z[0].size)
    sizes = []
    monkeypatch.setattr(stft, "forward", recorded(stft.forward, sizes))
    monkeypatch.setattr(stft, "inverse", recorded(stft.inverse, sizes))
    stft.inverse_transform(stft.transform(X))
    assert sizes == 2 * (16 * [3] + [2])


@pytest.mark.parametrize("make", [memmap_of, h5py_of])
@pytest.mark.parametrize("n_channels", [(), (2,)], ids=["mono", "channels"])
def test_arrays_in_files_have_the_same_bits(make, n_channels, tmp_path):
    X = np.random.default_rng(0).normal(size=(11, *n_channels, 60))
    Z = STFTTransformer().fit_transform(X)
    stft = STFTTransformer().fit(make(X, tmp_path))
    assert np.array_equal(stft.transform(make(X, tmp_path)), Z)
    found = stft.inverse_transform(make(np.asarray(Z), tmp_path))
    assert np.array_equal(found, stft.inverse_transform(Z))


def test_no_read_is_larger_than_a_chunk(monkeypatch):
    monkeypatch.setattr(chunked, "CHUNK_BYTES", 4096)
    X = np.random.default_rng(0).normal(size=(100, 64))
    stft = STFTTransformer().fit(X)
    Z = stft.transform(X)
    monkeypatch.setattr(_transformer, "CHUNK_ENTRIES", 3 * Z[0].size)
    for array, method in ((X, "transform"), (np.asarray(Z), "inverse_transform")):
        counting = Counting(array)
        getattr(stft, method)(counting)
        assert max(counting.reads) <= max(4096, 3 * array[0].nbytes)


# --- bad input ----------------------------------------------------------------------


def test_transform_needs_fit():
    for method in ("transform", "inverse_transform"):
        with pytest.raises(NotFittedError):
            getattr(STFTTransformer(), method)(np.ones((2, 3)))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones((2, 2, 2, 2)), "got 4 dimensions"),
        (np.ones(5), "Expected 2D array"),
        (np.full((1, 5), np.nan), "X contains NaN"),
        (np.full((1, 5), np.inf), "X contains infinity"),
        (np.ones((2, 5), complex), "Complex data not supported"),
        (np.ones((0, 5)), "0 sample"),
        (np.ones((2, 0)), "0 feature"),
        (np.ones((2, 3, 0)), "axis of length 0"),
    ],
    ids=str,
)
def test_fit_refuses_what_is_no_waveforms(X, message):
    stft = STFTTransformer()
    with pytest.raises(ValueError, match=message):
        stft.fit(X)
    assert not hasattr(stft, "window_")


@pytest.mark.parametrize("leading", [(2,), (2, 3)])
def test_transform_refuses_another_length(leading):
    stft = STFTTransformer().fit(np.ones((*leading, 20)))
    with pytest.raises(ValueError, match="X has 21 .* 20"):
        stft.transform(np.ones((*leading, 21)))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_fft": 8, "win_length": 9}, "win_length=9 must be at most n_fft=8"),
        ({"n_fft": 8, "window": np.ones(7)}, "window must hold win_length=8"),
        ({"n_fft": 8, "window": [np.nan] * 8}, "window must hold win_length=8 finite"),
        ({"window": "hannn"}, "window.*hannn"),
        ({"n_fft": 0}, "'n_fft' parameter"),
        ({"hop_length": 2.0}, "'hop_length' parameter"),
        ({"win_length": -1}, "'win_length' parameter"),
        ({"window": 3}, "'window' parameter"),
    ],
    ids=str,
)
def test_fit_refuses_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        STFTTransformer(**parameters).fit(np.ones((1, 20)))


@pytest.mark.parametrize("change", ["real", "frames", "frequencies"])
def test_inverse_refuses_what_it_cannot_have_made(change):
    stft = STFTTransformer(n_fft=8).fit(np.ones((1, 20)))
    Z = np.asarray(stft.transform(np.ones((1, 20))))
    Z = {"real": Z.real, "frames": Z[..., :-1], "frequencies": Z[:, :-1]}[change]
    with pytest.raises(ValueError, match=r"Z must be complex with .* \(\.\.\., 5, 11"):
        stft.inverse_transform(Z)


# --- single precision ---------------------------------------------------------------


@pytest.mark.parametrize("n_times", [1, 7, 64, 1000])
@pytest.mark.parametrize(
    "settings",
    [
        (16,),
        (17, 4),
        (16, 7),
        (16, 8),  # two frames at each time point
        (16, 11),  # at some time points nearly none
        (32, 4, 12),
        (16, 8, 16, "boxcar"),
        (8, 1),
    ],
    ids=str,
)
def test_inverse_in_single_precision_equals_that_in_double(settings, n_times):
    X = torch.tensor(np.random.default_rng(0).normal(size=(3, 2, n_times)))
    stft = STFTTransformer(*settings).fit(np.zeros((1, n_times)))
    Z = stft.forward(X).to(torch.complex64)
    # estimates are no transforms of waveforms
    Z *= torch.rand(Z.shape, generator=torch.Generator().manual_seed(0))
    found, expected = stft.inverse_in_single(Z, n_times), stft.inverse(Z, n_times)
    assert found.dtype == torch.float32
    largest = max(float(expected.abs().max()), 1e-3)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6 * largest)
    # a row has the same bits by itself
    assert torch.equal(stft.inverse_in_single(Z[1:2], n_times), found[1:2])


@pytest.mark.parametrize("hop_length", [4, 8, 11])
def test_inverse_in_single_precision_does_not_magnify_rounding(hop_length):
    # at some time points, squared windows of the largest hop add up to 0.12
    X = torch.tensor(np.random.default_rng(0).normal(size=(3, 1000)))
    stft = STFTTransformer(16, hop_length).fit(np.zeros((1, 1000)))
    returned = stft.inverse_in_single(stft.forward(X).to(torch.complex64), 1000)
    torch.testing.assert_close(returned, X.float(), rtol=0, atol=2e-6)


def test_overlap_add_adds_frames_where_they_stand():
    frames = np.random.default_rng(0).normal(size=(2, 5, 7))
    for hop_length in (1, 3, 7, 9):
        expected = np.zeros((2, 4 * hop_length + 7))
        for m in range(5):
            expected[:, m * hop_length : m * hop_length + 7] += frames[:, m]
        found = _transformer.overlap_add(torch.tensor(frames), hop_length).numpy()
        n = min(found.shape[-1], expected.shape[-1])
        np.testing.assert_allclose(found[:, :n], expected[:, :n], atol=1e-14)
        assert not expected[:, n:].any() and not found[:, n:].any()
