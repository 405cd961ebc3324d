"""Resampling in blocks: the same as of the whole signal, whatever the blocks are."""

import numpy as np
import pytest
from scipy.signal import resample_poly

from sklearn_cass.signals import (
    resample_blocks,
    resample_recording,
    resampling_ratio,
)


@pytest.mark.parametrize("ratio", [(1, 2), (2, 1), (160, 147), (147, 160), (3, 7)])
@pytest.mark.parametrize("n_times", [1, 5, 1000, 4099])
def test_resampled_blocks_are_the_resampled_whole(ratio, n_times):
    rng = np.random.default_rng(n_times)
    x = rng.normal(size=(2, n_times))
    cuts = np.sort(rng.integers(0, n_times, 7))
    blocks = np.split(x, cuts, axis=-1)
    found = np.concatenate(list(resample_blocks(blocks, *ratio)), axis=-1)
    np.testing.assert_allclose(found, resample_poly(x, *ratio, axis=-1), atol=1e-12)


def test_resampling_in_blocks_keeps_little():
    read = []

    def blocks():
        for k in range(100):
            read.append(k)
            yield np.zeros((1, 500))

    first = next(resample_blocks(blocks(), 1, 2))
    assert first.shape[-1] > 0
    assert len(read) == 1


def test_equal_rates_change_nothing():
    blocks = [np.arange(3), np.arange(2)]
    assert list(resample_blocks(blocks, *resampling_ratio(250.0, 250))) == blocks


def test_ratio_is_exact_for_rates_that_are_no_integers():
    assert resampling_ratio(44100, 22050) == (1, 2)
    assert resampling_ratio(62.5, 250) == (4, 1)


@pytest.mark.parametrize("ratio", [(1, 2), (2, 1), (160, 147), (3, 7)])
@pytest.mark.parametrize("n_times", [1, 5, 1000])
def test_ends_of_recordings_are_no_steps(ratio, n_times):
    x = np.full((2, n_times), 7.0)
    found = np.concatenate(list(resample_recording([x], *ratio)), axis=-1)
    assert found.shape == (2, -(-n_times * ratio[0] // ratio[1]))
    np.testing.assert_allclose(found, 7, rtol=2e-2)  # the ripple of the filter


@pytest.mark.parametrize("ratio", [(1, 2), (2, 1), (160, 147), (3, 7)])
def test_recordings_have_the_same_bits_whatever_the_blocks(ratio):
    x = np.random.default_rng(0).normal(size=2000)
    whole = np.concatenate(list(resample_recording([x], *ratio)))
    for size in (1, 33, 700):
        blocks = np.split(x, range(size, 2000, size))
        found = np.concatenate(list(resample_recording(blocks, *ratio)))
        assert np.array_equal(found, whole)
