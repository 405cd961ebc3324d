"""ADFECGDB: abdominal ECG of pregnant women, with the fetal scalp ECG beside it."""

import os
import re

import numpy as np
from sklearn.utils._param_validation import validate_params

from ._annotations import read_wfdb_beats
from ._checks import check_choices
from ._edf import read_edf_signal
from ._records import bunch_records, select_records

_SFREQ = 1000
_CHANNELS = ("Direct_1", "Abdomen_1", "Abdomen_2", "Abdomen_3", "Abdomen_4")
_RECORD, _FILE = re.compile(r"r\d\d"), re.compile(r"(r\d\d)\.edf")

_DESCR = """\
Abdominal and Direct Fetal ECG Database 1.0.0
---------------------------------------------
Recordings of five minutes of women in labour: four abdominal channels and the ECG of
the fetal scalp, in uV at 1000 Hz. Events are the fetal beats, found in the scalp ECG
and verified by cardiologists. Open access (doi:10.13026/C2RP4B). Cite Jezewski et al.
(2012) and Goldberger et al. (2000).
"""


@validate_params(
    {
        "folder": [str, os.PathLike, None],
        "records": ["array-like", None],
        "channels": ["array-like", None],
    },
    prefer_skip_nested_validation=True,
)
def load_adfecgdb(folder=None, *, records=None, channels=None):
    """Load abdominal ECG of women in labour, with the times of fetal beats.

    Reads records of the Abdominal and Direct Fetal ECG Database [1]_ as PhysioNet
    distributes them: ``rNN.edf`` and ``rNN.edf.qrs``. Needs the packages ``edfio`` and
    ``wfdb``: ``pip install "sklearn-cass[bio]"``.

    Parameters
    ----------
    folder : str, path-like or None, default=None
        The folder that holds the files, or its parent, in which it is ``adfecgdb``. If
        None, the environment variable ``SKLEARN_CASS_DATA`` names it.
    records : list of str or None, default=None
        Names of records, such as ``["r01", "r04"]``. None loads all that the folder
        holds.
    channels : list of str or None, default=None
        The channels to load, in this order. None loads all: Direct_1,
        Abdomen_1, Abdomen_2, Abdomen_3 and Abdomen_4.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : list of ndarray of shape (n_channels, n_times)
            One recording for each record.
        events : list of ndarray of shape (n_events,)
            Times of the fetal beats of each record in seconds.
        sfreq : int
            Sampling frequency, 1000 Hz.
        channel_names, units : list of str
            Name and unit of each channel.
        record_names : list of str
            Names of the records.
        groups : ndarray of int of shape (n_records,)
            Number of each record, such as 1 for r01.
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
        If ``edfio`` or ``wfdb`` is not installed.

    See Also
    --------
    load_semireal_fetal_ecg : Mixtures of the scalp ECG, with known components.
    load_challenge2013 : Abdominal ECG of other hospitals.

    Notes
    -----
    ``Direct_1`` is another lead of the fetal heart, not the fetal component of an
    abdominal channel. R waves of mother and fetus are negative in some of the channels.

    Some records of the Challenge 2013 are minutes of these, see
    :func:`load_challenge2013`.

    References
    ----------
    .. [1] J. Jezewski, A. Matonia, T. Kupka, D. Roj, R. Czabanski, "Determination of
       fetal heart rate from abdominal signals: evaluation of beat-to-beat accuracy in
       relation to the direct fetal electrocardiogram", Biomedizinische Technik 57(5),
       383-394, 2012, `doi:10.1515/bmt-2011-0130
       <https://doi.org/10.1515/bmt-2011-0130>`_; database 1.0.0:
       `doi:10.13026/C2RP4B <https://doi.org/10.13026/C2RP4B>`_,
       https://physionet.org/content/adfecgdb/1.0.0/

    Examples
    --------
    >>> from sklearn_cass.datasets import load_adfecgdb
    >>> ecg = load_adfecgdb("data", records=["r01"])  # doctest: +SKIP
    >>> ecg.data[0].shape, ecg.events[0][:3]  # doctest: +SKIP
    ((5, 300000), array([0.183, 0.651, 1.118]))
    """
    wanted = _CHANNELS if channels is None else channels
    channels = check_choices("channels", wanted, _CHANNELS)
    folder, records = select_records(
        folder,
        "adfecgdb",
        records,
        record=_RECORD,
        file=_FILE,
        example="r01",
        what="rNN.edf",
    )
    data, events = [], []
    for record in records:
        path = folder / f"{record}.edf"
        data.append(np.stack([read_edf_signal(path, c, _SFREQ) for c in channels]))
        annotations = folder / f"{record}.edf.qrs"
        events.append(read_wfdb_beats(annotations, _SFREQ, data[-1].shape[1])[0])
    units = ["uV"] * len(channels)
    return bunch_records(data, events, records, channels, units, _SFREQ, _DESCR)
