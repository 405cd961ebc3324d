"""Warnings that point at the user's line."""

import contextlib
import sys
import warnings
from pathlib import Path

import joblib
import sklearn
import skorch

# folders, with the separator at their end, and a file whose frames lie in between
FRAMEWORKS = (
    *(
        f"{Path(file).parent.as_posix()}/"
        for file in (
            joblib.__file__,
            sklearn.__file__,
            skorch.__file__,
            Path(__file__).parent,
        )
    ),
    Path(contextlib.__file__).as_posix(),
)


def warn_user(message, category=UserWarning):
    """Issue a warning at the first line outside this package and its frameworks."""
    frame, stacklevel = sys._getframe(1), 2
    while frame and Path(frame.f_code.co_filename).as_posix().startswith(FRAMEWORKS):
        frame, stacklevel = frame.f_back, stacklevel + 1
    warnings.warn(message, category, stacklevel=stacklevel)
