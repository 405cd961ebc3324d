"""The table of regimes: what is shared, what is paired, what differs."""

import json

import numpy as np
import pytest
from paper_rows import noise

from benchmarks.paper import data, regimes
from benchmarks.paper.estimators import FAMILY
from benchmarks.paper.runs import finished

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture
def tiny(monkeypatch):
    """Three regimes that take no time."""
    data._made.cache_clear()
    monkeypatch.setitem(data.EXPERIMENTS, "ecg", noise)
    small = {"n_filters": 2, "n_latent": 2, "max_epochs": 1}
    monkeypatch.setattr(regimes, "BASE", regimes.BASE | small)
    kept = ("base", "cross-0.01", "no-remix")
    monkeypatch.setattr(regimes, "REGIMES", {n: regimes.REGIMES[n] for n in kept})
    yield
    data._made.cache_clear()


def test_runs_are_shared_paired_and_kept(tiny, tmp_path):
    regimes.main(f"--seeds 2 --jobs 1 --output {tmp_path}".split())
    files = sorted((tmp_path / "regimes" / "results").rglob("*.json"))
    # another cross weight needs no second baseline
    assert len(files) == 2 * (3 + 1 + 3)
    page = (tmp_path / "regimes.md").read_text()
    base = regimes.Comparison("base", tmp_path / "regimes", range(2))
    assert base.row()[-1] == "2"
    errors = [base.errors(estimator) for estimator in FAMILY[:2]]
    percent = 100 * (np.array(errors[1]) / errors[0] - 1)
    assert base.difference(FAMILY[1]).startswith(f"{percent.mean():+.1f} [")
    before = {file: file.stat().st_mtime_ns for file in files}
    regimes.main(f"--seeds 2 --jobs 1 --output {tmp_path}".split())
    assert {file: file.stat().st_mtime_ns for file in files} == before
    assert (tmp_path / "regimes.md").read_text() == page


def test_a_seed_that_lacks_a_separator_does_not_count(tiny, tmp_path):
    regimes.main(f"--seeds 2 --jobs 1 --output {tmp_path}".split())
    folder = tmp_path / "regimes"
    regimes.task_of("base", FAMILY[2], 1).path(folder).unlink()
    compared = regimes.Comparison("base", folder, range(2))
    assert list(compared.records) == [0]
    assert "[" not in compared.difference(FAMILY[2])  # no interval of one seed


def test_every_regime_differs_from_the_base_and_can_be_made():
    made = [
        json.dumps(
            [regimes.made_of(regimes.RegimeTask("ecg", n, e, 0)) for e in FAMILY]
        )
        for n in regimes.REGIMES
    ]
    assert len(set(made)) == len(made)


def test_steps_are_those_of_the_base():
    def steps(name):
        entries = regimes.RegimeTask("ecg", name, FAMILY[0], 0).entries()
        return entries["n_train_rows"] // entries["batch_size"] * entries["max_epochs"]

    assert {steps(name) for name in regimes.REGIMES} == {steps("base")}


def test_noise_is_in_the_mixtures_alone_and_of_its_level():
    sizes = {"n_train": 8, "n_choose": 8, "n_test": 8, "generator": {"n_times": 256}}
    plain = data.make("ppg", sizes, 0)
    noisy = data.make("ppg", sizes | {"noise_db": -10}, 0)
    np.testing.assert_array_equal(noisy.bunch.target, plain.bunch.target)
    added = noisy.bunch.data - plain.bunch.data
    level = 20 * np.log10(added.std(axis=-1) / plain.bunch.data.std(axis=-1))
    np.testing.assert_allclose(level, -10, atol=1)
    assert finished(regimes.task_of("base", FAMILY[0], 99), "nowhere") is None
