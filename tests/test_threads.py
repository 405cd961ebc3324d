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
from cases import FAST, NoEncoder, UnitMask, equal_states, make_mixtures, states
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from trainings import At, Gains

from benchmarks.timing import n_threads
from sklearn_cass import (
    AESeparator,
    BiLSTM,
    CASSSeparator,
    GANSeparator,
    Modules,
    ResNet9,
    STFTTransformer,
)
from sklearn_cass.metrics import _errors, sdr
from sklearn_cass.nn import Autoencoders, Discriminators, MapShape, are_independent
from sklearn_cass.numeric import one_thread_each, spread

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


# --- threads of a computation ---------------------------------------------------------


class Recording(NoEncoder):
    """Encoder that records torch's number of threads and in which one it is called."""

    seen = set()

    def forward(self, x):
        Recording.seen.add((torch.get_num_threads(), threading.get_ident()))
        return super().forward(x)


def failing_loss(estimate, target):
    raise ZeroDivisionError


METHODS = {
    "fit": lambda separator, X, y: separator.fit(X, y),
    "transform": lambda separator, X, y: separator.transform(X),
    "predict": lambda separator, X, y: separator.predict(X),
    "score": lambda separator, X, y: separator.score(X, y),
    "separate": lambda separator, X, y: separator.separate(X[0]),
    "stream": lambda separator, X, y: next(separator.separate_stream([X[:3].ravel()])),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_networks_of_a_user_compute_in_one_thread_the_calling_one(data, method, n):
    network = Modules(Recording, Gains)
    separator = AESeparator(**FAST | {"network": network}).fit(*data)
    Recording.seen = set()
    with n_threads(n):
        METHODS[method](separator, *data)
        assert torch.get_num_threads() == n
    assert Recording.seen == {(1, threading.get_ident())}


def test_number_of_threads_is_restored_after_errors(data):
    X, y = data
    separator = AESeparator(**FAST).fit(X, y)
    with n_threads(2):
        with pytest.raises(ZeroDivisionError):
            AESeparator(**FAST, reconstruction_loss=failing_loss).fit(X, y)
        assert torch.get_num_threads() == 2
        for bias in separator.net_.module_.parameters():
            bias.data.fill_(np.nan)
        with pytest.raises(ValueError, match="not finite"):
            separator.transform(X)
        assert torch.get_num_threads() == 2


def test_number_of_threads_that_a_callback_sets_is_undone_after_the_fit(data):
    network = Modules(Recording, Gains)
    callbacks = [At("begin", 1, lambda: torch.set_num_threads(3))]
    Recording.seen = set()
    with n_threads(2):
        settings = FAST | {"network": network, "callbacks": callbacks}
        AESeparator(**settings).fit(*data)
        assert torch.get_num_threads() == 2
    assert (3, threading.get_ident()) in Recording.seen


def number_in_a_new_thread():
    return in_threads(lambda _: torch.get_num_threads(), [None])[0]


def test_other_threads_keep_their_number_during_a_fit(data):
    found = []

    def look():
        found.append((torch.get_num_threads(), number_in_a_new_thread()))

    with n_threads(2):
        AESeparator(**FAST, callbacks=[At("batch", 1, look)]).fit(*data)
        assert number_in_a_new_thread() == 2
    assert set(found) == {(1, 2)}


def test_transform_and_metrics_compute_in_one_thread(data, monkeypatch):
    X, y = data
    found = []
    for owner, name in ((STFTTransformer, "forward"), (_errors, "_norm")):
        original = getattr(owner, name)

        def recorded(*args, original=original, **kwargs):
            found.append(torch.get_num_threads())
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, recorded)
    with n_threads(2):
        STFTTransformer(n_fft=8).fit_transform(X)
        sdr(y, 2 * y)
        assert torch.get_num_threads() == 2
    assert set(found) == {1}


NETWORKS = {
    "ResNet9": CASSSeparator(**FAST),
    "bfloat16": CASSSeparator(**FAST, precision="bf16"),
    "BiLSTM": CASSSeparator(**FAST | {"network": BiLSTM(width=4)}),
    "GAN": GANSeparator(**FAST),
    "own": CASSSeparator(**FAST | {"network": Modules(NoEncoder, Gains)}),
    "dropout": AESeparator(**FAST | {"network": Modules(Dropout, Gains)}),
}


@pytest.mark.parametrize("n_components", [2, 5])  # five: cross terms are sampled
@pytest.mark.parametrize("name", NETWORKS)
def test_results_do_not_depend_on_the_number_of_threads(name, n_components):
    X, y = make_mixtures(10, n_components)
    found = []
    for n in (1, 2, 4):
        with n_threads(n):
            separator = clone(NETWORKS[name]).fit(X, y)
            found.append((states(separator), separator.transform(X)))
    for other, estimates in found[1:]:
        assert all(map(equal_states, other, found[0][0]))
        np.testing.assert_array_equal(estimates, found[0][1])


def test_networks_of_the_package_are_computed_at_the_same_time(data):
    barrier = threading.Barrier(2)

    class Meet(Callback):
        def on_train_begin(self, net, **kwargs):
            for pair in net.module_:
                # in turns, neither pair would ever meet the other
                pair.encoder.register_forward_pre_hook(meet)

    def meet(*args):
        barrier.wait(timeout=60)

    with n_threads(2):
        separator = AESeparator(**FAST, callbacks=[Meet()]).fit(*data)
        separator.transform(data[0])


def test_networks_with_common_weights_are_not_independent():
    shape = MapShape(1, 1, 9, 8, True)
    network = ResNet9(n_filters=2, n_latent=4)
    own = Modules(NoEncoder, UnitMask, output="mask")
    with torch.random.fork_rng(devices=[]):
        pairs = Autoencoders(2, shape, network)
        discriminators = Discriminators(2, shape, network)
        others = Autoencoders(2, shape, own)
    assert are_independent([pairs, discriminators])
    pairs[1].decoder = pairs[0].decoder
    assert not are_independent([pairs])
    assert not are_independent([others])


def test_spread_keeps_the_order_and_the_modes():
    def function(k):
        return k, torch.get_num_threads(), torch.is_grad_enabled()

    with n_threads(3), one_thread_each(), torch.no_grad():
        assert spread(function, 20) == [(k, 1, False) for k in range(20)]
    assert spread(lambda k: threading.get_ident(), 2) == [threading.get_ident()] * 2


def test_spread_raises_the_error_after_all_have_ended():
    started, running = threading.Barrier(2), []

    def function(k):
        running.append(k)
        if k < 2:
            started.wait(timeout=60)
        if k == 1:
            raise ZeroDivisionError
        running.remove(k)

    with n_threads(2), one_thread_each():
        with pytest.raises(ZeroDivisionError):
            spread(function, 3)
    assert running == [1]  # that which raised it


ENDING = """
import atexit, sys, threading
sys.path.insert(0, sys.argv[1])
import numpy as np
import torch
from cases import FAST, make_mixtures
from sklearn_cass import CASSSeparator

X, y = make_mixtures(16)
separator = CASSSeparator(**FAST).fit(X, y)
expected = separator.transform(X)

def work():
    assert torch.get_num_threads() == 2
    np.testing.assert_array_equal(separator.transform(X), expected)
    separator.fit(X, y)
    print("done", flush=True)

def work_later():
    threading.main_thread().join()
    work()

atexit.register(work)
threading.Thread(target=work_later).start()
"""


@pytest.mark.slow
def test_computations_at_the_end_of_a_program():
    two = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    command = [sys.executable, "-c", ENDING, str(Path(__file__).parent)]
    found = subprocess.run(
        command, env=os.environ | two, capture_output=True, text=True, timeout=120
    )
    assert found.stdout.count("done") == 2, found.stderr


# --- forked processes -----------------------------------------------------------------


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
