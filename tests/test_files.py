"""Separators saved to files and loaded: all of it, nothing damaged, no code run."""

import os
import struct
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from cases import FAST, SEPARATORS, WIDE, equal_states, make_mixtures, states
from crafted_files import read_crafted, rewrite
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from skorch.callbacks import EpochTimer

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    Checkpoint,
    Modules,
    ResNet9,
    STFTTransformer,
    load,
)
from sklearn_cass.persistence import file_format
from sklearn_cass.training import Muon

pytestmark = pytest.mark.usefixtures("generators_stand_still")

FIXTURES = Path(__file__).parent / "files"


class OwnEncoder(torch.nn.Conv2d):
    """An encoder that is not part of the package."""

    def __init__(self, in_channels, n_freqs, width=2):
        super().__init__(in_channels, width, 1)


class OwnDecoder(torch.nn.Conv2d):
    """A decoder that is not part of the package."""

    def __init__(self, out_channels, n_freqs, width=2):
        super().__init__(width, out_channels, 1)


class OwnDiscriminator(torch.nn.Module):
    """A discriminator that is not part of the package."""

    def __init__(self, in_channels, n_freqs):
        super().__init__()
        self.layer = torch.nn.Conv2d(in_channels, 1, (n_freqs, 1))

    def forward(self, x):
        return self.layer(x).mean((1, 2, 3))


class OwnNetwork(ResNet9):
    """A network that is not part of the package."""

    def make_encoder(self, shape):
        return super().make_encoder(shape).requires_grad_(True)


class OwnSeparator(CASSSeparator):
    """A separator that is not part of the package."""


def own_loss(estimate, target):
    """Return the mean absolute error."""
    return (estimate - target).abs().mean()


def own_optimizer(params, lr, momentum=0.0):
    """Return plain gradient descent."""
    return torch.optim.SGD(params, lr, momentum)


@pytest.fixture(scope="module")
def data():
    return make_mixtures(12)


@pytest.fixture(scope="module")
def separator(data):
    weights = [[0, 0.1], [0, 0]]
    return CASSSeparator(**FAST, cross_weights=weights).fit(*data)


@pytest.fixture
def path(separator, tmp_path):
    path = tmp_path / "separator.safetensors"
    separator.save(path)
    return path


def header_of(path):
    """The package's own header."""
    return read_crafted(path)[0]["header"]


# --- round trips --------------------------------------------------------------------


def network(**settings):
    return {"network": ResNet9(2, 4, **settings)}


SETTINGS = {
    "mask": network(output="mask", skip_connections=False, dilation=np.int64(2)),
    "magnitude": {"representation": "magnitude"},
    "phase-sensitive": {
        **network(output="ratio_mask", compression=0.5),
        "representation": "phase-sensitive",
    },
    "affine": {**network(output="affine"), "reconstruction_loss": "relative"},
    "stft": {"stft": STFTTransformer(n_fft=9, hop_length=2, window=("kaiser", 5.0))},
    "window": {"stft": STFTTransformer(n_fft=8, window=np.hanning(10)[1:-1])},
    "waveforms": {"stft": False},
    "device": {"device": torch.device("cpu")},
    "numpy numbers": {"lr": np.float32(1e-3), "cross_weights": np.diag([0.5], 1)},
    "RandomState": {"random_state": np.random.RandomState(1)},
    "PCG64": {"random_state": np.random.RandomState(np.random.PCG64(1))},
    "optimizer": {"optimizer": partial(Muon, weight_decay=0.1)},
    "torch's optimizer": {"optimizer": torch.optim.SGD},
}


def assert_saved(separator, data, *, classes=()):
    """Save a separator, load it, and compare all of it."""
    X, y = data
    separator.save("a.safetensors")
    loaded = load("a.safetensors", classes=classes)
    assert type(loaded) is type(separator)
    assert all(map(equal_states, states(loaded), states(separator)))
    assert (loaded.transform(X) == separator.transform(X)).all()
    assert loaded.history_.to_list() == separator.history_.to_list()
    assert loaded.n_iter_ == separator.n_iter_
    assert loaded.n_features_in_ == separator.n_features_in_
    assert loaded.component_names_.tolist() == [0, 1]
    loaded.save("b.safetensors")
    assert Path("a.safetensors").read_bytes() == Path("b.safetensors").read_bytes()
    if isinstance(separator, CASSSeparator):
        assert (loaded.discriminate(y) == separator.discriminate(y)).all()
    return loaded


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("cls", "name"),
    [*((CASSSeparator, n) for n in SETTINGS), *((c, "mask") for c in SEPARATORS[:-1])],
)
def test_loaded_separator_equals_the_saved_one(cls, name, data, in_folder):
    separator = cls(**FAST | SETTINGS[name]).fit(*data)
    loaded = assert_saved(separator, data)
    assert equal(separator, loaded)


def equal(saved, loaded):
    """Return whether values of parameters are equal."""
    if hasattr(saved, "get_params") and not isinstance(saved, type):
        same = type(saved) is type(loaded)
        return same and equal(saved.get_params(False), loaded.get_params(False))
    if isinstance(saved, np.random.RandomState):
        return equal(saved.get_state(legacy=False), loaded.get_state(legacy=False))
    if isinstance(saved, partial):
        return (saved.func, saved.keywords) == (loaded.func, loaded.keywords)
    if isinstance(saved, dict):
        return saved.keys() == loaded.keys() and all(
            equal(saved[name], loaded[name]) for name in saved
        )
    if isinstance(saved, np.ndarray):
        return np.array_equal(saved, loaded)
    return saved == loaded


def test_loaded_default_network_is_none(data, in_folder):
    X, y = data
    separator = AESeparator(max_epochs=1, random_state=0).fit(X[:1], y[:1])
    assert assert_saved(separator, (X[:2], y)).network is None


@pytest.mark.parametrize("names", [["voice", "noise"], [3, 7], [True, False]])
def test_loaded_separator_keeps_component_names(names, tmp_path):
    X, y = make_mixtures(8)
    recordings, labels = np.concatenate([y[:, 0], y[:, 1]]), np.repeat(names, 8)
    separator = AESeparator(**FAST).fit(recordings, labels)
    separator.save(tmp_path / "a")
    loaded = load(tmp_path / "a")
    assert loaded.component_names_.tolist() == sorted(names)
    assert loaded.component_names_.dtype == separator.component_names_.dtype
    assert loaded.score(recordings, labels) == separator.score(recordings, labels)


def test_loaded_separator_inverts_spectrograms(data, tmp_path):
    X, y = data
    stft = STFTTransformer(n_fft=16).fit(X)
    separator = AESeparator(**FAST).fit(stft.transform(X), y)
    separator.save(tmp_path / "a")
    estimates = load(tmp_path / "a").transform(stft.transform(X))
    assert (estimates == separator.transform(stft.transform(X))).all()


def test_parameters_set_after_fit_do_not_change_saved_networks(data, tmp_path):
    X, y = data
    separator = AESeparator(**FAST | network()).fit(X, y)
    expected = separator.transform(X)
    separator.set_params(network__n_filters=5, network__output="mask")
    separator.set_params(representation="magnitude", stft=False)
    separator.save(tmp_path / "a")
    loaded = load(tmp_path / "a")
    assert (loaded.transform(X) == expected).all()
    assert loaded.network.n_filters == 5


def test_loaded_separator_can_be_fitted_again(data, path):
    X, y = data
    loaded = load(path).set_params(warm_start=True).fit(X, y)
    assert loaded.n_iter_ == 2
    fresh = clone(load(path)).fit(X, y)
    assert (fresh.transform(X) == load(path).transform(X)).all()


def test_save_warns_that_callbacks_are_lost(data, tmp_path):
    separator = AESeparator(**FAST, callbacks=[EpochTimer()]).fit(*data)
    with pytest.warns(UserWarning, match="callbacks are not saved"):
        separator.save(tmp_path / "a")
    assert load(tmp_path / "a").callbacks is None


@pytest.mark.parametrize("checkpoint", [Path("a"), Checkpoint("a", every=2)])
def test_folder_of_the_training_is_not_saved(checkpoint, data, in_folder):
    separator = AESeparator(**FAST, checkpoint=checkpoint).fit(*data)
    separator.save("a.safetensors")
    assert load("a.safetensors").checkpoint is None
    # nor taken from files that were made by others
    given = {"checkpoint": "elsewhere", "callbacks": []}
    rewrite(Path("a.safetensors"), lambda ours: ours["parameters"].update(given))
    loaded = load("a.safetensors").fit(*data)
    assert loaded.checkpoint is None and loaded.callbacks is None
    assert sorted(os.listdir()) == ["a", "a.safetensors"]


def test_header_describes_the_separator(path):
    ours = header_of(path)
    assert ours["separator"][1] == "CASSSeparator"
    reference, parameters = ours["parameters"]["network"]["object"]
    assert reference == ["sklearn_cass.nn.networks", "ResNet9"]
    assert ["n_filters", 2] in parameters["dict"]
    assert ours["parameters"]["cross_weights"] == [[0, 0.1], [0, 0]]
    assert ours["domains"]["X_shape"] == [64]
    assert ours["learned"]["component_names_"] == {"ndarray": ["<i8", [0, 1]]}
    assert ours["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]


def test_weights_are_plain_safetensors(path, separator):
    tensors = safetensors.torch.load_file(path)
    weights = separator.net_.module_.state_dict()
    for name, weight in weights.items():
        assert torch.equal(tensors[f"autoencoders.{name}"], weight)


@pytest.mark.parametrize("version", [3, 4])
def test_files_of_formats_are_read(version):
    # written by `python tests/files/write.py`
    loaded = load(FIXTURES / f"cass-format-{version}.safetensors")
    loaded.net_.autocast = False  # as the estimates were computed
    estimates = np.load(FIXTURES / f"cass-format-{version}-estimates.npy")
    X, y = make_mixtures(8, n_times=32)
    np.testing.assert_allclose(loaded.transform(X), estimates, atol=1e-5)
    assert loaded.cross_weights == [[0, 0.1], [0, 0]]
    assert loaded.stft.window == ("kaiser", 8.0)
    assert repr(loaded.network) == "ResNet9(n_filters=1, n_latent=1, output='mask')"
    assert loaded.component_names_.tolist() == [0, 1]
    assert loaded.discriminate(y).shape == (8, 2, 2)
    assert loaded.n_iter_ == 1
    if version == 4:
        assert repr(loaded.remix) == "Remix(gain=(-6, 6), noise='white', sign=True)"
        assert loaded.filter_.band == (None, 40)


@pytest.mark.parametrize("fast", [True, False])
def test_loaded_precision_is_that_of_the_machine(fast, path, monkeypatch):
    is_fast = "sklearn_cass.training.parameters.has_fast_bfloat16"
    monkeypatch.setattr(is_fast, lambda device: fast)
    loaded = load(path)
    assert loaded.precision == "auto"
    assert loaded.net_.autocast == fast


def test_device_that_is_not_available_becomes_the_cpu(data, path):
    X, _ = data
    rewrite(path, lambda ours: ours["parameters"].update(device="cuda:99"))
    with pytest.warns(UserWarning, match="onto the CPU.*cuda:99"):
        loaded = load(path)
    assert loaded.device == "cpu"
    assert np.isfinite(loaded.transform(X)).all()


# --- own classes and functions ------------------------------------------------------


OWN_MODULES = {"encoder": OwnEncoder, "decoder": OwnDecoder}

OWN = {
    "modules": (
        {
            "network": Modules(
                **OWN_MODULES,
                discriminator=OwnDiscriminator,
                encoder__width=3,
                decoder__width=3,
                output="mask",
                compression=0.5,
            )
        },
        [OwnEncoder, OwnDecoder, OwnDiscriminator],
    ),
    "partial modules": (
        {
            "network": Modules(
                partial(OwnEncoder, width=3), partial(OwnDecoder, width=3)
            )
        },
        [OwnEncoder, OwnDecoder],
    ),
    "network": ({"network": OwnNetwork(2, 4, dilation=1)}, [OwnNetwork]),
    "loss": ({"reconstruction_loss": own_loss}, [own_loss]),
    "optimizer": ({"optimizer": own_optimizer}, [own_optimizer]),
    "partial optimizer": (
        {"optimizer": partial(own_optimizer, momentum=0.5)},
        [own_optimizer],
    ),
}


@pytest.mark.parametrize("kind", OWN)
def test_own_classes_are_passed_to_load(kind, data, in_folder):
    settings, classes = OWN[kind]
    separator = CASSSeparator(**FAST | settings).fit(*data)
    loaded = assert_saved(separator, data, classes=classes)
    assert equal(separator, loaded)
    # all names that are missing stand in one message, and no others
    for passed in ([], classes[:-1]):
        with pytest.raises(ValueError, match="classes or functions .* pass") as raised:
            load("a.safetensors", classes=passed)
        for own in classes:
            name = f"{own.__qualname__} of {__name__}"
            assert (name in str(raised.value)) == (own not in passed)


def test_loaded_own_network_can_be_searched_and_fitted(data, tmp_path):
    settings, classes = OWN["modules"]
    separator = AESeparator(**FAST | settings).fit(*data)
    separator.save(tmp_path / "a")
    loaded = load(tmp_path / "a", classes=classes)
    widths = {"network__encoder__width": 4, "network__decoder__width": 4}
    loaded.set_params(**widths).fit(*data)
    assert loaded.net_.module_[0].encoder.out_channels == 4


def test_own_separator_is_passed_to_load(data, tmp_path):
    separator = OwnSeparator(**FAST).fit(*data)
    separator.save(tmp_path / "a")
    with pytest.raises(ValueError, match=f"pass OwnSeparator of {__name__} in"):
        load(tmp_path / "a")
    assert type(load(tmp_path / "a", classes=[OwnSeparator])) is OwnSeparator


def test_weights_of_other_shapes_are_refused(path):
    def widen(ours):
        parameters = ours["net"]["network"]["object"][1]["dict"]
        parameters[[name for name, _ in parameters].index("n_filters")][1] = 3

    rewrite(path, widen)
    with pytest.raises(ValueError, match="weights do not fit the networks"):
        load(path)


def test_load_imports_nothing_that_a_file_names(path):
    names = ["antigravity", "this"]
    for name in names:
        assert name not in sys.modules

    def change(ours):
        ours["separator"] = [names[0], "Popen"]
        ours["parameters"]["network"] = {"object": [[names[1], "s"], {"dict": []}]}

    rewrite(path, change)
    with pytest.raises(ValueError, match="pass Popen of antigravity and s of this in"):
        load(path)
    assert not set(names) & set(sys.modules)


@pytest.mark.parametrize("tag", ["name", "object"])
@pytest.mark.parametrize("place", ["parameters", "net"])
def test_load_makes_no_object_of_other_names(path, place, tag):
    for module, name in [
        ("builtins", "eval"),
        ("torch.utils.data", "get_worker_info"),
        ("sklearn_cass.nn.networks", "WIDTH"),
        ("sklearn_cass.nn.networks", "ResNet9.make_encoder"),
        ("sklearn_cass.nn.networks", "nn.Linear"),
        ("sklearn_cass.nn.networks", "__doc__"),
    ]:
        content = [module, name]
        content = content if tag == "name" else [content, {"dict": []}]
        rewrite(path, lambda ours, c=content: ours[place].update(network={tag: c}))
        with pytest.raises(ValueError, match=f"pass {name} of {module} in"):
            load(path)


# --- what cannot be written or read -------------------------------------------------


def test_save_needs_a_fitted_separator(tmp_path):
    with pytest.raises(NotFittedError):
        AESeparator().save(tmp_path / "a")
    assert not any(tmp_path.iterdir())


class Loss:
    """A callable without a name by which it could be passed to load."""

    def __call__(self, estimate, target):
        return own_loss(estimate, target)


class Protocol:
    """A network that has the three methods and no parameters."""

    def __getattr__(self, name):
        if name.startswith("make_"):
            return getattr(ResNet9(2, 4), name)
        raise AttributeError(name)


STRANGE = {
    "optimizer": lambda params, lr: own_optimizer(params, lr),
    "reconstruction_loss": Loss(),
    "network": Protocol(),
}


@pytest.mark.parametrize("name", STRANGE)
def test_parameters_that_cannot_be_saved_are_named(name, data, tmp_path):
    separator = AESeparator(**FAST | {name: STRANGE[name]}).fit(*data)
    with pytest.raises(TypeError, match=f"^{name}=.*cannot be written: .*"):
        separator.save(tmp_path / "a")
    assert not any(tmp_path.iterdir())


def test_state_that_cannot_be_saved_is_named(data, tmp_path):
    class Stateful(OwnEncoder):
        def get_extra_state(self):
            return {"n_calls": 3}

        def set_extra_state(self, state):
            pass

    network = Modules(Stateful, OwnDecoder)
    separator = AESeparator(**FAST | {"network": network}).fit(*data)
    with pytest.raises(TypeError, match="state .*_extra_state' is of type dict"):
        separator.save(tmp_path / "a")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("moment", ["write", "fsync", "rename"])
def test_save_that_fails_leaves_the_old_file(moment, separator, path, monkeypatch):
    before = path.read_bytes()

    def crash(*args):
        raise OSError("no space left")

    if moment == "write":
        monkeypatch.setattr(file_format, "save", lambda *args: 17)  # no bytes
    else:
        monkeypatch.setattr(os, {"fsync": "fsync", "rename": "replace"}[moment], crash)
    with pytest.raises((OSError, TypeError)):
        separator.save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_load_of_a_missing_file_raises_oserror(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "a")
    with pytest.raises(OSError):
        load(tmp_path)


def test_load_refuses_a_file_cut_off_anywhere(path):
    data = path.read_bytes()
    lengths = np.unique(np.geomspace(1, len(data) - 1, 60).astype(int))
    for length in [0, *lengths, len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="damaged"):
            load(path)


def test_load_refuses_a_file_with_a_flipped_bit(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    rng = np.random.default_rng(0)
    places = [*range(64), *rng.integers(64, 8 * (8 + length), 50)]
    for place in [*places, *rng.integers(8 * (8 + length), 8 * len(data), 30)]:
        byte, bit = divmod(int(place), 8)
        flipped = bytearray(data)
        flipped[byte] ^= 1 << bit
        path.write_bytes(flipped)
        with pytest.raises(ValueError, match=r"damaged|must be|version"):
            load(path)


def test_load_refuses_bytes_after_the_end(path):
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="damaged"):
        load(path)


@pytest.mark.parametrize("kind", ["text", "pickle", "safetensors"])
def test_load_refuses_files_of_other_programs(kind, tmp_path):
    path = tmp_path / "a"
    if kind == "text":
        path.write_text("hello")
    elif kind == "pickle":
        torch.save({"a": torch.ones(3)}, path)
    else:
        safetensors.torch.save_file({"a": torch.ones(3)}, path)
    with pytest.raises(ValueError, match="another format|not written by sklearn_cass"):
        load(path)


def test_load_refuses_a_checkpoint(data, tmp_path):
    AESeparator(**FAST, checkpoint=tmp_path).fit(*data)
    (path,) = tmp_path.glob("*/checkpoint.safetensors")
    with pytest.raises(ValueError, match="must be a separator .* it is a checkpoint"):
        load(path)


@pytest.mark.parametrize("version", [2, file_format.VERSION + 1])
def test_load_refuses_another_format_version(path, version):
    rewrite(path, lambda ours: None, version=version)
    message = f"format version {version}.* reads versions 3 to {file_format.VERSION}"
    with pytest.raises(ValueError, match=message):
        load(path)


def test_wide_networks_are_saved_bit_for_bit(data, tmp_path):
    separator = CASSSeparator(**WIDE).fit(*data)
    separator.save(tmp_path / "a")
    assert all(map(equal_states, states(load(tmp_path / "a")), states(separator)))
