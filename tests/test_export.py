"""Exported separators give the estimates of `transform`, without this package."""

import json
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest
import torch
from cases import FAST, FILTERS, make_mixtures
from sklearn.exceptions import NotFittedError

from sklearn_cass import (
    AESeparator,
    BiLSTM,
    CASSSeparator,
    GANSeparator,
    ICASeparator,
    Modules,
    NMFSeparator,
    ResNet9,
    STFTTransformer,
)
from sklearn_cass.export.modules import STFT
from sklearn_cass.numeric import threads

TOLERANCE = 1e-4  # of the norm, as the docstring of `export` says


def resnet(**settings):
    return ResNet9(n_filters=2, n_latent=4, **settings)


def lstm(**settings):
    return BiLSTM(width=8, n_layers=2, **settings)


def fitted(separator=AESeparator, n_times=64, n_channels=None, mono=False, **settings):
    """Return mixtures in single precision and a separator that was fitted to them."""
    X, y = make_mixtures(n_samples=8, n_times=n_times, n_channels=n_channels)
    X, y = X.astype(np.float32), y.astype(np.float32)
    y = y.mean(axis=2) if mono else y
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two rows of components
        return X, separator(**FAST | settings).fit(X, y)


def run_torch(separator, path):
    """Export to a program of torch; return it as a function of arrays."""
    separator.export(path, format="torch")
    module = torch.export.load(path).module()
    return lambda X: module(torch.from_numpy(X)).numpy()


def run_onnx(separator, path):
    """Export to ONNX; return onnxruntime's session as a function of arrays."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    separator.export(path)
    session = onnxruntime.InferenceSession(path)
    return lambda X: session.run(["estimates"], {"mixtures": X})[0]


def difference(found, wanted):
    assert found.shape == wanted.shape
    assert found.dtype == np.float32
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


def assert_equivalent(function, X, separator):
    """Batches of one, three and all rows, loud and quiet ones, are as `transform`."""
    for rows in (slice(1), slice(1, 4), slice(None)):
        for factor in (1, 1e-12, 3e4):
            mixtures = np.float32(factor) * X[rows]
            wanted = separator.transform(mixtures)
            assert difference(function(mixtures), wanted) < TOLERANCE
    silence = np.zeros_like(X[:2])
    assert not function(silence).any()


# Settings whose graphs differ: networks, outputs, representations, shapes, transforms.
CASES = {
    "affine, complex, odd": {"network": resnet(output="affine"), "n_times": 101},
    "mask, compressed": {"network": resnet(output="mask", compression=0.5)},
    "direct, tall maps": {"stft": STFTTransformer(n_fft=64, hop_length=32)},
    "magnitude": {"network": resnet(), "representation": "magnitude", "n_times": 17},
    "recurrent, phase-sensitive": {"network": lstm(), "n_times": 100},
    "recurrent, affine, complex": {
        "network": lstm(output="affine"),
        "representation": "complex",
    },
    "one for all": {"separator": GANSeparator, "network": resnet(output="affine")},
    "cross training": {"separator": CASSSeparator},
    "channels": {"network": resnet(output="affine"), "n_channels": 3},
    "channels to one": {
        "network": resnet(output="ratio_mask"),
        "representation": "phase-sensitive",
        "n_channels": 3,
        "mono": True,
    },
    "waveforms": {"stft": False, "n_times": 51},
    "odd transform": {"stft": STFTTransformer(n_fft=15, hop_length=4)},
    "short window": {"stft": STFTTransformer(n_fft=20, win_length=16, hop_length=9)},
    "own networks": FILTERS,
}


@pytest.mark.slow
@pytest.mark.parametrize("run", [run_torch, run_onnx])
@pytest.mark.parametrize("case", CASES)
def test_estimates_are_those_of_transform(case, run, tmp_path):
    X, separator = fitted(**CASES[case])
    assert_equivalent(run(separator, tmp_path / "separator"), X, separator)


@pytest.mark.parametrize("run", [run_torch, run_onnx])
def test_filters_are_those_of_transform(run, tmp_path):
    X, separator = fitted(network=FILTERS["network"], n_times=65)
    state = torch.random.get_rng_state(), torch.get_num_threads(), warnings.filters[:]
    function = run(separator, tmp_path / "separator")
    assert torch.equal(torch.random.get_rng_state(), state[0])
    assert (torch.get_num_threads(), warnings.filters[:]) == state[1:]
    assert threads.usable_threads() is None
    assert_equivalent(function, X, separator)


# --- parts ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings, n_times",
    [
        ({}, 64),
        ({"n_fft": 16, "hop_length": 1}, 33),
        ({"n_fft": 16, "hop_length": 8}, 1),
        ({"n_fft": 15, "hop_length": 4}, 50),
        ({"n_fft": 20, "win_length": 13, "hop_length": 5}, 101),
        ({"n_fft": 128, "hop_length": 100}, 77),
    ],
)
def test_transform_is_that_of_the_transformer(settings, n_times):
    stft = STFTTransformer(**settings).fit(np.zeros((1, n_times)))
    X = torch.randn(2, 1, n_times, generator=torch.Generator().manual_seed(0))
    module = STFT(stft, n_times)
    found = torch.view_as_complex(module(X).contiguous())
    torch.testing.assert_close(found, stft.forward(X), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(module.inverse(module(X)), X, rtol=1e-5, atol=1e-5)


# --- files ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny():
    """Return a separator of the smallest networks, with names and a rate."""
    X, y = make_mixtures(n_samples=8)
    labels = np.repeat(["heart", "breath"], 8)
    recordings = np.concatenate([y[:, 0], y[:, 1]])
    separator = AESeparator(**FAST | {"network": FILTERS["network"]})
    return separator.fit(recordings, labels, sfreq=128)


@pytest.fixture(scope="module")
def tiny_files(tiny, tmp_path_factory):
    """Return the folder with files of that separator in both formats."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    folder = tmp_path_factory.mktemp("exported")
    tiny.export(folder / "tiny.onnx")
    tiny.export(folder / "tiny.pt2", format="torch")
    return folder


METADATA = (
    *("component_names", "component_shape", "mixture_shape", "n_times", "sfreq"),
    "sklearn_cass_version",
)


def check_metadata(metadata):
    found = {name: json.loads(value) for name, value in metadata.items()}
    assert found["component_names"] == ["breath", "heart"]
    assert found["sfreq"] == 128
    assert found["n_times"] == 64
    assert found["mixture_shape"] == found["component_shape"] == [64]
    assert found.keys() == set(METADATA)


def test_program_says_what_it_is(tiny_files):
    metadata = dict.fromkeys(METADATA, "")
    torch.export.load(tiny_files / "tiny.pt2", extra_files=metadata)
    check_metadata(metadata)


def test_onnx_model_says_what_it_is(tiny_files):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(tiny_files / "tiny.onnx")
    onnx.checker.check_model(model)
    check_metadata({p.key: p.value for p in model.metadata_props})
    (mixtures,), (estimates,) = model.graph.input, model.graph.output
    sizes = [d.dim_param or d.dim_value for d in mixtures.type.tensor_type.shape.dim]
    assert [mixtures.name, estimates.name] == ["mixtures", "estimates"]
    assert sizes == ["batch", 64]


@pytest.mark.parametrize("name", ["tiny.onnx", "tiny.pt2"])
def test_files_hold_no_paths_of_this_machine(name, tiny_files):
    content = (tiny_files / name).read_bytes()
    if name.endswith("pt2"):
        with zipfile.ZipFile(tiny_files / name) as archive:
            content = b"".join(map(archive.read, archive.namelist()))
    assert b"modules.py" not in content


LOAD = """
import sys, torch
sys.modules["sklearn_cass"] = None  # not installed
module = torch.export.load("tiny.pt2").module()
print(tuple(module(torch.ones(3, 64)).shape))
"""


@pytest.mark.slow
def test_program_runs_without_the_package(tiny_files):
    command, settings = [sys.executable, "-c", LOAD], {"check": True, "text": True}
    run = subprocess.run(command, cwd=tiny_files, capture_output=True, **settings)
    assert run.stdout.strip() == "(3, 2, 64)"


def test_an_existing_file_stays_if_the_export_fails(tiny, tmp_path, monkeypatch):
    path = tmp_path / "tiny.pt2"
    path.write_bytes(b"before")

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        tiny.export(path, format="torch")
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.pt2"]
    assert path.read_bytes() == b"before"


# --- errors ---------------------------------------------------------------------------


def test_formats_are_named(tiny, tmp_path):
    for wrong in ("tflite", None, ["onnx"]):
        with pytest.raises(ValueError, match=r"format must be one of \['onnx', 'torch"):
            tiny.export(tmp_path / "tiny", format=wrong)


def test_separators_must_be_fitted(tmp_path):
    with pytest.raises(NotFittedError):
        AESeparator().export(tmp_path / "separator.onnx")


def test_missing_folders_are_named(tiny, tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder .*missing"):
        tiny.export(tmp_path / "missing" / "tiny.onnx")


@pytest.mark.parametrize("name", ["onnx", "onnxscript"])
def test_missing_packages_name_the_extra(name, tiny, tmp_path, monkeypatch):
    for known in ("onnx", "onnxscript"):
        monkeypatch.setitem(sys.modules, known, sys)  # there
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf'{name}: pip install "sklearn-cass\[exp'):
        tiny.export(tmp_path / "tiny.onnx")


def test_separators_of_spectrograms_are_refused(tmp_path):
    X, y = make_mixtures(n_samples=8)
    stft = STFTTransformer().fit(X)
    Y = stft.transform(y.reshape(16, -1)).reshape(8, 2, *stft.spectrogram_shape(64))
    network = {"network": FILTERS["network"]}
    separator = AESeparator(**FAST | network).fit(stft.transform(X), np.asarray(Y))
    with pytest.raises(ValueError, match="pass waveforms as y"):
        separator.export(tmp_path / "separator.pt2", format="torch")


def test_separators_behind_a_transformer_take_waveforms(tmp_path):
    X, y = make_mixtures(n_samples=8)
    Z = STFTTransformer().fit_transform(X.astype(np.float32))
    separator = AESeparator(**FAST | {"network": FILTERS["network"]}).fit(Z, y)
    found = run_torch(separator, tmp_path / "separator.pt2")(X.astype(np.float32))
    assert difference(found, separator.transform(Z)) < TOLERANCE


def test_separators_of_images_take_images(tmp_path):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(8, 2, 1, 9, 12)).astype(np.float32)
    separator = AESeparator(**FAST | {"network": FILTERS["network"]})
    separator.fit(y.sum(axis=1), y)
    found = run_torch(separator, tmp_path / "separator.pt2")(y.sum(axis=1))
    assert difference(found, separator.transform(y.sum(axis=1))) < TOLERANCE


class CountingDecoder(torch.nn.Conv2d):
    """Branch on values, which no graph can hold."""

    def __init__(self, out_channels, n_freqs):
        super().__init__(2, out_channels, 1)

    def forward(self, x):
        return super().forward(x if float(x.sum()) > 0 else -x)


def test_networks_that_cannot_be_exported_are_named(tmp_path):
    network = Modules(FILTERS["network"].encoder, CountingDecoder)
    _, separator = fitted(network=network)
    with pytest.raises(ValueError, match="CountingDecoder, FilterEncoder cannot be"):
        separator.export(tmp_path / "separator.pt2", format="torch")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("separator", [ICASeparator, NMFSeparator])
def test_other_methods_have_no_export(separator):
    assert not hasattr(separator, "export")
