"""Mixtures of recorded adult and fetal ECG whose components are known."""

import os
from numbers import Integral
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfiltfilt
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, validate_params

from ._checks import (
    COUNT,
    check_choices,
    check_memory,
    check_range,
    refuse_bools,
)
from ._descriptions import describe
from ._ecg_noise import CONSTRAINTS, check_disturbance, disturb
from ._edf import read_edf_signal
from ._files import data_folder
from ._groups import concatenate_groups, seed_sequence
from ._resampling import resample
from ._wfdb import read_wfdb_signal
from ._windows import cut_windows, recorded_seconds, window_starts

# All records of ADFECGDB. Their order determines the segment of the adult ECG of each.
_RECORDS = ("r01", "r04", "r07", "r08", "r10")
_FETAL_SFREQ, _MATERNAL_SFREQ = 1000, 360
# Below the lowest heart rates (1.0 and 1.7 Hz). With 0.5 Hz for both, 11 % to 48 % of
# the power of a fetal component would be baseline wander below 1 Hz.
_MATERNAL_HIGHPASS, _FETAL_HIGHPASS = 0.5, 1.2  # Hz
_MAGNITUDE_PERCENTILE = 99  # QRS complexes take about 10 % of the time

_TITLE = "Semi-real mixtures of maternal and fetal ECG"
_TEXT = """\
Each mixture is maternal + fetal + noise, in mV. Maternal: lead {lead} of record
{record} of the MIT-BIH Arrhythmia Database (doi:10.13026/C2F305). Fetal: `Direct_1`,
the scalp electrode of the Abdominal and Direct Fetal ECG Database
(doi:10.13026/C2RP4B), scaled to the magnitude ratio of the mixture. The noise is
{noise}. Samples with equal `groups` are windows of one fetal record and of one segment
of the adult recording, which no other record shares. Cite Moody and Mark (2001),
Jezewski et al. (2012) and Goldberger et al. (2000).
"""


def _record_path(folder, record):
    """Return the path of an adult record, given by its name or by its path."""
    path = Path(record).expanduser()
    if path.suffix in (".hea", ".dat"):
        path = path.with_suffix("")
    return path if len(path.parts) > 1 else folder / "mitdb" / path


def _clean(x, sfreq_from, sfreq_to, cutoff):
    """Resample and remove the baseline with zero phase; gaps become zeros."""
    x = np.nan_to_num(x - np.nanmedian(x))
    x = resample(x, sfreq_from, sfreq_to)
    highpass = butter(4, cutoff, "highpass", fs=sfreq_to, output="sos")
    return sosfiltfilt(highpass, x, padlen=min(len(x) - 1, 3 * sfreq_to))


def _segment(x, record):
    """Return the segment of the adult recording for a fetal record."""
    length = len(x) // len(_RECORDS)
    first = _RECORDS.index(record) * length
    return x[first : first + length]


def _magnitude(windows):
    """Return the magnitude of each window, close to its R waves, robust to spikes."""
    return np.percentile(np.abs(windows), _MAGNITUDE_PERCENTILE, axis=-1)


def _recorded_starts(recorded, n_total, n_times, hop, sfreq):
    """Return the starts of the windows in which all seconds are recorded."""
    if n_times > n_total:
        return []
    starts = window_starts(n_total, n_times, hop)
    stops = -(-(starts + n_times) // sfreq)  # in seconds, rounded up
    pairs = zip(starts, starts // sfreq, stops, strict=True)
    return [start for start, first, stop in pairs if recorded[first:stop].all()]


def _mix_record(record, maternal, fetal, ratio_range, n_times, hop, sfreq, rng):
    """Return the samples of one record, given both recordings as they were read."""
    seconds = min(len(maternal) // _MATERNAL_SFREQ, len(fetal) // _FETAL_SFREQ)
    recorded = recorded_seconds(maternal, _MATERNAL_SFREQ)[:seconds]
    recorded &= recorded_seconds(fetal, _FETAL_SFREQ)[:seconds]
    if not recorded.any():
        raise ValueError(
            f"record {record} and its segment of the adult recording have no second "
            "with a signal in common"
        )
    maternal = _clean(maternal, _MATERNAL_SFREQ, sfreq, _MATERNAL_HIGHPASS)
    fetal = _clean(fetal, _FETAL_SFREQ, sfreq, _FETAL_HIGHPASS)
    n_total = min(len(maternal), len(fetal))
    starts = _recorded_starts(recorded, n_total, n_times, hop, sfreq)
    if not starts:
        raise ValueError(
            f"n_times={n_times} at {sfreq} Hz leaves no window with a signal in "
            f"record {record}, which has {n_total} time points"
        )
    maternal = cut_windows(maternal, starts, n_times)
    fetal = cut_windows(fetal, starts, n_times)
    ratio = rng.uniform(*ratio_range, size=len(starts))
    fetal = fetal * (_magnitude(maternal) / _magnitude(fetal) / ratio)[:, None]
    return {
        "target": np.stack([maternal, fetal], axis=1),  # (n_samples, 2, n_times)
        "groups": np.full(len(starts), int(record[1:])),
        "magnitude_ratio": ratio,
    }


@validate_params(
    {
        "folder": [str, os.PathLike, None],
        "records": ["array-like"],
        "sfreq": [Interval(Integral, 3, 192_000, closed="both")],
        "n_times": [COUNT],
        "hop": [COUNT, None],
        "random_state": ["random_state"],
        "magnitude_ratio": ["array-like"],
        "maternal_record": [str, os.PathLike],
        "maternal_lead": [str],
        **CONSTRAINTS,
    },
    prefer_skip_nested_validation=True,
)
def load_semireal_fetal_ecg(
    folder=None,
    *,
    records=("r01", "r04", "r07", "r08"),
    sfreq=256,
    n_times=1024,
    hop=None,
    random_state=None,
    magnitude_ratio=(2, 10),
    maternal_record="100",
    maternal_lead="MLII",
    polarity="fixed",
    noise="respiration",
    noise_db=(-30, -10),
):
    """Load mixtures of recorded adult and fetal ECG with generated noise.

    The fetal component of an abdominal recording is never known exactly. Therefore two
    recordings are added: an adult one, by default lead MLII of record 100 of the
    MIT-BIH Arrhythmia Database [1]_, and the scalp electrode ``Direct_1`` of a record
    of the Abdominal and Direct Fetal ECG Database [2]_. Reading needs the packages
    ``wfdb`` and ``edfio``, and the files as PhysioNet [3]_ distributes them:
    ``mitdb/100.hea``, ``mitdb/100.dat``, ``adfecgdb/rNN.edf``.

    Parameters
    ----------
    folder : str, path-like or None, default=None
        The folder that holds ``mitdb`` and ``adfecgdb``. If None, the environment
        variable ``SKLEARN_CASS_DATA`` names it.
    records : list of str, default=("r01", "r04", "r07", "r08")
        Records of the fetal database: among "r01", "r04", "r07", "r08" and "r10".
    sfreq : int, default=256
        Sampling frequency in Hz to which both recordings are resampled (from 360 and
        1000 Hz), from 3 to 192000.
    n_times : int, default=1024
        Number of time points of a mixture.
    hop : int or None, default=None
        Time points between the starts of consecutive windows. If None, `n_times`: the
        windows do not overlap.
    random_state : int, RandomState instance or None, default=None
        Seed of the magnitude ratios, the noise and the signs. The draws for one record
        do not depend on which other records are loaded, and neither ratios nor
        respiration on `polarity` and other noise.
    magnitude_ratio : tuple of two floats, default=(2, 10)
        Range of the ratio of maternal to fetal magnitude, which is drawn for each
        mixture.
    maternal_record : str or path-like, default="100"
        The adult recording: the name of a record in the folder ``mitdb``, or the path
        of a WFDB record at 360 Hz anywhere, such as ``"recordings/own"``.
    maternal_lead : str, default="MLII"
        Name of its signal. Records 102 and 104 of the database have no MLII.
    polarity : {"fixed", "random"}, default="fixed"
        With "random", each component of each mixture is multiplied by a random sign.
        Abdominal recordings have either sign.
    noise : str, ndarray, list of them, or None, default="respiration"
        Kinds of noise: "respiration" (a sinusoid), "white", "pink" (of density
        1 / frequency), "muscle" (bursts between 20 and 150 Hz), "wander" (drifts below
        0.5 Hz), "mains" (hum of 50 or 60 Hz with harmonics), and rows of noise of your
        own at `sfreq`, of shape (n_rows, n_row_times), from which windows are drawn.
        Several of them, but for the respiration, share the power at random. If None,
        there is none.
    noise_db : (float, float), default=(-30, -10)
        Range of the power of the noise, without the respiration, relative to that of
        the maternal component, in dB.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : ndarray of shape (n_samples, n_times)
            Mixtures in mV, equal to ``target.sum(axis=1) + noise``.
        target : ndarray of shape (n_samples, 2, n_times)
            Maternal and fetal component (source) in mV.
        component_names : list of str
            ``["maternal", "fetal"]``.
        sfreq : int
            Sampling frequency in Hz.
        groups : ndarray of int of shape (n_samples,)
            Number of the record, such as 1 for r01.
        noise : ndarray of shape (n_samples, n_times)
            Noise in mV.
        magnitude_ratio : ndarray of shape (n_samples,)
            Ratio of maternal to fetal magnitude, see the notes.
        noise_frequency, noise_amplitude : ndarray of shape (n_samples,)
            Of the respiration, in Hz and in mV. Absent without respiration.
        noise_db : ndarray of shape (n_samples,)
            Power of the noise, without the respiration, relative to that of the
            maternal component, in dB. Only with other noise than respiration.
        polarity : ndarray of int of shape (n_samples, 2)
            The signs, 1 or -1. Only with ``polarity="random"``.
        DESCR : str
            Description of the data.

    Raises
    ------
    FileNotFoundError
        If the folder or a file is missing.
    ValueError
        If an argument is invalid; if a file is truncated, damaged, unreadable or in
        several parts, lacks the signal or has another sampling frequency; if a record
        has no window with a signal; if the windows need more memory than there is; if
        no folder is given.
    ImportError
        If ``wfdb`` or ``edfio`` is not installed.

    Notes
    -----
    The baseline of both recordings is removed by zero-phase high-pass filters below
    their lowest heart rates: at 0.5 Hz for the adult one, at 1.2 Hz for the fetal one.
    The adult recording keeps its scale. The fetal one is scaled in each window so that
    the 99th percentile of its absolute values, about the height of its R waves, is that
    of the adult one divided by the magnitude ratio (within a record, the fetal
    amplitude varies up to fourfold). Windows with a gap or a flat second in either
    recording are discarded; windows with artefacts of the scalp electrode are not.

    The adult recording is split into five segments of six minutes, one for each record
    of the fetal database. Training and test sets of `GroupKFold` thus share neither
    fetal nor adult ECG, but the adult is the same person in all of them.

    These mixtures differ from abdominal recordings of a pregnancy: the adult of record
    100 has a heart rate of 75 and not 80 to 90 beats per minute, recorded at the chest,
    and the scalp electrode is another lead of the fetal heart than an abdominal one.

    References
    ----------
    .. [1] G. B. Moody, R. G. Mark, "The impact of the MIT-BIH Arrhythmia Database",
       IEEE Engineering in Medicine and Biology Magazine 20(3), 45-50, 2001,
       `doi:10.1109/51.932724 <https://doi.org/10.1109/51.932724>`_; database 1.0.0:
       `doi:10.13026/C2F305 <https://doi.org/10.13026/C2F305>`_,
       https://physionet.org/content/mitdb/1.0.0/
    .. [2] J. Jezewski, A. Matonia, T. Kupka, D. Roj, R. Czabanski, "Determination of
       fetal heart rate from abdominal signals: evaluation of beat-to-beat accuracy in
       relation to the direct fetal electrocardiogram", Biomedizinische Technik 57(5),
       383-394, 2012, `doi:10.1515/bmt-2011-0130
       <https://doi.org/10.1515/bmt-2011-0130>`_; database 1.0.0:
       `doi:10.13026/C2RP4B <https://doi.org/10.13026/C2RP4B>`_,
       https://physionet.org/content/adfecgdb/1.0.0/
    .. [3] A. L. Goldberger et al., "PhysioBank, PhysioToolkit, and PhysioNet:
       components of a new research resource for complex physiologic signals",
       Circulation 101(23), e215-e220, 2000, `doi:10.1161/01.CIR.101.23.e215
       <https://doi.org/10.1161/01.CIR.101.23.e215>`_.

    Examples
    --------
    >>> from sklearn_cass.datasets import load_semireal_fetal_ecg
    >>> ecg = load_semireal_fetal_ecg("data", random_state=0)  # doctest: +SKIP
    >>> ecg.target.shape  # doctest: +SKIP
    (300, 2, 1024)
    """
    refuse_bools(sfreq=sfreq, n_times=n_times, hop=hop)
    records = check_choices("records", records, _RECORDS)
    ratio = check_range("magnitude_ratio", magnitude_ratio)
    disturbance = check_disturbance(polarity, noise, noise_db, n_times, sfreq)
    folder = data_folder(folder)
    entropy = seed_sequence(random_state).entropy
    path = _record_path(folder, maternal_record)
    adult = read_wfdb_signal(path, maternal_lead, _MATERNAL_SFREQ)
    hop = n_times if hop is None else hop
    n_total = len(adult) // len(_RECORDS) * sfreq // _MATERNAL_SFREQ
    n_windows = len(records) * max(0, (n_total - n_times) // hop + 1)
    # double precision: three signals twice, mixtures and indices
    check_memory(8 * 8 * n_windows * n_times, n_times=n_times, hop=hop, sfreq=sfreq)
    samples = []
    for record in records:
        fetal_path = folder / "adfecgdb" / f"{record}.edf"
        fetal = read_edf_signal(fetal_path, "Direct_1", _FETAL_SFREQ)
        seed = np.random.SeedSequence(entropy, spawn_key=(_RECORDS.index(record),))
        rng = np.random.default_rng(seed)
        maternal = _segment(adult, record)
        mixed = _mix_record(record, maternal, fetal, ratio, n_times, hop, sfreq, rng)
        samples.append(disturb(mixed, disturbance, sfreq, rng, seed))
    samples = concatenate_groups(samples)
    origin = {"lead": maternal_lead, "record": path.name}
    return Bunch(
        data=samples["target"].sum(axis=1) + samples["noise"],
        component_names=["maternal", "fetal"],
        sfreq=sfreq,
        DESCR=describe(_TITLE, _TEXT, **origin, noise=disturbance.describe()),
        **samples,
    )
