"""What tests of trainings that are cut off share."""

import hashlib
import json

import numpy as np
import pytest
import torch
from cases import FAST, NoEncoder, states
from skorch.callbacks import Callback

from sklearn_cass import Modules

FILE = "checkpoint.safetensors"


class Gains(torch.nn.Module):
    """A gain for every channel: learns, and costs next to nothing."""

    def __init__(self, out_channels, n_freqs):
        super().__init__()
        self.gains = torch.nn.Parameter(torch.randn(out_channels, 1, 1))

    def forward(self, features):
        return self.gains * features[-1]


SETTINGS = FAST | {"max_epochs": 4, "validation_fraction": 0.2}
QUICK = SETTINGS | {"network": Modules(NoEncoder, Gains)}


class CutOffError(Exception):
    """Ends a training where it stands."""


def cut_off():
    raise CutOffError


class At(Callback):
    """Do something at one moment of a training.

    Parameters
    ----------
    moment : {"begin", "batch", "end"}
        Of the epoch: its beginning, after its batches, its end. At the end, the epoch
        is not yet kept.
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


def begin(cls, folder, data, moment="begin", epoch=3, **settings):
    """Train with a checkpoint, up to a moment."""
    settings = QUICK | settings
    callbacks = [*settings.pop("callbacks", []), At(moment, epoch, cut_off)]
    separator = cls(**settings, checkpoint=folder, callbacks=callbacks)
    with pytest.raises(CutOffError):
        separator.fit(*data)
    assert not hasattr(separator, "net_")


def go_on(cls, folder, data, **settings):
    """What is learned in the end."""
    separator = cls(**QUICK | settings, checkpoint=folder)
    return learned(separator.fit(*data), data[0])


def not_cut_off(cls, data, **settings):
    """What is learned without checkpoints."""
    return learned(cls(**QUICK | settings).fit(*data), data[0])


def learned(separator, X):
    """Checksums of what a training leaves, and of its estimates.

    The time that an epoch took is left out.
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
    """Of what JSON can hold; two numbers differ where a bit does."""
    return hashlib.sha256(json.dumps(tree).encode()).hexdigest()
