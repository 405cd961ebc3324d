"""Checks of parameters that set up a training: weights, device, precision, rows."""

from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from skorch.callbacks import (
    BatchScoring,
    Callback,
    EpochScoring,
    InputShapeSetter,
    LRScheduler,
    PrintLog,
    WandbLogger,
)

from ..numeric import error_context
from ..numeric.warning import warn_user
from .callbacks import ValidationErrors
from .optimizers import Adam, Muon

OPTIMIZERS = {"adam": Adam, "muon": Muon}


def check_cross_weights(cross_weights, n_components):
    """Return the matrix of cross weights, (n_components, n_components)."""
    with error_context("cross_weights"):
        given = np.array(cross_weights, dtype=float)  # a copy, which a net keeps
    shape = (n_components, n_components)
    if given.ndim and given.shape != shape:
        raise ValueError(
            "cross_weights must be a number or a matrix of shape (n_components, "
            f"n_components) = {shape}, got shape {given.shape}"
        )
    if not np.isfinite(given).all() or (given < 0).any():
        raise ValueError(
            f"cross_weights must be finite and not negative, got {given.tolist()}"
        )
    if given.ndim:
        if np.diag(given).any():
            raise ValueError(
                "cross_weights must have a diagonal of zeros, because a discriminator "
                "already rejects its own component's estimates; got "
                f"{np.diag(given).tolist()} there"
            )
        return given
    return given * (1 - np.eye(n_components))


def use_bfloat16(precision, device):
    """Return whether to compute in bfloat16: on request, or where it is fast."""
    return precision == "bf16" or (precision == "auto" and has_fast_bfloat16(device))


def has_fast_bfloat16(device):
    """Return whether convolutions in bfloat16 are faster on a device, and right."""
    if device.type == "cuda":
        # `torch.cuda.is_bf16_supported` is also true where bfloat16 is emulated
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and cpu_supports("amx_tile")


def cpu_supports(instructions):
    """Return whether torch says that the CPU has some instructions."""
    # private functions, which some releases lack
    return getattr(torch.cpu, f"_is_{instructions}_supported", lambda: False)()


def warn_of_precision(precision, device):
    """Warn of bfloat16 on a device that is slower with it, or computes it wrongly."""
    if precision != "bf16" or has_fast_bfloat16(device):
        return
    reason = "is slow, because the device has no instructions for it"
    if device.type == "cpu" and cpu_supports("avx512_bf16"):
        # seen with torch 2.13 (oneDNN 3.12): gradients of weights with stride 2 on maps
        # one entry wide, and with dilation and 24 or 33 channels
        reason = "with AVX512-BF16 and without AMX has wrong gradients of some weights"
    warn_user(
        f"precision='bf16' on device={str(device)!r} {reason}; precision='auto' "
        "computes in float32 there"
    )


def n_validation_samples(n_samples, validation_fraction, early_stopping):
    """Return the number of samples in the validation set."""
    if validation_fraction is None:
        validation_fraction = 0.1 if early_stopping else 0.0
    if early_stopping and not validation_fraction:
        raise ValueError(
            "early_stopping=True needs a validation set: validation_fraction must be "
            f"positive, got {validation_fraction}"
        )
    n_validation = int(np.ceil(validation_fraction * n_samples))
    if n_validation >= n_samples:
        because = " (early_stopping=True)" if early_stopping else ""
        raise ValueError(
            f"validation_fraction={validation_fraction}{because} of n_samples="
            f"{n_samples} leaves no samples to train on"
        )
    return n_validation


def check_callbacks(callbacks):
    """Return a list of callbacks, their classes, or tuples of a name and a callback."""
    for entry in callbacks or []:
        callback = entry
        if isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], str):
            callback = entry[1]
        is_class = isinstance(callback, type) and issubclass(callback, Callback)
        if not (is_class or isinstance(callback, Callback)):
            raise TypeError(
                "callbacks must hold skorch callbacks, or tuples of a name and a "
                f"callback, got {entry!r}"
            )
    return list(callbacks or [])


VALIDATION = {"valid_loss", "valid_error", "valid_relative_error"}


def has_validation(callbacks):
    """Return whether some initialized callbacks measure a validation set."""
    return any(isinstance(callback, ValidationErrors) for _, callback in callbacks)


def check_monitors(callbacks):
    """Raise a ValueError for callbacks that monitor what is not recorded.

    Parameters
    ----------
    callbacks : list of (str, Callback)
        The initialized callbacks of a net.
    """
    if has_validation(callbacks):
        return
    scored = {getattr(callback, "name_", None) for _, callback in callbacks}
    missing = VALIDATION - scored
    for _, callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str) and monitor.removesuffix("_best") in missing:
            raise ValueError(
                f"callbacks: {type(callback).__name__} monitors {monitor!r}, which "
                "needs a validation set: set validation_fraction to a share above 0, "
                "or monitor another value, such as 'train_loss'"
            )


REFUSED = {
    BatchScoring: "takes batches of maps: use EpochScoring",
    InputShapeSetter: "is not needed: networks are told the shapes of their maps",
}


def check_scorers(callbacks):
    """Return whether callbacks score the training and the validation set.

    Parameters
    ----------
    callbacks : list of (str, Callback)
        The initialized callbacks of a net.

    Returns
    -------
    on_train, on_valid : bool
        Whether one scores the training set, and the validation set.

    Raises
    ------
    ValueError
        If a callback cannot work.
    """
    found = [callback for _, callback in callbacks]
    for callback in found:
        for cls, reason in REFUSED.items():
            if isinstance(callback, cls):
                raise ValueError(f"callbacks: {cls.__name__} {reason}")
    places = [c.on_train for c in found if isinstance(c, EpochScoring)]
    if False in places and not has_validation(callbacks):
        raise ValueError(
            "callbacks: EpochScoring scores the validation set: set "
            "validation_fraction to a share above 0, or pass on_train=True"
        )
    saves_best = any(isinstance(c, WandbLogger) and c.save_model for c in found)
    if saves_best and not has_validation(callbacks):
        raise ValueError(
            "callbacks: WandbLogger saves the model of the lowest 'valid_loss', which "
            "needs a validation set: set validation_fraction to a share above 0, or "
            "pass save_model=False"
        )
    return True in places, False in places


def is_printing(callbacks):
    """Return whether one of some initialized callbacks prints a table of losses."""
    return any(isinstance(callback, PrintLog) for _, callback in callbacks)


def warn_of_schedulers(callbacks, lr_schedule):
    """Warn of schedulers of learning rates that have no effect."""
    if lr_schedule == "constant":
        return
    if any(isinstance(callback, LRScheduler) for _, callback in callbacks):
        warn_user(
            f"callbacks: LRScheduler has no effect with lr_schedule={lr_schedule!r}, "
            "which sets the learning rates before every step; lr_schedule='constant' "
            "leaves them to callbacks"
        )


def optimizer_maker(optimizer):
    """Return the function that makes an optimizer from parameters and ``lr``."""
    return optimizer if callable(optimizer) else OPTIMIZERS[optimizer]


def make_optimizer(make, parameters, lr):
    """Return the optimizer that ``make(parameters, lr=lr)`` makes."""
    with error_context("optimizer"):
        optimizer = make(parameters, lr=lr)
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError(
                f"{make} must return a torch.optim.Optimizer, got {type(optimizer)}"
            )
    return optimizer


def same_maker(a, b):
    """Return whether two such functions are equal, also as copies of a partial."""
    if isinstance(a, partial) and isinstance(b, partial):
        return (a.func, a.args, a.keywords) == (b.func, b.args, b.keywords)
    return a is b


def same_parameters(a, b):
    """Return whether two values of a parameter are equal, objects by their parameters.

    Objects that define no equality are equal if they are of one type.
    """
    if isinstance(a, partial):
        return isinstance(b, partial) and same_maker(a, b)
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, type) or hasattr(a, "__qualname__"):
        return a is b
    if hasattr(a, "get_params"):
        is_same = type(a) is type(b)
        return is_same and same_parameters(a.get_params(False), b.get_params(False))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_parameters(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same_parameters, a, b))
    if type(a).__eq__ is object.__eq__:
        return type(a) is type(b)
    return bool(a == b)


@contextmanager
def out_of_memory_context(batch_size):
    """Raise a MemoryError that names the remedies where memory runs out."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            f"out of memory in training with batch_size={batch_size}: a smaller "
            f"batch_size needs less memory, and so do a smaller network and shorter "
            f"rows ({error})"
        ) from error


def is_out_of_memory(error):
    """Return whether an error says that a device or the machine has no memory left."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    parts = ("DefaultCPUAllocator", "out of memory", "ALLOC_FAILED")
    return any(part in str(error) for part in parts)
