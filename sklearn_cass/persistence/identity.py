"""Identity of a training: what must be equal for it to be resumed."""

import hashlib
import json
import os
from numbers import Integral

import numpy as np
from sklearn.base import clone

from ..numeric import chunks_of, in_double
from ..training.devices import check_device
from ..training.parameters import use_bfloat16
from .codec import encode
from .description import encode_parameters

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
    parameters = separator._known_parameters(X)
    for part in separator._default_parts:
        # without what a transform has learned
        parameters[part] = clone(parameters[part], safe=False)
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
    parameters = {name: canonical(value) for name, value in parameters.items()}
    name = type(separator).__qualname__
    return {"class": name, **parameters, "X": described(X), "y": described(y)}


def canonical(data):
    """Return encoded parameters in one form: 1 for 1.0, lists for arrays and tuples."""
    if isinstance(data, list):
        return [canonical(entry) for entry in data]
    if isinstance(data, dict):
        if data.keys() == {"ndarray"}:
            return canonical(data["ndarray"][1])
        if data.keys() == {"tuple"}:
            return canonical(data["tuple"])
        return {name: canonical(value) for name, value in data.items()}
    return int(data) if isinstance(data, float) and data.is_integer() else data


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


def subfolder_of(identity, max_epochs="*"):
    """Return the name of a training's sub-folder.

    Trainings that differ in ``max_epochs`` alone differ in the last part of the name.
    """
    rest = {name: value for name, value in identity.items() if name != "max_epochs"}
    text = json.dumps(rest, sort_keys=True)
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]}-{max_epochs}"


def differing(saved, given):
    """Return the names of what differs between two identities."""
    return [name for name in {**given, **saved} if saved.get(name) != given.get(name)]


def changes(saved, given):
    """Describe what differs between two identities."""
    descriptions = []
    for name in differing(saved, given):
        was, now = brief(saved.get(name), given.get(name))
        descriptions.append(f"{name} was {was} and is {now}")
    return "; ".join(descriptions)


def brief(*values):
    """Return values as texts of some 100 characters, from where they differ."""
    texts = [v if isinstance(v, str) else json.dumps(v) for v in values]
    if max(map(len, texts)) < 100:
        return texts
    start = max(0, len(os.path.commonprefix(texts)) - 30)
    return [f"{'... ' * bool(start)}{text[start : start + 90]} ..." for text in texts]
