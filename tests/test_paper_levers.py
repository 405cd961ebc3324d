"""The tables of levers: what each changes, its losses, and the runs behind a line."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
from cases import WIDE, equal_states, make_mixtures, states
from sklearn.utils import Bunch
from skorch.callbacks import Callback
from trainings import begin, go_on, not_cut_off

from benchmarks.paper import data, estimators, lever_lines, levers, regimes, settings
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


# Lines --------------------------------------------------------------------------------


@pytest.mark.parametrize("table", lever_lines.tables(), ids=lambda t: f"{t}")
def test_every_line_can_be_made_and_differs_from_the_base_alone(table):
    first, *_ = table.lines
    base = table.task(first, 0).entries()
    for name, line in table.lines.items():
        task = table.task(name, 0)
        json.dumps(task.identity())
        assert task.measured_on == "choose"
        estimators.make(task.estimator, task.entries())
        changed = {k for k, v in task.entries().items() if base.get(k) != v}
        assert changed == set(line.parameters)


def test_lines_that_are_no_base_are_runs_of_their_own():
    for table in lever_lines.tables():
        first, *_ = table.lines
        lines = Counter(task.stem for task in table.tasks(0).values())
        del lines[table.task(first, 0).stem]
        assert set(lines.values()) == {1}


def test_the_base_follows_the_settings(monkeypatch):
    entries = settings.SETTINGS["best"]["ecg"]
    own = {"AESeparator": {"lr": 0.5}, "CASSSeparator": {"lr": 0.7}}
    more = entries | {"output": "affine", "compression": 0.25} | own
    monkeypatch.setitem(settings.SETTINGS["best"], "ecg", more)
    table = lever_lines.Table("quality", "ecg")
    base = table.task("base", 0).parameters()
    assert (base["output"], base["compression"]) == ("affine", 0.25)
    assert table.task("output-affine", 0) == table.task("base", 0)
    assert table.task("output-direct", 0).parameters()["output"] == "direct"
    assert table.task("lr-half", 0).parameters()["lr"] == 0.25
    assert base["max_epochs"] < entries["max_epochs"]


def test_waveforms_are_compared_where_networks_see_phases(monkeypatch):
    best = settings.SETTINGS["best"]
    monkeypatch.setitem(best, "ecg", best["ecg"] | {"representation": "magnitude"})
    lines = {e: lever_lines.quality_lines(e) for e in ("ecg", "ppg")}
    assert ["loss-waveform" in lines[e] for e in lines] == [False, True]


# The command --------------------------------------------------------------------------


def noise(sizes, seed, folder):
    """An experiment of noise, whose test rows cannot be used."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(18, 2, 64))
    test, choose, train = np.split(np.arange(18), [6, 12])
    y[test] = np.nan
    names = ["maternal", "fetal"]
    bunch = Bunch(data=y.sum(axis=1), target=y, component_names=names, sfreq=1)
    return data.Experiment(bunch, {"train": train, "choose": choose, "test": test})


SMALL = {
    "stft": {"n_fft": 8, "hop_length": 4},
    "n_filters": 2,
    "n_latent": 2,
    "batch_size": 4,
    "max_epochs": 1,
}


@pytest.fixture
def tiny(monkeypatch):
    """Experiments that take no time."""
    data._made.cache_clear()
    for name in ("ecg", "ppg"):
        monkeypatch.setitem(data.EXPERIMENTS, name, noise)
        monkeypatch.setitem(settings.SETTINGS["best"], name, SMALL)
    monkeypatch.setattr(lever_lines, "FEWER", {"max_epochs": 1})
    monkeypatch.setattr(regimes, "BASE", regimes.BASE | SMALL)
    monkeypatch.delenv("SKLEARN_CASS_DATA", raising=False)
    yield
    data._made.cache_clear()


def run(folder, *arguments):
    levers.main([*arguments, "--output", str(folder)])
    return (folder / "levers.md").read_text()


def times_of(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")}


def test_the_page_lists_every_lever(tiny, tmp_path):
    page = run(tmp_path, "ecg", "--seeds", "1")
    tables = lever_lines.tables(["ecg"])
    cells = [line.split("|")[1].strip() for line in page.splitlines() if "|" in line]
    for table in tables:
        for line in table.lines.values():
            assert line.about in cells
    runs = {task.stem for table in tables for task in table.tasks(0).values()}
    assert len(times_of(tmp_path)) == len(runs)
    assert "python -m benchmarks.paper.levers ecg --seeds 1" in page
    assert json.dumps(regimes.BASE) in page


def test_only_what_is_left_is_made(tiny, tmp_path, monkeypatch):
    lines = lever_lines.adversarial_lines("ecg")
    few = {name: lines[name] for name in ("AE", "cross", "hinge")}
    monkeypatch.setitem(lever_lines.LINES, "adversarial", lambda _: few)
    arguments = ("ecg", "--seeds", "2", "--only", "adversarial")
    page = run(tmp_path, *arguments)
    before = times_of(tmp_path)
    assert len(before) == 2 * len(few)
    table = lever_lines.Table("adversarial", "ecg")
    removed = table.task("hinge", 1).path(tmp_path / "levers")
    removed.unlink()
    missing = levers.page(tmp_path / "levers", "again")
    (line,) = (row for row in missing.splitlines() if "hinge" in row)
    assert line.split("|")[-2].strip() == "1"
    again = run(tmp_path, *arguments)
    changed = {path for path, t in times_of(tmp_path).items() if before[path] != t}
    assert changed == {removed}

    def without_times(text):
        return [row.split("|")[:-3] for row in text.splitlines()]

    assert without_times(again) == without_times(page)


def test_another_experiment_leaves_what_is_on_the_page(tiny, tmp_path, monkeypatch):
    few = {"base": {}, "loss-mse": {"reconstruction_loss": "mse"}, "lr": {"lr": 1.0}}
    monkeypatch.setattr(lever_lines, "quality_changes", lambda *_: few)
    run(tmp_path, "ecg", "--seeds", "2", "--only", "quality")
    page = run(tmp_path, "ppg", "--seeds", "1")
    for title in ("ecg", "ppg"):
        assert data.TITLES[title] in page
    rows = [row.split("|")[1:-1] for row in page.splitlines() if row.startswith("| ")]
    ecg, ppg = (
        {row[0].strip(): [c.strip() for c in row[1:]] for row in half}
        for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :])
    )
    assert (ecg["lr 1.0"][-1], ppg["lr 1.0"][-1]) == ("2", "1")
    assert ecg["reconstruction_loss mse"] == ecg["base"]  # it is that run
    assert ecg["base"][-2] == "1.00 ± 0.00"
    assert "+0.0 [+0.0, +0.0]" in ecg["base"]
    assert "+0.0" in ppg["base"]  # one seed has no interval


def test_what_cannot_be_asked_for_is_refused(capsys):
    for arguments in (["nothing"], ["ppg", "--only", "adversarial"]):
        with pytest.raises(SystemExit):
            levers.options_of(arguments)
    assert "nothing" in capsys.readouterr().err


def test_without_recordings_what_needs_them_is_left_out(monkeypatch):
    monkeypatch.delenv("SKLEARN_CASS_DATA", raising=False)
    for arguments, n_tables in ([], 3), (["--data", "folder"], 4):
        assert len(levers.options_of(arguments).tables) == n_tables
