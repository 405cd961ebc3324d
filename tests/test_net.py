"""The training algorithm: what each step updates, computes and records."""

import numpy as np
import pytest
import torch
from cases import equal_states
from nets import K, Rows, make_net, make_rows
from skorch.callbacks import Callback
from torch.utils.data import TensorDataset

from sklearn_cass import ResNet9
from sklearn_cass.training import losses
from sklearn_cass.training.batches import Batches
from sklearn_cass.training.callbacks import FiniteGuard, LearningRates, cosine_factor
from sklearn_cass.training.remixing import Mixer, as_remix

pytestmark = pytest.mark.usefixtures("generators_stand_still")


@pytest.fixture
def batch():
    return make_rows(4)


def snapshot(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


# --- modules and optimizers ------------------------------------------------


def test_modules_and_optimizers_are_registered():
    net = make_net()
    for name in ("module", "discriminators"):
        assert name in net._modules
        assert name in net.prefixes_
        assert name + "_" in net.cuda_dependent_attributes_
    assert {"optimizer", "discriminator_optimizer"} <= set(net._optimizers)
    learnable = {id(p) for _, p in net.get_all_learnable_params()}
    for module in (net.module_, net.discriminators_):
        assert {id(p) for p in module.parameters()} <= learnable


def test_parameters_of_both_modules_can_be_set():
    net = make_net()
    narrow, wide = ResNet9(n_filters=5), ResNet9(n_filters=8, discriminator_scale=0.5)
    net.set_params(discriminators__network=wide, module__network=narrow)
    net.initialize()
    assert net.discriminators_[0].encoder.stem[1].out_channels == 4
    assert net.module_[0].encoder.stem[1].out_channels == 5


def test_weights_of_both_modules_come_back_from_files(tmp_path):
    net, other = make_net(seed=1), make_net(seed=2)
    files = {
        "f_params": tmp_path / "module.pt",
        "f_discriminators": tmp_path / "discriminators.pt",
    }
    net.save_params(**files)
    assert not equal_states(net.module_.state_dict(), other.module_.state_dict())
    other.load_params(**files)
    assert equal_states(net.module_.state_dict(), other.module_.state_dict())
    a, b = net.discriminators_, other.discriminators_
    assert equal_states(a.state_dict(), b.state_dict())


def test_modules_are_moved_to_the_device():
    # "meta" stands in for a device that not every machine has
    net = make_net(device="meta")
    for _, parameter in net.get_all_learnable_params():
        assert parameter.device.type == "meta"


def test_optimizers_have_the_parameters_of_one_role():
    net = make_net(lr=0.1, discriminator_lr=0.2)
    pairs = [
        (net.optimizer_, net.module_, 0.1),
        (net.discriminator_optimizer_, net.discriminators_, 0.2),
    ]
    for optimizer, module, lr in pairs:
        (group,) = optimizer.param_groups
        assert group["lr"] == lr
        assert {id(p) for p in group["params"]} == {id(p) for p in module.parameters()}


def test_train_step_updates_all_weights_of_both_roles(batch):
    # stepped twice: at first, the convolutions' biases get no gradient worth a step
    net = make_net(cross_weights=np.ones((K, K)) - np.eye(K))
    modules = (net.module_, net.discriminators_)
    before = [snapshot(module) for module in modules]
    net.train_step(batch)
    for module, state in zip(modules, before, strict=True):
        for name, parameter in module.named_parameters():
            assert not torch.equal(parameter, state[name]), name


def forward(net, batch):
    net._set_training(True)
    mixture, targets = net.maps(*batch)
    return net.module_(mixture), targets


def test_discriminator_step_updates_discriminators_alone(batch):
    net = make_net(cross_weights=np.ones((K, K)) - np.eye(K))
    estimates, targets = forward(net, batch)
    before, others = snapshot(net.module_), snapshot(net.discriminators_)
    net.discriminator_step(estimates, targets, [], batch)
    assert equal_states(net.module_.state_dict(), before)
    assert all(p.grad is None for p in net.module_.parameters())
    assert not equal_states(net.discriminators_.state_dict(), others)


def test_autoencoder_step_updates_autoencoders_alone(batch):
    net = make_net()
    estimates, targets = forward(net, batch)
    before, others = snapshot(net.discriminators_), snapshot(net.module_)
    net.autoencoder_step(estimates, targets, batch)
    assert equal_states(net.discriminators_.state_dict(), before)
    for parameter in net.discriminators_.parameters():
        assert parameter.grad is None
        assert parameter.requires_grad
    assert not equal_states(net.module_.state_dict(), others)


def test_autoencoders_learn_from_the_updated_discriminators(batch):
    net = make_net(discriminator_lr=1.0)
    estimates, targets = forward(net, batch)
    outdated = [
        losses.accept_loss(d(e))
        for d, e in zip(net.discriminators_, estimates, strict=True)
    ]
    net.discriminator_step(estimates, targets, [], batch)
    updated = [
        losses.accept_loss(d(e)).item()
        for d, e in zip(net.discriminators_, estimates, strict=True)
    ]
    found = net.autoencoder_step(estimates, targets, batch)["adversarial_loss"].tolist()
    assert found == pytest.approx(updated, rel=1e-5)
    assert found != pytest.approx([loss.item() for loss in outdated], rel=1e-2)


@pytest.mark.parametrize("weighting", ["gradient", "literal"])
def test_gradient_at_the_decoder_is_that_of_eq_7(batch, weighting):
    net = make_net(loss_weighting=weighting)
    (estimate, *_), (target, *_) = forward(net, batch)
    leaf = estimate.detach().requires_grad_()
    mse = losses.reconstruction_loss(leaf, target)
    bce = losses.accept_loss(net.discriminators_[0](leaf))
    by_mse, by_bce = (torch.autograd.grad(x, leaf)[0] for x in (mse, bce))
    unit = by_mse.norm() / by_bce.norm() if weighting == "gradient" else 1
    expected = 0.9 * by_mse + 0.1 * unit * by_bce
    again = estimate.detach().requires_grad_()
    parts = losses.reconstruction_loss(again, target), net.adversarial_loss(0, again)
    assert torch.allclose(net.gradient(again, *parts), expected, rtol=1e-4)


# --- cost of a step -----------------------------------------------------------------


def test_estimates_are_computed_once_a_batch(batch):
    net = make_net(cross_weights=np.ones((K, K)) - np.eye(K))
    rows = Rows(net.module_)
    net.train_step(batch)
    assert rows.counts == [len(batch[0])] * K


@pytest.mark.parametrize(
    ("entries", "extra"),
    [
        ([], [0, 0, 0]),
        ([(0, 2)], [1, 0, 0]),
        ([(2, 0), (2, 1)], [0, 0, 2]),
        ([(0, 1), (1, 0), (2, 1)], [1, 1, 1]),
    ],
)
def test_cross_weights_of_zero_cost_nothing(batch, entries, extra):
    # each discriminator sees the truth, its estimate, and that again when the
    # autoencoders learn from it; in addition the estimates that it is to reject
    cross_weights = np.zeros((K, K))
    for entry in entries:
        cross_weights[entry] = 0.5
    net = make_net(cross_weights=cross_weights)
    rows = Rows(net.discriminators_)
    step = net.train_step(batch)
    assert rows.counts == [(3 + n) * len(batch[0]) for n in extra]
    assert [value > 0 for value in step["losses"]["cross_loss"]] == [
        n > 0 for n in extra
    ]


def test_cross_weight_i_j_weighs_discriminator_i_on_estimate_j(batch):
    cross_weights = np.zeros((K, K))
    cross_weights[0, 2] = 0.25
    net = make_net(cross_weights=cross_weights)
    estimates, targets = forward(net, batch)
    rejection = losses.reject_loss(net.discriminators_[0](estimates[2]))
    found = net.discriminator_step(estimates, targets, [], batch)["cross_loss"]
    assert found.tolist() == pytest.approx([0.25 * rejection.item(), 0, 0])


def test_net_without_discriminators_has_no_adversarial_losses(batch):
    net = make_net(adversarial=False)
    assert not hasattr(net, "discriminators_")
    assert net._modules == ["module"]
    assert set(net.train_step(batch)["losses"]) == {"reconstruction_loss"}


def test_train_step_returns_detached_losses(batch):
    step = make_net().train_step(batch)
    assert not step["loss"].requires_grad
    assert not any(value.requires_grad for value in step["losses"].values())
    assert step["loss"] == step["losses"]["reconstruction_loss"].sum()


def test_maps_of_mixtures_are_at_unit_level(batch):
    X, Y = batch
    net = make_net()
    mixture, targets = net.maps(1000 * X, 1000 * Y)
    rms = mixture.square().sum((1, 2, 3)).div(X[0].numel()).sqrt()
    assert torch.allclose(rms, torch.ones(4), rtol=1e-5)
    assert torch.allclose(sum(targets), mixture, rtol=1e-4, atol=1e-5)
    assert torch.allclose(mixture, net.maps(X, Y)[0], rtol=1e-4, atol=1e-6)


def test_maps_of_magnitudes_are_not_negative(batch):
    net = make_net(representation="magnitude")
    mixture, targets = net.maps(*batch)
    assert mixture.shape == batch[0].shape
    assert (mixture >= 0).all()
    assert all((target >= 0).all() for target in targets)


# --- over a training ----------------------------------------------------------------


class Steps(Callback):
    """Record the losses, the learning rates and the number of rows of every step."""

    def on_train_begin(self, net, **kwargs):
        self.rows_, self.losses_, self.rates_ = [], [], []

    def on_batch_end(self, net, batch=None, losses=None, **kwargs):
        self.rows_.append(len(batch[0]))
        self.losses_.append(losses)
        optimizers = (net.optimizer_, net.discriminator_optimizer_)
        self.rates_.append([o.param_groups[0]["lr"] for o in optimizers])


def test_history_holds_the_mean_over_the_rows():
    steps = Steps()
    weights = 0.1 * (np.ones((K, K)) - np.eye(K))
    net = make_net(callbacks=[steps], cross_weights=weights)
    net.partial_fit(TensorDataset(*make_rows(10)))
    assert steps.rows_ == [4, 4, 2]
    names = {"reconstruction_loss", "adversarial_loss", "discriminator_loss"}
    assert set(steps.losses_[0]) == names | {"cross_loss"}
    for name in steps.losses_[0]:
        values = np.array([step[name].tolist() for step in steps.losses_])
        expected = np.average(values, axis=0, weights=steps.rows_)
        assert net.history[-1, name] == pytest.approx(expected.tolist(), rel=1e-5)


def test_batches_hold_every_row_once_in_a_new_order():
    rows = TensorDataset(torch.arange(10))
    batches = Batches(rows, 4, torch.Generator().manual_seed(0))
    first, second = ([batch.tolist() for (batch,) in batches] for _ in range(2))
    assert [len(batch) for batch in first] == [4, 4, 2]
    assert len(batches) == 3
    for epoch in (first, second):
        assert sorted(sum(epoch, [])) == list(range(10))
    assert first != second


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_learning_rates_follow_the_schedule(schedule):
    steps = Steps()
    callbacks = [LearningRates(n_steps=6), steps] if schedule == "cosine" else [steps]
    net = make_net(callbacks=callbacks, lr=0.1, discriminator_lr=0.01, max_epochs=2)
    net.partial_fit(TensorDataset(*make_rows(10)))
    factors = [cosine_factor(step / 6) for step in range(6)]
    if schedule == "constant":
        factors = [1] * 6
    found = np.array(steps.rates_)
    np.testing.assert_allclose(found[:, 0], 0.1 * np.array(factors))
    np.testing.assert_allclose(found[:, 1], 0.01 * np.array(factors))


def test_cosine_rises_and_falls_to_zero():
    factors = np.array([cosine_factor(step / 1000) for step in range(1001)])
    top = factors.argmax()
    assert top == 100
    assert factors[top] == pytest.approx(1)
    assert (np.diff(factors[: top + 1]) > 0).all()
    assert (np.diff(factors[top:]) < 0).all()
    assert 0 < factors[0] < 0.2
    assert factors[-1] == pytest.approx(0, abs=1e-12)


def test_weights_and_order_depend_on_the_seed_alone():
    trained = []
    for seed, drawn in [(3, 0), (3, 100), (4, 0)]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(drawn)
            net = make_net(seed=seed, remix=1.0)
            trained.append(net.partial_fit(TensorDataset(*make_rows())))
    first, same, other = (net.module_.state_dict() for net in trained)
    assert equal_states(first, same)
    assert not equal_states(first, other)


def test_discriminators_do_not_change_the_autoencoders_draws():
    alone, both = make_net(adversarial=False, seed=3), make_net(seed=3)
    assert equal_states(alone.module_.state_dict(), both.module_.state_dict())
    a, b = (torch.rand(5, generator=net.generator_) for net in (alone, both))
    assert torch.equal(a, b)


def test_training_leaves_the_global_generator():
    # the fixture of this file compares the states
    make_net(remix=1.0).partial_fit(TensorDataset(*make_rows()))


class Spoil(Callback):
    """Make weights of the discriminators infinite at the end of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            next(net.discriminators_.parameters()).data.fill_(torch.inf)


def test_finite_guard_restores_finite_weights():
    net = make_net(callbacks=[Spoil(epoch=2), FiniteGuard()], max_epochs=5)
    with pytest.warns(match="epoch 2"):
        net.partial_fit(TensorDataset(*make_rows()))
    assert all(torch.isfinite(p).all() for _, p in net.get_all_learnable_params())


# --- dynamic mixing -------------------------------------------------------------------


def make_parts(n=16):
    """Mixtures with a residual, of whole numbers: sums of them are exact."""
    rng = np.random.default_rng(0)
    Y = torch.tensor(rng.integers(-1000, 1000, (n, K, 1, 3, 2)).astype(np.float32))
    residual = torch.tensor(rng.integers(-9, 9, (n, 1, 3, 2)).astype(np.float32))
    return Y.sum(1) + residual, Y, residual


def rows_of(part):
    return [tuple(row) for row in part.flatten(1).tolist()]


def remix(X, Y, share, generator):
    return Mixer(as_remix(share))(X, Y, generator)


@pytest.mark.parametrize("share", [0, 0.25, 0.5, 1])
def test_remixed_rows_are_sums_of_parts_of_the_batch(share):
    X, Y, residual = make_parts()
    generator = torch.Generator().manual_seed(0)
    X_new, Y_new = remix(X, Y, share, generator)
    changed = [a != b for a, b in zip(rows_of(X), rows_of(X_new), strict=True)]
    assert sum(changed) == share * len(X)
    kept = ~torch.tensor(changed)
    assert torch.equal(Y_new[kept], Y[kept])
    for k in range(K):
        assert set(rows_of(Y_new[:, k])) <= set(rows_of(Y[:, k]))
    assert set(rows_of(X_new - Y_new.sum(1))) <= set(rows_of(residual))


def test_remix_permutes_each_part_on_its_own():
    X, Y, residual = make_parts()
    X_new, Y_new = remix(X, Y, 1, torch.Generator().manual_seed(0))
    old = [*Y.unbind(1), residual]
    new = [*Y_new.unbind(1), X_new - Y_new.sum(1)]
    orders = []
    for before, after in zip(old, new, strict=True):
        assert sorted(rows_of(after)) == sorted(rows_of(before))
        orders.append(tuple(rows_of(before).index(row) for row in rows_of(after)))
    assert len(set(orders)) == K + 1


def test_remix_changes_no_argument_and_draws_from_the_generator():
    X, Y, _ = make_parts()
    before = X.clone(), Y.clone()
    seeds = (0, 0, 1)
    drawn = [remix(X, Y, 0.5, torch.Generator().manual_seed(s))[0] for s in seeds]
    assert torch.equal(X, before[0])
    assert torch.equal(Y, before[1])
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_remix_keeps_mixtures_whose_components_lack_their_channels():
    _, Y, _ = make_parts()
    X = torch.randn(16, 2, 3, 2, generator=torch.Generator().manual_seed(0))
    X_new, Y_new = remix(X, Y, 1, torch.Generator())
    assert X_new is X
    assert Y_new is Y


def test_remix_keeps_a_single_row():
    X, Y, _ = make_parts(1)
    X_new, Y_new = remix(X, Y, 1, torch.Generator())
    assert torch.equal(X_new, X)
    assert torch.equal(Y_new, Y)
