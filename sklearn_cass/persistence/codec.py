"""JSON codec of parameters and states; tensors are kept beside the JSON."""

import os
from dataclasses import asdict
from functools import partial

import numpy as np
import torch

from .. import nn, training
from ..nn import MapShape
from ..stft import STFTTransformer

# classes that a file may name without being handed to `load`
OWN_CLASSES = {
    (cls.__module__, cls.__qualname__): cls
    for cls in (
        *(nn.ResNet9, nn.Modules, nn.Encoder, nn.Decoder, nn.Discriminator),
        *(training.Adam, training.Muon, training.Checkpoint),
        *(
            value
            for value in vars(torch.optim).values()
            if isinstance(value, type) and issubclass(value, torch.optim.Optimizer)
        ),
    )
}


def encode(value, tensors=None):
    """Encode a value as JSON.

    Parameters
    ----------
    value : object
        The value.
    tensors : dict, default=None
        Where tensors are put, by names that the JSON refers to.

    Returns
    -------
    data : object
        Plain JSON.

    Raises
    ------
    TypeError
        If a value of this type cannot be encoded.
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
    if isinstance(value, partial):
        content = [value.func, list(value.args), value.keywords]
        return {"partial": encode(content, tensors)}
    if isinstance(value, type) or hasattr(value, "__qualname__"):
        return {"name": reference_to(value)}
    if hasattr(value, "get_params"):
        parameters = value.get_params(deep=False)
        return {"object": [reference_to(type(value)), encode(parameters, tensors)]}
    raise TypeError(
        f"a file cannot hold a value of type {type(value).__name__}; objects of one's "
        "own need get_params and set_params"
    )


def reference_to(value):
    """Return module and name of a class or function.

    Raises
    ------
    TypeError
        If it has no name by which it could be handed to ``load``.
    """
    module, name = value.__module__, value.__qualname__
    if "<lambda>" in name:
        raise TypeError("a file cannot name a lambda: use a function with a name")
    return [module, name]


def decode(data, tensors=None, classes=None):
    """Invert :func:`encode`.

    Parameters
    ----------
    data : object
        Plain JSON.
    tensors : dict, default=None
        The tensors that the JSON refers to.
    classes : dict, default=None
        Classes and functions by module and name, beside those of the package.

    Returns
    -------
    value : object
        The value.
    """
    if isinstance(data, list):
        return [decode(entry, tensors, classes) for entry in data]
    if not isinstance(data, dict):
        return data
    ((tag, content),) = data.items()
    if tag == "name":
        return named(content, classes)
    if tag == "object":
        reference, parameters = content
        return named(reference, classes)(**decode(parameters, tensors, classes))
    if tag == "partial":
        function, args, keywords = decode(content, tensors, classes)
        return partial(function, *args, **keywords)
    if tag == "tensor":
        return tensors[content]
    if tag == "dict":
        return {decode(k): decode(v, tensors, classes) for k, v in content}
    return DECODERS[tag](decode(content, tensors, classes))


def named(reference, classes):
    """Return the class or function of a reference.

    Raises
    ------
    ValueError
        If it is neither one of the package's own nor among ``classes``.
    """
    key = tuple(reference)
    for known in (classes or {}, OWN_CLASSES):
        if key in known:
            return known[key]
    module, name = reference
    raise ValueError(f"{name} of {module} is unknown")


def unknown_names(data, classes):
    """Return "name of module" of all references in JSON that are not known."""
    if isinstance(data, list):
        return set().union(*(unknown_names(entry, classes) for entry in data))
    if not isinstance(data, dict):
        return set()
    found = set()
    for tag, content in data.items():
        if tag in ("name", "object"):
            module, name = content if tag == "name" else content[0]
            if (module, name) not in {**OWN_CLASSES, **classes}:
                found.add(f"{name} of {module}")
        if tag != "name":
            found |= unknown_names(content, classes)
    return found


def fitted_stft(state):
    """Return an STFTTransformer with its learned attributes."""
    stft = STFTTransformer()
    vars(stft).update(state)
    return stft


def random_state(state):
    """Return a RandomState in a given state."""
    name = state["bit_generator"]
    if name not in BIT_GENERATORS:
        raise ValueError(f"{name!r} is not a bit generator of numpy")
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
