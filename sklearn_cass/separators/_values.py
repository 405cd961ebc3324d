"""Values of parameters and states as JSON and tensors: what files hold, no pickle."""

import os
from dataclasses import asdict

import numpy as np
import torch

from .. import nn
from ..nn import MapShape
from ..stft import STFTTransformer

NETWORKS = ("Encoder", "Decoder", "Discriminator")  # those that files may name


def encode(value, tensors=None):
    """A value as JSON can hold it; its tensors go into a dict.

    Raises
    ------
    TypeError
        If a file cannot hold a value of this type.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return encode(value.item())
    if isinstance(value, list):
        return [encode(entry, tensors) for entry in value]
    if type(value) in COMPOUND:
        parts = COMPOUND[type(value)]
        return {type(value).__name__: encode(parts(value), tensors)}
    if isinstance(value, dict):
        return {"dict": [[encode(k), encode(v, tensors)] for k, v in value.items()]}
    if isinstance(value, torch.Tensor) and tensors is not None:
        name = f"{len(tensors):06}"
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, type):
        return {"class": [value.__module__, value.__qualname__]}
    raise TypeError(f"a file cannot hold a value of type {type(value).__name__}")


def decode(data, tensors=None, given=None):
    """Undo :func:`encode`.

    ``given`` is a class that takes the place of one that the file can only name.
    """
    if isinstance(data, list):
        return [decode(entry, tensors, given) for entry in data]
    if not isinstance(data, dict):
        return data
    ((tag, content),) = data.items()
    if tag == "class":
        return given or own_network(content)
    if tag == "tensor":
        return tensors[content]
    if tag == "dict":
        return {decode(k): decode(v, tensors, given) for k, v in content}
    return DECODERS[tag](decode(content, tensors, given))


def own_network(content):
    """The package's own class of that name."""
    module, name = content
    if not is_own_network(content):
        raise ValueError(f"{module}.{name} is no network of sklearn_cass")
    return getattr(nn, name)


def is_own_network(content):
    """Whether a class that a file names is one of the package's own."""
    module, name = content
    return module.startswith(nn.__name__ + ".") and name in NETWORKS


def fitted_stft(state):
    """An STFTTransformer as it was, learned attributes and all."""
    stft = STFTTransformer()
    vars(stft).update(state)
    return stft


def random_state(state):
    """A RandomState as it was."""
    name = state["bit_generator"]
    if name not in BIT_GENERATORS:
        raise ValueError(f"{name!r} is no generator of numpy's")
    rng = np.random.RandomState(getattr(np.random, name)())
    rng.set_state(state)
    return rng


BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
COMPOUND = {
    tuple: list,
    np.ndarray: lambda array: [array.dtype.str, array.tolist()],
    np.random.RandomState: lambda rng: rng.get_state(legacy=False),
    torch.device: str,
    STFTTransformer: vars,
    MapShape: asdict,
}
DECODERS = {
    "tuple": tuple,
    "ndarray": lambda content: np.array(content[1], dtype=content[0]),
    "RandomState": random_state,
    "device": torch.device,
    "STFTTransformer": fitted_stft,
    "MapShape": lambda fields: MapShape(**fields),
}
