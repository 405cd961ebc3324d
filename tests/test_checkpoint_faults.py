"""Checkpoints: trainings that cannot resume, folders and disks that fail."""

import errno
import os
import signal
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from cases import FAST, NoEncoder, UnitMask, make_mixtures
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from trainings import FILE, QUICK, At, resume, train, train_until

from sklearn_cass import AESeparator, CASSSeparator, Modules

pytestmark = [
    pytest.mark.usefixtures("generators_stand_still"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.fixture(scope="module")
def data():
    return make_mixtures(20)


@pytest.fixture(scope="module")
def whole(data):
    """Return the result of a training that nothing interrupts."""
    return train(AESeparator, data)


# --- refused ------------------------------------------------------------------------


def changed(array):
    array = array.copy()
    array.ravel()[-1] += 1e-12
    return array


def single(array):
    return array.astype(np.float32)


OTHER_NETWORK = {"network": Modules(NoEncoder, UnitMask)}

OTHERS = {
    "X": lambda cls, X, y: (cls, {}, (changed(X), y)),
    "y": lambda cls, X, y: (cls, {}, (X, changed(y))),
    "y was .* is float32": lambda cls, X, y: (cls, {}, (X, single(y))),
    "X was .* is float64 of shape": lambda cls, X, y: (cls, {}, (X[1:], y[1:])),
    "lr was 0.006 and is 0.1": lambda *given: (given[0], {"lr": 0.1}, given[1:]),
    "random_state": lambda *given: (given[0], {"random_state": 1}, given[1:]),
    "network": lambda *given: (given[0], OTHER_NETWORK, given[1:]),
    "class": lambda *given: (CASSSeparator, {}, given[1:]),
}


@pytest.mark.parametrize("difference", OTHERS)
def test_checkpoint_of_another_training_is_refused(difference, data, tmp_path, whole):
    train_until(AESeparator, tmp_path, data)
    saved = (tmp_path / FILE).read_bytes()
    cls, settings, other = OTHERS[difference](AESeparator, *data)
    with pytest.raises(
        ValueError, match=f"cannot resume .*another training.*{difference}"
    ):
        resume(cls, tmp_path, other, **settings)
    assert (tmp_path / FILE).read_bytes() == saved
    if difference == "X":
        assert resume(AESeparator, tmp_path, data) == whole


def test_checkpoint_ignores_padding_of_extended_precision(data, tmp_path):
    # they do not fill their bytes: what lies between is left from before
    X, y = data
    same = np.frombuffer(bytearray(b"\xff" * (X.size * np.longdouble().nbytes)))
    same = same.view(np.longdouble).reshape(X.shape)
    same[...] = X
    train_until(AESeparator, tmp_path, (X.astype(np.longdouble), y))
    resume(AESeparator, tmp_path, (same, y))
    same[-1, -1] *= 1 + np.finfo(np.longdouble).eps
    with pytest.raises(ValueError, match="X was float"):
        resume(AESeparator, tmp_path, (same, y))


def test_checkpoint_of_another_precision_is_refused(data, tmp_path, monkeypatch):
    has_units = "sklearn_cass.training.parameters.torch.cpu._is_amx_tile_supported"
    monkeypatch.setattr(has_units, lambda: False, raising=False)
    train_until(AESeparator, tmp_path, data, device="cpu")
    monkeypatch.setattr(has_units, lambda: True, raising=False)
    with pytest.raises(ValueError, match="precision was float32 and is bf16"):
        resume(AESeparator, tmp_path, data, device="cpu")


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


def test_checkpoint_of_a_whole_search_is_refused(data, tmp_path):
    separator = AESeparator(**QUICK, checkpoint=tmp_path)
    search = GridSearchCV(separator, {"lr": [1e-3, 1e-2]}, cv=2, error_score="raise")
    with pytest.raises(ValueError, match="cannot resume from checkpoint=.*X was"):
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
def test_checkpoint_that_is_damaged_is_refused(damage, data, tmp_path):
    train_until(AESeparator, tmp_path, data, epoch=2)
    content = DAMAGES[damage]((tmp_path / FILE).read_bytes())
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ValueError, match="(?s)cannot resume .*Delete it"):
        resume(AESeparator, tmp_path, data)
    assert (tmp_path / FILE).read_bytes() == content


def test_saved_separator_as_checkpoint_is_refused(data, tmp_path):
    AESeparator(**FAST).fit(*data).save(tmp_path / FILE)
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
    for name in ("0123abcd", "trial"):
        (tmp_path / f".{FILE}.{name}.tmp").write_bytes(b"half a file")
    (tmp_path / "notes.txt").write_text("mine")
    assert resume(AESeparator, tmp_path, data) == whole
    assert {path.name for path in tmp_path.iterdir()} == {FILE, "notes.txt"}


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
    assert [path.name for path in tmp_path.iterdir()] == [FILE]

    # the checkpoint is that of the second epoch
    redone = []
    callbacks = [At("end", epoch, lambda: redone.append(1)) for epoch in (1, 2, 3, 4)]
    assert resume(AESeparator, tmp_path, data, callbacks=callbacks) == whole
    assert len(redone) == 2


def test_interrupt_while_writing_leaves_the_old_file(data, tmp_path, whole):
    kept = []
    with pytest.MonkeyPatch.context() as patch:

        def interrupt():
            kept.append((tmp_path / FILE).read_bytes())
            patch.setattr(os, "fsync", pressing)

        callbacks = [At("begin", 3, interrupt)]
        with pytest.raises(KeyboardInterrupt):
            resume(AESeparator, tmp_path, data, callbacks=callbacks)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == kept
    assert resume(AESeparator, tmp_path, data) == whole
