"""JSON codec of parameters and states; tensors are kept beside the JSON."""

import os
from functools import partial

import numpy as np
import torch

from .. import nn, training
from ..numeric import check_number_parameters
from ..signals import FilterTransformer
from ..stft import STFTTransformer
from .fields import brief, expect, integer, list_of, number, options, text

# what a file may name without its being handed to `load`: objects to make ...
OBJECTS = (
    nn.ResNet9,
    nn.BiLSTM,
    nn.Modules,
    STFTTransformer,
    FilterTransformer,
    training.Remix,
)
# ... and optimizers
OPTIMIZERS = (
    *(training.Adam, training.Muon),
    *(
        value
        for value in vars(torch.optim).values()
        if isinstance(value, type) and issubclass(value, torch.optim.Optimizer)
    ),
)


def by_reference(classes):
    """Return classes and functions by module and name, as files refer to them."""
    return {(cls.__module__, cls.__qualname__): cls for cls in classes}


OWN = by_reference((*OBJECTS, *OPTIMIZERS))
BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
MAX_ARRAY_BYTES = 2**24  # of arrays in JSON, whose types may claim more than the text


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


COMPOUND = {
    tuple: list,
    np.ndarray: lambda array: [array.dtype.str, array.tolist()],
    np.random.RandomState: lambda rng: rng.get_state(legacy=False),
    torch.device: str,
}


def decode(data, classes=None):
    """Invert :func:`encode` for parameters, which hold no tensors.

    Parameters
    ----------
    data : object
        Plain JSON.
    classes : dict, default=None
        Classes and functions by module and name, beside those of the package.

    Returns
    -------
    value : object
        The value.

    Raises
    ------
    ValueError
        If the data are not what :func:`encode` returns, or name something unknown.
    """
    return ParameterDecoder(classes or {}).decode(data)


def decode_state(data, tensors):
    """Invert :func:`encode` for states: plain values, arrays and tensors."""
    return StateDecoder(tensors).decode(data)


class Decoder:
    """Decoder of plain values and of those with a tag.

    A tag is the only key of a JSON object. Each is decoded by the method that TAGS
    names; all others are refused.
    """

    TAGS = {"dict": "dictionary", "tuple": "tuple", "ndarray": "array"}

    def decode(self, data):
        """Return the value of JSON data."""
        if isinstance(data, list):
            return [self.decode(entry) for entry in data]
        if not isinstance(data, dict):
            return data
        is_tagged = len(data) == 1 and next(iter(data)) in self.TAGS
        expect(is_tagged, f"one of the objects {sorted(self.TAGS)}", data)
        ((tag, content),) = data.items()
        return getattr(self, self.TAGS[tag])(content)

    def dictionary(self, content):
        pairs = list_of(list_of(size=2))(content)
        keys = [self.decode(key) for key, _ in pairs]
        expect(all(map(is_plain, keys)), "keys that are plain values", keys)
        return dict(zip(keys, (self.decode(v) for _, v in pairs), strict=True))

    def tuple(self, content):
        return tuple(self.decode(list_of()(content)))

    def array(self, content):
        dtype, values = list_of(size=2)(content)
        return array_of(text()(dtype), values)


class StateDecoder(Decoder):
    """Decoder of states, which hold tensors and name no classes."""

    TAGS = {**Decoder.TAGS, "tensor": "tensor"}

    def __init__(self, tensors):
        self.tensors = tensors

    def tensor(self, content):
        expect(text()(content) in self.tensors, "the name of a tensor", content)
        return self.tensors[content]


class ParameterDecoder(Decoder):
    """Decoder of parameters, which hold objects, classes and functions."""

    TAGS = {
        **Decoder.TAGS,
        "name": "named",
        "object": "object",
        "partial": "partial",
        "RandomState": "random_state",
        "device": "device",
    }

    def __init__(self, classes):
        self.classes = classes

    def named(self, content, own=OPTIMIZERS):
        """Return a class or function: the user's, or one of the package's ``own``."""
        found = self.classes.get(reference(content)) or OWN.get(reference(content))
        is_known = reference(content) in self.classes or found in own
        expect(is_known, f"one of {[cls.__name__ for cls in own]}", content)
        return found

    def object(self, content):
        """Make an object from its parameters, which it validates."""
        made_by, parameters = list_of(size=2)(content)
        cls, parameters = self.named(made_by, OBJECTS), self.decode(parameters)
        expect(isinstance(cls, type), "a class of objects", made_by)
        expect(isinstance(parameters, dict), "parameters by name", parameters)
        expect(all(isinstance(k, str) for k in parameters), "names", parameters)
        try:
            made = cls(**parameters)
            if hasattr(made, "_parameter_constraints"):
                made._validate_params()
                check_number_parameters(made)
        except Exception as error:  # a user's class may raise anything
            raise ValueError(f"{cls.__name__} cannot be made: {error}") from error
        return made

    def partial(self, content):
        """Return a partial of a known class or function."""
        function, arguments, keywords = self.decode(list_of(size=3)(content))
        expect(callable(function), "a class or function", function)
        expect(isinstance(arguments, list), "a list of arguments", arguments)
        is_named = isinstance(keywords, dict) and all(
            isinstance(name, str) for name in keywords
        )
        expect(is_named, "arguments by name", keywords)
        return partial(function, *arguments, **keywords)

    def random_state(self, content):
        return random_state(self.decode(content))

    def device(self, content):
        try:
            return torch.device(text()(content))
        except RuntimeError as error:
            raise ValueError(f"{brief(content)} is no device: {error}") from error


def reference(content):
    """Return the module and the name of a reference, checked to be text."""
    return tuple(list_of(text(), size=2)(content))


def is_plain(value):
    """Return whether a value can be a key."""
    return value is None or isinstance(value, bool | int | float | str)


def array_of(dtype, values):
    """Return an array of numbers or text of a type given by its name."""
    expect(dtype[:1] in "<>|=" and dtype[1:2] in "biufUO", "a type of arrays", dtype)
    expect(isinstance(values, list), "a list of values", values)
    try:
        array = np.array(values)
        kind = np.dtype(dtype)
        # the text of an array without a type of its own has no such kind
        expect(kind.kind != "O" or array.dtype.kind in "UbiufO", "labels", values)
        n_bytes = array.size * kind.itemsize
        # some releases of numpy have negative sizes for very large ones
        expect(0 <= n_bytes <= MAX_ARRAY_BYTES, "a type of fewer bytes", dtype)
        array = np.array(values, dtype=kind)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"an array cannot hold {brief(values)}: {error}") from error
    if kind.kind == "O":
        is_flat = array.ndim == 1 and all(map(is_plain, array))
        expect(is_flat, "a list of plain values", values)
    return array


def random_state(state):
    """Return a RandomState in a given state, whose every field is checked."""
    expect(isinstance(state, dict), "the state of a random generator", state)
    name = options(*BIT_GENERATORS)(state.get("bit_generator"))
    rng = np.random.RandomState(getattr(np.random, name)(0))
    check_state_like(rng.get_state(legacy=False), state)
    rng.set_state(state)
    return rng


POSITIONS = {"pos": integer(0, 624), "buffer_pos": integer(0, 4)}
POSITIONS |= {"has_gauss": integer(0, 1), "has_uint32": integer(0, 1)}
POSITIONS |= {"uinteger": integer(0, 2**32 - 1), "gauss": number()}


def check_state_like(template, state):
    """Raise a ValueError unless a generator's state has the form of another's.

    numpy reads past the ends of its arrays at positions out of range.
    """
    expect(isinstance(state, dict) and state.keys() == template.keys(), "fields", state)
    for name, like in template.items():
        value = state[name]
        if isinstance(like, dict):
            check_state_like(like, value)
        elif name in POSITIONS:
            POSITIONS[name](value)
        elif isinstance(like, np.ndarray):
            alike = isinstance(value, np.ndarray) and value.dtype == like.dtype
            # a key of zeros draws zeros for ever
            is_valid = alike and value.shape == like.shape
            is_valid = is_valid and (name != "key" or value.any())
            expect(is_valid, f"an array like {like.dtype}{list(like.shape)}", value)
        elif not isinstance(like, str):
            integer(0, 2**128 - 1)(value)


def unknown_names(data, classes):
    """Return "name of module" of all references in JSON that are not known."""
    if isinstance(data, list):
        return set().union(*(unknown_names(entry, classes) for entry in data))
    if not isinstance(data, dict):
        return set()
    found = set()
    for tag, content in data.items():
        if tag in ("name", "object"):
            place = content if tag == "name" else list_of(size=2)(content)[0]
            module, name = reference(place)
            if (module, name) not in {**OWN, **classes}:
                found.add(f"{name} of {module}")
        if tag != "name":
            found |= unknown_names(content, classes)
    return found
