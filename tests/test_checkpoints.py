"""Checkpoints: trainings that are resumed where they were interrupted."""

import multiprocessing
import os
import pickle
import signal

import numpy as np
import pytest
import torch
from cases import FAST, FILTERS, NoEncoder
from sklearn.base import clone
from skorch.callbacks import Callback
from trainings import (
    QUICK,
    At,
    Gains,
    file_in,
    learned,
    resume,
    train,
    train_until,
)

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    Checkpoint,
    Modules,
    RegularCASSSeparator,
    STFTTransformer,
)
from sklearn_cass.persistence import file_format

pytestmark = [
    pytest.mark.usefixtures("generators_stand_still"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.fixture(scope="module")
def whole(data):
    """Return the result of a training that nothing interrupts."""
    return train(AESeparator, data)


# --- bit for bit --------------------------------------------------------------------


MOMENTS = [("batch", 1), ("begin", 2), ("batch", 3), ("end", 3), ("end", 4)]


@pytest.mark.parametrize(
    ("cls", "network", "moments"),
    [
        (CASSSeparator, FAST["network"], MOMENTS),
        (RegularCASSSeparator, FILTERS["network"], MOMENTS[2:3]),
        (AESeparator, FAST["network"], MOMENTS[2:3]),
    ],
)
def test_training_resumes_as_if_not_interrupted(cls, network, moments, data, tmp_path):
    settings = {"network": network}
    for moment in moments:
        train_until(cls, tmp_path, data, *moment, **settings)
    assert resume(cls, tmp_path, data, **settings) == train(cls, data, **settings)


class Dropping(Gains):
    """A network that draws from torch's global generator in every step."""

    def forward(self, features):
        return torch.dropout(super().forward(features), 0.5, self.training)


KINDS = {
    "no validation set": {"validation_fraction": None},
    "mixtures as given": {"remix": 0.0},
    "every second epoch": {"every": 2, "max_epochs": 5},
    "a network that draws": {"network": Modules(NoEncoder, Dropping)},
    "magnitudes and masks": {
        "representation": "magnitude",
        "network": Modules(NoEncoder, Gains, output="mask"),
    },
    "waveforms": {"stft": False},
    "bfloat16": {"precision": "bf16"},
    "constant learning rate": {"lr_schedule": "constant"},
    "transform": {"stft": STFTTransformer(n_fft=16)},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_training_resumes(kind, data, tmp_path):
    settings = dict(KINDS[kind])
    every = settings.pop("every", 1)
    train_until(AESeparator, tmp_path, data, "batch", 3, every, **settings)
    uninterrupted = train(AESeparator, data, **settings)
    assert resume(AESeparator, tmp_path, data, every, **settings) == uninterrupted


@pytest.mark.parametrize("moment", [("batch", 3), ("begin", 10)])
def test_early_stopping_resumes(moment, data, tmp_path):
    # a learning rate far too high: the best weights are early ones
    settings = {"early_stopping": True, "lr": 3.0, "max_epochs": 30}
    settings |= {"lr_schedule": "constant", "optimizer": "adam"}
    settings |= {"reconstruction_loss": "mse"}
    uninterrupted = train(AESeparator, data, **settings)
    assert 10 < uninterrupted["epochs"] < 30
    train_until(AESeparator, tmp_path, data, *moment, **settings)
    assert resume(AESeparator, tmp_path, data, **settings) == uninterrupted
    assert resume(AESeparator, tmp_path, data, **settings) == uninterrupted


@pytest.mark.parametrize("dtype", [int, str, object])
def test_training_on_labels_resumes(dtype, data, tmp_path):
    X, labels = data[0], (np.arange(20) % 3).astype(str).astype(dtype)
    train_until(AESeparator, tmp_path, (X, labels))
    uninterrupted = train(AESeparator, (X, labels))
    assert resume(AESeparator, tmp_path, (X, labels)) == uninterrupted


def test_training_resumes_with_its_first_random_state(data, tmp_path):
    first, again, other = map(np.random.RandomState, (5, 5, 6))
    train_until(AESeparator, tmp_path, data, random_state=first)
    uninterrupted = train(AESeparator, data, random_state=again)
    assert resume(AESeparator, tmp_path, data, random_state=other) == uninterrupted


@pytest.fixture
def numpy_restored():
    """Restore numpy's global generator, which is drawn from without a random state."""
    before = np.random.get_state()
    yield
    np.random.set_state(before)


def test_training_resumes_without_a_random_state(data, tmp_path, numpy_restored):
    np.random.seed(5)
    train_until(AESeparator, tmp_path, data, random_state=None)
    np.random.seed(5)
    uninterrupted = train(AESeparator, data, random_state=None)
    assert resume(AESeparator, tmp_path, data, random_state=None) == uninterrupted


def train_and_die(folder, data):
    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    callbacks = [At("batch", 3, die)]
    AESeparator(**QUICK, checkpoint=folder, callbacks=callbacks).fit(*data)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_training_resumes_after_a_kill(data, tmp_path, whole):
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=train_and_die, args=(tmp_path, data))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert resume(AESeparator, tmp_path, data) == whole


# --- Checkpoint(folder, every) --------------------------------------------------------


def n_epochs_saved(folder):
    """Number of epochs in the checkpoint, 0 where there is none."""
    if not file_in(folder).exists():
        return 0
    return file_format.read(file_in(folder), "checkpoint")[0]["n_epochs"]


@pytest.mark.parametrize(
    ("every", "expected"),
    [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 0, 2, 2, 4, 5]), (9, [0, 0, 0, 0, 0, 5])],
)
def test_checkpoint_saves_every_so_many_epochs_and_the_last(
    every, expected, data, tmp_path
):
    saved = []
    look = [
        At("begin", epoch, lambda: saved.append(n_epochs_saved(tmp_path)))
        for epoch in range(1, 6)
    ]
    resume(AESeparator, tmp_path, data, every, max_epochs=5, callbacks=look)
    assert [*saved, n_epochs_saved(tmp_path)] == expected


@pytest.mark.parametrize("make", [str, lambda folder: folder, Checkpoint])
def test_checkpoint_of_a_folder_alone_saves_every_epoch(make, data, tmp_path, whole):
    folder = tmp_path / "deep" / "folder"
    train_until(AESeparator, folder, data, "end", 3)
    separator = AESeparator(**QUICK, checkpoint=make(folder))
    saved = []
    callbacks = [At("begin", 4, lambda: saved.append(n_epochs_saved(folder)))]
    separator.set_params(callbacks=callbacks).fit(*data)
    assert saved == [3]
    assert learned(separator, data[0]) == whole


def test_training_that_has_ended_is_loaded_whatever_else_is_set(data, tmp_path, whole):
    assert resume(AESeparator, tmp_path, data, every=3) == whole

    class NoTraining(Callback):
        def on_epoch_begin(self, net, **kwargs):
            raise AssertionError("nothing is left to do")

    others = {"verbose": 1, "callbacks": [NoTraining()]}
    assert resume(AESeparator, str(tmp_path), data, every=1, **others) == whole


def test_checkpoint_is_a_parameter_with_parameters(tmp_path):
    separator = AESeparator(checkpoint=Checkpoint(tmp_path))
    assert separator.get_params()["checkpoint__every"] == 1
    given = separator.checkpoint
    copied = clone(separator).set_params(checkpoint__every=5)
    assert (given.every, copied.checkpoint.every) == (1, 5)
    assert copied.checkpoint.folder == tmp_path
    for again in (pickle.loads(pickle.dumps(copied)), clone(copied)):
        assert repr(again) == repr(copied)
    assert "checkpoint=Checkpoint(every=5," in repr(copied)


@pytest.mark.parametrize(
    ("checkpoint", "message"),
    [
        (Checkpoint("folder", every=0), "'every' parameter of Checkpoint"),
        (Checkpoint("folder", every=1.5), "'every' parameter of Checkpoint"),
        (Checkpoint("folder", every="2"), "'every' parameter of Checkpoint"),
        (Checkpoint(None), "'folder' parameter of Checkpoint"),
        (3, "'checkpoint' parameter of AESeparator"),
        (True, "'checkpoint' parameter of AESeparator"),
    ],
)
def test_checkpoint_of_other_values_is_refused(
    checkpoint, message, data, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        AESeparator(**QUICK, checkpoint=checkpoint).fit(*data)
    assert not any(tmp_path.iterdir())


# --- callbacks ------------------------------------------------------------------------


class Counter(Callback):
    """Count batches, in a state that checkpoints save."""

    def on_train_begin(self, net, **kwargs):
        self.n_batches_, self.sums_ = 0, torch.zeros(2)

    def on_batch_end(self, net, losses, **kwargs):
        self.n_batches_ += 1
        self.sums_ += losses["reconstruction_loss"]

    def state_dict(self):
        return {"n_batches": self.n_batches_, "sums": self.sums_}

    def load_state_dict(self, state):
        self.n_batches_, self.sums_ = state["n_batches"], state["sums"]


def test_states_of_callbacks_are_restored(data, tmp_path):
    whole, resumed = Counter(), Counter()
    AESeparator(**QUICK, callbacks=[whole]).fit(*data)
    train_until(AESeparator, tmp_path, data, "batch", 3, callbacks=[Counter()])
    resume(AESeparator, tmp_path, data, callbacks=[resumed])
    assert resumed.n_batches_ == whole.n_batches_ == 8
    assert torch.equal(resumed.sums_, whole.sums_)
