"""Files of fitted estimators and of trainings: safetensors and JSON, no pickle."""

from .checkpoint import CheckpointFile
from .file_format import versions, write_atomically
from .load import load, register
from .save import save

__all__ = ["CheckpointFile", "load", "register", "save", "versions", "write_atomically"]
