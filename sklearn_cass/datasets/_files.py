"""Folders and files of data sets, and the optional packages that read them."""

import importlib
import os
import warnings
from contextlib import contextmanager
from pathlib import Path

_EXPONENTS = {"V": 0, "mV": -3, "uV": -6, "\N{MICRO SIGN}V": -6, "nV": -9}  # of volts


@contextmanager
def reading(path, what):
    """Name the file in the errors of the library that reads it.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    what : str
        What it should be.

    Raises
    ------
    ValueError
        If anything but an OSError or a ValueError that names the file is raised.
    """
    try:
        yield
    except Exception as error:
        # libraries raise errors of all types for a damaged file
        if isinstance(error, OSError) and error.filename is not None:
            raise
        if isinstance(error, ValueError) and str(path) in str(error):
            raise
        raise ValueError(f"{path} is not a readable {what}: {error}") from error


def check_exists(path):
    """Raise a FileNotFoundError if a path is not that of a regular file."""
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")


def check_label(path, label, labels):
    """Return the index of a signal, or raise a ValueError unless there is one."""
    labels = list(labels)
    if labels.count(label) > 1:
        raise ValueError(f"{path} has {labels.count(label)} signals {label!r}")
    if label not in labels:
        raise ValueError(f"{path} has no signal {label!r}, only {labels}")
    return labels.index(label)


def unit_factor(path, found, wanted):
    """Return the factor that converts voltages from one unit to another.

    Parameters
    ----------
    path : pathlib.Path
        The file, for messages.
    found : str
        The unit in the file.
    wanted : str
        The unit to convert to.

    Returns
    -------
    factor : float
        Exactly 1 if the units are the same.

    Raises
    ------
    ValueError
        If the file has another unit than one of volts.
    """
    if found not in _EXPONENTS:
        raise ValueError(
            f"{path} has a signal in the unit {found!r}, expected one of "
            f"{list(_EXPONENTS)}"
        )
    return 10.0 ** (_EXPONENTS[found] - _EXPONENTS[wanted])


def data_folder(folder, name=""):
    """Return the folder that a loader reads from.

    Parameters
    ----------
    folder : str, path-like or None
        The folder called `name`, or its parent. None is ``$SKLEARN_CASS_DATA``.
    name : str, default=""
        Name of the data set's folder.

    Returns
    -------
    folder : pathlib.Path
        The folder, which exists.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If `folder` is None and the environment variable is not set.
    """
    if folder is None:
        folder = os.environ.get("SKLEARN_CASS_DATA")
    if not folder:
        raise ValueError(
            "folder is None and the environment variable SKLEARN_CASS_DATA is not "
            "set: pass folder=..., or set SKLEARN_CASS_DATA to the folder that holds "
            "the recordings"
        )
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"folder: no such folder: {folder}")
    return folder / name if (folder / name).is_dir() else folder


def check_size(path, expected):
    """Raise a ValueError if a file has fewer bytes than its header announces."""
    found = path.stat().st_size
    if found < expected:
        raise ValueError(
            f"{path} is truncated: its header announces {expected} bytes, the file "
            f"has {found}"
        )


def check_sfreq(path, sfreq, expected):
    """Raise a ValueError if a recording has another sampling frequency in Hz."""
    if sfreq != expected:
        raise ValueError(
            f"{path} has a sampling frequency of {sfreq:g} Hz, expected {expected} Hz"
        )


def import_extra(module, extra):
    """Import an optional package, or raise an ImportError that names its extra."""
    try:
        with warnings.catch_warnings():
            # wfdb 4.3 uses deprecated parts of pandas when it is imported
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{module} is needed to read these files: pip install sklearn-cass[{extra}]"
        ) from error
