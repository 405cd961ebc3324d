"""Readers of recordings: what a file may contain, and what is refused by its name."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from recordings import (
    N_TIMES,
    damaged_edf,
    damaged_text,
    damaged_wav,
    edf_bytes,
    wfdb_header,
    write_wfdb,
)

from sklearn_cass.datasets._edf import read_edf_signal
from sklearn_cass.datasets._wav import read_wav
from sklearn_cass.datasets._wfdb import read_wfdb_signal

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("edfio")
pytest.importorskip("wfdb")


@pytest.fixture
def values():
    return np.random.default_rng(0).integers(-1000, 1000, N_TIMES)


# --- WFDB ---------------------------------------------------------------------------


def read_record(folder, header, values):
    return read_wfdb_signal(write_wfdb(folder, header, values), "MLII", 360)


def test_signal_is_that_of_the_file(values, tmp_path):
    x = read_record(tmp_path, wfdb_header(values=values), values)
    assert_array_equal(x, values / 200)


@pytest.mark.parametrize(
    ("gain", "millivolts"),
    [
        ("200", 1 / 200),
        ("0", 1 / 200),  # the format's default
        ("10/uV", 1 / 10_000),
        ("10/mV", 1 / 10),
        ("0.5/nV", 2e-6),
        ("1000/V", 1),
        ("200(7)/mV", 1 / 200),
    ],
)
def test_values_are_in_millivolts(gain, millivolts, values, tmp_path):
    line = f"100.dat 16 {gain} 11 0 {{first}} {{total}} 0 MLII"
    x = read_record(tmp_path, wfdb_header(line, values), values)
    assert_allclose(x, (values - 7 * ("(7)" in gain)) * millivolts, rtol=1e-12)


@pytest.mark.parametrize("names", [["MLII"], ["MLII", "V5", "V6"]])
def test_length_is_that_of_the_file_if_the_header_has_none(names, values, tmp_path):
    lines = [f"100.dat 16 200 11 0 0 0 0 {name}" for name in names]
    header = "\n".join([f"100 {len(names)} 360", *lines])
    x = read_record(tmp_path, header, values)
    assert_array_equal(x, values[:: len(names)] / 200)


def test_signals_of_several_files(values, tmp_path):
    header = f"100 2 360 {N_TIMES}\n101.dat 16 200 11 0 1 1 0 V5\n"
    header += wfdb_header(values=values).splitlines()[1]
    write_wfdb(tmp_path, "", np.ones(N_TIMES), "101")
    assert_array_equal(read_record(tmp_path, header, values), values / 200)
    write_wfdb(tmp_path, "", np.ones(N_TIMES - 1), "101")
    with pytest.raises(ValueError, match="101.dat is truncated"):
        read_record(tmp_path, header, values)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (" 16 ", " 17 ", "100.hea has the signal file 100.dat in format 17, expected"),
        (" 16 ", " 516 ", "100.hea has the signal file 100.dat in format 516"),
        (" 16 ", " 16x4 ", "100.hea has a signal with 4 values at a time point"),
        (" 16 ", " 16:9 ", "100.hea has a signal with a skew of 9"),
        (" 16 ", " 16+9 ", "100.dat is truncated"),
        (" 720\n", " 99999999999999\n", "100.dat is truncated: .* 199999999999998"),
        (" 720\n", " 0\n", "100.hea announces 0 time points"),
        ("100 1 ", "100 2 ", "100.hea announces 2 signals and lists 1"),
        ("100 1 ", "100 0 ", "100.hea announces 0 signals and lists 1"),
        ("100 1 ", "100/2 1 ", "100.hea is "),
        (" 200 ", " 200/mmHg ", "100.hea has a signal in the unit 'mmHg', expected"),
        (" 200 ", " 200/\N{MICRO SIGN}V ", "100.hea has a line that is not ASCII"),
        (" 200 ", " 1e-320/mV ", "100.dat is not a readable signal file: .* finite"),
        (" 200 ", " 1e999 ", "100.hea has a signal with a gain of inf"),
        ("MLII", "V5", "100.hea has no signal 'MLII', only"),
        (" 0 MLII", " 0 MLII" + 2000 * "I", "100.hea has a line of 20.. characters"),
    ],
)
def test_fields_that_are_refused(old, new, message, values, tmp_path):
    header = wfdb_header(values=values)
    assert old in header
    with pytest.raises((ValueError, OSError), match=message):
        read_record(tmp_path, header.replace(old, new), values)


def test_record_of_several_segments_is_refused(values, tmp_path):
    header = f"100/2 1 360 {2 * N_TIMES}\n101 {N_TIMES}\n102 {N_TIMES}\n"
    with pytest.raises(ValueError, match="100.hea is a record of 2 segments"):
        read_record(tmp_path, header, values)


def test_signals_of_one_name_are_refused(values, tmp_path):
    header = wfdb_header(values=values[::2], n=2)
    with pytest.raises(ValueError, match="100.hea has 2 signals 'MLII'"):
        read_record(tmp_path, header, values)


def test_header_of_another_kind_is_not_read(values, tmp_path):
    header = wfdb_header(values=values) + 100_000 * "# no end\n"
    with pytest.raises(ValueError, match="100.hea has more than 65536 bytes"):
        read_record(tmp_path, header, values)


@pytest.mark.parametrize(("at", "name"), [(300, "checksum"), (0, "checksum")])
def test_changed_value_is_found(at, name, values, tmp_path):
    changed = values.copy()
    changed[at] += 1
    with pytest.raises(ValueError, match=f"100.dat is not .*: {name} is"):
        read_record(tmp_path, wfdb_header(values=values), changed)


def test_exchanged_first_values_are_found(values, tmp_path):
    changed = values.copy()
    changed[[0, 1]] = values[[1, 0]]  # of the same checksum
    with pytest.raises(ValueError, match="100.dat is not .*: init_value is"):
        read_record(tmp_path, wfdb_header(values=values), changed)


def test_gaps_are_not_compared_with_the_checksum(values, tmp_path):
    gap = values.copy()
    gap[5] = -(2**15)
    x = read_record(tmp_path, wfdb_header(values=values), gap)
    assert_array_equal(np.flatnonzero(np.isnan(x)), 5)


def test_files_of_two_lengths_need_a_length_in_the_header(values, tmp_path):
    lines = [
        "100 2 360",
        "101.dat 16 200 11 0 0 0 0 V5",
        "100.dat 16 200 0 0 0 0 0 MLII",
    ]
    write_wfdb(tmp_path, "", np.ones(9), "101")
    with pytest.raises(ValueError, match="100.hea has no number of .* .9, 720"):
        read_record(tmp_path, "\n".join(lines), values)


# --- EDF ----------------------------------------------------------------------------


def read_edf(folder, content):
    (folder / "r01.edf").write_bytes(content)
    return read_edf_signal(folder / "r01.edf", "Direct_1", 1000)


@pytest.mark.parametrize(("unit", "factor"), [("uV", 1), ("mV", 1000), ("V", 1e6)])
def test_edf_is_in_microvolts(unit, factor, tmp_path):
    values = np.arange(-1000, 1000)
    x = read_edf(tmp_path, edf_bytes(values, unit=unit))
    assert_allclose(x, 0.1 * factor * values, rtol=1e-9, atol=1e-9 * factor)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n_signals": 0, "n_header": 256}, "not an EDF file: it has 0 signals"),
        ({"n_signals": -1}, "not an EDF file: it has -1 signals"),
        ({"n_signals": 9999}, "is truncated"),
        ({"n_header": 256}, "a header of 256 bytes for 1 signals"),
        ({"n_records": -1}, "not an EDF file: it has -1 records"),
        ({"n_records": 0}, "not an EDF file: it has 0 records"),
        ({"n_records": 99999999}, "is truncated: .* announces 199999998512 bytes"),
        ({"n_values": 0}, "a signal has 0 values in a record"),
        ({"n_values": -1}, "a signal has -1 values in a record"),
        ({"duration": 0}, "r01.edf"),
        ({"duration": "nan"}, "r01.edf has a sampling frequency of nan"),
        ({"reserved": "EDF+D"}, "is a discontinuous recording"),
        ({"physical_min": "nan"}, "the physical range of the signal is nan to"),
        ({"physical_max": "one"}, "not a readable EDF file: .*one"),
        ({"physical_max": "1e999"}, "not a readable EDF file"),
        ({"physical_max": -3276.8}, "the physical range .* -3276.8 to -3276.8"),
        ({"digital_max": -32768}, "the digital range .* -32768 to -32768"),
        ({"unit": "degC"}, "has a signal in the unit 'degC', expected one of"),
        ({"unit": "\N{MICRO SIGN}V"}, "has a signal in the unit"),
        ({"version": "1"}, "not an EDF file: its version is '1'"),
    ],
)
def test_edf_headers_that_are_refused(fields, message, tmp_path):
    content = edf_bytes(np.arange(2000), **fields)
    with pytest.raises(ValueError, match=f"r01.edf.*{message.removeprefix('r01.edf')}"):
        read_edf(tmp_path, content)


# --- WAV ----------------------------------------------------------------------------


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "DOUBLE"])
def test_wav_of_any_width(subtype, tmp_path):
    x = np.linspace(-0.5, 0.5, 100)
    soundfile.write(tmp_path / "x.wav", x, 44_100, subtype)
    assert_allclose(read_wav(tmp_path / "x.wav", 44_100), x, atol=1 / 64)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_wav_with_values_that_are_not_finite(value, subtype, tmp_path):
    x = np.zeros(100)
    x[50] = value
    soundfile.write(tmp_path / "x.wav", x, 44_100, subtype)
    with pytest.raises(ValueError, match="x.wav contains NaN or infinity"):
        read_wav(tmp_path / "x.wav", 44_100)


@pytest.mark.parametrize(
    ("format", "subtype"),
    [("WAV", "ULAW"), ("WAV", "IMA_ADPCM"), ("FLAC", "PCM_16"), ("AIFF", "PCM_16")],
)
def test_sound_of_another_kind_is_refused(format, subtype, tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, np.zeros(1000), 44_100, subtype, format=format)
    message = f"x.wav is not a readable WAV file: its format is {format}, {subtype}"
    with pytest.raises(ValueError, match=message):
        read_wav(path, 44_100)


# --- damaged files ------------------------------------------------------------------

N_DAMAGED = 250


def damaged_records(rng, folder):
    values = rng.integers(-1000, 1000, N_TIMES)
    header = wfdb_header(values=values)
    path = write_wfdb(folder, header, values)
    for _ in range(N_DAMAGED):
        path.with_name("100.hea").write_bytes(damaged_text(rng, header))
        yield lambda: read_wfdb_signal(path, "MLII", 360)


def damaged_edf_files(rng, folder):
    path, content = folder / "r01.edf", edf_bytes(np.arange(2000))
    for _ in range(N_DAMAGED):
        path.write_bytes(damaged_edf(rng, content))
        yield lambda: read_edf_signal(path, "Direct_1", 1000)


def damaged_wav_files(rng, folder):
    path = folder / "x.wav"
    for k in range(N_DAMAGED):
        soundfile.write(path, np.zeros(1000), 44_100, ("PCM_16", "FLOAT")[k % 2])
        path.write_bytes(damaged_wav(rng, path.read_bytes()))
        yield lambda: read_wav(path, 44_100)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "damage", [damaged_records, damaged_edf_files, damaged_wav_files]
)
def test_damaged_files_are_arrays_or_errors_that_name_them(damage, tmp_path):
    n_errors = 0
    tracemalloc.start()
    try:
        for read in damage(np.random.default_rng(0), tmp_path):
            try:
                x = read()
            except (ValueError, OSError) as error:
                n_errors += 1
                assert str(tmp_path) in str(error)
            else:
                assert x.dtype == float
                assert x.ndim == 1
                assert not np.isinf(x).any()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert N_DAMAGED / 4 < n_errors < N_DAMAGED
    assert peak < 2**24  # the files have a few kilobytes
