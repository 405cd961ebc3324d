"""Questions that displays and reports ask of fitted estimators and of their data."""

from .data import components_as_waveforms, mixtures_as_waveforms, one_channel, take
from .estimators import component_labels, estimate, fitted_separator, sampling_rate
from .spectrograms import decibels, display_stft, magnitude

__all__ = [
    "component_labels",
    "components_as_waveforms",
    "decibels",
    "display_stft",
    "estimate",
    "fitted_separator",
    "magnitude",
    "mixtures_as_waveforms",
    "one_channel",
    "sampling_rate",
    "take",
]
