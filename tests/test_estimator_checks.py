"""Contract of separators: ours keep it, and each way to break it is found."""

import re
from unittest import SkipTest

import pytest
from gain_separators import (
    FAULTS,
    ConstructorChangesParameters,
    GainSeparator,
    LearnsNothingElsewhere,
    SwapsComponents,
    WaveformSeparator,
)
from joblib import parallel_config
from sklearn.exceptions import EstimatorCheckFailedWarning, SkipTestWarning
from sklearn.pipeline import make_pipeline
from sklearn_settings import SEPARATORS

import sklearn_cass
from sklearn_cass import ICASeparator, NMFSeparator, STFTTransformer
from sklearn_cass.utils.estimator_checks import (
    check_separator,
    parametrize_with_separator_checks,
    separator_checks_generator,
)
from sklearn_cass.utils.estimator_checks._state import process_state
from sklearn_cass.utils.estimator_checks._workflow import check_separator_grid_search

# scikit-learn's warnings of short fits
pytestmark = [
    pytest.mark.filterwarnings("ignore:FastICA did not converge"),
    pytest.mark.filterwarnings("ignore:Maximum number of iterations"),
]

NAMES = [check.func.__name__ for _, check in separator_checks_generator(None)]
QUIET = {"on_fail": None, "on_skip": None}


@pytest.fixture(autouse=True)
def processes_if_slow(request):
    """Search in worker processes in slow tests, in this one in the others."""
    if "slow" in request.keywords:
        yield
    else:
        with parallel_config("sequential"):
            yield


def with_status(results, status):
    return {r["check_name"] for r in results if r["status"] == status}


# --- ours ---------------------------------------------------------------------------

OURS = [cls(**settings) for cls, settings in SEPARATORS.items()]
# ICA has no waveforms of these
LACKING = {
    ICASeparator: {
        "check_separator_complex_spectrograms",
        "check_separator_multichannel_spectrograms",
        "check_separator_images",
    }
}


@parametrize_with_separator_checks(OURS)
def test_our_separators_keep_the_contract(estimator, check):
    lacking = check.func.__name__ in LACKING.get(type(estimator), ())
    try:
        check(estimator)
    except SkipTest as reason:
        assert lacking, f"skipped: {reason}"
    else:
        assert not lacking


@pytest.mark.slow
@pytest.mark.parametrize("separator", OURS, ids=lambda s: type(s).__name__)
def test_search_in_two_processes_finds_the_same(separator):
    check_separator_grid_search(type(separator).__name__, separator)


def test_every_public_separator_is_checked():
    public = {getattr(sklearn_cass, name) for name in sklearn_cass.__all__}
    separators = {c for c in public if hasattr(c, "separate")}
    assert separators == {*map(type, OURS), sklearn_cass.BaseSeparator}


def test_pipeline_keeps_the_contract_for_what_its_first_step_takes():
    pipe = make_pipeline(STFTTransformer(n_fft=16), NMFSeparator(n_atoms=1, max_iter=5))
    results = check_separator(pipe, on_skip=None)
    assert with_status(results, "skipped") == {
        "check_separator_after_stft",
        "check_separator_complex_spectrograms",
        "check_separator_multichannel_spectrograms",
        "check_separator_spectrograms_of_waveforms",
        "check_separator_images",
        "check_separator_separate",
    }


# --- others' ------------------------------------------------------------------------


def test_separator_of_a_few_lines_keeps_the_contract():
    results = check_separator(GainSeparator(), on_skip=None)
    assert [r["check_name"] for r in results] == NAMES
    assert with_status(results, "passed") == set(NAMES)


@pytest.mark.parametrize("cls", FAULTS, ids=lambda cls: cls.__name__)
def test_each_fault_fails_the_checks_that_name_it(cls):
    before = process_state()
    results = check_separator(cls(), **QUIET)
    assert process_state() == before
    assert with_status(results, "failed") == FAULTS[cls]
    assert with_status(results, "skipped") == set()


@pytest.mark.slow
def test_faults_in_other_processes_are_found():
    results = check_separator(LearnsNothingElsewhere(), **QUIET)
    assert with_status(results, "failed") == {"check_separator_grid_search"}


def test_every_check_is_failed_by_some_fault():
    found = {*set.union(*FAULTS.values()), "check_separator_grid_search"}
    assert found == set(NAMES)


def test_nothing_can_be_checked_without_clones():
    results = check_separator(ConstructorChangesParameters(), **QUIET)
    assert with_status(results, "failed") == set(NAMES)
    assert results[0]["check_name"] == "check_separator_clone"


def test_refused_data_skip_a_check_with_the_reason():
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
        assert re.search("does not support|has no", str(result["exception"]))


# --- the suite ----------------------------------------------------------------------


def test_first_failure_is_raised():
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
