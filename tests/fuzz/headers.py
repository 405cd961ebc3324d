"""Changes of files: every field replaced, removed, added, and blown up."""

import copy
import os
import resource
import sys
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from oracle import require

RESNET = ["sklearn_cass.nn.networks", "ResNet9"]
SGD = {"name": ["torch.optim.sgd", "SGD"]}


def nested(depth):
    """Return a list in a list and so on."""
    value = []
    for _ in range(depth):
        value = [value]
    return value


def twister(pos):
    """Return a state of numpy's default generator of old."""
    key = {"ndarray": ["<u4", [1] * 624]}
    pairs = [["bit_generator", "MT19937"], ["has_gauss", 0], ["gauss", 0.0]]
    state = [["key", key], ["pos", pos]]
    return {"RandomState": {"dict": [*pairs, ["state", {"dict": state}]]}}


VALUES = [
    *(None, True, False, 0, -1, 1, 2, 3, 0.5, -0.5, -50, 1e-300, 1e300),
    *(float("nan"), float("inf"), -float("inf"), 10**400),
    *(1500, 10**6, 2**20, 2**27, 2**30, 2**31, 2**63, 10**30),
    *("", "a", "x" * 2000, "\0", "complex", "magnitude", "mask", "images", "adam"),
    *("/tmp/crafted", "~/crafted", "cuda:7", "meta", "mps", "privateuseone", "MT19937"),
    *([], [[]], [0], [1, 2], [[0, 1], [1, 0]], [2**27], ["a", "a"], nested(50)),
    *({}, {"a": 1}, {"dict": []}, {"dict": 3}, {"dict": [[[], 1]]}, {"tuple": 3}),
    *({"tuple": [1]}, {"tensor": "history"}, {"device": "cpu"}, {"device": "a"}),
    *({"name": ["os", "system"]}, {"name": 3}, {"name": RESNET}, SGD),
    *({"partial": [SGD, [], {"dict": [["foreach", 1]]}]}, {"partial": [[], [], []]}),
    *({"partial": [{"name": RESNET}, [1], {"dict": []}]}, {"partial": []}),
    {"object": [RESNET, {"dict": [["n_filters", 1500], ["n_latent", 6000]]}]},
    {"object": [RESNET, {"dict": [["dilation", 2**16]]}]},
    {"object": [RESNET, {"dict": [["compression", -50]]}]},
    {"object": [RESNET, {"dict": [["a", 1]]}]},
    {"object": [RESNET, []]},
    {"object": [["sklearn_cass.nn.networks", "Modules"], {"dict": []}]},
    {"object": [["sklearn_cass.stft._transformer", "STFTTransformer"], {"dict": []}]},
    {"STFTTransformer": {"dict": [["n_fft_", 2**27], ["hop_length_", 0]]}},
    {"ndarray": ["<f8", [1.0, 2.0]]},
    {"ndarray": ["<U1000000000", ["a", "b"]]},
    {"ndarray": ["|O", [["a"], ["b", "c"]]]},
    {"ndarray": ["|O", [None, None]]},
    {"ndarray": ["<i8", [10**30]]},
    {"ndarray": ["V8", [1]]},
    *map(twister, (0, 624, 2**30, -1)),
    {"RandomState": {"dict": [["bit_generator", "Philox"]]}},
    {"RandomState": 3},
]
ACTIONS = ("replace", "remove", "add", "rename", "wrap", "everywhere", *["nudge"] * 4)
LONGEST = 2**18  # characters of a header; longer ones are shortened to null
TENSOR_ACTIONS = (
    *("nan", "infinity", "negative", "huge", "zero", "remove", "add", "rename"),
    *("longer", "transposed", "double", "integer", "empty", "scalar"),
)


@dataclass(frozen=True)
class Change:
    """A change of one place in a JSON object."""

    place: int
    action: str
    value: int

    def apply(self, header):
        """Return a changed copy of the header."""
        header = copy.deepcopy(header)
        places = list(places_of(header))
        parent, key = places[self.place % len(places)]
        value = copy.deepcopy(VALUES[self.value % len(VALUES)])
        if self.action == "everywhere":
            header = replaced_everywhere(header, parent[key], value)
            return header if len(repr(header)) < LONGEST else None
        if self.action == "nudge":
            parent[key] = nudged(parent[key], self.value)
        elif self.action == "replace":
            parent[key] = value
        elif self.action == "wrap":
            parent[key] = [parent[key]]
        elif self.action == "remove":
            del parent[key]
        elif isinstance(parent, list):
            parent.insert(key, value)
        else:
            parent[f"{key}_"] = value
            if self.action == "rename":
                del parent[key]
        return header


def places_of(data):
    """Yield container and key of every value in JSON."""
    keys = range(len(data)) if isinstance(data, list) else list(data)
    for key in keys:
        yield data, key
        if isinstance(data[key], list | dict):
            yield from places_of(data[key])


def nudged(value, n):
    """Return a value of the same type that may be as valid as the old one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return [value + 1, value - 1, 2 * value, value / 2, -value, 1024 * value][n % 6]
    if isinstance(value, str):
        other = [text for text in TEXTS if text != value]
        return other[n % len(other)]
    if isinstance(value, list) and value:
        return [value[::-1], value[:-1], value + value[:1]][n % 3]
    return None


TEXTS = (
    *("complex", "magnitude", "phase-sensitive", "mse", "relative", "adam", "muon"),
    *("direct", "mask", "ratio_mask", "affine", "auto", "float32", "bf16", "constant"),
    *("waveforms", "complex spectrograms", "images", "Domains", "WaveformDomains"),
    *("gradient", "literal", "dense", "sampled", "hann", "cpu", "<f4", "<i2", "b"),
)


def replaced_everywhere(data, old, new):
    """Replace a value wherever it stands, so that fields still agree."""
    if type(data) is type(old) and data == old:
        return new
    if isinstance(data, list):
        return [replaced_everywhere(entry, old, new) for entry in data]
    if isinstance(data, dict):
        return {k: replaced_everywhere(v, old, new) for k, v in data.items()}
    return data


@dataclass(frozen=True)
class TensorChange:
    """A change of one tensor."""

    place: int
    action: str

    def apply(self, tensors):
        """Return other tensors."""
        tensors = dict(tensors)
        name = sorted(tensors)[self.place % len(tensors)]
        if self.action in ("remove", "rename"):
            tensor = tensors.pop(name)
            if self.action == "rename":
                tensors[f"{name}_"] = tensor
        elif self.action == "add":
            tensors[f"{name}_"] = tensors[name].clone()
        else:
            tensors[name] = changed(tensors[name], self.action)
        return tensors


def changed(tensor, action):
    """Return a tensor of other values, another shape or another type."""
    fills = {"nan": float("nan"), "infinity": float("inf"), "huge": 3e38, "zero": 0}
    if action in fills or action == "negative":
        value = fills.get(action, -1)
        is_possible = tensor.is_floating_point() or action == "zero"
        return torch.full_like(tensor, value) if is_possible else tensor + 1
    flat = tensor.reshape(-1)
    return {
        "longer": lambda: torch.cat([flat, flat]),
        "transposed": lambda: (
            tensor.movedim(0, -1).contiguous() if tensor.ndim else flat
        ),
        "double": lambda: tensor.double(),
        "integer": lambda: tensor.to(torch.int32),
        "empty": lambda: flat[:0],
        "scalar": lambda: torch.zeros((), dtype=tensor.dtype),
    }[action]()


# What a file must not bring about -----------------------------------------------------

FORBIDDEN = (
    *("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn"),
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "shutil.rmtree"),
    *("socket.connect", "socket.bind", "ctypes.dlopen", "pickle.find_class"),
)
seen = None  # events of the guarded call, None outside


def watch(event, arguments):
    """Note events that no file may bring about."""
    if seen is None:
        return
    is_writing = event == "open" and is_for_writing(*arguments[1:3])
    if event in FORBIDDEN or is_writing:
        seen.append((event, str(arguments)[:200]))


def is_for_writing(mode, flags):
    """Return whether a file is opened for more than reading."""
    if isinstance(mode, str):
        return not set(mode) <= set("rbtU")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


sys.addaudithook(watch)


@contextmanager
def nothing_happens():
    """Require that no process starts, no file is written, nothing is connected."""
    global seen
    seen = []
    try:
        yield
        events = list(seen)
    finally:
        seen = None
    require(not events, f"a file brought about {events}")


def peak_memory():
    """Return the most memory of this process since `reset_peak`, in bytes."""
    with open("/proc/self/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["VmHWM"].split()[0]) * 1024


def reset_peak():
    """Start to measure the peak anew; return the memory in use, in bytes."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return peak_memory()


@contextmanager
def bounded_memory(n_bytes):
    """Require that a call takes no more memory than this, and end it far above."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + 4 * n_bytes + 2**30, hard))
    before = reset_peak()
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    grown = peak_memory() - before
    require(grown <= n_bytes, f"{grown / 1e6:.0f} MB more memory")
