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
    if hasattr(values, "get_data") and hasattr(values, "info"):
        return mne_values(values, name)
    if any(hasattr(values, method) for method in QUANTITY_METHODS):
        unit = getattr(values, "unit", getattr(values, "units", "?"))
        raise ValueError(
            f"{name} has a unit ({unit}), which separators would ignore: pass plain "
            "numbers, with X and y in the same unit"
        )
    is_foreign = hasattr(values, "__array_namespace__")
    return np.asarray(values) if is_foreign and not is_numpy(values) else values


def mne_values(values, name):
    """Return the values of MNE's Epochs; a Raw or Evoked has no rows."""
    if hasattr(values, "drop_log"):
        return values.get_data()
    kind = type(values).__name__
    if name == "X":
        raise TypeError(
            f"X is of type {kind}, one recording of MNE: cut it into rows, for "
            "instance with mne.make_fixed_length_epochs(raw, duration=...).get_data(), "
            "and pass raw.get_data() to `separate`"
        )
    raise TypeError(f"{name} is of type {kind}, of MNE: pass {name}.get_data()")


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
