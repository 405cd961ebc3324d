"""State of a training: collected from a net, and loaded into one."""

import torch
from skorch.callbacks import EarlyStopping, LRScheduler

from .history import EpochHistory
from .seeding import global_generators


def training_state(net):
    """Return modules, optimizers, generators, history and callbacks of a net.

    The state of a callback is included if it has ``state_dict`` and
    ``load_state_dict``, or is one of skorch's for early stopping or learning rates.
    """
    return {
        "modules": {
            role: module.state_dict() for role, module in net.trained_modules().items()
        },
        "optimizers": [optimizer.state_dict() for optimizer, _ in net.learning_rates()],
        "generators": [generator.get_state() for generator in generators(net)],
        "history": net.history.to_list(),
        "callbacks": {name: callback_state(c) for name, c in net.callbacks_},
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
    net.history = EpochHistory(state["history"])


def load_callback_states(net, state):
    """Load the states of callbacks, after the training has begun."""
    for name, callback in net.callbacks_:
        saved = state["callbacks"].get(name)
        if saved is not None:
            load_callback_state(callback, saved)
    # schedulers of learning rates have changed them when they began
    for (optimizer, _), saved in zip(
        net.learning_rates(), state["optimizers"], strict=True
    ):
        restore_groups(optimizer, saved["param_groups"])


def restore_groups(optimizer, saved):
    """Set learning rates and other settings of an optimizer's groups as saved."""
    for group, values in zip(optimizer.param_groups, saved, strict=True):
        group.update({k: v for k, v in values.items() if k != "params"})


def generators(net):
    """Return the generators of a training: the net's own and the global ones."""
    own = [net.generator_, net.cross_generator_]
    return [*own, *global_generators(net.device)]


EARLY_STOPPING = ("misses_", "dynamic_threshold_", "best_model_weights_", "best_epoch_")


def callback_state(callback):
    """Return the state of a callback, None if it has none."""
    if hasattr(callback, "load_state_dict"):
        return callback.state_dict()
    if isinstance(callback, EarlyStopping):
        return {name: getattr(callback, name) for name in EARLY_STOPPING}
    if isinstance(callback, LRScheduler):
        return numbers_of(callback.lr_scheduler_.state_dict())
    return None


def load_callback_state(callback, state):
    """Load the state of a callback whose training has begun."""
    if hasattr(callback, "load_state_dict"):
        callback.load_state_dict(state)
    elif isinstance(callback, EarlyStopping):
        vars(callback).update({name: state[name] for name in EARLY_STOPPING})
    elif isinstance(callback, LRScheduler):
        known = numbers_of(callback.lr_scheduler_.state_dict())
        saved = {n: v for n, v in numbers_of(state).items() if n in known}
        vars(callback.lr_scheduler_).update(saved)


def numbers_of(state):
    """Return the numbers and lists of numbers of a scheduler's state."""

    def are_numbers(value):
        values = value if isinstance(value, list) else [value]
        return all(isinstance(entry, bool | int | float) for entry in values)

    return {name: value for name, value in state.items() if are_numbers(value)}


def restore_memory_format(optimizer):
    """Convert moments to the memory format of their parameters, as in a step.

    Fused optimizers go through memory in order, whatever the strides.
    """
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if torch.is_tensor(value) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter).copy_(value).detach()
