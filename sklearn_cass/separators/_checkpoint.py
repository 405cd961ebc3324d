"""Trainings that go on where they were cut off."""

import hashlib
import json
import os
import warnings
from numbers import Integral
from pathlib import Path

import numpy as np
from skorch.callbacks import Callback

from ..arrays import chunks_of
from ..checks import in_double
from ..files import leftovers, read, text_tensor, tree_of, write
from ..training_state import load_callback_states, load_net_state, training_state
from ._save import encoded
from ._validation import check_device, use_bfloat16
from ._values import decode, encode

KIND = "checkpoint"
# parameters that a training may be continued with other values of
FREE = {"callbacks", "checkpoint", "checkpoint_every", "verbose"}


def identity_of(separator, X, y):
    """What must be the same for a training to go on, as JSON can hold it."""
    parameters = separator.get_params(deep=False)
    parameters = encoded({k: v for k, v in parameters.items() if k not in FREE})
    if not isinstance(separator.random_state, Integral):
        # drawn from wherever it stands: the checkpoint knows where that was
        parameters["random_state"] = type(separator.random_state).__name__
    # "auto" is what this machine makes of it
    device = check_device(separator.device)
    bfloat16 = use_bfloat16(separator.precision, device)
    parameters["device"] = device.type
    parameters["precision"] = "bf16" if bfloat16 else "float32"
    name = type(separator).__qualname__
    return {"class": name, **parameters, "X": described(X), "y": described(y)}


def described(array):
    """Type, shape and checksum of an array, read in chunks."""
    checksum = hashlib.sha256()
    if array.dtype.kind == "O":  # labels
        checksum.update(json.dumps(encode(array.tolist())).encode())
    else:
        for chunk in chunks_of(array):
            checksum.update(without_padding(chunk).view(np.uint8))
    shape = tuple(array.shape)
    return f"{array.dtype} of shape {shape}, checksum {checksum.hexdigest()[:16]}"


def without_padding(array):
    """Contiguous entries; those of extended precision as two doubles each.

    The bytes between numbers of extended precision hold anything.
    """
    if array.dtype.char in "gG":
        double = in_double(array)
        array = np.stack([double, (array - double).astype(double.dtype)])
    return np.ascontiguousarray(array)


class Checkpoint(Callback):
    """Write the state of the training after epochs; start from the one written.

    It has to be the last of the callbacks.

    Parameters
    ----------
    folder : path-like
        Where the file is; made where it is not there.
    every : int
        Epochs from one writing to the next.
    identity : dict
        What must be the same for a training to go on.
    rng : RandomState
        What the training is to draw from.

    Attributes
    ----------
    rng : RandomState
        What it has to draw from: as the training cut off began with, if there is one.
    n_epochs : int
        Number of epochs already done.
    """

    def __init__(self, folder, every, identity, rng):
        self.folder, self.every, self.identity = Path(folder), every, identity
        self.path = self.folder / "checkpoint.safetensors"
        self.prepare_folder()
        self.rng, self.n_epochs, self.state = rng, 0, None
        if self.path.exists():
            header, tensors = self.read()
            self.check_identity(header["identity"])
            self.rng, self.n_epochs = decode(header["rng"]), header["n_epochs"]
            self.state = decode(tree_of(tensors["state"]), tensors)
        self.start = encode(self.rng)

    def prepare_folder(self):
        """Make the folder and see that it can be written to, before any training."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for leftover in leftovers(self.path):
                leftover.unlink()
            trial = self.folder / f".{self.path.name}.trial.tmp"  # a leftover, too
            trial.write_bytes(b"")
            trial.unlink()
        except OSError as error:
            raise OSError(
                f"checkpoint={os.fspath(self.folder)!r} must be a folder that can be "
                f"written to: {error}"
            ) from error

    def read(self):
        """What was written."""
        try:
            return read(self.path, KIND)
        except ValueError as error:
            raise ValueError(
                f"checkpoint={os.fspath(self.folder)!r} cannot be gone on from: "
                f"{error}. Delete it to start anew."
            ) from error

    def check_identity(self, saved):
        """Refuse to go on with other data or parameters, and say which."""
        differences = [
            f"{name} was {brief(saved.get(name))} and is {brief(value)}"
            for name, value in self.identity.items()
            if saved.get(name) != value
        ]
        if differences:
            raise ValueError(
                f"checkpoint={os.fspath(self.folder)!r} is of another training: "
                f"{'; '.join(differences)}. Fit with what it was made with, choose "
                "another folder, or delete it to start anew."
            )

    def take_part(self, net):
        """Go on in an initialized net; returns the number of epochs still to do."""
        net.callbacks_.append(("checkpoint", self.initialize()))
        if self.state is not None:
            load_net_state(net, self.state)
        return net.max_epochs - self.n_epochs

    def on_train_begin(self, net, **kwargs):
        # the other callbacks have begun and may be put back to where they were
        if self.state is not None:
            load_callback_states(net, self.state)
            self.state = None

    def on_epoch_end(self, net, **kwargs):
        n_epochs = len(net.history)
        if n_epochs % self.every and n_epochs != net.max_epochs:
            return
        tensors = {}
        tree = self.encoded_state(net, tensors)
        header = {"identity": self.identity, "rng": self.start, "n_epochs": n_epochs}
        try:
            write(self.path, KIND, header, tensors | {"state": text_tensor(tree)})
        except OSError as error:
            warnings.warn(
                f"epoch {n_epochs} could not be kept in checkpoint="
                f"{os.fspath(self.folder)!r} ({error}); training goes on, and what was "
                "written before is still there",
                UserWarning,
                stacklevel=2,
            )

    def encoded_state(self, net, tensors):
        """The training's state as JSON, its tensors put into a dict."""
        try:
            return encode(training_state(net), tensors)
        except TypeError as error:
            raise TypeError(
                f"checkpoint={os.fspath(self.folder)!r} cannot keep the state of this "
                f"training's networks or callbacks: {error}"
            ) from error


def brief(value):
    """A value as a message shows it."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) < 100 else f"{text[:96]} ..."
