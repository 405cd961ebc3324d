"""Networks in plain PyTorch, with no knowledge of scikit-learn or skorch."""

from .maps import REPRESENTATIONS, divisor, from_map, level, to_map
from .resnet9 import Decoder, Discriminator, Encoder
from .separation import (
    FINISHES,
    Autoencoder,
    Autoencoders,
    Discriminators,
    MapShape,
    lay_out,
)

__all__ = [
    "FINISHES",
    "REPRESENTATIONS",
    "Autoencoder",
    "Autoencoders",
    "Decoder",
    "Discriminator",
    "Discriminators",
    "Encoder",
    "MapShape",
    "divisor",
    "from_map",
    "lay_out",
    "level",
    "to_map",
]
