"""The tables of levers: what a line changes, and the runs behind it."""

import json
from collections import Counter

import numpy as np
import pytest
from paper_rows import noise

from benchmarks.paper import data, estimators, lever_lines, levers, regimes, settings

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

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


def without_test_rows(sizes, seed, folder):
    """An experiment of noise, whose test rows cannot be used."""
    experiment = noise(sizes, seed, folder)
    test = experiment.parts["test"]
    experiment.bunch.data[test] = experiment.bunch.target[test] = np.nan
    return experiment


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
        monkeypatch.setitem(data.EXPERIMENTS, name, without_test_rows)
        monkeypatch.setitem(settings.SETTINGS["best"], name, SMALL)
    monkeypatch.setattr(lever_lines, "FEWER", {"max_epochs": 1})
    monkeypatch.setattr(regimes, "BASE", regimes.BASE | SMALL)
    monkeypatch.delenv("SKLEARN_CASS_DATA", raising=False)
    yield
    data._made.cache_clear()


def run(folder, *arguments):
    levers.main([*arguments, "--jobs", "1", "--output", str(folder)])
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
