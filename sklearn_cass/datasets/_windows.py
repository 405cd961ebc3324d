"""What the datasets share: windows, respiration, resampling, seeds, folders."""

import importlib
import math
import os
import warnings
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly
from sklearn.utils import check_random_state

RESPIRATION_HZ = (0.2, 0.6)
RESPIRATION_MV = (0.05, 0.3)


def cut_windows(x, starts, n_times):
    """Cut windows from the last axis.

    Parameters
    ----------
    x : ndarray of shape (..., n_total)
    starts : array-like of int of shape (n_windows,)
    n_times : int

    Returns
    -------
    windows : ndarray of shape (n_windows, ..., n_times)
        A copy.
    """
    index = np.asarray(starts)[:, None] + np.arange(n_times)
    return np.moveaxis(x[..., index], -2, 0)


def window_starts(n_total, n_times, hop):
    """First samples of the complete windows in a signal; an incomplete one is left."""
    return np.arange(0, n_total - n_times + 1, hop)


def seconds_to_samples(name, seconds, sfreq):
    """Convert the argument called `name` to a number of samples, 1 or more."""
    n = round(seconds * sfreq)
    if n < 1:
        raise ValueError(f"{name}={seconds} s is less than one sample at {sfreq} Hz")
    return n


def resample(x, sfreq_from, sfreq_to):
    """Resample the last axis by the exact ratio of two integer rates."""
    divisor = math.gcd(sfreq_from, sfreq_to)
    if sfreq_from == sfreq_to:
        return x
    return resample_poly(x, sfreq_to // divisor, sfreq_from // divisor, axis=-1)


def respiration(rng, n_rows, n_times, sfreq):
    """Draw sinusoids that stand for the respiratory noise of section 4.1.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_rows, n_times : int
    sfreq : int
        In Hz.

    Returns
    -------
    parts : dict
        ``noise`` of shape (n_rows, n_times) in mV, ``noise_frequency`` in Hz and
        ``noise_amplitude`` in mV, both of shape (n_rows,).
    """
    frequency = rng.uniform(*RESPIRATION_HZ, size=n_rows)
    amplitude = rng.uniform(*RESPIRATION_MV, size=n_rows)
    phase = rng.uniform(0, 2 * np.pi, size=n_rows)
    times = np.arange(n_times) / sfreq
    angle = 2 * np.pi * frequency[:, None] * times + phase[:, None]
    return {
        "noise": amplitude[:, None] * np.sin(angle),
        "noise_frequency": frequency,
        "noise_amplitude": amplitude,
    }


def concatenate_rows(parts, n_rows=None):
    """Join dicts of arrays along their rows; keep the first `n_rows`."""
    return {
        name: np.concatenate([part[name] for part in parts])[:n_rows]
        for name in parts[0]
    }


def seed_sequence(random_state):
    """Turn scikit-learn's ``random_state`` into a SeedSequence to spawn from."""
    words = check_random_state(random_state).randint(0, 2**32, size=4, dtype=np.uint32)
    return np.random.SeedSequence(words.tolist())


def data_folder(folder, name=""):
    """Resolve a loader's ``folder``, which must exist.

    ``None`` means ``$SKLEARN_CASS_DATA``. The folder may be the one called `name`, or
    its parent.
    """
    if folder is None:
        folder = os.environ.get("SKLEARN_CASS_DATA")
    if not folder:
        raise ValueError(
            "folder is None and the environment variable SKLEARN_CASS_DATA is not "
            "set: pass folder=..., or let SKLEARN_CASS_DATA name the folder that holds "
            "the recordings"
        )
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"folder: no such folder: {folder}")
    return folder / name if (folder / name).is_dir() else folder


def import_extra(module, extra):
    """Import an optional dependency, or say how to install it."""
    try:
        with warnings.catch_warnings():
            # wfdb 4.3 meets pandas' deprecations as it is imported.
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{module} is needed to read these files: pip install sklearn-cass[{extra}]"
        ) from error


def check_choices(name, values, known):
    """Check that `values` are distinct members of `known`; return them as a list."""
    if isinstance(values, str) or not len(values):
        raise ValueError(f"{name} must be a non-empty list of names, got {values!r}")
    values = list(values)
    for value in values:
        if value not in known:
            raise ValueError(f"{name} must be among {list(known)}, got {value!r}")
    if len(set(values)) < len(values):
        raise ValueError(f"{name} holds a name twice: {values}")
    return values
