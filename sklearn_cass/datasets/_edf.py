"""Reader of single signals of EDF files, which must be complete."""

import math

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

_FIXED_BYTES, _SIGNAL_BYTES = 256, 256  # of the header, and of each signal in it
_PREFILTERING_END = 216  # of each signal's bytes; the numbers of values follow


def read_edf_signal(path, label, sfreq, unit="uV"):
    """Read one signal of an EDF file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    label : str
        Label of the signal.
    sfreq : int
        Sampling frequency that the signal must have, in Hz.
    unit : str, default="uV"
        Unit to convert the signal to.

    Returns
    -------
    x : ndarray of shape (n_times,)
        The signal.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is truncated, discontinuous or unreadable, or the signal is missing
        or has another sampling frequency, no physical range or no voltage.
    ImportError
        If ``edfio`` is not installed.
    """
    edfio = import_extra("edfio", "bio")
    check_exists(path)
    check_edf_header(path)
    with reading(path, "EDF file"):
        signals = edfio.read_edf(path).signals
    signal = signals[check_label(path, label, [signal.label for signal in signals])]
    check_sfreq(path, signal.sampling_frequency, sfreq)
    factor = unit_factor(path, signal.physical_dimension, unit)
    with reading(path, "EDF file"):
        _check_range("physical", signal.physical_min, signal.physical_max)
        _check_range("digital", signal.digital_min, signal.digital_max)
        return np.array(signal.data, dtype=np.float64) * factor


def _check_range(name, low, high):
    if low == high or not math.isfinite(low) or not math.isfinite(high):
        raise ValueError(f"the {name} range of the signal is {low} to {high}")


def check_edf_header(path):
    """Compare the layout that the header announces with the file, before it is read."""
    with path.open("rb") as file:
        header = file.read(_FIXED_BYTES)
        try:
            n_signals = int(header[252:256])
            header += file.read(_SIGNAL_BYTES * max(0, n_signals))
            expected = _announced_bytes(header, n_signals)
        except ValueError as error:
            raise ValueError(
                f"{path} is truncated or not an EDF file: {error}"
            ) from error
    check_size(path, expected)
    if header[192:197] == b"EDF+D":
        raise ValueError(f"{path} is a discontinuous recording (EDF+D)")


def _announced_bytes(header, n_signals):
    """Return the size of an EDF file according to its header, in bytes."""
    version = header[:8].decode("ascii", "replace").strip()
    if version != "0":
        raise ValueError(f"its version is {version!r}")
    if n_signals < 1:
        raise ValueError(f"it has {n_signals} signals")
    n_header, n_records = int(header[184:192]), int(header[236:244])
    if n_header != _FIXED_BYTES + _SIGNAL_BYTES * n_signals:
        raise ValueError(f"a header of {n_header} bytes for {n_signals} signals")
    if n_records < 1:
        raise ValueError(f"it has {n_records} records of data")
    # the header lists each field for all signals before the next field begins
    first = _FIXED_BYTES + _PREFILTERING_END * n_signals
    fields = [header[first + 8 * k : first + 8 * k + 8] for k in range(n_signals)]
    n_values = [int(field) for field in fields]
    if min(n_values) < 1:
        raise ValueError(f"a signal has {min(n_values)} values in a record")
    return n_header + 2 * n_records * sum(n_values)
