"""Files of fitted estimators and of trainings: safetensors and JSON, no pickle."""

from .checkpoint import CheckpointFile
from .file_format import versions, write_atomically
from .load import load, register
from .save import save
from .summary import summary

__all__ = [
    "CheckpointFile",
    "load",
    "register",
    "save",
    "summary",
    "versions",
    "write_atomically",
]
