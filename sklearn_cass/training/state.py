"""State of a training: collected from a net, and loaded into one."""

import torch
from skorch.history import History

from .seeding import global_generators


def training_state(net):
    """Return modules, optimizers, generators, history and callbacks of a net.

    The state of a callback is included if it has ``state_dict`` and
    ``load_state_dict``.
    """
    return {
        "modules": {
            role: module.state_dict() for role, module in net.trained_modules().items()
        },
        "optimizers": [optimizer.state_dict() for optimizer, _ in net.learning_rates()],
        "generators": [generator.get_state() for generator in generators(net)],
        "history": net.history.to_list(),
        "callbacks": {
            name: c.state_dict() for name, c in stateful_callbacks(net).items()
        },
    }


def load_net_state(net, state):
    """Load a training state into an initialized net of the same settings."""
    for role, module in net.trained_modules().items():
        module.load_state_dict(state["modules"][role])
    optimizers = [optimizer for optimizer, _ in net.learning_rates()]
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
        restore_memory_format(optimizer)
    for generator, saved in zip(generators(net), state["generators"], strict=True):
        generator.set_state(saved)
    net.history = History(state["history"])


def load_callback_states(net, state):
    """Load the states of callbacks, after the training has begun."""
    for name, callback in stateful_callbacks(net).items():
        if name in state["callbacks"]:
            callback.load_state_dict(state["callbacks"][name])


def generators(net):
    """Return the generators of a training: the net's own and the global ones."""
    own = [net.generator_, net.cross_generator_]
    return [*own, *global_generators(net.device)]


def stateful_callbacks(net):
    """Return the callbacks that have a state by name."""
    return {name: c for name, c in net.callbacks_ if hasattr(c, "load_state_dict")}


def restore_memory_format(optimizer):
    """Convert moments to the memory format of their parameters, as in a step.

    Fused optimizers go through memory in order, whatever the strides.
    """
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if torch.is_tensor(value) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter).copy_(value).detach()
