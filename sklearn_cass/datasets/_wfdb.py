"""Reader of single signals of WFDB records, which must be complete."""

import math
from fractions import Fraction

import numpy as np

from ._files import (
    check_exists,
    check_label,
    check_sfreq,
    check_size,
    import_extra,
    reading,
    unit_factor,
)

# Bytes of a value in the formats without compression.
_WIDTHS = {
    **{"8": 1, "80": 1, "16": 2, "61": 2, "160": 2, "24": 3, "32": 4},
    **{"212": Fraction(3, 2), "310": Fraction(4, 3), "311": Fraction(4, 3)},
}
# The format allows lines of 255 characters. In longer ones, the search of wfdb for
# fields takes a time that grows with the square of their length.
_HEADER_BYTES, _LINE_BYTES = 2**16, 1000


def read_wfdb_signal(path, label, sfreq, unit="mV"):
    """Read one signal of a WFDB record.

    Parameters
    ----------
    path : pathlib.Path
        The record, without a suffix.
    label : str
        Name of the signal.
    sfreq : int
        Sampling frequency that the record must have, in Hz.
    unit : str, default="mV"
        Unit to convert the signal to.

    Returns
    -------
    x : ndarray of shape (n_times,)
        The signal; NaN in gaps.

    Raises
    ------
    FileNotFoundError
        If a file of the record is missing.
    ValueError
        If a file is truncated, damaged or unreadable; if the record has several
        segments, a compressed format or skewed signals; if the signal is missing, is no
        voltage or has another sampling frequency.
    ImportError
        If ``wfdb`` is not installed.
    """
    wfdb = import_extra("wfdb", "bio")
    header_path = path.with_name(path.name + ".hea")
    check_exists(header_path)
    _check_text(header_path)
    with reading(header_path, "header"):
        header = wfdb.rdheader(str(path.absolute()))
    _check_fields(header_path, header)
    check_sfreq(header_path, header.fs, sfreq)
    channel = check_label(header_path, label, header.sig_name)
    factor = _physical_factor(header_path, header, channel, unit)
    _check_complete(header_path, header)
    with reading(path.with_name(header.file_name[channel]), "signal file"):
        record = wfdb.rdrecord(str(path.absolute()), channels=[channel], physical=False)
        with np.errstate(over="ignore"):
            x = record.dac()[:, 0]
        if np.isinf(x).any():
            raise ValueError("its values are not finite")
        # programs differ in the values of gaps, which the checksum counts
        if header.sig_len is not None and not np.isnan(x).any():
            _check_sums(header, channel, record)
    return x * factor


def _check_text(path):
    """Raise a ValueError for a header that wfdb would misread, or read for ever."""
    if path.stat().st_size > _HEADER_BYTES:
        raise ValueError(f"{path} has more than {_HEADER_BYTES} bytes, no WFDB header")
    for line in path.read_bytes().splitlines():
        if line.lstrip().startswith(b"#"):
            continue
        # wfdb drops such characters: a micro sign, for instance
        if not line.isascii():
            raise ValueError(f"{path} has a line that is not ASCII: {line!r}")
        if len(line) > _LINE_BYTES:
            raise ValueError(f"{path} has a line of {len(line)} characters")


def _check_fields(path, header):
    """Raise a ValueError for a record of a kind that is not read."""
    if hasattr(header, "seg_name"):
        raise ValueError(
            f"{path} is a record of {header.n_seg} segments, expected a single one"
        )
    n_lines = len(header.file_name or [])
    if not n_lines or n_lines != header.n_sig:
        raise ValueError(f"{path} announces {header.n_sig} signals and lists {n_lines}")
    if header.sig_len is not None and header.sig_len < 1:
        raise ValueError(f"{path} announces {header.sig_len} time points")
    for name, fmt, skew in zip(header.file_name, header.fmt, header.skew, strict=True):
        if fmt not in _WIDTHS:
            raise ValueError(
                f"{path} has the signal file {name} in format {fmt}, expected one of "
                f"{list(_WIDTHS)}"
            )
        if skew:
            raise ValueError(f"{path} has a signal with a skew of {skew} time points")
    if len(set(zip(header.file_name, header.fmt, strict=True))) > len(
        set(header.file_name)
    ):
        raise ValueError(f"{path} has a signal file in several formats")


def _physical_factor(path, header, channel, unit):
    """Return the factor of the unit, after a check of the gain and the frames."""
    gain, per_frame = header.adc_gain[channel], header.samps_per_frame[channel]
    if not math.isfinite(gain) or gain == 0:
        raise ValueError(f"{path} has a signal with a gain of {gain}")
    if per_frame not in (1, None):
        raise ValueError(f"{path} has a signal with {per_frame} values at a time point")
    return unit_factor(path, header.units[channel], unit)


def _check_complete(path, header):
    """Compare the length that the header announces with the size of its files.

    Without one, it is that of the files, of which all must have the same.
    """
    lengths = []
    for name in dict.fromkeys(header.file_name):
        file = path.with_name(name)
        check_exists(file)
        offset, width = _layout(header, name)
        check_size(file, offset + math.floor(width * (header.sig_len or 1)))
        lengths.append((file.stat().st_size - offset) // width)
    if header.sig_len is None and len(set(lengths)) > 1:
        raise ValueError(
            f"{path} has no number of time points, and its signal files have "
            f"{sorted(set(lengths))}"
        )


def _layout(header, name):
    """Return the first byte of a signal file and the bytes of a time point."""
    signals = [k for k, other in enumerate(header.file_name) if other == name]
    per_frame = [header.samps_per_frame[k] for k in signals]
    n_values = sum(1 if number is None else number for number in per_frame)
    first = signals[0]
    return header.byte_offset[first] or 0, _WIDTHS[header.fmt[first]] * n_values


def _check_sums(header, channel, record):
    """Compare the signal with the checksum, and the first value, in the header."""
    for name, found in (
        ("checksum", record.calc_checksum()[0]),
        ("init_value", int(record.d_signal[0, 0])),
    ):
        announced = getattr(header, name)[channel]
        if announced is not None and (announced - found) % 2**16:
            raise ValueError(f"{name} is {found}, the header announces {announced}")
