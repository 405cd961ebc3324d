"""The convolutions of a computation: their work, and their speed by themselves."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

aten = torch.ops.aten
OPERATORS = {aten.convolution.default, aten.convolution_backward.default}


class Convolutions(TorchDispatchMode):
    """Note every convolution, forward and backward, while this context is entered.

    Afterwards a call of it computes them once more, on values drawn at random: tensors
    of the same sizes, strides and precision, on the same device.
    """

    def __init__(self):
        super().__init__()
        self.calls = []
        self.tensors = {}  # calls of one kind share theirs

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **kwargs or {})
        if func in OPERATORS:
            self.calls.append((func, [self.like(k, arg) for k, arg in enumerate(args)]))
        return result

    def like(self, place, arg):
        """A tensor like the argument; what is no tensor stays as it is."""
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
    """Random values in the same layout, which may have holes or overlap."""
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    n_entries = 1 + sum((size - 1) * stride for size, stride in steps)
    values = torch.rand(n_entries, device=tensor.device).to(tensor.dtype)
    return values.as_strided(tensor.shape, tensor.stride())


def convolutions_of(call):
    """The convolutions in a call."""
    with Convolutions() as noted:
        call()
    return noted


def flops_of(convolutions):
    """Floating point operations of noted convolutions."""
    # counted over them alone: torch's counter cannot follow `autograd.grad` at a leaf
    with FlopCounterMode(display=False) as counter:
        convolutions()
    return counter.get_total_flops()
