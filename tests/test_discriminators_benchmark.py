"""The comparison of kinds of discriminators."""

import numpy as np
import pytest

from benchmarks.discriminators import __main__ as command
from benchmarks.discriminators import page
from benchmarks.discriminators.runs import (
    CHOICE_SEED,
    CHOICES,
    KINDS,
    NONE,
    Task,
    identity,
    records_in,
)
from benchmarks.paper.tasks import CROSS, PLAIN, REGULAR


def test_equal_errors_do_not_differ():
    assert page.compared([0.1, 0.4], [0.1, 0.4]) == (0, 0, 0)


def test_constant_ratios_have_an_interval_of_no_width():
    errors = np.array([0.1, 0.3, 0.7])
    assert page.compared(0.9 * errors, errors) == pytest.approx((-10, -10, -10))


def test_interval_is_students_of_log_ratios():
    # of two values, half their distance times the quantile of one degree of freedom
    mean, low, high = page.compared([1.1, 1.0], [1.0, 1.0])
    half = np.log(1.1) / 2
    assert np.log1p(mean / 100) == pytest.approx(half)
    assert np.log1p(high / 100) == pytest.approx(half * (1 + 12.706), rel=1e-4)
    assert np.log1p(low / 100) == pytest.approx(half * (1 - 12.706), rel=1e-4)


def test_swapped_errors_have_the_inverse_ratio():
    a, b = np.array([0.5, 0.6, 0.4]), np.array([0.55, 0.5, 0.45])
    mean, low, high = page.compared(a, b)
    ratio = 1 + np.array([mean, high, low]) / 100
    swapped = 1 + np.array(page.compared(b, a)) / 100
    np.testing.assert_allclose(swapped, 1 / ratio)


def test_a_single_seed_has_no_interval():
    assert page.compared_text([0.2], [0.1]) == "+100.0"


@pytest.mark.parametrize("arguments", [[], ["--choose"]])
def test_every_run_has_autoencoders_of_its_seed_beside_it(arguments):
    tasks = list(command.tasks_of(command.options_of([*arguments, "--data", "any"])))
    of_ae = {(t.problem, t.seed, t.measured_on) for t in tasks if t.kind == NONE}
    assert {(t.problem, t.seed, t.measured_on) for t in tasks} == of_ae
    assert len({t.name for t in tasks}) == len(tasks)


def test_settings_are_chosen_on_rows_and_seeds_that_are_not_compared():
    compared = list(command.tasks_of(command.options_of(["--data", "any"])))
    choices = list(command.tasks_of(command.options_of(["--choose"])))
    assert {t.measured_on for t in compared} == {"test"}
    assert {t.measured_on for t in choices} == {"validation"}
    assert {t.seed for t in choices} == {CHOICE_SEED}
    assert CHOICE_SEED not in {t.seed for t in compared}


def test_kinds_differ_in_the_discriminators_alone():
    choice = next(iter(CHOICES))
    tasks = [Task("ecg", CROSS, kind, choice, 0) for kind in KINDS]
    parameters = [identity(task)["parameters"] for task in tasks]
    names = {n for p in parameters[1:] for n in p if p[n] != parameters[0][n]}
    assert names == {
        "network__discriminator_conditional",
        "network__discriminator_local",
        "network__discriminator_waveform",
    }


def record_of(task, errors):
    measured = {"L2": errors}
    return {
        "identity": identity(task),
        "component_names": ["first", "second"],
        "measured": measured,
        "outputs": {"estimates": [[0.5, 0.1], [0.2, 0.4]], "true": [0.6, 0.7]},
        "bounds": dict.fromkeys((*page.FLOORS, page.CEILING), measured),
        "machine": "a machine",
        "n_threads": 1,
        "commit": "0123",
    }


def test_page_compares_the_seeds_that_both_have(tmp_path):
    records, choice = records_in(tmp_path / "results"), next(iter(CHOICES))
    for seed in range(3):
        alone = Task("ecg", PLAIN, NONE, NONE, seed)
        records.write(alone, record_of(alone, [0.1 + seed, 0.2]))
    for seed in range(1, 5):
        regular = Task("ecg", REGULAR, "local", choice, seed)
        records.write(regular, record_of(regular, [0.9 * (0.1 + seed), 0.2]))
    text = page.write(records, tmp_path).read_text()
    lines = [row for row in text.splitlines() if row.startswith("| local ")]
    (line,) = [row for row in lines if "regular against AE" in row]
    assert "-10.0 [-10.0, -10.0]" in line
    assert line.split("|")[-2].strip() == "2"
    assert any("0.60 / 0.50 / 0.10" in row for row in lines)
    records.compact()
    assert page.write(records, tmp_path).read_text() == text
