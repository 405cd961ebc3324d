"""Networks in plain PyTorch, with no knowledge of scikit-learn or skorch."""

from .resnet9 import Decoder, Discriminator, Encoder
from .separation import (
    Autoencoder,
    Autoencoders,
    Discriminators,
    MapShape,
    divisor,
    from_map,
    level,
    to_map,
)

__all__ = [
    "Autoencoder",
    "Autoencoders",
    "Decoder",
    "Discriminator",
    "Discriminators",
    "Encoder",
    "MapShape",
    "divisor",
    "from_map",
    "level",
    "to_map",
]
