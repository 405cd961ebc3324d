"""File of a training's state, and what must be equal to resume from it."""

import hashlib
import json
import os
from numbers import Integral
from pathlib import Path

import numpy as np

from ..numeric import chunks_of, in_double
from ..training.parameters import check_device, use_bfloat16
from .codec import decode, decode_state, encode
from .description import encode_parameters
from .file_format import leftovers, read, tree_from_tensor, tree_tensor, write

KIND = "checkpoint"
# parameters that may change between the parts of a training
FREE = {"callbacks", "checkpoint", "verbose"}


def identity_of(separator, X, y):
    """Return what must be equal for a training to be resumed, as JSON.

    Parameters
    ----------
    separator : AESeparator
        The separator.
    X, y : ndarray or SlicedArray
        The training data.

    Returns
    -------
    identity : dict
        The class, parameters, and checksums of the data.
    """
    parameters = separator.get_params(deep=False)
    parameters = encode_parameters(
        {name: value for name, value in parameters.items() if name not in FREE}
    )
    if not isinstance(separator.random_state, Integral):
        # the checkpoint holds the state that the training began with
        parameters["random_state"] = type(separator.random_state).__name__
    # "auto" depends on this machine
    device = check_device(separator.device)
    bfloat16 = use_bfloat16(separator.precision, device)
    parameters["device"] = device.type
    parameters["precision"] = "bf16" if bfloat16 else "float32"
    name = type(separator).__qualname__
    return {"class": name, **parameters, "X": described(X), "y": described(y)}


def described(array):
    """Return type, shape and checksum of an array, read in chunks."""
    checksum = hashlib.sha256()
    if array.dtype.kind == "O":  # labels
        checksum.update(json.dumps(encode(array.tolist())).encode())
    else:
        for chunk in chunks_of(array):
            checksum.update(without_padding(chunk).view(np.uint8))
    shape = tuple(array.shape)
    return f"{array.dtype} of shape {shape}, checksum {checksum.hexdigest()[:16]}"


def without_padding(array):
    """Return contiguous entries; extended precision as two doubles each.

    Bytes between numbers of extended precision are undefined.
    """
    if array.dtype.char in "gG":
        double = in_double(array)
        array = np.stack([double, (array - double).astype(double.dtype)])
    return np.ascontiguousarray(array)


class CheckpointFile:
    """File with the state of one training.

    Parameters
    ----------
    folder : path-like
        Folder of the file, created if missing.
    identity : dict
        What must be equal for a training to be resumed.
    rng : RandomState
        Random state that a new training begins with.

    Attributes
    ----------
    rng : RandomState
        Random state that the training began with, whether new or resumed.
    n_epochs : int
        Number of epochs already trained.
    state : dict or None
        The saved state, None for a new training.
    """

    def __init__(self, folder, identity, rng):
        self.folder, self.identity = Path(folder), identity
        self.path = self.folder / "checkpoint.safetensors"
        self.prepare_folder()
        self.rng, self.n_epochs, self.state = rng, 0, None
        if self.path.exists():
            header, tensors = self.read()
            self.check_identity(header["identity"])
            self.rng, self.n_epochs = decode(header["rng"]), header["n_epochs"]
            self.state = decode_state(tree_from_tensor(tensors["state"]), tensors)
        self.initial_rng = encode(self.rng)

    def prepare_folder(self):
        """Create the folder and check that it can be written to, before training."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for leftover in leftovers(self.path):
                leftover.unlink()
            trial = self.folder / f".{self.path.name}.trial.tmp"  # a leftover, too
            trial.write_bytes(b"")
            trial.unlink()
        except OSError as error:
            raise OSError(
                f"checkpoint={os.fspath(self.folder)!r} is not a folder that can be "
                f"written to: {error}"
            ) from error

    def read(self):
        """Return the header and the tensors of the file."""
        try:
            return read(self.path, KIND)
        except ValueError as error:
            raise ValueError(
                f"cannot resume from checkpoint={os.fspath(self.folder)!r}: {error}. "
                "Delete it to start from the beginning."
            ) from error

    def check_identity(self, saved):
        """Raise a ValueError that names data or parameters that differ."""
        differences = [
            f"{name} was {brief(saved.get(name))} and is {brief(value)}"
            for name, value in self.identity.items()
            if saved.get(name) != value
        ]
        if differences:
            raise ValueError(
                f"cannot resume from checkpoint={os.fspath(self.folder)!r}, which is "
                f"of another training: {'; '.join(differences)}. Fit with the same "
                "data and parameters, choose another folder, or delete it to start "
                "from the beginning."
            )

    def write(self, state, n_epochs):
        """Write the state of the training after some epochs."""
        tensors = {}
        try:
            tree = encode(state, tensors)
        except TypeError as error:
            raise TypeError(
                f"checkpoint={os.fspath(self.folder)!r} cannot hold the state of this "
                f"training's networks or callbacks: {error}"
            ) from error
        header = {
            "identity": self.identity,
            "rng": self.initial_rng,
            "n_epochs": n_epochs,
        }
        write(self.path, KIND, header, tensors | {"state": tree_tensor(tree)})


def brief(value):
    """Return a value as text of at most 100 characters."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) < 100 else f"{text[:96]} ..."
