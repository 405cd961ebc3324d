"""Checkpoints: trainings that cannot resume, folders and disks that fail."""

import errno
import itertools
import os
import re
import signal
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cases import FAST, FILTERS, NoEncoder, UnitMask
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from skorch.callbacks import Callback
from trainings import (
    FILE,
    QUICK,
    At,
    InterruptionError,
    file_in,
    learned,
    resume,
    train,
    train_until,
)

from benchmarks.timing import n_threads
from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    Checkpoint,
    Modules,
    ResNet9,
    STFTTransformer,
)
from sklearn_cass.persistence import CheckpointFile, checkpoint, locks
from sklearn_cass.persistence.checkpoint import versions as real
from sklearn_cass.persistence.identity import identity_of, subfolder_of

FILES = {FILE, "lock", "training.json"}
needs_locks = pytest.mark.skipif(locks.fcntl is None, reason="needs flock")

pytestmark = [
    pytest.mark.usefixtures("generators_stand_still"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.fixture(scope="module")
def whole(data):
    """Return the result of a training that nothing interrupts."""
    return train(AESeparator, data)


# --- other trainings ----------------------------------------------------------------


def changed(array):
    array = array.copy()
    array.ravel()[-1] += 1e-12
    return array


def single(array):
    return array.astype(np.float32)


def messages_of(action):
    """Return the result of an action, and the messages that it warns with."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = action()
    return result, [str(w.message) for w in caught if w.category is UserWarning]


OTHER_NETWORK = {"network": Modules(NoEncoder, UnitMask)}
SEED = "random_state was 0 and is 1"

OTHERS = {
    "X was": lambda X, y: ({}, (changed(X), y)),
    "y was": lambda X, y: ({}, (X, changed(y))),
    "y was .* is float32": lambda X, y: ({}, (X, single(y))),
    "X was .* is float64 of shape": lambda X, y: ({}, (X[1:], y[1:])),
    "lr was 0.006 and is 0.1": lambda *data: ({"lr": 0.1}, data),
    SEED: lambda *data: ({"random_state": 1}, data),
    "network was": lambda *data: (OTHER_NETWORK, data),
    "max_epochs was 4 and is 5": lambda *data: ({"max_epochs": 5}, data),
}


@pytest.mark.parametrize("difference", OTHERS)
def test_other_training_starts_beside_and_says_so(difference, data, tmp_path, whole):
    train_until(AESeparator, tmp_path, data)
    file = file_in(tmp_path)
    saved = file.read_bytes()
    settings, other = OTHERS[difference](*data)
    found, (message,) = messages_of(
        lambda: resume(AESeparator, tmp_path, other, **settings)
    )
    assert found == train(AESeparator, other, **settings)
    assert re.search(f"new one starts.*an unfinished one: {difference}", message)
    assert str(tmp_path) in message
    assert file.read_bytes() == saved
    # both have the states that they need to go on
    again, nothing = messages_of(lambda: resume(AESeparator, tmp_path, data))
    assert again == whole
    assert not nothing


def test_training_that_differs_in_more_starts_beside(data, tmp_path):
    train_until(AESeparator, tmp_path, data)
    settings = {"lr": 0.1, "batch_size": 3}
    for cls in (AESeparator, CASSSeparator):
        found, said = messages_of(partial(resume, cls, tmp_path, data, **settings))
        assert found == train(cls, data, **settings)
        assert not said


EQUAL = [
    (
        {"network": None, "stft": STFTTransformer(n_fft=16)},
        {"network": ResNet9(output="affine"), "stft": STFTTransformer(n_fft=16)},
    ),
    (
        {"stft": None, "representation": "complex"},
        {"stft": STFTTransformer(), "representation": None},
    ),
    (
        {"stft": STFTTransformer(n_fft=16)},
        {"stft": STFTTransformer(n_fft=16).fit(np.zeros((1, 64)))},
    ),
    ({"remix": 1}, {"remix": np.float32(1.0)}),
    ({"random_state": 3}, {"random_state": np.int64(3)}),
    (
        {"cross_weights": [[0, 1], [0.5, 0]]},
        {"cross_weights": np.array([[0, 1], [0.5, 0]])},
    ),
]


@pytest.mark.parametrize("settings", EQUAL, ids=lambda pair: next(iter(pair[0])))
def test_equal_parameters_are_one_training(settings, data):
    a, b = (identity_of(CASSSeparator(**given), *data) for given in settings)
    assert subfolder_of(a, 1) == subfolder_of(b, 1)


def test_checkpoint_ignores_padding_of_extended_precision(data):
    # they do not fill their bytes: what lies between is left from before
    X, y = data
    same = np.frombuffer(bytearray(b"\xff" * (X.size * np.longdouble().nbytes)))
    same = same.view(np.longdouble).reshape(X.shape)
    same[...] = X
    separator, names = AESeparator(), []
    names.append(identity_of(separator, X.astype(np.longdouble), y)["X"])
    names.append(identity_of(separator, same, y)["X"])
    same[-1, -1] *= 1 + np.finfo(np.longdouble).eps
    names.append(identity_of(separator, same, y)["X"])
    assert names[0] == names[1] != names[2]


def test_training_of_another_precision_starts_beside(data, tmp_path, monkeypatch):
    is_fast = "sklearn_cass.training.parameters.has_fast_bfloat16"
    monkeypatch.setattr(is_fast, lambda device: False)
    train_until(AESeparator, tmp_path, data, device="cpu")
    monkeypatch.setattr(is_fast, lambda device: True)
    with pytest.warns(UserWarning, match="precision was float32 and is bf16"):
        resume(AESeparator, tmp_path, data, device="cpu")


def test_file_of_another_training_is_refused(data, tmp_path):
    train_until(AESeparator, tmp_path / "a", data)
    train_until(AESeparator, tmp_path / "b", data, lr=0.1)
    content = file_in(tmp_path / "b").read_bytes()
    file_in(tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match="cannot resume .*another.* differs in lr"):
        resume(AESeparator, tmp_path / "a", data)


def test_searches_have_a_training_for_each_fit(data, tmp_path):
    grid = {"lr": [1e-3, 1e-2]}

    def search(**settings):
        separator = AESeparator(**QUICK | settings)
        found = GridSearchCV(separator, grid, cv=2, error_score="raise").fit(*data)
        scores = [found.cv_results_[f"split{k}_test_score"] for k in range(2)]
        return np.array(scores), learned(found.best_estimator_, data[0])

    expected, best = search()
    callbacks = [At("begin", 3, interrupt_at(3))]  # in the third fit of five
    with pytest.raises(InterruptionError):
        search(checkpoint=tmp_path, callbacks=callbacks)
    assert len(list(tmp_path.iterdir())) == 3
    (scores, again), said = messages_of(lambda: search(checkpoint=tmp_path))
    np.testing.assert_array_equal(scores, expected)
    assert again == best
    assert not said
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.slow
def test_search_in_two_processes_shares_the_folder(data, tmp_path):
    grid = {"lr": [1e-3, 1e-2], "max_epochs": [2, 4]}
    settings = QUICK | CONSTANT

    def scores(n_jobs, **checkpoint):
        separator = AESeparator(**settings, **checkpoint)
        options = {"cv": 2, "n_jobs": n_jobs, "error_score": "raise"}
        found = GridSearchCV(separator, grid, **options).fit(*data).cv_results_
        return [found[f"split{k}_test_score"] for k in range(2)]

    expected = scores(1)
    for n_jobs in (2, 1):
        found = scores(n_jobs, checkpoint=tmp_path)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert len(list(tmp_path.iterdir())) == 9


def interrupt_at(call):
    """Return a function that interrupts when it is called that many times."""
    counter = itertools.count(1)

    def act():
        if next(counter) == call:
            raise InterruptionError

    return act


def test_cross_validation_resumes(data, tmp_path):
    expected = cross_val_score(AESeparator(**QUICK), *data, cv=3)
    separator = AESeparator(**QUICK, checkpoint=tmp_path)
    callbacks = [At("end", 2, interrupt_at(2))]
    with pytest.raises(InterruptionError):
        cross_val_score(
            clone(separator).set_params(callbacks=callbacks),
            *data,
            cv=3,
            error_score="raise",
        )
    redone = []
    callbacks = [At("begin", k, lambda: redone.append(1)) for k in range(1, 5)]
    separator.set_params(callbacks=callbacks)
    np.testing.assert_array_equal(cross_val_score(separator, *data, cv=3), expected)
    assert len(redone) == 3 + 4  # one of the second fold's four epochs was saved


# --- longer trainings ---------------------------------------------------------------


CONSTANT = {"lr_schedule": "constant"}
EXTENDED = {
    "autoencoders": (AESeparator, CONSTANT),
    "discriminators": (CASSSeparator, CONSTANT | {"network": FILTERS["network"]}),
    "early stopping": (AESeparator, CONSTANT | {"early_stopping": True}),
    "stops early": (
        AESeparator,
        CONSTANT | {"early_stopping": True, "lr": 3.0, "optimizer": "adam"},
    ),
}


@pytest.mark.parametrize("kind", EXTENDED)
def test_training_with_a_constant_rate_is_extended(kind, data, tmp_path):
    cls, settings = EXTENDED[kind]
    lengths = (3, 5, 30) if kind == "stops early" else (3, 5)
    redone = []
    for n_epochs in lengths:
        given = settings | {"max_epochs": n_epochs}
        callbacks = [At("begin", k, lambda k=k: redone.append(k)) for k in range(1, 31)]
        found, said = messages_of(
            partial(resume, cls, tmp_path, data, callbacks=callbacks, **given)
        )
        assert found == train(cls, data, **given)
        assert not said
    assert redone[:5] == [1, 2, 3, 4, 5]
    assert sorted(set(redone)) == sorted(redone)
    # a shorter training is not affected
    again = resume(cls, tmp_path, data, **settings | {"max_epochs": 3})
    assert again == train(cls, data, **settings | {"max_epochs": 3})


def test_shorter_training_of_an_unfinished_one_starts_anew(data, tmp_path):
    settings = CONSTANT | {"max_epochs": 5}
    train_until(AESeparator, tmp_path, data, epoch=5, **settings)
    shorter = CONSTANT | {"max_epochs": 2}
    with pytest.warns(UserWarning, match="max_epochs was 5 and is 2"):
        found = resume(AESeparator, tmp_path, data, **shorter)
    assert found == train(AESeparator, data, **shorter)


def test_unfinished_training_with_a_constant_rate_is_extended(data, tmp_path):
    train_until(AESeparator, tmp_path, data, **CONSTANT)
    longer = CONSTANT | {"max_epochs": 6}
    found, said = messages_of(lambda: resume(AESeparator, tmp_path, data, **longer))
    assert found == train(AESeparator, data, **longer)
    assert not said


def test_training_that_cannot_be_extended_says_how(data, tmp_path):
    resume(AESeparator, tmp_path, data, max_epochs=3)
    match = 'max_epochs=3, which cannot be extended .*cosine.* could be with "constant"'
    with pytest.warns(UserWarning, match=match):
        found = resume(AESeparator, tmp_path, data, max_epochs=5)
    assert found == train(AESeparator, data, max_epochs=5)
    _, said = messages_of(lambda: resume(AESeparator, tmp_path, data, max_epochs=2))
    assert not said


# --- two trainings at a time --------------------------------------------------------


IN_USE = "checkpoint=.* is in use: another process, or another thread"


@needs_locks
def test_same_training_twice_at_a_time_is_refused(data, tmp_path, whole, monkeypatch):
    monkeypatch.setattr("sklearn_cass.persistence.checkpoint.LOCK_SECONDS", 0)
    refused = []

    def fit_again():
        with pytest.raises(OSError, match=IN_USE) as caught:
            resume(AESeparator, tmp_path, data)
        refused.append(str(caught.value))

    callbacks = [At("begin", 2, fit_again)]
    assert resume(AESeparator, tmp_path, data, callbacks=callbacks) == whole
    assert str(tmp_path) in refused[0]
    assert resume(AESeparator, tmp_path, data) == whole


@needs_locks
def test_other_training_at_the_same_time_is_not_affected(data, tmp_path, whole):
    found = []

    def fit_other():
        found.append(
            messages_of(lambda: resume(AESeparator, tmp_path, data, random_state=1))
        )

    callbacks = [At("end", 2, fit_other)]
    assert resume(AESeparator, tmp_path, data, callbacks=callbacks) == whole
    ((other, said),) = found
    assert other == train(AESeparator, data, random_state=1)
    assert not said  # the first is not unfinished, but under way


@needs_locks
def test_same_training_in_threads(data, tmp_path, whole, monkeypatch):
    monkeypatch.setattr("sklearn_cass.persistence.checkpoint.LOCK_SECONDS", 0)
    barrier = threading.Barrier(6)

    def fit(unused):
        barrier.wait(timeout=60)
        try:
            return resume(AESeparator, tmp_path, data)
        except OSError as error:
            return str(error)

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(fit, range(6)))
    assert whole in found
    for result in found:
        assert result == whole or re.search(IN_USE, result)


@needs_locks
def test_simultaneous_starts_all_succeed(data, tmp_path):
    def start(k):
        identity = identity_of(AESeparator(random_state=k % 20), *data)
        with CheckpointFile(tmp_path / "new" / "folder", identity, None) as file:
            file.describe(is_finished=False)

    with ThreadPoolExecutor(8) as pool:
        _, said = messages_of(lambda: list(pool.map(start, range(200))))
    assert not said
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 20


class Refusing(Callback):
    def initialize(self):
        raise ValueError("callbacks: nothing suits")


@needs_locks
def test_lock_ends_with_the_fit_that_fails(data, tmp_path, whole):
    for moment in [("begin", 1), ("batch", 2), ("end", 3)]:
        train_until(AESeparator, tmp_path, data, *moment)
    for _ in range(2):
        with pytest.raises(ValueError, match="callbacks: nothing"):
            resume(AESeparator, tmp_path, data, callbacks=[Refusing()])
    assert resume(AESeparator, tmp_path, data) == whole


def test_file_system_without_locks_is_said(data, tmp_path, whole, monkeypatch):
    def flock(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks, "fcntl", SimpleNamespace(flock=flock, **FLAGS))
    found, said = messages_of(lambda: resume(AESeparator, tmp_path, data))
    assert found == whole
    assert len(said) == 1
    assert "cannot be locked" in said[0]


FLAGS = {"LOCK_EX": 2, "LOCK_NB": 4, "LOCK_UN": 8}


# --- other conditions ---------------------------------------------------------------


def test_training_is_resumed_with_another_number_of_threads(data, tmp_path, whole):
    with n_threads(1):
        train_until(AESeparator, tmp_path, data)
    with n_threads(2):
        found, said = messages_of(lambda: resume(AESeparator, tmp_path, data))
    assert found == whole
    assert not said


def test_other_releases_are_warned_of(data, tmp_path, monkeypatch):
    train_until(AESeparator, tmp_path, data)
    monkeypatch.setattr(checkpoint, "versions", lambda: real() | {"torch": "9.9"})
    with pytest.warns(UserWarning, match=r"change: torch was .* and is 9\.9\."):
        resume(AESeparator, tmp_path, data)


# --- refused ------------------------------------------------------------------------


NAMELESS = {
    "network": Modules(lambda in_channels, n_freqs: NoEncoder(0, 0), UnitMask),
    "reconstruction_loss": lambda estimate, target: (estimate - target).abs().mean(),
}


@pytest.mark.parametrize("name", NAMELESS)
def test_checkpoint_of_a_parameter_without_a_name_is_refused(name, data, tmp_path):
    # it could not be said whether it is the same when the training is resumed
    with pytest.raises(TypeError, match=f"(?s)^{name}=.* cannot be written: .*lambda"):
        resume(AESeparator, tmp_path, data, **{name: NAMELESS[name]})
    assert not list(tmp_path.iterdir())


def test_checkpoint_with_warm_start_is_refused(data, tmp_path):
    with pytest.raises(ValueError, match="checkpoint=.*warm_start=True are mutually"):
        resume(AESeparator, tmp_path, data, warm_start=True)
    assert not list(tmp_path.iterdir())


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES = {
    "one bit": flipped,
    "cut off": lambda content: content[:-100],
    "cut off early": lambda content: content[:100],
    "empty": lambda content: b"",
    "foreign": lambda content: b"epoch,loss\n1,0.5\n" * 100,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_checkpoint_that_is_damaged_is_refused(damage, data, tmp_path):
    train_until(AESeparator, tmp_path, data, epoch=2)
    content = DAMAGES[damage](file_in(tmp_path).read_bytes())
    file_in(tmp_path).write_bytes(content)
    with pytest.raises(ValueError, match="(?s)cannot resume .*Delete it"):
        resume(AESeparator, tmp_path, data)
    assert file_in(tmp_path).read_bytes() == content


def test_saved_separator_as_checkpoint_is_refused(data, tmp_path):
    train_until(AESeparator, tmp_path, data)
    AESeparator(**FAST).fit(*data).save(file_in(tmp_path))
    with pytest.raises(ValueError, match="must be a checkpoint .* separator"):
        resume(AESeparator, tmp_path, data)


def test_state_that_a_file_cannot_hold_is_refused(data, tmp_path):
    class Odd(Callback):
        def state_dict(self):
            return {"lock": object()}

        def load_state_dict(self, state):
            pass

    with pytest.raises(TypeError, match="checkpoint=.*callbacks.*object"):
        resume(AESeparator, tmp_path, data, callbacks=[Odd()])


# --- folders and disks --------------------------------------------------------------


def test_leftovers_of_crashes_are_removed(data, tmp_path, whole):
    train_until(AESeparator, tmp_path, data)
    subfolder = file_in(tmp_path).parent
    for name in ("0123abcd", "89abcdef"):
        (subfolder / f".{FILE}.{name}.tmp").write_bytes(b"half a file")
    (subfolder / "notes.txt").write_text("mine")
    assert resume(AESeparator, tmp_path, data) == whole
    assert {path.name for path in subfolder.iterdir()} == {*FILES, "notes.txt"}


@pytest.mark.parametrize("make", [str, Path, Checkpoint])
def test_home_is_expanded(make, data, tmp_path, whole, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    separator = AESeparator(**QUICK, checkpoint=make("~/folder"))
    assert learned(separator.fit(*data), data[0]) == whole
    assert file_in(tmp_path / "folder").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


DESCRIPTIONS = [b"", b"{", b"[]", b'{"identity": 3, "is_finished": false}', b"null"]
DESCRIPTIONS += [
    b'{"identity": {"max_epochs": "x"}, "is_finished": true}',
    b"[" * 10**5,
]


@pytest.mark.parametrize("content", DESCRIPTIONS, ids=range(len(DESCRIPTIONS)))
def test_damaged_description_makes_no_difference(content, data, tmp_path, whole):
    train_until(AESeparator, tmp_path, data)
    file_in(tmp_path).with_name("training.json").write_bytes(content)
    train_until(AESeparator, tmp_path, data, random_state=1)
    assert resume(AESeparator, tmp_path, data) == whole


@contextmanager
def as_nobody():
    """Drop the superuser's rights, with which no folder is read-only."""
    if os.geteuid():
        yield
        return
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def folder_under_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "folder"


def read_only_folder(tmp_path):
    tmp_path.chmod(0o555)
    return tmp_path


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX")
@pytest.mark.parametrize("make_folder", [folder_under_a_file, read_only_folder])
def test_folder_that_is_not_writable_ends_fit_at_once(make_folder, data, tmp_path):
    def fail():
        raise AssertionError("training has begun")

    folder = make_folder(tmp_path)
    settings = QUICK | {"callbacks": [At("begin", 1, fail)]}
    with pytest.raises(OSError, match="checkpoint=.*written to"), as_nobody():
        AESeparator(**settings, checkpoint=folder).fit(*data)


def failing(error):
    def fsync(descriptor):
        raise error

    return fsync


def pressing(descriptor):
    """Send the signal of Ctrl-C."""
    signal.raise_signal(signal.SIGINT)


def test_full_disk_does_not_end_the_training(data, tmp_path, whole):
    with pytest.MonkeyPatch.context() as patch:
        full = failing(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        fill = At("begin", 3, lambda: patch.setattr(os, "fsync", full))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert resume(AESeparator, tmp_path, data, callbacks=[fill]) == whole
    found = [str(w.message) for w in caught if w.category is UserWarning]
    assert len(found) == 2
    for epoch, message in enumerate(found, 3):
        assert f"epoch {epoch} could not be saved" in message
        assert str(tmp_path) in message
        assert "No space left" in message
    assert {path.name for path in file_in(tmp_path).parent.iterdir()} == FILES

    # the checkpoint is that of the second epoch
    redone = []
    callbacks = [At("end", epoch, lambda: redone.append(1)) for epoch in (1, 2, 3, 4)]
    assert resume(AESeparator, tmp_path, data, callbacks=callbacks) == whole
    assert len(redone) == 2


def test_interrupt_while_writing_leaves_the_old_file(data, tmp_path, whole):
    kept = []
    with pytest.MonkeyPatch.context() as patch:

        def interrupt():
            kept.append(file_in(tmp_path).read_bytes())
            patch.setattr(os, "fsync", pressing)

        callbacks = [At("begin", 3, interrupt)]
        with pytest.raises(KeyboardInterrupt):
            resume(AESeparator, tmp_path, data, callbacks=callbacks)
    assert [file_in(tmp_path).read_bytes()] == kept
    assert {path.name for path in file_in(tmp_path).parent.iterdir()} == FILES
    assert resume(AESeparator, tmp_path, data) == whole
