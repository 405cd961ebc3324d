"""Checkpoints: trainings that go on where they were cut off."""

import multiprocessing
import os
import signal

import numpy as np
import pytest
import torch
from cases import SEPARATORS, make_mixtures
from skorch.callbacks import Callback
from trainings import QUICK, At, Gains, begin, go_on, not_cut_off

from sklearn_cass import AESeparator, STFTTransformer
from sklearn_cass.nn import Decoder, Encoder

pytestmark = [
    pytest.mark.usefixtures("generators_stand_still"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


NETWORKS = {"encoder": Encoder, "decoder": Decoder}


@pytest.fixture(scope="module")
def data():
    return make_mixtures(20)


@pytest.fixture(scope="module")
def whole(data):
    """What a training learns that nothing cuts off."""
    return not_cut_off(AESeparator, data)


# --- bit for bit --------------------------------------------------------------------


@pytest.mark.parametrize("cls", SEPARATORS)
def test_goes_on_as_if_not_cut_off(cls, data, tmp_path):
    for moment in [("batch", 1), ("begin", 2), ("batch", 3), ("end", 3), ("end", 4)]:
        begin(cls, tmp_path, data, *moment, **NETWORKS)
    uncut = not_cut_off(cls, data, **NETWORKS)
    assert go_on(cls, tmp_path, data, **NETWORKS) == uncut


class Dropping(Gains):
    """Draws from torch's global generator in every training step."""

    def forward(self, features):
        return torch.dropout(super().forward(features), 0.5, self.training)


KINDS = {
    "nothing held out": {"validation_fraction": None},
    "mixtures as given": {"remix": 0.0},
    "every second epoch": {"checkpoint_every": 2, "max_epochs": 5},
    "a network that draws": {"decoder": Dropping},
    "magnitudes and masks": {"representation": "magnitude", "output": "mask"},
    "bfloat16": {"precision": "bf16"},
    "constant learning rate": {"lr_schedule": "constant"},
    "transform": {"stft": STFTTransformer(n_fft=16)},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_training_goes_on(kind, data, tmp_path):
    begin(AESeparator, tmp_path, data, "batch", 3, **KINDS[kind])
    uncut = not_cut_off(AESeparator, data, **KINDS[kind])
    assert go_on(AESeparator, tmp_path, data, **KINDS[kind]) == uncut


@pytest.mark.parametrize("moment", [("batch", 3), ("end", 8), ("begin", 10)])
def test_early_stopping_goes_on(moment, data, tmp_path):
    # a learning rate far too high: the best weights are early ones
    settings = {"early_stopping": True, "lr": 3.0, "max_epochs": 30}
    settings |= {"lr_schedule": "constant", "optimizer": "adam"}
    uncut = not_cut_off(AESeparator, data, **settings)
    assert 10 < uncut["epochs"] < 30
    begin(AESeparator, tmp_path, data, *moment, **settings)
    assert go_on(AESeparator, tmp_path, data, **settings) == uncut
    assert go_on(AESeparator, tmp_path, data, **settings) == uncut


@pytest.mark.parametrize("dtype", [int, str, object])
def test_goes_on_with_labels(dtype, data, tmp_path):
    X, labels = data[0], (np.arange(20) % 3).astype(str).astype(dtype)
    begin(AESeparator, tmp_path, (X, labels))
    uncut = not_cut_off(AESeparator, (X, labels))
    assert go_on(AESeparator, tmp_path, (X, labels)) == uncut


def test_goes_on_with_the_random_state_it_began_with(data, tmp_path):
    first, again, other = map(np.random.RandomState, (5, 5, 6))
    begin(AESeparator, tmp_path, data, random_state=first)
    uncut = not_cut_off(AESeparator, data, random_state=again)
    assert go_on(AESeparator, tmp_path, data, random_state=other) == uncut


@pytest.fixture
def numpy_put_back():
    """For what draws from numpy's generator because it is given no other."""
    before = np.random.get_state()
    yield
    np.random.set_state(before)


def test_goes_on_where_no_random_state_is_given(data, tmp_path, numpy_put_back):
    np.random.seed(5)
    begin(AESeparator, tmp_path, data, random_state=None)
    np.random.seed(5)
    uncut = not_cut_off(AESeparator, data, random_state=None)
    assert go_on(AESeparator, tmp_path, data, random_state=None) == uncut


def train_and_die(folder, data):
    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    callbacks = [At("batch", 3, die)]
    AESeparator(**QUICK, checkpoint=folder, callbacks=callbacks).fit(*data)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_goes_on_after_a_kill(data, tmp_path, whole):
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=train_and_die, args=(tmp_path, data))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert go_on(AESeparator, tmp_path, data) == whole


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
    AESeparator(**QUICK, callbacks=[uncut]).fit(*data)
    begin(AESeparator, tmp_path, data, "batch", 3, callbacks=[Counter()])
    go_on(AESeparator, tmp_path, data, callbacks=[cut])
    assert cut.n_batches_ == uncut.n_batches_ == 8
    assert torch.equal(cut.sums_, uncut.sums_)
