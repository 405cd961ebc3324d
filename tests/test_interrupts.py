"""Ctrl-C leaves `fit`; a callback that raises KeyboardInterrupt ends the training."""

import contextlib
import signal
from functools import partial

import numpy as np
import pytest
from cases import TINY, NoEncoder, equal_states, states
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from skorch.callbacks import Callback, EarlyStopping
from trainings import QUICK, At, Gains, resume, train

from sklearn_cass import AESeparator, CASSSeparator, Modules
from sklearn_cass.training.interrupts import is_raised

pytestmark = [
    pytest.mark.usefixtures("generators_stand_still"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.fixture(autouse=True)
def default_handler():
    """Handle SIGINT as Python does by default, in the test."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press():
    """Send the signal of Ctrl-C to this process."""
    signal.raise_signal(signal.SIGINT)


# --- whether a callback raised it ---------------------------------------------------


def stop():
    raise KeyboardInterrupt


def stop_because_of_an_error():
    try:
        raise ValueError
    except ValueError as error:
        raise KeyboardInterrupt("enough") from error


def stop_from_a_context():
    with contextlib.suppress(ValueError):
        stop()


def stop_again():
    try:
        stop()
    except KeyboardInterrupt as error:
        raise error


RAISED = [stop, stop_because_of_an_error, stop_from_a_context, stop_again]


def press_in_a_loop():
    press()
    while True:
        pass


def press_in_a_context():
    with contextlib.suppress(ValueError):
        press()


def press_and_raise_again():
    try:
        press()
    except KeyboardInterrupt as error:
        raise error


def press_with_a_handler():
    def handle(unused, signum, frame):
        stop()

    signal.signal(signal.SIGINT, partial(handle, None))
    press()


PRESSED = [press, press_in_a_loop, press_in_a_context, press_and_raise_again]
PRESSED += [press_with_a_handler]


@pytest.mark.parametrize("end", RAISED + PRESSED)
def test_interrupt_is_told_from_a_stop(end):
    with pytest.raises(KeyboardInterrupt) as caught:
        end()
    assert is_raised(caught.value) == (end in RAISED)


# --- in a training ------------------------------------------------------------------


@pytest.fixture
def armed(monkeypatch):
    """Return a function after which `press_if_armed` presses Ctrl-C."""
    return lambda: monkeypatch.setattr(Pressing, "is_armed", True)


class Pressing(Callback):
    """Press Ctrl-C in a method, once that is armed."""

    is_armed = False

    def __init__(self, method):
        setattr(self, method, press_if_armed)


def press_if_armed(*args, **kwargs):
    if Pressing.is_armed:
        press()


class PressingGains(Gains):
    """Press Ctrl-C in a step of the training."""

    def forward(self, features):
        if self.training:
            press_if_armed()
        return super().forward(features)


def pressing_loss(estimate, target):
    press_if_armed()
    return (estimate - target).square().mean()


METHODS = ("train_begin", "epoch_begin", "batch_begin", "grad_computed", "batch_end")
MOMENTS = {
    "loss": {"reconstruction_loss": pressing_loss},
    "network": {"network": Modules(NoEncoder, PressingGains)},
    **{
        method: {"callbacks": [Pressing(f"on_{method}")]}
        for method in [*METHODS, "epoch_end", "train_end"]
    },
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_interrupt_leaves_fit(data, moment, armed):
    separator = AESeparator(**QUICK | MOMENTS[moment])
    warm = AESeparator(**QUICK | MOMENTS[moment], warm_start=True)
    fitted = AESeparator(**QUICK | MOMENTS[moment]).fit(*data)
    before = states(warm.fit(*data))
    armed()
    for unfitted in (separator, fitted):
        with pytest.raises(KeyboardInterrupt):
            unfitted.fit(*data)
        with pytest.raises(NotFittedError):
            unfitted.transform(data[0])
    with pytest.raises(KeyboardInterrupt):
        warm.fit(*data)
    assert all(map(equal_states, states(warm), before))
    assert warm.n_iter_ == QUICK["max_epochs"]


def test_interrupt_notifies_callbacks_of_the_end(data):
    ends = []

    class End(Callback):
        def on_train_end(self, net, **kwargs):
            ends.append(len(net.history))
            raise ValueError("must not hide the interrupt")

    callbacks = [At("batch", 2, press), End()]
    with pytest.raises(KeyboardInterrupt):
        CASSSeparator(**QUICK, callbacks=callbacks).fit(*data)
    assert ends == [2]


def search(separator, X, y):
    return GridSearchCV(separator, {"lr": [1e-3, 1e-2]}, cv=2).fit(X, y).cv_results_


def scores(separator, X, y):
    return cross_val_score(separator, X, y, cv=3)


@pytest.mark.parametrize("evaluate", [search, scores])
def test_interrupt_leaves_searches(evaluate, data):
    separator = AESeparator(**QUICK, callbacks=[At("batch", 3, press)])
    with pytest.raises(KeyboardInterrupt):
        evaluate(separator, *data)


@pytest.mark.parametrize("moment", [("batch", 1), ("begin", 3), ("end", 4)])
def test_interrupted_training_is_resumed(moment, data, tmp_path):
    callbacks = [At(*moment, press)]
    with pytest.raises(KeyboardInterrupt):
        AESeparator(**QUICK, checkpoint=tmp_path, callbacks=callbacks).fit(*data)
    assert resume(AESeparator, tmp_path, data) == train(AESeparator, data)


# --- callbacks that stop ------------------------------------------------------------


def test_early_stopping_of_skorch_ends_the_training(data):
    stopping = EarlyStopping("epoch", patience=2)  # never better than the first
    settings = TINY | {"max_epochs": 9, "callbacks": [stopping]}
    separator = CASSSeparator(**settings).fit(*data)
    assert separator.n_iter_ == 3
    assert np.isfinite(separator.transform(data[0])).all()


@pytest.mark.parametrize("method", ["on_train_begin", "on_epoch_begin", "on_train_end"])
def test_callback_may_stop_in_every_method(data, method):
    class Stop(Callback):
        pass

    def end(self, net, **kwargs):
        stop()

    setattr(Stop, method, end)
    separator = AESeparator(**TINY, callbacks=[Stop()]).fit(*data)
    assert separator.n_iter_ == (method == "on_train_end")
    assert separator.transform(data[0]).shape == data[1].shape
