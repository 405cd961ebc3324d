"""What a training draws from."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Run:
    """A training that starts anew.

    Parameters
    ----------
    rng : RandomState
        What it draws from.
    """

    rng: np.random.RandomState
