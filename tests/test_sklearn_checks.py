"""scikit-learn's own suite for estimators, all of it.

`make test` runs this file a second time, with SCIPY_ARRAY_API=1.
"""

import inspect
import os
from unittest import SkipTest

import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_estimator,
    check_param_validation,
    parametrize_with_checks,
)
from sklearn_settings import DEFAULTS, SETTINGS

import sklearn_cass

ESTIMATORS = [cls(**settings) for cls, settings in SETTINGS.items()]

each_estimator = pytest.mark.parametrize(
    "estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__
)


def may_be_skipped(reason):
    """Whether a check may be left out: for want of the variable, and not otherwise."""
    return "SCIPY_ARRAY_API" not in os.environ and "SCIPY_ARRAY_API" in str(reason)


@parametrize_with_checks(ESTIMATORS)
def test_contract_of_scikit_learn(estimator, check):
    try:
        check(estimator)
    except SkipTest as reason:
        if may_be_skipped(reason):
            raise
        pytest.fail(f"skipped: {reason}")


@pytest.mark.parametrize("cls", DEFAULTS, ids=lambda cls: cls.__name__)
def test_contract_with_the_constructors_own_defaults(cls):
    results = check_estimator(cls(**DEFAULTS[cls]), on_skip=None)
    run = [result for result in results if not may_be_skipped(result["exception"])]
    assert len(run) >= len(results) - 1
    assert {result["status"] for result in run} == {"passed"}


@each_estimator
def test_parameters_are_validated(estimator):
    # not part of the suite above
    check_param_validation(type(estimator).__name__, estimator)


def test_every_public_estimator_is_checked():
    public = {getattr(sklearn_cass, name) for name in sklearn_cass.__all__}
    classes = filter(inspect.isclass, public)
    assert SETTINGS.keys() == {c for c in classes if issubclass(c, BaseEstimator)}


class Plain(TransformerMixin, BaseEstimator):
    """A transformer with the tags of scikit-learn's own making."""


@each_estimator
def test_no_tag_holds_a_check_back(estimator):
    tags, plain = get_tags(estimator), get_tags(Plain())
    # a y that is required brings checks; a spectrogram has no dtype to preserve
    plain.target_tags.required = tags.target_tags.required
    if isinstance(estimator, sklearn_cass.STFTTransformer):
        plain.transformer_tags.preserves_dtype = []
    else:
        plain.transformer_tags.preserves_dtype = ["float64", "float32"]
    assert tags == plain
