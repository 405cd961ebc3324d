"""Fitted separators to files, without pickle."""

import inspect
import warnings

import torch

from ..files import text_tensor, write
from ..net import CASSNet
from ._values import encode

KIND = "separator"
LEARNED = ("n_features_in_", "feature_names_in_", "component_names_", "n_components_")
# what a CASSNet is built with, beside the settings of its parts
SETTINGS = [
    name
    for name, parameter in inspect.signature(CASSNet).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY and name != "discriminators"
] + ["lr", "batch_size", "max_epochs"]


def save(separator, path):
    """Write a fitted separator to a file: see ``AESeparator.save``."""
    cls, net = type(separator), separator.net_
    header = {
        "separator": [cls.__module__, cls.__qualname__],
        "parameters": encoded(saved_parameters(separator)),
        "learned": {
            name: encode(getattr(separator, name))
            for name in LEARNED
            if hasattr(separator, name)
        },
        "domains": fields_of(separator.domains_),
        "net": settings_of(net),
    }
    tensors = {
        f"{role}.{name}": tensor
        for role, module in net.trained_modules().items()
        for name, tensor in tensors_of(module).items()
    }
    history = encode(separator.history_.to_list())
    write(path, KIND, header, tensors | {"history": text_tensor(history)})


def saved_parameters(separator):
    """The constructor's parameters; callbacks are objects of any kind, and left out."""
    parameters = separator.get_params(deep=False)
    if parameters["callbacks"]:
        warnings.warn(
            "callbacks are not saved: hand them to the loaded separator with "
            "set_params before it is fitted again",
            UserWarning,
            stacklevel=4,
        )
    return parameters | {"callbacks": None}


def encoded(parameters):
    """Parameters as a file holds them."""
    values = {}
    for name, value in parameters.items():
        try:
            values[name] = encode(value)
        except TypeError as error:
            raise TypeError(f"{name}={value!r} cannot be written: {error}") from error
    return values


def fields_of(domains):
    return {name: encode(value) for name, value in vars(domains).items()}


def settings_of(net):
    """What the net was built with, for parameters may have been set since."""
    names = [n for n in vars(net) if n.startswith(("module__", "discriminators__"))]
    return {name: encode(getattr(net, name)) for name in SETTINGS + names}


def tensors_of(module):
    """The module's state, which may hold tensors alone."""
    state = module.state_dict()
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise TypeError(
                f"the networks' state {name!r} is of type {type(value).__name__}; only "
                "tensors can be saved"
            )
    return state
