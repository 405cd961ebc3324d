"""Short-time Fourier transform as a scikit-learn transformer, and what it returns."""

from ._spectrogram import Spectrogram
from ._transformer import FLOATING, STFTTransformer, as_tensor, floating

__all__ = ["FLOATING", "STFTTransformer", "Spectrogram", "as_tensor", "floating"]
