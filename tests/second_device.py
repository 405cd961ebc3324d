"""A second device on the CPU: tensors that do not mix with those of the first.

The CPU does its arithmetic, so that results are equal bit for bit, but tensors of both
devices in one operation are an error, as on a GPU. It stands under the name "meta", a
device whose own tensors have no values.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

NAME = "meta"
aten = torch.ops.aten
# operations in which a GPU takes tensors of the CPU, too
COPIES = {aten._to_copy.default, aten.copy_.default}
INDEXING = {aten.index.Tensor, aten.index_put_.default, aten._index_put_impl_.default}


class SecondDeviceTensor(torch.Tensor):
    """A tensor on the second device; ``values`` holds its entries on the CPU."""

    @staticmethod
    def __new__(cls, values):
        # torch sets versions of views, which wrappers of inference mode do not have
        with torch.inference_mode(False):
            tensor = torch.Tensor._make_wrapper_subclass(
                cls,
                values.size(),
                strides=values.stride(),
                storage_offset=values.storage_offset(),
                dtype=values.dtype,
                device=NAME,
            )
        tensor.values = values
        return tensor

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return dispatch(func, args, kwargs or {})

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        # they exchange axes in place, of which wrappers would not know
        if func in (torch.stft, torch.istft):
            return dispatch(func, args, kwargs or {})
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))

    def tolist(self):
        return self.values.tolist()

    def __repr__(self):
        return f"SecondDeviceTensor({self.values})"


class SecondDevice(TorchDispatchMode):
    """The second device is available in this context."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return dispatch(func, args, kwargs or {})


def dispatch(func, args, kwargs):
    """Compute an operation on the device of its tensors."""
    wrappers, others = {}, []  # by the tensor on the CPU
    args, kwargs = values_of(args, wrappers, others), dict(kwargs)
    kwargs = {k: values_of(v, wrappers, others) for k, v in kwargs.items()}
    check_devices(func, wrappers, others)
    on_second = bool(wrappers)
    if kwargs.get("device") is not None:
        on_second = torch.device(kwargs["device"]).type == NAME
        kwargs["device"] = "cpu"
    elif func is aten.copy_.default:
        on_second = id(args[0]) in wrappers
    result = func(*args, **kwargs)
    return wrapped(result, wrappers) if on_second else result


def values_of(value, wrappers, others):
    """Return the tensors on the CPU of tensors; note those of either device."""
    if isinstance(value, SecondDeviceTensor):
        wrappers[id(value.values)] = value
        return value.values
    if isinstance(value, (tuple, list)):
        return type(value)(values_of(entry, wrappers, others) for entry in value)
    if isinstance(value, torch.Tensor) and value.ndim:
        others.append(value)  # numbers may come from the CPU
    return value


def wrapped(value, wrappers):
    """Return results as tensors of the second device."""
    if isinstance(value, (tuple, list)):
        return type(value)(wrapped(entry, wrappers) for entry in value)
    if not isinstance(value, torch.Tensor):
        return value
    if id(value) in wrappers:  # of operations in place
        return wrappers[id(value)]
    # wrappers do not know of conjugation that is only noted
    return SecondDeviceTensor(value.resolve_conj().resolve_neg())


def check_devices(func, wrappers, others):
    """Raise an error where a GPU would."""
    if not wrappers or not others or func in COPIES:
        return
    if func in INDEXING and all(not t.is_floating_point() for t in others):
        return
    raise RuntimeError(
        f"Expected all tensors to be on the same device, but {func} got tensors on "
        f"{NAME} and on cpu"
    )
