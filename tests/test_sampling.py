"""Subsamples: all places have the same chance, samples are at unit level."""

import numpy as np
import pytest
from cases import make_mixtures

from sklearn_cass.data.dataset import Samples
from sklearn_cass.data.domains import WaveformDomains
from sklearn_cass.data.sampling import channel_products, channel_weights, subsample

N_ROWS = 150


@pytest.fixture(scope="module")
def data():
    X, y = make_mixtures(N_ROWS)
    X[:, 0] = y[:, :, 0] = 0
    X[:, 0] = np.arange(N_ROWS)  # identifies the rows
    return X, y


def drawn(data, n_places, limit, seed=0):
    samples, domains = Samples(*data), WaveformDomains.of(*data)
    rng = np.random.RandomState(seed)
    return list(subsample(samples, domains, n_places, limit, rng))


@pytest.mark.parametrize("limit", [1, 40, 10**6])
def test_places_are_distinct_and_at_most_the_limit(data, limit):
    n_places, places, n_before = 5, [], 0
    for X, y, (rows, columns) in drawn(data, n_places, limit):
        assert X.shape == (len(X), 1, 1, 64) and y.shape == (len(X), 2, 1, 1, 64)
        assert set(rows) == set(range(len(X)))
        places += list(zip(n_before + rows, columns, strict=True))
        n_before += len(X)
    assert len(set(places)) == len(places) == min(limit, N_ROWS * n_places)
    assert {column for _, column in places} <= set(range(n_places))


def test_all_places_have_the_same_probability(data):
    counts = np.zeros(5)
    for seed in range(60):
        for _, _, (_, columns) in drawn(data, 5, 20, seed):
            counts += np.bincount(columns, minlength=5)
    # 1,200 draws: the standard deviation of a fifth of them is 14
    assert np.abs(counts - 240).max() < 60


def test_mixtures_have_unit_level_and_components_the_same_gain(data):
    for X, y, _ in drawn(data, 5, 40):
        np.testing.assert_allclose(X.square().mean(dim=(1, 2, 3)), 1, rtol=1e-5)
        residual = X[..., 1:] - y.sum(1)[..., 1:]
        assert residual.abs().max() < 0.1


def test_weights_of_channels_solve_least_squares():
    rng = np.random.default_rng(0)
    X, total = rng.normal(size=(50, 3)), rng.normal(size=50)
    expected = np.linalg.lstsq(X, total, rcond=None)[0]
    halves = [
        channel_products(X[rows], total[rows]) for rows in (slice(20), slice(20, 50))
    ]
    np.testing.assert_allclose(channel_weights(sum(halves)), expected)


def test_equal_channels_share_their_weight():
    X = np.random.default_rng(0).normal(size=(50, 1)).repeat(2, axis=1)
    np.testing.assert_allclose(channel_weights(channel_products(X, 3 * X[:, 0])), 1.5)
