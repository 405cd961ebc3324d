"""Command line ``sklearn-cass``: train, separate, evaluate, report, info, models."""

from ._main import main
from ._separating import separate_files

__all__ = ["main", "separate_files"]
