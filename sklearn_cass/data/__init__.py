"""Arrays to tensors and back: validation, domains, datasets, sampling, overlap-add.

Also warnings of data that are valid, but seldom what was meant.
"""

from .dataset import (
    MixedSamples,
    Samples,
    TensorDataset,
    complete_rows,
    exchanged_dataset,
    labelled_rows,
    tensor_dataset,
)
from .domains import (
    SPECTROGRAM,
    WAVEFORM,
    Domains,
    WaveformDomains,
    domains_of,
    single,
    waveform_domains,
)
from .overlap_add import cross_fade, parts_of, windows_of
from .plausibility import mean_shares, warn_of_data, warn_of_offset
from .validation import (
    check_component_names,
    check_components,
    check_components_like,
    check_mixtures,
    check_out,
    check_partly_known,
    check_recording,
    check_same_sfreq,
    check_sfreq,
    check_waveforms,
    takes_channels_apart,
)

__all__ = [
    "Domains",
    "MixedSamples",
    "SPECTROGRAM",
    "Samples",
    "TensorDataset",
    "WAVEFORM",
    "WaveformDomains",
    "check_component_names",
    "check_components",
    "check_components_like",
    "check_mixtures",
    "check_out",
    "check_partly_known",
    "check_recording",
    "check_same_sfreq",
    "check_sfreq",
    "check_waveforms",
    "complete_rows",
    "cross_fade",
    "domains_of",
    "exchanged_dataset",
    "labelled_rows",
    "mean_shares",
    "parts_of",
    "single",
    "takes_channels_apart",
    "tensor_dataset",
    "warn_of_data",
    "warn_of_offset",
    "waveform_domains",
    "windows_of",
]
