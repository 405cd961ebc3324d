"""Files made by a stranger: nothing in them runs, and nothing large is made."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from cases import FAST, make_mixtures
from crafted_files import read_crafted, rewrite, write_crafted

from sklearn_cass import AESeparator, CASSSeparator, load

pytestmark = pytest.mark.usefixtures("generators_stand_still")

NETWORK = ["sklearn_cass.nn.networks", "ResNet9"]


@pytest.fixture(scope="module")
def separator():
    return CASSSeparator(**FAST).fit(*make_mixtures(12))


@pytest.fixture
def path(separator, tmp_path):
    path = tmp_path / "separator.safetensors"
    separator.save(path)
    return path


def put(place, value):
    """Return a change of the header: ``place`` is a path of keys, joined by dots."""

    def change(header):
        *parents, key = place.split(".")
        for parent in parents:
            header = header[parent]
        header[key] = value

    return change


def resnet(**parameters):
    """Return the JSON of a network."""
    return {"object": [NETWORK, {"dict": [list(p) for p in parameters.items()]}]}


def random_state(pos=0, key=1):
    """Return the JSON of a random state."""
    state = {"dict": [["key", {"ndarray": ["<u4", [key] * 624]}], ["pos", pos]]}
    pairs = [["bit_generator", "MT19937"], ["state", state]]
    return {"RandomState": {"dict": [*pairs, ["has_gauss", 0], ["gauss", 0.0]]}}


OPTIONS = {"dict": [["options", {"dict": [["cpp.cxx", ["touch", "seen"]]]}]]}
CHANGES = {
    # code
    "compile": put("net.compile", True),
    "compiler options": put("net.compile__options", OPTIONS),
    "settings of the net": put("net.callbacks", []),
    "method": put("learned.transform", "a"),
    "attribute": put("learned.net_", 3),
    "parameter": put("parameters.cls", "a"),
    "part of the header": put("code", "a"),
    "other object": put("parameters.stft", resnet()),
    "class for an object": put("parameters.network", {"name": NETWORK}),
    "optimizer for an object": put(
        "net.network", {"object": [["torch.optim.sgd", "SGD"], {"dict": []}]}
    ),
    "optimizer for a network": put("net.network", {"name": ["torch.optim.sgd", "SGD"]}),
    "class for a network": put("net.network", {"name": NETWORK}),
    "module in place of a name": put("separator", ["os", "system"]),
    # numbers out of range
    "compression": put("net.network", resnet(compression=-50)),
    "dilation": put("net.network", resnet(dilation=2**31)),
    "n_fft": put("domains.stft.n_fft_", 2**27),
    "hop": put("domains.stft.hop_length_", 0),
    "hop beyond the window": put("domains.stft.hop_length_", 2**19),
    "window": put(
        "domains.stft.transform",
        {
            "object": [
                ["sklearn_cass.stft._transformer", "STFTTransformer"],
                {"dict": [["window", {"tuple": ["taylor", 10**9]}]]},
            ]
        },
    ),
    "n_times": put("domains.n_times", 2**27),
    "shape": put("domains.X_shape", [2**27]),
    "axes": put("domains.X_shape", [1, 1, 1, 64]),
    "domain": put("domains.X_domain", "images"),
    "domain of y": put("domains.y_domain", "complex spectrograms"),
    "lr": put("parameters.lr", float("nan")),
    "alpha": put("net.alpha", float("inf")),
    "cross weights": put("net.cross_weights", [[0, -1], [0, 0]]),
    "position": put("parameters.random_state", random_state(pos=2**30)),
    "constant generator": put("parameters.random_state", random_state(key=0)),
    "long text": put(
        "learned.component_names_", {"ndarray": ["<U1000000000", ["a", "b"]]}
    ),
    "names": put("learned.component_names_", {"ndarray": ["<i8", [0, 0]]}),
    "n_features": put("learned.n_features_in_", 65),
    # types
    "number": put("domains", 3),
    "list": put("parameters", []),
    "nothing": put("net.network", None),
    "two tags": put("parameters.lr", {"tuple": [], "dict": []}),
    "wrong content": put("parameters.lr", {"dict": 3}),
    "wrong pairs": put("parameters.lr", {"dict": [[1]]}),
    "nested": put("parameters.lr", json.loads("[" * 500 + "]" * 500)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_field_that_is_not_described_is_refused(name, path):
    rewrite(path, CHANGES[name])
    with pytest.raises(ValueError, match=path.name):
        load(path)


def test_unknown_fields_are_named(path):
    rewrite(path, put("net.compile", True))
    with pytest.raises(ValueError, match="net: expected the fields .*got .'compile'"):
        load(path)


LARGE = {
    "n_filters": put("net.network", resnet(n_filters=1500, n_latent=6000)),
    "n_components": put("learned.n_components_", 10**6),
    "both": lambda header: [
        put("learned.n_components_", 10**6)(header),
        put("learned.component_names_", {"ndarray": ["<i8", [*range(10**6)]]})(header),
        put("net.cross_weights", None)(header),
    ],
}


@pytest.mark.parametrize("name", LARGE)
def test_networks_larger_than_their_weights_are_not_made(name, path, monkeypatch):
    rewrite(path, LARGE[name])
    content, tensors = read_crafted(path)
    write_crafted(path, content, {"history": tensors["history"]})
    sizes = []
    empty = torch.nn.Conv2d.__init__

    def watched(self, *args, **kwargs):
        empty(self, *args, **kwargs)
        sizes.append(0 if self.weight.is_meta else self.weight.numel())

    monkeypatch.setattr(torch.nn.Conv2d, "__init__", watched)
    with pytest.raises(ValueError, match=r"length 1000000|weights of .* components"):
        load(path)
    assert len(sizes) < 50 and sum(sizes) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("autoencoders.0.encoder.stem.1.weight", float("nan")),
        ("discriminators.1.output.bias", float("inf")),
        ("autoencoders.0.encoder.stem.2.running_var", -1.0),
        ("autoencoders.1.encoder.stem.2.running_mean", float("nan")),
    ],
)
def test_weights_that_are_not_finite_are_refused(name, value, path):
    content, tensors = read_crafted(path)
    tensors[name].view(-1)[0] = value
    write_crafted(path, content, tensors)
    with pytest.raises(ValueError, match="finite weights, and variances of 0 or more"):
        load(path)


def test_weights_whose_estimates_overflow_are_refused_when_used(path):
    content, tensors = read_crafted(path)
    for name, tensor in tensors.items():
        if name.endswith(".weight"):
            tensor.fill_(3e38)
    write_crafted(path, content, tensors)
    with pytest.raises(ValueError, match="estimates are not finite"):
        load(path).transform(make_mixtures(2)[0])


@pytest.mark.parametrize("change", ["remove", "add", "longer", "double"])
def test_tensors_must_be_those_of_the_networks(change, path):
    content, tensors = read_crafted(path)
    name = "autoencoders.0.encoder.stem.1.weight"
    weight = tensors.pop(name)
    tensors |= {
        "remove": {},
        "add": {name: weight, f"{name}_": weight.clone()},
        "longer": {name: torch.cat([weight, weight])},
        "double": {name: weight.double()},
    }[change]
    write_crafted(path, content, tensors)
    with pytest.raises(ValueError, match="weights do not fit the networks"):
        load(path)


def test_tensors_of_nothing_are_refused(path):
    content, tensors = read_crafted(path)
    write_crafted(path, content, tensors | {"code": torch.ones(3)})
    with pytest.raises(ValueError, match="got .'code'"):
        load(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes")
def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        load(tmp_path / "pipe")
    if os.path.exists("/dev/zero"):
        with pytest.raises(OSError, match="not a regular file"):
            load("/dev/zero")


def test_home_is_expanded(separator, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    separator.save(tmp_path / "a")
    assert load("~/a").n_components_ == 2


def test_what_cannot_be_loaded_is_not_saved(separator, tmp_path):
    separator = AESeparator(**FAST).fit(*make_mixtures(12)).set_params(lr=-1)
    with pytest.raises(ValueError, match="'lr' parameter"):
        separator.save(tmp_path / "a")
    assert not any(tmp_path.iterdir())


SAVING = """
from cases import FAST, make_mixtures
from sklearn_cass import CASSSeparator
separator = CASSSeparator(**FAST | {"precision": "float32"})
separator.fit(*make_mixtures(8))
for epoch in separator.history_:
    epoch["dur"] = 0.0  # seconds
separator.save("a")
"""


@pytest.mark.slow
def test_saved_bytes_do_not_depend_on_hash_seeds(tmp_path):
    saved = []
    for seed in "0123":
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        }
        command = [sys.executable, "-c", SAVING]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True)
        saved.append((tmp_path / "a").read_bytes())
    assert len(set(saved)) == 1


def test_equal_separators_have_equal_files(separator, tmp_path):
    for name in "abcd":
        separator.save(tmp_path / name)
    assert len({(tmp_path / name).read_bytes() for name in "abcd"}) == 1


def test_own_module_may_hold_tensors_beside_its_weights(tmp_path):
    # what is no weight is made by the class itself
    from sklearn_cass import Modules

    settings = {"network": Modules(WindowEncoder, OneDecoder)}
    separator = AESeparator(**FAST | settings).fit(*make_mixtures(8))
    separator.save(tmp_path / "a")
    loaded = load(tmp_path / "a", classes=[WindowEncoder, OneDecoder])
    X = make_mixtures(3)[0]
    assert np.array_equal(loaded.transform(X), separator.transform(X))


class WindowEncoder(torch.nn.Module):
    """Encoder with a constant, a buffer that is not saved, and a lazy layer."""

    def __init__(self, in_channels, n_freqs):
        super().__init__()
        self.window = torch.hann_window(3)
        self.register_buffer("ramp", torch.linspace(0, 1, n_freqs), persistent=False)
        self.layer = torch.nn.LazyConv2d(2, 1)

    def forward(self, x):
        return self.layer(x * self.window[1] * self.ramp.view(-1, 1))


class OneDecoder(torch.nn.Conv2d):
    """Decoder of one layer."""

    def __init__(self, out_channels, n_freqs):
        super().__init__(2, out_channels, 1)
