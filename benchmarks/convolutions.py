"""Convolutions of a computation: their operations, and their speed alone."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

aten = torch.ops.aten
OPERATORS = {aten.convolution.default, aten.convolution_backward.default}


class Convolutions(TorchDispatchMode):
    """Context that records every convolution, forward and backward.

    Calling it afterwards computes them again, on random tensors of the same sizes,
    strides and precision, on the same device.
    """

    def __init__(self):
        super().__init__()
        self.calls = []
        self.tensors = {}  # shared by equal calls

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **kwargs or {})
        if func in OPERATORS:
            self.calls.append((func, [self.like(k, arg) for k, arg in enumerate(args)]))
        return result

    def like(self, place, arg):
        """Return a random tensor like the argument; other arguments as they are."""
        if not isinstance(arg, torch.Tensor):
            return arg
        key = (place, arg.shape, arg.stride(), arg.dtype, arg.device)
        if key not in self.tensors:
            self.tensors[key] = random_like(arg)
        return self.tensors[key]

    def __call__(self):
        for func, args in self.calls:
            func(*args)


def random_like(tensor):
    """Return random values in the same layout, which may have gaps or overlap."""
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    n_entries = 1 + sum((size - 1) * stride for size, stride in steps)
    values = torch.rand(n_entries, device=tensor.device).to(tensor.dtype)
    return values.as_strided(tensor.shape, tensor.stride())


def convolutions_of(call):
    """Return the convolutions in a call."""
    with Convolutions() as convolutions:
        call()
    return convolutions


def flops_of(convolutions):
    """Return the number of floating point operations of recorded convolutions."""
    # not of the call: torch's counter fails on `autograd.grad` at a leaf
    with FlopCounterMode(display=False) as counter:
        convolutions()
    return counter.get_total_flops()
