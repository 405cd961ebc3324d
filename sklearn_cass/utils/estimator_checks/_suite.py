"""Suite of all checks, also as tests of pytest."""

import re
import warnings
from functools import partial, wraps
from unittest import SkipTest

from sklearn.exceptions import EstimatorCheckFailedWarning, SkipTestWarning

from . import _domains, _estimates, _state, _workflow

# check_separator_clone comes first, since all other checks begin with a clone
CHECKS = (
    *_workflow.CHECKS,
    *_domains.CHECKS,
    *_estimates.CHECKS,
    *_state.CHECKS,
)


def separator_checks_generator(estimator):
    """Yield all checks of a separator.

    Parameters
    ----------
    estimator : estimator object
        The separator, not fitted, with parameters that make training fast.

    Yields
    ------
    estimator : estimator object
        The separator.
    check : partial
        Function of the separator. It raises ``unittest.SkipTest`` if the separator
        does not support what is checked, and another exception if it breaks the
        contract. The state of the process is restored afterwards.

    Examples
    --------
    >>> from sklearn_cass import AESeparator, ResNet9
    >>> from sklearn_cass.utils.estimator_checks import separator_checks_generator
    >>> separator = AESeparator(ResNet9(2, 4), max_epochs=1)
    >>> checks = [check for _, check in separator_checks_generator(separator)]
    >>> checks[3].func.__name__
    'check_separator_score'
    >>> checks[3](separator)
    """
    name = type(estimator).__name__
    for check in CHECKS:
        yield estimator, partial(_isolated(check), name)


def _isolated(check):
    @wraps(check)
    def isolated(name, estimator):
        with _state.process_state_restored():
            check(name, estimator)

    return isolated


def check_separator(
    estimator, *, expected_failed_checks=None, on_skip="warn", on_fail="raise"
):
    """Check that a separator keeps the contract of this package.

    The contract, and the optional parts of it, are described in
    :mod:`sklearn_cass.utils.estimator_checks`. The separator is fitted dozens of times
    to a few short mixtures. Use :func:`sklearn.utils.estimator_checks.check_estimator`
    as well, which checks other properties.

    Parameters
    ----------
    estimator : estimator object
        The separator, or a Pipeline that ends with one, with parameters that make
        training fast. It is cloned, and parameters named ``random_state`` are set to
        integers in the clones.
    expected_failed_checks : dict, default=None
        Reasons by the names of the checks that are expected to fail.
    on_skip : {"warn"} or None, default="warn"
        Whether to issue a ``SkipTestWarning`` for each skipped check.
    on_fail : {"raise", "warn"} or None, default="raise"
        Whether to raise the first failure, to issue an ``EstimatorCheckFailedWarning``
        for each one, or only to return the results.

    Returns
    -------
    results : list of dict
        One for each check, with the keys of scikit-learn's ``check_estimator``:
        ``estimator``, ``check_name``, ``exception``, ``status`` ("passed", "failed",
        "skipped" or "xfail"), ``expected_to_fail``, ``expected_to_fail_reason``.

    Raises
    ------
    Exception
        The first failure that was not expected, if ``on_fail="raise"``.

    See Also
    --------
    parametrize_with_separator_checks : Run the checks as tests of pytest.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_cass.utils.estimator_checks import check_separator
    >>> check_separator(StandardScaler())
    Traceback (most recent call last):
        ...
    AttributeError: 'StandardScaler' object has no attribute 'predict'
    """
    _check_instance(estimator)
    reasons = expected_failed_checks or {}
    results = []
    for _, check in separator_checks_generator(estimator):
        name = check.func.__name__
        exception = _exception_of(check, estimator)
        result = {
            "estimator": estimator,
            "check_name": name,
            "exception": exception,
            "status": _status(exception, name in reasons),
            "expected_to_fail": name in reasons,
            "expected_to_fail_reason": reasons.get(
                name, "Check is not expected to fail"
            ),
        }
        if result["status"] == "failed" and on_fail == "raise":
            raise exception
        if result["status"] in ("failed", "xfail") and on_fail == "warn":
            warnings.warn(EstimatorCheckFailedWarning(**result), stacklevel=2)
        if result["status"] == "skipped" and on_skip == "warn":
            message = f"Skipping {name}: {exception}"
            warnings.warn(message, SkipTestWarning, stacklevel=2)
        results.append(result)
    return results


def _exception_of(check, estimator):
    try:
        check(estimator)
    except (SkipTest, Exception) as exception:
        return exception


def _status(exception, is_expected_to_fail):
    if exception is None:
        return "passed"
    if isinstance(exception, SkipTest):
        return "skipped"
    return "xfail" if is_expected_to_fail else "failed"


def parametrize_with_separator_checks(estimators, *, expected_failed_checks=None):
    """Decorate a test of pytest so that it runs for each separator and check.

    Parameters
    ----------
    estimators : list of estimator objects
        The separators, not fitted, with parameters that make training fast.
    expected_failed_checks : callable, default=None
        Function of an estimator that returns a dict, the reasons by the names of the
        checks that are expected to fail. Their tests are marked as xfail.

    Returns
    -------
    decorator : pytest.MarkDecorator
        ``pytest.mark.parametrize`` of ``estimator`` and ``check``.

    See Also
    --------
    check_separator : Run the checks without pytest.

    Examples
    --------
    >>> from sklearn_cass import AESeparator, ResNet9
    >>> from sklearn_cass.utils.estimator_checks import (
    ...     parametrize_with_separator_checks,
    ... )
    >>> @parametrize_with_separator_checks([AESeparator(ResNet9(2, 4), max_epochs=1)])
    ... def test_contract_of_separators(estimator, check):
    ...     check(estimator)
    """
    import pytest

    cases = []
    for estimator in estimators:
        _check_instance(estimator)
        reasons = expected_failed_checks(estimator) if expected_failed_checks else {}
        for _, check in separator_checks_generator(estimator):
            name = check.func.__name__
            marks = [pytest.mark.xfail(reason=reasons[name])] if name in reasons else []
            cases.append(pytest.param(estimator, check, marks=marks))
    return pytest.mark.parametrize(("estimator", "check"), cases, ids=_id)


def _id(value):
    if isinstance(value, partial):
        return value.func.__name__
    return re.sub(r"\s", "", str(value))


def _check_instance(estimator):
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator must be an instance of a separator, got the class "
            f"{estimator.__name__}"
        )
