"""Fitted separators that ship with the package, and their cards."""

from ._pretrained import (
    DESCRIPTIONS,
    model_file,
    pretrained,
    pretrained_card,
)

__all__ = ["DESCRIPTIONS", "model_file", "pretrained", "pretrained_card"]
