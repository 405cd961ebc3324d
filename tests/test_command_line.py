"""The command line: what it writes, what it says, and its status."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from command_line import (
    SFREQ,
    TINY_TRAINING,
    files,
    fitted,
    make_tracks,
    read,
    run,
    write,
    write_tracks,
)
from recordings import edf_bytes, wfdb_header, write_wfdb
from scipy.signal import resample_poly

from sklearn_cass import AESeparator, load, metrics
from sklearn_cass.cli import (
    _recordings,
    _separating,
    _training,
    _units,
    _writing,
    separate_files,
)
from sklearn_cass.cli._messages import QUIET, Messages
from sklearn_cass.cli._parser import make_parser

soundfile = pytest.importorskip("soundfile")
ROOT = Path(__file__).parents[1]
# half a step of integers of 16 bits, and the rounding of single precision
STEP = 0.51 / 2**15


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return the file of a separator of one channel at 8000 Hz."""
    path = tmp_path_factory.mktemp("model") / "duo.safetensors"
    fitted().save(path)
    return str(path)


@pytest.fixture
def folders(tmp_path):
    """Return folders of mixtures and of the components low and high."""
    return write_tracks(tmp_path / "tracks", make_tracks())


@pytest.fixture
def noise():
    """Return a recording of a few windows."""
    return (0.1 * np.random.default_rng(1).normal(size=2000)).astype(np.float32)


def error_of(capsys):
    """Return what went to standard error, which must be one line."""
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("sklearn-cass")
    return line


# --- train ----------------------------------------------------------------------------


def test_trained_model_is_that_of_fit(tmp_path, folders, capsys):
    path = tmp_path / "model.safetensors"
    assert run("train", *folders, "-o", path, *TINY_TRAINING) == 0
    found = load(path)
    assert found.component_names_.tolist() == ["low", "high"]
    assert found.sfreq_ == SFREQ
    y = np.stack([windows_in(folder) for folder in folders[1:]], axis=1)
    expected = AESeparator(max_epochs=1, random_state=0)
    expected.set_params(network__n_filters=2, network__n_latent=4)
    expected.fit(windows_in(folders[0]), y)
    X = y.sum(axis=1)
    np.testing.assert_array_equal(found.transform(X), expected.transform(X))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "separates low, high" in captured.err


def windows_in(folder, n_times=256):
    """Return the complete windows of all recordings in a folder."""
    recordings = [read(path) for path in sorted(Path(folder).iterdir())]
    parts = [x[: len(x) // n_times * n_times].reshape(-1, n_times) for x in recordings]
    return np.concatenate(parts).astype(np.float32)


@pytest.mark.parametrize("estimator", _training.ESTIMATORS)
def test_each_estimator_can_be_trained(tmp_path, folders, estimator, capsys):
    path = tmp_path / "model.safetensors"
    cls = _training.ESTIMATORS[estimator]
    options = TINY_TRAINING if hasattr(cls(), "max_epochs") else ["--window", "256"]
    status = run("train", *folders, "-o", path, "--estimator", estimator, *options)
    if not hasattr(cls, "save"):
        assert status == 2
        assert "cannot be saved" in error_of(capsys)
        return
    assert status == 0
    loaded = load(path)
    assert type(loaded) is cls
    assert loaded.component_names_.tolist() == ["low", "high"]


def test_components_can_be_named(tmp_path, folders):
    path, (mixtures, low, high) = tmp_path / "model.safetensors", folders
    named = [f"bass={low}", f"treble={high}"]
    assert run("train", mixtures, *named, "-o", path, *TINY_TRAINING) == 0
    assert load(path).component_names_.tolist() == ["bass", "treble"]


def test_sums_of_components_stand_for_mixtures(tmp_path):
    folders = write_tracks(tmp_path, make_tracks(), suffix=".npy")
    options = ["--sfreq", "8000", *TINY_TRAINING]
    assert run("train", *folders, "-o", tmp_path / "a", *options) == 0
    assert run("train", "--sum", *folders[1:], "-o", tmp_path / "b", *options) == 0
    X = np.random.default_rng(0).normal(size=(2, 256))
    a, b = (load(tmp_path / name).transform(X) for name in "ab")
    np.testing.assert_array_equal(a, b)


def test_isolated_recordings_are_labels(tmp_path, folders):
    path = tmp_path / "model.safetensors"
    write(Path(folders[1]) / "another.flac", np.full(600, 0.1))
    args = ["--isolated", *folders[1:], "-o", path, *TINY_TRAINING]
    assert run("train", *args) == 0
    separator = load(path)
    assert separator.component_names_.tolist() == ["high", "low"]
    assert separator.sfreq_ == SFREQ


@pytest.mark.parametrize("gain, is_told", [(0.02, True), (0.2, False)])
def test_isolated_recordings_far_apart_are_warned_of(tmp_path, gain, is_told, capsys):
    tracks = {name: y * [[1], [gain]] for name, y in make_tracks().items()}
    _, *folders = write_tracks(tmp_path, tracks, subtype="FLOAT")
    path = tmp_path / "model.safetensors"
    assert run("train", "--isolated", *folders, "-o", path, *TINY_TRAINING) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "louder" in line]
    assert len(told) == is_told
    levels = [np.concatenate([y[k] for y in tracks.values()]).std() for k in (0, 1)]
    assert all(f"{level:.1g}"[:-1] in line for level in levels for line in told)


def write_edf(path, values, unit):
    """Write values in uV as an EDF file that states them in a unit; return its path."""
    scale = {"uV": 1, "mV": 1000}[unit]
    limits = {"physical_min": -3276.8 / scale, "physical_max": 3276.7 / scale}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(edf_bytes(np.rint(10 * values), unit=unit, **limits))
    return path


@pytest.mark.parametrize("option", ["--isolated", "--sum"])
def test_voltages_are_brought_to_one_unit(tmp_path, option, capsys, monkeypatch):
    pytest.importorskip("edfio")
    seen = []
    monkeypatch.setattr(_training, "fit", lambda separator, X, *args: seen.append(X))
    monkeypatch.setattr(_training, "save", lambda *args: None)
    for units in (["uV", "uV"], ["uV", "mV"]):
        folder, y = tmp_path / "-".join(units), make_tracks(1)["track0"]
        for name, values, unit in zip("ab", 100 * y, units, strict=True):
            write_edf(folder / name / "r.edf", values, unit)
        args = [option, folder / "a", folder / "b", "-o", folder / "model"]
        assert run("train", *args, *TINY_TRAINING) == 0
        told = capsys.readouterr().err
        assert ("1 recording is converted from mV to uV" in told) == ("mV" in units)
        assert "louder" not in told
    np.testing.assert_allclose(*seen, rtol=1e-4, atol=1e-4)


def test_channels_are_brought_to_the_unit_of_the_first(tmp_path):
    values = np.arange(12.0).reshape(3, 4)
    np.save(tmp_path / "a.npy", values)
    recording = _recordings.open_recording(tmp_path / "a.npy")
    recording.details["units"] = ["uV", "mV", "bpm"]
    (converted,) = _units.in_one_unit({"": [recording]}, None, Messages(QUIET))[""]
    np.testing.assert_allclose(converted.array(), values * [[1], [1000], [1]])
    assert converted.details["units"] == ["uV", "uV", "bpm"]
    assert _units.in_one_unit({"": [recording]}, "1", Messages(QUIET))[""] == [
        recording
    ]


def test_recordings_of_several_rates_are_resampled(tmp_path, folders, capsys):
    x = read(Path(folders[1]) / "track0.wav")
    write(Path(folders[1]) / "track0.wav", resample_poly(x, 2, 1), 2 * SFREQ)
    path = tmp_path / "model.safetensors"
    assert run("train", *folders, "-o", path, *TINY_TRAINING) == 0
    assert (
        "1 recording is resampled from 16000 Hz to 8000 Hz" in capsys.readouterr().err
    )
    assert load(path).sfreq_ == SFREQ


def test_channels_of_sound_are_averaged_with_a_line(tmp_path, folders, capsys):
    stereo = write_tracks(
        tmp_path / "stereo",
        {k: np.stack([y, y], axis=1) for k, y in make_tracks().items()},
    )
    for name, args in {"a": folders, "b": stereo}.items():
        assert run("train", *args, "-o", tmp_path / name, *TINY_TRAINING) == 0
    assert "the mean of all channels is used of 9 recordings" in capsys.readouterr().err
    X = np.random.default_rng(0).normal(size=(2, 256))
    a, b = (load(tmp_path / name).transform(X) for name in "ab")
    np.testing.assert_allclose(a, b, atol=1e-3)


def test_channels_can_be_kept(tmp_path):
    tracks = {k: np.stack([y, 2 * y], axis=1) for k, y in make_tracks().items()}
    folders, path = write_tracks(tmp_path, tracks), tmp_path / "model.safetensors"
    options = ["--channel", "all", *TINY_TRAINING]
    assert run("train", *folders, "-o", path, *options) == 0
    assert load(path).domains_.X_shape == (2, 256)


def test_checkpoint_resumes(tmp_path, folders):
    states, options = tmp_path / "states", [*TINY_TRAINING, "--checkpoint"]
    for name in "ab":
        assert run("train", *folders, "-o", tmp_path / name, *options, states) == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_validation_measures_recordings_left_out(tmp_path, folders, capsys):
    options = ["--validation", "0.3", *TINY_TRAINING]
    assert run("train", *folders, "-o", tmp_path / "a", *options) == 0
    captured = capsys.readouterr()
    assert re.search(r"^model +low .* 11 +0$", captured.out, re.MULTILINE)
    assert "on 22 windows" in captured.err


@pytest.mark.parametrize(
    "change, message",
    [
        (["--set", "nonsense=1"], "--set nonsense: no such parameter"),
        (["--set", "lr=-1"], "'lr' parameter"),
        (["--set", "lr"], "--set must be name=value, got lr"),
        (["--window", "0"], "--window must be a number of time points"),
        (["--window", "1e9"], "no recording has as many time points as a window"),
        (["--validation", "0.9"], "leaves none to train on"),
        (["--estimator", "psychic"], "invalid choice: 'psychic'"),
        (["--epochs", "0"], "must be at least 1, got 0"),
        (["--isolated", "--sum"], "mutually exclusive"),
    ],
)
def test_wrong_options_are_one_line(tmp_path, folders, capsys, change, message):
    path = tmp_path / "model.safetensors"
    assert run("train", *folders, "-o", path, "--quiet", *change) == 2
    assert message in error_of(capsys)
    assert not path.exists()


def test_recordings_without_their_component_are_named(tmp_path, folders, capsys):
    (Path(folders[2]) / "track1.wav").unlink()
    assert run("train", *folders, "-o", tmp_path / "a") == 2
    assert f"{folders[2]} has no recording 'track1'" in error_of(capsys)


def test_components_of_another_length_are_named(tmp_path, folders, capsys):
    write(Path(folders[2]) / "track1.wav", np.zeros(2900))
    assert run("train", *folders, "-o", tmp_path / "a", *TINY_TRAINING) == 1
    assert "track1.wav has 3000 time points, but another" in error_of(capsys)


def test_existing_model_is_replaced_by_force_alone(tmp_path, folders, capsys):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"mine")
    assert run("train", *folders, "-o", path) == 2
    assert "--force replaces it" in error_of(capsys)
    assert path.read_bytes() == b"mine"
    assert run("train", *folders, "-o", path, "--force", *TINY_TRAINING) == 0
    load(path)


# --- separate -------------------------------------------------------------------------


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_estimates_are_those_of_separate(tmp_path, model, noise, subtype):
    path = write(tmp_path / "a b.wav", noise, SFREQ, subtype)
    assert run("separate", model, path, "-o", tmp_path / "parts") == 0
    assert files(tmp_path / "parts") == ["a b/high.wav", "a b/low.wav"]
    expected = load(model).separate(read(path).astype(np.float32), sfreq=SFREQ)
    for name, estimate in zip(("low", "high"), expected, strict=True):
        found = tmp_path / "parts" / "a b" / f"{name}.wav"
        atol = STEP if subtype == "PCM_16" else 1e-6
        np.testing.assert_allclose(read(found), estimate, atol=atol)
        info = soundfile.info(found)
        assert (info.subtype, info.samplerate) == (subtype, SFREQ)


def test_flac_gives_flac(tmp_path, model, noise):
    path = write(tmp_path / "a.flac", noise, SFREQ, "PCM_24")
    assert run("separate", model, path, "-o", tmp_path / "parts") == 0
    info = soundfile.info(tmp_path / "parts" / "a" / "low.flac")
    assert (info.format, info.subtype, info.frames) == ("FLAC", "PCM_24", 2000)


@pytest.mark.parametrize("n_channels", [None, 1, 3])
def test_arrays_give_arrays(tmp_path, model, noise, n_channels):
    x = np.resize(noise, (2000,) if n_channels is None else (n_channels, 2000))
    path = write(tmp_path / "a.npy", 1000 * x)  # whatever the units are
    assert run("separate", model, path, "-o", tmp_path / "parts") == 0
    found = read(tmp_path / "parts" / "a" / "low.npy")
    expected = [load(model).separate(row)[0] for row in 1000 * np.atleast_2d(x)]
    np.testing.assert_array_equal(np.atleast_2d(found), expected)


def test_blocks_make_no_difference(tmp_path, model, noise, monkeypatch):
    path = write(tmp_path / "a.wav", noise, 11025, "FLOAT")
    assert run("separate", model, path, "-o", tmp_path / "whole") == 0
    monkeypatch.setattr(_recordings, "BLOCK_TIMES", 333)
    assert run("separate", model, path, "-o", tmp_path / "blocks") == 0
    whole, blocks = (read(tmp_path / n / "a" / "low.wav") for n in ("whole", "blocks"))
    np.testing.assert_allclose(blocks, whole, atol=1e-5)


def test_values_that_would_be_clipped_are_kept(tmp_path, model, noise, capsys):
    x = noise / np.abs(noise).max()
    path = write(tmp_path / "a.wav", x)
    gain = 4 / np.abs(load(model).separate(x)).max()
    loud = load(model)
    with_gain(loud, gain)
    loud.save(tmp_path / "loud.safetensors")
    assert run("separate", tmp_path / "loud.safetensors", path, "-o", tmp_path) == 0
    assert "would be clipped as PCM_16: written as FLOAT" in capsys.readouterr().err
    expected = loud.separate(read(path).astype(np.float32))
    assert np.abs(expected).max() > 1
    found = np.stack([read(tmp_path / "a" / f"{n}.wav") for n in ("low", "high")])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def with_gain(separator, gain):
    """Multiply the estimates of a separator, which come from convolutions."""
    import torch

    with torch.no_grad():
        for pair in separator.net_.module_:
            *_, last = [m for m in pair.modules() if hasattr(m, "weight")]
            last.weight *= gain
            if last.bias is not None:
                last.bias *= gain


@pytest.mark.parametrize("sfreq", [4000, 11025, 44100])
def test_other_rates_are_resampled_both_ways(tmp_path, model, sfreq, capsys):
    times = np.arange(3001) / sfreq
    x = 0.3 * np.sin(2 * np.pi * 600 * times)
    path = write(tmp_path / "a.wav", x, sfreq, "FLOAT")
    assert run("separate", model, path, "-o", tmp_path / "parts") == 0
    line = f"resampled from {sfreq} Hz to the model's 8000 Hz, and the estimates back"
    assert line in capsys.readouterr().err
    found = read(tmp_path / "parts" / "a" / "low.wav")
    divisor = np.gcd(sfreq, SFREQ)
    up, down = SFREQ // divisor, sfreq // divisor
    # beyond the ends, the last value goes on
    n_more = 100 * down
    x = np.pad(read(path).astype(np.float32), n_more, "edge")
    there = resample_poly(x, up, down)[100 * up :][: -(-3001 * up // down)]
    estimate = np.pad(load(model).separate(there)[0], 100 * up, "edge")
    back = resample_poly(estimate, down, up)[n_more:]
    np.testing.assert_allclose(found, back[:3001], atol=1e-4)
    assert soundfile.info(tmp_path / "parts" / "a" / "low.wav").samplerate == sfreq


def test_rate_that_is_assumed_is_told(tmp_path, model, noise, capsys):
    path = write(tmp_path / "a.npy", noise)
    line = f"has no rate: taken to be at {SFREQ} Hz, as --sfreq {SFREQ} would say"
    outputs = []
    for options in ([], ["--sfreq", SFREQ]):
        args = [path, "-o", tmp_path / f"parts{len(outputs)}", *options]
        assert run("separate", model, *args, "--dry-run") == 0
        assert run("separate", model, *args) == 0
        outputs.append(capsys.readouterr())
    assert [line in output.out for output in outputs] == [True, False]
    assert [line in output.err for output in outputs] == [True, False]
    a, b = (read(tmp_path / f"parts{k}" / "a" / "low.npy") for k in (0, 1))
    np.testing.assert_array_equal(a, b)


def test_channels_are_separated_one_by_one(tmp_path, model, noise):
    stereo = np.stack([noise, noise[::-1]])
    path = write(tmp_path / "a.wav", stereo, SFREQ, "FLOAT")
    assert run("separate", model, path, "-o", tmp_path / "parts") == 0
    found = read(tmp_path / "parts" / "a" / "low.wav")
    expected = [load(model).separate(channel)[0] for channel in stereo]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("suffix", [".npy", ".wav"])
def test_gaps_stay_gaps(tmp_path, model, noise, suffix):
    x = np.stack([noise, noise[::-1]]).astype(np.float32)
    x[0, 500:600] = np.nan
    path = write(tmp_path / f"a{suffix}", x, SFREQ, "FLOAT")
    assert run("separate", model, path, "-o", tmp_path / "parts") == 0
    found = read(tmp_path / "parts" / "a" / f"low{suffix}")
    expected = load(model).separate(x)[0]
    assert np.isnan(found).sum() == 100
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("polarity", ["auto", "both"])
def test_polarity_is_that_of_separate(tmp_path, model, noise, polarity):
    x = np.stack([noise, -noise])
    path = write(tmp_path / "a.npy", x)
    args = ["separate", model, path, "-o", tmp_path / "parts", "--polarity", polarity]
    assert run(*args) == 0
    found = read(tmp_path / "parts" / "a" / "low.npy")
    expected = load(model).separate(x, polarity=polarity)[0]
    assert np.array_equal(found, expected)
    assert np.array_equal(found[0], -found[1])


def test_model_of_several_channels_takes_them_at_once(tmp_path, noise, capsys):
    fitted(n_channels=2).save(tmp_path / "model")
    stereo = np.stack([noise, noise[::-1]])
    path = write(tmp_path / "a.wav", stereo, SFREQ, "FLOAT")
    mono = write(tmp_path / "b.wav", noise, SFREQ, "FLOAT")
    assert run("separate", tmp_path / "model", path, mono, "-o", tmp_path) == 1
    found = read(tmp_path / "a" / "high.wav")
    expected = load(tmp_path / "model").separate(stereo)[1]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert "b.wav must have the 2 channels of the model" in capsys.readouterr().err


def test_model_without_names_and_rate(tmp_path, noise, capsys):
    fitted(sfreq=None, names=None).save(tmp_path / "model")
    path = write(tmp_path / "a.wav", noise)
    assert run("separate", tmp_path / "model", path, "-o", tmp_path / "parts") == 0
    names = ["a/component_0.wav", "a/component_1.wav"]
    assert files(tmp_path / "parts") == names
    assert (
        "not resampled: the rate of the model is not known" in capsys.readouterr().err
    )


def test_names_of_components_stay_in_the_folder():
    names = _writing.file_names(["../a", ".b", "c d", ""])
    assert names == ["_._a", "_b", "c d", "component_"]
    assert len(set(_writing.file_names(["a/b", "a_b"]))) == 2


def test_nothing_is_overwritten_without_force(tmp_path, model, noise, capsys):
    paths = [write(tmp_path / f"{name}.wav", noise) for name in "ab"]
    mine = tmp_path / "parts" / "a" / "low.wav"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    assert run("separate", model, *paths, "-o", tmp_path / "parts") == 1
    assert "low.wav exists: --force replaces it" in capsys.readouterr().err
    assert mine.read_bytes() == b"mine"
    names = ["a/low.wav", "b/high.wav", "b/low.wav"]
    assert files(tmp_path / "parts") == names
    (mine.parent / "notes.txt").write_text("mine")
    assert run("separate", model, *paths, "-o", tmp_path / "parts", "--force") == 0
    assert len(read(mine)) == len(noise)
    assert (mine.parent / "notes.txt").read_text() == "mine"


def test_a_file_that_fails_leaves_the_others(tmp_path, model, noise, capsys):
    paths = [write(tmp_path / f"{name}.wav", noise) for name in "abc"]
    Path(paths[1]).write_bytes(Path(paths[1]).read_bytes()[:-100])
    x = np.array([[0, 1.0], [0, np.inf]])
    broken = write(tmp_path / "d.wav", x, SFREQ, "FLOAT")
    args = [*paths, broken, tmp_path / "missing.wav"]
    assert run("separate", model, *args, "-o", tmp_path / "parts", "-q") == 1
    found = files(tmp_path / "parts")
    assert found == ["a/high.wav", "a/low.wav", "c/high.wav", "c/low.wav"]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    texts = ["b.wav is truncated", "infinity in channel 1", "no such", "3 of 5"]
    assert all(text in line for text, line in zip(texts, lines, strict=True))


def test_dry_run_writes_nothing(tmp_path, model, noise, capsys):
    path = write(tmp_path / "a.wav", noise, 16000)
    parts = tmp_path / "parts"
    assert run("separate", model, path, "-o", parts, "--dry-run") == 0
    out = capsys.readouterr().out
    assert f"{path} -> {parts / 'a'}: low.wav, high.wav; resampled" in out
    assert not parts.exists()


def test_recordings_of_one_stem_are_refused(tmp_path, model, noise, capsys):
    paths = [write(tmp_path / folder / "a.wav", noise) for folder in "xy"]
    assert run("separate", model, *paths, "-o", tmp_path / "parts") == 2
    assert "several recordings have the stem 'a'" in error_of(capsys)


def test_folders_stand_for_their_recordings(tmp_path, model, folders):
    assert run("separate", model, folders[0], "-o", tmp_path / "parts") == 0
    assert len(files(tmp_path / "parts")) == 6


@pytest.mark.parametrize("force", [False, True])
def test_interrupt_leaves_no_half_written_file(
    tmp_path, model, noise, monkeypatch, force, capsys
):
    path, parts = write(tmp_path / "a.wav", noise), tmp_path / "parts"
    if force:
        write(parts / "a" / "low.wav", np.zeros(3))

    def interrupt(self, block):
        raise KeyboardInterrupt

    monkeypatch.setattr(_writing.AudioWriter, "write", interrupt)
    options = ["--force"] if force else []
    assert run("separate", model, path, "-o", parts, *options) == 130
    assert files(parts) == (["a/low.wav"] if force else [])
    assert not [name for name in os.listdir(parts) if name.startswith(".")]
    if force:
        np.testing.assert_array_equal(read(parts / "a" / "low.wav"), np.zeros(3))
    assert "interrupted" in error_of(capsys)


def test_edf_gives_edf(tmp_path, noise):
    edfio = pytest.importorskip("edfio")
    fitted(sfreq=1000).save(tmp_path / "model")
    path = tmp_path / "r01.edf"
    path.write_bytes(edf_bytes(10_000 * noise))
    assert run("separate", tmp_path / "model", path, "-o", tmp_path) == 0
    edf = edfio.read_edf(tmp_path / "r01" / "low.edf")
    (signal,) = edf.signals
    assert (signal.label, signal.physical_dimension) == ("Direct_1", "uV")
    assert signal.sampling_frequency == 1000
    x = edfio.read_edf(path).signals[0].data
    expected = load(tmp_path / "model").separate(x)[0]
    step = np.ptp(expected) / 2**16
    np.testing.assert_allclose(signal.data, expected, atol=step)


def test_wfdb_gives_wfdb(tmp_path, noise):
    wfdb = pytest.importorskip("wfdb")
    fitted(sfreq=360).save(tmp_path / "model")
    values = (10_000 * noise).astype("<i2")
    record = write_wfdb(tmp_path / "data", wfdb_header(values=values), values)
    assert run("separate", tmp_path / "model", record, "-o", tmp_path) == 0
    found = wfdb.rdrecord(str(tmp_path / "100" / "low"))
    assert (found.fs, found.sig_name, found.units) == (360, ["MLII"], ["mV"])
    x = wfdb.rdrecord(str(record)).p_signal[:, 0]
    expected = load(tmp_path / "model").separate(x)[0]
    step = np.ptp(expected) / 2**15
    np.testing.assert_allclose(found.p_signal[:, 0], expected, atol=step)


@pytest.mark.slow
def test_jobs_write_the_same(tmp_path, model, noise, capsys):
    paths = [write(tmp_path / f"{name}.wav", np.roll(noise, 9)) for name in "ab"]
    args = [*paths, tmp_path / "missing.wav"]
    assert run("separate", model, *args, "-o", tmp_path / "1") == 1
    assert run("separate", model, *args, "-o", tmp_path / "2", "--jobs", 2) == 1
    assert files(tmp_path / "1") == files(tmp_path / "2")
    for name in files(tmp_path / "1"):
        a, b = (read(tmp_path / folder / name) for folder in "12")
        np.testing.assert_allclose(a, b, atol=1 / 2**15)
    assert capsys.readouterr().err.count("1 of 3 recordings were not separated") == 2


def test_files_are_separated_from_python(tmp_path, model, noise):
    paths = [write(tmp_path / f"{name}.wav", noise) for name in "ac"]
    paths.insert(1, tmp_path / "b.wav")  # missing
    found = list(separate_files(model, paths, tmp_path / "parts"))
    assert [outcome.job.path for outcome in found] == [*map(Path, paths)]
    assert [outcome.error is None for outcome in found] == [True, False, True]
    assert "b.wav" in found[1].error
    assert run("separate", model, paths[0], "-o", tmp_path / "expected") == 0
    for name in ("low", "high"):
        expected = read(tmp_path / "expected" / "a" / f"{name}.wav")
        for stem in "ac":
            estimate = read(tmp_path / "parts" / stem / f"{name}.wav")
            np.testing.assert_array_equal(estimate, expected)


def test_each_process_loads_a_model_once(tmp_path, model, noise, monkeypatch):
    loads = []

    def load_model(text):
        loads.append(text)
        return load(text)

    paths = [write(tmp_path / f"{name}.wav", noise) for name in "abc"]
    monkeypatch.setattr(_separating, "load_model", load_model)
    outcomes = separate_files(model, paths, tmp_path / "parts")
    assert [outcome.error for outcome in outcomes] == [None] * 3
    assert len(loads) == 2  # once to see whether it can be loaded


def test_another_command_loads_a_model_that_has_changed(tmp_path, model, noise):
    path = write(tmp_path / "a.wav", noise)
    own = tmp_path / "model"
    for names in ("low", "high"), ("c", "d"):
        fitted(names=names).save(own)
        list(separate_files(own, [path], tmp_path / "parts"))
    assert files(tmp_path / "parts") == [
        f"a/{name}.wav" for name in ("c", "d", "high", "low")
    ]


def test_wrong_models_are_errors_before_any_recording(tmp_path, model, noise):
    path = write(tmp_path / "a.wav", noise)
    with pytest.raises(ValueError, match="no such file"):
        separate_files(tmp_path / "missing", [path], tmp_path / "parts")
    with pytest.raises(ValueError, match="have the stem 'a'"):
        separate_files(model, [path, path], tmp_path / "parts")


# --- evaluate and report --------------------------------------------------------------


def test_evaluation_is_that_of_the_metrics(model, folders, capsys):
    assert run("evaluate", model, *folders, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["recordings"], content["windows"]) == (3, 33)
    y = np.stack([windows_in(folder) for folder in folders[1:]], axis=1)
    estimates = []
    for path in sorted(Path(folders[0]).iterdir()):
        whole = load(model).separate(read(path).astype(np.float32))[:, :2816]
        estimates.append(whole.reshape(2, -1, 256).swapaxes(0, 1))
    expected = np.median(metrics.sdr(y, np.concatenate(estimates)), axis=0)
    found = {
        r["component"]: r["median"]
        for r in content["results"]
        if (r["estimate"], r["metric"]) == ("model", "SDR [dB]")
    }
    np.testing.assert_allclose([found["low"], found["high"]], expected, atol=1e-3)


def test_order_of_components_makes_no_difference(model, folders, capsys):
    mixtures, low, high = folders
    outputs = []
    for args in ([low, high], [high, low], [f"high={high}", f"low={low}"]):
        assert run("evaluate", model, mixtures, *args) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] == outputs[2]
    lines = outputs[0].splitlines()
    floors = [line.split()[:2] for line in lines[4:]]  # heading, rule, the model
    assert floors == [
        [kind, n] for kind in ("mixture", "zero") for n in ("low", "high")
    ]


def test_rate_of_arrays_is_taken_in_evaluation(tmp_path, model, capsys):
    folders = write_tracks(tmp_path, make_tracks(1, n_times=3 * 256), suffix=".npy")
    assert run("evaluate", model, *folders, "--json") == 0
    captured = capsys.readouterr()
    assert f"3 recordings have no rate: taken to be at {SFREQ} Hz" in captured.err
    assert json.loads(captured.out)["windows"] == 3
    assert run("evaluate", model, *folders, "--json", "--sfreq", SFREQ / 2) == 0
    captured = capsys.readouterr()
    assert "3 recordings are resampled from 4000 Hz to 8000 Hz" in captured.err
    assert json.loads(captured.out)["windows"] == 6


def test_components_of_another_name_are_refused(model, folders, capsys):
    mixtures, low, high = folders
    assert run("evaluate", model, mixtures, low, f"noise={high}") == 2
    assert "the model separates low, high, but the components" in error_of(capsys)


def test_silent_components_are_counted(tmp_path, model, capsys):
    tracks = make_tracks(1)
    tracks["track0"][1, :512] = 0
    folders = write_tracks(tmp_path, tracks)
    assert run("evaluate", model, *folders, "--json") == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert {r["silent"] for r in results if r["component"] == "high"} == {2}


class StandIn:
    """Stand-in for a report: it records what it is made from."""

    made = []

    def __init__(self, *args, **settings):
        self.made.append((args, settings))

    def save(self, path):
        Path(path).write_text("<!doctype html>")


@pytest.fixture
def report(monkeypatch):
    """Return the arguments of reports, made by a stand-in."""
    module = types.ModuleType("sklearn_cass.report")
    module.separation_report = StandIn
    monkeypatch.setitem(sys.modules, "sklearn_cass.report", module)
    monkeypatch.setattr(StandIn, "made", [])
    return StandIn.made


def test_report_is_made_of_windows(tmp_path, model, folders, report, capsys):
    page = tmp_path / "report.html"
    sources = ["--mixtures", folders[0], "--components", *folders[:0:-1]]
    assert run("report", model, "-o", page, *sources) == 0
    ((models, X, y), settings) = report[0]
    assert list(models) == ["duo"]
    np.testing.assert_allclose(X, windows_in(folders[0]), atol=1e-6)
    np.testing.assert_allclose(y[:, 0], windows_in(folders[1]), atol=1e-6)
    assert settings == {"sfreq": SFREQ}
    assert page.read_text() == "<!doctype html>"
    capsys.readouterr()
    assert run("report", model, "-o", page, *sources) == 2
    assert "--force replaces it" in error_of(capsys)


def test_report_without_components_and_of_few_windows(tmp_path, model, folders, report):
    page = tmp_path / "report.html"
    args = ["--mixtures", folders[0], "--max-windows", 5]
    assert run("report", model, "-o", page, *args) == 0
    ((_, X, y), _) = report[0]
    assert (len(X), y) == (5, None)


# --- info, models and the rest --------------------------------------------------------


def test_info_reads_no_weights(tmp_path, model, capsys):
    content = bytearray(Path(model).read_bytes())
    content[-100:] = bytes(100)  # weights, whose checksum `load` compares
    path = tmp_path / "damaged"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="checksum"):
        load(path)
    assert run("info", path, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    module = load(model).net_.module_
    assert found["n_weights"] == sum(t.numel() for t in module.state_dict().values())
    assert found["components"] == ["low", "high"]
    assert (found["class"], found["sfreq"], found["window"]) == (
        "AESeparator",
        SFREQ,
        [256],
    )
    assert found["n_bytes"] == len(content)


def test_info_is_readable(model, capsys):
    assert run("info", model) == 0
    out = capsys.readouterr().out
    assert "256 time points (0.032 s), one channel" in out
    assert "network=ResNet9(" in out
    assert "{" not in out


def test_names_cannot_control_the_terminal(tmp_path, capsys):
    fitted(names=("a\x1b[2J", "b")).save(tmp_path / "model")
    assert run("info", tmp_path / "model") == 0
    assert "a?[2J, b" in capsys.readouterr().out


def test_models_that_ship_are_listed_and_taken_by_name(capsys):
    assert run("models") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["fetal-ecg", "ppg-respiration"]
    assert run("info", "fetal-ecg", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["components"] == ["maternal", "fetal"]


def test_recordings_are_separated_by_a_model_that_ships(tmp_path, capsys):
    recording = 0.1 * np.random.default_rng(0).normal(size=2500)
    path = write(tmp_path / "abdomen.npy", recording)
    options = ["--sfreq", "500", "--polarity", "both", "-o", tmp_path / "parts"]
    assert run("separate", "fetal-ecg", path, *options) == 0
    fetal = np.load(tmp_path / "parts" / "abdomen" / "fetal.npy")
    assert fetal.shape == recording.shape
    assert np.isfinite(fetal).all()


def test_a_file_of_ones_own_precedes_a_model_of_its_name(
    tmp_path, model, monkeypatch, capsys
):
    shutil.copy(model, tmp_path / "fetal-ecg")
    monkeypatch.chdir(tmp_path)
    assert run("info", "fetal-ecg", "--json") == 0
    assert json.loads(capsys.readouterr().out)["components"] == ["low", "high"]


@pytest.mark.parametrize(
    "args, status, message",
    [
        (["info", "missing"], 2, "no such file: missing"),
        (["separate", "missing", "a.wav", "-o", "b"], 2, "no such file: missing"),
        ([], 2, "the following arguments are required: COMMAND"),
        (["fly"], 2, "invalid choice: 'fly'"),
        (["info"], 2, "the following arguments are required: MODEL"),
        (["info", __file__], 1, "cannot be read as a safetensors file"),
    ],
)
def test_errors_are_one_line(args, status, message, capsys):
    assert run(*args) == status
    assert message in error_of(capsys)


def test_debug_shows_the_traceback(capsys):
    assert run("info", __file__, "--debug") == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize("option, n_lines", [("-q", 0), ("-v", 1)])
def test_lines_are_as_many_as_wanted(tmp_path, model, noise, option, n_lines, capsys):
    path = write(tmp_path / "a.wav", noise)
    assert run("separate", model, path, "-o", tmp_path, option) == 0
    assert len(capsys.readouterr().err.splitlines()) == n_lines


def test_missing_package_is_an_error_that_names_the_extra(
    tmp_path, model, noise, monkeypatch, capsys
):
    path = write(tmp_path / "a.wav", noise)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    assert run("separate", model, path, "-o", tmp_path / "parts") == 1
    assert "pip install sklearn-cass[audio]" in error_of(capsys)


def test_completion_is_printed(capsys):
    pytest.importorskip("shtab")
    assert run("--print-completion", "bash") == 0
    script = capsys.readouterr().out
    assert "--estimator" in script
    bash = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert (bash.returncode, bash.stderr) == (0, "")


def test_completion_of_an_unknown_shell_names_those_known(capsys):
    pytest.importorskip("shtab")
    assert run("--print-completion", "ash") == 2
    assert "must be one of bash, zsh" in error_of(capsys)


def test_completion_without_its_package_names_the_extra(monkeypatch, capsys):
    monkeypatch.setattr("sklearn_cass.cli._parser.find_spec", lambda name: None)
    assert run("--print-completion", "bash") == 1
    assert "sklearn-cass[completion]" in error_of(capsys)


def test_version_is_that_of_the_package(capsys):
    assert run("--version") == 0
    assert re.fullmatch(r"sklearn-cass \S+\n", capsys.readouterr().out)


# --- help and documentation -----------------------------------------------------------

COMMANDS = ["train", "separate", "evaluate", "report", "info", "models"]


def help_of(command, capsys):
    assert run(*([command] if command else []), "--help") == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_of_help_are_valid(command, capsys):
    text = help_of(command, capsys).replace("\\\n", " ")
    examples = re.findall(r"^  sklearn-cass (.*)$", text, re.MULTILINE)
    assert examples
    for example in examples:
        make_parser().parse_args(example.split())


@pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="argparse formats options otherwise"
)
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_documentation_has_the_help(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    page = (ROOT / "docs" / "command_line.md").read_text()
    assert f"```text\n{help_of(command, capsys)}```" in page


# --- processes of their own -----------------------------------------------------------


def start(*args, program=(sys.executable, "-m", "sklearn_cass"), **settings):
    """Start the command line in a process; its streams are text."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [*program, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | settings,
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs signals")
@pytest.mark.parametrize("jobs", [1, 2])
def test_interrupted_process_leaves_no_half_written_file(tmp_path, model, jobs):
    x = np.random.default_rng(0).normal(size=10**7)  # minutes
    paths = [write(tmp_path / f"{name}.npy", x) for name in "ab"]
    parts = tmp_path / "parts"
    process = start("separate", model, *paths, "-o", parts, "--jobs", jobs)
    while not (parts.exists() and any(parts.glob(".*/*.npy"))):
        assert process.poll() is None
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130
    assert "sklearn-cass: error: interrupted" in err
    assert "Traceback" not in err
    assert list(parts.iterdir()) == []


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return the script of a wheel that is installed in an environment of its own."""
    pytest.importorskip("build")
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT / "sklearn_cass", source / "sklearn_cass")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    options = ["--wheel", "--no-isolation", "--outdir", folder, source]
    quiet(sys.executable, "-m", "build", *options)
    quiet(sys.executable, "-m", "venv", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    (wheel,) = folder.glob("*.whl")
    quiet(python, "-m", "pip", "install", "--no-deps", "--no-index", wheel)
    (packages,) = folder.glob("venv/lib/*/site-packages")
    # after its own packages, those that are installed here
    (packages / "others.pth").write_text(f"{Path(np.__file__).parents[1]}\n")
    return folder / "venv" / "bin" / "sklearn-cass"


def quiet(*command):
    """Run a command outside the source tree; it must succeed."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    run = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(command[0]).anchor,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs POSIX")
def test_installed_script_trains_and_separates(tmp_path, folders, installed):
    model, parts = tmp_path / "model.safetensors", tmp_path / "parts"
    quiet(installed, "train", *folders, "-o", model, *TINY_TRAINING)
    info = json.loads(quiet(installed, "info", model, "--json"))
    assert (info["components"], info["sfreq"]) == (["low", "high"], SFREQ)
    recording = Path(folders[0]) / "track0.wav"
    quiet(installed, "separate", model, recording, "-o", parts)
    assert files(parts) == ["track0/high.wav", "track0/low.wav"]
    assert "median / mean" in quiet(installed, "evaluate", model, *folders)
    python = installed.with_name("python")
    where = "import sklearn_cass; print(sklearn_cass.__file__)"
    assert str(installed.parents[1]) in quiet(python, "-c", where)
