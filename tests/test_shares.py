"""Shares of batches and rows of several processes, without the processes."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sklearn_cass.training import distributed
from sklearn_cass.training.distributed import Alone, RankRows, Share

SIZES = [1, 2, 3, 5]


class Of(Alone):
    """One of several processes, of which only the numbers of rows are known."""

    def __init__(self, rank, counts, has_same_data=False):
        self.rank, self.size = rank, len(counts)
        self.counts, self.has_same_data = counts, has_same_data

    def gather(self, value):
        return self.counts if isinstance(value, int) else [value] * self.size

    def add_up(self, tensor):
        return tensor


def all_of(counts, **settings):
    return [Of(rank, counts, **settings) for rank in range(len(counts))]


def samples(n_rows):
    names = np.array(["a", "b"])
    return type(
        "Rows", (), {"__len__": lambda self: n_rows, "component_names": names}
    )()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n_rows", [1, 2, 3, 8, 19])
def test_shares_are_all_of_a_batch(size, n_rows):
    shares = [Share(ranks, n_rows) for ranks in all_of([1] * size)]
    rows = torch.arange(n_rows)
    assert sum(share.weight for share in shares) == pytest.approx(1)
    taken = torch.cat([share.rows(rows) for share in shares]).tolist()
    is_split = n_rows >= 2 * size
    assert taken == list(range(n_rows)) * (1 if is_split else size)
    values = rows.double().square()
    mean = sum(share.weigh(share.rows(values).mean()) for share in shares)
    torch.testing.assert_close(mean, values.mean())


@pytest.mark.parametrize("size", SIZES)
def test_parts_of_the_same_rows_are_all_of_them_once(size):
    rows = np.random.default_rng(0).permutation(17)
    numbers = [
        RankRows(r, samples(17)) for r in all_of([17] * size, has_same_data=True)
    ]
    assert {len(n) for n in numbers} == {17}
    parts = np.concatenate([n.part(rows) for n in numbers])
    np.testing.assert_array_equal(parts, rows)
    for n in numbers:
        np.testing.assert_array_equal(n.to_train_on(rows), rows)


def test_own_rows_have_one_numbering():
    counts = [3, 5, 1]
    numbers = [
        RankRows(r, samples(n)) for r, n in zip(all_of(counts), counts, strict=True)
    ]
    places = np.stack([n.places(np.arange(9)) for n in numbers])
    assert [len(n) for n in numbers] == [9] * 3
    assert ((places >= 0).sum(axis=0) == 1).all()
    assert [n.held(np.array([8, 4, 0, 3])).tolist() for n in numbers] == [
        [0],
        [1, 0],
        [0],
    ]


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5), (4, 3, 2, 5)])
@pytest.mark.parametrize("is_affine", [True, False])
def test_normalization_of_a_whole_batch_is_that_of_torch(
    torch_seeded, shape, is_affine
):
    share = SimpleNamespace(weight=1.0, weigh=lambda x: x, ranks=Of(0, [1]))

    def run(normalize):
        x = 5 + torch.linspace(0.5, 2, 3).view(-1, *[1] * (len(shape) - 2)) * values
        x = x.detach().requires_grad_()
        running = torch.zeros(3), torch.ones(3)
        scale = (torch.tensor([1.0, 2, 3]), torch.tensor([0.0, 1, 2]))
        affine = scale if is_affine else (None, None)
        y = normalize(x, *running, *affine, True, 0.3, 1e-5)
        (gradient,) = torch.autograd.grad((y * weights).sum(), x)
        return y, gradient, *running

    values, weights = torch.randn(2, *shape)
    found = run(lambda *args: distributed.batch_norm(share, *args))
    for a, b in zip(found, run(F.batch_norm), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_processes_compute_on_the_gpu_of_their_number(monkeypatch):
    monkeypatch.setattr(distributed, "is_group", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    given = ["cuda", "cuda:0", "cpu"]
    found = [str(distributed.rank_device(torch.device(name))) for name in given]
    assert found == ["cuda:1", "cuda:0", "cpu"]


def test_devices_are_as_named_without_other_processes(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert str(distributed.rank_device(torch.device("cuda"))) == "cuda"
