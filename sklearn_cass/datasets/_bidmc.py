"""BIDMC: PPG and respiration of patients in intensive care, with annotated breaths."""

import os
import re

import numpy as np
from sklearn.utils._param_validation import StrOptions, validate_params

from ._checks import check_not_empty
from ._files import check_exists, check_label, reading
from ._records import bunch_records, select_records

_SFREQ = 125
_RECORD = re.compile(r"\d\d")
_FILE = re.compile(r"bidmc_(\d\d)_Signals\.csv")
_ANNOTATORS = ("ann1", "ann2")
# Files name no units. Those of pressures and leads are the monitors'.
_UNITS = {"RESP": "a.u.", "PLETH": "a.u.", "ABP": "mmHg", "ART": "mmHg", "CVP": "mmHg"}

_DESCR = """\
BIDMC PPG and Respiration Dataset 1.0.0
---------------------------------------
Recordings of eight minutes of patients in intensive care, at 125 Hz: the PPG of a
finger (PLETH), impedance respiration (RESP), leads of the ECG and, of some, pressures.
Events are the breaths that one of two annotators marked in RESP. RESP lags the
breathing in the PPG or leads it by up to 3 s, and has either sign. Open access
(doi:10.13026/C2208R). Cite Pimentel et al. (2016) and Goldberger et al. (2000).
"""


@validate_params(
    {
        "folder": [str, os.PathLike, None],
        "records": ["array-like", None],
        "channels": ["array-like"],
        "annotator": [StrOptions(set(_ANNOTATORS))],
    },
    prefer_skip_nested_validation=True,
)
def load_bidmc(
    folder=None, *, records=None, channels=("PLETH", "RESP"), annotator="ann1"
):
    """Load PPG and respiration of patients, with the times of breaths.

    Reads the BIDMC PPG and Respiration Dataset [1]_ as PhysioNet distributes its CSV
    files: ``bidmc_NN_Signals.csv`` and ``bidmc_NN_Breaths.csv``.

    Parameters
    ----------
    folder : str, path-like or None, default=None
        The folder that holds the files, or its parent, in which it is ``bidmc``. If
        None, the environment variable ``SKLEARN_CASS_DATA`` names it.
    records : list of str or None, default=None
        Names of records, such as ``["03", "04"]``. None loads all that the folder
        holds.
    channels : list of str, default=("PLETH", "RESP")
        The channels to load, in this order. All records have PLETH, RESP and lead II of
        the ECG.
    annotator : {"ann1", "ann2"}, default="ann1"
        Who marked the breaths.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : list of ndarray of shape (n_channels, n_times)
            One recording for each record; NaN in gaps.
        events : list of ndarray of shape (n_events,)
            Times of the breaths of each record in seconds.
        sfreq : int
            Sampling frequency, 125 Hz.
        channel_names, units : list of str
            Name and unit of each channel.
        record_names : list of str
            Names of the records.
        groups : ndarray of int of shape (n_records,)
            Number of each record, such as 3.
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

    See Also
    --------
    make_ppg_mixtures : Generated PPG, with known components.

    Notes
    -----
    RESP lags the breathing in the PPG or leads it by up to 3 s, by another time in each
    record, and has either sign. Patients breathe 6 to 25 times a minute.

    References
    ----------
    .. [1] M. A. F. Pimentel et al., "Toward a robust estimation of respiratory rate
       from pulse oximeters", IEEE Transactions on Biomedical Engineering 64(8),
       1914-1923, 2016, `doi:10.1109/TBME.2016.2613124
       <https://doi.org/10.1109/TBME.2016.2613124>`_; data 1.0.0: `doi:10.13026/C2208R
       <https://doi.org/10.13026/C2208R>`_,
       https://physionet.org/content/bidmc/1.0.0/

    Examples
    --------
    >>> from sklearn_cass.datasets import load_bidmc
    >>> ppg = load_bidmc("data", records=["03"])  # doctest: +SKIP
    >>> ppg.data[0].shape, ppg.events[0][:3]  # doctest: +SKIP
    ((2, 60001), array([ 2.344,  5.968,  9.8  ]))
    """
    check_not_empty("channels", channels)
    folder, records = select_records(
        folder,
        "bidmc",
        records,
        record=_RECORD,
        file=_FILE,
        example="03",
        what="bidmc_NN_Signals.csv",
    )
    data, events = [], []
    for record in records:
        data.append(_read_signals(folder / f"bidmc_{record}_Signals.csv", channels))
        path = folder / f"bidmc_{record}_Breaths.csv"
        events.append(_read_breaths(path, annotator, data[-1].shape[1]))
    units = [_UNITS.get(name, "mV") for name in channels]
    return bunch_records(data, events, records, channels, units, _SFREQ, _DESCR)


def _read_columns(path, pick):
    """Return columns of a CSV file as rows; ``pick`` takes the names of all of them."""
    check_exists(path)
    with reading(path, "CSV file"), path.open(encoding="ascii") as file:
        names = [name.strip() for name in file.readline().split(",")]
        columns = pick(names)
        values = np.loadtxt(
            file, delimiter=",", usecols=columns, ndmin=2, comments=None
        )
        if not len(values):
            raise ValueError("it has no values")
        if np.isinf(values).any():
            raise ValueError("its values are not finite")
        return values.T


def _read_signals(path, channels):
    """Return channels of a recording, after a check of its times."""

    def pick(names):
        return [check_label(path, name, names) for name in ("Time [s]", *channels)]

    times, *signals = _read_columns(path, pick)
    expected = np.arange(len(times)) / _SFREQ
    # The times have five significant digits: from 100 s on, they are off by half a
    # period.
    if not np.allclose(times, expected, atol=0.75 / _SFREQ, rtol=0):
        raise ValueError(
            f"{path} has other times than those of {_SFREQ} Hz without a gap"
        )
    return np.array(signals)


def _read_breaths(path, annotator, n_times):
    """Return the times of breaths in seconds."""

    def pick(names):
        column = f"breaths {annotator} [signal sample no]"
        return [check_label(path, column, names)]

    (points,) = _read_columns(path, pick)
    points = points[np.isfinite(points)]  # the shorter of two columns ends in NaN
    if not ((points >= 0) & (points < n_times)).all():
        raise ValueError(
            f"{path} has breaths from time point {points.min():g} to {points.max():g}, "
            f"the recording has {n_times}"
        )
    return np.sort(points) / _SFREQ  # one file has a breath out of order
