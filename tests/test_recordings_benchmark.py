"""The benchmark of recordings: classical methods, choices without annotations, page."""

import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from benchmarks.recordings import __main__ as command
from benchmarks.recordings import (
    breathing,
    classical,
    difficult,
    learned,
    methods,
    page,
    problems,
    runs,
)
from benchmarks.recordings.recording import (
    Recording,
    bridged,
    recordings_of,
    training_set,
)
from sklearn_cass.datasets import load_challenge2013, make_ppg_mixtures
from sklearn_cass.metrics import detection_f1, find_breaths

pytest.importorskip("neurokit2")

SFREQ = 500
SECONDS = 40


def heart(rate, width, seed, seconds=SECONDS, sfreq=SFREQ):
    """Return the beats of a heart, and its ECG: QRS complexes with small T waves."""
    rng = np.random.default_rng(seed)
    beats = 0.3 + np.cumsum(
        60 / rate * rng.uniform(0.95, 1.05, int(seconds * rate / 60))
    )
    beats = beats[beats < seconds - 0.5]
    times = np.arange(seconds * sfreq) / sfreq
    x = np.zeros_like(times)
    for beat in beats:
        x += np.exp(-(((times - beat) / width) ** 2))
        x += 0.2 * np.exp(-(((times - beat - 0.2) / 0.05) ** 2))
    return beats, x


def abdominal(name, seed=0, database="ADFECGDB"):
    """Return four channels in which a mother and a fetus overlap."""
    mother, maternal = heart(80, 0.02, seed)
    fetus, fetal = heart(135, 0.01, seed + 100)
    rng = np.random.default_rng(seed)
    mixing = np.array([[1.0, 0.2], [-0.8, 0.3], [0.9, -0.25], [-1.0, 0.1]])
    x = mixing @ np.stack([maternal, fetal]) + 0.01 * rng.normal(size=(4, len(fetal)))
    recording = Recording(database, name, seed + 1, 100 * x, SFREQ, fetus, None)
    return recording, mother


@pytest.fixture(scope="module")
def recorded():
    return abdominal("r01")


def best_f1(recording, estimates):
    found = (problems.find_fetal_beats(x, SFREQ) for x in estimates)
    return max(detection_f1(recording.events, beats) for beats in found)


# --- classical methods ----------------------------------------------------------------


def test_maternal_beats_are_those_of_the_slower_heart(recorded):
    recording, mother = recorded
    x = classical.band_filtered(recording.data, SFREQ)
    found = classical.maternal_beats(x, SFREQ) / SFREQ
    assert detection_f1(mother, found) > 0.98


def test_template_subtraction_leaves_the_fetal_beats(recorded):
    recording, mother = recorded
    before = classical.fetal_band_pass([], recording)
    after = classical.template_subtraction([], recording)
    assert after.shape == recording.data.shape
    assert best_f1(recording, after) > 0.97
    assert best_f1(recording, before[:1]) < 0.7
    # around maternal beats that no fetal beat is near, little is left
    alone = [b for b in mother[2:-2] if np.abs(recording.events - b).min() > 0.1]
    places = np.round(np.array(alone) * SFREQ).astype(int)
    assert len(places) > 5
    left = np.abs(after[0, places]).mean() / np.abs(before[0, places]).mean()
    assert left < 0.15


def test_averages_of_equal_beats_are_subtracted_entirely():
    beats = np.arange(300, 19_000, 400)
    x = np.zeros(20_000)
    for beat in beats:
        x[beat - 20 : beat + 20] += np.hanning(40) * (1 + beat / 20_000)
    left = classical.subtract_beats(x, beats, SFREQ)
    assert np.abs(left).max() < 1e-9
    assert_array_equal(classical.subtract_beats(np.zeros(20_000), beats, SFREQ), 0)


def test_parts_that_follow_maternal_beats_lose_their_level():
    rng = np.random.default_rng(0)
    beats = np.arange(300, 19_000, 400)
    x = rng.normal(size=20_000)
    for beat in beats:
        x[beat - 20 : beat + 20] *= 10
    evened = classical.evened(x, beats, SFREQ)
    near = (beats[:, None] + np.arange(-15, 15)).ravel()
    assert 0.5 < evened[near].std() / np.delete(evened, near).std() < 1.5
    # what lies elsewhere keeps its shape
    assert_allclose(evened[beats + 180] / x[beats + 180], 1, rtol=0.5)
    assert_array_equal(classical.evened(0 * x, beats, SFREQ), 0)


def test_alignment_moves_beats_to_their_places():
    true = np.arange(300, 19_000, 400)
    x = np.zeros(20_000)
    for beat in true:
        x[beat - 20 : beat + 20] += np.hanning(40)
    shifted = true + np.random.default_rng(0).integers(-5, 6, len(true))
    found = classical.aligned(x, shifted, SFREQ)
    assert np.ptp(found - true) <= 1


@pytest.mark.parametrize("name", ["template-ica", "ica", "weighted", "band-pass"])
def test_methods_do_not_depend_on_the_unit(recorded, name):
    recording, _ = recorded
    other = replace(recording, data=recording.data * 1e-3)
    one, two = (methods.FETAL[name]([], r) for r in (recording, other))
    scores = [problems.measure_fetal(recording, e) for e in (one, two)]
    assert_allclose(scores[0]["F1"], scores[1]["F1"], atol=0.02)


def test_methods_get_no_events(recorded):
    seen = []
    method = methods.Method("spy", lambda training, r: seen.append(r.events) or r.data)
    method([], recorded[0])
    assert seen == [None]


@pytest.mark.slow
def test_fetal_beats_are_found_in_recordings_of_other_hospitals(data_folder):
    if not (data_folder / "challenge2013").is_dir():
        pytest.skip(f"no challenge2013 recordings in {data_folder}")
    scores = []
    for recording in recordings_of(
        "Challenge 2013", load_challenge2013(data_folder), data_folder
    ):
        estimates = methods.FETAL["weighted"]([], recording)
        measured = problems.measure_fetal(recording, estimates)
        scores.append(1 - problems.fetal_error(measured))
    assert np.mean(scores) > 0.95


# --- choices --------------------------------------------------------------------------


def test_estimate_is_chosen_by_its_own_beats_alone(recorded):
    recording, _ = recorded
    estimates = methods.FETAL["template-ica"]([], recording)
    chosen = problems.measure_fetal(recording, estimates)["chosen"]
    other = replace(recording, events=recording.events[:3])
    assert problems.measure_fetal(other, estimates)["chosen"] == chosen
    assert best_f1(recording, estimates[chosen, None]) > 0.97


def test_clear_beats_are_chosen_and_not_those_that_fill_noise():
    rng = np.random.default_rng(0)
    _, fetal = heart(135, 0.01, 1)
    noise = rng.normal(size=(3, len(fetal)))
    estimates = np.stack([noise[0], 0 * fetal, fetal + 0.1 * noise[1], noise[2]])
    recording = replace(abdominal("r01")[0], events=np.zeros(0))
    measured = problems.measure_fetal(recording, estimates)
    assert measured["chosen"] == 2
    assert measured["clear"][1] == 0
    assert measured["clear"][2] > 0.9 > 0.8 > measured["clear"][0]


def test_irregularity_of_one_heart_and_of_noise():
    rng = np.random.default_rng(0)
    drifting = np.cumsum(0.45 + 0.05 * np.sin(np.arange(100) / 10))
    assert classical.irregularity(drifting) == 0
    assert classical.irregularity(np.sort(rng.uniform(0, 60, 130))) > 0.5
    assert classical.irregularity([1.0, 2.0]) == 1


def test_channel_is_chosen_on_other_recordings():
    def record(f1):
        return {"measured": {"F1": f1, "chosen": 0}, "of_channels": True}

    current = {
        runs.Task("fetal", "ae", "ADFECGDB", "r01"): record([0.1, 0.9]),
        runs.Task("fetal", "ae", "ADFECGDB", "r04"): record([0.8, 0.7]),
    }
    value = page.of_one_channel(current)
    found = {task.recording: value(task, r) for task, r in current.items()}
    assert found == {"r01": 0.1, "r04": 0.7}  # the other one's best channel


def test_page_names_the_seeds_of_what_was_learned():
    problem = problems.PROBLEMS["fetal"]
    current = {
        runs.Task("fetal", name, "ADFECGDB", "r01", seed): {}
        for name, seed in (("none", 0), ("ae", 0), ("cross", 0), ("ae", 1))
    }
    (found,) = page.sentence_on_seeds(problem, current, "ADFECGDB")
    assert "`AESeparator` are means over seeds 0 and 1" in found
    assert "CASSSeparator" not in found
    current = {task: {} for task in current if task.seed == 0}
    (found,) = page.sentence_on_seeds(problem, current, "ADFECGDB")
    assert "seed 0" in found
    assert not list(page.sentence_on_seeds(problem, current, "Challenge 2013"))


def test_seeds_have_means_of_their_own():
    current = {
        runs.Task("respiration", "ae", "BIDMC", name, seed): {
            "measured": {"error": error}
        }
        for (name, seed), error in {
            ("03", 0): 1.0,
            ("04", 0): 2.0,
            ("03", 1): 5.0,
            ("04", 1): 7.0,
        }.items()
    }
    rows = page.rows_of_seeds(
        problems.PROBLEMS["respiration"], current, [0, 1], page.of_error, n_digits=2
    )
    found = {row["method"]: (row["0"], row["1"]) for row in rows}
    assert found["`AESeparator`"] == ("1.50", "6.00")
    assert found["`CASSSeparator`"] == (page.NONE, page.NONE)
    del current[runs.Task("respiration", "ae", "BIDMC", "04", 1)]
    row, *_ = (
        row
        for row in page.rows_of_seeds(
            problems.PROBLEMS["respiration"], current, [0, 1], page.of_error, n_digits=2
        )
        if row["method"] == "`AESeparator`"
    )
    assert (row["0"], row["1"]) == ("1.50", page.NONE)  # not of some recordings


def test_nothing_is_learned_from_the_tested_group():
    all_of_them = [
        *(abdominal(f"r0{k}", k)[0] for k in range(3)),
        *(abdominal(f"a0{k}", k, "Challenge 2013")[0] for k in range(2)),
    ]
    for tested in all_of_them:
        training = training_set(all_of_them, tested)
        assert all(r.database == "ADFECGDB" for r in training)
        assert tested.name not in [r.name for r in training]
        expected = 2 if tested.database == "ADFECGDB" else 3
        assert len(training) == expected


def test_gaps_become_lines():
    x = np.array([[0.0, np.nan, 2, 3, np.nan], [np.nan] * 5])
    assert_array_equal(bridged(x), [[0, 1, 2, 3, 3], [0] * 5])
    assert np.isnan(x).any()


def test_band_of_breathing_is_chosen_on_other_recordings(monkeypatch):
    times = np.arange(240 * 25) / 25

    def patient(name, breaths, heart_hz, events):
        x = np.sin(2 * np.pi * breaths * times) + 3 * np.sin(
            2 * np.pi * heart_hz * times
        )
        return Recording("BIDMC", name, 0, x[None], 25, events, None)

    slow, fast = (0.08, 0.3), (0.5, 0.9)
    filters = [(2, slow), (2, fast)]
    monkeypatch.setattr(classical, "BREATHING_FILTERS", filters)
    monkeypatch.setattr(classical, "_ERRORS", {})
    others = [patient(n, 0.2, 0.7, np.arange(1.25, 240, 5)) for n in "ab"]
    # whose own annotations would make the other band the best one
    tested = patient("c", 0.2, 0.7, np.arange(0.36, 240, 1 / 0.7))
    found = classical.breathing_band_pass(others, tested)
    assert_array_equal(found, classical.breathing_filtered(tested, (2, slow)))
    found = classical.breathing_band_pass([tested], others[0])
    assert_array_equal(found, classical.breathing_filtered(others[0], (2, fast)))


# --- learned methods ------------------------------------------------------------------


@pytest.fixture
def learned_from(monkeypatch):
    """Four recordings; separators that learn from some of them, in a second."""
    recordings = [abdominal(f"r0{k}", 10 * k)[0] for k in range(4)]
    monkeypatch.setattr(learned, "load_fetal", lambda folder: recordings)
    few = learned.FETAL_GENERATED | {"n_samples": 20}
    monkeypatch.setattr(learned, "FETAL_GENERATED", few)
    training = learned.FETAL_TRAINING
    quick = {
        "network": training["network"] | {"n_filters": 2, "n_latent": 4},
        "parameters": training["parameters"] | {"max_epochs": 1},
    }
    monkeypatch.setattr(learned, "FETAL_TRAINING", training | quick)
    learned.fetal_parts.cache_clear()
    learned.fitted_fetal.cache_clear()
    yield recordings
    learned.fetal_parts.cache_clear()
    learned.fitted_fetal.cache_clear()


@pytest.mark.parametrize("method", ["nmf", "ae", "regular", "cross"])
def test_learned_estimates_do_not_depend_on_polarity(learned_from, method):
    tested, *training = learned_from
    inverted = replace(tested, data=-tested.data)
    estimates = [methods.FETAL[method](training, r, 0) for r in (tested, inverted)]
    assert estimates[0].shape == tested.data.shape
    scale = np.abs(estimates[0]).max()
    assert_allclose(estimates[1], -estimates[0], atol=1e-4 * scale)


def test_nothing_is_learned_from_the_tested_recording(learned_from):
    tested, *training = learned_from
    before = methods.FETAL["ae"](training, tested, 0)
    learned.fetal_parts.cache_clear()
    learned.fitted_fetal.cache_clear()
    events = np.arange(1.0, 30.0)
    learned_from[0] = replace(tested, data=100 * tested.data, events=events)
    assert_array_equal(methods.FETAL["ae"](training, tested, 0), before)


def test_parts_to_learn_from_are_those_of_what_subtraction_leaves(learned_from):
    parts = learned.fetal_parts(None, "r00")
    fetal, other = parts.swapaxes(0, 1)
    n_windows = int(SECONDS * 125 / 512)
    assert parts.shape == (4 * n_windows, 2, 512)
    assert fetal.std() > other.std()
    # the parts are those of whole beats: at annotated times, the fetal one is highest
    first = np.abs(fetal[:n_windows].ravel())
    places = np.round(learned_from[0].events * 125).astype(int)
    places = places[(places > 200) & (places < len(first) - 200)]
    assert first[places].mean() > 5 * first.mean()


# --- difficult minutes ----------------------------------------------------------------


def test_a_minute_has_its_own_signal_and_times(recorded):
    recording, _ = recorded
    cut = difficult.minute(recording, 10)
    assert_array_equal(cut.data, recording.data[:, 10 * SFREQ : 70 * SFREQ])
    later = recording.events[recording.events >= 10]
    assert_allclose(cut.events + 10, later)


def test_noise_has_its_level_everywhere_and_hides_the_beats(recorded):
    recording, _ = recorded
    left = classical.template_subtraction([], recording)
    noisy = difficult.with_noise(recording, 500, 0)
    assert noisy.events is recording.events
    added = noisy.data - recording.data
    usual = np.median(np.abs(left), axis=1) / 0.67
    assert_allclose(added.std(axis=1), 500 * usual, rtol=1e-6)
    # bursts of it, but no single one that holds most of the power
    shares = (added**2).reshape(4, SECONDS, -1).sum(axis=-1)
    assert (shares / shares.sum(axis=1, keepdims=True)).max() < 0.5
    assert best_f1(recording, recording.data) > 0.9 > 0.5 > best_f1(recording, added)


# --- learned breathing ----------------------------------------------------------------


def patient(name, lag=0.0, seconds=240, sfreq=25):
    """Return PPG whose baseline falls with each breath, and breaths marked later."""
    ppg = make_ppg_mixtures(
        1,
        n_times=seconds * sfreq,
        sfreq=sfreq,
        breath_variability=(0.1, 0.1),
        respiration_ratio=(0.4, 0.4),
        noise=None,
        random_state=int(name),
    )
    breaths = find_breaths(ppg.target[0, 1], sfreq)
    events = breaths[(breaths > 5) & (breaths < seconds - 5)] + lag
    return Recording("BIDMC", name, int(name), ppg.data, sfreq, events, None)


@pytest.mark.parametrize("lag", [-1.92, 0.0, 1.12])
def test_respiration_follows_the_ppg_whenever_breaths_are_marked(lag):
    there, moved = patient("3"), patient("3", lag)
    x = breathing.baseline(there)
    found = breathing.respiration(moved.events, x)
    inner = slice(100, -100)
    expected = breathing.respiration(there.events, x)[inner]
    assert np.corrcoef(found[inner], x[inner])[0, 1] > 0.8
    assert np.corrcoef(found[inner], expected)[0, 1] > 0.98
    back = find_breaths(np.repeat(found, 2), 2 * breathing.SFREQ)
    assert abs(len(back) - len(moved.events)) <= 2


def test_rows_of_breathing_are_sums_of_their_components():
    mixtures, components = breathing.rows_of([patient("3"), patient("4")])
    assert mixtures.shape[-1] == round(breathing.WINDOW * breathing.SFREQ)
    assert components.shape == (len(mixtures), 2, mixtures.shape[-1])
    assert_allclose(components.sum(axis=1), mixtures, atol=1e-12)
    assert (components[:, 1].std(axis=1) > 0.1).all()


def test_levels_do_not_depend_on_the_unit_nor_on_a_slow_change():
    x = np.sin(np.arange(3000) / 5)
    one = breathing.levelled(x, 20)
    assert_allclose(breathing.levelled(1e3 * x, 20), one)
    growing = breathing.levelled(x * np.linspace(1, 5, 3000), 20)
    assert_allclose(growing[100:-100], one[100:-100], atol=0.1)
    assert np.isfinite(breathing.levelled(np.zeros(3000), 20)).all()


def test_windows_are_chosen_without_the_tested_patient_and_its_pair(monkeypatch):
    patients = [patient(name) for name in "123456"]
    seen = []

    def fitted(name, training, window, seed):
        assert name == "ae"
        seen.append([r.name for r in training])
        return window

    def error_of(recording, window):
        assert recording.name not in seen[-1]
        return window == breathing.WINDOWS[0]

    monkeypatch.setattr(breathing, "fitted", fitted)
    monkeypatch.setattr(breathing, "error_of", error_of)
    tested = patients[2].without_events()
    training = [r for r in patients if r.name != "3"]
    assert breathing.chosen_window(training, tested, 0) == breathing.WINDOWS[1]
    assert {name for names in seen for name in names} == set("1256")
    assert all(len(names) == 2 for names in seen)


@pytest.mark.slow
def test_learned_breathing_is_that_of_another_patient(monkeypatch):
    monkeypatch.setattr(breathing, "chosen_window", lambda *_: (64, 8))
    *training, tested = (patient(name) for name in "1234")
    for name in ("ae", "cross"):
        (found,) = methods.RESPIRATION[name](training, tested)
        assert found.shape == tested.data[0].shape
        assert np.isfinite(found).all()
        measured = problems.measure_respiration(tested, found[None])
        assert measured["error"] < 2


# --- command --------------------------------------------------------------------------


@pytest.fixture
def problem(monkeypatch):
    """A problem of two recordings, whose methods count how often they are called."""
    calls = []
    recordings = [abdominal("r01")[0], abdominal("r04", 3)[0]]

    def call(training, recording):
        calls.append(recording.name)
        return recording.data

    found = replace(
        problems.PROBLEMS["fetal"],
        load=lambda folder: recordings,
        methods={"none": methods.Method("nothing", call, {"a": 1}, of_channels=True)},
        pictured="none",
    )
    for module in (command, runs):
        monkeypatch.setitem(module.PROBLEMS, "fetal", found)
    return SimpleNamespace(calls=calls, found=found)


def run(tmp_path, *words):
    folders = ["--output", str(tmp_path / "records"), "--docs", str(tmp_path / "docs")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        command.main(["fetal", *words, *folders])
    return (tmp_path / "docs" / "recordings" / "fetal.md").read_text()


def test_runs_are_made_once_and_the_page_has_them(tmp_path, problem, monkeypatch):
    pytest.importorskip("matplotlib")
    first = run(tmp_path)
    n_pictured = 1  # a method's estimates are made again for the picture
    assert len(problem.calls) == 2 + n_pictured
    assert "| nothing |" in first.replace("  ", "")
    assert "recordings-fetal.png" in first
    assert run(tmp_path) == first
    assert len(problem.calls) == 2 + 2 * n_pictured
    assert run(tmp_path, "--page") == first
    # of other settings, the records are neither shown nor kept from being made
    changed = replace(problem.found.methods["none"], settings={"a": 2})
    problem.found.methods["none"] = changed
    assert "| nothing |" not in run(tmp_path, "--page").replace("  ", "")
    run(tmp_path)
    assert len(problem.calls) == 4 + 3 * n_pictured
