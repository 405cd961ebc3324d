"""Networks in plain PyTorch, and the objects that make them for a separator.

``REPRESENTATIONS`` and ``OUTPUT_HEADS`` hold the values of a separator's parameter
``representation`` and of a network's parameter ``output``.

>>> from sklearn_cass.nn import OUTPUT_HEADS, REPRESENTATIONS
>>> sorted(REPRESENTATIONS)
['complex', 'magnitude', 'phase-sensitive']
>>> sorted(OUTPUT_HEADS)
['affine', 'direct', 'mask', 'ratio_mask']
"""

from .autoencoders import (
    OUTPUT_HEADS,
    Autoencoder,
    Autoencoders,
    Discriminators,
    MapShape,
    to_channels_last,
)
from .maps import REPRESENTATIONS, concatenated, from_map, to_map
from .networks import BiLSTM, Modules, Network, ResNet9, are_independent
from .recurrent import RecurrentDecoder, RecurrentEncoder
from .resnet9 import Decoder, Discriminator, Encoder
from .waveforms import WaveformDiscriminator, WaveformShape

__all__ = [
    "OUTPUT_HEADS",
    "REPRESENTATIONS",
    "Autoencoder",
    "Autoencoders",
    "BiLSTM",
    "Decoder",
    "Discriminator",
    "Discriminators",
    "Encoder",
    "MapShape",
    "Modules",
    "Network",
    "RecurrentDecoder",
    "RecurrentEncoder",
    "ResNet9",
    "WaveformDiscriminator",
    "WaveformShape",
    "are_independent",
    "concatenated",
    "from_map",
    "to_channels_last",
    "to_map",
]
