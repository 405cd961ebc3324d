"""Training rows that stay on the device, and those made anew for every batch."""

import numpy as np
import pytest
import torch
from cases import FAST, equal_states, make_mixtures, states

from sklearn_cass import AESeparator, STFTTransformer
from sklearn_cass.separators import _examples
from sklearn_cass.data.domains import Domains
from sklearn_cass.data.dataset import (
    DrawnExamples,
    Examples,
    KeptRows,
    TensorRows,
    training_rows,
)

CPU = torch.device("cpu")


def rows_of(X, y, rows=None):
    examples = Examples(X, y)
    domains = Domains.of(X, y, None)
    rows = np.arange(len(X)) if rows is None else rows
    return training_rows(examples, domains, rows, CPU)


def of_many_levels():
    X, y = make_mixtures(n_samples=20)
    levels = 10.0 ** np.linspace(-9, 9, len(X))
    return X * levels[:, None], y * levels[:, None, None]


def test_they_stay_where_there_is_room(monkeypatch):
    X, y = make_mixtures()
    kept = rows_of(X, y)
    assert isinstance(kept, KeptRows)
    n_bytes = kept.X.nbytes + kept.y.nbytes
    monkeypatch.setattr(_examples, "ROOM", n_bytes)
    assert isinstance(rows_of(X, y), KeptRows)
    monkeypatch.setattr(_examples, "ROOM", n_bytes - 1)
    assert not isinstance(rows_of(X, y), KeptRows)


@pytest.mark.parametrize("kind", ["waveforms", "spectrograms", "images", "integers"])
def test_both_have_the_same_bits(kind):
    X, y = of_many_levels()
    if kind == "spectrograms":
        X, y = (STFTTransformer(n_fft=16).fit_transform(a) for a in (X, y[:, 0]))
        y = y[:, None]
    if kind == "images":
        X, y = X.reshape(20, 1, 8, 8), y.reshape(20, 2, 1, 8, 8)
    if kind == "integers":
        X, y = make_mixtures(n_samples=20)
        X, y = (100 * X).astype(np.int16), (100 * y).astype(np.int16)
    kept = rows_of(X, y)
    made = TensorRows(kept.examples, kept.domains, kept.rows)
    rows = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    for some in rows.split(7):
        for a, b in zip(kept[some], made[some], strict=True):
            assert torch.equal(a, b)


def test_rows_of_a_batch_keep_their_levels_to_each_other():
    X, y = of_many_levels()
    kept = rows_of(X, y)
    tensors, _ = kept[torch.tensor([19, 3])]
    expected = kept.domains.mixtures(X[[19, 3]])
    scale = (tensors[0].abs().max() / expected[0].abs().max()).item()
    largest = tensors[1].abs().max().item()
    np.testing.assert_allclose(tensors[1], scale * expected[1], atol=1e-6 * largest)


def test_a_batch_may_be_written_to():
    kept = rows_of(*make_mixtures())
    rows = torch.arange(4)
    before = [tensor.clone() for tensor in kept[rows]]
    for tensor in kept[rows]:
        tensor.zero_()
    for a, b in zip(kept[rows], before, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("labels", [False, True])
def test_a_training_ends_alike(labels, monkeypatch):
    X, y = of_many_levels()
    if labels:
        X, y = y.reshape(40, -1), np.tile([0, 1], 20)
    kept = AESeparator(**FAST, validation_fraction=0.2).fit(X, y)
    monkeypatch.setattr(_examples, "ROOM", 0)
    streamed = AESeparator(**FAST, validation_fraction=0.2).fit(X, y)
    assert all(map(equal_states, states(kept), states(streamed)))


def test_held_out_rows_and_drawn_mixtures_are_the_right_ones():
    X, y = make_mixtures(n_samples=20)
    rows = np.array([5, 2, 11])
    kept = rows_of(X, y, rows)
    assert len(kept) == 3
    expected = TensorRows(Examples(X[rows], y[rows]), kept.domains, np.arange(3))
    for a, b in zip(kept[torch.arange(3)], expected[torch.arange(3)], strict=True):
        assert torch.equal(a, b)
    drawn = DrawnExamples(X, np.arange(20) % 2, np.random.RandomState(0))
    domains = Domains.of(*drawn.arrays(slice(1)), None)
    kept = training_rows(drawn, domains, np.arange(len(drawn)), CPU)
    made = TensorRows(drawn, domains, np.arange(len(drawn)))
    for a, b in zip(kept[torch.arange(10)], made[torch.arange(10)], strict=True):
        assert torch.equal(a, b)
