"""The page of claims: what is compared, in which direction, and what is concluded."""

import numpy as np
import pytest

from benchmarks.paper import claims
from benchmarks.paper.estimators import FAMILY
from benchmarks.paper.published import ERRORS

PLAIN, REGULAR, CROSS = FAMILY


def record(waveform, shared, output=0.1):
    """One whose errors are the same for both components."""
    said = {name: [output, 1 - output] for name in ("estimates10", "true1")}
    errors = {"L2": [waveform] * 2, "shared_phase": {"L2": [shared] * 2}}
    return {"measured": errors, "answers": said}


def records(**errors):
    """{seed: {estimator: record}} of waveform errors; shared phase halves them."""
    rows = {"plain": PLAIN, "regular": REGULAR, "cross": CROSS}
    n_seeds = len(errors["plain"])
    return {
        seed: {rows[k]: record(v[seed], v[seed] / 2) for k, v in errors.items()}
        for seed in range(n_seeds)
    }


FIVE = records(
    plain=[0.2, 0.3, 0.25, 0.2, 0.4],
    regular=[0.1, 0.15, 0.125, 0.1, 0.2],
    cross=[0.4, 0.1, 0.3, 0.2, 0.3],
)


def test_differences_are_relative_and_paired():
    claim = claims.Claim("ecg", 1, REGULAR, PLAIN)
    found = claim.measured("best", FIVE).differences[1]
    assert found["mean"] == pytest.approx(-50)
    assert found["low"] == pytest.approx(-50) == pytest.approx(found["high"])
    assert claims.verdict(found) == "holds"
    opposite = claims.Claim("ecg", 1, PLAIN, REGULAR).measured("best", FIVE)
    (*_, shared, waveform) = opposite.row()
    assert shared == waveform == "contrary"


def test_each_error_has_a_verdict_of_its_own():
    apart = {
        seed: {PLAIN: record(0.2, 0.1), CROSS: record(0.3, 0.09)} for seed in range(5)
    }
    row = claims.Claim("ecg", 1, CROSS, PLAIN).measured("best", apart).row()
    assert row[-2:] == ["holds", "contrary"]


def test_an_interval_around_zero_and_few_seeds_decide_nothing():
    claim = claims.Claim("ecg", 1, CROSS, PLAIN)
    assert claim.measured("best", FIVE).row()[-2:] == ["undecided"] * 2
    sure = claims.Claim("ecg", 1, REGULAR, PLAIN)
    for n_seeds in (1, 4):
        few = {seed: FIVE[seed] for seed in range(n_seeds)}
        assert sure.measured("best", few).row()[-3:] == [
            str(n_seeds),
            *["undecided"] * 2,
        ]


@pytest.mark.parametrize("claim", claims.ALL)
def test_every_claim_is_what_the_papers_table_says(claim):
    assert claim.published() < 0
    better, worse = (
        ERRORS[claim.experiment][name][claim.component][1]
        for name in (claim.better, claim.worse)
    )
    assert claim.published() == pytest.approx(100 * (better - worse) / worse)


def test_cross_training_is_said_to_harm_where_the_paper_says_so():
    harmed = {
        (c.experiment, c.component)
        for c in claims.ALL
        if (c.better, c.worse) == (REGULAR, CROSS)
    }
    assert harmed == {("ecg", 0), ("ppg", 0), ("ppg", 1)}


def test_the_page_has_a_line_for_each_claim_with_runs():
    text = claims.page("command", {("ecg", "best"): FIVE})
    lines = [line for line in text.splitlines() if line.startswith("|")]
    for claim in claims.ALL:
        n_lines = sum(
            f"{claim.about}: {claims.label(claim.better)} below "
            f"{claims.label(claim.worse)} " in line
            for line in lines
        )
        assert n_lines == (claim.experiment == "ecg")


def test_the_summary_counts_every_claim_once():
    measured = [claim.measured("best", FIVE) for claim in claims.ALL]
    lines = claims.summary(measured).splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    verdicts = [claims.verdict(found.differences[1]) for found in measured]
    for name, total in zip(
        claims.VERDICTS,
        zip(*[c[-1].split("/") for c in cells], strict=True),
        strict=True,
    ):
        counted = sum(map(int, total))
        assert counted == sum(verdict == name for verdict in verdicts)
    assert cells[0][-2:] == ["-50.0 to -50.0", "6 / 0 / 0"]


def test_factors_are_the_papers_best_over_ours():
    text = claims.factors({("ecg", "best"): FIVE})
    (line,) = [line for line in text.splitlines() if "Fetal" in line]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    ours = np.mean([0.1, 0.15, 0.125, 0.1, 0.2])
    paper = min(ERRORS["ecg"][name][1][1] for name in FAMILY)
    assert float(cells[3]) == pytest.approx(ours / 2, abs=1e-4)
    assert float(cells[4]) == pytest.approx(paper / (ours / 2), abs=1e-2)
    assert float(cells[5]) == pytest.approx(ours, abs=1e-4)


def test_shares_rejected_are_those_below_one_half():
    line = claims.rejections({("ecg", "best"): FIVE}).splitlines()[-1]
    assert "0.50 ± 0.00 (0.50 ± 0.00)" in line
