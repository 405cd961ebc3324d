"""ECG traces: signalz's ecgsyn made deterministic, safe and cached."""

import math
import os
import tempfile
import threading
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import signalz
from joblib import Memory, Parallel, delayed

from ._windows import resample

TRACE_MV = (-0.4, 1.2)  # the range that ecgsyn gives to a trace

# ecgsyn integrates at this rate (sfint) and we resample its trace to sfreq, so that
# any integer sfreq works (ecgsyn wants sfint % sfecg == 0) and costs the same. The
# integrator is a Python loop: its time is proportional to the rate. A beat at 128 Hz
# differs from the exact solution of ECGSYN's equations, aligned and scaled, by 2.5 %
# (85 bpm), 3.7 % (140 bpm) or 4.4 % (160 bpm) of its RMS; at 256 Hz, in twice the
# time, by 1.3 % to 1.6 %, and a finer step gains next to nothing.
_RATE = 128
# A trace is so many windows long. Its beats differ little: what a longer trace costs is
# better spent on more traces, each with a heart rate of its own.
_WINDOWS_LONG = 8
_MIN_SECONDS = 16
# ecgsyn starts off its limit cycle and comes back with a time constant of 1.5 s; at
# fetal rates the first beat is its deepest. The tail is left to the resampling filter.
_DROP_HEAD, _DROP_TAIL = 7, 1  # seconds
_MAX_TRIES = 20

_global_generator = threading.Lock()


def trace_seconds(window_seconds):
    """Length of the traces for windows of `window_seconds`: a power of two seconds."""
    seconds = max(_MIN_SECONDS, _WINDOWS_LONG * window_seconds)
    return 2 ** math.ceil(math.log2(seconds))


@contextmanager
def _seeded_global_generator(seed):
    """Seed numpy's global generator, and put it back exactly as it stood."""
    with _global_generator:
        state = np.random.get_state(legacy=False)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(state)


def _corrected_arguments(bpm):
    """Arguments with which ecgsyn yields ECGSYN's waveform at `bpm`.

    The Runge-Kutta step of signalz 0.8 weighs its four slopes by 1/6 each, so that
    the heart beats at 2/3 of `hrmean`. Asking for 3/2 of the rate makes up for it, but
    ecgsyn also widens the waves with the root of `hrmean` and moves them apart: these
    factors are taken out. A correct step has speed 1, and nothing is changed.
    """
    speed = signalz.misc.ode45_step(lambda t, x: 1.0, 0.0, 0.0, 1.0)
    wider = (1 / speed) ** 0.5
    apart = np.array([wider**0.5, wider, 1, wider, wider**0.5])
    return {
        "hrmean": bpm / speed,
        "hrstd": 1.0 / speed,  # beats per minute
        "ti": np.array([-70, -15, 0, 15, 100]) / apart,  # ecgsyn's own P, Q, R, S, T
        "bi": np.array([0.25, 0.1, 0.1, 0.1, 0.4]) / wider,
    }


def _ecg_trace(bpm, seconds, rate, seed):
    """Generate one ECG trace of `seconds` (a power of two), start-up included.

    joblib discards the cached traces when the source of this function changes, but
    not when that of the functions it calls does.
    """
    arguments = _corrected_arguments(bpm)
    # ecgsyn's n only sets the length: the power of two seconds at or above n beats.
    n_beats = int(0.75 * seconds * arguments["hrmean"] / 60)
    for attempt in np.random.SeedSequence(seed).generate_state(_MAX_TRIES):
        try:
            with _seeded_global_generator(attempt):
                # ecgsyn draws from the global generator and knows no other.
                trace, _ = signalz.ecgsyn(
                    sfecg=rate, n=n_beats, sfint=rate, **arguments
                )
            return trace
        except (IndexError, ValueError) as error:
            # Its RR series ended exactly on the last sample (2 % of the seeds), or
            # its peak search began too close to the first: another draw is fine.
            failure = error
    raise RuntimeError(
        f"signalz.ecgsyn failed {_MAX_TRIES} times in a row at {bpm} bpm"
    ) from failure


def _finish_trace(trace, seconds, sfreq):
    """Resample, drop the ends, and bring what is kept to ecgsyn's range again."""
    trace = resample(trace, _RATE, sfreq)
    trace = trace[_DROP_HEAD * sfreq : (seconds - _DROP_TAIL) * sfreq]
    low, high = TRACE_MV
    lowest = trace.min()
    return low + (trace - lowest) * ((high - low) / (trace.max() - lowest))


def _default_cache_folder():
    folder = os.environ.get("SKLEARN_CASS_CACHE")
    if folder:
        return folder
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache")
    return Path(home) / "sklearn_cass"


def open_cache(cache):
    """Open the trace cache, or none at all if its folder cannot be written."""
    if cache is False:
        return Memory(None, verbose=0)
    folder = Path(_default_cache_folder() if cache is None else cache).expanduser()
    try:
        kept = folder / "joblib"  # where joblib.Memory puts what it keeps
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=kept):
            pass
        return Memory(str(folder), verbose=0)
    except OSError as error:
        warnings.warn(
            f"cache: {folder} cannot be used ({error}); the ECG traces are generated "
            "without a cache",
            stacklevel=4,
        )
        return Memory(None, verbose=0)


def make_traces(specs, seconds, sfreq, memory, n_jobs):
    """Generate the traces, or fetch them from the cache.

    Parameters
    ----------
    specs : list of tuple (bpm, seed)
    seconds : int
        Length to generate, from :func:`trace_seconds`.
    sfreq : int
        Sampling frequency of the traces in Hz.
    memory : joblib.Memory
    n_jobs : int or None

    Returns
    -------
    traces : list of ndarray of shape (n_trace_times,)
        In mV, all of one length, which is at least one window.
    """
    trace = memory.cache(_ecg_trace)
    calls = [(bpm, seconds, _RATE, seed) for bpm, seed in specs]
    if all(trace.check_call_in_cache(*call) for call in calls):
        n_jobs = None  # no workers to start
    raw = Parallel(n_jobs=n_jobs)(delayed(trace)(*call) for call in calls)
    return [_finish_trace(x, seconds, sfreq) for x in raw]
