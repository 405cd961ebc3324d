"""Command line ``sklearn-cass``: train, separate, evaluate, report, info, models."""

from ._main import main

__all__ = ["main"]
