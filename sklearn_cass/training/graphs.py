"""Steps of a training on a GPU, recorded as graphs of operations and replayed.

A step consists of thousands of small operations. Launching each from Python takes a GPU
several times as long as computing it; a graph is launched as a whole.
"""

from contextlib import contextmanager
from dataclasses import dataclass

import torch

from ..numeric.warning import warn_user
from .seeding import global_generators

N_WARM_UP = 3  # steps in which libraries set themselves up, before one is recorded
MAX_RECORDINGS = 16  # of a training whose settings change again and again


class CudaGraph:
    """Graph of the operations of a function on a CUDA device.

    Parameters
    ----------
    streams : list of torch.cuda.Stream
        The first records; the others may be joined to it.
    pool : object
        Memory that all graphs of a training share.
    """

    def __init__(self, streams, pool):
        self.streams, self.pool = streams, pool
        self.graph = torch.cuda.CUDAGraph()

    def record(self, function):
        """Return the outputs of a function, which have values after `replay`."""
        with torch.cuda.graph(
            self.graph,
            pool=self.pool,
            stream=self.streams[0],
            capture_error_mode="thread_local",  # others may train at the same time
        ):
            return function()

    def replay(self):
        """Compute what was recorded."""
        self.graph.replay()


class CudaStreams:
    """The streams of a training on a CUDA device: one for each pair.

    Parameters
    ----------
    device : torch.device
        The device.
    n_pairs : int
        Number of autoencoder pairs.
    """

    def __init__(self, device, n_pairs):
        self.device = device
        with torch.cuda.device(device):
            self.streams = [torch.cuda.Stream() for _ in range(n_pairs)]
            self.pool = torch.cuda.graph_pool_handle()

    def new_graph(self):
        """Return a graph to record."""
        return CudaGraph(self.streams, self.pool)

    def run(self, function):
        """Return ``function()``, computed on the stream that records.

        Nodes of autograd keep the stream on which they were made.
        """
        main, own = torch.cuda.current_stream(), self.streams[0]
        own.wait_stream(main)
        with torch.cuda.stream(own):
            outputs = function()
        main.wait_stream(own)
        return outputs

    def recover(self):
        """Have numbers be drawn again after a recording that failed."""
        (generator,) = global_generators(self.device)[1:]
        generator.graphsafe_set_state(generator.clone_state())

    def each(self, function):
        """Return ``[function(0), ...]``, computed at the same time on a stream each.

        Memory that is freed on one stream may be written on that stream at once. A
        function must not let go of memory of another stream than its own.
        """
        main, *others = self.streams
        results = [None] * len(self.streams)
        for i, stream in enumerate(others, 1):
            stream.wait_stream(main)
            with torch.cuda.stream(stream):
                results[i] = function(i)
        results[0] = function(0)
        for stream in others:
            main.wait_stream(stream)
        return results


@dataclass
class Recording:
    """A recorded step.

    Parameters
    ----------
    graph : CudaGraph
        Its graph.
    settings : tuple
        What the step depends on beside its inputs; other values need another recording.
    inputs, outputs : list of tensor, dict of tensor
        Memory that the graph reads from, and writes to.
    rates : list of tensor
        Learning rates that it reads, one for each group of the optimizers.
    """

    graph: CudaGraph
    settings: tuple
    inputs: list
    outputs: dict
    rates: list

    def replay(self, inputs, groups):
        """Compute the step of some inputs, at the learning rates of the groups."""
        for own, given in zip(self.inputs, inputs, strict=True):
            own.copy_(given)
        for rate, group in zip(self.rates, groups, strict=True):
            rate.fill_(group["lr"])
        self.graph.replay()
        return {name: value.clone() for name, value in self.outputs.items()}


class StepGraphs:
    """The recorded steps of one training.

    Steps of each shape of inputs are recorded when some have been computed one
    operation at a time, and again when settings have changed.

    Parameters
    ----------
    streams : CudaStreams
        The device's streams.
    """

    def __init__(self, streams):
        self.streams = streams
        self.recordings = {}  # by shapes
        self.n_seen = {}  # steps by shapes and settings
        self.n_recordings = 0
        self.is_recording = False

    def __call__(self, step, inputs, settings, optimizers):
        """Return ``step(*inputs)``, a dict of tensors."""
        shapes = tuple((tuple(x.shape), x.dtype) for x in inputs)
        groups = [group for o in optimizers for group in o.param_groups]
        recording = self.recordings.get(shapes)
        if recording is None or recording.settings != settings:
            recording = self.new_recording(step, inputs, shapes, settings, groups)
        if recording is None:
            return self.streams.run(lambda: step(*inputs))
        return recording.replay(inputs, groups)

    def new_recording(self, step, inputs, shapes, settings, groups):
        """Return a recording, None if it is too early for one or impossible."""
        seen = self.n_seen[shapes, settings] = (
            self.n_seen.get((shapes, settings), 0) + 1
        )
        if seen <= N_WARM_UP or self.n_recordings >= MAX_RECORDINGS:
            return None
        self.recordings.pop(shapes, None)  # its memory is free for the next
        self.n_recordings += 1
        try:
            recording = self.record(step, inputs, settings, groups)
        except Exception as error:  # each operation that cannot be recorded has its own
            self.n_recordings = MAX_RECORDINGS
            self.streams.recover()
            reason = str(error).partition("\n")[0]
            warn_user(
                "a training step could not be recorded as a CUDA graph, so that steps "
                f"take several times as long: {reason}"
            )
            return None
        self.recordings[shapes] = recording
        return recording

    def record(self, step, inputs, settings, groups):
        """Return a recording of a step."""
        own = [x.clone() for x in inputs]
        rates = [group["params"][0].new_tensor(group["lr"]) for group in groups]
        graph = self.streams.new_graph()
        self.is_recording = True
        try:
            with rates_on_device(groups, rates):
                outputs = graph.record(lambda: step(*own))
        finally:
            self.is_recording = False
        return Recording(graph, settings, own, outputs, rates)

    def each(self, function):
        """Return ``[function(0), ...]`` for all pairs, parallel in a recorded step."""
        return self.streams.each(function)


@contextmanager
def rates_on_device(groups, rates):
    """Have optimizers read their learning rates from tensors on the device."""
    saved = [{name: group[name] for name in ("lr", "capturable")} for group in groups]
    for group, rate in zip(groups, rates, strict=True):
        group.update(lr=rate, capturable=True)
    try:
        yield
    finally:
        for group, values in zip(groups, saved, strict=True):
            group.update(values)


def calls_python(modules):
    """Return whether modules or weights have hooks, which no graph would call."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    parts = [part for module in modules for part in module.modules()]
    weights = [weight for module in modules for weight in module.parameters()]
    return any(getattr(part, name, None) for part in parts for name in hooks) or any(
        weight._backward_hooks for weight in weights
    )
