"""Metrics of a report: what is measured, with which package, for which data."""

import warnings
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import torch

from ..metrics import sdr, si_sdr
from ..numeric import one_thread_each

SPEECH_SFREQ = (8000, 16000)  # Hz, of STOI and PESQ


@dataclass(frozen=True)
class Metric:
    """A number for each sample and component, higher is better.

    Parameters
    ----------
    name : str
        Its name in tables.
    unit : str
        Its unit, "" for none.
    package : str
        The optional package that computes it, "" for none.
    remedy : str
        How to install that package.
    about : str
        A line for the notes of the report.
    """

    name: str
    unit: str = "dB"
    package: str = ""
    remedy: str = ""
    about: str = ""


EXTRA = "pip install sklearn-cass[report]"
ONE_GAIN = "BSSEval with one gain for each true component, by fast_bss_eval"
METRICS = {
    "sdr": Metric("SDR", about="signal to all that differs, scale included"),
    "si_sdr": Metric("SI-SDR", about="SDR of the estimate at its best scale"),
    "sir": Metric(
        *("SIR", "dB", "fast_bss_eval", EXTRA),
        f"signal to interference of other components; {ONE_GAIN}",
    ),
    "sar": Metric(
        *("SAR", "dB", "fast_bss_eval", EXTRA),
        f"signal to artifacts, which no component explains; {ONE_GAIN}",
    ),
    "isr": Metric("ISR", about="signal to the error of scale"),
    "stoi": Metric(
        *("STOI", "", "pystoi", "pip install pystoi"),
        "intelligibility of speech, up to 1; by pystoi",
    ),
    "pesq": Metric(
        *("PESQ", "", "pesq", "pip install pesq"),
        "quality of speech, -0.5 to 4.5; by pesq",
    ),
}
WITHOUT_TRUTH = {
    "level": Metric("level", about="root mean square relative to the mixture's"),
    "correlation": Metric("correlation", "", about="with the mixture, from -1 to 1"),
}


def choose_metrics(names, sfreq, n_channels):
    """Return the keys of the metrics of a report, and notes on those left out.

    Parameters
    ----------
    names : list of str or None
        Metrics that a user wants; None for all that are available and suit the data.
    sfreq : float or None
        Sampling frequency in Hz.
    n_channels : int or None
        Number of channels of components, None if they have no axis of channels.

    Returns
    -------
    keys : list of str
        Keys of ``METRICS``.
    notes : list of str
        What was left out, and why.

    Raises
    ------
    ValueError
        If a name is not known, or if the metric does not suit the data.
    ImportError
        If its package is not installed.
    """
    if names is not None:
        keys = [_key(name) for name in names]
        for key in keys:
            _check_available(key, sfreq, n_channels)
        return list(dict.fromkeys(keys)), []
    suitable = [key for key in METRICS if not _obstacle(key, sfreq, n_channels)]
    keys = [key for key in suitable if _is_installed(METRICS[key].package)]
    notes = [
        f"{METRICS[key].name} is left out: {METRICS[key].package} is not installed "
        f"({METRICS[key].remedy})"
        for key in suitable
        if key not in keys
    ]
    return keys, notes


def _key(name):
    key = str(name).lower().replace("-", "_")
    if key not in METRICS:
        raise ValueError(f"metrics must be among {list(METRICS)}, got {name!r}")
    return key


def _is_installed(package):
    try:
        return not package or find_spec(package) is not None
    except ValueError:  # a module without a specification
        return True


def _obstacle(key, sfreq, n_channels):
    """Return why a metric does not suit the data, "" if it does."""
    if key not in ("stoi", "pesq"):
        return ""
    if sfreq not in SPEECH_SFREQ:
        return f"it needs speech at 8000 or 16000 Hz, got sfreq={sfreq}"
    return "" if n_channels is None else "it needs components of one channel"


def _check_available(key, sfreq, n_channels):
    metric, obstacle = METRICS[key], _obstacle(key, sfreq, n_channels)
    if obstacle:
        raise ValueError(f"metrics: {metric.name} cannot be computed, {obstacle}")
    if not _is_installed(metric.package):
        raise ImportError(
            f"metrics: {metric.name} needs {metric.package}: {metric.remedy}"
        )


def measure(keys, truth, estimates, sfreq):
    """Compute metrics of some samples.

    Parameters
    ----------
    keys : list of str
        Keys of ``METRICS``.
    truth, estimates : ndarray of shape (n_samples, n_components, ...)
        True components and estimates.
    sfreq : float or None
        Sampling frequency in Hz.

    Returns
    -------
    values : dict of str to ndarray of shape (n_samples, n_components)
        Values by key. NaN where the true component is silent, and where a metric is
        not defined.
    """
    simple = {"sdr": sdr, "si_sdr": si_sdr, "isr": isr}
    values = {key: simple[key](truth, estimates) for key in keys if key in simple}
    if {"sir", "sar"} & set(keys):
        values["sir"], values["sar"] = sir_and_sar(truth, estimates)
    for key, function in (("stoi", stoi), ("pesq", pesq)):
        if key in keys:
            values[key] = one_by_one(function, truth, estimates, sfreq)
    return {key: values[key] for key in keys}


def flat(x):
    """Return components as vectors in double precision."""
    return np.asarray(x, dtype=float).reshape(*x.shape[:2], -1)


def isr(truth, estimates):
    """Return the ratio of the true component to the error of its scale, in dB.

    It is the image-to-spatial-distortion ratio of BSSEval for one gain, which
    fast_bss_eval does not have.
    """
    truth, estimates = flat(truth), flat(estimates)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = (truth * estimates).sum(axis=-1) / (truth**2).sum(axis=-1)
        return -20 * np.log10(abs(gain - 1))


@one_thread_each()
def sir_and_sar(truth, estimates):
    """Return the ratios of BSSEval for one gain, in dB.

    A silent true component has none, and is no reference for the others. Without other
    components there is no interference, and no SIR.
    """
    truth, estimates = flat(truth), flat(estimates)
    values = np.full((2, *truth.shape[:2]), np.nan)
    sounding = truth.any(axis=-1)
    full = sounding.all(axis=1)
    if full.any():
        values[:, full] = _bss_eval(truth[full], estimates[full])
    for n in np.flatnonzero(~full & sounding.any(axis=1)):
        part = sounding[n]
        values[:, n, part] = _bss_eval(
            truth[n : n + 1, part], estimates[n : n + 1, part]
        )[:, 0]
    return values


def _bss_eval(truth, estimates):
    """Return SIR and SAR of samples without silent components, (2, n, K)."""
    from fast_bss_eval import bss_eval_sources

    # its numpy functions fail with numpy 2: np.linalg.solve takes other shapes there
    reference, estimate = torch.from_numpy(truth), torch.from_numpy(estimates)
    try:
        _, sir, sar = bss_eval_sources(
            ref=reference, est=estimate, filter_length=1, compute_permutation=False
        )
    except RuntimeError:  # components that are multiples of each other
        if len(truth) == 1:
            return np.full((2, *truth.shape[:2]), np.nan)
        parts = (_bss_eval(truth[[n]], estimates[[n]]) for n in range(len(truth)))
        return np.concatenate(list(parts), axis=1)
    if truth.shape[1] == 1:
        sir = torch.full_like(sir, torch.nan)
    return np.stack([sir.numpy(), sar.numpy()])


def one_by_one(function, truth, estimates, sfreq):
    """Apply a metric of two waveforms to all samples and components."""
    values = np.full(truth.shape[:2], np.nan)
    for n, k in np.ndindex(values.shape):
        if truth[n, k].any() and estimates[n, k].any():
            pair = (np.asarray(x[n, k], dtype=float) for x in (truth, estimates))
            values[n, k] = function(*pair, int(sfreq))
    return values


def stoi(truth, estimate, sfreq):
    """Return the STOI of one waveform, NaN if too little of it is speech."""
    import pystoi

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = pystoi.stoi(truth, estimate, sfreq)
    return np.nan if any(w.category is RuntimeWarning for w in caught) else value


def pesq(truth, estimate, sfreq):
    """Return the PESQ of one waveform, NaN if it has no speech."""
    from pesq import PesqError
    from pesq import pesq as compute

    mode = "wb" if sfreq == 16000 else "nb"
    try:
        return compute(sfreq, truth, estimate, mode)
    except PesqError:
        return np.nan


def measure_without_truth(mixtures, estimates):
    """Compute what needs no true components: of each estimate and of the residual.

    Parameters
    ----------
    mixtures : ndarray of shape (n_samples, ...)
        Mixtures of the shape of one component.
    estimates : ndarray of shape (n_samples, n_components, ...)
        Estimates.

    Returns
    -------
    values : dict of str to ndarray of shape (n_samples, n_components + 1)
        Level in dB and correlation, the residual last.
    """
    mixtures, estimates = flat(mixtures[:, np.newaxis]), flat(estimates)
    residual = mixtures - estimates.sum(axis=1, keepdims=True)
    parts = np.concatenate([estimates, residual], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        level = 10 * np.log10((parts**2).mean(axis=-1) / (mixtures**2).mean(axis=-1))
        a, b = (x - x.mean(axis=-1, keepdims=True) for x in (parts, mixtures))
        norms = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
        return {"level": level, "correlation": (a * b).sum(axis=-1) / norms}
