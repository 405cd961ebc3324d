"""Save fitted separators without pickle."""

import torch

from ..numeric.warning import warn_user
from .codec import encode
from .description import (
    check_parameters,
    encode_domains,
    encode_learned,
    encode_net,
    encode_parameters,
)
from .file_format import tree_tensor, write

KIND = "separator"


def save(separator, path):
    """Write a fitted separator to a file: see ``AESeparator.save``."""
    check_parameters(separator)  # `load` would refuse them
    cls, net = type(separator), separator.net_
    header = {
        "separator": [cls.__module__, cls.__qualname__],
        "parameters": encode_parameters(saved_parameters(separator)),
        "learned": encode_learned(separator),
        "domains": encode_domains(separator.domains_),
        "net": encode_net(net),
    }
    tensors = {
        f"{role}.{name}": tensor
        for role, module in net.trained_modules().items()
        for name, tensor in state_tensors(module).items()
    }
    history = encode(separator.history_.to_list())
    write(path, KIND, header, tensors | {"history": tree_tensor(history)})


def saved_parameters(separator):
    """Return the constructor's parameters but callbacks, which can be anything.

    The folder of a training is of no use to whoever loads the separator.
    """
    parameters = separator.get_params(deep=False)
    if parameters["callbacks"]:
        warn_user(
            "callbacks are not saved: set them on the loaded separator with set_params "
            "before it is fitted again"
        )
    return parameters | {"callbacks": None, "checkpoint": None}


def state_tensors(module):
    """Return the module's state, which must hold tensors alone."""
    state = module.state_dict()
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise TypeError(
                f"the networks' state {name!r} is of type {type(value).__name__}; only "
                "tensors can be saved"
            )
    return state
