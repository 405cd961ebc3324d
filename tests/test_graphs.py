"""Steps recorded as graphs: the training is the same. The CPU stands in for a GPU."""

import copy

import numpy as np
import pytest
import torch
from cases import make_mixtures
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback, Freezer, GradientNormClipping

from sklearn_cass import AESeparator, CASSSeparator, GANSeparator, ResNet9
from sklearn_cass.training import CASSNet, losses
from sklearn_cass.training.graphs import MAX_RECORDINGS, N_WARM_UP, StepGraphs
from sklearn_cass.training.losses import relative_loss

SETTINGS = {
    "network": ResNet9(n_filters=2, n_latent=4),
    "max_epochs": 3,
    "batch_size": 3,
    "random_state": 0,
    "device": "cpu",
    "optimizer": "adam",
}
DATA = make_mixtures(22)  # seven batches of three rows, and one of a single row


class Graph:
    """Stand-in for a CUDA graph: replaying runs the function anew."""

    def __init__(self, net):
        self.net = net

    def record(self, function):
        """Return outputs without values, and leave everything as it was."""
        modules = self.net.trained_modules().values()
        moments = [optimizer.state for optimizer, _ in self.net.learning_rates()]
        before = [copy.deepcopy(module.state_dict()) for module in modules]
        kept = [{p: copy.copy(state) for p, state in m.items()} for m in moments]
        copies = copy.deepcopy([list(m.values()) for m in kept])
        self.outputs = {name: x.fill_(torch.nan) for name, x in function().items()}
        for module, state in zip(modules, before, strict=True):
            module.load_state_dict(state)
        for states, values in zip(kept, copies, strict=True):
            for state, value in zip(states.values(), values, strict=True):
                for name in state:
                    state[name].copy_(value[name])
        self.function = function
        return self.outputs

    def replay(self):
        for name, value in self.function().items():
            self.outputs[name].copy_(value)


class Streams:
    """Stand-in for the streams of a device."""

    def __init__(self, net):
        self.net, self.n_graphs, self.n_run = net, 0, 0

    def new_graph(self):
        self.n_graphs += 1
        return Graph(self.net)

    def recover(self):
        pass

    def run(self, function):
        self.n_run += 1
        return function()

    def each(self, function):
        return [function(i) for i in range(len(self.net.module_))]


@pytest.fixture
def recorded(monkeypatch):
    """Record steps on the CPU; the streams of the last training."""
    found = []

    def new_graphs(net):
        found[:] = [Streams(net)]
        return StepGraphs(found[0])

    monkeypatch.setattr(CASSNet, "new_graphs", new_graphs)
    monkeypatch.setattr(CASSNet, "uses_threads", False)
    return found


def assert_same_training(cls, settings, recorded, monkeypatch, n_graphs, data=DATA):
    separator = cls(**settings).fit(*data)
    assert recorded[0].n_graphs == n_graphs
    with monkeypatch.context() as patch:
        patch.setattr(CASSNet, "new_graphs", lambda net: None)
        expected = cls(**settings).fit(*data)
    names = [n for n in expected.history_[0] if "_loss_" in n and "best" not in n]
    for name in names:
        np.testing.assert_allclose(
            separator.history_[:, name], expected.history_[:, name], rtol=1e-4
        )
    for name in ("train_loss", "train_batch_size"):
        np.testing.assert_allclose(
            separator.history_[:, "batches", :, name],
            expected.history_[:, "batches", :, name],
            rtol=1e-4,
        )
    for a, b in zip(
        separator.net_.module_.parameters(),
        expected.net_.module_.parameters(),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


class Annealing(Callback):
    """Change the weight of the adversarial loss in each epoch."""

    def on_epoch_begin(self, net, **kwargs):
        net.beta = 0.1 * len(net.history)


KINDS = {"discriminator_conditional": True}
OF_BOTH = ResNet9(2, 4, **KINDS, discriminator_local=True)
OF_SIGNALS = ResNet9(2, 4, **KINDS, discriminator_waveform=True)
CASES = {
    "AE": (AESeparator, {}, DATA, 1),
    "muon": (CASSSeparator, {"optimizer": "muon"}, DATA, 1),
    "constant": (CASSSeparator, {"lr_schedule": "constant"}, DATA, 1),
    "GAN": (GANSeparator, {"remix": 0.5}, DATA, 1),
    # the single row of an epoch is recorded in the fourth
    "smaller last batch": (AESeparator, {"max_epochs": N_WARM_UP + 1}, DATA, 2),
    "conditional, local": (CASSSeparator, {"network": OF_BOTH}, DATA, 1),
    "conditional, on waveforms": (CASSSeparator, {"network": OF_SIGNALS}, DATA, 1),
    "unknown components": (
        CASSSeparator,
        {},
        (DATA[0], np.where(np.arange(22)[:, None, None] % 3, DATA[1], np.nan)),
        1,
    ),
    "drawn cross terms": (CASSSeparator, {}, make_mixtures(14, 5), 1),
    "settings that change": (CASSSeparator, {"callbacks": [Annealing()]}, DATA, 3),
    "frozen": (CASSSeparator, {"callbacks": [Freezer("*input*")]}, DATA, 1),
    "clipped": (CASSSeparator, {"callbacks": [GradientNormClipping(0.1)]}, DATA, 0),
    "a user's loss": (AESeparator, {"reconstruction_loss": relative_loss}, DATA, 0),
}


@pytest.mark.parametrize("case", CASES)
def test_recorded_training_is_the_same(case, recorded, monkeypatch):
    cls, settings, data, n_graphs = CASES[case]
    settings = SETTINGS | settings
    assert_same_training(cls, settings, recorded, monkeypatch, n_graphs, data)


def test_networks_that_draw_numbers_are_not_recorded(monkeypatch):
    separator = AESeparator(**SETTINGS | {"max_epochs": 1}).fit(*DATA)
    net = separator.net_
    net.device = "cuda"
    net.is_independent_ = False
    assert net.new_graphs() is None


def test_hooks_are_called_in_every_step(recorded):
    calls = []

    class Hook(Callback):
        def on_train_begin(self, net, **kwargs):
            net.module_[0].encoder.register_forward_hook(lambda *a: calls.append(1))

    AESeparator(**SETTINGS, callbacks=[Hook()]).fit(*DATA)
    assert recorded[0].n_graphs == 0
    assert len(calls) >= 3 * 8


def test_failed_recordings_warn_once_and_training_goes_on(recorded, monkeypatch):
    def fail(graph, function):
        raise RuntimeError("operation not permitted when stream is capturing\nat 0x1")

    monkeypatch.setattr(Graph, "record", fail)
    with pytest.warns(UserWarning, match="recorded.*: operation not permitted") as seen:
        AESeparator(**SETTINGS).fit(*DATA)
    assert len([w for w in seen if "recorded" in str(w.message)]) == 1
    assert recorded[0].n_run == 3 * 8


def test_settings_that_change_in_every_step_are_not_recorded_for_ever(recorded):
    class Restless(Callback):
        def on_batch_begin(self, net, **kwargs):
            # back and forth: each value has been seen before
            self.n = getattr(self, "n", 0) + 1
            net.beta = 0.01 * (self.n % 2)

    settings = SETTINGS | {"max_epochs": 12}
    CASSSeparator(**settings, callbacks=[Restless()]).fit(*DATA)
    assert recorded[0].n_graphs == MAX_RECORDINGS


def test_loss_that_is_not_finite_ends_the_training_alike(recorded, monkeypatch):
    # losses are checked after some batches, here at the end of the epoch
    def overflowing(estimate, target):
        return relative_loss(estimate, target) * torch.inf

    usual = losses.RECONSTRUCTION_LOSSES
    broken = usual | {"mse": overflowing}

    class Breaking(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 3:
                monkeypatch.setattr(losses, "RECONSTRUCTION_LOSSES", broken)
                net.reconstruction = "mse"

    fits = []
    for new_graphs in (CASSNet.new_graphs, lambda net: None):
        with monkeypatch.context() as patch:
            patch.setattr(CASSNet, "new_graphs", new_graphs)
            separator = AESeparator(**SETTINGS, callbacks=[Breaking()])
            with pytest.warns(ConvergenceWarning, match="stopped in epoch 3"):
                fits.append(separator.fit(*DATA))
        monkeypatch.setattr(losses, "RECONSTRUCTION_LOSSES", usual)
    assert [fit.n_iter_ for fit in fits] == [2, 2]
    for fit in fits:
        assert np.isfinite(fit.transform(DATA[0])).all()


def test_recordings_end_with_the_training(recorded):
    separator = AESeparator(**SETTINGS).fit(*DATA)
    assert "graphs" not in vars(separator.net_)


def test_copies_in_a_training_have_no_recordings(recorded):
    copies = []

    class Copying(Callback):
        def on_epoch_end(self, net, **kwargs):
            copies.append(copy.deepcopy(net))

    AESeparator(**SETTINGS, callbacks=[Copying()]).fit(*DATA)
    assert [net.graphs for net in copies] == [None] * 3


def test_callbacks_that_read_batches_find_their_losses(recorded):
    seen = []

    class Reading(Callback):
        def on_batch_end(self, net, **kwargs):
            seen.append(net.history[-1, "batches", -1, "train_loss"])

    separator = AESeparator(**SETTINGS, callbacks=[Reading()]).fit(*DATA)
    losses = separator.history_[:, "batches", :, "train_loss"]
    assert seen == [loss for epoch in losses for loss in epoch]
