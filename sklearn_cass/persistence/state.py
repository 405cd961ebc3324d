"""Description of a training's state: what a checkpoint may hold."""

import torch
from skorch.callbacks import EarlyStopping, LRScheduler

from ..training import Muon, callbacks
from ..training.state import generators
from .fields import anything, described, expect, integer, list_of, named, number
from .weights import compare

STATE = ("modules", "optimizers", "generators", "history", "callbacks")
# names of the moments of optimizers whose kernels rely on their shapes
ADAM = ({"step", "exp_avg", "exp_avg_sq"},)
AMSGRAD = ({"step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"},)
MOMENTS = {
    Muon: lambda weight: ({"step", "momentum"},) if weight.ndim > 1 else ADAM,
    torch.optim.Adam: lambda weight: ADAM + AMSGRAD,
    torch.optim.AdamW: lambda weight: ADAM + AMSGRAD,
    torch.optim.Adagrad: lambda weight: ({"step", "sum"},),
    torch.optim.SGD: lambda weight: ({"momentum_buffer"},),
}


def check_state(state, net):
    """Raise a ValueError unless a state is one of the training of a net.

    Parameters
    ----------
    state : object
        A decoded state, see :func:`~sklearn_cass.training.state.training_state`.
    net : CASSNet
        The net, initialized.
    """
    state = described(state, dict.fromkeys(STATE, anything))
    with named("modules"):
        check_modules(state["modules"], net)
    with named("optimizers"):
        optimizers = [optimizer for optimizer, _ in net.learning_rates()]
        saved = list_of(size=len(optimizers))(state["optimizers"])
        for optimizer, content in zip(optimizers, saved, strict=True):
            check_optimizer(content, optimizer)
    with named("generators"):
        check_generators(state["generators"], generators(net))
    with named("history"):
        check_history(state["history"])
    with named("callbacks"):
        check_callbacks(state["callbacks"], net)


def check_modules(state, net):
    """Raise a ValueError unless the networks' weights fit them."""
    modules = net.trained_modules()
    for role, content in described(state, dict.fromkeys(modules, anything)).items():
        compare(modules[role], content, role)


def check_history(rows):
    """Return the rows of a history, one object for each epoch."""
    for row in list_of()(rows):
        is_named = isinstance(row, dict) and all(isinstance(name, str) for name in row)
        expect(is_named, "an object for each epoch", row)
    return rows


def check_generators(states, generators):
    """Raise a ValueError unless each state is one of its generator."""
    for saved, generator in zip(
        list_of(size=len(generators))(states), generators, strict=True
    ):
        now = generator.get_state()
        is_alike = torch.is_tensor(saved) and saved.dtype == now.dtype
        expect(is_alike and saved.shape == now.shape, "a generator's state", saved)
        trial = torch.Generator(generator.device)
        try:
            trial.set_state(saved)
        except RuntimeError as error:
            raise ValueError(f"not the state of a generator: {error}") from error


# Optimizers --------------------------------------------------------------------------


def check_optimizer(content, optimizer):
    """Raise a ValueError unless a state is one of an optimizer."""
    now = optimizer.state_dict()
    content = described(content, dict.fromkeys(now, anything))
    groups = list_of(size=len(now["param_groups"]))(content["param_groups"])
    for group, like in zip(groups, now["param_groups"], strict=True):
        check_group(group, like)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    expect(isinstance(content["state"], dict), "a state by parameter", content["state"])
    kinds = (names for cls, names in MOMENTS.items() if isinstance(optimizer, cls))
    names_for = next(kinds, None)
    for index, moments in content["state"].items():
        parameter = parameters[integer(0, len(parameters) - 1)(index)]
        expect(isinstance(moments, dict), "moments by name", moments)
        allowed = names_for and names_for(parameter)
        is_known = allowed is None or set(moments) in allowed
        expect(is_known, f"the moments {allowed}", sorted(map(str, moments)))
        for name, moment in moments.items():
            with named(f"{name}"):
                if name != "momentum_buffer" or moment is not None:
                    check_moment(moment, shape_of(name, parameter) if allowed else None)


def check_group(group, like):
    """Raise a ValueError unless the settings of a group are of the same kind."""
    is_group = isinstance(group, dict) and set(like) <= set(group)
    expect(is_group, f"the settings {sorted(like)}", group)
    for name, value in group.items():
        with named(f"{name}"):
            before = like.get(name, 0.0)  # schedulers add rates of their own
            if isinstance(before, tuple):
                is_alike = isinstance(value, tuple) and len(value) == len(before)
                expect(is_alike, f"{len(before)} numbers", value)
                list_of(number())(list(value))
            elif isinstance(before, float):
                number()(value)
            else:
                expect(type(value) is type(before) and value == before, before, value)


def shape_of(name, parameter):
    """Return the shape of a moment."""
    return () if name == "step" else tuple(parameter.shape)


def check_moment(moment, shape=None):
    """Raise a ValueError unless a moment is a number or a tensor, of a shape if given.

    A user's optimizer may keep others.
    """
    if torch.is_tensor(moment):
        is_valid = moment.is_floating_point() or shape is None
        expect(is_valid and not torch.isnan(moment).any(), "numbers", moment)
        found = tuple(moment.shape)
        expect(shape is None or found == shape, f"a tensor of shape {shape}", found)
        return
    is_plain = moment is None or isinstance(moment, bool | int | float | list)
    expect(is_plain and shape is None, "a tensor", moment)


# Callbacks ---------------------------------------------------------------------------

EPOCH = integer(0, 2**62)


def check_callbacks(states, net):
    """Raise a ValueError unless states of known callbacks are theirs.

    Those of a user's callbacks are plain values and tensors, whatever they hold.
    """
    expect(isinstance(states, dict), "states by name", states)
    for name, callback in net.callbacks_:
        saved = states.get(name)
        known = [f for cls, f in CALLBACKS.items() if isinstance(callback, cls)]
        with named(name):
            if isinstance(callback, LRScheduler):
                expect(saved is None or isinstance(saved, dict), "numbers", saved)
            if known and saved is not None:
                checked = described(saved, known[0])
                check_best(checked.get("best_model_weights_"), net)


def check_best(weights, net):
    """Raise a ValueError unless the best weights, if any, are autoencoders'."""
    if weights is not None:
        compare(net.module_, weights, "autoencoders")


def threshold(value):
    """Return an error to fall below, which may be infinite."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    expect(is_number, "a number", value)
    return value


CALLBACKS = {
    EarlyStopping: {
        "misses_": EPOCH,
        "dynamic_threshold_": threshold,
        "best_model_weights_": anything,
        "best_epoch_": EPOCH,
    },
    callbacks.LearningRates: {"step": EPOCH},
    callbacks.Progress: {"epoch": EPOCH, "n_steps": EPOCH},
}
