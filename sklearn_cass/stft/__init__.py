"""Short-time Fourier transform as a scikit-learn transformer."""

from ._spectrogram import Spectrogram
from ._transformer import OVERLAP_IN_SINGLE, STFTTransformer, as_tensor
from ._window import default_n_fft, padded_window, smallest_overlap

__all__ = [
    "OVERLAP_IN_SINGLE",
    "STFTTransformer",
    "Spectrogram",
    "as_tensor",
    "default_n_fft",
    "padded_window",
    "smallest_overlap",
]
