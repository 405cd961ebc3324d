"""The levers that the package lacks: what each changes, and by which losses."""

import numpy as np
import pytest
import torch
from cases import WIDE, equal_states, make_mixtures, states
from skorch.callbacks import Callback
from trainings import begin, go_on, not_cut_off

from benchmarks.paper import estimators, lever_lines
from benchmarks.paper.lever_losses import (
    ADVERSARIES,
    MATCHED,
    gradient_penalty,
    smoothed,
    to_waveforms,
)
from benchmarks.paper.lever_net import LeverAESeparator, LeverCASSSeparator
from sklearn_cass import AESeparator, CASSSeparator
from sklearn_cass.metrics import relative_error
from sklearn_cass.nn import divisor, level, to_map

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SETTINGS = WIDE | {"max_epochs": 3, "batch_size": 4}
CROSS = SETTINGS | {"cross_weights": 0.3}
N_STEPS = 9  # 12 rows
PAIRS = [
    (AESeparator, LeverAESeparator, SETTINGS),
    (CASSSeparator, LeverCASSSeparator, CROSS),
]
ADVERSARIAL = {
    name: line.parameters["levers"]
    for name, line in lever_lines.adversarial_lines("ecg").items()
    if line.estimator == "LeverCASSSeparator"
}


class Weights(Callback):
    """Keeps the autoencoders' weights, before the training and after every step."""

    def on_train_begin(self, net, **kwargs):
        self.states_ = [snapshot(net)]

    def on_batch_end(self, net, **kwargs):
        self.states_.append(snapshot(net))


def snapshot(net):
    return {name: value.clone() for name, value in net.module_.state_dict().items()}


def fitted(cls, settings, **more):
    return cls(**settings, **more).fit(*make_mixtures())


def same_weights(one, other):
    return all(map(equal_states, states(one), states(other)))


# Separators with levers ---------------------------------------------------------------


@pytest.mark.parametrize(("plain", "cls", "settings"), PAIRS)
def test_without_levers_the_training_is_the_packages(plain, cls, settings):
    expected = fitted(plain, settings)
    off = {"averaging": 0.0, "warm_up": 0.0, "true_label": 1.0, "penalty": 0.0}
    for none in (None, {}, off, {"waveforms": False}):
        found = fitted(cls, settings, levers=none)
        assert same_weights(found, expected)
        for new, old in zip(found.history_, expected.history_, strict=True):
            assert {**new, "dur": 0} == {**old, "dur": 0}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_every_adversarial_lever_changes_the_autoencoders(name):
    base = fitted(CASSSeparator, CROSS)
    found = fitted(LeverCASSSeparator, CROSS, levers=ADVERSARIAL[name])
    assert not equal_states(states(found)[0], states(base)[0])
    last = found.history_[-1]
    assert np.isfinite([last["discriminator_loss"], last["adversarial_loss"]]).all()


@pytest.mark.parametrize("levers", [{"averaging": 0.9}, {"waveforms": True}])
def test_every_lever_of_autoencoders_changes_them(levers):
    base = fitted(AESeparator, SETTINGS)
    assert not same_weights(fitted(LeverAESeparator, SETTINGS, levers=levers), base)


def test_levers_are_a_parameter():
    separator = LeverCASSSeparator(levers={"penalty": 1.0}, beta=0.3)
    parameters = separator.get_params()
    assert parameters.keys() == {*CASSSeparator().get_params(), "levers"}
    assert (parameters["levers"], parameters["beta"]) == ({"penalty": 1.0}, 0.3)


def test_a_lever_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="smoothness"):
        fitted(LeverAESeparator, SETTINGS, levers={"smoothness": 1})


@pytest.mark.parametrize("share", [1 / 3, 0.5, 1])
def test_until_warm_up_ends_the_autoencoders_learn_alone(share):
    alone, warmed = Weights(), Weights()
    fitted(AESeparator, SETTINGS, callbacks=[alone])
    levers = {"warm_up": share}
    separator = fitted(LeverCASSSeparator, CROSS, levers=levers, callbacks=[warmed])
    same = list(map(equal_states, alone.states_, warmed.states_))
    n_same = int(np.ceil(N_STEPS * share)) + 1  # the first are the initial weights
    assert same == [True] * n_same + [False] * (N_STEPS + 1 - n_same)
    # the discriminators do not wait
    assert separator.history_[-1]["discriminator_loss"] != pytest.approx(
        separator.history_[0]["discriminator_loss"], rel=1e-6
    )


def test_averaged_weights_are_those_of_the_recursion():
    weights = Weights()
    levers = {"averaging": 0.7}
    separator = fitted(LeverAESeparator, SETTINGS, levers=levers, callbacks=[weights])
    first, *others = weights.states_
    assert len(others) == N_STEPS
    for name, found in separator.net_.module_.state_dict().items():
        average = first[name].numpy().astype(float)
        for state in others:
            average = 0.7 * average + 0.3 * state[name].numpy()
        if found.is_floating_point():
            np.testing.assert_allclose(found.numpy(), average, rtol=1e-4, atol=1e-6)
        else:
            assert found == others[-1][name]


def test_averaging_leaves_the_training_alone():
    plain, averaged = Weights(), Weights()
    fitted(CASSSeparator, CROSS, callbacks=[plain])
    levers = {"averaging": 0.9}
    fitted(LeverCASSSeparator, CROSS, levers=levers, callbacks=[averaged])
    assert all(map(equal_states, plain.states_, averaged.states_))


@pytest.mark.parametrize("levers", [{"averaging": 0.9}, {"warm_up": 0.6}])
def test_a_training_cut_off_goes_on_with_its_levers(levers, tmp_path):
    X_y = make_mixtures()
    begin(LeverCASSSeparator, tmp_path, X_y, moment="batch", levers=levers)
    found = go_on(LeverCASSSeparator, tmp_path, X_y, levers=levers)
    assert found == not_cut_off(LeverCASSSeparator, X_y, levers=levers)


# Losses -------------------------------------------------------------------------------


def test_losses_of_logits_in_closed_form():
    true, estimate = np.random.default_rng(0).normal(scale=2, size=(2, 50))

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    expected = {  # accept, reject, fool
        "cross-entropy": (
            -np.log(sigmoid(true)),
            -np.log(1 - sigmoid(estimate)),
            -np.log(sigmoid(estimate)),
        ),
        "least-squares": (
            ((1 + true) / 2 - 1) ** 2 / 2,
            ((1 + estimate) / 2) ** 2 / 2,
            ((1 + estimate) / 2 - 1) ** 2 / 2,
        ),
        "hinge": (
            np.maximum(0, 1 - true),
            np.maximum(0, 1 + estimate),
            -estimate,
        ),
    }
    assert expected.keys() == ADVERSARIES.keys()
    seen = [torch.tensor(logits) for logits in (true, estimate, estimate)]
    for name, values in expected.items():
        for loss, logits, value in zip(ADVERSARIES[name], seen, values, strict=True):
            assert loss(logits).item() == pytest.approx(value.mean())


@pytest.mark.parametrize("label", [1.0, 0.9, 0.5])
def test_smoothed_cross_entropy_has_its_least_value_at_the_label(label):
    logits = torch.linspace(-4, 4, 801, dtype=torch.float64)
    adversary = ADVERSARIES["cross-entropy"]
    values = [smoothed(adversary, label, logit).item() for logit in logits]
    probability = logits.sigmoid().numpy()
    expected = -label * np.log(probability) - (1 - label) * np.log(1 - probability)
    np.testing.assert_allclose(values, expected)
    if label < 1:
        assert probability[np.argmin(values)] == pytest.approx(label, abs=0.01)


def test_gradient_penalty_of_a_known_function():
    x = torch.randn(5, 2, 3, 4, generator=torch.Generator().manual_seed(0))
    x = x.double().requires_grad_()
    a = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    penalty = gradient_penalty(a * x.square().sum((1, 2, 3)), x, 10.0)
    power = x.detach().square().sum((1, 2, 3)).mean()
    assert penalty.item() == pytest.approx((5 * (2 * a) ** 2 * power).item())
    (slope,) = torch.autograd.grad(penalty, a)  # it can be learned from
    assert slope.item() == pytest.approx((5 * 8 * a * power).item())


def test_penalty_pulls_the_discriminators_slopes_down():
    def slopes(penalty):
        levers = {"penalty": penalty}
        settings = CROSS | {"discriminator_lr": 1e-2, "max_epochs": 8}
        separator = fitted(LeverCASSSeparator, settings, levers=levers)
        X, y = make_mixtures()
        z = separator.domains_.components(y)[:, 0]
        maps = to_map((z / divisor(level(z))).to(torch.complex64)).requires_grad_()
        logits = separator.net_.discriminators_[0](maps)
        return torch.autograd.grad(logits.sum(), maps)[0].norm()

    assert slopes(1e4) < 0.5 * slopes(0.0)


def test_feature_means_match_where_single_features_need_not():
    features = torch.randn(6, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    turned = features.roll(1, 0)
    batch, sample = MATCHED["batch"], MATCHED["sample"]
    torch.testing.assert_close(batch(features), batch(turned))
    assert not torch.allclose(sample(features), sample(turned))


@pytest.mark.parametrize("matching", MATCHED)
def test_feature_matching_of_the_truth_is_perfect(matching):
    levers = {"matching": matching}
    net = fitted(LeverCASSSeparator, CROSS, levers=levers).net_
    maps = torch.randn(4, 2, 9, 9, generator=torch.Generator().manual_seed(0))
    net.targets_ = [maps, 2 * maps]
    assert net.adversarial_loss(0, maps).item() == 0
    assert net.adversarial_loss(1, maps).item() > 0


# Waveforms ----------------------------------------------------------------------------


def test_waveforms_of_maps_are_those_they_were_made_from():
    X, y = make_mixtures()
    domains = fitted(AESeparator, SETTINGS).domains_
    z = domains.components(y)[:, 0]
    found = to_waveforms(to_map(z), domains.stft, domains.n_times)
    norm = np.linalg.norm(domains.stft.window_)
    np.testing.assert_allclose(found[:, 0], norm * y[:, 0], rtol=1e-5, atol=1e-5)


def test_waveforms_have_about_the_level_of_their_maps():
    y = np.random.default_rng(0).normal(size=(20, 2, 1024))
    stft = {"stft": estimators.STFTTransformer(n_fft=32, hop_length=8)}
    settings = SETTINGS | stft | {"n_filters": 1, "max_epochs": 1, "batch_size": 20}
    domains = AESeparator(**settings).fit(y.sum(axis=1), y).domains_
    maps = to_map(domains.components(y)[:, 0])
    waves = to_waveforms(maps, domains.stft, domains.n_times)
    rms_of_map = maps.square().sum(1).mean().sqrt()
    assert waves.square().mean().sqrt() == pytest.approx(rms_of_map.item(), rel=0.1)


def test_the_loss_of_waveforms_is_their_relative_error():
    settings = SETTINGS | {"remix": 0.0, "reconstruction_loss": "relative"}
    separator = fitted(LeverAESeparator, settings, levers={"waveforms": True})
    X, y = make_mixtures()
    expected = relative_error(y, separator.transform(X))
    net, domains = separator.net_, separator.domains_
    rows = (domains.mixtures(X), domains.components(y))
    mixture, targets = net.maps(*(z.to(torch.complex64) for z in rows))
    net._set_training(False)
    estimates = net.module_(mixture)
    found = net.autoencoder_step(estimates, targets)["reconstruction_loss"]
    np.testing.assert_allclose(found, expected.mean(axis=0), rtol=1e-3)
