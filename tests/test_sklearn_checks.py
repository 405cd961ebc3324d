"""scikit-learn's suite for estimators, all of it.

With SCIPY_ARRAY_API=1, as in `make test`, array API input is checked, too.
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
from sklearn_settings import ESTIMATORS

import sklearn_cass

# scikit-learn's warnings of short fits
pytestmark = [
    pytest.mark.filterwarnings("ignore:FastICA did not converge"),
    pytest.mark.filterwarnings("ignore:Maximum number of iterations"),
]

each_estimator = pytest.mark.parametrize(
    "estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__
)


def may_be_skipped(reason):
    """Return whether a check may be skipped: only if the variable is not set."""
    return "SCIPY_ARRAY_API" not in os.environ and "SCIPY_ARRAY_API" in str(reason)


@parametrize_with_checks(ESTIMATORS)
def test_contract_of_scikit_learn(estimator, check):
    try:
        check(estimator)
    except SkipTest as reason:
        if may_be_skipped(reason):
            raise
        pytest.fail(f"skipped: {reason}")


@pytest.mark.slow
def test_contract_with_default_parameters():
    # all defaults, except for the length of the training
    results = check_estimator(sklearn_cass.CASSSeparator(max_epochs=1), on_skip=None)
    run = [result for result in results if not may_be_skipped(result["exception"])]
    assert len(run) >= len(results) - 1
    assert {result["status"] for result in run} == {"passed"}


@each_estimator
def test_parameters_are_validated(estimator):
    # not part of the suite
    check_param_validation(type(estimator).__name__, estimator)


def test_every_public_estimator_is_checked():
    public = {getattr(sklearn_cass, name) for name in sklearn_cass.__all__}
    classes = {c for c in public if inspect.isclass(c) and hasattr(c, "fit")}
    assert classes == {*map(type, ESTIMATORS), sklearn_cass.BaseSeparator}


class Plain(TransformerMixin, BaseEstimator):
    """Transformer with scikit-learn's default tags."""


@each_estimator
def test_no_tag_excludes_a_check(estimator):
    tags, plain = get_tags(estimator), get_tags(Plain())
    # a required y adds checks; spectrograms have no dtype to preserve
    plain.target_tags.required = tags.target_tags.required
    if isinstance(estimator, sklearn_cass.STFTTransformer):
        plain.transformer_tags.preserves_dtype = []
    else:
        plain.transformer_tags.preserves_dtype = ["float64", "float32"]
    assert tags == plain
