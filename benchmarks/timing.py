"""Times of calls, measured in turns, so that every ratio is from one run."""

import math
import statistics
import time
from contextlib import contextmanager

import torch

AT_LEAST = 0.05  # seconds of one measurement: shorter calls are repeated


@contextmanager
def n_threads(n):
    """Set torch's number of threads in a context."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def interleaved(calls, n_rounds, *, device="cpu", clock=time.perf_counter):
    """Measure each call once in every round.

    Every second round is in reverse order, so that no call always follows the same one.

    Parameters
    ----------
    calls : dict of callable
        The calls by name.
    n_rounds : int
        Number of rounds, after a warm-up.
    device : str
        Device of the calls, which is synchronized before the clock is read.
    clock : callable
        Clock in seconds.

    Returns
    -------
    seconds : dict of list
        Seconds of one call by name, one value for each round.
    """
    now = synchronized(clock, device)
    n_calls = {name: repetitions(call, now) for name, call in calls.items()}
    seconds = {name: [] for name in calls}
    for n in range(n_rounds):
        for name in list(calls)[:: -1 if n % 2 else 1]:
            seconds[name].append(mean_seconds(calls[name], n_calls[name], now))
    return seconds


def synchronized(clock, device):
    """Return a clock that first waits for the device."""
    if torch.device(device).type != "cuda":
        return clock

    def now():
        torch.cuda.synchronize(device)
        return clock()

    return now


def repetitions(call, now):
    """Return the number of calls in one measurement, after one or two warm-ups."""
    seconds = mean_seconds(call, 1, now)
    if seconds < 1:  # the first call may include initialization
        seconds = mean_seconds(call, 1, now)
    return max(1, math.ceil(AT_LEAST / max(seconds, AT_LEAST / 1000)))


def mean_seconds(call, n_calls, now):
    """Return the mean time of consecutive calls."""
    start = now()
    for _ in range(n_calls):
        call()
    return (now() - start) / n_calls


def spread(values):
    """Return the median, the least and the largest of some values."""
    values = list(values)
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratio(numerators, denominators):
    """Return the spread of the ratios within a round."""
    return spread(a / b for a, b in zip(numerators, denominators, strict=True))


def rate(amount, seconds):
    """Return the spread of an amount per second."""
    return spread(amount / s for s in seconds)
