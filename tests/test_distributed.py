"""Training in several processes: the weights of one, whatever their number."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import ranks
from torch import distributed
from trainings import FILE

import sklearn_cass

pytestmark = [
    pytest.mark.slow,  # processes of their own
    pytest.mark.skipif(
        not distributed.is_available(), reason="needs torch.distributed"
    ),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
TESTS, SOURCES = Path(__file__).parent, Path(sklearn_cass.__file__).parents[1]
LIMIT = 240  # seconds, most of which imports take on a busy machine
ALIKE = [
    *("plain", "early", "recurrent", "conditional", "remainder", "own", "converted"),
    *("partly_known", "partly_known_of_own"),
]
NAMES = [*ALIKE, "muon", "cached", "unseeded", "chosen", "diverging"]


def run_ranks(folder, *names, n_processes=2, limit=LIMIT):
    """Run trainings by torchrun; return its status and what it printed."""
    paths = [str(SOURCES), str(TESTS), os.environ.get("PYTHONPATH", "")]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        f"--nproc_per_node={n_processes}",
        *(str(TESTS / "ranks.py"), str(folder), *names),
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        start_new_session=True,
    )
    try:
        out, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, out


def results(folder, name):
    """Return what each process has found."""
    paths = sorted(folder.glob(f"{name}?.pickle"))
    return [pickle.loads(path.read_bytes()) for path in paths]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of all trainings in two processes."""
    folder = tmp_path_factory.mktemp("ranks")
    names = [*NAMES, "unlike", "no_rows", "written", "begin"]
    ranks.trained("theirs", 2, folder)  # resumed in two processes
    status, out = run_ranks(folder, *names, "resume")
    assert status == 0, out
    return folder


def distance(found, expected):
    """Return the relative distance of two lists of arrays."""
    found, expected = (
        np.concatenate([np.ravel(x).astype(float) for x in arrays])
        for arrays in (found, expected)
    )
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def assert_close(found, expected):
    assert distance(found["weights"], expected["weights"]) < 1e-5
    assert distance([found["estimates"]], [expected["estimates"]]) < 1e-4
    assert len(found["history"]) == len(expected["history"])
    for row, other in zip(found["history"], expected["history"], strict=True):
        assert row == pytest.approx(other, rel=1e-4)


# --- the same as in one process -------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_processes_have_equal_weights(folder, name):
    first, second = results(folder, name)
    for a, b in zip(first["weights"], second["weights"], strict=True):
        np.testing.assert_array_equal(a, b)
    assert first["history"] == second["history"]


@pytest.mark.parametrize("name", ALIKE)
def test_weights_are_those_of_one_process(folder, tmp_path, name):
    found, _ = results(folder, name)
    assert_close(found, getattr(ranks, name)(tmp_path))


def test_losses_are_those_of_one_process_with_the_default_optimizer(folder, tmp_path):
    found, _ = results(folder, "muon")
    expected = ranks.muon(tmp_path)
    assert found["history"][0] == pytest.approx(expected["history"][0], rel=1e-4)


def test_rows_converted_by_each_process_are_those_of_one(folder):
    found, expected = (results(folder, name)[0] for name in ("converted", "cached"))
    for a, b in zip(found["weights"], expected["weights"], strict=True):
        np.testing.assert_array_equal(a, b)


def test_unlike_seeds_are_told_from_each_other(folder):
    unseeded, seeded = (results(folder, name)[0] for name in ("unseeded", "cached"))
    assert distance(unseeded["weights"], seeded["weights"]) > 1e-3


def test_all_processes_stop_at_a_loss_that_is_not_finite(folder):
    for found in results(folder, "diverging"):
        assert any("became non-finite" in message for message in found["messages"])
        assert all(np.isfinite(value).all() for value in found["weights"])


# --- errors ---------------------------------------------------------------------------


def test_all_processes_name_data_of_other_shapes(folder):
    for message in results(folder, "unlike"):
        assert "(64,)" in message and "(65,)" in message and "rank 1" in message


def test_all_processes_name_one_without_rows(folder):
    for message in results(folder, "no_rows"):
        assert "must have rows to train on" in message


def test_killed_process_ends_the_others(tmp_path):
    status, out = run_ranks(tmp_path, "killed", limit=LIMIT)
    assert (tmp_path / "killed").exists()
    assert status != 0
    assert "-9" in out and "rank" in out


# --- files ----------------------------------------------------------------------------


def test_only_the_first_process_writes(folder):
    assert (folder / "own0").exists() and any(folder.glob(f"own0/*/{FILE}"))
    assert not (folder / "own1").exists()
    assert any((folder / "skorch0").iterdir())
    assert not (folder / "skorch1").exists()


def test_training_resumes_with_another_number_of_processes(folder, tmp_path):
    expected = ranks.trained("whole", 4, tmp_path)
    first, second = results(folder, "resume")
    assert_close(first, expected)
    assert_close(second, expected)
    assert_close(ranks.trained("ours", 4, folder), expected)
