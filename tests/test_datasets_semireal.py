"""Semi-real fetal ECG: on small files in the original formats, and on the real ones."""

import re
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import find_peaks

from sklearn_cass.datasets import _checks, load_semireal_fetal_ecg

edfio = pytest.importorskip("edfio")
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # pandas' own, inside wfdb
    wfdb = pytest.importorskip("wfdb")

RECORDS = ("r01", "r04", "r07", "r08", "r10")
SECONDS = 12  # of a synthetic fetal record; the adult one has five stretches of 14 s
SMALL = {"records": ["r01", "r04"], "n_times": 256, "random_state": 0}


def beats(seconds, sfreq, bpm, offset, seed):
    """Narrow R waves on some noise and an offset."""
    times = np.arange(seconds * sfreq) / sfreq
    phase = (times * bpm / 60 + 0.5) % 1 - 0.5
    noise = np.random.default_rng(seed).normal(scale=0.02, size=times.size)
    return offset + noise + np.exp(-((phase * 60 / bpm / 0.02) ** 2))


def write_adult(folder, p_signal, fs=360, names=("MLII", "V5"), record="100"):
    folder.mkdir(parents=True, exist_ok=True)
    n = len(names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        wfdb.wrsamp(
            record,
            fs,
            ["mV"] * n,
            list(names),
            p_signal,
            fmt=["212"] * n,
            write_dir=str(folder),
        )


def write_fetal(path, x, sfreq=1000, label="Direct_1"):
    path.parent.mkdir(parents=True, exist_ok=True)
    signals = [
        edfio.EdfSignal(data, sfreq, label=name, physical_dimension="uV")
        for name, data in ((label, x), ("Abdomen_1", x[::-1].copy()))
    ]
    edfio.Edf(signals).write(path)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    adult = np.stack([beats(70, 360, 75, -0.3, 0), beats(70, 360, 50, 0, 1)], axis=1)
    write_adult(folder / "mitdb", adult)
    for seed, record in enumerate(RECORDS):
        x = 200 * beats(SECONDS, 1000, 130, 0.5, seed)
        write_fetal(folder / "adfecgdb" / f"{record}.edf", x)
    return folder


@pytest.fixture
def folder(written, tmp_path):
    """A copy to spoil."""
    return Path(shutil.copytree(written, tmp_path / "copy"))


@pytest.fixture
def edf(folder):
    return folder / "adfecgdb" / "r04.edf"


@pytest.fixture(scope="module")
def real(data_folder):
    folder = data_folder
    if not (folder / "adfecgdb").is_dir() or not (folder / "mitdb").is_dir():
        pytest.skip(f"no adfecgdb and mitdb recordings in {folder}")
    return load_semireal_fetal_ecg(folder, random_state=0)


def magnitude(x):
    return np.percentile(np.abs(x), 99, axis=-1)


def check_parts(ecg, low=2, high=10):
    assert_array_equal(ecg.data, ecg.target.sum(axis=1) + ecg.noise)
    assert ecg.component_names == ["maternal", "fetal"]
    assert ((ecg.magnitude_ratio >= low) & (ecg.magnitude_ratio <= high)).all()
    measured = magnitude(ecg.target[:, 0]) / magnitude(ecg.target[:, 1])
    assert_allclose(measured, ecg.magnitude_ratio)
    assert ((ecg.noise_frequency >= 0.2) & (ecg.noise_frequency <= 0.6)).all()
    assert ((ecg.noise_amplitude >= 0.05) & (ecg.noise_amplitude <= 0.3)).all()
    assert (np.abs(ecg.noise).max(axis=1) <= ecg.noise_amplitude).all()


# ---------------------------------------------------------------- what is returned


def test_mixture_is_exactly_its_parts(written):
    ecg = load_semireal_fetal_ecg(written, **SMALL)
    assert ecg.target.shape == (24, 2, 256)
    assert ecg.sfreq == 256
    assert "MIT-BIH" in ecg.DESCR
    check_parts(ecg)


def test_components_are_the_recordings(written):
    ecg = load_semireal_fetal_ecg(written, **{**SMALL, "n_times": 2560})
    for component, bpm in ((0, 75), (1, 130)):
        for x in ecg.target[:, component]:
            peaks, _ = find_peaks(x, height=0.7 * x.max(), distance=64)
            assert 60 * 256 / np.diff(peaks).mean() == pytest.approx(bpm, rel=0.01)
    # The adult keeps its millivolts, both lose their offsets.
    assert_allclose(ecg.target[:, 0].max(axis=1), 1, atol=0.15)
    assert_allclose(np.median(ecg.target, axis=2), 0, atol=0.1)


@pytest.mark.parametrize("sfreq", [125, 256, 500])
@pytest.mark.parametrize("n_times, hop", [(256, None), (256, 100), (300, 300), (1, 50)])
def test_number_of_rows(written, sfreq, n_times, hop):
    ecg = load_semireal_fetal_ecg(
        written, records=["r07"], sfreq=sfreq, n_times=n_times, hop=hop, random_state=0
    )
    expected = (SECONDS * sfreq - n_times) // (hop or n_times) + 1
    assert ecg.data.shape == (expected, n_times)
    assert_array_equal(ecg.groups, 7)


def test_every_record_has_its_own_stretch_of_the_adult_recording(folder):
    # R waves of 1 mV in the first stretch, of 2 mV in the second, and so on.
    height = np.repeat([1, 2, 3, 4, 5], 14 * 360)
    adult = height * beats(70, 360, 75, 0, 0)
    write_adult(folder / "mitdb", adult[:, None], names=["MLII"])
    ecg = load_semireal_fetal_ecg(
        folder, records=RECORDS[::-1], n_times=256, hop=128, random_state=0
    )
    for group, expected in zip([1, 4, 7, 8, 10], [1, 2, 3, 4, 5], strict=True):
        found = ecg.target[ecg.groups == group, 0].max(axis=1)
        assert_allclose(found, expected, rtol=0.15)


def test_record_does_not_depend_on_the_others(written):
    both = load_semireal_fetal_ecg(written, **SMALL)
    alone = load_semireal_fetal_ecg(written, **{**SMALL, "records": ["r04"]})
    swapped = load_semireal_fetal_ecg(written, **{**SMALL, "records": ["r04", "r01"]})
    for key in ("data", "target", "noise", "magnitude_ratio"):
        assert_array_equal(alone[key], both[key][both.groups == 4])
        assert_array_equal(alone[key], swapped[key][swapped.groups == 4])


def test_random_state_is_all_that_is_random(written):
    state = np.random.get_state()
    one, two = (load_semireal_fetal_ecg(written, **SMALL) for _ in range(2))
    for before, after in zip(state, np.random.get_state(), strict=True):
        assert_array_equal(before, after)
    other = load_semireal_fetal_ecg(written, **{**SMALL, "random_state": 1})
    assert_array_equal(one.data, two.data)
    assert_array_equal(one.target[:, 0], other.target[:, 0])
    assert not np.isclose(one.magnitude_ratio, other.magnitude_ratio).any()
    assert not np.isclose(one.noise_amplitude, other.noise_amplitude).any()


def test_magnitude_ratio_range_is_obeyed(written):
    check_parts(
        load_semireal_fetal_ecg(written, magnitude_ratio=(20, 21), **SMALL), 20, 21
    )
    fixed = load_semireal_fetal_ecg(written, magnitude_ratio=[4, 4], **SMALL)
    assert_array_equal(fixed.magnitude_ratio, 4)


@pytest.mark.parametrize("lead, bpm", [("MLII", 90), ("V5", 60)])
@pytest.mark.parametrize("kind", ["name", "path", "str", "header"])
def test_any_record_may_be_the_mother(written, tmp_path, monkeypatch, kind, lead, bpm):
    adult = np.stack([beats(70, 360, 90, 0, 2), beats(70, 360, 60, 0, 3)], axis=1)
    place = written / "mitdb" if kind == "name" else tmp_path / "own"
    write_adult(place, adult, record="205")
    monkeypatch.chdir(tmp_path)
    record = {
        "name": "205",
        "path": place / "205",
        "str": "own/205",
        "header": str(place / "205.hea"),
    }[kind]
    ecg = load_semireal_fetal_ecg(
        written,
        maternal_record=record,
        maternal_lead=lead,
        **{**SMALL, "n_times": 2560},
    )
    check_parts(ecg)
    for x in ecg.target[:, 0]:
        peaks, _ = find_peaks(x, height=0.7 * x.max(), distance=64)
        assert 60 * 256 / np.diff(peaks).mean() == pytest.approx(bpm, rel=0.01)
    assert f"lead {lead} of record 205" in " ".join(ecg.DESCR.split())


def test_polarity_is_a_random_sign_of_each_component(written):
    arguments = {**SMALL, "hop": 20}
    fixed = load_semireal_fetal_ecg(written, **arguments)
    ecg = load_semireal_fetal_ecg(written, polarity="random", **arguments)
    check_parts(ecg)
    assert_array_equal(ecg.target, fixed.target * ecg.polarity[..., None])
    assert_array_equal(ecg.noise, fixed.noise)
    maternal, fetal = ecg.polarity.T
    for signs in (maternal, fetal, maternal * fetal):
        assert abs(signs.mean()) < 0.3


def test_noise_has_the_level_drawn(written):
    plain = load_semireal_fetal_ecg(written, **SMALL)
    rows = np.random.default_rng(0).normal(size=(2, 300))
    for noise in (["pink", "mains"], [rows]):
        arguments = {**SMALL, "noise": noise, "noise_db": (-10, 0)}
        ecg = load_semireal_fetal_ecg(written, **arguments)
        assert_array_equal(ecg.target, plain.target)
        assert_array_equal(ecg.data, ecg.target.sum(axis=1) + ecg.noise)
        level = np.mean(ecg.noise**2, axis=1) / np.mean(ecg.target[:, 0] ** 2, axis=1)
        assert_allclose(10 * np.log10(level), ecg.noise_db)
        arguments["noise"] = ["respiration", *noise]
        both = load_semireal_fetal_ecg(written, **arguments)
        added = np.mean((both.noise - plain.noise) ** 2, axis=1)
        assert_allclose(added, np.mean(ecg.noise**2, axis=1))
    alone = load_semireal_fetal_ecg(written, **{**arguments, "records": ["r04"]})
    assert_array_equal(alone.data, both.data[both.groups == 4])
    silent = load_semireal_fetal_ecg(written, noise=None, **SMALL)
    assert_array_equal(silent.data, plain.target.sum(axis=1))


def test_windows_without_signal_are_left_out(folder, edf):
    x = 200 * beats(SECONDS, 1000, 130, 0.5, 0)
    x[5000:7500] = x[5000]  # flat for two whole seconds
    write_fetal(edf, x)
    adult = np.stack([beats(70, 360, 75, -0.3, 0)], axis=1)
    adult[(14 + 9) * 360 : (14 + 9) * 360 + 36] = np.nan  # a gap in the tenth second
    write_adult(folder / "mitdb", adult, names=["MLII"])
    ecg = load_semireal_fetal_ecg(folder, **SMALL)
    assert np.isfinite(ecg.data).all()
    assert (ecg.groups == 1).sum() == SECONDS
    assert (ecg.groups == 4).sum() == SECONDS - 3


def test_folder_may_come_from_the_environment(written, monkeypatch):
    monkeypatch.setenv("SKLEARN_CASS_DATA", str(written))
    expected = load_semireal_fetal_ecg(str(written), **SMALL).data
    assert_array_equal(load_semireal_fetal_ecg(**SMALL).data, expected)


# ---------------------------------------------------------------- bad input


def test_no_folder_names_both_remedies(monkeypatch):
    monkeypatch.delenv("SKLEARN_CASS_DATA", raising=False)
    with pytest.raises(ValueError, match="pass folder=.* SKLEARN_CASS_DATA"):
        load_semireal_fetal_ecg()


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="folder: .*nowhere"):
        load_semireal_fetal_ecg(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name", ["adfecgdb/r04.edf", "mitdb/100.hea", "mitdb/100.dat", "adfecgdb", "mitdb"]
)
def test_missing_file_is_named(folder, name):
    path = folder / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(FileNotFoundError, match=f"no such file: .*{name}"):
        load_semireal_fetal_ecg(folder, **SMALL)


@pytest.mark.parametrize("record", ["101", "elsewhere/101"])
def test_missing_mother_is_named(written, record):
    with pytest.raises(FileNotFoundError, match="no such file: .*101.hea"):
        load_semireal_fetal_ecg(written, maternal_record=record, **SMALL)


def test_wrong_fetal_rate_is_named(folder, edf):
    write_fetal(edf, beats(SECONDS, 500, 130, 0.5, 0), sfreq=500)
    with pytest.raises(ValueError, match="r04.edf has .* 500 Hz, expected 1000 Hz"):
        load_semireal_fetal_ecg(folder, **SMALL)


def test_wrong_adult_rate_is_named(folder):
    write_adult(folder / "mitdb", np.ones((3600, 2)), fs=250)
    with pytest.raises(ValueError, match="100.hea has .* 250 Hz, expected 360 Hz"):
        load_semireal_fetal_ecg(folder, **SMALL)


@pytest.mark.parametrize("n_bytes", [0, 100, 300, 700, 5000, -1])
def test_truncated_edf_is_named(folder, edf, n_bytes):
    edf.write_bytes(edf.read_bytes()[:n_bytes])
    with pytest.raises(ValueError, match="r04.edf is truncated"):
        load_semireal_fetal_ecg(folder, **SMALL)


@pytest.mark.parametrize("n_bytes", [0, 5000, -1])
def test_truncated_dat_is_named(folder, n_bytes):
    path = folder / "mitdb" / "100.dat"
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(ValueError, match="100.dat is truncated"):
        load_semireal_fetal_ecg(folder, **SMALL)


def test_unreadable_header_is_named(folder):
    (folder / "mitdb" / "100.hea").write_text("no header at all\n")
    with pytest.raises(ValueError, match="100.hea is not a readable header"):
        load_semireal_fetal_ecg(folder, **SMALL)


def test_missing_signals_are_named(folder, edf):
    write_adult(folder / "mitdb", np.ones((3600, 1)), names=["V5"])
    with pytest.raises(ValueError, match="100.hea has no signal 'MLII'"):
        load_semireal_fetal_ecg(folder, **SMALL)


def test_missing_fetal_signal_is_named(folder, edf):
    write_fetal(edf, beats(SECONDS, 1000, 130, 0.5, 0), label="Direct_2")
    with pytest.raises(ValueError, match="r04.edf has no signal 'Direct_1'"):
        load_semireal_fetal_ecg(folder, **SMALL)


@pytest.mark.parametrize(
    "name, value, match",
    [
        ("records", ["r02"], "records must be among .*'r02'"),
        ("records", [], "records must be a non-empty list"),
        ("records", "r01", "records.* must be an? "),
        ("records", ["r01", "r01"], "records holds a name twice"),
        ("sfreq", 0, "'sfreq' parameter"),
        ("sfreq", 256.5, "'sfreq' parameter"),
        ("n_times", 0, "'n_times' parameter"),
        ("n_times", 256 * SECONDS + 1, "n_times=3073 at 256 Hz leaves no window"),
        ("hop", 0, "'hop' parameter"),
        ("sfreq", 10**9, "'sfreq' parameter"),
        ("n_times", True, "n_times must be a number, got True"),
        ("hop", True, "hop must be a number, got True"),
        ("sfreq", True, "'sfreq' parameter|sfreq must be a number"),
        ("n_times", 10**30, "n_times=1000.* leaves no window"),
        ("random_state", "seed", "'random_state' parameter"),
        ("magnitude_ratio", (0, 2), "magnitude_ratio must be"),
        ("magnitude_ratio", (3, 2), "magnitude_ratio must be"),
        ("magnitude_ratio", (2, np.inf), "magnitude_ratio must be"),
        ("magnitude_ratio", (2, 3, 4), "magnitude_ratio must be"),
        ("polarity", "up", "'polarity' parameter"),
        ("maternal_record", 100, "'maternal_record' parameter"),
        ("maternal_lead", "V9", "100.hea has no signal 'V9'"),
        ("noise", "brown", "noise must be among .* got 'brown'"),
        ("noise_db", (0, -1), "noise_db must be two finite numbers"),
    ],
)
def test_bad_arguments_are_named(written, name, value, match):
    with pytest.raises(ValueError, match=match):
        load_semireal_fetal_ecg(written, **{**SMALL, name: value})


def test_hop_beyond_the_end_leaves_the_first_window(written):
    ecg = load_semireal_fetal_ecg(written, **SMALL, hop=10**30)
    assert ecg.data.shape == (2, 256)


def test_windows_beyond_the_memory_are_refused(written, monkeypatch):
    monkeypatch.setattr(_checks, "memory_bytes", lambda: 2**24)
    assert len(load_semireal_fetal_ecg(written, **SMALL).data) == 24
    with pytest.raises(ValueError, match="n_times=256, hop=1, .* GiB of memory"):
        load_semireal_fetal_ecg(written, **SMALL, hop=1)


@pytest.mark.parametrize("n_times", [3, 400, 3600])
def test_adult_recording_without_a_signal_is_refused(folder, n_times):
    write_adult(folder / "mitdb", np.ones((n_times, 1)), names=["MLII"])
    with pytest.raises(ValueError, match="record r01 .* no second with a signal"):
        load_semireal_fetal_ecg(folder, **SMALL)


def test_adult_recording_in_microvolts_is_converted(folder):
    expected = load_semireal_fetal_ecg(folder, **SMALL).target
    header = folder / "mitdb" / "100.hea"
    text = header.read_text()
    gain = re.search(r"212 ([\d.]+)\((-?\d+)\)/mV", text)
    microvolts = f"212 {float(gain[1]) / 1000:.9f}({gain[2]})/uV"
    header.write_text(text.replace(gain[0], microvolts, 1))
    found = load_semireal_fetal_ecg(folder, **SMALL).target
    assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("module", ["wfdb", "edfio"])
def test_missing_reader_names_the_extra(written, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"pip install sklearn-cass\[bio\]"):
        load_semireal_fetal_ecg(written, **SMALL)


# ---------------------------------------------------------------- the recordings


def test_real_rows(real):
    assert real.target.shape == (300, 2, 1024)
    groups, counts = np.unique(real.groups, return_counts=True)
    assert_array_equal(groups, [1, 4, 7, 8])
    assert_array_equal(counts, 75)
    check_parts(real)


def test_real_adult_recording_is_used_once(real):
    assert len({row.tobytes() for row in real.target[:, 0]}) == 300


def test_real_heart_rates(real):
    # Autocorrelation of long runs of consecutive windows: the annotated rates are 76
    # for the adult and 125 to 130 for the fetuses.
    for group in np.unique(real.groups):
        for component, (low, high) in enumerate([(65, 90), (110, 160)]):
            x = real.target[real.groups == group, component]
            spectrum = np.abs(np.fft.rfft(x, n=2048)) ** 2
            correlation = np.fft.irfft(spectrum.mean(axis=0))[: 2 * 256]
            lag = 80 + correlation[80:].argmax()
            assert low < 60 * 256 / lag < high
