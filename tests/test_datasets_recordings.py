"""Bach10: the loader on small files of the original layout, and on the real ones."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import resample_poly

from sklearn_cass.datasets import _checks, load_bach10

soundfile = pytest.importorskip("soundfile")

INSTRUMENTS = ["violin", "clarinet", "saxophone", "bassoon"]
N_TIMES = 22_050  # of a synthetic piece: half a second


@pytest.fixture
def folder(tmp_path):
    """Three pieces of noise, laid out as the data set is."""
    rng = np.random.default_rng(0)
    for name in ("01-AchGott", "02-Nacht", "10-Sonne"):
        (tmp_path / "bach10" / name).mkdir(parents=True)
        for instrument in ("violin", "clarinet", "saxphone", "bassoon"):
            path = tmp_path / "bach10" / name / f"{name}-{instrument}.wav"
            soundfile.write(path, rng.uniform(-0.5, 0.5, N_TIMES), 44_100)
    (tmp_path / "bach10" / "README.md").write_text("not a piece")
    return tmp_path / "bach10"


@pytest.fixture
def stem(folder):
    return folder / "02-Nacht" / "02-Nacht-saxphone.wav"


@pytest.fixture(scope="module")
def real(data_folder):
    folder = data_folder / "bach10"
    if not folder.is_dir():
        pytest.skip(f"no Bach10 recordings in {folder}")
    return folder


# ---------------------------------------------------------------- what is returned


def test_mixture_is_exactly_the_sum_of_its_stems(folder):
    bach = load_bach10(folder, window=0.1)
    assert bach.data.shape == (15, 2205)
    assert bach.target.shape == (15, 2, 2205)
    assert bach.data.dtype == bach.target.dtype == np.float32
    assert_array_equal(bach.data, bach.target.sum(axis=1))
    assert bach.component_names == ["bassoon", "saxophone"]
    assert bach.sfreq == 22_050
    assert bach.piece_names == ["01-AchGott", "02-Nacht", "10-Sonne"]
    assert_array_equal(bach.groups, np.repeat([1, 2, 10], 5))
    assert "Bach" in bach.DESCR


def test_components_are_the_files_in_the_order_asked_for(folder):
    asked = ["saxophone", "violin", "bassoon"]
    bach = load_bach10(folder, instruments=asked, pieces=[2], sfreq=44_100, window=None)
    assert bach.component_names == asked
    for component, name in zip(
        bach.target[0], ("saxphone", "violin", "bassoon"), strict=True
    ):
        x, _ = soundfile.read(folder / "02-Nacht" / f"02-Nacht-{name}.wav")
        assert_array_equal(component, x.astype(np.float32))


def test_windows_without_overlap_are_the_recording(folder):
    whole = load_bach10(folder, window=None)
    cut = load_bach10(folder, window=0.15)
    for recording, piece in zip(whole.target, whole.groups, strict=True):
        rows = cut.target[cut.groups == piece]
        joined = np.concatenate(list(rows), axis=-1)
        assert recording.shape[1] - joined.shape[1] < cut.data.shape[1]
        assert_array_equal(joined, recording[:, : joined.shape[1]])


def test_hop_overlaps_windows(folder):
    bach = load_bach10(folder, pieces=[1], sfreq=1000, window=0.1, hop=0.025)
    assert bach.data.shape == (1 + (500 - 100) // 25, 100)
    assert_array_equal(bach.data[1:, :-25], bach.data[:-1, 25:])


def test_whole_recordings_are_lists(folder):
    bach = load_bach10(folder, window=None)
    assert isinstance(bach.data, list)
    assert isinstance(bach.target, list)
    assert_array_equal(bach.groups, [1, 2, 10])
    for data, target in zip(bach.data, bach.target, strict=True):
        assert_array_equal(data, target.sum(axis=0))
        assert target.shape == (2, N_TIMES // 2)


@pytest.mark.parametrize("sfreq", [8000, 16_000, 22_050, 44_100, 48_000])
def test_resampled_tone_keeps_its_frequency(folder, stem, sfreq):
    times = np.arange(N_TIMES) / 44_100
    soundfile.write(stem, 0.5 * np.sin(2 * np.pi * 1000 * times), 44_100)
    bach = load_bach10(
        folder, instruments=["saxophone"], pieces=[2], sfreq=sfreq, window=None
    )
    x = bach.data[0]
    assert len(x) == sfreq // 2
    inner = slice(len(x) // 5, -len(x) // 5)
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(len(x)) / sfreq)
    assert_allclose(x[inner], expected[inner], atol=2e-3)


def test_pieces_come_in_the_order_asked_for(folder):
    bach = load_bach10(folder, pieces=[10, 1], window=0.25)
    assert_array_equal(bach.groups, [10, 10, 1, 1])
    assert bach.piece_names == ["10-Sonne", "01-AchGott"]


@pytest.mark.parametrize("given", ["saxophone", "saxphone"])
@pytest.mark.parametrize("on_disk", ["saxophone", "saxphone"])
def test_both_spellings_of_saxophone(folder, stem, given, on_disk):
    stem.rename(stem.with_name(f"02-Nacht-{on_disk}.wav"))
    bach = load_bach10(folder, pieces=[2], instruments=[given], window=0.5)
    assert bach.component_names == ["saxophone"]


def test_folder_may_be_the_parent_or_come_from_the_environment(folder, monkeypatch):
    expected = load_bach10(folder, window=0.5).data
    assert_array_equal(load_bach10(str(folder.parent), window=0.5).data, expected)
    monkeypatch.setenv("SKLEARN_CASS_DATA", str(folder.parent))
    assert_array_equal(load_bach10(window=0.5).data, expected)


# ---------------------------------------------------------------- bad input


def test_no_folder_names_both_remedies(monkeypatch):
    monkeypatch.delenv("SKLEARN_CASS_DATA", raising=False)
    with pytest.raises(ValueError, match="pass folder=.* SKLEARN_CASS_DATA"):
        load_bach10()


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder: .*nowhere"):
        load_bach10(tmp_path / "nowhere")


def test_folder_without_pieces_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"no piece .* in {tmp_path}"):
        load_bach10(tmp_path)


def test_missing_piece_is_named(folder):
    with pytest.raises(FileNotFoundError, match="pieces: no folder 03-Title"):
        load_bach10(folder, pieces=[1, 3])


def test_missing_stem_is_named(folder, stem):
    stem.unlink()
    with pytest.raises(FileNotFoundError, match="saxophone: .*02-Nacht-saxphone.wav"):
        load_bach10(folder)
    assert len(load_bach10(folder, instruments=["bassoon"], window=0.5).data) == 3


def test_wrong_rate_is_named(folder, stem):
    soundfile.write(stem, np.zeros(N_TIMES), 48_000)
    with pytest.raises(
        ValueError, match=f"{stem.name} has .* 48000 Hz, expected 44100 Hz"
    ):
        load_bach10(folder)


def test_stereo_is_named(folder, stem):
    soundfile.write(stem, np.zeros((N_TIMES, 2)), 44_100)
    with pytest.raises(ValueError, match=f"{stem.name} has 2 channels, expected 1"):
        load_bach10(folder)


@pytest.mark.parametrize("instruments", [["saxophone"], ["bassoon", "saxophone"]])
@pytest.mark.parametrize("n_bytes", [44 + 2000, 60, 20])
def test_truncated_file_is_named(folder, stem, n_bytes, instruments):
    stem.write_bytes(stem.read_bytes()[:n_bytes])
    with pytest.raises(ValueError, match=f"{stem.name} is truncated: .* {n_bytes}"):
        load_bach10(folder, instruments=instruments)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound " * 100])
def test_unreadable_file_is_named(folder, stem, content):
    stem.write_bytes(content)
    with pytest.raises(ValueError, match=f"{stem.name} is not a readable WAV"):
        load_bach10(folder)


def test_stem_of_another_length_is_named(folder, stem):
    soundfile.write(stem, np.zeros(N_TIMES - 1), 44_100)
    match = f"{stem.name} has {N_TIMES - 1} time points but .*bassoon.wav has {N_TIMES}"
    with pytest.raises(ValueError, match=match):
        load_bach10(folder)


def test_window_longer_than_a_piece_names_it(folder):
    with pytest.raises(ValueError, match="window: 11047 .* 11025 of piece 01-AchGott"):
        load_bach10(folder, window=0.501)


@pytest.mark.parametrize(
    "name, value, match",
    [
        ("instruments", ["tuba"], "instruments must be among .*'tuba'"),
        ("instruments", "bassoon", "instruments.* must be an? "),
        ("instruments", [], "instruments must be a non-empty list"),
        ("instruments", ["saxophone", "saxphone"], "instruments holds a name twice"),
        ("pieces", [0], "pieces must be integers from 1 to 10, got 0"),
        ("pieces", [11], "pieces must be integers from 1 to 10, got 11"),
        ("pieces", ["01"], "pieces must be integers from 1 to 10, got '01'"),
        ("pieces", [1, 1], "pieces holds a number twice"),
        ("pieces", [], "pieces must be a non-empty list"),
        ("sfreq", 0, "'sfreq' parameter"),
        ("sfreq", 22050.5, "'sfreq' parameter"),
        ("window", 0, "'window' parameter"),
        ("window", 1e-6, "window=1e-06 s is less than one time point"),
        ("hop", -1.0, "'hop' parameter"),
        ("hop", 1e-6, "hop=1e-06 s is less than one time point"),
        ("sfreq", 10**9, "'sfreq' parameter .* got 1000000000|Got 1000000000"),
        ("sfreq", True, "sfreq must be a number, got True"),
        ("window", True, "window must be a number, got True"),
        ("hop", True, "hop must be a number, got True"),
        ("pieces", [True], "pieces must be integers from 1 to 10, got True"),
        ("window", np.nan, "'window' parameter"),
        ("window", 1e308, "window: .* time points are more than the 11025"),
        ("window", np.inf, "'window' parameter"),
        ("hop", np.nan, "'hop' parameter"),
    ],
)
def test_bad_arguments_are_named(folder, name, value, match):
    with pytest.raises(ValueError, match=match):
        load_bach10(folder, **{name: value})


def test_hop_beyond_the_end_leaves_the_first_window(folder):
    for hop in (10, 1e308):
        assert load_bach10(folder, window=0.1, hop=hop).data.shape == (3, 2205)


def test_windows_beyond_the_memory_are_refused(folder, monkeypatch):
    monkeypatch.setattr(_checks, "memory_bytes", lambda: 2**24)
    assert len(load_bach10(folder, window=0.1).data) == 15
    message = "window=0.1, hop=0.0001, .* GiB of memory"
    with pytest.raises(ValueError, match=message):
        load_bach10(folder, window=0.1, hop=1e-4)


def test_two_folders_of_one_piece_are_named(folder):
    (folder / "02-Tag").mkdir()
    with pytest.raises(ValueError, match="02-Nacht and .*02-Tag have the same number"):
        load_bach10(folder)


def test_missing_soundfile_names_the_extra(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(ImportError, match=r"pip install sklearn-cass\[audio\]"):
        load_bach10(folder)


# ---------------------------------------------------------------- the recordings


def test_real_stems_sum_to_the_full_mix(real):
    path = real / "01-AchGottundHerr" / "01-AchGottundHerr.wav"
    mix, sfreq = soundfile.read(path)
    bach = load_bach10(
        real, instruments=INSTRUMENTS, pieces=[1], sfreq=sfreq, window=None
    )
    scale = bach.data[0] @ mix / (bach.data[0] @ bach.data[0])
    residual = mix - scale * bach.data[0]
    assert 20 * np.log10(np.linalg.norm(residual) / np.linalg.norm(mix)) < -60


def test_real_windows_are_the_recording(real):
    bach = load_bach10(real, pieces=[1, 7])
    assert_array_equal(np.unique(bach.groups), [1, 7])
    stem = real / "07-HerrGott" / "07-HerrGott-bassoon.wav"
    expected = resample_poly(soundfile.read(stem)[0], 1, 2)
    rows = bach.target[bach.groups == 7, 0]
    assert len(rows) == len(expected) // 22_050
    assert_allclose(rows.ravel(), expected[: rows.size], atol=1e-6)


def test_real_pieces_all_load(real):
    bach = load_bach10(real, instruments=INSTRUMENTS, sfreq=4410, window=2.0)
    assert set(bach.groups) == set(range(1, 1 + len(bach.piece_names)))
    assert bach.data.shape[1] == 8820
    assert_array_equal(bach.data, bach.target.sum(axis=1))
    assert bach.target.std(axis=(0, 2)).min() > 1e-3
