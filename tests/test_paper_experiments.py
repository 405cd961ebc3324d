"""The experiments: what is held out, and what is learned from."""

import itertools

import numpy as np
import pytest
from paper_rows import noise
from sklearn.utils import Bunch

from benchmarks import experiments


def test_groups_are_in_one_part():
    groups = np.repeat(np.arange(7), 3)[np.random.default_rng(0).permutation(21)]
    parts = experiments.split_groups(groups, (5, 3))
    sides = [set(groups[part]) for part in parts]
    assert all(a.isdisjoint(b) for a, b in itertools.combinations(sides, 2))
    assert [len(part) for part in parts] == [6, 3, 12]


def test_more_training_rows_leave_the_test_rows():
    def generator(n_samples, random_state):
        rows = np.arange(n_samples)
        return Bunch(data=rows, target=rows, groups=rows // 4)

    small, large = (
        experiments.generated(
            generator, {"n_train": n, "n_validation": 4, "n_test": 8}, 0
        )
        for n in (8, 80)
    )
    assert (small.parts["test"] == large.parts["test"]).all()
    assert (small.parts["validation"] == large.parts["validation"]).all()
    assert len(small.rows("train", "validation")[0]) == 12


@pytest.mark.parametrize("seed", range(3))
def test_windows_held_out_overlap_with_none_trained_on(seed):
    groups = np.repeat([1, 2, 3], [21, 8, 13])
    start = np.concatenate([np.arange(n) for n in (21, 8, 13)])
    parts = experiments.split_windows(groups, 0.2, 0.1, seed)
    for a, b in itertools.combinations(parts, 2):
        assert not set(parts[a]) & set(parts[b])
        for i, j in itertools.product(parts[a], parts[b]):
            assert groups[i] != groups[j] or abs(start[i] - start[j]) > 1
    assert len(parts["test"]) == 4
    assert len(parts["train"])


def test_unseen_groups_are_tested_on_alone():
    groups = np.repeat(np.arange(1, 9), 2)
    for seed in range(7):
        parts = experiments.unseen_groups(Bunch(groups=groups), seed).parts
        found = {name: set(groups[rows].tolist()) for name, rows in parts.items()}
        assert found["test"] == {7, 8}
        assert len(found["validation"]) == 1
        assert found["train"] | found["validation"] == set(range(1, 7))
        assert not found["train"] & found["validation"]


@pytest.mark.parametrize("measured_on", experiments.TRAINED_ON)
def test_measured_rows_are_not_trained_on(measured_on):
    experiment = noise(None, 0, None)
    trained = experiment.training_rows(measured_on)[0]
    measured = experiment.rows(measured_on)[0]
    assert not (trained[:, None] == measured[None]).all(axis=-1).any()
    few = experiment.training_rows(measured_on, 3)[0]
    assert len(few) == 3
    assert (trained[:, None] == few[None]).all(axis=-1).any(axis=0).all()


def test_noise_is_in_the_mixtures_alone_and_of_its_level():
    rows = {"n_train": 8, "n_validation": 8, "n_test": 8, "generator": {"n_times": 256}}
    plain = experiments.make("ppg", rows, 0).bunch
    noisy = experiments.make("ppg", rows | {"noise_db": -10}, 0).bunch
    np.testing.assert_array_equal(noisy.target, plain.target)
    level = (noisy.data - plain.data).std(axis=-1) / plain.data.std(axis=-1)
    np.testing.assert_allclose(20 * np.log10(level), -10, atol=1)


def test_experiments_of_a_folder_are_those_whose_recordings_it_has(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither a folder bach10"):
        experiments.available(tmp_path)
    (tmp_path / "bach10").mkdir()
    assert experiments.available(tmp_path) == ["bach10", "bach10-unseen"]
    (tmp_path / "mitdb").mkdir()
    assert "fetal" not in experiments.available(tmp_path)
    (tmp_path / "adfecgdb").mkdir()
    assert "fetal" in experiments.available(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        experiments.available(tmp_path / "none")
