"""Containers whose meaning a conversion to a plain array would lose."""

import numpy as np
import torch


def as_plain(values, name):
    """Return masked arrays and tensors as plain arrays, and others as they are.

    Parameters
    ----------
    values : object
        What a user passed as an array.
    name : str
        Name of the argument, for messages.

    Returns
    -------
    values : object
        A plain array, or what was passed: data frames, arrays on disk, lists.

    Raises
    ------
    ValueError
        If an entry is masked, or if the values have a unit.
    TypeError
        If a tensor cannot be converted.
    """
    if isinstance(values, list | tuple):
        is_special = any(isinstance(v, CONTAINERS) for v in values)
        return [as_plain(v, name) for v in values] if is_special else values
    if isinstance(values, torch.Tensor):
        return tensor_values(values, name)
    if isinstance(values, np.ma.MaskedArray):
        refuse_masked(values, name)
        return values.data
    if any(hasattr(values, method) for method in QUANTITY_METHODS):
        unit = getattr(values, "unit", getattr(values, "units", "?"))
        raise ValueError(
            f"{name} has a unit ({unit}), which separators would ignore: pass plain "
            "numbers, with X and y in the same unit"
        )
    is_foreign = hasattr(values, "__array_namespace__")
    return np.asarray(values) if is_foreign and not is_numpy(values) else values


CONTAINERS = (list, tuple, torch.Tensor, np.ma.MaskedArray)
QUANTITY_METHODS = ("to_value", "m_as")  # of astropy and unyt, of pint


def is_numpy(values):
    return isinstance(values, np.ndarray | np.generic)


def refuse_masked(values, name):
    """Raise a ValueError if an entry is masked."""
    if np.ma.is_masked(values):
        raise ValueError(
            f"{name} contains masked entries: fill them in, or leave out their rows"
        )


def tensor_values(tensor, name):
    """Return the values of a tensor, whether it requires gradients or not."""
    tensor = tensor.detach()
    try:
        if tensor.dtype == torch.bfloat16:  # numpy has no such type
            tensor = tensor.float()
        return tensor.cpu().resolve_conj().resolve_neg().numpy()
    except (RuntimeError, TypeError) as error:  # on the meta device, sparse
        raise TypeError(f"{name} is a tensor without numpy values: {error}") from error
