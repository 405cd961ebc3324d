"""MIT-BIH Arrhythmia Database: ECG of adults, with annotated beats."""

import os
import re

import numpy as np
from sklearn.utils._param_validation import validate_params

from ._annotations import read_wfdb_beats
from ._checks import check_not_empty
from ._records import bunch_records, select_records
from ._wfdb import read_wfdb_signal

_SFREQ = 360
_RECORD, _FILE = re.compile(r"\d\d\d"), re.compile(r"(\d\d\d)\.hea")

_DESCR = """\
MIT-BIH Arrhythmia Database 1.0.0
---------------------------------
Recordings of half an hour of adults, in mV at 360 Hz. Events are the heart beats, of
the kind that `symbols` holds ("N" normal, "V" premature ventricular, "A" premature
atrial, and others). Open access (doi:10.13026/C2F305). Cite Moody and Mark (2001) and
Goldberger et al. (2000).
"""


@validate_params(
    {
        "folder": [str, os.PathLike, None],
        "records": ["array-like", None],
        "channels": ["array-like"],
    },
    prefer_skip_nested_validation=True,
)
def load_mitdb(folder=None, *, records=None, channels=("MLII",)):
    """Load ECG of adults, with the times and kinds of their beats.

    Reads records of the MIT-BIH Arrhythmia Database [1]_ as PhysioNet distributes them:
    ``NNN.hea``, ``NNN.dat`` and ``NNN.atr``. Needs the package ``wfdb``: ``pip install
    "sklearn-cass[bio]"``.

    Parameters
    ----------
    folder : str, path-like or None, default=None
        The folder that holds the files, or its parent, in which it is ``mitdb``. If
        None, the environment variable ``SKLEARN_CASS_DATA`` names it.
    records : list of str or None, default=None
        Names of records, such as ``["100", "103"]``. None loads all that the folder
        holds.
    channels : list of str, default=("MLII",)
        The leads to load, in this order. Records have two leads; most of them have
        MLII, and most of these V1.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : list of ndarray of shape (n_channels, n_times)
            One recording for each record; NaN in gaps.
        events : list of ndarray of shape (n_events,)
            Times of the beats of each record in seconds.
        symbols : list of ndarray of str of shape (n_events,)
            Kind of each beat, such as "N" for a normal one.
        sfreq : int
            Sampling frequency, 360 Hz.
        channel_names, units : list of str
            Name and unit of each channel.
        record_names : list of str
            Names of the records.
        groups : ndarray of int of shape (n_records,)
            Number of each record, such as 100. Records 201 and 202 are of one adult.
        gaps : list of ndarray of int of shape (n_gaps, 3)
            Stretches of NaN of each record: channel, first time point, and the one
            after the last.
        DESCR : str
            Description of the data.

    Raises
    ------
    FileNotFoundError
        If the folder or a file is missing.
    ValueError
        If an argument is invalid; if a file is truncated, damaged or unreadable, lacks
        a channel or has another sampling frequency; if no folder is given.
    ImportError
        If ``wfdb`` is not installed.

    References
    ----------
    .. [1] G. B. Moody, R. G. Mark, "The impact of the MIT-BIH Arrhythmia Database",
       IEEE Engineering in Medicine and Biology Magazine 20(3), 45-50, 2001,
       `doi:10.1109/51.932724 <https://doi.org/10.1109/51.932724>`_; database 1.0.0:
       `doi:10.13026/C2F305 <https://doi.org/10.13026/C2F305>`_,
       https://physionet.org/content/mitdb/1.0.0/

    Examples
    --------
    >>> from sklearn_cass.datasets import load_mitdb
    >>> ecg = load_mitdb("data", records=["100"])  # doctest: +SKIP
    >>> ecg.data[0].shape, len(ecg.events[0])  # doctest: +SKIP
    ((1, 650000), 2273)
    """
    check_not_empty("channels", channels)
    folder, records = select_records(
        folder,
        "mitdb",
        records,
        record=_RECORD,
        file=_FILE,
        example="100",
        what="NNN.hea",
    )
    data, events, symbols = [], [], []
    for record in records:
        path = folder / record
        data.append(np.stack([read_wfdb_signal(path, c, _SFREQ) for c in channels]))
        annotations = folder / f"{record}.atr"
        times, kinds = read_wfdb_beats(annotations, _SFREQ, data[-1].shape[1])
        events.append(times)
        symbols.append(kinds)
    return bunch_records(
        data,
        events,
        records,
        channels,
        ["mV"] * len(channels),
        _SFREQ,
        _DESCR,
        symbols=symbols,
    )
