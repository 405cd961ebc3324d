"""The comparison with models of other packages; none of them is needed here."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from paper_rows import use_noise

from benchmarks import bench_peers
from benchmarks.peers import page, runs, systems
from benchmarks.peers.models import Peer, negative_snr
from benchmarks.peers.records import Records, Task
from benchmarks.peers.systems import AUDIO, ECG, OURS, PEERS, Recipe
from benchmarks.peers.training import Training, estimates, remixed
from sklearn_cass import AESeparator, ResNet9
from sklearn_cass.metrics import sdr

# so few epochs converge to nothing
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

RECIPE = Recipe(lr=0.05, batch_size=4, clip=5.0, patience=0)


class Shares(Peer):
    """Each component is a share of the mixture; dropout needs a generator."""

    def __init__(self, n_components, sfreq):
        super().__init__()
        self.shares = torch.nn.Linear(n_components, 1)
        self.dropout = torch.nn.Dropout(0.5)

    def forward(self, X):
        return self.dropout(self.shares.weight[0])[:, None] * X[:, None]


def rows(n_samples=10, seed=0):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randn(n_samples, 2, 16, generator=generator)
    y[:, 1] *= 3
    return y.sum(1), y


def training(clock=None, horizon=None, **recipe):
    torch.manual_seed(0)
    more = {"horizon": horizon} | ({} if clock is None else {"clock": clock})
    return Training(Shares(2, 8), replace(RECIPE, **recipe), *rows(), 0, **more)


@pytest.fixture
def clock(monkeypatch):
    """A clock of CPU seconds that moves when it is told to."""

    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr("time.process_time", clock)
    return clock


@pytest.fixture(autouse=True)
def generator_as_found():
    with torch.random.fork_rng():
        yield


# Training -----------------------------------------------------------------------------


def with_steps_of(made, clock, seconds):
    """Return a training whose steps take so many seconds."""
    step = made.step

    def slow():
        step()
        clock.now += seconds

    made.step = slow
    return made


@pytest.mark.parametrize(("seconds", "n_steps"), [(2.0, 5), (3.0, 4), (30.0, 1)])
def test_a_training_stops_with_the_step_that_reaches_its_budget(
    clock, seconds, n_steps
):
    made = with_steps_of(training(clock), clock, seconds).run_to(10)
    assert (made.n_steps, made.spent) == (n_steps, n_steps * seconds)


def test_seconds_between_budgets_are_not_spent(clock):
    made = with_steps_of(training(clock), clock, 1.0).run_to(3)
    clock.now += 1000  # of measuring
    made.run_to(5)
    assert (made.n_steps, made.spent) == (5, 5.0)
    assert made.n_epochs == pytest.approx(5 / 3)


def test_a_training_that_goes_on_has_the_bits_of_one_that_never_stopped():
    whole = training().run_to(np.inf, max_steps=9)
    first = training().run_to(np.inf, max_steps=4)
    state = first.state()
    estimates(first.model, rows()[0])  # measuring leaves no trace
    second = training()
    second.load_state(state)
    second.run_to(np.inf, max_steps=9)
    assert torch.equal(whole.model.shares.weight, second.model.shares.weight)
    assert whole.optimizer.param_groups[0]["lr"] == second.schedule.get_last_lr()[0]


def test_every_row_is_in_one_batch_of_an_epoch(monkeypatch):
    made, seen = training(), []
    monkeypatch.setattr(
        "benchmarks.peers.training.remixed", lambda X, y, rows, *_: seen.extend(rows)
    )
    for n_steps in range(2 * made.steps_of_epoch):
        made.n_steps = n_steps
        made.batch()
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]


def test_the_rate_falls_when_the_loss_does_not():
    made = training()
    made.model.loss = lambda X, y: made.model.shares.weight.sum() * 0 + 1
    made.run_to(np.inf, max_steps=4 * made.steps_of_epoch)
    assert made.optimizer.param_groups[0]["lr"] < RECIPE.lr / 2


def test_a_cosine_ends_with_the_budget(clock):
    made = training(clock, horizon=8, cosine=True, patience=0)
    rates = []
    made = with_steps_of(made, clock, 1.0)
    for n_steps in range(1, 9):
        made.run_to(8, max_steps=n_steps)
        rates.append(made.optimizer.param_groups[0]["lr"])
    assert rates[0] == RECIPE.lr
    assert rates[4] == pytest.approx(RECIPE.lr / 2)
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < RECIPE.lr / 20


def test_remixed_components_are_of_other_rows_and_noise_stays():
    X, y = rows(50)
    noise = torch.randn(50, 16, generator=torch.Generator().manual_seed(1))
    kept, rng = np.arange(20, 40), np.random.default_rng(0)
    same = remixed(X + noise, y, kept, 0, rng)
    assert torch.equal(same[1], y[kept])
    X_new, y_new = remixed(X + noise, y, kept, 0.5, rng)
    torch.testing.assert_close(X_new - y_new.sum(1), noise[kept])
    is_old = (y_new == y[kept]).all(-1).all(-1)
    assert 0 < is_old.sum() < 20
    for k in (0, 1):
        assert all((row == y[:, k]).all(-1).any() for row in y_new[:, k])


def test_the_loss_is_minus_the_ratio_that_is_reported():
    _, y = rows()
    estimated = y + torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    ratio = sdr(y.double().numpy(), estimated.double().numpy()).mean()
    assert negative_snr(estimated, y).item() == pytest.approx(-ratio, abs=1e-4)


# Fits of ours -------------------------------------------------------------------------


class FakeFit:
    """Separators whose fits take seconds of a fake clock, and no more than those."""

    def __init__(self, clock, fixed, per_epoch):
        self.clock, self.fixed, self.per_epoch = clock, fixed, per_epoch

    def __call__(self, *, max_epochs=10, callbacks=(), **seed):
        fitted = AESeparator(max_epochs=max_epochs)
        fitted.fit = lambda *data: self.fit(max_epochs, callbacks)
        return fitted

    def fit(self, max_epochs, callbacks):
        self.clock.now += self.fixed
        for callback in callbacks:
            callback.on_train_begin(None)
        for _ in range(max_epochs):
            self.clock.now += self.per_epoch
            for callback in callbacks:
                callback.on_epoch_end(None)


@pytest.mark.parametrize("fixed", [0, 5, 30])
@pytest.mark.parametrize("per_epoch", [0.5, 4.0, 7.0, 200.0])
def test_a_fit_spends_its_budget_and_not_more(clock, per_epoch, fixed):
    make, data = FakeFit(clock, fixed, per_epoch), (np.zeros((100, 64)),)
    cost = runs.cost_of(make, data)
    assert cost == pytest.approx((fixed, per_epoch))
    task = Task(ECG, "ae", "training", 0, 100)
    made, seconds = runs.fit_within(task, make, data, *cost)
    assert seconds == pytest.approx(fixed + per_epoch * made.max_epochs)
    assert 100 - per_epoch < seconds <= 100 or made.max_epochs == 1


@pytest.mark.parametrize("slower", [0.1, 5.0])
def test_a_fit_that_took_longer_than_expected_is_made_anew(clock, slower):
    make, task = FakeFit(clock, 5, 4.0), Task(ECG, "ae", "training", 0, 100)
    _, seconds = runs.fit_within(task, make, (), 5 / slower, 4 / slower)
    assert seconds <= 105


# Records and page ---------------------------------------------------------------------


@pytest.fixture
def tiny(monkeypatch):
    """Rows of noise, a peer of two weights, and the smallest of our separators."""
    use_noise(monkeypatch, ECG)
    small = {"network": ResNet9(n_filters=2, n_latent=2)}
    ours = systems.Ours("`AESeparator()`", lambda **of: AESeparator(**small, **of))
    peer = systems.Peer("shares", Shares, {ECG: {}}, RECIPE)
    cosine = replace(peer, title="cosine", recipe=replace(RECIPE, cosine=True))
    monkeypatch.setattr(systems, "OURS", {"ae": ours})
    monkeypatch.setattr(systems, "PEERS", {"shares": peer, "cosine": cosine})
    monkeypatch.setattr(
        runs.memory, "measured_apart", lambda *_, **__: {"anonymous": 1}
    )
    monkeypatch.setattr(runs, "N_CALLS", 2)
    monkeypatch.setattr(bench_peers, "WORK", None)


def command(folder, monkeypatch, *words):
    """Give the command; return the records' contents by name, and the page."""
    monkeypatch.setattr(bench_peers, "WORK", folder / "work")
    common = f"--experiment ecg --output {folder / 'records'} --docs {folder}".split()
    bench_peers.main([*common, *words])
    found = {p.stem: p.read_text() for p in (folder / "records").glob("*.json")}
    return found, (folder / "peers.md").read_text()


SHORT = ("--budgets", "0.01", "0.03", "--seeds", "0")


def test_runs_are_recorded_once_and_go_on(tiny, monkeypatch, tmp_path):
    found, text = command(tmp_path, monkeypatch, *SHORT)
    names = {name.removeprefix("ecg-") for name in found}
    assert names >= {
        "mixture-training-seed0",
        "oracle-128-32-training-seed0",
        "shares-costs",
        "shares-training-seed0",
        "cosine-training-seed0-0.01s",
        "cosine-training-seed0-0.03s",
        "ae-training-seed0-0.01s",
        "ae-training-seed0-0.03s",
    }
    assert command(tmp_path, monkeypatch, *SHORT) == (found, text)
    more, _ = command(tmp_path, monkeypatch, "--budgets", "0.05", "--seeds", "0")
    curve = Records(tmp_path / "records").read(Task(ECG, "shares", "training"))
    assert [point["budget"] for point in curve["points"]] == [0.01, 0.03, 0.05]
    changed = [name for name in found if more[name] != found[name]]
    assert changed == ["ecg-shares-training-seed0"]


def test_a_record_made_with_other_settings_is_not_used(tmp_path):
    records, task = Records(tmp_path), Task(ECG, "ae", "training", 0, 60)
    own = runs.identity(task, "test")
    records.write(task, {"identity": own, "seconds": 61.23456})
    assert records.find(task, own)["seconds"] == 61.23
    other = own | {"settings": own["settings"] | {"lr": "1"}}
    assert records.find(task, other) is None
    assert records.find(replace(task, budget=120), own) is None


def test_compact_records_are_those_of_single_files(many, tmp_path):
    records, values = many
    before = records.all()
    records.compact()
    assert [path.name for path in records.folder.iterdir()] == ["records.jsonl"]
    assert records.all() == before
    task = next(iter(values))
    records.write(task, fake_record(task, -1.0))
    assert len(records.all()) == len(before)
    assert records.read(task) == json.loads(records.path(task).read_text())
    written = records.read(task)
    records.compact()
    assert records.read(task) == written


def fake_record(task, value):
    """Return a record whose measures are made of one number."""
    if task.kind == "costs":
        found = {"peak [MiB]": value, "one row [s]": value, "of many, a row [s]": 1.0}
    else:
        measured = dict.fromkeys(("SDR", "median SDR", "L2"), [value, value + 0.5])
        of_run = {"seconds": 1.0, "epochs": 2.0, "measured": measured}
        found = of_run
        if task.system in PEERS:
            budgets = systems.BUDGETS if task.budget is None else [task.budget]
            found = {"points": [of_run | {"budget": budget} for budget in budgets]}
    own = runs.identity(task, "test")
    about = {"identity": own, "component_names": ["first", "second"]}
    return about | found | runs.circumstances()


@pytest.fixture
def many(tmp_path):
    """A record of every run of the comparison, each with a number of its own."""
    records, values = Records(tmp_path / "records"), {}
    for experiment in systems.NAMES:
        for name in systems.systems(experiment):
            for task in runs.tasks_of(experiment, name, (0,), systems.BUDGETS):
                values[task] = 10.0 + len(values)
                records.write(task, fake_record(task, values[task]))
    return records, values


def test_every_record_is_on_the_page(many, tmp_path):
    records, values = many
    text = page.write(records, tmp_path).read_text()
    sections = text.split("\n## ")
    for task, value in values.items():
        title = page.EXPERIMENTS[task.experiment].title
        (of_experiment,) = (s for s in sections if s.startswith(title))
        label = systems.systems(task.experiment)[task.system].title
        lines = [x for x in of_experiment.splitlines() if x.startswith(f"| {label} ")]
        shown = (
            f"{value:.3g}" if task.kind == "costs" else f"{value:.1f} / {value + 0.5}"
        )
        assert any(shown in line for line in lines), task
    assert "Not shown" not in text
    assert (tmp_path / page.IMAGE).stat().st_size


def test_a_record_of_earlier_settings_is_named_and_not_shown(many, tmp_path):
    records, values = many
    task = Task(AUDIO, "ae", "training", 0, 300)
    old = records.read(task)
    old["identity"]["settings"]["lr"] = "17"
    records.write(task, old)
    text = page.write(records, tmp_path).read_text()
    assert f"Not shown, because settings have changed since: `{task.name}`." in text
    assert f"{values[task]:.1f} /" not in text


def test_losses_are_on_the_page(tmp_path):
    records = Records(tmp_path / "records")
    found = {("ae", 120): 11.0, ("cass", 120): 10.0, ("openunmix", None): 13.0}
    for (name, budget), value in found.items():
        task = Task(AUDIO, name, "training", 0, budget)
        records.write(task, fake_record(task, value))
    text = page.write(records, tmp_path).read_text()
    lead = text[text.index(page.LEAD) :].split("\n\n")[1].splitlines()
    header, _, *lines = ([c.strip() for c in x.strip("| ").split("|")] for x in lead)
    assert [dict(zip(header, x, strict=True))["120 s"] for x in lines] == ["-2.0"] * 2
    assert dict(zip(header, lines[0], strict=True))["60 s"] == "-"


def test_nothing_of_the_peers_is_imported_to_write_a_page(many, tmp_path, monkeypatch):
    records, _ = many
    for name in ("openunmix", "asteroid", "torchaudio"):
        monkeypatch.setitem(sys.modules, name, None)  # an import is an error
    bench_peers.main(
        ["--page", "--output", str(records.folder), "--docs", str(tmp_path)]
    )
    assert (tmp_path / "peers.md").exists()


def test_nothing_is_set_in_ours():
    for system in OURS.values():
        defaults = system.make().get_params(deep=False)
        settings = system.settings(ECG)
        assert (
            settings.items()
            >= {
                name: value
                for name, value in defaults.items()
                if name in settings and isinstance(value, systems.JSON)
            }.items()
        )
