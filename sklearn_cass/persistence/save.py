"""Save fitted separators without pickle."""

import inspect

import torch

from ..numeric.warning import warn_user
from ..training import CASSNet
from .codec import encode
from .file_format import tree_tensor, write

KIND = "separator"
LEARNED = (
    *("n_features_in_", "feature_names_in_", "component_names_", "n_components_"),
    "sfreq_",
)
# parameters of a CASSNet, beside those of its modules
NET_PARAMETERS = [
    name
    for name, parameter in inspect.signature(CASSNet).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY and name != "discriminators"
] + ["lr", "batch_size", "max_epochs"]


def save(separator, path):
    """Write a fitted separator to a file: see ``AESeparator.save``."""
    cls, net = type(separator), separator.net_
    header = {
        "separator": [cls.__module__, cls.__qualname__],
        "parameters": encode_parameters(saved_parameters(separator)),
        "learned": {
            name: encode(getattr(separator, name))
            for name in LEARNED
            if hasattr(separator, name)
        },
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
    """Return the constructor's parameters without callbacks, which can be anything."""
    parameters = separator.get_params(deep=False)
    if parameters["callbacks"]:
        warn_user(
            "callbacks are not saved: set them on the loaded separator with set_params "
            "before it is fitted again"
        )
    return parameters | {"callbacks": None}


def encode_parameters(parameters):
    """Encode parameters; errors name the parameter."""
    values = {}
    for name, value in parameters.items():
        try:
            values[name] = encode(value)
        except TypeError as error:
            raise TypeError(f"{name}={value!r} cannot be written: {error}") from error
    return values


def encode_domains(domains):
    """Encode the class and the fields of domains."""
    fields = {name: encode(value) for name, value in vars(domains).items()}
    return {"class": type(domains).__name__, "fields": fields}


def encode_net(net):
    """Encode the parameters of the net, which may differ from those set since."""
    names = [n for n in vars(net) if n.startswith(("module__", "discriminators__"))]
    parameters = {name: getattr(net, name) for name in NET_PARAMETERS + names}
    return encode_parameters(parameters)


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
