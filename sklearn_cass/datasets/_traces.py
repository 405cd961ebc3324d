"""ECG traces of signalz.ecgsyn: deterministic, with corrected rates, cached."""

import math
import os
import tempfile
import threading
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from joblib import Memory, Parallel, delayed

from ._resampling import resample

TRACE_MV = (-0.4, 1.2)  # range to which ecgsyn scales a trace

# ecgsyn integrates at this frequency (sfint), and its trace is resampled to sfreq, so
# that any integer sfreq is possible (ecgsyn requires sfint % sfecg == 0) and takes the
# same time. The integrator is a Python loop: its time is proportional to the frequency.
# A beat at 128 Hz differs from the exact solution of ECGSYN's equations, aligned and
# scaled, by 2.5 % (85 bpm), 3.7 % (140 bpm) or 4.4 % (160 bpm) of its RMS; at 256 Hz,
# in twice the time, by 1.3 % to 1.6 %, and at higher frequencies by hardly less.
_RATE = 128
# Length of a trace in windows. The beats of a trace differ little: more traces, each
# with its own heart rate, give more variety in the same time than longer ones.
_WINDOWS_PER_TRACE = 8
_MIN_SECONDS = 16
# ecgsyn starts away from its limit cycle and approaches it with a time constant of
# 1.5 s; at fetal rates the first beat has the lowest minimum. The resampling filter
# distorts the end.
_DROP_HEAD, _DROP_TAIL = 7, 1  # seconds
_MAX_TRIES = 20

_global_generator = threading.Lock()


def trace_seconds(window_seconds):
    """Return the duration of traces for windows of a duration, both in seconds.

    It is a power of two.
    """
    seconds = max(_MIN_SECONDS, _WINDOWS_PER_TRACE * window_seconds)
    return 2 ** math.ceil(math.log2(seconds))


def trace_bytes(n_times, sfreq):
    """Return the least memory that traces for windows of `n_times` take, in bytes."""
    seconds = max(_MIN_SECONDS, _WINDOWS_PER_TRACE * n_times // sfreq)
    return 8 * seconds * (_RATE + sfreq)


def _signalz():
    """Return the package that generates traces, which exists as source alone."""
    try:
        import signalz
    except ImportError as error:
        raise ImportError(
            "generated ECG needs signalz, which package indexes have as source alone, "
            "not as a wheel: pip install --no-binary signalz signalz"
        ) from error
    return signalz


@contextmanager
def _seeded_global_generator(seed):
    """Seed numpy's global generator, and restore its state afterwards."""
    with _global_generator:
        state = np.random.get_state(legacy=False)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(state)


def _corrected_arguments(bpm):
    """Return arguments with which ecgsyn generates ECGSYN's waveform at `bpm`.

    The Runge-Kutta step of signalz 0.8 weights its four slopes by 1/6 each, so that
    the heart rate is 2/3 of `hrmean`, which is therefore multiplied by 3/2. Since
    ecgsyn also widens the waves with the root of `hrmean` and moves them apart, these
    factors are divided out. A correct step has speed 1 and leaves the arguments as
    they are.
    """
    speed = _signalz().misc.ode45_step(lambda t, x: 1.0, 0.0, 0.0, 1.0)
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
                trace, _ = _signalz().ecgsyn(
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


def _crop_trace(trace, seconds, sfreq):
    """Resample, discard the ends, and scale the rest to ecgsyn's range again."""
    trace = resample(trace, _RATE, sfreq)
    trace = trace[_DROP_HEAD * sfreq : (seconds - _DROP_TAIL) * sfreq]
    low, high = TRACE_MV
    lowest = trace.min()
    return low + (trace - lowest) * ((high - low) / (trace.max() - lowest))


def _default_cache_folder():
    """Return the folder of the cache that the environment names."""
    folder = os.environ.get("SKLEARN_CASS_CACHE")
    if folder:
        return folder
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache")
    return Path(home) / "sklearn_cass"


def open_cache(cache):
    """Return the cache of traces, without a folder if it cannot be written to.

    Parameters
    ----------
    cache : str, path-like, False or None
        As for :func:`~sklearn_cass.datasets.make_ecg_mixtures`.

    Returns
    -------
    memory : joblib.Memory
        The cache.
    """
    if cache is False:
        return Memory(None, verbose=0)
    folder = Path(_default_cache_folder() if cache is None else cache).expanduser()
    try:
        location = folder / "joblib"  # of joblib.Memory
        location.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=location):
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
    """Generate traces, or load them from the cache.

    Parameters
    ----------
    specs : list of tuple (bpm, seed)
        Heart rate in beats per minute and seed of each trace.
    seconds : int
        Duration to generate, from :func:`trace_seconds`.
    sfreq : int
        Sampling frequency of the traces in Hz.
    memory : joblib.Memory
        The cache.
    n_jobs : int or None
        Number of joblib workers.

    Returns
    -------
    traces : list of ndarray of shape (n_trace_times,)
        The traces in mV, all of the same length, which is at least one window.
    """
    trace = memory.cache(_ecg_trace)
    calls = [(bpm, seconds, _RATE, seed) for bpm, seed in specs]
    if all(trace.check_call_in_cache(*call) for call in calls):
        n_jobs = None  # starts no workers
    raw = Parallel(n_jobs=n_jobs)(delayed(trace)(*call) for call in calls)
    return [_crop_trace(x, seconds, sfreq) for x in raw]
