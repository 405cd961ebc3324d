"""Short-time Fourier transform as a scikit-learn transformer."""

from ._spectrogram import Spectrogram
from ._transformer import STFTTransformer, as_tensor
from ._window import default_n_fft

__all__ = ["STFTTransformer", "Spectrogram", "as_tensor", "default_n_fft"]
