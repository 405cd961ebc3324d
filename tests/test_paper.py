"""The paper's tables: their runs, records, pages and figures."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from paper_rows import TINY, noise, use_noise

from benchmarks import experiments
from benchmarks.paper import ablations, conditions, figures, runs, settings, tables
from benchmarks.paper.__main__ import main, options_of, run_missing
from benchmarks.paper.records import N_DIGITS, Records, difference, write_run
from benchmarks.paper.tasks import (
    CROSS,
    FAMILY,
    LEFT_OUT,
    PLAIN,
    ROWS,
    SEPARATORS,
    Task,
    make,
)
from benchmarks.rounding import rounded
from sklearn_cass import CASSSeparator, ResNet9
from sklearn_cass.separators import _recipes as recipes

# so few iterations and epochs converge to nothing
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
DOCS = Path(__file__).parents[1] / "docs" / "paper"


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Replace generated experiments by noise that takes no time, and draw nothing."""
    use_noise(monkeypatch, "ecg", "ppg")
    monkeypatch.setattr(tables, "draw", lambda *_: [])


def task_of(estimator=CROSS, seed=0, **entries):
    return Task("ecg", "best", estimator, seed, TINY | entries, {})


def run(folder, page="tables", *more):
    """Give the command; return what it wrote."""
    words = f"{page} --experiment ecg --device cpu --jobs 1 --output {folder}".split()
    main([*words, *more])
    return (folder / f"{page}.md").read_text()


def do(task, folder):
    """Make one run; return its record."""
    runs.do(task, folder, "tables", device="cpu")
    return Records(folder, "tables").find(task)


def of_seed(seed):
    options = options_of(["tables"])
    return tables.tasks_of("ecg", "best", options, seed)


# Records ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with the records of one seed of one table."""
    folder = tmp_path_factory.mktemp("paper")
    with pytest.MonkeyPatch.context() as context:
        use_noise(context, "ecg")
        context.setattr(tables, "draw", lambda *_: [])
        run(folder, "tables", "--setting", "best", "--seeds", "1")
    return folder


def test_a_run_that_has_a_record_is_not_made_again(finished, monkeypatch):
    before = (finished / "data" / "tables.jsonl.gz").read_bytes()
    page = (finished / "tables.md").read_text()
    monkeypatch.setattr(runs, "train", None)  # fails if called
    assert run(finished, "tables", "--setting", "best", "--seeds", "1") == page
    assert (finished / "data" / "tables.jsonl.gz").read_bytes() == before
    assert len(Records(finished, "tables").by_digest) == len(ROWS)


def test_records_hold_all_parameters_and_where_they_come_from(finished):
    record = Records(finished, "tables").find(of_seed(0)[CROSS])
    separator = CASSSeparator(ResNet9()).get_params()
    assert record["task"].keys() >= set(separator) - set(LEFT_OUT)
    assert record["task"]["network"] == "ResNet9"
    assert record["task"]["network__n_filters"] == 2
    assert record["task"]["cross_weights"] == CASSSeparator().cross_weights
    assert not record["task"].keys() & set(LEFT_OUT)
    assert {"machine", "version", "commit", "seconds", "device"} <= record.keys()


def copied(finished, folder):
    """Return the folder with the file of records alone."""
    path = finished / "data" / "tables.jsonl.gz"
    (folder / "data").mkdir()
    (folder / "data" / path.name).write_bytes(path.read_bytes())
    return folder


def test_a_default_that_changes_makes_records_stale(finished, monkeypatch, tmp_path):
    records = Records(finished, "tables")
    assert records.find(of_seed(0)[CROSS])
    monkeypatch.setitem(CASSSeparator.__init__.__kwdefaults__, "lr", 1.0)
    assert records.find(of_seed(0)[CROSS]) is None
    assert records.find(of_seed(0)[PLAIN])  # has a signature of its own
    assert records.complete(of_seed) == {}
    text = run(copied(finished, tmp_path), "tables", "--page")
    assert "1 records are stale and not used: `lr` was 0.006, is 1.0." in text
    assert "CASS with Cross Training" not in text


def test_a_default_of_the_network_counts_too(monkeypatch):
    changed = partial(ResNet9, dilation=3)
    before = task_of().identity
    monkeypatch.setattr("benchmarks.paper.tasks.ResNet9", changed)
    assert difference(before, task_of().identity) == {"network__dilation": (4, 3)}


def test_a_default_of_the_family_counts_too(monkeypatch):
    def identities():
        entries = {"network": "BiLSTM"} | settings.stft(16, 4)
        return {e: Task("ecg", "best", e, 0, entries, {}).identity for e in ROWS}

    before = identities()
    monkeypatch.setattr(recipes, "MASKS", dict(recipes.MASKS, remix=0.5))
    for estimator, after in identities().items():
        is_trained = estimator in (*FAMILY, "GANSeparator")
        changed = {"remix": (0.25, 0.5)} if is_trained else {}
        assert difference(before[estimator], after) == changed


@pytest.mark.parametrize("family", ["ResNet9", "BiLSTM"])
@pytest.mark.parametrize("estimator", [*FAMILY, "GANSeparator"])
def test_what_a_family_decides_is_in_its_records(estimator, family):
    entries = {"network": family} | settings.stft(16, 4)
    task = Task("ecg", "best", estimator, 0, entries, {})
    recipe = recipes.recipe_of(make(estimator, entries).network)
    decided = {k: v for k, v in recipe.items() if k not in ("network", "stft")}
    assert decided.items() <= task.identity.items()
    assert task.identity["network"] == family
    assert task.identity["stft__n_fft"] == 16
    assert None not in decided.values()


def test_settings_and_rows_make_other_runs():
    plain, cross = task_of(PLAIN), task_of()
    assert task_of(beta=0.5).digest != cross.digest
    assert task_of(PLAIN, beta=0.5).digest == plain.digest  # it has no beta
    own = {"CASSSeparator": {"cross_weights": 0.5}}
    assert task_of(**own).identity["cross_weights"] == 0.5
    assert task_of(PLAIN, **own).digest == plain.digest
    more = Task("ecg", "best", PLAIN, 0, TINY, {"n_test": 7})
    assert more.digest != plain.digest
    # another name alone does not
    assert Task("ecg", "other", PLAIN, 0, TINY, {}).digest == plain.digest


def test_parameters_that_no_separator_has_are_refused():
    with pytest.raises(ValueError, match="n_filter'"):
        make(PLAIN, {"n_filter": 4})
    with pytest.raises(ValueError, match="network__n_filters"):
        make(PLAIN, {"network": "BiLSTM", "network__n_filters": 4})
    assert make(PLAIN, {"network__n_filters": 4}).network.n_filters == 4


def test_incomplete_seeds_do_not_count(finished):
    records = Records(finished, "tables")
    tasks = of_seed(1)
    for task in tasks.values():
        record = records.find(of_seed(0)[task.estimator])
        records.by_digest[task.digest] = record | {"task": task.identity}
    records.seeds = [0, 1]
    assert len(records.complete(of_seed)[PLAIN]) == 2
    del records.by_digest[tasks[PLAIN].digest]
    assert len(records.complete(of_seed)[PLAIN]) == 1


def test_numbers_have_four_significant_digits():
    value = {"a": [1.23456, [123456.0, 1.23456e-7]], "n": 123456, "b": float("nan")}
    found = rounded(value, N_DIGITS)
    assert found["a"] == [1.235, [123500.0, 1.235e-7]]
    assert found["n"] == 123456
    assert np.isnan(found["b"])


def test_runs_at_a_time_lose_no_record(tmp_path):
    tasks = [task_of(PLAIN, seed) for seed in range(40)]

    def write(task):
        write_run({"task": task.identity, "setting": "best"}, tmp_path, "tables")
        Records(tmp_path, "tables").compact()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, [*tasks, *tasks]))
    Records(tmp_path, "tables").compact()
    assert not Records(tmp_path, "tables").missing(tasks)
    lines = gzip.decompress((tmp_path / "data" / "tables.jsonl.gz").read_bytes())
    assert len([json.loads(line) for line in lines.splitlines()]) == len(tasks)


def test_the_file_of_records_suffices_and_has_the_same_bytes(finished, tmp_path):
    records = Records(copied(finished, tmp_path), "tables")
    assert not records.missing(of_seed(0).values())
    before = records.path.read_bytes()
    records.compact()
    assert records.path.read_bytes() == before


def test_the_pages_are_few_and_small():
    files = [f for f in DOCS.rglob("*") if f.is_file() and "work" not in f.parts]
    files = [f for f in files if not {"quick", "validation"} & set(f.parts)]
    assert len(files) <= 40
    assert sum(f.stat().st_size for f in files) < 3e6


# Runs ---------------------------------------------------------------------------------


def test_an_interrupted_training_resumes(tmp_path, monkeypatch):
    whole = do(task_of(), tmp_path / "whole")

    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(runs, "discriminator_outputs", interrupt)  # after the training
        do(task_of(), tmp_path / "cut")
    assert Records(tmp_path / "cut", "tables").find(task_of()) is None
    assert list((tmp_path / "cut" / "work").rglob("checkpoint.safetensors"))
    resumed = do(task_of(), tmp_path / "cut")
    assert resumed["measured"] == whole["measured"]
    assert resumed["curves"] == whole["curves"]
    assert not (tmp_path / "cut" / "work" / "checkpoints").exists()


def test_looks_at_the_test_rows_change_nothing(tmp_path, monkeypatch):
    watched = do(task_of(), tmp_path / "watched")
    monkeypatch.setattr(runs.TestErrors, "on_epoch_end", lambda *_, **__: None)
    alone = do(task_of(), tmp_path / "alone")
    assert watched["measured"] == alone["measured"]
    assert watched["curves"]["epoch"] == [1, 2]
    assert alone["curves"]["epoch"] == []


def test_the_last_look_is_at_what_is_measured(tmp_path):
    record = do(task_of(PLAIN, n_watched=None), tmp_path)
    curves, measured = record["curves"], record["measured"]
    assert curves["waveform"][-1] == pytest.approx(measured["L2"], rel=1e-3)
    shared = measured["shared_phase"]["L2"]
    assert curves["shared_phase"][-1] == pytest.approx(shared, rel=1e-3)


def test_discriminators_are_measured_on_others_and_on_their_own(finished):
    outputs = Records(finished, "tables").find(of_seed(0)[CROSS])["outputs"]
    assert outputs.keys() == {"estimates01", "estimates10", "true0", "true1"}
    assert all(sum(of["histogram"]) == 6 for of in outputs.values())
    found = runs.summarized(np.array([0.12, 0.42, 0.62, 0.92]))
    assert (found["rejected"], found["mean"]) == (0.5, pytest.approx(0.52))
    assert np.flatnonzero(found["histogram"]).tolist() == [2, 8, 12, 18]


def test_rows_are_generated_once_for_all_jobs(monkeypatch, tmp_path):
    made = []
    use_noise(monkeypatch, "ecg", make=lambda *of: made.append(of) or noise(*of))
    monkeypatch.setattr("benchmarks.paper.__main__.Parallel", lambda n_jobs: list)
    words = f"tables --experiment ecg --jobs 2 --output {tmp_path}".split()
    run_missing("tables", 3, options_of(words))
    assert made == [({}, 3, None)]


# Settings -----------------------------------------------------------------------------


@pytest.mark.parametrize("page", [tables, ablations, conditions])
def test_every_setting_can_be_made(page, monkeypatch):
    monkeypatch.undo()  # the settings as they are
    experiments._made.cache_clear()
    for flags in ([], ["--quick"] if page is tables else []):
        options = options_of([page.NAME, "--data", "folder", *flags])
        tasks = page.tasks(0, options)
        assert {task.experiment for task in tasks} <= set(settings.ROWS)
        for task in tasks:
            identity = json.loads(json.dumps(task.identity))
            assert identity == task.identity  # a record can be compared with it
            given = {k: v for k, v in task.entries.items() if k in identity}
            given |= task.entries.get(task.estimator, {})
            assert given.items() <= identity.items()


def test_the_paper_setting_is_the_papers(monkeypatch):
    monkeypatch.undo()
    for entries in settings.SETTINGS["paper"].values():
        separator = make(CROSS, entries)
        assert (separator.lr, separator.discriminator_lr) == (1e-5, 1e-6)
        assert (separator.alpha, separator.beta) == (0.9, 0.1)
        assert separator.cross_weights == 0.01
        assert separator.batch_size == 50
        assert not separator.network.skip_connections
        assert separator.loss_weighting == "literal"


def test_every_prefix_of_the_runs_is_a_fair_table():
    options = options_of(["tables", "--data", "folder"])
    for seed in (0, 1):
        tasks = tables.tasks(seed, options)
        tabled = [(task.experiment, task.setting) for task in tasks]
        # all rows of a table before those of the next
        assert tabled[:: len(ROWS)] == list(dict.fromkeys(tabled))
        assert {task.seed for task in tasks} == {seed}


# Pages --------------------------------------------------------------------------------


def cells_of(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_a_page_without_records_says_so(tmp_path):
    for page in ("tables", "ablations", "conditions", "limits"):
        text = run(tmp_path, page, "--page")
        assert f"python -m benchmarks.paper {page}" in text
    assert "Table 2" not in (tmp_path / "tables.md").read_text()
    assert not list(tmp_path.rglob("*.gz"))


def test_tables_have_the_papers_numbers_and_seeds(finished):
    text = (finished / "tables.md").read_text()
    assert text.count("Table 2") == 1
    assert str(finished) not in text
    block = text[text.index("| Fetal Model") :].split("\n\n")[0]
    header, _, *lines = map(cells_of, block.splitlines())
    assert header[1:4] == ["L1 Error", "L2 Error", "L∞ Error"]
    lines = {name: rest for name, *rest in lines}
    assert [*lines][:2] == ["mixture", "zero"]
    assert [*lines][-4:-1] == ["Baseline AE", "CASS", "CASS with Cross Training"]
    cross, baseline = lines["CASS with Cross Training"], lines["Baseline AE"]
    assert cross[3:6] == ["0.37218", "0.45848", "0.74462"]
    assert baseline[3:6] == ["0.49818", "0.57435", "0.80709"]
    assert lines["zero"][:6] == ["1.0000"] * 3 + [""] * 3
    assert all(line[-1] == "1" for line in lines.values())  # seeds
    assert len(lines) == len(SEPARATORS) + 3


def test_rows_have_the_seeds_that_are_finished(finished, tmp_path):
    records = Records(copied(finished, tmp_path), "tables")
    for estimator, task in of_seed(1).items():
        record = records.find(of_seed(0)[estimator])
        if estimator not in (CROSS, "NMFSeparator"):
            records.by_digest[task.digest] = record | {"task": task.identity}
    del records.by_digest[of_seed(0)["GANSeparator"].digest]
    del records.by_digest[of_seed(1)["GANSeparator"].digest]
    records.compact()
    text = run(tmp_path, "tables", "--page")
    assert "Not all 2 seeds: NMFSeparator 1, GANSeparator 0, CASSSeparator 1" in text
    block = text[text.index("| Fetal Model") :].split("\n\n")[0]
    seeds = {cells_of(line)[0]: cells_of(line)[-1] for line in block.splitlines()[2:]}
    assert (seeds["Baseline AE"], seeds["CASS with Cross Training"]) == ("2", "1")
    assert "GAN, one network for all" not in seeds
    block = text[text.index("| difference") :].split("\n\n")[0]
    pairs = {cells_of(x)[0]: cells_of(x)[-1] for x in block.splitlines()[2:]}
    cross = "CASS with Cross Training"
    assert pairs == {
        "CASS - Baseline AE": "2",
        f"{cross} - Baseline AE": "1",
        f"{cross} - CASS": "1",
    }


def test_pictures_are_of_the_records_there_are(finished, monkeypatch, tmp_path):
    records = Records(finished, "tables").complete(of_seed)
    records |= {name: [] for name in FAMILY[1:]}
    monkeypatch.undo()
    (line,) = tables.draw("ecg", "best", ["maternal", "fetal"], records, tmp_path)
    assert "mean of 0 to 1 seeds" in line


def test_runs_of_one_estimator_can_be_asked_for(tmp_path):
    words = f"tables --data {tmp_path} --estimator {PLAIN} --estimator {CROSS}"
    tasks = tables.tasks(0, options_of(words.split()))
    assert {task.estimator for task in tasks} == {PLAIN, CROSS}


def test_every_picture_of_a_page_is_there(finished, monkeypatch, tmp_path):
    records = Records(finished, "tables").complete(of_seed)
    monkeypatch.undo()
    lines = tables.draw("ecg", "best", ["maternal", "fetal"], records, tmp_path)
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("![Figure ")
        assert (tmp_path / line.split("](")[1].split(")")[0]).stat().st_size


def test_figures_show_the_last_epochs_on_the_right():
    curves = {
        "epoch": list(range(1, 11)),
        "shared_phase": [[0.1 * 10**-k, 1.0] for k in range(10)],
    }
    axes = figures.error_curves("ecg", {e: [{"curves": curves}] for e in FAMILY}).axes
    assert [len(ax.lines) for ax in axes] == [3] * 4
    assert list(axes[0].lines[0].get_xdata()) == list(range(1, 11))
    assert list(axes[1].lines[0].get_xdata()) == list(range(2, 11))  # the last 80 %
    np.testing.assert_allclose(axes[0].lines[0].get_ydata(), -np.arange(1, 11))


def test_the_command_line_completes_what_was_not_given(capsys):
    options = options_of("all --quick --device cpu".split())
    assert (options.pages, options.experiments) == (["tables"], ["ecg", "ppg"])
    assert options.output == Path("docs/paper/quick")
    assert options_of(["tables", "--validation"]).measured_on == "validation"
    assert len(options_of(["all", "--data", "folder"]).experiments) == 4
    with pytest.raises(SystemExit):
        options_of(["ablations", "--quick"])
    assert "--quick" in capsys.readouterr().err


# Ablations and conditions -------------------------------------------------------------


def without_test_rows(rows, seed, folder):
    """Return an experiment of noise, whose test rows cannot be used."""
    experiment = noise(rows, seed, folder)
    test = experiment.parts["test"]
    experiment.bunch.data[test] = experiment.bunch.target[test] = np.nan
    return experiment


def test_ablations_are_compared_with_the_base_on_validation_rows(monkeypatch, tmp_path):
    use_noise(monkeypatch, "ecg", make=without_test_rows)
    monkeypatch.setattr(ablations, "FEWER", {"max_epochs": 1})
    monkeypatch.setattr(conditions, "BASE", conditions.BASE | TINY | {"max_epochs": 1})
    changes = [{}, {"network__dilation": 4}, {"lr": 0.003}]
    monkeypatch.setattr(ablations, "autoencoder_changes", lambda *_: changes)
    text = run(tmp_path, "ablations", "--seeds", "1")
    lines = {cells_of(x)[0]: cells_of(x) for x in text.splitlines() if "|" in x}
    for kind in (kind for kind, name in ablations.TABLES if name == "ecg"):
        tasks = ablations.tasks_of(kind, "ecg", 0)
        assert {task.measured_on for task in tasks.values()} == {"validation"}
        assert tasks.keys() <= lines.keys()
    assert lines["dilation 4"][1:] == lines["base"][1:]  # it is that run
    assert "+0.0" in lines["base"]
    assert lines["lr 0.003"][1:] != lines["base"][1:]


def test_lines_differ_from_the_base_in_what_they_name():
    for kind, experiment in ablations.TABLES[:2]:
        tasks = ablations.tasks_of(kind, experiment, 0)
        first, *others = (task.identity for task in tasks.values())
        for line, other in zip(list(tasks)[1:], others, strict=True):
            differs = {k for k in first if first[k] != other[k]}
            names = {k.split("__")[-1] for k in differs}
            assert len(differs - {"stft__n_fft", "stft__hop_length"}) <= 1
            assert all(n in line or n in ("n_fft", "hop_length") for n in names)


def test_conditions_share_runs_and_pair_them(monkeypatch, tmp_path):
    monkeypatch.setattr(conditions, "BASE", conditions.BASE | TINY | {"max_epochs": 1})
    few = {"base": {}, "cross weight 1": {"cross_weights": 1.0}}
    monkeypatch.setattr(conditions, "CONDITIONS", few)
    text = run(tmp_path, "conditions", "--seeds", "2")
    records = Records(tmp_path, "conditions")
    # another cross weight needs no second baseline
    assert len(records.by_digest) == 2 * (3 + 1)
    found = records.complete(lambda seed: conditions.tasks_of("base", seed))
    line = conditions.row("base", found)
    assert line["seeds"] == 2
    errors = [[r["measured"]["L2"][1] for r in found[e]] for e in FAMILY]
    percent = np.mean(100 * (np.divide(errors[1], errors[0]) - 1))
    assert line["regular against AE [%]"].startswith(f"{percent:+.1f} [")
    assert line["cross against AE [%]"] in text


def test_conditions_differ_and_have_as_many_steps(monkeypatch):
    monkeypatch.undo()
    tasks = [conditions.tasks_of(name, 0)[CROSS] for name in conditions.CONDITIONS]
    assert len({task.digest for task in tasks}) == len(tasks)
    steps = {
        t["n_train_rows"] // t["batch_size"] * t["max_epochs"]
        for t in (task.identity for task in tasks)
    }
    assert len(steps) == 1
