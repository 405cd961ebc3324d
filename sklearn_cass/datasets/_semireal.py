"""Semi-real mixtures: adult ECG plus scaled fetal scalp ECG, truth known."""

import os
from numbers import Integral

import numpy as np
from scipy.signal import butter, sosfiltfilt
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, validate_params

from ._physionet import present_seconds, read_edf_signal, read_wfdb_signal
from ._windows import (
    check_choices,
    concatenate_rows,
    cut_windows,
    data_folder,
    resample,
    respiration,
    seed_sequence,
    window_starts,
)

# All records of ADFECGDB. The order fixes which stretch of the adult ECG a record gets.
_RECORDS = ("r01", "r04", "r07", "r08", "r10")
_FETAL_SFREQ, _MATERNAL_SFREQ = 1000, 360
# Below the slowest heart beat of either (1.0 and 1.7 Hz). With 0.5 Hz for both, 11 % to
# 48 % of a fetal component's power would be baseline wander below 1 Hz.
_MATERNAL_HIGHPASS, _FETAL_HIGHPASS = 0.5, 1.2  # Hz
_MAGNITUDE_PERCENTILE = 99  # a QRS complex takes up about 10 % of the time

_DESCR = """\
Semi-real fetal and maternal ECG mixtures
-----------------------------------------
Each row is maternal + fetal + respiration, in mV. Maternal: lead MLII of record 100
of the MIT-BIH Arrhythmia Database, an adult at about 75 beats per minute. Fetal:
`Direct_1`, the scalp electrode of the Abdominal and Direct Fetal ECG Database, scaled
to the row's magnitude ratio. Respiration: a sinusoid of 0.2-0.6 Hz and 0.05-0.3 mV.
Rows with equal `groups` come from one fetal record and from one stretch of the adult
recording, which no other record shares. Cite the two databases and PhysioNet.
"""


def _clean(x, sfreq_from, sfreq_to, cutoff):
    """Resample and take the baseline away, zero phase; gaps become zeros."""
    x = np.nan_to_num(x - np.nanmedian(x))
    x = resample(x, sfreq_from, sfreq_to)
    highpass = butter(4, cutoff, "highpass", fs=sfreq_to, output="sos")
    return sosfiltfilt(highpass, x, padlen=min(len(x) - 1, 3 * sfreq_to))


def _stretch(x, record):
    """The part of the adult recording that belongs to a fetal record, and no other."""
    length = len(x) // len(_RECORDS)
    first = _RECORDS.index(record) * length
    return x[first : first + length]


def _magnitude(windows):
    """Magnitude of each window, about its R waves: one narrow spike does not set it."""
    return np.percentile(np.abs(windows), _MAGNITUDE_PERCENTILE, axis=-1)


def _check_ratio(magnitude_ratio):
    ratio = np.asarray(magnitude_ratio, dtype=float)
    if ratio.shape != (2,) or not 0 < ratio[0] <= ratio[1] < np.inf:
        raise ValueError(
            "magnitude_ratio must be (lowest, highest), both positive and finite, "
            f"got {magnitude_ratio!r}"
        )
    return ratio


def _signal_starts(present, n_total, n_times, hop, sfreq):
    """Starts of the windows all of whose seconds are present."""
    starts = window_starts(n_total, n_times, hop)
    stops = -(-(starts + n_times) // sfreq)  # in seconds, rounded up
    pairs = zip(starts, starts // sfreq, stops, strict=True)
    return [start for start, first, stop in pairs if present[first:stop].all()]


def _mix_record(record, maternal, fetal, ratio_range, n_times, hop, sfreq, rng):
    """Cut and mix the rows of one record, both recordings at their own rates."""
    seconds = min(len(maternal) // _MATERNAL_SFREQ, len(fetal) // _FETAL_SFREQ)
    present = present_seconds(maternal, _MATERNAL_SFREQ)[:seconds]
    present &= present_seconds(fetal, _FETAL_SFREQ)[:seconds]
    maternal = _clean(maternal, _MATERNAL_SFREQ, sfreq, _MATERNAL_HIGHPASS)
    fetal = _clean(fetal, _FETAL_SFREQ, sfreq, _FETAL_HIGHPASS)
    n_total = min(len(maternal), len(fetal))
    starts = _signal_starts(present, n_total, n_times, hop, sfreq)
    if not starts:
        raise ValueError(
            f"n_times={n_times} at {sfreq} Hz leaves no window with a signal in "
            f"record {record}, which has {n_total} samples"
        )
    maternal = cut_windows(maternal, starts, n_times)
    fetal = cut_windows(fetal, starts, n_times)
    ratio = rng.uniform(*ratio_range, size=len(starts))
    fetal = fetal * (_magnitude(maternal) / _magnitude(fetal) / ratio)[:, None]
    return {
        "target": np.stack([maternal, fetal], axis=1),  # (n_rows, 2, n_times)
        "groups": np.full(len(starts), int(record[1:])),
        "magnitude_ratio": ratio,
        **respiration(rng, len(starts), n_times, sfreq),
    }


@validate_params(
    {
        "folder": [str, os.PathLike, None],
        "records": ["array-like"],
        "sfreq": [Interval(Integral, 3, None, closed="left")],
        "n_times": [Interval(Integral, 1, None, closed="left")],
        "hop": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "magnitude_ratio": ["array-like"],
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
):
    """Load mixtures of real adult and real fetal ECG with generated respiration.

    No recording has an exactly known fetal part in an abdominal signal, so two real
    ones are added: lead MLII of record 100 of the MIT-BIH Arrhythmia Database [1]_ and
    the scalp electrode ``Direct_1`` of a record of the Abdominal and Direct Fetal ECG
    Database [2]_. Needs ``wfdb`` and ``edfio``, and the files as PhysioNet [3]_ has
    them: ``mitdb/100.hea``, ``mitdb/100.dat``, ``adfecgdb/rNN.edf``.

    Parameters
    ----------
    folder : str, path-like or None, default=None
        The folder that holds ``mitdb`` and ``adfecgdb``. ``None`` means
        ``$SKLEARN_CASS_DATA``.
    records : list of str, default=("r01", "r04", "r07", "r08")
        Records of the fetal database: among "r01", "r04", "r07", "r08" and "r10".
    sfreq : int, default=256
        Sampling frequency in Hz to which both are resampled (from 360 and 1000).
    n_times : int, default=1024
        Length of a mixture in samples.
    hop : int or None, default=None
        Samples from one row to the next; ``None`` means `n_times`, no overlap.
    random_state : int, RandomState instance or None, default=None
        Seed of the magnitude ratios and the respiration. What a record's rows get does
        not depend on which other records are loaded.
    magnitude_ratio : tuple of two floats, default=(2, 10)
        Range of the maternal magnitude over the fetal one, drawn per row.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : ndarray of shape (n_samples, n_times)
            Mixtures in mV: exactly ``target.sum(axis=1) + noise``.
        target : ndarray of shape (n_samples, 2, n_times)
            Maternal and fetal component (source) in mV.
        component_names : list of str
            ``["maternal", "fetal"]``.
        sfreq : int
            Sampling frequency in Hz.
        groups : ndarray of int of shape (n_samples,)
            Number of the record, such as 1 for r01.
        noise : ndarray of shape (n_samples, n_times)
            Respiration in mV.
        magnitude_ratio : ndarray of shape (n_samples,)
            Maternal magnitude over the fetal one, see the notes.
        noise_frequency, noise_amplitude : ndarray of shape (n_samples,)
            In Hz and in mV.
        DESCR : str
            Description of the data.

    Raises
    ------
    FileNotFoundError
        If the folder or a file is missing.
    ValueError
        If an argument is wrong or a record unknown; if a file is truncated, unreadable,
        at another rate or without the signal (the message names it); if a record has no
        window with a signal; if there is no folder to look in.
    ImportError
        If ``wfdb`` or ``edfio`` is not installed.

    Notes
    -----
    Both recordings lose their baseline to a zero-phase high-pass, below their slowest
    beats: at 0.5 Hz the adult one, at 1.2 Hz the fetal one. The adult one keeps its
    millivolts. The fetal one is scaled window by window, so that the 99th
    percentile of its absolute values, about the height of its R waves, is that of the
    adult one over the row's ratio (within a record the fetal amplitude changes up to
    fourfold). Windows with a gap or a flat second in either are left out; artefacts of
    the scalp electrode are not.

    The adult recording is split into five stretches of six minutes, one for each
    record of the fetal database: windows of different `groups` share nothing, and
    `GroupKFold` and its kin separate the adult ECG too, though not the adult.

    What is not as in a pregnancy: the adult's heart beats 75 times a minute and not 80
    to 90, on the chest and not the abdomen, and the scalp electrode is another lead of
    the fetal heart than an abdominal one.

    References
    ----------
    .. [1] G. B. Moody, R. G. Mark, "The impact of the MIT-BIH Arrhythmia Database",
       IEEE Engineering in Medicine and Biology Magazine 20(3), 45-50, 2001.
    .. [2] J. Jezewski, A. Matonia, T. Kupka, D. Roj, R. Czabanski, "Determination of
       fetal heart rate from abdominal signals: evaluation of beat-to-beat accuracy in
       relation to the direct fetal electrocardiogram", Biomedizinische Technik 57(5),
       383-394, 2012.
    .. [3] A. L. Goldberger et al., "PhysioBank, PhysioToolkit, and PhysioNet",
       Circulation 101(23), e215-e220, 2000.

    Examples
    --------
    >>> from sklearn_cass.datasets import load_semireal_fetal_ecg
    >>> ecg = load_semireal_fetal_ecg("data", random_state=0)  # doctest: +SKIP
    >>> ecg.target.shape  # doctest: +SKIP
    (300, 2, 1024)
    """
    records = check_choices("records", records, _RECORDS)
    ratio = _check_ratio(magnitude_ratio)
    folder = data_folder(folder)
    entropy = seed_sequence(random_state).entropy
    adult = read_wfdb_signal(folder / "mitdb" / "100", "MLII", _MATERNAL_SFREQ)
    hop = n_times if hop is None else hop
    parts = []
    for record in records:
        path = folder / "adfecgdb" / f"{record}.edf"
        fetal = read_edf_signal(path, "Direct_1", _FETAL_SFREQ)
        seed = np.random.SeedSequence(entropy, spawn_key=(_RECORDS.index(record),))
        rng = np.random.default_rng(seed)
        maternal = _stretch(adult, record)
        parts.append(
            _mix_record(record, maternal, fetal, ratio, n_times, hop, sfreq, rng)
        )
    rows = concatenate_rows(parts)
    return Bunch(
        data=rows["target"].sum(axis=1) + rows["noise"],
        component_names=["maternal", "fetal"],
        sfreq=sfreq,
        DESCR=_DESCR,
        **rows,
    )
