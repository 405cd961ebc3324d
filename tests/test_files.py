"""Separators saved to files and loaded: all of it, nothing damaged, no code run."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from cases import FAST, IDENTITY, SEPARATORS, WIDE, equal_states, make_mixtures, states
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from skorch.callbacks import EpochTimer

from sklearn_cass import AESeparator, CASSSeparator, STFTTransformer, files, load
from sklearn_cass.nn import Decoder, Discriminator, Encoder

pytestmark = pytest.mark.usefixtures("generators_stand_still")

FIXTURES = Path(__file__).parent / "files"


class OwnEncoder(Encoder):
    """A network of a user's own."""


class OwnDiscriminator(Discriminator):
    """Another."""


class OwnSeparator(CASSSeparator):
    """A separator of a user's own."""


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


def contents(path):
    """Length of the header, the header and the bytes after it."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def put(path, header, rest):
    """Write a file of another header."""
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + rest)


# --- round trips --------------------------------------------------------------------

SETTINGS = {
    "defaults": {},
    "mask": {"output": "mask"},
    "magnitude": {"representation": "magnitude"},
    "phase-sensitive": {
        "representation": "phase-sensitive",
        "output": "ratio_mask",
        "compression": 0.5,
    },
    "affine": {"output": "affine", "reconstruction_loss": "relative"},
    "stft": {"stft": STFTTransformer(n_fft=9, hop_length=2, window=("kaiser", 5.0))},
    "window": {"stft": STFTTransformer(n_fft=8, window=np.hanning(10)[1:-1])},
    "device": {"device": torch.device("cpu")},
    "numpy numbers": {"n_filters": np.int64(2), "lr": np.float32(1e-3)},
    "RandomState": {"random_state": np.random.RandomState(1)},
    "PCG64": {"random_state": np.random.RandomState(np.random.PCG64(1))},
    "checkpoint": {"checkpoint": "folder"},
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("cls", SEPARATORS)
def test_a_loaded_separator_is_the_saved_one(cls, name, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = data
    separator = cls(**FAST | SETTINGS[name]).fit(X, y)
    separator.save("a.safetensors")
    loaded = load("a.safetensors")
    assert type(loaded) is cls
    assert all(map(equal_states, states(loaded), states(separator)))
    assert (loaded.transform(X) == separator.transform(X)).all()
    assert loaded.history_.to_list() == separator.history_.to_list()
    assert loaded.n_iter_ == separator.n_iter_
    assert loaded.n_features_in_ == separator.n_features_in_
    assert loaded.component_names_.tolist() == [0, 1]
    loaded.save("b.safetensors")
    assert contents(Path("a.safetensors")) == contents(Path("b.safetensors"))
    own, given = loaded.get_params(), separator.get_params()
    for parameters in (own, given):
        del parameters["stft"], parameters["random_state"]
        if "stft__window" in parameters:
            parameters["stft__window"] = list(parameters["stft__window"])
    assert own == given
    if cls is not AESeparator:
        assert (loaded.discriminate(y) == separator.discriminate(y)).all()


@pytest.mark.parametrize("names", [["voice", "noise"], [3, 7], [True, False]])
def test_component_names_are_kept(names, tmp_path):
    X, y = make_mixtures(8)
    recordings, labels = np.concatenate([y[:, 0], y[:, 1]]), np.repeat(names, 8)
    separator = AESeparator(**FAST).fit(recordings, labels)
    separator.save(tmp_path / "a")
    loaded = load(tmp_path / "a")
    assert loaded.component_names_.tolist() == sorted(names)
    assert loaded.component_names_.dtype == separator.component_names_.dtype
    assert loaded.score(recordings, labels) == separator.score(recordings, labels)


def test_spectrograms_come_back_as_waveforms(data, tmp_path):
    X, y = data
    stft = STFTTransformer(n_fft=16).fit(X)
    separator = AESeparator(**FAST).fit(stft.transform(X), y)
    separator.save(tmp_path / "a")
    estimates = load(tmp_path / "a").transform(stft.transform(X))
    assert (estimates == separator.transform(stft.transform(X))).all()


def test_parameters_set_after_fit_do_not_change_what_was_learned(data, tmp_path):
    X, y = data
    separator = AESeparator(**FAST).fit(X, y)
    expected = separator.transform(X)
    separator.set_params(output="mask", n_filters=5, representation="magnitude")
    separator.save(tmp_path / "a")
    loaded = load(tmp_path / "a")
    assert (loaded.transform(X) == expected).all()
    assert loaded.n_filters == 5


def test_a_loaded_separator_can_be_fitted_again(data, path):
    X, y = data
    loaded = load(path).set_params(warm_start=True).fit(X, y)
    assert loaded.n_iter_ == 2
    fresh = clone(load(path)).fit(X, y)
    assert (fresh.transform(X) == load(path).transform(X)).all()


def test_callbacks_are_named_as_lost(data, tmp_path):
    separator = AESeparator(**FAST, callbacks=[EpochTimer()]).fit(*data)
    with pytest.warns(UserWarning, match="callbacks are not saved"):
        separator.save(tmp_path / "a")
    assert load(tmp_path / "a").callbacks is None


def test_the_header_tells_what_is_inside(path):
    header, _ = contents(path)
    metadata = header["__metadata__"]
    ours = json.loads(metadata["header"])
    assert metadata["format"] == "sklearn_cass separator"
    assert ours["separator"][1] == "CASSSeparator"
    assert ours["parameters"]["n_filters"] == 2
    assert ours["parameters"]["cross_weights"] == [[0, 0.1], [0, 0]]
    assert ours["domains"]["X_shape"] == {"tuple": [64]}
    assert ours["learned"]["component_names_"] == {"ndarray": ["<i8", [0, 1]]}
    assert ours["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]


def test_other_programs_read_the_weights(path, separator):
    tensors = safetensors.torch.load_file(path)
    weights = separator.net_.module_.state_dict()
    for name, weight in weights.items():
        assert torch.equal(tensors[f"autoencoders.{name}"], weight)


def test_a_file_of_the_first_release_is_read():
    # written with FAST, n_filters=n_latent=1, cross_weights [[0, 0.1], [0, 0]] and an
    # STFT of a Kaiser window from make_mixtures(8, n_times=32)
    loaded = load(FIXTURES / "cass-format-1.safetensors")
    loaded.net_.autocast = False  # as the estimates were computed
    estimates = np.load(FIXTURES / "cass-format-1-estimates.npy")
    X, y = make_mixtures(8, n_times=32)
    np.testing.assert_allclose(loaded.transform(X), estimates, atol=1e-5)
    assert loaded.cross_weights == [[0, 0.1], [0, 0]]
    assert loaded.stft.window == ("kaiser", 8.0)
    assert loaded.component_names_.tolist() == [0, 1]
    assert loaded.discriminate(y).shape == (8, 2, 2)
    assert loaded.n_iter_ == 1


@pytest.mark.parametrize("fast", [True, False])
def test_precision_is_chosen_for_the_machine_that_reads(fast, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: fast)
    loaded = load(FIXTURES / "cass-format-1.safetensors")
    assert loaded.precision == "auto"
    assert loaded.net_.autocast == fast


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_saved_on_cuda_loaded_on_the_cpu(data, tmp_path, monkeypatch):
    X, y = data
    settings = FAST | {"device": "cuda", "precision": "float32"}
    separator = CASSSeparator(**settings).fit(X, y)
    separator.save(tmp_path / "a")
    monkeypatch.setattr("sklearn_cass.persistence.load.check_device", no_cuda)
    with pytest.warns(UserWarning, match="loaded onto the CPU"):
        loaded = load(tmp_path / "a")
    np.testing.assert_allclose(
        loaded.transform(X), separator.transform(X), rtol=1e-3, atol=1e-4
    )


def no_cuda(device):
    if device == "cpu":
        return torch.device("cpu")
    raise ValueError(f"device={device!r} is not to be had here")


def test_a_device_that_is_not_there_becomes_the_cpu(data, path):
    X, _ = data
    rewrite(path, lambda ours: ours["parameters"].update(device="cuda:99"))
    with pytest.warns(UserWarning, match="onto the CPU.*cuda:99"):
        loaded = load(path)
    assert loaded.device == "cpu"
    assert np.isfinite(loaded.transform(X)).all()


def rewrite(path, change, metadata_change=dict):
    """Change the header of a file and give it the right checksum."""
    header, _ = contents(path)
    metadata = header["__metadata__"]
    ours = json.loads(metadata["header"])
    change(ours)
    metadata["header"] = json.dumps(ours)
    metadata |= metadata_change()
    tensors = safetensors.torch.load_file(path)
    del metadata["sha256"]
    metadata["sha256"] = files.digest(metadata, tensors)
    path.write_bytes(safetensors.torch.save(tensors, metadata))


# --- classes of a user's own --------------------------------------------------------


def test_networks_of_a_users_own_are_handed_in(data, tmp_path):
    X, y = data
    own = {"encoder": OwnEncoder, "discriminator": OwnDiscriminator}
    separator = CASSSeparator(**FAST, **own).fit(X, y)
    separator.save(tmp_path / "a")
    with pytest.raises(ValueError, match="discriminator=OwnD.*encoder=OwnEncoder"):
        load(tmp_path / "a")
    with pytest.raises(ValueError, match=r"discriminator=OwnD\w+ of test_files to"):
        load(tmp_path / "a", encoder=OwnEncoder)
    loaded = load(tmp_path / "a", **own)
    assert loaded.encoder is OwnEncoder
    assert loaded.decoder is Decoder
    assert (loaded.transform(X) == separator.transform(X)).all()


def test_networks_of_other_shapes_do_not_fit(data, tmp_path):
    separator = AESeparator(**FAST, **IDENTITY).fit(*data)
    separator.save(tmp_path / "a")
    with pytest.raises(ValueError, match="does not fit the networks"):
        load(tmp_path / "a", encoder=Encoder, decoder=Decoder)


def test_a_separator_of_a_users_own_is_handed_in(data, tmp_path):
    separator = OwnSeparator(**FAST).fit(*data)
    separator.save(tmp_path / "a")
    with pytest.raises(ValueError, match="holds a OwnSeparator of test_files"):
        load(tmp_path / "a")
    assert type(load(tmp_path / "a", cls=OwnSeparator)) is OwnSeparator


def test_a_separator_of_another_class_is_refused(path):
    assert type(load(path, cls=CASSSeparator)) is CASSSeparator
    with pytest.raises(ValueError, match="holds a CASSSeparator .* cls=AESeparator"):
        load(path, cls=AESeparator)


def test_reading_a_file_imports_nothing_that_it_names(path):
    rewrite(path, lambda ours: ours.update(separator=["antigravity", "Popen"]))
    code = f"import sys, sklearn_cass\nsklearn_cass.load({str(path)!r})"
    run = subprocess.run([sys.executable, "-X", "importtime", "-c", code], text=True,
                         capture_output=True, check=False)  # fmt: skip
    assert run.returncode
    assert "holds a Popen of antigravity" in run.stderr
    assert not [
        line for line in run.stderr.splitlines() if line.endswith("antigravity")
    ]


@pytest.mark.parametrize("place", ["parameters", "net"])
def test_only_networks_are_made_of_names(path, place):
    key = {"parameters": "encoder", "net": "module__encoder"}[place]
    for name in ("get_worker_info", "functional", "level", "nn.Linear", "__doc__"):
        content = {"class": ["sklearn_cass.nn.resnet9", name]}
        rewrite(path, lambda ours, c=content: ours[place].update({key: c}))
        with pytest.raises(ValueError, match="pass encoder="):
            load(path)


# --- what cannot be written or read -------------------------------------------------


def test_only_what_is_fitted_is_saved(tmp_path):
    with pytest.raises(NotFittedError):
        AESeparator().save(tmp_path / "a")
    assert not any(tmp_path.iterdir())


def test_parameters_of_a_strange_type_are_named(data, tmp_path):
    separator = AESeparator(**FAST, **IDENTITY).fit(*data)
    separator.encoder = lambda *args, **kwargs: None
    with pytest.raises(TypeError, match="encoder=.*cannot be written.*function"):
        separator.save(tmp_path / "a")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("moment", ["write", "fsync", "rename"])
def test_a_crash_leaves_the_old_file(moment, separator, path, monkeypatch):
    before = path.read_bytes()

    def crash(*args):
        raise OSError("no space left")

    if moment == "write":
        monkeypatch.setattr(files, "save", lambda *args: 17)  # no bytes
    else:
        monkeypatch.setattr(os, {"fsync": "fsync", "rename": "replace"}[moment], crash)
    with pytest.raises((OSError, TypeError)):
        separator.save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "a")
    with pytest.raises(OSError):
        load(tmp_path)


def test_every_cut_is_noticed(path):
    data = path.read_bytes()
    lengths = np.unique(np.geomspace(1, len(data) - 1, 60).astype(int))
    for length in [0, *lengths, len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="damaged"):
            load(path)


def test_every_flipped_bit_is_noticed(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    rng = np.random.default_rng(0)
    places = [*range(64), *rng.integers(64, 8 * (8 + length), 100)]
    for place in [*places, *rng.integers(8 * (8 + length), 8 * len(data), 60)]:
        byte, bit = divmod(int(place), 8)
        flipped = bytearray(data)
        flipped[byte] ^= 1 << bit
        path.write_bytes(flipped)
        with pytest.raises(ValueError, match=r"damaged|must be|version"):
            load(path)


def test_bytes_after_the_end_are_noticed(path):
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="damaged"):
        load(path)


@pytest.mark.parametrize("kind", ["text", "pickle", "safetensors"])
def test_files_of_other_programs_are_refused(kind, tmp_path):
    path = tmp_path / "a"
    if kind == "text":
        path.write_text("hello")
    elif kind == "pickle":
        torch.save({"a": torch.ones(3)}, path)
    else:
        safetensors.torch.save_file({"a": torch.ones(3)}, path)
    with pytest.raises(ValueError, match="another format|not written by sklearn_cass"):
        load(path)


def test_a_checkpoint_is_no_separator(data, tmp_path):
    AESeparator(**FAST, checkpoint=tmp_path).fit(*data)
    with pytest.raises(ValueError, match="must be a separator .* sklearn_cass checkp"):
        load(tmp_path / "checkpoint.safetensors")


def test_a_file_of_a_later_version_is_refused(path):
    rewrite(path, lambda ours: None, lambda: {"version": str(files.VERSION + 1)})
    with pytest.raises(ValueError, match="format version 2.* reads version 1.*later"):
        load(path)


def test_wide_networks_are_kept_bit_for_bit(data, tmp_path):
    separator = CASSSeparator(**WIDE).fit(*data)
    separator.save(tmp_path / "a")
    assert all(map(equal_states, states(load(tmp_path / "a")), states(separator)))
