"""Checkpoints: trainings that go on where they were cut off."""

import errno
import multiprocessing
import os
import signal
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from cases import FAST, SEPARATORS, make_mixtures
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from trainings import At, CutOffError, cut_off, learned

from sklearn_cass import AESeparator, CASSSeparator
from sklearn_cass.nn import Decoder

pytestmark = pytest.mark.usefixtures("generators_stand_still")

SETTINGS = FAST | {"max_epochs": 4, "validation_fraction": 0.2}
FILE = "checkpoint.safetensors"


@pytest.fixture(scope="module")
def data():
    return make_mixtures(20)


@pytest.fixture(scope="module")
def whole(data):
    """What an AESeparator learns that nothing cuts off."""
    return learned(AESeparator(**SETTINGS).fit(*data), data[0])


def begin(cls, folder, data, moment="begin", epoch=3, **settings):
    """Train with a checkpoint, up to a moment."""
    settings = SETTINGS | settings
    callbacks = [*settings.pop("callbacks", []), At(moment, epoch, cut_off)]
    separator = cls(**settings, checkpoint=folder, callbacks=callbacks)
    with pytest.raises(CutOffError):
        separator.fit(*data)
    assert not hasattr(separator, "net_")


def go_on(cls, folder, data, **settings):
    """What is learned in the end."""
    separator = cls(**SETTINGS | settings, checkpoint=folder)
    return learned(separator.fit(*data), data[0])


# --- bit for bit --------------------------------------------------------------------


@pytest.mark.parametrize("cls", SEPARATORS)
def test_goes_on_as_if_not_cut_off(cls, data, tmp_path):
    for moment in [("batch", 1), ("begin", 2), ("batch", 3), ("end", 3), ("end", 4)]:
        begin(cls, tmp_path, data, *moment)
    uncut = cls(**SETTINGS).fit(*data)
    assert go_on(cls, tmp_path, data) == learned(uncut, data[0])


class Dropping(Decoder):
    """Draws from torch's global generator in every training step."""

    def forward(self, features):
        *others, last = features
        return super().forward([*others, torch.dropout(last, 0.5, self.training)])


UNSTABLE = {"lr": 0.3, "lr_schedule": "constant", "max_epochs": 20}
KINDS = {
    "early stopping": UNSTABLE | {"early_stopping": True},
    "nothing held out": {"validation_fraction": None},
    "mixtures as given": {"remix": 0.0},
    "every second epoch": {"checkpoint_every": 2, "max_epochs": 5},
    "a network that draws": {"decoder": Dropping},
    "magnitudes and masks": {"representation": "magnitude", "output": "mask"},
    "bfloat16": {"precision": "bf16"},
    "literal losses": {"loss_weighting": "literal"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_training_goes_on(kind, data, tmp_path):
    begin(CASSSeparator, tmp_path, data, "batch", 3, **KINDS[kind])
    uncut = CASSSeparator(**SETTINGS | KINDS[kind]).fit(*data)
    assert go_on(CASSSeparator, tmp_path, data, **KINDS[kind]) == learned(
        uncut, data[0]
    )


def test_early_stopping_is_cut_off_before_it_stops(data):
    # for the test above to see the best weights put back
    separator = CASSSeparator(**SETTINGS | KINDS["early stopping"]).fit(*data)
    best = int(np.argmin(separator.history_[:, "valid_error"])) + 1
    assert best < separator.n_iter_
    assert 3 < separator.n_iter_ < 20


@pytest.mark.parametrize("dtype", [int, str, object])
def test_goes_on_with_labels(dtype, data, tmp_path):
    X, labels = data[0], (np.arange(20) % 3).astype(str).astype(dtype)
    begin(AESeparator, tmp_path, (X, labels))
    uncut = AESeparator(**SETTINGS).fit(X, labels)
    assert go_on(AESeparator, tmp_path, (X, labels)) == learned(uncut, X)


def test_goes_on_with_the_random_state_it_began_with(data, tmp_path):
    def rng(seed):
        return np.random.RandomState(seed)

    begin(AESeparator, tmp_path, data, random_state=rng(5))
    uncut = AESeparator(**SETTINGS | {"random_state": rng(5)}).fit(*data)
    found = go_on(AESeparator, tmp_path, data, random_state=rng(6))
    assert found == learned(uncut, data[0])


def test_goes_on_where_no_random_state_is_given(data, tmp_path):
    before = np.random.get_state()
    try:
        np.random.seed(5)
        begin(AESeparator, tmp_path, data, random_state=None)
        np.random.seed(5)
        uncut = AESeparator(**SETTINGS | {"random_state": None}).fit(*data)
        found = go_on(AESeparator, tmp_path, data, random_state=None)
    finally:
        np.random.set_state(before)
    assert found == learned(uncut, data[0])


def train_and_die(folder, data):
    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    callbacks = [At("batch", 3, die)]
    AESeparator(**SETTINGS, checkpoint=folder, callbacks=callbacks).fit(*data)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_goes_on_after_a_kill(data, tmp_path, whole):
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=train_and_die, args=(tmp_path, data))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert go_on(AESeparator, tmp_path, data) == whole


@pytest.mark.parametrize("kind", ["nothing held out", "early stopping"])
def test_going_on_after_the_end_changes_nothing(kind, data, tmp_path):
    first, second = (
        go_on(CASSSeparator, tmp_path, data, **KINDS[kind]) for _ in range(2)
    )
    assert first == second


def test_the_last_epoch_is_kept_whatever_comes_before(data, tmp_path, whole):
    folder = tmp_path / "deep" / "folder"
    assert go_on(AESeparator, folder, data, checkpoint_every=3) == whole

    class NoTraining(Callback):
        def on_epoch_begin(self, net, **kwargs):
            raise AssertionError("nothing is left to do")

    others = {"checkpoint_every": 1, "verbose": 1, "callbacks": [NoTraining()]}
    assert go_on(AESeparator, str(folder), data, **others) == whole


class Counter(Callback):
    """Counts batches; a checkpoint keeps the count."""

    def on_train_begin(self, net, **kwargs):
        self.n_batches_, self.sums_ = 0, torch.zeros(2)

    def on_batch_end(self, net, losses, **kwargs):
        self.n_batches_ += 1
        self.sums_ += losses["reconstruction_loss"]

    def state_dict(self):
        return {"n_batches": self.n_batches_, "sums": self.sums_}

    def load_state_dict(self, state):
        self.n_batches_, self.sums_ = state["n_batches"], state["sums"]


def test_callbacks_with_a_state_are_put_back(data, tmp_path):
    uncut, cut = Counter(), Counter()
    AESeparator(**SETTINGS, callbacks=[uncut]).fit(*data)
    begin(AESeparator, tmp_path, data, "batch", 3, callbacks=[Counter()])
    go_on(AESeparator, tmp_path, data, callbacks=[cut])
    assert cut.n_batches_ == uncut.n_batches_ == 8
    assert torch.equal(cut.sums_, uncut.sums_)


# --- refused ------------------------------------------------------------------------


def changed(array):
    array = array.copy()
    array.ravel()[-1] += 1e-12
    return array


def single(array):
    return array.astype(np.float32)


OTHERS = {
    "X": lambda cls, X, y: (cls, {}, (changed(X), y)),
    "y": lambda cls, X, y: (cls, {}, (X, changed(y))),
    "y was .* is float32": lambda cls, X, y: (cls, {}, (X, single(y))),
    "X was .* is float64 of shape": lambda cls, X, y: (cls, {}, (X[1:], y[1:])),
    "lr was 0.006 and is 0.1": lambda *given: (given[0], {"lr": 0.1}, given[1:]),
    "random_state": lambda *given: (given[0], {"random_state": 1}, given[1:]),
    "decoder": lambda *given: (given[0], {"decoder": Dropping}, given[1:]),
    "class": lambda *given: (CASSSeparator, {}, given[1:]),
}


@pytest.mark.parametrize("difference", OTHERS)
def test_another_training_is_refused(difference, data, tmp_path, whole):
    begin(AESeparator, tmp_path, data)
    kept = (tmp_path / FILE).read_bytes()
    cls, settings, other = OTHERS[difference](AESeparator, *data)
    with pytest.raises(
        ValueError, match=f"checkpoint=.*another training.*{difference}"
    ):
        go_on(cls, tmp_path, other, **settings)
    assert (tmp_path / FILE).read_bytes() == kept
    if difference == "X":
        assert go_on(AESeparator, tmp_path, data) == whole


def test_arithmetic_of_another_machine_is_refused(data, tmp_path, monkeypatch):
    has_units = "sklearn_cass.separators._validation.torch.cpu._is_amx_tile_supported"
    monkeypatch.setattr(has_units, lambda: False, raising=False)
    begin(AESeparator, tmp_path, data, device="cpu")
    monkeypatch.setattr(has_units, lambda: True, raising=False)
    with pytest.raises(ValueError, match="precision was float32 and is bf16"):
        go_on(AESeparator, tmp_path, data, device="cpu")


def test_warm_start_is_refused(data, tmp_path):
    with pytest.raises(ValueError, match="checkpoint=.*warm_start"):
        go_on(AESeparator, tmp_path, data, warm_start=True)
    assert not list(tmp_path.iterdir())


def test_a_search_in_one_folder_is_refused(data, tmp_path):
    separator = AESeparator(**SETTINGS, checkpoint=tmp_path)
    search = GridSearchCV(separator, {"lr": [1e-3, 1e-2]}, cv=2, error_score="raise")
    with pytest.raises(ValueError, match="checkpoint=.*another training.*X was"):
        search.fit(*data)


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
def test_a_damaged_file_is_refused(damage, data, tmp_path):
    begin(AESeparator, tmp_path, data, epoch=2)
    content = DAMAGES[damage]((tmp_path / FILE).read_bytes())
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ValueError, match="(?s)checkpoint=.*Delete it"):
        go_on(AESeparator, tmp_path, data)
    assert (tmp_path / FILE).read_bytes() == content


def test_a_saved_separator_is_no_checkpoint(data, tmp_path):
    AESeparator(**FAST).fit(*data).save(tmp_path / FILE)
    with pytest.raises(ValueError, match="must be a checkpoint .* separator"):
        go_on(AESeparator, tmp_path, data)


def test_a_state_that_no_file_holds_is_refused(data, tmp_path):
    class Odd(Counter):
        def state_dict(self):
            return {"lock": object()}

    with pytest.raises(TypeError, match="checkpoint=.*callbacks.*object"):
        go_on(AESeparator, tmp_path, data, callbacks=[Odd()])


# --- folders and disks --------------------------------------------------------------


def test_leftovers_of_a_crash_are_removed(data, tmp_path, whole):
    begin(AESeparator, tmp_path, data)
    (tmp_path / f".{FILE}.0123abcd.tmp").write_bytes(b"half a file")
    (tmp_path / "notes.txt").write_text("mine")
    assert go_on(AESeparator, tmp_path, data) == whole
    assert {path.name for path in tmp_path.iterdir()} == {FILE, "notes.txt"}


@contextmanager
def nobody():
    """Without the superuser's rights, before which no folder is read-only."""
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
def test_a_folder_not_to_be_written_to_ends_fit_at_once(make_folder, data, tmp_path):
    def fail():
        raise AssertionError("training has begun")

    folder = make_folder(tmp_path)
    settings = SETTINGS | {"callbacks": [At("begin", 1, fail)]}
    with pytest.raises(OSError, match="checkpoint=.*written to"), nobody():
        AESeparator(**settings, checkpoint=folder).fit(*data)


def failing(error):
    def fsync(descriptor):
        raise error

    return fsync


def test_a_full_disk_does_not_end_the_training(data, tmp_path, whole):
    with pytest.MonkeyPatch.context() as patch:
        full = failing(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        fill = At("begin", 3, lambda: patch.setattr(os, "fsync", full))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert go_on(AESeparator, tmp_path, data, callbacks=[fill]) == whole
    found = [str(w.message) for w in caught if w.category is UserWarning]
    assert len(found) == 2
    for epoch, message in enumerate(found, 3):
        assert f"epoch {epoch} " in message
        assert str(tmp_path) in message
        assert "No space left" in message
    assert [path.name for path in tmp_path.iterdir()] == [FILE]

    # what is there is the second epoch
    redone = []
    callbacks = [At("end", epoch, lambda: redone.append(1)) for epoch in (1, 2, 3, 4)]
    assert go_on(AESeparator, tmp_path, data, callbacks=callbacks) == whole
    assert len(redone) == 2


def test_an_interrupt_in_writing_leaves_the_old_file(data, tmp_path, whole):
    kept = []
    with pytest.MonkeyPatch.context() as patch:

        def interrupt():
            kept.append((tmp_path / FILE).read_bytes())
            patch.setattr(os, "fsync", failing(KeyboardInterrupt))

        callbacks = [At("begin", 3, interrupt)]
        assert go_on(AESeparator, tmp_path, data, callbacks=callbacks)["epochs"] == 3
    assert [path.read_bytes() for path in tmp_path.iterdir()] == kept
    assert go_on(AESeparator, tmp_path, data) == whole
