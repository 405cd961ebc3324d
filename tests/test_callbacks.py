"""Callbacks of skorch at their defaults: their monitors, learning rates, states."""

import warnings

import numpy as np
import pytest
import torch
from cases import FAST, FILTERS, make_mixtures, states
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    LRScheduler,
    PrintLog,
    ProgressBar,
    TrainEndCheckpoint,
)
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau, StepLR
from trainings import QUICK, learned, resume, train, train_until

from sklearn_cass import AESeparator, CASSSeparator

pytestmark = [
    pytest.mark.usefixtures("generators_stand_still"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# --- losses in the history ----------------------------------------------------------


@pytest.mark.parametrize("cls", [AESeparator, CASSSeparator])
def test_history_holds_losses_as_skorch_records_them(cls, data):
    history = (
        cls(**FAST | {"max_epochs": 4, "validation_fraction": 0.3}).fit(*data).history_
    )
    sums = np.sum(history[:, "reconstruction_loss"], axis=1)
    np.testing.assert_allclose(history[:, "train_loss"], sums, rtol=1e-6)
    for name in ("train_loss", "valid_loss"):
        values, best = history[:, name], history[:, f"{name}_best"]
        assert all(type(value) is float for value in values)
        assert all(type(value) is bool for value in best)
        lowest = np.minimum.accumulate([np.inf, *values[:-1]])
        assert best == [bool(a < b) for a, b in zip(values, lowest, strict=True)]


@pytest.mark.parametrize("loss", ["snr", "mse", "relative"])
def test_valid_loss_is_the_loss_of_training(loss):
    # all samples are equal, and weights and mixtures stay as they are
    X, y = (np.repeat(array, 10, axis=0) for array in make_mixtures(1))
    settings = FAST | {"lr": 1e-30, "validation_fraction": 0.3, "remix": 0}
    settings |= {"network": FILTERS["network"], "reconstruction_loss": loss}
    history = AESeparator(**settings).fit(X, y).history_
    assert history[0, "valid_loss"] == pytest.approx(history[0, "train_loss"], rel=1e-5)


def test_valid_loss_calls_a_loss_of_ones_own_as_training_does(data):
    def loss(estimate, target):
        (gradient,) = torch.autograd.grad(estimate.square().sum(), estimate)
        assert torch.equal(gradient, 2 * estimate)
        return (estimate - target).square().mean()

    losses = (loss, "mse")
    own, usual = (
        train(AESeparator, data, **QUICK, reconstruction_loss=each) for each in losses
    )
    assert own["weights"] == usual["weights"]


# --- stopping -----------------------------------------------------------------------


def test_early_stopping_monitors_the_validation_loss(data):
    settings = QUICK | {"max_epochs": 20, "lr": 1e-30}
    separator = AESeparator(**settings, callbacks=[EarlyStopping()]).fit(*data)
    assert separator.n_iter_ == 1 + 5  # its patience


MONITORS = {
    "an object": [EarlyStopping()],
    "a class": [EarlyStopping],
    "named": [("stop", EarlyStopping())],
    "skorch's checkpoints": [Checkpoint()],
    "a scheduler": [LRScheduler("ReduceLROnPlateau", monitor="valid_error")],
}


@pytest.mark.parametrize("kind", MONITORS)
def test_monitor_without_a_validation_set_is_refused(kind, data):
    settings = QUICK | {"validation_fraction": None, "lr_schedule": "constant"}
    separator = AESeparator(**settings, callbacks=MONITORS[kind])
    with pytest.raises(ValueError, match="callbacks: .* monitors 'valid_.*_fraction"):
        separator.fit(*data)


def test_monitor_of_a_score_of_ones_own_works(data):
    def score(net, X, y):
        return float(len(net.history))

    scoring = EpochScoring(score, name="valid_loss", on_train=True)
    settings = QUICK | {"validation_fraction": None, "max_epochs": 9}
    callbacks = [scoring, EarlyStopping(patience=2)]
    separator = AESeparator(**settings, callbacks=callbacks).fit(*data)
    assert separator.n_iter_ == 3


# --- learning rates -----------------------------------------------------------------


class Rates(Callback):
    """Record both learning rates of every step."""

    def on_train_begin(self, net, **kwargs):
        self.rates_ = []

    def on_grad_computed(self, net, **kwargs):
        self.rates_.append([o.param_groups[0]["lr"] for o, _ in net.learning_rates()])


def rates_of(cls, data, callbacks, **settings):
    rates = Rates()
    cls(**QUICK | settings, callbacks=[*callbacks, rates]).fit(*data)
    return np.array(rates.rates_)


def test_constant_leaves_the_rates_to_a_scheduler(data):
    given = {"lr_schedule": "constant", "max_epochs": 3, "lr": 0.1}
    scheduler = LRScheduler(StepLR, step_size=1, gamma=0.5)
    rates = rates_of(CASSSeparator, data, [scheduler], **given)
    by_epoch = rates.reshape(3, -1, 2)
    np.testing.assert_allclose(by_epoch[..., 0], [[0.1] * 4, [0.05] * 4, [0.025] * 4])
    assert (rates[:, 1] == 2e-3).all()  # the scheduler drives one optimizer


def test_plateau_lowers_the_rate(data):
    given = {"lr_schedule": "constant", "max_epochs": 4, "lr": 1e-30}
    scheduler = LRScheduler("ReduceLROnPlateau", patience=1, eps=0)
    rates = rates_of(AESeparator, data, [scheduler], **given)
    assert rates[0] == 1e-30
    assert rates[-1] == pytest.approx(1e-31, rel=1e-6)


@pytest.mark.parametrize("callbacks", [[LRScheduler], [("a", LRScheduler())]])
def test_scheduler_beside_the_cosine_is_warned_of(callbacks, data):
    with pytest.warns(UserWarning, match="LRScheduler has no effect .*'constant'"):
        found = AESeparator(**QUICK, callbacks=callbacks).fit(*data)
    assert learned(found, data[0])["weights"] == train(AESeparator, data)["weights"]


def test_warm_start_restarts_the_rates(data):
    settings = QUICK | {"lr": 0.1, "warm_start": True}
    separator = CASSSeparator(**settings).fit(*data)  # ends at a rate of 0
    rates = Rates()
    changes = {"lr_schedule": "constant", "lr": 0.2, "max_epochs": 1}
    separator.set_params(**changes, callbacks=[rates]).fit(*data)
    assert {tuple(pair) for pair in rates.rates_} == {(0.2, 2e-3)}
    # a scheduler goes on from the fifth epoch
    scheduler = LRScheduler(StepLR, step_size=5, gamma=0.5)
    separator.set_params(callbacks=[scheduler, rates]).fit(*data)
    assert {tuple(pair) for pair in rates.rates_} == {(0.1, 2e-3)}


# --- checkpoints --------------------------------------------------------------------


STATES = {
    "early stopping": lambda: EarlyStopping("epoch", patience=4),
    "plateau": lambda: LRScheduler(ReduceLROnPlateau, patience=0, threshold=0.5),
    "steps": lambda: LRScheduler(StepLR, step_size=2, gamma=0.5),
    "warm restarts": LRScheduler,
    "cycles": lambda: LRScheduler(
        OneCycleLR, max_lr=0.1, total_steps=30, step_every="batch"
    ),
}


@pytest.mark.parametrize("kind", STATES)
@pytest.mark.parametrize("moment", [("batch", 3), ("begin", 5)])
def test_training_with_callbacks_of_skorch_resumes(kind, moment, data, tmp_path):
    make = STATES[kind]
    settings = {"lr_schedule": "constant", "max_epochs": 7, "lr": 0.05}
    folder = tmp_path / "folder"
    train_until(AESeparator, folder, data, *moment, callbacks=[make()], **settings)
    resumed = resume(AESeparator, folder, data, callbacks=[make()], **settings)
    assert resumed == train(AESeparator, data, callbacks=[make()], **settings)


@pytest.mark.parametrize("cls", [AESeparator, CASSSeparator])
def test_checkpoint_of_skorch_writes_the_best_autoencoders(cls, data, tmp_path):
    settings = QUICK | {"lr": 3.0, "lr_schedule": "constant", "max_epochs": 6}
    separator = cls(**settings, callbacks=[Checkpoint(load_best=True)]).fit(*data)
    names = {"params.pt", "optimizer.pt", "criterion.pt", "history.json"}
    assert {path.name for path in tmp_path.iterdir()} == names
    saved = torch.load(tmp_path / "params.pt")
    for name, value in states(separator)[0].items():
        assert torch.equal(saved[name], value)
    last_best = np.flatnonzero(separator.history_[:, "valid_loss_best"])[-1]
    assert last_best == np.argmin(separator.history_[:, "valid_loss"])


@pytest.mark.parametrize("callback", [PrintLog, ProgressBar, TrainEndCheckpoint])
def test_other_callbacks_of_skorch_work_at_their_defaults(callback, data, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="the estimates of component")
        separator = AESeparator(**QUICK, callbacks=[callback()]).fit(*data)
    assert learned(separator, data[0])["weights"] == train(AESeparator, data)["weights"]
