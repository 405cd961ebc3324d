"""The benchmark of the paper's tables: its order, its splits, its files."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from paper_rows import noise
from sklearn.utils import Bunch

from benchmarks.paper import (
    data,
    estimators,
    figures,
    page,
    published,
    runs,
    settings,
    tables,
)
from benchmarks.paper.__main__ import main, options_of, prepare
from benchmarks.paper.bootstrap import paired_difference
from benchmarks.paper.measures import flattening, rejection, summary
from benchmarks.paper.plan import complete_seeds, plan
from benchmarks.paper.runs import Task, do, finished

TINY = {
    "stft": {"n_fft": 16, "hop_length": 4},
    "max_epochs": 2,
    "n_filters": 2,
    "n_latent": 2,
    "n_watched": 4,
    "watch_every": 1,
    "max_iter": 5,  # of NMF and ICA
}
# so few iterations and epochs converge to nothing
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
WHERE = ("ecg", "best", "full", "test")


@pytest.fixture
def tiny(monkeypatch):
    """An ECG experiment that takes no time."""
    data._made.cache_clear()
    monkeypatch.setitem(data.EXPERIMENTS, "ecg", noise)
    monkeypatch.setitem(settings.ROWS, "ecg", {})
    for setting in settings.SETTINGS:
        monkeypatch.setitem(settings.SETTINGS[setting], "ecg", TINY)
    yield
    data._made.cache_clear()


def run_all(folder, n_seeds=1):
    where = f"--device cpu --jobs 1 --output {folder}"
    main(f"ecg --setting best --seeds {n_seeds} {where}".split())


@pytest.fixture
def no_pictures(monkeypatch):
    """Pictures take most of the time."""
    monkeypatch.setattr(page, "draw", lambda *_: "")


def bytes_of(folder):
    return {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*.json")}


# Files and order ----------------------------------------------------------------------


def test_finished_runs_are_not_made_again(tiny, no_pictures, tmp_path, capsys):
    run_all(tmp_path)
    first, page_of_first = bytes_of(tmp_path), (tmp_path / "tables.md").read_text()
    assert len(first) == len(estimators.ROWS)
    run_all(tmp_path)
    assert bytes_of(tmp_path) == first
    assert (tmp_path / "tables.md").read_text() == page_of_first
    assert "CASS with Cross Training" in capsys.readouterr().out


def test_the_page_is_written_of_what_there_is(tiny, no_pictures, tmp_path):
    main(["ecg", "--page", "--output", str(tmp_path)])
    assert not list(tmp_path.rglob("*.json"))
    assert "Table 2" not in (tmp_path / "tables.md").read_text()


def test_a_training_cut_off_goes_on(tiny, tmp_path, monkeypatch):
    task = Task("ecg", "best", "CASSSeparator", 0)
    do(task, tmp_path / "whole", device="cpu")

    def cut_off(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(runs, "learned", cut_off)  # after the last checkpoint
        do(task, tmp_path / "cut", device="cpu")
    assert finished(task, tmp_path / "cut") is None
    assert list((tmp_path / "cut").rglob("checkpoint.safetensors"))
    do(task, tmp_path / "cut", device="cpu")
    whole, cut = (finished(task, tmp_path / name) for name in ("whole", "cut"))
    assert cut["measured"] == whole["measured"]
    assert cut["curves"] == whole["curves"]
    assert not (tmp_path / "cut" / "checkpoints").exists()


def test_every_prefix_of_the_runs_is_a_fair_table():
    tasks = plan(range(3), list(data.EXPERIMENTS), list(settings.SETTINGS))
    done = {}
    for task in tasks:
        done.setdefault((task.experiment, task.setting), []).append(
            (task.seed, task.estimator)
        )
        # of each table all seeds but the last have every row
        for table in done.values():
            seeds = [seed for seed, _ in table]
            assert seeds == sorted(seeds)
            assert all(
                seeds.count(s) == len(estimators.ROWS) for s in set(seeds) - {seeds[-1]}
            )
    # no experiment is more than a seed ahead of another
    assert [task.seed for task in tasks] == sorted(task.seed for task in tasks)


def test_incomplete_seeds_do_not_count(tiny, no_pictures, tmp_path):
    run_all(tmp_path, n_seeds=2)
    assert list(complete_seeds(tmp_path, *WHERE)) == [0, 1]
    Task("ecg", "best", "AESeparator", 1).path(tmp_path).unlink()
    assert list(complete_seeds(tmp_path, *WHERE)) == [0]


def test_another_setting_is_another_run(tiny, monkeypatch):
    task = Task("ecg", "best", "CASSSeparator", 0)
    baseline = Task("ecg", "best", "AESeparator", 0)
    stems = {task.stem, baseline.stem}
    monkeypatch.setitem(settings.SETTINGS["best"], "ecg", TINY | {"beta": 0.5})
    assert task.stem not in stems
    assert baseline.stem in stems  # it has no beta
    monkeypatch.setitem(settings.ROWS, "ecg", {"n_test": 7})
    assert baseline.stem not in stems


def test_parameters_of_one_separator_alone(tiny, monkeypatch):
    entries = TINY | {"CASSSeparator": {"cross_weights": 0.5}}
    monkeypatch.setitem(settings.SETTINGS["best"], "ecg", entries)
    task = Task("ecg", "best", "CASSSeparator", 0)
    assert task.parameters()["cross_weights"] == 0.5
    assert estimators.make("CASSSeparator", entries).cross_weights == 0.5


def test_misspelt_parameters_are_refused():
    with pytest.raises(ValueError, match="n_filter'"):
        estimators.make("AESeparator", {"n_filter": 4})


@pytest.mark.parametrize("form", ["full", "quick"])
def test_every_setting_can_be_made(form):
    for task in plan([0], list(data.EXPERIMENTS), list(settings.SETTINGS), form):
        json.dumps(task.identity())
        if task.estimator in estimators.SEPARATORS:
            entries = settings.setting_of(form, task.setting, task.experiment)
            made = estimators.make(task.estimator, entries).get_params(deep=False)
            given = task.parameters()
            assert all(
                made[k] == given[k] for k in made.keys() & given.keys() - {"stft"}
            )


def test_the_paper_setting_is_the_papers():
    for entries in settings.SETTINGS["paper"].values():
        separator = estimators.make("CASSSeparator", entries)
        assert (separator.lr, separator.discriminator_lr) == (1e-5, 1e-6)
        assert (separator.alpha, separator.beta) == (0.9, 0.1)
        assert separator.cross_weights == 0.01
        assert separator.batch_size == 50
        assert not separator.skip_connections
        assert separator.loss_weighting == "literal"


# Rows ---------------------------------------------------------------------------------


def test_groups_are_on_one_side_of_a_split():
    groups = np.repeat(np.arange(7), 3)[np.random.default_rng(0).permutation(21)]
    parts = data.split_groups(groups, (5, 3))
    sides = [set(groups[part]) for part in parts]
    assert all(a.isdisjoint(b) for a, b in itertools.combinations(sides, 2))
    assert [len(part) for part in parts] == [6, 3, 12]


def test_more_training_rows_leave_the_test_rows(monkeypatch):
    def generator(n_samples, random_state):
        rows = np.arange(n_samples)
        return Bunch(data=rows, target=rows, groups=rows // 4)

    small, large = (
        data.generated(generator, {"n_train": n, "n_choose": 4, "n_test": 8}, 0)
        for n in (8, 80)
    )
    assert (small.parts["test"] == large.parts["test"]).all()
    assert (small.parts["choose"] == large.parts["choose"]).all()
    assert len(small.rows("train", "choose")[0]) == 12


@pytest.mark.parametrize("seed", range(3))
def test_windows_held_out_overlap_with_none_trained_on(seed):
    groups = np.repeat([1, 2, 3], [21, 8, 13])
    start = np.concatenate([np.arange(n) for n in (21, 8, 13)])
    parts = data.split_windows(groups, 0.2, 0.1, seed)
    for a, b in itertools.combinations(parts, 2):
        assert not set(parts[a]) & set(parts[b])
        for i, j in itertools.product(parts[a], parts[b]):
            assert groups[i] != groups[j] or abs(start[i] - start[j]) > 1
    assert len(parts["test"]) == 4
    assert len(parts["train"])


def test_unseen_pieces_are_tested_on_alone(monkeypatch):
    pieces = np.repeat(np.arange(1, 9), 2)
    monkeypatch.setattr(data, "load_windows", lambda *_: Bunch(groups=pieces))
    for seed in range(7):
        parts = data.bach10_unseen({}, seed, None).parts
        assert set(pieces[parts["test"]]) == {7, 8}
        assert len(set(pieces[parts["choose"]])) == 1
        assert set(pieces[parts["train"]]) | set(pieces[parts["choose"]]) == set(
            range(1, 7)
        )
        assert not set(pieces[parts["train"]]) & set(pieces[parts["choose"]])


@pytest.mark.parametrize("measured_on", ["test", "choose"])
def test_what_is_measured_on_is_not_trained_on(measured_on):
    experiment = noise(None, 0, None)
    trained = experiment.training_rows(measured_on)[0]
    measured = experiment.rows(measured_on)[0]
    assert not (trained[:, None] == measured[None]).all(axis=-1).any()
    few = experiment.training_rows(measured_on, 3)[0]
    assert len(few) == 3
    assert (trained[:, None] == few[None]).all(axis=-1).any(axis=0).all()


def test_rows_are_prepared_once_for_all_jobs(tiny, monkeypatch):
    made = []
    monkeypatch.setitem(
        data.EXPERIMENTS, "ecg", lambda *of: made.append(of) or noise(*of)
    )
    prepare(plan([3], ["ecg"], ["best", "paper"]), None)
    assert made == [({}, 3, None)]


def test_looks_at_the_test_rows_change_nothing(tiny, tmp_path, monkeypatch):
    task = Task("ecg", "best", "CASSSeparator", 0)
    do(task, tmp_path / "watched", device="cpu")
    monkeypatch.setattr(runs.TestErrors, "on_epoch_end", lambda *_, **__: None)
    do(task, tmp_path / "alone", device="cpu")
    watched, alone = (finished(task, tmp_path / n) for n in ("watched", "alone"))
    assert watched["measured"] == alone["measured"]
    assert watched["curves"]["epoch"] == [1, 2]
    assert alone["curves"]["epoch"] == []


def test_the_last_look_is_at_what_is_measured(tiny, tmp_path, monkeypatch):
    entries = TINY | {"n_watched": None}
    monkeypatch.setitem(settings.SETTINGS["best"], "ecg", entries)
    task = Task("ecg", "best", "AESeparator", 0)
    do(task, tmp_path, device="cpu")
    record = finished(task, tmp_path)
    curves, measured = record["curves"], record["measured"]
    assert curves["waveform"][-1] == pytest.approx(measured["L2"])
    assert curves["shared_phase"][-1] == pytest.approx(measured["shared_phase"]["L2"])


# Figures of the tables ----------------------------------------------------------------


def test_constant_differences_have_an_interval_of_no_width():
    found = paired_difference([1.5, 2.5, 3.5], [1.0, 2.0, 3.0])
    assert found == {"mean": 0.5, "low": 0.5, "high": 0.5, "n": 3}


def test_intervals_do_not_depend_on_the_order_of_seeds():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 6))
    order = rng.permutation(6)
    assert paired_difference(a, b) == paired_difference(a[order], b[order])


def test_intervals_are_antisymmetric_and_hold_the_mean():
    a, b = np.random.default_rng(1).normal(size=(2, 8))
    one, other = paired_difference(a, b), paired_difference(b, a)
    assert one["low"] <= one["mean"] <= one["high"]
    assert one["mean"] == pytest.approx(-other["mean"])
    # resamples are those of the values in order: equal but for their noise
    width = one["high"] - one["low"]
    assert one["low"] == pytest.approx(-other["high"], abs=0.05 * width)


def test_discriminators_are_asked_about_others_and_their_own(tiny, tmp_path):
    task = Task("ecg", "best", "CASSSeparator", 0)
    do(task, tmp_path, device="cpu")
    said = finished(task, tmp_path)["answers"]
    assert said.keys() == {"estimates01", "estimates10", "true0", "true1"}
    assert all(len(outputs) == 6 for outputs in said.values())
    assert rejection({"answers": {"a": [0.1, 0.4, 0.6, 0.9]}}, "a") == 0.5


def test_one_seed_has_no_interval():
    found = paired_difference([1.0], [0.0])
    assert np.isnan([found["low"], found["high"]]).all()
    assert tables.difference_text(found, 2) == "+1.00"


def test_summaries_name_mean_and_spread():
    assert summary([1.0]) == "1.0000"
    assert summary([1.0, 3.0], 2) == "2.00 ± 1.41"
    assert flattening([4.0] * 8 + [2.0, 1.0]) == -0.75
    assert flattening([1.0] * 10) == 0


def test_tables_have_the_papers_figures_and_seeds(tiny, no_pictures, tmp_path):
    run_all(tmp_path)
    records = complete_seeds(tmp_path, *WHERE)
    text = tables.error_table("ecg", 1, records)
    cells = [[c.strip() for c in line.split("|")[1:-1]] for line in text.splitlines()]
    header, lines = cells[0], {name: rest for name, *rest in cells[2:]}
    assert header[0] == "Fetal Model"
    rows = ["mixture", "zero", "Baseline AE", "CASS", "CASS with Cross Training"]
    assert [name for name in lines if name in rows] == rows
    assert list(lines)[-1] == "oracle ratio mask"
    cross, baseline = lines["CASS with Cross Training"], lines["Baseline AE"]
    assert cross[3:6] == ["0.37218", "0.45848", "0.74462"]
    assert baseline[3:6] == ["0.49818", "0.57435", "0.80709"]
    assert lines["zero"][:6] == ["1.0000"] * 3 + [""] * 3
    assert all(line[-1] == "1" for line in lines.values())  # seeds


def test_the_papers_figures_are_ordered_as_its_text_says():
    def errors(experiment, estimator, component):
        return published.ERRORS[experiment][estimator][component]

    # 4.2: cross training is better for L1 and L2 on audio, the baseline worst
    for k, n in itertools.product((0, 1), (0, 1)):
        names = ("CASSSeparator", "RegularCASSSeparator", "AESeparator")
        found = [errors("bach10", name, k)[n] for name in names]
        assert found == sorted(found)
    # 4.3: on ECG regular is best on the mother, cross training on the fetus
    pairs = [
        [errors("ecg", f"{n}CASSSeparator", k) for n in ("", "Regular")] for k in (0, 1)
    ]
    assert all(np.greater(*pairs[0]))
    assert all(np.less(*pairs[1]))
    # 4.4: on PPG cross training is slightly worse
    for k in (0, 1):
        cross, regular = (
            errors("ppg", f"{n}CASSSeparator", k) for n in ("", "Regular")
        )
        assert all(np.greater(cross, regular))
        assert all(np.less(cross, errors("ppg", "AESeparator", k)))
    assert published.error("ecg", "mixture", 0, "L1") is None


def test_the_page_says_what_was_run(tiny, tmp_path):
    run_all(tmp_path)
    text = (tmp_path / "tables.md").read_text()
    assert "python -m benchmarks.paper ecg --seeds 1 --setting best" in text
    assert text.count("Table 2") == 1
    assert str(tmp_path) not in text
    for link in [part.split(")")[0] for part in text.split("](")[1:]]:
        assert (tmp_path / link).exists()
    record = finished(Task("ecg", "best", "AESeparator", 0), tmp_path)
    assert record["run"]["seed"] == 0
    assert {"machine", "versions", "seconds", "device"} <= record.keys()


def test_figures_show_the_last_epochs_on_the_right():
    curves = {
        "epoch": list(range(1, 11)),
        "shared_phase": [[0.1 * 10**-k, 1.0] for k in range(10)],
    }
    records = {0: {name: {"curves": curves} for name in estimators.FAMILY}}
    axes = figures.error_curves("ecg", records).axes
    assert [len(ax.lines) for ax in axes] == [3] * 4
    assert list(axes[0].lines[0].get_xdata()) == list(range(1, 11))
    assert list(axes[1].lines[0].get_xdata()) == list(range(2, 11))  # the last 80 %
    np.testing.assert_allclose(axes[0].lines[0].get_ydata(), -np.arange(1, 11))


def test_the_command_says_what_it_would_repeat(monkeypatch):
    monkeypatch.delenv("SKLEARN_CASS_DATA", raising=False)
    options = options_of("all --quick --device cpu".split())
    assert "bach10" not in options.names
    assert options.command == "python -m benchmarks.paper all --quick"
    assert options.output == Path("docs/paper/quick")
    assert options_of("ecg --choose --seeds 3".split()).output.name == "choose"
    records = page.records_in("nowhere", "full", "test")
    assert page.section("nowhere", "ecg", "full", records) == []
