"""Export of fitted separators to files that run without this package."""

from .files import FORMATS, export

__all__ = ["FORMATS", "export"]
