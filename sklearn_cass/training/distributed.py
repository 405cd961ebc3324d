"""Training in several processes: each computes its share of every batch.

``fit`` joins torch's process group where one is initialized (``torchrun``). All
processes (ranks) draw the same batches and the same mixtures, compute on some rows
each, and add up gradients, statistics of batch normalization, norms and losses. The
weights are those of one process with the same batches, up to rounding.
"""

import hashlib
import os
from contextlib import contextmanager, nullcontext
from inspect import signature

import numpy as np
import torch
from skorch.callbacks import Checkpoint, PrintLog, ProgressBar, TrainEndCheckpoint
from torch import distributed
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

N_COMPARED = 64  # rows by which processes find out whether they have the same data
BATCH_NORM = signature(F.batch_norm)
WRITERS = (Checkpoint, TrainEndCheckpoint, PrintLog, ProgressBar)


def join(X, y, names=None):
    """Return the process group of a fit, or :data:`ALONE` if there is none.

    Parameters
    ----------
    X, y : ndarray or SlicedArray
        The training data of this process: the same for all, or rows of its own.
    names : array-like, default=None
        Names of the components.

    Raises
    ------
    ValueError
        If rows of different processes have different shapes, types or names.
    """
    ranks = processes()
    ranks.compare(X, y, names)
    return ranks


def processes():
    """Return torch's process group, or :data:`ALONE` if there is none."""
    is_several = is_group() and distributed.get_world_size() > 1
    return Ranks() if is_several else ALONE


def is_group():
    """Return whether torch has a process group."""
    return distributed.is_available() and distributed.is_initialized()


# One process --------------------------------------------------------------------------


class WholeBatch:
    """The share of a process that is alone: all of a batch."""

    def rows(self, x):
        """Return this process's rows of a tensor."""
        return x

    def weigh(self, loss):
        """Return a mean over these rows as a part of the mean over the batch."""
        return loss

    def norm(self, gradient):
        """Return the norm of a gradient over the batch."""
        return gradient.norm()

    def add_gradients(self, module):
        """Add up the gradients of all processes."""

    def totals(self, parts):
        """Add up a dict of tensors over all processes."""
        return parts

    def statistics(self):
        """Return a context of batch normalization over the batch."""
        return nullcontext()


class Alone:
    """A process without others: nothing is exchanged."""

    rank, size = 0, 1
    has_same_data = True  # rather than rows of its own in each process
    whole = WholeBatch()

    def compare(self, X, y, names):
        """Find out whether all processes have the same data."""

    def share(self, n_rows):
        """Return this process's share of a batch."""
        return self.whole

    def of_first(self, value):
        """Return the value of the first process."""
        return value

    def compute_on_first(self, function):
        """Return what a function returns in the first process; others wait for it."""
        return function()

    def gather(self, value):
        """Return the values of all processes."""
        return [value]

    def copy_first(self, modules):
        """Copy the weights of the first process."""

    def own_callbacks(self, callbacks):
        """Return the callbacks of this process."""
        return callbacks

    def joined_identity(self, identity):
        """Return the identity of a training on the data of all processes."""
        if self.has_same_data:
            return identity
        data = {name: self.gather(identity[name]) for name in ("X", "y")}
        return identity | {name: "; ".join(parts) for name, parts in data.items()}


ALONE = Alone()


# Several processes --------------------------------------------------------------------


class Ranks(Alone):
    """The processes of torch's default process group.

    Attributes
    ----------
    rank, size : int
        Number of this process, and of all of them.
    """

    def __init__(self):
        self.rank, self.size = distributed.get_rank(), distributed.get_world_size()

    def compare(self, X, y, names):
        names = None if names is None else np.asarray(names).tolist()
        check_alike(self.gather((kind(X), kind(y), names)))
        self.has_same_data = len(set(self.gather((checksum(X), checksum(y))))) == 1

    def share(self, n_rows):
        return Share(self, n_rows)

    def of_first(self, value):
        values = [value if self.rank == 0 else None]
        with on_device(), naming_lost_process():
            distributed.broadcast_object_list(values, src=0)
        return values[0]

    def compute_on_first(self, function):
        return self.of_first(function() if self.rank == 0 else None)

    def gather(self, value):
        values = [None] * self.size
        with on_device(), naming_lost_process():
            distributed.all_gather_object(values, value)
        return values

    def add_up(self, tensor):
        """Add up a tensor over all processes, in place."""
        parts = torch.view_as_real(tensor) if tensor.is_complex() else tensor
        with naming_lost_process():
            distributed.all_reduce(parts)
        return tensor

    def copy_first(self, modules):
        for module in modules:
            for value in module.state_dict().values():
                copy = value.contiguous()
                with naming_lost_process():
                    distributed.broadcast(copy, src=0)
                value.copy_(copy)

    def own_callbacks(self, callbacks):
        """Return the callbacks, in other processes without those that write."""
        return [c for c in callbacks if self.rank == 0 or not is_writer(c)]


class Share(WholeBatch):
    """The rows of a batch that a process computes on.

    Where they would be less than two for a process, each takes the whole batch: batch
    normalization of a single row may have no variance.

    Parameters
    ----------
    ranks : Ranks
        The processes.
    n_rows : int
        Rows in the batch.
    """

    def __init__(self, ranks, n_rows):
        self.ranks, self.is_split = ranks, n_rows >= 2 * ranks.size
        edges = [r * n_rows // ranks.size for r in (ranks.rank, ranks.rank + 1)]
        self.slice = slice(*edges) if self.is_split else slice(None)
        n_own = edges[1] - edges[0]
        self.weight = n_own / n_rows if self.is_split else 1 / ranks.size

    def rows(self, x):
        return x[self.slice]

    def weigh(self, loss):
        return self.weight * loss

    def norm(self, gradient):
        return self.ranks.add_up(gradient.norm().square()).sqrt()

    def add_gradients(self, module):
        weights = module.parameters()
        gradients = [w.grad for w in weights if w.grad is not None]
        if gradients:
            replace(gradients, self.ranks.add_up(flat(gradients)))

    def totals(self, parts):
        values = [value.clone() for value in parts.values()]
        replace(values, self.ranks.add_up(flat(values)))
        return dict(zip(parts, values, strict=True))

    def statistics(self):
        return GlobalStatistics(self) if self.is_split else nullcontext()


class GlobalStatistics(TorchFunctionMode):
    """Context in which batch normalization has the statistics of the whole batch.

    It also holds for networks of a user's classes. torch.nn.SyncBatchNorm would have to
    take the place of modules, and works on GPUs alone.

    Parameters
    ----------
    share : Share
        This process's share of the batch.
    """

    def __init__(self, share):
        super().__init__()
        self.share = share

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is F.batch_norm:
            arguments = BATCH_NORM.bind(*args, **kwargs)
            arguments.apply_defaults()
            if arguments.arguments["training"]:
                return batch_norm(self.share, **arguments.arguments)
        return function(*args, **kwargs)


def batch_norm(
    share, input, running_mean, running_var, weight, bias, training, momentum, eps
):
    """Return values normalized, as torch's function does, by the whole batch."""
    axes = (0, *range(2, input.ndim))
    shape = (-1, *[1] * (input.ndim - 2))
    x = input.float()
    var, mean = (moment.double() for moment in torch.var_mean(x, axes, correction=0))
    moments = share.weigh(torch.stack([mean, var + mean.square()]))
    mean, square = Total.apply(moments, share.ranks)
    var = (square - mean.square()).clamp_min(0)
    if running_mean is not None:
        n_values = round(x.numel() / x.shape[1] / share.weight)
        update(running_mean, mean, momentum)
        update(running_var, var * n_values / (n_values - 1), momentum)
    mean, scale = mean.float(), (var + eps).rsqrt().float()
    x = (x - mean.view(shape)) * scale.view(shape)
    if weight is not None:
        x = x * weight.view(shape) + bias.view(shape)
    return x.to(input.dtype)


@torch.no_grad()
def update(running, value, momentum):
    """Move a running statistic towards its value in a batch."""
    running.lerp_(value.to(running.dtype), momentum)


class Total(torch.autograd.Function):
    """Sum of a tensor over all processes; its gradient is that of all their losses."""

    @staticmethod
    def forward(ctx, x, ranks):
        ctx.ranks = ranks
        return ranks.add_up(x.clone())

    @staticmethod
    def backward(ctx, gradient):
        return ctx.ranks.add_up(gradient.clone()), None


def flat(tensors):
    """Return the entries of some tensors as one."""
    return torch.cat([tensor.flatten() for tensor in tensors])


def replace(tensors, entries):
    """Write such entries into the tensors."""
    parts = entries.split([tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view(tensor.shape))


# Data ---------------------------------------------------------------------------------


class RankRows:
    """Numbers of the rows of all processes, and which of them this process has.

    Parameters
    ----------
    ranks : Ranks or Alone
        The processes.
    samples : Samples or MixedSamples
        The rows of this process.
    """

    def __init__(self, ranks, samples):
        self.ranks, n_rows = ranks, len(samples)
        check_alike(ranks.gather(samples.component_names.tolist()))  # of labels
        counts = ranks.gather(n_rows)
        is_same = ranks.has_same_data
        self.first = 0 if is_same else sum(counts[: ranks.rank])
        self.n_own = n_rows
        self.n_rows = n_rows if is_same else sum(counts)

    def __len__(self):
        return self.n_rows

    def places(self, rows):
        """Return the row of this process for each of all, -1 for those of others."""
        own = rows - self.first
        return np.where((own >= 0) & (own < self.n_own), own, -1)

    def to_train_on(self, rows):
        """Return the rows of this process among those to train on.

        Raises
        ------
        ValueError
            In all processes, if one of them has none.
        """
        held = self.held(rows)
        counts = self.ranks.gather(len(held))
        if 0 in counts:
            raise ValueError(
                "every process of a training must have rows to train on, besides those "
                f"of the validation set, got {counts} rows"
            )
        return held

    def held(self, rows):
        """Return which rows of this process are among some rows of all."""
        places = self.places(rows)
        return places[places >= 0]

    def part(self, rows):
        """Return the rows that this process takes of some rows of all."""
        rows = self.held(rows)
        if not self.ranks.has_same_data:
            return rows
        return np.array_split(rows, self.ranks.size)[self.ranks.rank]


def check_alike(descriptions):
    """Raise a ValueError unless the data of all processes have one description."""
    first = descriptions[0]
    for rank, description in enumerate(descriptions):
        if description != first:
            raise ValueError(
                "X and y must have the same types, shapes of rows and component_names "
                f"in all processes of a training, got {first} in that of rank 0 and "
                f"{description} in that of rank {rank}"
            )


def kind(array):
    """Return type and shape of the rows of an array; those of labels may differ."""
    is_numeric = array.dtype.kind in "biufc" and array.ndim > 1
    return (str(array.dtype), array.shape[1:]) if is_numeric else "labels"


def checksum(array):
    """Return a checksum of an array's shape and some of its rows."""
    rows = np.unique(np.linspace(0, len(array) - 1, N_COMPARED).astype(int))
    found = np.asarray(array[rows])
    is_object = found.dtype.kind == "O"  # labels
    content = repr(found.tolist()).encode() if is_object else found.tobytes()
    return len(array), hashlib.sha256(content).hexdigest()


# Devices, files, errors ---------------------------------------------------------------


def rank_device(device):
    """Return the GPU of this process where a device names no particular one."""
    if not is_group() or device.type != "cuda" or device.index is not None:
        return device
    return torch.device("cuda", local_rank())


def local_rank():
    """Return the number of this process on its machine."""
    given = os.environ.get("LOCAL_RANK")  # set by torchrun
    rank = distributed.get_rank() if given is None else int(given)
    return rank % max(1, torch.cuda.device_count())


def on_device():
    """Return a context in which objects are exchanged by way of this process's GPU."""
    has_gpu = torch.cuda.is_available()
    return torch.cuda.device(local_rank()) if has_gpu else nullcontext()


@contextmanager
def checkpoint_of_first(ranks, open_file):
    """Yield the first process's file; others get what it holds, and write nothing.

    Parameters
    ----------
    ranks : Ranks or Alone
        The processes.
    open_file : callable
        Returns a :class:`~sklearn_cass.persistence.CheckpointFile`.
    """
    if ranks.rank == 0:
        with open_file() as file:
            ranks.of_first((file.rng, file.n_epochs, file.state))
            yield file
    else:
        yield CheckpointCopy(*ranks.of_first(None))


class CheckpointCopy:
    """State that another process has read from a checkpoint; nothing is written.

    Parameters
    ----------
    rng : RandomState
        Random state that the training began with.
    n_epochs : int
        Epochs already trained.
    state : dict or None
        The state of the training.
    """

    def __init__(self, rng, n_epochs, state):
        self.rng, self.n_epochs, self.state = rng, n_epochs, state

    def check_state(self, net):
        """Leave the check to the process that has read the file."""

    def write(self, state, n_epochs):
        """Leave the file to the first process."""


def is_writer(callback):
    """Return whether a callback of skorch writes files, or prints."""
    if isinstance(callback, tuple):
        callback = callback[1]
    cls = callback if isinstance(callback, type) else type(callback)
    is_logger = cls.__module__ == "skorch.callbacks.logging"
    return is_logger or issubclass(cls, WRITERS)


@contextmanager
def naming_lost_process():
    """Say in errors of an exchange that another process may have ended."""
    try:
        yield
    except RuntimeError as error:
        raise RuntimeError(
            "the training in several processes ended, because nothing could be "
            f"exchanged with the others: one of them may have failed ({error})"
        ) from error
