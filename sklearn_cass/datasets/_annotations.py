"""Reader of the times of beats in WFDB annotation files."""

import re
import warnings

import numpy as np

from ._files import check_exists, check_sfreq, import_extra, reading

# Codes of beats, those that wfdb's `is_qrs` names; others are changes of the rhythm,
# of the quality of the signal, and remarks.
BEATS = frozenset("NLRBAaJSVrFejnE/fQ?")
_PAIR = 2  # bytes of an annotation, and of each part of a longer one
# Notes on the file itself. The search of wfdb for them does not end at other ones.
_RATE = b"## time resolution: "
_NOTE = re.compile(rb"## .{0,27}", re.DOTALL)
_KNOWN_NOTE = re.compile(
    rb"## (time resolution: \d|annotation type definitions|end of definitions)"
)


def read_wfdb_beats(path, sfreq, n_times):
    """Read the times of the beats of an annotation file.

    Parameters
    ----------
    path : pathlib.Path
        The file; its suffix is the name of the annotator.
    sfreq : int
        Sampling frequency of the record in Hz.
    n_times : int
        Number of time points of the record.

    Returns
    -------
    times : ndarray of shape (n_beats,)
        In seconds, ascending.
    symbols : ndarray of str of shape (n_beats,)
        Code of each beat, such as "N" for a normal one.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is truncated or unreadable, has another sampling frequency, or
        annotates beats that are outside the record or not in their order.
    ImportError
        If ``wfdb`` is not installed.
    """
    wfdb = import_extra("wfdb", "bio")
    check_exists(path)
    with reading(path, "annotation file"):
        _check_content(path)
        found = _read(wfdb, path)
        is_beat = np.isin(found.symbol, list(BEATS))
        times = np.asarray(found.sample)[is_beat]
        if (np.diff(times) < 0).any():
            raise ValueError("its beats are not in the order of time")
        if len(times) and not 0 <= times[0] <= times[-1] < n_times:
            raise ValueError(
                f"it has beats from time point {times[0]} to {times[-1]}, the record "
                f"has {n_times}"
            )
    if found.fs is not None:
        check_sfreq(path, found.fs, sfreq)
    return times / sfreq, np.asarray(found.symbol, dtype=str)[is_beat]


def _read(wfdb, path):
    with warnings.catch_warnings():
        # wfdb 4.3 uses deprecated parts of pandas
        warnings.simplefilter("ignore", DeprecationWarning)
        return wfdb.rdann(str(path.absolute().with_suffix("")), path.suffix[1:])


def _check_content(path):
    """Raise a ValueError for a file that is truncated, or that wfdb reads for ever."""
    content = path.read_bytes()
    if len(content) % _PAIR or content[-_PAIR:] != bytes(_PAIR):
        raise ValueError("it is truncated: its last two bytes are not 0")
    notes = [note for note in _NOTE.findall(content) if not _KNOWN_NOTE.match(note)]
    n_rates = content.count(_RATE)
    if notes or n_rates > 1:
        raise ValueError(
            f"it has {n_rates} sampling frequencies, unknown notes {notes}"
        )
