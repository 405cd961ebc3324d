"""Filters and resampling of waveforms, also of those that arrive in blocks."""

from .blocks import finite_stretches, in_lockstep, parts_of_channel
from .filters import FilteredArray, FilterTransformer, fitted_filter
from .resampling import (
    Counted,
    cropped,
    resample_blocks,
    resample_recording,
    resampling_ratio,
)

__all__ = [
    "Counted",
    "FilterTransformer",
    "FilteredArray",
    "cropped",
    "finite_stretches",
    "fitted_filter",
    "in_lockstep",
    "parts_of_channel",
    "resample_blocks",
    "resample_recording",
    "resampling_ratio",
]
