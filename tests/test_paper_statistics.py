"""Summaries and paired differences, and the paper's claims by them."""

import numpy as np
import pytest

from benchmarks.paper import claims, published
from benchmarks.paper.__main__ import options_of
from benchmarks.paper.statistics import (
    difference_text,
    paired,
    paired_difference,
    relative_difference,
    summary,
)
from benchmarks.paper.tables import flattening
from benchmarks.paper.tasks import CROSS, FAMILY, PLAIN, REGULAR

# Statistics ---------------------------------------------------------------------------


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


def test_relative_differences_are_percent_of_the_second():
    assert relative_difference([1.0, 2.0], [2.0, 4.0])["mean"] == -50


def test_one_seed_has_no_interval():
    found = paired_difference([1.0], [0.0])
    assert np.isnan([found["low"], found["high"]]).all()
    assert difference_text(found, 2) == "+1.00"


def test_summaries_name_mean_and_spread():
    assert summary([1.0]) == "1.0000"
    assert summary([1.0, 3.0], 2) == "2.00 ± 1.41"
    assert flattening([4.0] * 8 + [2.0, 1.0]) == -75
    assert flattening([1.0] * 10) == 0


# Claims -------------------------------------------------------------------------------


def records(**errors):
    """Return {estimator: [record]} of waveform errors; shared phase halves them."""
    names = {"plain": PLAIN, "regular": REGULAR, "cross": CROSS}
    return {
        names[k]: [
            {
                "task": {"seed": seed},
                "measured": {"L2": [e] * 2, "shared_phase": {"L2": [e / 2] * 2}},
            }
            for seed, e in enumerate(values)
        ]
        for k, values in errors.items()
    }


FIVE = records(
    plain=[0.2, 0.3, 0.25, 0.2, 0.4],
    regular=[0.1, 0.15, 0.125, 0.1, 0.2],
    cross=[0.4, 0.1, 0.3, 0.2, 0.3],
)


def first(n_seeds):
    return {name: runs[:n_seeds] for name, runs in FIVE.items()}


def verdicts(better, worse, found):
    measured = claims.differences(claims.Claim("ecg", 1, better, worse), found)
    return [claims.verdict(difference) for difference in measured.values()]


def test_verdicts_are_those_of_the_interval():
    assert verdicts(REGULAR, PLAIN, FIVE) == ["holds"] * 2
    assert verdicts(PLAIN, REGULAR, FIVE) == ["contrary"] * 2
    assert verdicts(CROSS, PLAIN, FIVE) == ["undecided"] * 2


@pytest.mark.parametrize("n_seeds", [1, 4])
def test_few_seeds_decide_nothing(n_seeds):
    assert verdicts(REGULAR, PLAIN, first(n_seeds)) == ["undecided"] * 2


def test_each_error_has_a_verdict_of_its_own():
    found = records(plain=[0.2] * 5, cross=[0.3] * 5)
    for run in found[CROSS]:
        run["measured"]["shared_phase"] = {"L2": [0.09] * 2}
    assert verdicts(CROSS, PLAIN, found) == ["holds", "contrary"]


def test_claims_are_of_the_seeds_that_both_rows_have(tmp_path):
    some = FIVE | {PLAIN: FIVE[PLAIN][3:], REGULAR: FIVE[REGULAR][:4], CROSS: []}
    (a,), (b,) = paired(some[REGULAR], some[PLAIN])
    assert a["task"]["seed"] == b["task"]["seed"] == 3
    found = claims.differences(claims.Claim("ecg", 1, REGULAR, PLAIN), some)
    assert found["waveform"]["n"] == 1
    assert found["waveform"]["mean"] == pytest.approx(-50)
    options = options_of(["tables", "--output", str(tmp_path)])
    text = claims.write({("ecg", "best"): some}, options)
    assert text.count("Maternal Model: CASS below Baseline AE") == 1
    assert "CASS with Cross Training" not in text.split("##")[3]


@pytest.mark.parametrize("claim", claims.ALL)
def test_every_claim_is_what_the_papers_table_says(claim):
    better, worse = (
        published.ERRORS[claim.experiment, name][claim.component][1]
        for name in claim[2:]
    )
    assert claims.published(claim) == pytest.approx(100 * (better - worse) / worse)
    assert better < worse


def test_cross_training_is_said_to_harm_where_the_paper_says_so():
    harmed = {(c.experiment, c.component) for c in claims.ALL if c.worse == CROSS}
    assert harmed == {("ecg", 0), ("ppg", 0), ("ppg", 1)}


def test_the_page_has_a_line_for_each_claim_with_runs(tmp_path):
    options = options_of(["tables", "--output", str(tmp_path)])
    text = claims.write({("ecg", "best"): FIVE}, options)
    lines = [line.split("|")[1:-1] for line in text.splitlines() if "|" in line]
    claimed = [line for line in lines if ": " in line[0]]
    assert len(claimed) == 6
    assert all("ernal Model" in line[0] or "Fetal" in line[0] for line in claimed)


def test_the_summary_counts_every_claim_once():
    measured = [(c, "best", claims.differences(c, FIVE)) for c in claims.ALL]
    rows = claims.summary(measured)
    found = [claims.verdict(d["waveform"]) for *_, d in measured]
    column = f"waveform: {' / '.join(claims.VERDICTS)}"
    counted = np.sum([[int(n) for n in r[column].split("/")] for r in rows], axis=0)
    assert counted.tolist() == [found.count(name) for name in claims.VERDICTS]
    assert rows[0]["waveform [%]"] == "-50.0 to -50.0"
    assert rows[0][column] == "6 / 0 / 0"


def test_factors_are_the_papers_best_over_ours():
    (row,) = (
        r for r in claims.factors({("ecg", "best"): FIVE}) if "F" in r["component"]
    )
    ours = np.mean([0.1, 0.15, 0.125, 0.1, 0.2])
    paper = min(published.ERRORS["ecg", name][1][1] for name in FAMILY)
    assert float(row["shared phase"]) == pytest.approx(ours / 2, abs=1e-4)
    assert float(row["waveform"]) == pytest.approx(ours, abs=1e-4)
    times = float(row["times lower (shared phase)"])
    assert times == pytest.approx(paper / (ours / 2), abs=1e-2)


def test_the_papers_numbers_are_ordered_as_its_text_says():
    def errors(experiment, estimator, component):
        return published.ERRORS[experiment, estimator][component]

    for k in (0, 1):
        # 4.2: cross training is better for L1 and L2 on audio, the baseline worst
        for n in (0, 1):
            found = [errors("bach10", e, k)[n] for e in (CROSS, REGULAR, PLAIN)]
            assert found == sorted(found)
        # 4.3: on ECG regular is best on the mother, cross training on the fetus
        harms = np.greater(errors("ecg", CROSS, k), errors("ecg", REGULAR, k))
        assert all(harms) if k == 0 else not any(harms)
        # 4.4: on PPG cross training is slightly worse
        assert all(np.greater(errors("ppg", CROSS, k), errors("ppg", REGULAR, k)))
        assert all(np.less(errors("ppg", CROSS, k), errors("ppg", PLAIN, k)))
    assert published.error("ecg", "mixture", 0, "L1") is None
