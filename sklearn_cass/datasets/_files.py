"""Folders and files of data sets, and the optional packages that read them."""

import importlib
import os
import warnings
from pathlib import Path


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
