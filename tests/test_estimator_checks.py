"""Our separators keep the contract, and separators that break it are found out."""

import re

import pytest
from cases import FAST, SEPARATORS
from gain_separators import (
    FAULTS,
    ConstructorChangesParameters,
    GainSeparator,
    SwapsComponents,
    WaveformSeparator,
)
from joblib.externals.loky import get_reusable_executor
from sklearn.exceptions import EstimatorCheckFailedWarning, SkipTestWarning
from sklearn.pipeline import make_pipeline

from sklearn_cass import AESeparator, STFTTransformer
from sklearn_cass.utils.estimator_checks import (
    check_separator,
    parametrize_with_separator_checks,
    separator_checks_generator,
)
from sklearn_cass.utils.estimator_checks._state import process_state

NAMES = [check.func.__name__ for _, check in separator_checks_generator(None)]
QUIET = {"on_fail": None, "on_skip": None}


def with_status(results, status):
    return {r["check_name"] for r in results if r["status"] == status}


# --- ours ---------------------------------------------------------------------------


@parametrize_with_separator_checks([cls(**FAST) for cls in SEPARATORS])
def test_our_separators_keep_the_contract(estimator, check):
    try:
        check(estimator)
    except pytest.skip.Exception as skipped:
        pytest.fail(f"skipped: {skipped}")


def test_a_pipeline_keeps_the_contract_of_what_its_first_step_takes():
    pipe = make_pipeline(STFTTransformer(n_fft=16), AESeparator(**FAST))
    results = check_separator(
        pipe,
        on_skip=None,
    )
    assert with_status(results, "skipped") == {
        "check_separator_after_stft",
        "check_separator_complex_spectrograms",
        "check_separator_multichannel_spectrograms",
        "check_separator_spectrograms_of_waveforms",
        "check_separator_images",
        "check_separator_separate",
    }


@pytest.fixture(scope="module", autouse=True)
def workers_of_their_own():
    """What broken separators change in worker processes ends with this file."""
    yield
    get_reusable_executor().shutdown(wait=True)


# --- others' ------------------------------------------------------------------------


def test_a_separator_of_a_few_lines_keeps_the_contract():
    results = check_separator(GainSeparator(), on_skip=None)
    assert [r["check_name"] for r in results] == NAMES
    assert with_status(results, "passed") == set(NAMES)


@pytest.mark.parametrize("cls", FAULTS, ids=lambda cls: cls.__name__)
def test_each_fault_fails_the_checks_that_name_it(cls):
    results = check_separator(cls(), **QUIET)
    assert with_status(results, "failed") == FAULTS[cls]
    assert with_status(results, "skipped") == set()


def test_every_check_is_failed_by_some_fault():
    assert set.union(*FAULTS.values()) == set(NAMES)


def test_nothing_can_be_checked_without_clones():
    results = check_separator(ConstructorChangesParameters(), **QUIET)
    assert with_status(results, "failed") == set(NAMES)
    assert results[0]["check_name"] == "check_separator_clone"


def test_what_a_separator_refuses_is_skipped_with_the_reason():
    results = check_separator(WaveformSeparator(), on_skip=None)
    skipped = [r for r in results if r["status"] == "skipped"]
    assert {r["check_name"].removeprefix("check_separator_") for r in skipped} == {
        "after_stft",
        "multichannel",
        "multichannel_to_one_channel",
        "complex_spectrograms",
        "multichannel_spectrograms",
        "spectrograms_of_waveforms",
        "images",
        "labels",
        "separate",
    }
    for result in skipped:
        assert re.search("takes no|has no", str(result["exception"]))


# --- the suite ----------------------------------------------------------------------


def test_the_first_failure_is_raised():
    with pytest.raises(AssertionError, match="in the order of y"):
        check_separator(SwapsComponents())


def test_failures_and_skips_may_be_warnings():
    with pytest.warns(EstimatorCheckFailedWarning, match="component_order"):
        check_separator(SwapsComponents(), on_fail="warn")
    with pytest.warns(SkipTestWarning, match="Skipping check_separator_") as skips:
        check_separator(WaveformSeparator())
    assert len(skips) == 9


def test_failures_may_be_expected():
    reasons = {"check_separator_component_order": "it swaps them"}
    results = check_separator(SwapsComponents(), expected_failed_checks=reasons)
    (result,) = (r for r in results if r["expected_to_fail"])
    assert result["status"] == "xfail"
    assert result["expected_to_fail_reason"] == "it swaps them"
    assert with_status(results, "passed") == set(NAMES) - set(reasons)


@pytest.mark.parametrize(
    "run", [check_separator, lambda cls: parametrize_with_separator_checks([cls])]
)
def test_classes_are_refused(run):
    with pytest.raises(TypeError, match="the class GainSeparator"):
        run(GainSeparator)


def test_the_process_is_left_as_it_was():
    for cls in FAULTS:
        if FAULTS[cls] & {
            "check_separator_fit_leaves_global_state",
            "check_separator_transform_leaves_global_state",
        }:
            before = process_state()
            for estimator, check in separator_checks_generator(cls()):
                if "grid_search" not in check.func.__name__:
                    try:
                        check(estimator)
                    except AssertionError:
                        assert "global_state" in check.func.__name__
            assert process_state() == before


def test_names_are_in_the_ids_of_tests():
    mark = parametrize_with_separator_checks(
        [GainSeparator(ridge=2.0)],
        expected_failed_checks=lambda e: {NAMES[0]: f"ridge is {e.ridge}"},
    ).mark
    make_id = mark.kwargs["ids"]
    first, second, *_ = mark.args[1]
    assert [make_id(value) for value in first.values] == [
        "GainSeparator(ridge=2.0)",
        NAMES[0],
    ]
    assert first.marks[0].kwargs == {"reason": "ridge is 2.0"}
    assert not second.marks
