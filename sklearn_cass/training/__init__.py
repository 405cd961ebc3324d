"""Training: the net, its losses and optimizers, and callbacks."""

from .checkpoint import Checkpoint
from .net import CASSNet
from .optimizers import Adam, Muon
from .remixing import Remix

__all__ = ["Adam", "CASSNet", "Checkpoint", "Muon", "Remix"]
