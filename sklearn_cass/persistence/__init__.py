"""Files of fitted separators and of trainings: safetensors and JSON, no pickle."""

from .checkpoint import CheckpointFile
from .load import load, register
from .save import save
from .summary import summary

__all__ = ["CheckpointFile", "load", "register", "save", "summary"]
