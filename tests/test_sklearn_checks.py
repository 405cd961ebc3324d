"""scikit-learn's own suite for estimators, all of it."""

import pytest
from cases import FAST, SEPARATORS
from sklearn.utils.estimator_checks import (
    check_param_validation,
    parametrize_with_checks,
)

from sklearn_cass import STFTTransformer

SETTINGS = FAST | {"batch_size": 64}
ESTIMATORS = [STFTTransformer(), *(cls(**SETTINGS) for cls in SEPARATORS)]


@parametrize_with_checks([ESTIMATORS[0], ESTIMATORS[1], ESTIMATORS[3]])
def test_contract_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_parameters_are_validated(estimator):
    # not part of the suite above
    check_param_validation(type(estimator).__name__, estimator)
