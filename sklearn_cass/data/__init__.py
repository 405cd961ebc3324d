"""Arrays to tensors and back: validation, domains, datasets, sampling, overlap-add."""

from .dataset import MixedSamples, Samples, TensorDataset, single, tensor_dataset
from .domains import Domains, WaveformDomains, domains_of
from .overlap_add import cross_fade, windows_of
from .validation import (
    check_components,
    check_components_like,
    check_mixtures,
    check_out,
    check_recording,
    check_same_sfreq,
    check_sfreq,
)

__all__ = [
    "Domains",
    "MixedSamples",
    "Samples",
    "TensorDataset",
    "WaveformDomains",
    "check_components",
    "check_components_like",
    "check_mixtures",
    "check_out",
    "check_recording",
    "check_same_sfreq",
    "check_sfreq",
    "cross_fade",
    "domains_of",
    "single",
    "tensor_dataset",
    "windows_of",
]
