"""The one judgement of every fuzz test: a call works, or it refuses in words."""

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
failures = {}  # distinct ones by test


class Failure(AssertionError):
    """A call neither worked nor refused in words."""


class Refused:
    """What `works_or_refuses` returns of a call that was refused."""

    def __init__(self, error):
        self.error = error

    def __bool__(self):
        return False


def works_or_refuses(call, *, named, check=None):
    """Judge one call.

    Parameters
    ----------
    call : callable
        Called without arguments.
    named : iterable of str
        The arguments of which a refusal has to name at least one.
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
    """Whether the message holds an argument's name as a word of its own."""
    if isinstance(error, NotFittedError):
        return "not fitted" in str(error)
    return any(re.search(rf"\b{re.escape(name)}\b", str(error)) for name in named)


def is_documented(warning):
    """Whether a warning is one that users are meant to see.

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
    ours = Path(__file__).parents[2] / "sklearn_cass"
    return any(path.is_relative_to(f) for f in (ours, Path(sklearn.__file__).parent))


def where(warning):
    """Package, file and line of a warning, the same on every machine."""
    return f"{'/'.join(Path(warning.filename).parts[-3:])}:{warning.lineno}"


@contextmanager
def time_limit(seconds):
    """Fail what hangs: by an alarm, or outside of Python by the end of the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_):
        raise Failure(f"no answer in {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    # the alarm waits for Python to get a turn, which a hang in C++ never gives
    faulthandler.dump_traceback_later(2 * seconds, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def current_test():
    """The running test, as file and name."""
    return short_name(os.environ.get("PYTEST_CURRENT_TEST", "no test"))


def short_name(nodeid):
    """File and name of a test, without its parameters."""
    path = nodeid.split("[")[0].split(" ")[0]
    return path.rpartition("/")[2].replace(".py::", ": ")


def fuzz_settings(*, test, fuzz, **others):
    """How many cases to draw, in `make test` and in `make fuzz`."""
    return settings(
        max_examples=fuzz if FUZZING else test,
        derandomize=not FUZZING,
        database=None,  # the seed alone decides, so that a run can be had again
        print_blob=FUZZING,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **others,
    )


def fuzzed(*, test, fuzz, **strategies):
    """Hypothesis' `given` whose cases and distinct failures are counted."""

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
    """Count one case, and what is wrong with it."""
    tally["cases"][current_test()] += 1
    try:
        yield
    except AssertionError as error:
        failures.setdefault(current_test(), set()).add(signature(error))
        raise


def signature(error):
    """What two cases of one failure have in common: where it arose, and as what."""
    cause = error.__cause__ or error
    trace = cause.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    text = re.sub(r"\d[\d.e+-]*", "0", str(error))[:60]
    return type(cause).__name__, trace.tb_frame.f_code.co_name, text


# --- what right results look like ----------------------------------------------------


def finite(*shape, kinds="f"):
    """Check that a result is a finite array of this shape and of these kinds."""

    def check(result):
        is_array(result, shape, kinds)
        require(np.isfinite(result).all(), "the result has NaN or infinity")

    return check


def is_array(result, shape, kinds="f"):
    """Require an array of this shape whose dtype is of these kinds."""
    require(isinstance(result, np.ndarray), f"{type(result).__name__} is no array")
    require(result.shape == shape, f"shape {result.shape} instead of {shape}")
    require(result.dtype.kind in kinds, f"dtype {result.dtype} is not of {kinds!r}")


def require(condition, message):
    if not condition:
        raise Failure(message)
