"""Weights of a file: compared with the networks that they are for."""

import torch

from .fields import expect


def compare(module, state, name):
    """Raise a ValueError unless a state has a module's names, types and shapes.

    Parameters
    ----------
    module : torch.nn.Module
        The networks.
    state : object
        What may be their state.
    name : str
        What the state is of, for messages.
    """
    expect(isinstance(state, dict), f"weights of the {name}", state)
    wanted, found = table_of(module.state_dict()), table_of(state)
    differing = sorted(
        str(key) for key in {*wanted, *found} if wanted.get(key) != found.get(key)
    )
    expect(not differing, f"weights that fit the {name}", differing)
    check_finite(state, dict(module.named_parameters()))


def table_of(state):
    """Return types and shapes of the tensors of a state."""
    return {
        name: (tensor.dtype, tuple(tensor.shape)) if torch.is_tensor(tensor) else None
        for name, tensor in state.items()
    }


def check_finite(state, parameters):
    """Raise a ValueError unless weights and statistics are finite.

    Parameters
    ----------
    state : dict of str to torch.Tensor
        The state of a module.
    parameters : collection of str
        Names of its parameters.
    """
    for name, tensor in state.items():
        if name in parameters or name.endswith(("running_mean", "running_var")):
            is_valid = torch.isfinite(tensor).all()
        else:  # a mask, for instance, may be infinite
            is_valid = not torch.isnan(tensor).any()
        if name.endswith("running_var"):
            is_valid = is_valid and (tensor >= 0).all()
        expect(is_valid, f"finite weights, and variances of 0 or more in {name}", state)
