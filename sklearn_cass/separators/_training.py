"""What stands around a training: its rows held out, its generators, its memory."""

from contextlib import contextmanager
from functools import partial

import numpy as np
import torch

from ..metrics import relative_error


class ValidationMeasure:
    """Relative errors of a net in training on the rows held out; for a callback."""

    def __init__(self, separator, examples, rows):
        self.separator, self.examples, self.rows = separator, examples, rows

    def __call__(self, net):
        estimate = partial(self.separator._estimate_with, net)
        errors = []
        for chunk in self.separator._chunks(len(self.rows)):
            X, y = self.examples.arrays(self.rows[chunk])
            estimates = self.separator._transform_chunk(X, estimate=estimate)
            errors.append(relative_error(y, estimates))
        return np.concatenate(errors)


@contextmanager
def naming_batch_size(batch_size):
    """Have an error for want of memory say what needs less of it."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            f"out of memory in training with batch_size={batch_size}: a smaller "
            f"batch_size needs less, and so do a smaller n_filters and shorter rows "
            f"({error})"
        ) from error


def is_out_of_memory(error):
    """Whether a device or the machine had no memory left."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    return "DefaultCPUAllocator" in str(error)
