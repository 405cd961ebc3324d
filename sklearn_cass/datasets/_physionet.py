"""Readers of single signals of PhysioNet files, which must be complete."""

import math

import numpy as np

from ._files import check_sfreq, check_size, import_extra

_BYTES_PER_VALUE = {"16": 2, "24": 3, "32": 4, "212": 1.5}  # of WFDB's formats


def read_edf_signal(path, label, sfreq):
    """Read one signal of an EDF file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    label : str
        Label of the signal.
    sfreq : int
        Sampling frequency that the signal must have, in Hz.

    Returns
    -------
    x : ndarray of shape (n_times,)
        The signal, in the file's physical unit.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is truncated or unreadable, or the signal is missing or has another
        sampling frequency.
    ImportError
        If ``edfio`` is not installed.
    """
    edfio = import_extra("edfio", "bio")
    _check_exists(path)
    _check_edf_complete(path)
    try:
        signals = {signal.label: signal for signal in edfio.read_edf(path).signals}
    except (ValueError, IndexError, KeyError) as error:
        raise ValueError(f"{path} is not a readable EDF file: {error}") from error
    if label not in signals:
        raise ValueError(f"{path} has no signal {label!r}, only {sorted(signals)}")
    check_sfreq(path, signals[label].sampling_frequency, sfreq)
    return np.array(signals[label].data, dtype=np.float64)


def _check_edf_complete(path):
    """Compare the size that an EDF header announces with that of the file."""
    try:
        expected = _edf_bytes(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is truncated or not an EDF file: {error}") from error
    check_size(path, expected)


def _edf_bytes(edf):
    """Return the size of an EDF file according to its header, in bytes."""
    n_header, n_records, n_signals = (
        int(edf[field]) for field in (slice(184, 192), slice(236, 244), slice(252, 256))
    )
    # the header lists each field for all signals before the next field begins
    first = 256 + 216 * n_signals
    n_values = [int(edf[first + 8 * k : first + 8 * k + 8]) for k in range(n_signals)]
    return n_header + 2 * n_records * sum(n_values)


def read_wfdb_signal(path, label, sfreq):
    """Read one signal of a WFDB record.

    Parameters
    ----------
    path : pathlib.Path
        The record, without a suffix.
    label : str
        Name of the signal.
    sfreq : int
        Sampling frequency that the record must have, in Hz.

    Returns
    -------
    x : ndarray of shape (n_times,)
        The signal, in the file's physical unit; NaN in gaps.

    Raises
    ------
    FileNotFoundError
        If a file of the record is missing.
    ValueError
        If a file is truncated or unreadable, the signal is missing, or the sampling
        frequency is another one.
    ImportError
        If ``wfdb`` is not installed.
    """
    wfdb = import_extra("wfdb", "bio")
    header_path = path.with_name(path.name + ".hea")
    _check_exists(header_path)
    try:
        header = wfdb.rdheader(str(path))
    except (ValueError, IndexError) as error:
        raise ValueError(f"{header_path} is not a readable header: {error}") from error
    check_sfreq(header_path, header.fs, sfreq)
    if label not in header.sig_name:
        raise ValueError(
            f"{header_path} has no signal {label!r}, only {sorted(header.sig_name)}"
        )
    _check_wfdb_complete(path.parent, header)
    channel = header.sig_name.index(label)
    return wfdb.rdrecord(str(path), channels=[channel]).p_signal[:, 0]


def _check_wfdb_complete(folder, header):
    """Compare the lengths that a WFDB header announces with the size of its files."""
    for name in set(header.file_name):
        path = folder / name
        _check_exists(path)
        formats = zip(header.fmt, header.file_name, strict=True)
        widths = [_BYTES_PER_VALUE.get(fmt, 0) for fmt, file in formats if file == name]
        check_size(path, math.floor(header.sig_len * sum(widths)))


def _check_exists(path):
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")


def recorded_seconds(x, sfreq):
    """Return for each whole second whether it has neither a gap nor a flat line."""
    seconds = x[: len(x) // sfreq * sfreq].reshape(-1, sfreq)
    with np.errstate(invalid="ignore"):
        return np.isfinite(seconds).all(axis=1) & (np.ptp(seconds, axis=1) > 0)
