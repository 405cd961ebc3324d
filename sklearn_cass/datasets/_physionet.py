"""Readers of single channels of PhysioNet files that refuse what is not whole."""

import math

import numpy as np

from ._windows import import_extra

_BYTES_PER_SAMPLE = {"16": 2, "24": 3, "32": 4, "212": 1.5}  # of WFDB's formats


def read_edf_signal(path, label, sfreq):
    """Read one signal of an EDF file.

    Parameters
    ----------
    path : pathlib.Path
    label : str
    sfreq : int
        The rate that the signal must have, in Hz.

    Returns
    -------
    x : ndarray of shape (n_times,)
        In the file's physical unit.
    """
    edfio = import_extra("edfio", "bio")
    _check_file(path)
    _check_edf_complete(path)
    try:
        signals = {signal.label: signal for signal in edfio.read_edf(path).signals}
    except (ValueError, IndexError, KeyError) as error:
        raise ValueError(f"{path} is no readable EDF file: {error}") from error
    if label not in signals:
        raise ValueError(f"{path} has no signal {label!r}, only {sorted(signals)}")
    _check_rate(path, signals[label].sampling_frequency, sfreq)
    return np.array(signals[label].data, dtype=np.float64)


def _check_edf_complete(path):
    """Compare the data records that an EDF header announces with the file's size."""
    try:
        announced = _announced_edf_bytes(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is truncated or no EDF file: {error}") from error
    _check_size(path, announced)


def _announced_edf_bytes(edf):
    """Size of an EDF file according to its header."""
    n_header, n_records, n_signals = (
        int(edf[field]) for field in (slice(184, 192), slice(236, 244), slice(252, 256))
    )
    # Each field of the signals stands for all of them before the next field begins.
    first = 256 + 216 * n_signals
    samples = [int(edf[first + 8 * k : first + 8 * k + 8]) for k in range(n_signals)]
    return n_header + 2 * n_records * sum(samples)


def read_wfdb_signal(path, label, sfreq):
    """Read one signal of a WFDB record, named without its suffix.

    Parameters and result are those of :func:`read_edf_signal`.
    """
    wfdb = import_extra("wfdb", "bio")
    header_path = path.with_name(path.name + ".hea")
    _check_file(header_path)
    try:
        header = wfdb.rdheader(str(path))
    except (ValueError, IndexError) as error:
        raise ValueError(f"{header_path} is no readable header: {error}") from error
    _check_rate(header_path, header.fs, sfreq)
    if label not in header.sig_name:
        raise ValueError(f"{header_path} has no signal {label!r}: {header.sig_name}")
    _check_wfdb_complete(path.parent, header)
    channel = header.sig_name.index(label)
    return wfdb.rdrecord(str(path), channels=[channel]).p_signal[:, 0]


def _check_wfdb_complete(folder, header):
    """Compare the samples that a header announces with the size of its files."""
    for name in set(header.file_name):
        path = folder / name
        _check_file(path)
        formats = zip(header.fmt, header.file_name, strict=True)
        widths = [
            _BYTES_PER_SAMPLE.get(fmt, 0) for fmt, file in formats if file == name
        ]
        _check_size(path, math.floor(header.sig_len * sum(widths)))


def _check_size(path, announced):
    if announced > path.stat().st_size:
        raise ValueError(
            f"{path} is truncated: its header announces {announced} bytes, the file "
            f"has {path.stat().st_size}"
        )


def _check_file(path):
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")


def _check_rate(path, sfreq, expected):
    if sfreq != expected:
        raise ValueError(
            f"{path} has {sfreq:g} samples per second, expected {expected}"
        )


def present_seconds(x, sfreq):
    """Say for each whole second whether it holds a signal, not a gap or a flat line."""
    seconds = x[: len(x) // sfreq * sfreq].reshape(-1, sfreq)
    with np.errstate(invalid="ignore"):
        return np.isfinite(seconds).all(axis=1) & (np.ptp(seconds, axis=1) > 0)
