"""Oracle of the fuzz tests: a call works or raises an error that names the cause."""

import faulthandler
import os
import re
import signal
import sys
import threading
import warnings
from collections import Counter
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

import numpy as np
import sklearn
import torch
from hypothesis import HealthCheck, given, settings
from sklearn.exceptions import ConvergenceWarning, NotFittedError

REFUSALS = (ValueError, TypeError, NotFittedError)
PATIENCE = 60  # seconds until a case counts as hung
FUZZING = os.environ.get("FUZZ_PROFILE", "test") == "fuzz"

tally = {"cases": Counter(), "worked": Counter(), "refused": Counter()}
# openings of the package's warnings of training data, which point at the user's line
OF_DATA = (
    "A column-vector y was passed",
    r"X is \d+ dB louder than the components y",
    r"the sum of the components y is \d+ dB louder than X",
    "component .* is silent in all rows of y",
    r"component .* is \d+ dB below the mixtures",
    "the mean over time holds most of the power",
)

failures = {}  # distinct ones by test


class Failure(AssertionError):
    """A call neither worked nor raised a clear error."""


class Refused:
    """Result of `works_or_refuses` for a call that was refused."""

    def __init__(self, error):
        self.error = error

    def __bool__(self):
        return False


def works_or_refuses(call, *, named, check=None):
    """Check that one call works or raises an error that names an argument.

    Parameters
    ----------
    call : callable
        Called without arguments.
    named : iterable of str
        Arguments, at least one of which an error has to name.
    check : callable, default=None
        Called with the result; raises AssertionError where it is wrong.

    Returns
    -------
    result : object
        What the call returned, or a `Refused`, which is false.
    """
    with warnings.catch_warnings(record=True) as caught, time_limit(PATIENCE):
        warnings.simplefilter("always")
        try:
            result = call()
        except REFUSALS as error:
            result = Refused(error)
        except Failure:
            raise
        except Exception as error:
            kind = type(error).__name__
            raise Failure(f"{kind} is no refusal: {error}") from error
    for warning in caught:
        if not is_documented(warning):
            raise Failure(
                f"{warning.category.__name__} at {where(warning)}: {warning.message}"
            )
    if isinstance(result, Refused):
        if not names_one_of(result.error, named):
            raise Failure(
                f"a refusal names no argument: {result.error} ({sorted(named)})"
            ) from result.error
        tally["refused"][current_test()] += 1
    else:
        if check is not None:
            check(result)
        tally["worked"][current_test()] += 1
    return result


def names_one_of(error, named):
    """Return whether the message has the name of an argument as a word."""
    if isinstance(error, NotFittedError):
        return "not fitted" in str(error)
    return any(re.search(rf"\b{re.escape(name)}\b", str(error)) for name in named)


def is_documented(warning):
    """Return whether a warning is meant for users.

    Warnings in C++ have the file and line of the Python code that led there, so the
    place alone does not tell that they come from numpy or torch.
    """
    if issubclass(warning.category, ConvergenceWarning):
        return True
    if not issubclass(warning.category, UserWarning):
        return False
    path, message = Path(warning.filename), str(warning.message)
    folders = [Path(module.__file__).parent for module in (np, torch)]
    if any(path.is_relative_to(folder) for folder in folders):
        return False
    if re.search(r"Triggered internally|\.cpp|torch|NumPy", message):
        return False
    if any(re.match(opening, message) for opening in OF_DATA):
        return True
    ours = Path(__file__).parents[2] / "sklearn_cass"
    return any(path.is_relative_to(f) for f in (ours, Path(sklearn.__file__).parent))


def where(warning):
    """Return package, file and line of a warning, the same on every machine."""
    return f"{'/'.join(Path(warning.filename).parts[-3:])}:{warning.lineno}"


@contextmanager
def time_limit(seconds):
    """Fail a call that hangs, by an alarm or else by ending the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_):
        raise Failure(f"no answer in {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    # the alarm waits for the interpreter, which a call that hangs in C++ does not enter
    faulthandler.dump_traceback_later(2 * seconds, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def current_test():
    """Return the running test as file and name."""
    return short_name(os.environ.get("PYTEST_CURRENT_TEST", "no test"))


def short_name(nodeid):
    """Return file and name of a test, without its parameters."""
    path = nodeid.split("[")[0].split(" ")[0]
    return path.rpartition("/")[2].replace(".py::", ": ")


def fuzz_settings(*, test, fuzz, **others):
    """Return settings: how many cases to draw in `make test` and in `make fuzz`."""
    return settings(
        max_examples=fuzz if FUZZING else test,
        derandomize=not FUZZING,
        database=None,  # the seed alone decides, so that a run can be repeated
        print_blob=FUZZING,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **others,
    )


def fuzzed(*, test, fuzz, **strategies):
    """Decorate a test as Hypothesis' `given` does, and count cases and failures."""

    def decorate(function):
        @fuzz_settings(test=test, fuzz=fuzz)
        @given(**strategies)
        @wraps(function)
        def run(**drawn):
            with counted():
                function(**drawn)

        return run

    return decorate


@contextmanager
def counted():
    """Count one case and its failure, if any."""
    tally["cases"][current_test()] += 1
    try:
        yield
    except AssertionError as error:
        failures.setdefault(current_test(), set()).add(signature(error))
        raise


def signature(error):
    """Return what cases of one failure have in common: its place, type and message."""
    cause = error.__cause__ or error
    trace = cause.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    text = re.sub(r"\d[\d.e+-]*", "0", str(error))[:60]
    return type(cause).__name__, trace.tb_frame.f_code.co_name, text


# --- what right results look like ----------------------------------------------------


def finite(*shape, kinds="f"):
    """Return the check that a result is a finite array of this shape and kinds."""

    def check(result):
        is_array(result, shape, kinds)
        require(np.isfinite(result).all(), "the result has NaN or infinity")

    return check


def is_array(result, shape, kinds="f"):
    """Require an array of this shape with a dtype of these kinds."""
    require(isinstance(result, np.ndarray), f"{type(result).__name__} is no array")
    require(result.shape == shape, f"shape {result.shape} instead of {shape}")
    require(result.dtype.kind in kinds, f"dtype {result.dtype} is not of {kinds!r}")


def require(condition, message):
    if not condition:
        raise Failure(message)
