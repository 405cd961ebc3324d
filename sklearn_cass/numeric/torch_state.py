"""Independence of torch's settings that users may have changed, and its devices."""

from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def usual_torch():
    """Compute without a default device, autocast or inference mode of the caller.

    They are those of this thread. Also a decorator, as ``@usual_torch()``.
    """
    with ExitStack() as stack:
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        yield


@contextmanager
def single_precision_by_default():
    """Make tensors in single precision by default, in all threads."""
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)


def sent(tensor, device):
    """Return a tensor on a device, without waiting for what a GPU computes."""
    is_cuda = torch.device(device).type == "cuda"
    return tensor.to(device, non_blocking=is_cuda)


def conversion_device(device):
    """Return where to transform waveforms for networks on a device.

    It is the device itself, but for MPS, which has no double precision.
    """
    device = torch.device(device)
    return torch.device("cpu") if device.type == "mps" else device
