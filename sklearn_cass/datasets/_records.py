"""Records that are loaded whole: which ones, and what the loaders return."""

import re

import numpy as np
from sklearn.utils import Bunch

from ._checks import check_choices
from ._files import data_folder

_LETTERS = re.compile(r"\D")  # a name such as r01 ends in the number of the record


def find_records(folder, pattern, what):
    """Return the names of the records in a folder, in their order.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    pattern : re.Pattern
        Names of the files that stand for a record; its group is the record's name.
    what : str
        Description of these files, for the message.

    Returns
    -------
    names : list of str
        The names.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    found = (pattern.fullmatch(path.name) for path in folder.iterdir())
    names = sorted(match[1] for match in found if match)
    if not names:
        raise FileNotFoundError(f"folder: no record (a file {what}) in {folder}")
    return names


def check_records(records, pattern, example):
    """Return names of records, after a check that they are distinct and well formed.

    Parameters
    ----------
    records : array-like of str
        The names.
    pattern : re.Pattern
        What names look like.
    example : str
        One of them, for the message.

    Returns
    -------
    names : list of str
        The names.

    Raises
    ------
    ValueError
        If there is no name, one of another form, or one twice.
    """
    known = [r for r in records if isinstance(r, str) and pattern.fullmatch(r)]
    unknown = [r for r in records if r not in known]
    if unknown and not isinstance(records, str):
        raise ValueError(
            f"records must hold names such as {example!r}, got {unknown[0]!r}"
        )
    return check_choices("records", records, known)


def select_records(folder, name, records, *, record, file, example, what):
    """Return a data set's folder, and the names of the records to load from it.

    Parameters
    ----------
    folder : path-like or None
        As for :func:`data_folder`.
    name : str
        Name of the data set's folder.
    records : array-like of str, or None
        The names that were asked for; None is all that are found.
    record, example : re.Pattern, str
        As for :func:`check_records`.
    file, what : re.Pattern, str
        As for :func:`find_records`.

    Returns
    -------
    folder : pathlib.Path
        The folder.
    records : list of str
        The names.
    """
    if records is not None:
        records = check_records(records, record, example)
    folder = data_folder(folder, name)
    if records is None:
        records = find_records(folder, file, what)
    return folder, records


def find_gaps(x):
    """Return the stretches of NaN of a recording.

    Parameters
    ----------
    x : ndarray of shape (n_channels, n_times)
        The recording.

    Returns
    -------
    gaps : ndarray of int of shape (n_gaps, 3)
        Channel, first time point, and the one after the last.
    """
    missing = np.isnan(x).astype(np.int8)
    steps = np.diff(missing, axis=1, prepend=0, append=0)
    (channels, starts), (_, stops) = np.nonzero(steps == 1), np.nonzero(steps == -1)
    return np.stack([channels, starts, stops], axis=1)


def bunch_records(data, events, names, channels, units, sfreq, descr, **others):
    """Return records as the Bunch that all their loaders return.

    Parameters
    ----------
    data : list of ndarray of shape (n_channels, n_times)
        The recordings.
    events : list of ndarray of shape (n_events,)
        Times in seconds.
    names : list of str
        The names of the records, which end in their numbers.
    channels, units : list of str
        Name and unit of each channel.
    sfreq : int
        Sampling frequency in Hz.
    descr : str
        Description of the data set.
    **others
        More of the Bunch.

    Returns
    -------
    bunch : Bunch
        With ``groups`` and ``gaps`` in addition.
    """
    return Bunch(
        data=data,
        events=events,
        sfreq=sfreq,
        channel_names=list(channels),
        units=list(units),
        record_names=list(names),
        groups=np.array([int(_LETTERS.sub("", name)) for name in names]),
        gaps=[find_gaps(x) for x in data],
        DESCR=descr,
        **others,
    )
