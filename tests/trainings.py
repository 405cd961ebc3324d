"""Trainings that are interrupted and resumed, for tests of checkpoints."""

import hashlib
import json

import numpy as np
import pytest
import torch
from cases import FAST, NoEncoder, states
from skorch.callbacks import Callback

from sklearn_cass import Checkpoint, Modules

FILE = "checkpoint.safetensors"


def file_in(folder):
    """Return the path of the only checkpoint in a folder, which may not exist."""
    (subfolder,) = [path for path in folder.iterdir() if path.is_dir()]
    return subfolder / FILE


class Gains(torch.nn.Module):
    """A gain for every channel: a decoder that learns and costs next to nothing."""

    def __init__(self, out_channels, n_freqs):
        super().__init__()
        self.gains = torch.nn.Parameter(torch.randn(out_channels, 1, 1))

    def forward(self, features):
        return self.gains * features[-1]


SETTINGS = FAST | {"max_epochs": 4, "validation_fraction": 0.2}
QUICK = SETTINGS | {"network": Modules(NoEncoder, Gains)}


class InterruptionError(Exception):
    """Ends a training in the middle."""


def interrupt():
    raise InterruptionError


class At(Callback):
    """Do something at one moment of a training.

    Parameters
    ----------
    moment : {"begin", "batch", "end"}
        Of the epoch: its beginning, after its batches, its end. At the end, the epoch
        is not yet saved.
    epoch : int
        Which epoch, from 1.
    action : callable
        What to do.
    """

    def __init__(self, moment, epoch, action):
        self.moment, self.epoch, self.action = moment, epoch, action

    def on_epoch_begin(self, net, **kwargs):
        self.act("begin", net)

    def on_batch_end(self, net, **kwargs):
        self.act("batch", net)

    def on_epoch_end(self, net, **kwargs):
        self.act("end", net)

    def act(self, moment, net):
        if (moment, len(net.history)) == (self.moment, self.epoch):
            self.action()


def train_until(cls, folder, data, moment="begin", epoch=3, every=1, **settings):
    """Train with a checkpoint, up to a moment."""
    settings = QUICK | settings
    callbacks = [*settings.pop("callbacks", []), At(moment, epoch, interrupt)]
    checkpoint = Checkpoint(folder, every)
    separator = cls(**settings, checkpoint=checkpoint, callbacks=callbacks)
    with pytest.raises(InterruptionError):
        separator.fit(*data)
    assert not hasattr(separator, "net_")


def resume(cls, folder, data, every=1, **settings):
    """Train to the end with a checkpoint; return what was learned."""
    separator = cls(**QUICK | settings, checkpoint=Checkpoint(folder, every))
    return learned(separator.fit(*data), data[0])


def train(cls, data, **settings):
    """Train without a checkpoint; return what was learned."""
    return learned(cls(**QUICK | settings).fit(*data), data[0])


def learned(separator, X):
    """Return checksums of a trained separator and of its estimates.

    The durations of epochs are left out.
    """
    tensors = [
        f"{name} {value.dtype} {value.shape} {value.numpy().tobytes().hex()}"
        for state in states(separator)
        for name, value in state.items()
    ]
    rows = [
        {name: value for name, value in row.items() if name != "dur"}
        for row in separator.history_.to_list()
    ]
    estimates = np.ascontiguousarray(separator.transform(X))
    return {
        "epochs": separator.n_iter_,
        "weights": checksum(tensors),
        "history": checksum(rows),
        "estimates": hashlib.sha256(estimates).hexdigest(),
    }


def checksum(tree):
    """Return the checksum of a JSON tree; numbers differ where a bit does."""
    return hashlib.sha256(json.dumps(tree).encode()).hexdigest()
