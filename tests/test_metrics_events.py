"""Events: matching, scores and rates; beats and breaths in waveforms."""

import math
import sys
import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import find_peaks
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from sklearn_cass.datasets import load_adfecgdb, load_bidmc
from sklearn_cass.metrics import (
    detection_f1,
    detection_precision,
    detection_recall,
    find_beats,
    find_breaths,
    match_events,
    rate_error,
)
from sklearn_cass.metrics._rhythm import best_series

SCORES = (detection_f1, detection_precision, detection_recall)
TIMES = st.lists(st.integers(0, 300), max_size=25).map(np.array)  # hundredths


# --- matching and scores --------------------------------------------------------------


@settings(deadline=None)
@given(TIMES, TIMES)
def test_as_many_events_as_possible_are_matched_one_to_one(true, pred):
    true, pred = true / 100, pred / 100
    index_true, index_pred = match_events(true, pred, tolerance=0.05)
    assert len(set(index_true)) == len(index_true) == len(set(index_pred))
    distances = true[index_true] - pred[index_pred]
    assert (np.abs(distances) < 0.0501).all()
    near = np.abs(true[:, None] - pred) < 0.0501
    most = (maximum_bipartite_matching(csr_array(near)) >= 0).sum() if near.size else 0
    assert len(index_true) == most


@given(TIMES, TIMES)
def test_scores_are_symmetric_and_do_not_depend_on_order(true, pred):
    true, pred = true / 100, pred / 100
    f1 = detection_f1(true, pred)
    for other in (
        detection_f1(pred, true),
        detection_f1(true[::-1], pred),
        detection_f1(true + 7, pred + 7),
    ):
        assert_allclose(other, f1)
    assert_allclose(detection_precision(true, pred), detection_recall(pred, true))


def test_scores_of_events_that_are_counted_by_hand():
    true, pred = [1, 2, 3, 4], [1.04, 2.5, 2.96]
    assert detection_precision(true, pred) == 2 / 3
    assert detection_recall(true, pred) == 1 / 2
    assert detection_f1(true, pred) == 4 / 7
    # two predictions near one event are one pair
    assert detection_precision([1], [0.99, 1.01]) == 1 / 2


def test_tolerance_includes_its_end():
    for k in range(1000):
        assert detection_f1([k / 1000], [(k + 50) / 1000], tolerance=0.05) == 1
        assert detection_f1([k / 1000], [(k + 51) / 1000], tolerance=0.05) == 0


def test_scores_without_events():
    for score in SCORES:
        assert math.isnan(score([], []))
    assert detection_f1([1], []) == detection_f1([], [1]) == 0
    assert math.isnan(detection_precision([1], []))
    assert detection_recall([1], []) == detection_precision([], [1]) == 0


def test_counts_are_those_of_wfdb():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pandas' own, inside wfdb
        processing = pytest.importorskip("wfdb.processing")
    rng = np.random.default_rng(0)
    for _ in range(30):
        true = np.cumsum(rng.integers(300, 600, 60))  # fetal beats, in ms
        found = (true + rng.integers(-60, 60, 60))[rng.random(60) < 0.8]
        false = rng.integers(0, true[-1], 8)
        pred = np.sort(np.concatenate([found, false]))
        pred = pred[np.diff(pred, prepend=-1000) > 120]
        # wfdb's width is not part of the window
        found = processing.compare_annotations(true, pred, 51)
        index_true, _ = match_events(true / 1000, pred / 1000, tolerance=0.05)
        assert found.tp == len(index_true)
        assert_allclose(found.sensitivity, detection_recall(true / 1000, pred / 1000))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0]], [1.0]), r"events_true must be the times of one recording.*\(1, 1\)"),
        (([1.0], [np.nan]), "events_pred contains NaN"),
        ((["a"], [1.0]), "events_true"),
    ],
)
@pytest.mark.parametrize("score", SCORES)
def test_wrong_events_are_named(score, arguments, message):
    with pytest.raises(ValueError, match=message):
        score(*arguments)


@pytest.mark.parametrize("tolerance", [0, -1, np.nan, np.inf, True, "0.05"])
def test_wrong_tolerance_is_named(tolerance):
    with pytest.raises(ValueError, match="tolerance must be a positive number"):
        detection_f1([1], [1], tolerance=tolerance)


# --- rates ----------------------------------------------------------------------------


def test_rate_error_is_the_mean_difference_of_rates_over_windows():
    true, pred = np.arange(0, 120, 4.0), np.arange(0, 120, 5.0)
    pred = np.concatenate([pred[pred < 60], true[true >= 60]])  # wrong in the first
    assert_allclose(rate_error(true, true, duration=120, window=60), 0)
    assert_allclose(rate_error(true, pred, duration=120, window=60), 3 / 2)
    assert_allclose(rate_error(true, pred[::-1], duration=120, window=60), 3 / 2)
    assert_allclose(rate_error(true, [], duration=120, window=60), 15)


def test_rate_does_not_depend_on_where_events_lie_in_a_window():
    for shift in np.linspace(0, 4, 9):
        true = shift + np.arange(0, 60, 4.0)
        assert_allclose(rate_error(true, np.arange(0, 60, 4.0), duration=64), 0)


def test_windows_without_a_true_rate_are_not_compared():
    true = np.arange(0, 64, 4.0)
    assert_allclose(rate_error(true, true, duration=128), 0)
    assert math.isnan(rate_error([1.0], true, duration=128))


def test_windows_may_overlap_and_exceed_the_recording():
    true, pred = np.arange(0, 30, 3.0), np.arange(0, 30, 2.0)
    assert_allclose(rate_error(true, pred, duration=30, window=64), 10)
    assert_allclose(rate_error(true, pred, duration=30, window=12, hop=4), 10)


@pytest.mark.parametrize("name", ["duration", "window", "hop"])
def test_wrong_seconds_are_named(name):
    with pytest.raises(ValueError, match=f"{name} must be a positive number, got 0"):
        rate_error([1], [1], **{"duration": 60, name: 0})


# --- beats and breaths ----------------------------------------------------------------


def ecg(beats, sfreq, width=0.008, noise=0.02):
    """R waves, each with a T wave, on noise."""
    times = np.arange(round(sfreq * (beats[-1] + 0.5))) / sfreq
    x = noise * np.random.default_rng(0).normal(size=len(times))
    for beat in beats:
        x += np.exp(-(((times - beat) / width) ** 2))
        x += 0.2 * np.exp(-(((times - beat - 0.15) / 0.04) ** 2))
    return x


@pytest.fixture(scope="module")
def beats():
    pytest.importorskip("neurokit2")
    rng = np.random.default_rng(1)
    return 0.5 + np.cumsum(rng.uniform(0.38, 0.46, 60))  # 130 to 160 a minute


@pytest.mark.parametrize("sfreq", [250, 256.0, 360, 1000])
def test_beats_are_found_at_any_rate(beats, sfreq):
    found = find_beats(ecg(beats, sfreq), sfreq)
    assert detection_recall(beats, found, tolerance=0.02) > 0.98
    # the threshold is found within the first second, by some false beats
    assert detection_precision(beats, found[found > 0.9], tolerance=0.02) > 0.98


def test_beats_do_not_depend_on_polarity_scale_and_offset(beats):
    x = ecg(beats, 500)
    found = find_beats(x, 500)
    for other in (-x, 1e-6 * x, 1e6 * x + 1e7, x.astype(np.float32), list(x)):
        assert_allclose(find_beats(other, 500), found, atol=0.004)


def test_no_beat_is_found_in_a_gap(beats):
    x = ecg(beats, 500)
    x[3000:5000] = np.nan
    found = find_beats(x, 500)
    assert not ((found >= 6) & (found < 10)).any()
    outside = beats[(beats < 5.9) | (beats > 10.1)]
    assert detection_recall(outside, found) > 0.95


RATES = (100, 200)


@pytest.mark.parametrize("sfreq", [250, 256.0, 1000])
def test_beats_at_known_rates_are_found_in_noise(sfreq):
    beats = 0.5 + np.cumsum(0.42 + 0.03 * np.sin(np.arange(100) / 5))
    x = ecg(beats, sfreq)
    rng = np.random.default_rng(2)
    x += rng.normal(scale=0.35 * np.sqrt(sfreq / 250), size=len(x))
    found = find_beats(x, sfreq, rates=RATES)
    assert detection_f1(beats, found) > 0.97
    bursts = 20 * rng.normal(size=len(x)) * (np.arange(len(x)) % (9 * sfreq) < sfreq)
    outside = beats[beats % 9 > 1.1]
    found = find_beats(x + bursts, sfreq, rates=RATES)
    assert detection_recall(outside, found) > 0.9


def test_a_slower_heart_is_not_found_at_the_rates_of_a_faster_one():
    slow, fast = np.arange(0.5, 40, 0.83), np.arange(0.6, 40, 0.43)
    x = ecg(slow, 500)
    x[: len(x) - 100] += 0.7 * ecg(fast, 500)[: len(x) - 100]
    assert detection_f1(fast, find_beats(x, 500, rates=RATES)) > 0.9
    assert detection_f1(slow, find_beats(x, 500, rates=(50, 90))) > 0.95


def test_beats_at_known_rates_do_not_depend_on_polarity_and_scale(beats):
    x = ecg(beats, 500)
    found = find_beats(x, 500, rates=RATES)
    for other in (-x, 1e-6 * x, 1e6 * x + 1e7, list(x)):
        assert_allclose(find_beats(other, 500, rates=RATES), found, atol=0.004)


def test_beats_at_known_rates_lie_in_no_gap():
    beats = np.arange(0.5, 30, 0.41)
    x = ecg(beats, 500)
    x[3000:5000] = np.nan
    found = find_beats(x, 500, rates=RATES)
    assert not ((found >= 6) & (found < 10)).any()
    outside = beats[(beats < 5.9) | (beats > 10.1)]
    assert detection_f1(outside, found) > 0.98


@settings(deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=8, max_size=30))
def test_series_of_beats_is_the_best_of_all(scores):
    intervals = (7, 8)

    def total(steps, first):
        change = np.diff(np.log([first, *np.diff(steps)]))
        return sum(scores[t] for t in steps) - 0.5 * np.sum((change / 0.05) ** 2)

    def series(steps):
        """Yield all series that begin with some steps and end at the end."""
        if steps[-1] >= len(scores) - max(intervals):
            yield steps
        for interval in intervals:
            if steps[-1] + interval < len(scores):
                yield from series([*steps, steps[-1] + interval])

    def best_of(steps):
        return max(total(steps, k) for k in intervals if k > steps[0])

    best = max(best_of(s) for t in range(max(intervals)) for s in series([t]))
    found = best_series(np.array(scores, float), np.array(intervals))
    assert best_of(list(found)) == pytest.approx(best)


@pytest.mark.parametrize("rates", [(200, 100), (0, 100), (1, 2, 3), 100, ("a", "b")])
def test_wrong_rates_are_named(rates):
    with pytest.raises(ValueError, match="rates must be two positive numbers"):
        find_beats(np.arange(1000.0), 250, rates=rates)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("sfreq", [25, 62.5, 125])
def test_breaths_are_found(sfreq, sign):
    pytest.importorskip("neurokit2")
    times = np.arange(round(240 * sfreq)) / sfreq
    frequency = 0.25 + 0.05 * np.sin(2 * np.pi * times / 60)
    x = sign * np.sin(2 * np.pi * np.cumsum(frequency) / sfreq)
    breaths = find_peaks(x)[0] / sfreq
    found = find_breaths(3 * x + 5, sfreq)
    assert detection_precision(breaths, found, tolerance=0.2) == 1
    # the first and the last one lie between no two zero crossings
    assert detection_recall(breaths[1:-1], found, tolerance=0.2) == 1


@pytest.mark.parametrize(
    "find", [find_beats, find_breaths, partial(find_beats, rates=RATES)]
)
@pytest.mark.parametrize("n_times", [0, 1, 2, 10, 100, 1000])
def test_nothing_is_found_where_there_is_nothing(find, n_times):
    pytest.importorskip("neurokit2")
    for value in (0, 0.1, np.nan):
        assert len(find(np.full(n_times, value), 250)) == 0
    noise = np.random.default_rng(0).normal(size=n_times)
    found = find(noise, 250)
    assert (np.diff(found) > 0).all()
    assert ((found >= 0) & (found < n_times / 250)).all()


@pytest.mark.parametrize(
    ("x", "sfreq", "message"),
    [
        (np.zeros((2, 100)), 250, r"x must be one waveform.*\(2, 100\)"),
        (np.full(100, np.inf), 250, "x contains"),
        (np.arange(100.0), 5, "sfreq must be .* Hz or more, got 5"),
        (np.arange(100.0), np.nan, "sfreq must be"),
        (np.arange(100.0), True, "sfreq must be"),
    ],
)
@pytest.mark.parametrize("find", [find_beats, find_breaths])
def test_wrong_waveforms_are_named(find, x, sfreq, message):
    pytest.importorskip("neurokit2")
    with pytest.raises(ValueError, match=message):
        find(x, sfreq)


@pytest.mark.parametrize("find", [find_beats, find_breaths])
def test_missing_package_names_the_extra(find, monkeypatch):
    monkeypatch.setitem(sys.modules, "neurokit2", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-cass\[events\]"'):
        find(np.arange(1000.0), 250)


def test_callers_waveform_is_not_changed(beats):
    x = ecg(beats, 500)
    x[10] = np.nan
    before = x.copy()
    find_beats(x, 500)
    assert_array_equal(x, before)


# --- recordings -----------------------------------------------------------------------


def test_fetal_beats_of_scalp_leads_are_found(data_folder):
    for module in ("neurokit2", "edfio"):
        pytest.importorskip(module)
    if not (data_folder / "adfecgdb").is_dir():
        pytest.skip(f"no adfecgdb recordings in {data_folder}")
    ecg = load_adfecgdb(data_folder, channels=["Direct_1"])
    for (lead,), true in zip(ecg.data, ecg.events, strict=True):
        assert detection_f1(true, find_beats(lead, 1000)) > 0.995


def test_breaths_of_recorded_respiration_are_found(data_folder):
    pytest.importorskip("neurokit2")
    if not (data_folder / "bidmc").is_dir():
        pytest.skip(f"no bidmc recordings in {data_folder}")
    ppg = load_bidmc(data_folder, channels=["RESP"])
    errors = [
        rate_error(true, find_breaths(resp, 125), duration=480)
        for (resp,), true in zip(ppg.data, ppg.events, strict=True)
    ]
    assert np.median(errors) < 0.3
    assert np.max(errors) < 1.5
