"""Challenge 2013: abdominal ECG of several hospitals, with the times of fetal beats."""

import os
import re

import numpy as np
from sklearn.utils._param_validation import validate_params

from ._annotations import read_wfdb_beats
from ._checks import check_choices
from ._records import bunch_records, select_records
from ._wfdb import read_wfdb_signal

_SFREQ = 1000
_CHANNELS = ("AECG1", "AECG2", "AECG3", "AECG4")
_RECORD, _FILE = re.compile(r"a\d\d"), re.compile(r"(a\d\d)\.hea")

_DESCR = """\
PhysioNet/Computing in Cardiology Challenge 2013, set A
-------------------------------------------------------
Recordings of a minute of pregnant women in several hospitals: four abdominal channels
in uV at 1000 Hz. Events are the fetal beats. Open access. Cite Silva et al. (2013) and
Goldberger et al. (2000).
"""


@validate_params(
    {
        "folder": [str, os.PathLike, None],
        "records": ["array-like", None],
        "channels": ["array-like", None],
    },
    prefer_skip_nested_validation=True,
)
def load_challenge2013(folder=None, *, records=None, channels=None):
    """Load abdominal ECG of several hospitals, with the times of fetal beats.

    Reads set A of the PhysioNet/Computing in Cardiology Challenge 2013 [1]_ as it is
    distributed: ``aNN.hea``, ``aNN.dat`` and ``aNN.fqrs``. Needs the package ``wfdb``:
    ``pip install "sklearn-cass[bio]"``.

    Parameters
    ----------
    folder : str, path-like or None, default=None
        The folder that holds the files, or its parent, in which it is
        ``challenge2013``. If None, the environment variable ``SKLEARN_CASS_DATA`` names
        it.
    records : list of str or None, default=None
        Names of records, such as ``["a01", "a02"]``. None loads all that the folder
        holds.
    channels : list of str or None, default=None
        The channels to load, in this order. None loads all: AECG1,
        AECG2, AECG3 and AECG4.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : list of ndarray of shape (n_channels, n_times)
            One recording for each record; NaN in gaps.
        events : list of ndarray of shape (n_events,)
            Times of the fetal beats of each record in seconds.
        sfreq : int
            Sampling frequency, 1000 Hz.
        channel_names, units : list of str
            Name and unit of each channel.
        record_names : list of str
            Names of the records.
        groups : ndarray of int of shape (n_records,)
            Number of each record, such as 1 for a01.
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

    See Also
    --------
    load_adfecgdb : Abdominal ECG of women in labour.

    Notes
    -----
    Among the first 25 records, a03, a04, a05, a08, a12, a13, a14, a15, a17, a19, a20,
    a22, a23, a24 and a25 are minutes of ADFECGDB: their intervals between fetal beats
    are the same. Leave them out of a test set if :func:`load_adfecgdb` is trained on.

    References
    ----------
    .. [1] I. Silva et al., "Noninvasive fetal ECG: the PhysioNet/Computing in
       Cardiology Challenge 2013", Computing in Cardiology 40, 149-152, 2013; data
       1.0.0: https://physionet.org/content/challenge-2013/1.0.0/

    Examples
    --------
    >>> from sklearn_cass.datasets import load_challenge2013
    >>> ecg = load_challenge2013("data", records=["a01"])  # doctest: +SKIP
    >>> ecg.data[0].shape, len(ecg.events[0])  # doctest: +SKIP
    ((4, 60000), 145)
    """
    wanted = _CHANNELS if channels is None else channels
    channels = check_choices("channels", wanted, _CHANNELS)
    folder, records = select_records(
        folder,
        "challenge2013",
        records,
        record=_RECORD,
        file=_FILE,
        example="a01",
        what="aNN.hea",
    )
    data, events = [], []
    for record in records:
        path = folder / record
        signals = [read_wfdb_signal(path, c, _SFREQ, "uV") for c in channels]
        data.append(np.stack(signals))
        annotations = folder / f"{record}.fqrs"
        events.append(read_wfdb_beats(annotations, _SFREQ, data[-1].shape[1])[0])
    units = ["uV"] * len(channels)
    return bunch_records(data, events, records, channels, units, _SFREQ, _DESCR)
