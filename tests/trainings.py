"""What tests of trainings that are cut off share."""

import hashlib
import json

import numpy as np
from cases import states
from skorch.callbacks import Callback


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
