"""Searches in several processes or over a Dask cluster are those of one process."""

import os
import re
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path

import numpy as np
import pytest
import torch
from cases import FAST, WIDE, make_mixtures
from command_line import fitted, make_tracks, read, write
from distributed import Client, LocalCluster
from distributed.protocol import dask_deserialize, dask_serialize
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_cass import AESeparator, CASSSeparator, STFTTransformer, load
from sklearn_cass.cli import separate_files

PAGE = Path(__file__).parents[1] / "docs" / "large_data.md"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
pytestmark = pytest.mark.slow  # processes of their own

LIMIT = 240  # seconds of a search that may never end
FOLDS = {"cv": 2, "error_score": "raise"}
WEIGHTS = {"cross_weights": [0.5, 0, [[0, 1.0], [0, 0]]]}
RATES = {"lr": [1e-4, 1e-3, 1e-2]}
SENT, CAME = Counter(), Counter()  # of this process, by the number of axes


class Counted(np.ndarray):
    """Array that counts how often it leaves a process and arrives in one."""

    def __reduce__(self):
        SENT[self.ndim] += 1
        return arrive, (np.array(self),)


def arrive(array):
    CAME[array.ndim] += 1
    return array.view(Counted)


@dask_serialize.register(Counted)
def send(array):
    # Dask serializes scattered arrays itself, and pickles others
    SENT[array.ndim] += 1
    return {"dtype": array.dtype.str, "shape": array.shape}, [array.tobytes()]


@dask_deserialize.register(Counted)
def receive(header, frames):
    array = np.frombuffer(frames[0], dtype=header["dtype"])
    return arrive(array.reshape(header["shape"]))


def take_counts():
    """Return what this process has sent and received since the last call."""
    counts = dict(SENT), dict(CAME)
    SENT.clear()
    CAME.clear()
    return counts


@pytest.fixture(scope="module")
def cluster():
    """Return a cluster of two workers that share no memory, as on two machines."""
    with pytest.MonkeyPatch.context() as patch:
        for name in THREADS:  # as for users who have set none of them
            patch.delenv(name, raising=False)
        with LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
        ) as cluster:
            yield cluster


@pytest.fixture
def client(cluster):
    with Client(cluster) as client:
        yield client


@pytest.fixture
def counted():
    X, y = make_mixtures(12)
    assert min(X.nbytes, y.nbytes) > 1e3  # joblib does not scatter smaller ones
    yield X.view(Counted), y.view(Counted)
    take_counts()


def scores_of(search):
    """Return the scores of a search, without its times."""
    return {
        name: values
        for name, values in search.cv_results_.items()
        if re.fullmatch(r"(split\d+|mean|std|rank)_test_score", name)
    }


def assert_same(search, other):
    assert search.best_params_ == other.best_params_
    assert search.cv_results_["params"] == other.cv_results_["params"]
    scores, others = scores_of(search), scores_of(other)
    assert scores.keys() == others.keys()
    for name in scores:
        np.testing.assert_array_equal(scores[name], others[name])


def test_search_is_the_same_wherever_it_runs(client):
    X, y = make_mixtures(12)
    pipe = make_pipeline(STFTTransformer(n_fft=16), CASSSeparator(**WIDE))
    grid = {f"cassseparator__{name}": values for name, values in WEIGHTS.items()}
    one = GridSearchCV(pipe, grid, **FOLDS).fit(X, y)
    assert len(set(one.cv_results_["mean_test_score"])) == 3
    many = GridSearchCV(pipe, grid, **FOLDS, n_jobs=2)
    with parallel_config("loky", inner_max_num_threads=1):
        assert_same(many.fit(X, y), one)
    with parallel_config("dask"):
        assert_same(many.fit(X, y), one)


def code_of_the_page():
    """Return the lines of the documentation about a search over a Dask cluster."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (code,) = [block for block in blocks if "distributed" in block]
    return code


def test_code_of_the_documentation_works(cluster):
    X, y = make_mixtures(12)
    search = GridSearchCV(CASSSeparator(**WIDE), WEIGHTS, **FOLDS)
    names = {"X_mix": X, "Y_components": y, "cluster": cluster, "search": search}
    exec(code_of_the_page(), names)
    assert_same(search, clone(search).fit(X, y))


def start_counting(client):
    # it drops copies that no task waits for, and they are sent again for a later task
    client.amm.stop()
    take_counts()
    client.run(take_counts)


def search_twice(X, y):
    for _ in range(2):
        search = GridSearchCV(AESeparator(**FAST), RATES, **FOLDS, refit=False)
        search.fit(X, y)


def test_scattered_arrays_are_sent_once_to_each_worker(client, counted):
    X, y = counted
    start_counting(client)
    with parallel_config("dask", scatter=[X, y]):
        search_twice(X, y)
    assert take_counts() == ({2: 1, 3: 1}, {})
    came = [came for _, came in client.run(take_counts).values()]
    assert came == [{2: 1, 3: 1}] * 2


def test_other_arrays_are_sent_once_for_each_search(client, counted):
    X, y = counted
    start_counting(client)
    with parallel_config("dask"):
        search_twice(X, y)
    assert take_counts() == ({2: 2, 3: 2}, {})
    for _, came in client.run(take_counts).values():
        assert all(count <= 2 for count in came.values())


def test_every_sending_is_counted(client, counted):
    X, _ = counted
    start_counting(client)
    for _ in range(3):
        assert client.submit(len, X, pure=False).result() == len(X)
    # Dask pickles what it is given so twice
    assert take_counts()[0][2] >= 3
    came = [came for _, came in client.run(take_counts).values()]
    assert sum(counts.get(2, 0) for counts in came) == 3


class FilesOf:
    """Scorer that returns the number of files at least as large as X."""

    def __init__(self, folder, n_bytes):
        self.folder, self.n_bytes = folder, n_bytes

    def __call__(self, estimator, X, y):
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return sum(path.stat().st_size >= self.n_bytes for path in files)


def test_processes_of_one_machine_share_a_file_of_each_array(tmp_path, monkeypatch):
    X, y = make_mixtures(24, n_times=5500)
    assert X.nbytes > 2**20  # smaller arrays are sent with each task
    separator = AESeparator(**FAST | {"batch_size": 64})
    scoring = FilesOf(tmp_path, X.nbytes)
    search = GridSearchCV(separator, RATES, **FOLDS, scoring=scoring, n_jobs=2)
    # running workers ignore a new `temp_folder`
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path))
    with parallel_config("loky"):
        search.fit(X, y)
    counts = [search.cv_results_[f"split{n}_test_score"] for n in range(2)]
    assert set(np.ravel(counts)) == {2}  # X and y, whatever the number of tasks


def n_threads(estimator, X, y):
    """Scorer that returns the number of torch's threads after a fit."""
    return torch.get_num_threads()


def test_workers_fit_with_one_thread_each(client):
    settings = FOLDS | {"scoring": n_threads, "refit": False}
    search = GridSearchCV(AESeparator(**FAST), RATES, **settings)
    with parallel_config("dask"):
        search.fit(*make_mixtures(12))
    assert set(search.cv_results_["mean_test_score"]) == {1}


def threads_around_a_fit(n_before):
    """Return torch's number of threads in a worker after a fit that found so many."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_before)
    try:
        AESeparator(**FAST).fit(*make_mixtures(12))
        return torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def test_fits_in_workers_leave_the_number_of_threads(client):
    assert client.gather(client.map(threads_around_a_fit, [1, 2, 3])) == [1, 2, 3]


# --- workers that are killed ----------------------------------------------------------


class KillOnce:
    """Scorer that kills its process at the first call of all."""

    def __init__(self, path):
        self.path = path

    def __call__(self, estimator, X, y):
        try:
            self.path.touch(exist_ok=False)
        except FileExistsError:
            return estimator.score(X, y)
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_search_goes_on_when_a_worker_is_killed(client, tmp_path):
    X, y = make_mixtures(12)
    killed = tmp_path / "killed"
    search = GridSearchCV(
        CASSSeparator(**WIDE), WEIGHTS, **FOLDS, scoring=KillOnce(killed)
    )
    client.amm.stop()  # it drops copies, and a worker may have the only one
    with ThreadPoolExecutor(1) as thread:
        fit = thread.submit(fit_over_dask, search, X, y)
        try:
            fit.result(timeout=LIMIT)
        except FutureTimeoutError:
            client.close()  # ends the search
            raise
    assert killed.exists()
    one = GridSearchCV(CASSSeparator(**WIDE), WEIGHTS, **FOLDS)
    assert_same(search, one.fit(X, y))


def fit_over_dask(search, X, y):
    with parallel_config("dask", scatter=[X, y]):
        search.fit(X, y)


# --- recordings -----------------------------------------------------------------------


def test_recordings_are_separated_over_a_cluster(client, tmp_path):
    fitted().save(tmp_path / "model")
    tracks = {name: y.sum(axis=0) for name, y in make_tracks().items()}
    paths = [write(tmp_path / f"{stem}.npy", x) for stem, x in tracks.items()]
    paths.append(tmp_path / "missing.npy")
    settings = {"sfreq": 8000}
    with parallel_config("dask"):
        found = list(
            separate_files(tmp_path / "model", paths, tmp_path / "parts", **settings)
        )
    errors = {outcome.job.path.stem: outcome.error for outcome in found}
    assert errors.pop("missing") is not None
    assert errors == dict.fromkeys(tracks)
    separator = load(tmp_path / "model")
    for stem, x in tracks.items():
        estimates = [
            read(tmp_path / "parts" / stem / f"{k}.npy") for k in ("low", "high")
        ]
        np.testing.assert_allclose(estimates, separator.separate(x), atol=1e-6)
