"""Separators that learn arrays: how these are written, read and checked."""

import numpy as np
import torch

from .fields import expect, named

TYPES = {float: (torch.float32, torch.float64), int: (torch.int64,)}


def encode_arrays(separator):
    """Return the learned arrays of a separator as tensors, without those that are None.

    Raises
    ------
    TypeError
        If its class does not say which they are.
    """
    names = type(separator)._saved_arrays
    if names is None:
        raise TypeError(
            f"a file cannot hold a {type(separator).__name__}, whose class does not "
            "say what it learns: use joblib or pickle"
        )
    values = {name: getattr(separator, name) for name in names}
    return {
        name: torch.from_numpy(np.array(value, order="C"))
        for name, value in values.items()
        if value is not None
    }


def decode_arrays(separator, content):
    """Set the learned arrays of a separator from those of an open file.

    Raises
    ------
    ValueError
        If they are not finite arrays that agree with the separator's domains.
    """
    kinds = type(separator)._saved_arrays
    unknown = sorted(set(content.table) - set(kinds))
    expect(not unknown, f"the tensors {sorted(kinds)} alone", unknown)
    for name, (dtype, _) in content.table.items():
        with named(name):
            expect(dtype in TYPES[kinds[name]], f"one of {TYPES[kinds[name]]}", dtype)
    tensors = content.tensors()
    for name in kinds:
        array = tensors[name].numpy() if name in tensors else None
        if array is not None:
            with named(name):
                expect(np.isfinite(array).all(), "finite numbers", array)
        setattr(separator, name, array)
    separator._check_arrays()
