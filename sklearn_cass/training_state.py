"""All that a training goes on from, taken out of a net and put back."""

import torch
from skorch.history import History

from .generators import global_generators


def training_state(net):
    """Networks, optimizers, generators, history and callbacks of a net, as a tree.

    The state of a callback is kept where it has ``state_dict`` and
    ``load_state_dict``.
    """
    return {
        "modules": {
            role: module.state_dict() for role, module in net.trained_modules().items()
        },
        "optimizers": [optimizer.state_dict() for optimizer, _ in net.learning_rates()],
        "generators": [generator.get_state() for generator in generators(net)],
        "history": net.history.to_list(),
        "callbacks": {name: c.state_dict() for name, c in with_state(net).items()},
    }


def load_net_state(net, state):
    """Put a training state back into an initialized net of the same settings."""
    for role, module in net.trained_modules().items():
        module.load_state_dict(state["modules"][role])
    optimizers = [optimizer for optimizer, _ in net.learning_rates()]
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
        lay_out_as_parameters(optimizer)
    for generator, saved in zip(generators(net), state["generators"], strict=True):
        generator.set_state(saved)
    net.history = History(state["history"])


def load_callback_states(net, state):
    """Put the callbacks back, after the training has begun."""
    for name, callback in with_state(net).items():
        if name in state["callbacks"]:
            callback.load_state_dict(state["callbacks"][name])


def generators(net):
    """What the training draws from; the global ones serve networks of a user's own."""
    own = [net.generator_, net.cross_generator_]
    return [*own, *global_generators(net.device)]


def with_state(net):
    """The callbacks that have a state, by name."""
    return {name: c for name, c in net.callbacks_ if hasattr(c, "load_state_dict")}


def lay_out_as_parameters(optimizer):
    """Moments in the memory layout of their parameters, as a step makes them.

    Fused steps go through memory in order, whatever the strides.
    """
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if torch.is_tensor(value) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter).copy_(value).detach()
