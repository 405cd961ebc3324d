"""Several threads and processes at once: the same bits, and no lock to wait for."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from cases import FAST, NoEncoder, equal_states, make_mixtures, states
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from trainings import Gains

from sklearn_cass import AESeparator, CASSSeparator, Modules

pytestmark = pytest.mark.usefixtures("generators_stand_still")

N_THREADS = 8


class Meeting(NoEncoder):
    """Encoder in which two threads have to be at the same time."""

    barrier = None

    def forward(self, x):
        if Meeting.barrier is not None:
            Meeting.barrier.wait(timeout=60)
        return super().forward(x)


class Dropout(NoEncoder):
    """Encoder that draws from torch's global generator in training."""

    def forward(self, x):
        return [torch.nn.functional.dropout(x, 0.5, self.training)]


@pytest.fixture(scope="module")
def data():
    return make_mixtures(40)


@pytest.fixture(scope="module")
def fitted(data):
    return CASSSeparator(**FAST).fit(*data)


def in_threads(function, arguments):
    """Return the results of calls that start at once, each in its own thread."""
    start = threading.Barrier(len(arguments))

    def call(argument):
        start.wait(timeout=60)
        return function(argument)

    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(call, arguments))


def test_transform_in_eight_threads(fitted, data):
    X, y = data
    parts = [np.roll(X, 5 * n, axis=0) for n in range(N_THREADS)]
    expected = [fitted.transform(part) for part in parts]
    found = in_threads(fitted.transform, parts)
    assert all((a == b).all() for a, b in zip(found, expected, strict=True))


def test_all_methods_in_threads_at_once(fitted, data):
    X, y = data
    calls = [
        lambda: fitted.transform(X),
        lambda: fitted.predict(X[:3]),
        lambda: fitted.separate(X[0]),
        lambda: fitted.score(X, y),
        lambda: fitted.discriminate(y),
    ] * 2
    expected = [call() for call in calls]
    found = in_threads(lambda call: call(), calls)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_estimating_threads_do_not_wait_for_each_other(data):
    X, y = data
    network = Modules(Meeting, Gains)
    separator = AESeparator(**FAST | {"network": network}).fit(X, y)
    Meeting.barrier = threading.Barrier(2)
    try:
        # with a lock around it, neither thread would ever meet the other
        in_threads(separator.transform, [X[:8], X[:8]])
    finally:
        Meeting.barrier = None


def test_fits_in_threads_are_those_one_after_the_other(data):
    separators = [CASSSeparator(**FAST | {"random_state": seed}) for seed in range(3)]
    expected = [clone(separator).fit(*data) for separator in separators]
    found = in_threads(lambda separator: separator.fit(*data), separators)
    for a, b in zip(found, expected, strict=True):
        assert all(map(equal_states, states(a), states(b)))


def test_fits_in_threads_leave_the_global_generator(data):
    # generators_stand_still checks it: these networks draw from that generator
    network = Modules(Dropout, Gains)
    separators = [
        AESeparator(**FAST | {"max_epochs": n, "network": network}) for n in (3, 1, 2)
    ]
    in_threads(lambda separator: separator.fit(*data), separators)


@pytest.mark.parametrize(
    "backend", [pytest.param("loky", marks=pytest.mark.slow), "threading"]
)
def test_joblib_workers_estimate_the_same(fitted, data, backend):
    X, _ = data
    expected = fitted.transform(X)
    with parallel_config(backend, inner_max_num_threads=None):
        found = Parallel(n_jobs=2)(
            delayed(fitted.transform)(rows) for rows in np.split(X, 4)
        )
    np.testing.assert_allclose(np.concatenate(found), expected, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_spawned_processes_estimate_the_same(fitted, data, tmp_path):
    X, _ = data
    fitted.save(tmp_path / "a")
    joblib.dump(fitted, tmp_path / "b")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.map(estimates_of_file, [(str(tmp_path / "a"), X)])
        pickled = pool.map(estimates_of_pickle, [(str(tmp_path / "b"), X)])
    expected = fitted.transform(X)
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(found[0], pickled[0])


def estimates_of_file(arguments):
    """Return, in another process, the estimates of a saved separator."""
    from sklearn_cass import load

    path, X = arguments
    return load(path).transform(X)


def estimates_of_pickle(arguments):
    """Return, in another process, the estimates of a pickled separator."""
    path, X = arguments
    return joblib.load(path).transform(X)


@pytest.mark.slow
def test_workers_share_the_cores(data, monkeypatch):
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)  # joblib sets them where they are not
    get_reusable_executor().shutdown(wait=True)
    n_cores = joblib.cpu_count()
    with parallel_config("loky"):
        counts = Parallel(n_jobs=2)(delayed(n_threads_after_fit)(data) for _ in "ab")
    get_reusable_executor().shutdown(wait=True)
    assert all(count <= max(1, n_cores // 2) for count in counts)


def n_threads_after_fit(data):
    """Return, in a worker, the number of torch's threads after a fit."""
    AESeparator(**FAST).fit(*data)
    return torch.get_num_threads()


def test_grid_search_in_threads_is_that_of_one_thread(data):
    X, y = data
    grid = {"lr": [1e-3, 1e-2]}
    one = GridSearchCV(CASSSeparator(**FAST), grid, cv=2).fit(X, y)
    with parallel_config("threading"):
        many = GridSearchCV(CASSSeparator(**FAST), grid, cv=2, n_jobs=2).fit(X, y)
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(many.cv_results_[name], one.cv_results_[name])


FORKING = """
import os, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import torch
from cases import FAST, make_mixtures
from sklearn_cass import CASSSeparator

assert torch.get_num_threads() == 2
X, y = make_mixtures(16, n_times=1024)
separator = CASSSeparator(**FAST).fit(X, y)
expected = separator.transform(X)
child = os.fork()
if not child:
    np.testing.assert_allclose(separator.transform(X), expected, atol=1e-5)
    separator.fit(X, y)
    os._exit(0)
_, status = os.waitpid(child, 0)
assert torch.get_num_threads() == 2
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_process_computes_after_two_threads_did():
    # it used to wait without end for threads that are not there
    two = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    command = [sys.executable, "-c", FORKING, str(Path(__file__).parent)]
    process = subprocess.Popen(command, env=os.environ | two, start_new_session=True)
    try:
        assert process.wait(timeout=120) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the child, too
