"""Training samples as tensors: cached on the device, or recomputed for each batch."""

import numpy as np
import pytest
import torch
from cases import FAST, equal_states, make_mixtures, states

from sklearn_cass import AESeparator, STFTTransformer
from sklearn_cass.data import dataset, domains_of
from sklearn_cass.data.dataset import (
    CachedTensorDataset,
    MixedSamples,
    Samples,
    TensorDataset,
    tensor_dataset,
)

CPU = torch.device("cpu")


def dataset_of(X, y, rows=None, stft=None):
    rows = np.arange(len(X)) if rows is None else rows
    return tensor_dataset(Samples(X, y), domains_of(X, y, stft), rows, CPU)


def of_many_levels():
    X, y = make_mixtures(n_samples=20)
    levels = 10.0 ** np.linspace(-9, 9, len(X))
    return X * levels[:, None], y * levels[:, None, None]


def test_dataset_is_cached_up_to_a_limit(monkeypatch):
    X, y = make_mixtures()
    cached = dataset_of(X, y)
    assert isinstance(cached, CachedTensorDataset)
    n_bytes = cached.X.nbytes + cached.y.nbytes
    monkeypatch.setattr(dataset, "CACHE_BYTES", n_bytes)
    assert isinstance(dataset_of(X, y), CachedTensorDataset)
    monkeypatch.setattr(dataset, "CACHE_BYTES", n_bytes - 1)
    assert not isinstance(dataset_of(X, y), CachedTensorDataset)


@pytest.mark.parametrize(
    "kind", ["waveforms", "spectrograms", "images", "integers", "no STFT"]
)
def test_cached_and_computed_tensors_are_equal(kind):
    X, y = of_many_levels()
    if kind == "spectrograms":
        X, y = (STFTTransformer(n_fft=16).fit_transform(a) for a in (X, y[:, 0]))
        y = y[:, None]
    if kind == "images":
        X, y = X.reshape(20, 1, 8, 8), y.reshape(20, 2, 1, 8, 8)
    if kind == "integers":
        X, y = make_mixtures(n_samples=20)
        X, y = (100 * X).astype(np.int16), (100 * y).astype(np.int16)
    cached = dataset_of(X, y, stft=False if kind == "no STFT" else None)
    computed = TensorDataset(cached.samples, cached.domains, cached.rows)
    rows = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    for some in rows.split(7):
        for a, b in zip(cached[some], computed[some], strict=True):
            assert torch.equal(a, b)


def test_batch_keeps_the_levels_of_its_rows():
    X, y = of_many_levels()
    cached = dataset_of(X, y)
    tensors, _ = cached[torch.tensor([19, 3])]
    expected = cached.domains.mixtures_to_tensor(X[[19, 3]])
    scale = (tensors[0].abs().max() / expected[0].abs().max()).item()
    largest = tensors[1].abs().max().item()
    np.testing.assert_allclose(tensors[1], scale * expected[1], atol=1e-6 * largest)


def test_batch_may_be_changed():
    cached = dataset_of(*make_mixtures())
    rows = torch.arange(4)
    before = [tensor.clone() for tensor in cached[rows]]
    for tensor in cached[rows]:
        tensor.zero_()
    for a, b in zip(cached[rows], before, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("labels", [False, True])
def test_training_does_not_depend_on_the_cache(labels, monkeypatch):
    X, y = of_many_levels()
    if labels:
        X, y = y.reshape(40, -1), np.tile([0, 1], 20)
    cached = AESeparator(**FAST, validation_fraction=0.2).fit(X, y)
    monkeypatch.setattr(dataset, "CACHE_BYTES", 0)
    streamed = AESeparator(**FAST, validation_fraction=0.2).fit(X, y)
    assert all(map(equal_states, states(cached), states(streamed)))


def test_dataset_holds_the_samples_of_its_rows():
    X, y = make_mixtures(n_samples=20)
    rows = np.array([5, 2, 11])
    cached = dataset_of(X, y, rows)
    assert len(cached) == 3
    expected = dataset_of(X[rows], y[rows])
    for a, b in zip(cached[torch.arange(3)], expected[torch.arange(3)], strict=True):
        assert torch.equal(a, b)


def test_dataset_of_mixed_recordings_is_cached_bit_for_bit():
    X, _ = make_mixtures(n_samples=20)
    samples = MixedSamples(X, np.arange(20) % 2, np.random.RandomState(0))
    domains = domains_of(*samples.arrays(slice(1)), None)
    rows = np.arange(len(samples))
    cached = tensor_dataset(samples, domains, rows, CPU)
    computed = TensorDataset(samples, domains, rows)
    for a, b in zip(cached[torch.arange(10)], computed[torch.arange(10)], strict=True):
        assert torch.equal(a, b)
