"""The benchmark of learning from unlabelled mixtures: rows, methods, records, page."""

import numpy as np
import pytest
import torch
from cases import make_mixtures
from nets import K, make_net, make_rows

from benchmarks.unlabelled import __main__ as command
from benchmarks.unlabelled import methods, page, rows, runs
from benchmarks.unlabelled.mixit import MixtureInvariantNet
from benchmarks.unlabelled.rows import Rows, generated
from sklearn_cass import ResNet9
from sklearn_cass.training.entries import with_unknown

pytestmark = pytest.mark.filterwarnings("ignore:component 2 is silent")
SIGNALS = {"n_times": 64, "noise": "pink", "noise_db": (-8, -8)}


@pytest.fixture
def small(monkeypatch):
    """Generate few short rows, and train tiny networks for an epoch."""
    monkeypatch.setattr(rows, "N_ROWS", (6, 4, 3))
    monkeypatch.setattr(rows, "SIGNALS", SIGNALS)
    monkeypatch.setattr(rows, "N_NOISE", 2)
    network = ResNet9(n_filters=2, n_latent=4, output="affine")
    monkeypatch.setitem(methods.NETWORK, "network", network)
    for training in methods.TRAINING.values():
        monkeypatch.setitem(training, "max_epochs", 1)
    generated.cache_clear()
    yield
    generated.cache_clear()


def test_known_rows_are_clean_or_noise_and_the_others_are_sums_of_all(small):
    known, (X, y) = generated(0)
    np.testing.assert_array_equal(known.X, known.y.sum(axis=1))
    assert not known.y[:6, 2].any()
    assert not known.y[6:, :2].any()
    np.testing.assert_allclose(known.mixtures, known.truth.sum(axis=1))
    np.testing.assert_allclose(X, y.sum(axis=1))
    assert y.any(axis=2).all()  # noise, too


def test_known_unknown_and_tested_rows_differ(small):
    known, (X, _) = generated(0)
    all_rows = np.concatenate([known.X, known.mixtures, X])
    assert len(np.unique(all_rows.round(6), axis=0)) == len(all_rows)
    assert np.isnan(known.partly_known()[1][8:]).all()


@pytest.mark.parametrize("name", methods.METHODS)
def test_methods_use_truth_of_the_mixtures_only_as_the_ceiling(small, name):
    known, (X, _) = generated(0)
    hidden = Rows(known.X, known.y, known.mixtures)
    settings = {"max_epochs": 1, "batch_size": 4}
    fit = methods.METHODS[name].fit
    if name == "known":
        with pytest.raises((TypeError, ValueError)):
            fit(hidden, settings, 0)
        return
    estimates = [fit(r, settings, 0).transform(X) for r in (known, hidden)]
    np.testing.assert_array_equal(*estimates)


# --- mixture-invariant training -------------------------------------------------------


def invariant_net():
    net = make_net(adversarial=False, remix=0.0, optimizer=torch.optim.SGD)
    net.__class__ = MixtureInvariantNet
    return net


def test_perfect_estimates_of_two_mixtures_have_no_loss(monkeypatch):
    X, _ = make_rows(4)
    X = X / X.abs().square().mean((1, 2, 3), keepdim=True).sqrt()
    net = invariant_net()
    scale = (X[:2] + X[2:]).abs().square().mean((1, 2, 3), keepdim=True).sqrt()
    first, second = (net.mixture_maps(part / scale) for part in (X[:2], X[2:]))
    parts = [0.3 * first, second, 0.7 * first]
    monkeypatch.setattr(net, "estimates", lambda mixture: parts)
    assert net.invariant(X) < 1e-4
    parts[0] = 0.3 * second  # now no assignment gives both
    assert net.invariant(X) > 1


def test_mixtures_without_labels_train_all_pairs():
    X, Y = make_rows(8)
    known = torch.arange(8) < 2
    net = invariant_net()
    net.has_unknown = True
    before = [next(module.parameters()).clone() for module in net.module_]
    Y = with_unknown(Y, known[:, None].expand(-1, K), torch.nan)
    found = net.train_step((X, Y))["losses"]["reconstruction_loss"]
    assert torch.isfinite(found).all()
    for weight, module in zip(before, net.module_, strict=True):
        assert not torch.equal(weight, next(module.parameters()))


# --- the command ----------------------------------------------------------------------


def test_command_resumes_and_writes_the_page(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(runs, "CANDIDATES", {"regular": [{"beta": 0.3}]})
    options = ["--output", str(tmp_path / "records"), "--docs", str(tmp_path)]
    command.main(["generated", "--only", "ae", "labels", *options])
    assert len(capsys.readouterr().out.splitlines()) == 2
    command.main(["generated", "--only", "ae", "labels", *options])
    assert not capsys.readouterr().out
    command.main(["choice", *options])
    command.main(["page", *options])
    text = (tmp_path / "unlabelled.md").read_text()
    assert "beta0.3" in text
    for name in ("ae", "labels"):
        assert methods.METHODS[name].title in text
    assert (tmp_path / page.IMAGE).exists()


def test_windows_of_a_recording_are_equally_loud():
    X, _ = make_mixtures(4, n_times=6000)
    recording = type("Recording", (), {"data": X, "sfreq": 500})
    windows = rows.windows_of(recording)
    assert windows.shape == (12, rows.N_TIMES)
    np.testing.assert_allclose(windows.std(axis=1), 1)
