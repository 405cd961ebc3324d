"""Times of calls measured by turns, so that every ratio comes from one run."""

import math
import statistics
import time

import torch

AT_LEAST = 0.05  # seconds that one measurement lasts: shorter calls are repeated


def interleaved(calls, n_rounds, *, device="cpu", clock=time.perf_counter):
    """Seconds that each call takes, measured once a round, every call in every round.

    Every second round runs backwards, so that no call always follows the same one.

    Parameters
    ----------
    calls : dict of callable
        What to time, by name.
    n_rounds : int
        Rounds that count; a warm-up comes before them.
    device : str
        Where the calls compute: its queue is waited for before a clock is read.
    clock : callable
        Returns seconds.

    Returns
    -------
    dict of list
        Seconds of one call by name, a value a round.
    """
    now = synchronised(clock, device)
    n_calls = {name: repetitions(call, now) for name, call in calls.items()}
    seconds = {name: [] for name in calls}
    for n in range(n_rounds):
        for name in list(calls)[:: -1 if n % 2 else 1]:
            seconds[name].append(mean_seconds(calls[name], n_calls[name], now))
    return seconds


def synchronised(clock, device):
    """The clock, read when the device has done what was asked of it."""
    if torch.device(device).type != "cuda":
        return clock

    def now():
        torch.cuda.synchronize(device)
        return clock()

    return now


def repetitions(call, now):
    """How often to call in one measurement, by the last of one or two warm-ups."""
    seconds = mean_seconds(call, 1, now)
    if seconds < 1:  # the first call of all may also set things up
        seconds = mean_seconds(call, 1, now)
    return max(1, math.ceil(AT_LEAST / max(seconds, AT_LEAST / 1000)))


def mean_seconds(call, n_calls, now):
    """Mean of so many calls in a row."""
    start = now()
    for _ in range(n_calls):
        call()
    return (now() - start) / n_calls


def spread(values):
    """Median, least and largest of some values."""
    values = list(values)
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratio(numerators, denominators):
    """Spread of the ratios within a round."""
    return spread(a / b for a, b in zip(numerators, denominators, strict=True))


def rate(amount, seconds):
    """Spread of an amount per second."""
    return spread(amount / s for s in seconds)
