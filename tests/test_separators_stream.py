"""Recordings that arrive in blocks."""

import itertools

import numpy as np
import pytest
from cases import FAST, IDENTITY, WIDE, make_mixtures

from sklearn_cass import AESeparator, CASSSeparator
from sklearn_cass.data.overlap_add import cross_fade, windows_of

pytestmark = pytest.mark.usefixtures("generators_stand_still")

N_WINDOW = 64


@pytest.fixture(scope="module")
def fitted():
    return CASSSeparator(**WIDE).fit(*make_mixtures(n_times=N_WINDOW))


def recording_of(*shape):
    return np.random.default_rng(0).normal(size=shape)


def blocks_of(recording, lengths):
    start = 0
    for length in itertools.cycle(lengths):
        if start >= recording.shape[-1]:
            return
        yield recording[..., start : start + length]
        start += length


def joined(estimates):
    return np.concatenate(list(estimates), axis=-1)


@pytest.mark.parametrize(
    "lengths", [[1], [7], [32], [64], [100], [3, 200, 1], [10**6]], ids=str
)
def test_stream_has_the_bits_of_the_whole_recording(fitted, lengths):
    for length in (1, 31, 32, 33, 64, 65, 96, 97, 400):
        recording = recording_of(length)
        estimates = joined(fitted.separate_stream(blocks_of(recording, lengths)))
        assert np.array_equal(estimates, fitted.separate(recording))


@pytest.mark.parametrize("lengths", [[1], [5, 40], [64], [300]], ids=str)
def test_delay_is_less_than_a_window(fitted, lengths):
    n_taken, n_yielded = 0, 0

    def blocks():
        nonlocal n_taken
        for block in blocks_of(recording_of(400), lengths):
            # the next block is read when all of the blocks before has been yielded
            assert n_taken - n_yielded < N_WINDOW
            n_taken += block.shape[-1]
            yield block

    for estimates in fitted.separate_stream(blocks()):
        n_yielded += estimates.shape[-1]
        assert n_yielded <= n_taken
    assert n_yielded == n_taken == 400


def test_blocks_are_read_when_they_are_needed(fitted):
    # a stream without an end
    endless = (recording_of(50) for _ in itertools.count())
    estimates = list(itertools.islice(fitted.separate_stream(endless), 5))
    assert joined(estimates).shape == (2, 5 * N_WINDOW // 2)


def test_empty_blocks_are_skipped(fitted):
    recording = recording_of(150)
    blocks = [recording[:0], recording[:90], recording[90:90], recording[90:]]
    estimates = joined(fitted.separate_stream(blocks))
    assert np.array_equal(estimates, fitted.separate(recording))
    assert list(fitted.separate_stream([])) == []


def test_channels_and_spectrograms_can_be_streamed():
    X, y = make_mixtures(n_times=N_WINDOW, n_channels=2)
    recording = recording_of(2, 333)
    separator = AESeparator(**FAST).fit(X, y)
    estimates = joined(separator.separate_stream(blocks_of(recording, [50])))
    assert np.array_equal(estimates, separator.separate(recording))
    z = recording_of(9, 2, 4, 6) * (1 + 1j)
    separator = AESeparator(**FAST).fit(z.sum(1), z)
    recording = recording_of(4, 50) * (1 + 2j)
    estimates = joined(separator.separate_stream(blocks_of(recording, [5])))
    assert np.array_equal(estimates, separator.separate(recording))


def test_estimates_of_a_stream_may_be_changed(fitted):
    recording = recording_of(500)
    expected = fitted.separate(recording)
    start = 0
    for estimates in fitted.separate_stream(blocks_of(recording, [50])):
        stop = start + estimates.shape[-1]
        assert np.array_equal(estimates, expected[:, start:stop])
        estimates[...] = np.nan
        start = stop


def test_blocks_may_be_one_buffer_that_is_written_anew(fitted):
    recording = recording_of(1024)
    for length in (1, 50, 256):
        buffer = np.empty(length)

        def blocks(buffer=buffer):
            for block in blocks_of(recording, [len(buffer)]):
                buffer[: len(block)] = block
                yield buffer[: len(block)]

        estimates = joined(fitted.separate_stream(blocks()))
        assert np.array_equal(estimates, fitted.separate(recording))


def test_blocks_may_be_written_to_while_their_estimates_are_taken(fitted):
    recording = recording_of(1000)
    whole = recording.copy()
    estimates = []
    for part in fitted.separate_stream([whole]):
        whole[:] = np.nan
        estimates.append(part)
    assert np.array_equal(joined(estimates), fitted.separate(recording))


def test_blocks_in_a_mapped_file_may_be_written_anew(fitted, tmp_path):
    recording = recording_of(700)
    buffer = np.memmap(tmp_path / "block", float, "w+", shape=50)

    def blocks():
        for block in blocks_of(recording, [50]):
            buffer[:] = block
            yield buffer

    estimates = joined(fitted.separate_stream(blocks()))
    assert np.array_equal(estimates, fitted.separate(recording))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (np.zeros((2, 50)), "blocks must have the channels of the first"),
        (np.full(50, np.inf), "blocks contains infinity"),
        (np.zeros(50) * 1j, "blocks"),
        ("noise", "blocks"),
    ],
    ids=["channels", "infinity", "complex", "string"],
)
def test_bad_blocks_raise_after_the_good_ones_were_separated(fitted, block, message):
    stream = fitted.separate_stream([recording_of(100), block])
    assert next(stream).shape == (2, N_WINDOW // 2)
    with pytest.raises(ValueError, match=message):
        list(stream)


def test_unfitted_separator_raises_before_a_block_is_read():
    with pytest.raises(ValueError, match="not fitted"):
        AESeparator().separate_stream([recording_of(100)])


def test_stream_equals_all_windows_cross_faded_at_once(fitted):
    # one call on all windows, their estimates cross-faded in double precision
    recording, half = recording_of(N_WINDOW * 40), N_WINDOW // 2
    starts = range(0, len(recording) - half, half)
    windows = np.stack([recording[s : s + N_WINDOW] for s in starts])
    fade = np.sin(np.pi / 2 * (np.arange(half) + 0.5) / half) ** 2
    estimates = fitted.transform(windows)
    estimates[1:, :, :half] *= fade
    estimates[:-1, :, half:] *= 1 - fade
    expected = np.zeros((2, len(recording)))
    for start, estimate in zip(starts, estimates, strict=True):
        expected[:, start : start + N_WINDOW] += estimate
    found = fitted.separate(recording)
    largest = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * largest)


@pytest.mark.parametrize("n_window", [1, 2, 5, 8])
@pytest.mark.parametrize("n_rows", [1, 3])
def test_cross_fade_keeps_windows_that_agree(n_window, n_rows):
    hop = -(-n_window // 2)
    for length in range(1, 30):
        recording = recording_of(length)
        batches = windows_of(blocks_of(recording, [3, 1]), n_window, hop, n_rows)
        batches = [(windows.copy(), n) for windows, n in batches]
        assert all(len(windows) <= n_rows for windows, _ in batches)
        found = joined(cross_fade(batches, n_window, hop))
        np.testing.assert_allclose(found, recording, rtol=1e-12)


def test_identity_network_returns_the_blocks():
    separator = AESeparator(**FAST | IDENTITY).fit(*make_mixtures(n_times=N_WINDOW))
    recording = recording_of(777)
    found = joined(separator.separate_stream(blocks_of(recording, [100])))
    expected = np.broadcast_to(recording, (2, 777))
    np.testing.assert_allclose(found, expected, atol=2e-6 * np.abs(recording).max())
