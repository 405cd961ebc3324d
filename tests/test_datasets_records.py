"""Recordings with events: on small files in the original formats, and on real ones."""

import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_cass.datasets import (
    load_adfecgdb,
    load_bidmc,
    load_challenge2013,
    load_mitdb,
)
from sklearn_cass.datasets._annotations import read_wfdb_beats
from sklearn_cass.datasets._records import find_gaps

edfio = pytest.importorskip("edfio")
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # pandas' own, inside wfdb
    wfdb = pytest.importorskip("wfdb")

SECONDS = 6
LOADERS = {
    "adfecgdb": load_adfecgdb,
    "challenge2013": load_challenge2013,
    "mitdb": load_mitdb,
    "bidmc": load_bidmc,
}
# two records of each, and the files of the second one
RECORDS = {
    "adfecgdb": (["r01", "r10"], ["r10.edf", "r10.edf.qrs"]),
    "challenge2013": (["a02", "a75"], ["a75.hea", "a75.dat", "a75.fqrs"]),
    "mitdb": (["100", "203"], ["203.hea", "203.dat", "203.atr"]),
    "bidmc": (["03", "53"], ["bidmc_53_Signals.csv", "bidmc_53_Breaths.csv"]),
}
SFREQ = {"adfecgdb": 1000, "challenge2013": 1000, "mitdb": 360, "bidmc": 125}


def write_beats(folder, name, suffix, beats, sfreq, symbols=None):
    symbols = symbols or ["N"] * len(beats)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        wfdb.wrann(
            name, suffix, np.array(beats), symbols, fs=sfreq, write_dir=str(folder)
        )


def write_wfdb(folder, name, sfreq, unit, names, signals):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        wfdb.wrsamp(
            name,
            sfreq,
            [unit] * len(names),
            names,
            signals.T,
            fmt=["16"] * len(names),
            write_dir=str(folder),
        )


def write_adfecgdb(folder, record, signals, beats):
    names = ["Direct_1", *(f"Abdomen_{k}" for k in range(1, 5))]
    edf = edfio.Edf(
        [
            edfio.EdfSignal(x, 1000, label=name, physical_dimension="uV")
            for x, name in zip(signals, names, strict=True)
        ]
    )
    edf.write(folder / f"{record}.edf")
    # wfdb refuses to write a suffix with a dot
    write_beats(folder, record, "qrs", beats, 1000)
    (folder / f"{record}.qrs").rename(folder / f"{record}.edf.qrs")


def write_challenge2013(folder, record, signals, beats):
    names = [f"AECG{k}" for k in range(1, 5)]
    write_wfdb(folder, record, 1000, "uV", names, signals)
    write_beats(folder, record, "fqrs", beats, 1000)


def write_mitdb(folder, record, signals, beats):
    write_wfdb(folder, record, 360, "mV", ["MLII", "V5"], signals)
    # a change of the rhythm, which is no beat, and a premature beat
    symbols = ["+", *["N"] * (len(beats) - 1), "V"]
    write_beats(folder, record, "atr", [beats[0] - 5, *beats], 360, symbols)


def write_bidmc(folder, record, signals, beats):
    """Write the columns of the second record in another order."""
    names = [" PLETH", " RESP", " II"]
    columns = dict(zip(names, signals, strict=True))
    if record == "53":
        names = names[::-1]
    times = [f"{t:.5g}" for t in np.arange(signals.shape[1]) / 125]
    lines = [",".join(["Time [s]", *names])]
    rows = zip(times, *(columns[name] for name in names), strict=True)
    lines += [",".join(map(str, row)) for row in rows]
    (folder / f"bidmc_{record}_Signals.csv").write_text("\n".join(lines) + "\n")
    head = "breaths ann1 [signal sample no], breaths ann2 [signal sample no]"
    rows = [f"{b},{b + 2}" for b in beats] + [f"NaN,{beats[-1] + 9}"]
    path = folder / f"bidmc_{record}_Breaths.csv"
    path.write_text("\n".join([head, *rows]) + "\n")


WRITERS = {
    "adfecgdb": (write_adfecgdb, 5),
    "challenge2013": (write_challenge2013, 4),
    "mitdb": (write_mitdb, 2),
    "bidmc": (write_bidmc, 3),
}


def written_signals(name, number):
    """Return signals and events of one of the two records of a data set."""
    n_channels = WRITERS[name][1]
    n_times = (SECONDS + number) * SFREQ[name]
    rng = np.random.default_rng(number)
    signals = rng.integers(-500, 500, (n_channels, n_times)) / 100
    beats = np.sort(rng.choice(np.arange(10, n_times - 20), 12, replace=False))
    return signals, beats


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("recordings")
    for name, (write, _) in WRITERS.items():
        (root / name).mkdir()
        for number, record in enumerate(RECORDS[name][0]):
            write(root / name, record, *written_signals(name, number))
    return root


@pytest.fixture
def root(written, tmp_path):
    """A copy to spoil."""
    return Path(shutil.copytree(written, tmp_path / "copy"))


@pytest.fixture(params=LOADERS)
def name(request):
    """Each data set in turn."""
    return request.param


# --- what is returned -----------------------------------------------------------------


def test_all_records_of_a_folder_are_loaded(written, name):
    found = LOADERS[name](written)
    records, sfreq = RECORDS[name][0], SFREQ[name]
    assert found.record_names == records
    assert_array_equal(found.groups, [int(re.sub(r"\D", "", r)) for r in records])
    assert found.sfreq == sfreq
    assert len(found.DESCR.splitlines()) > 3
    n_channels = len(found.channel_names)
    assert len(found.units) == n_channels
    for number, (x, events) in enumerate(zip(found.data, found.events, strict=True)):
        signals, beats = written_signals(name, number)
        assert x.shape == (n_channels, signals.shape[1])
        assert_allclose(x, signals[:n_channels], atol=2e-3)
        assert_allclose(events * sfreq, beats)


def test_records_come_in_the_order_asked_for(written, name):
    both = LOADERS[name](written)
    swapped = LOADERS[name](written, records=RECORDS[name][0][::-1])
    assert swapped.record_names == both.record_names[::-1]
    for key in ("data", "events", "gaps"):
        for one, other in zip(swapped[key][::-1], both[key], strict=True):
            assert_array_equal(one, other)


def test_channels_come_in_the_order_asked_for(written, name):
    names = {"mitdb": ["V5", "MLII"], "bidmc": ["II", "RESP"]}
    found = LOADERS[name](written)
    asked = names.get(name, found.channel_names[::-1])
    other = LOADERS[name](written, channels=asked)
    assert other.channel_names == asked
    assert len(other.units) == len(asked)
    for x, y in zip(found.data, other.data, strict=True):
        for channel in set(asked) & set(found.channel_names):
            row = found.channel_names.index(channel)
            assert_array_equal(x[row], y[asked.index(channel)])


def test_folder_itself_its_parent_or_the_environment(written, name, monkeypatch):
    expected = LOADERS[name](written)
    monkeypatch.setenv("SKLEARN_CASS_DATA", str(written))
    for found in (LOADERS[name](str(written / name)), LOADERS[name]()):
        for x, y in zip(found.data, expected.data, strict=True):
            assert_array_equal(x, y)


def test_gaps_are_the_stretches_of_nan(root):
    x, beats = written_signals("challenge2013", 0)
    x[1, 100:250] = x[1, 400] = x[3, -7:] = np.nan
    write_challenge2013(root / "challenge2013", "a02", x, beats)
    found = load_challenge2013(root)
    expected = [[1, 100, 250], [1, 400, 401], [3, x.shape[1] - 7, x.shape[1]]]
    assert_array_equal(found.gaps[0], expected)
    assert found.gaps[1].shape == (0, 3)
    assert_array_equal(np.isnan(found.data[0]), np.isnan(x))


def test_gaps_of_every_shape():
    rng = np.random.default_rng(0)
    for _ in range(50):
        x = np.where(rng.random((3, 20)) < 0.4, np.nan, 1.0)
        again = np.ones_like(x)
        for channel, start, stop in find_gaps(x):
            assert stop > start
            again[channel, start:stop] = np.nan
        assert_array_equal(again, x)


def test_kinds_of_beats_are_those_of_the_annotations(written):
    found = load_mitdb(written)
    for symbols, events in zip(found.symbols, found.events, strict=True):
        assert symbols.tolist() == ["N"] * (len(events) - 1) + ["V"]


def test_breaths_of_the_second_annotator(written):
    one, two = load_bidmc(written), load_bidmc(written, annotator="ann2")
    for a, b in zip(one.events, two.events, strict=True):
        assert_allclose(b[:-1], a + 2 / 125)
        assert len(b) == len(a) + 1


def test_breaths_come_in_the_order_of_time(root):
    path = root / "bidmc" / "bidmc_03_Breaths.csv"
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *rows[::-1]]))
    assert_array_equal(load_bidmc(root).events[0], load_bidmc(root).events[0])
    assert (np.diff(load_bidmc(root).events[0]) > 0).all()


def test_empty_cells_are_gaps(root):
    path = root / "bidmc" / "bidmc_03_Signals.csv"
    lines = path.read_text().splitlines()
    lines[11:14] = [
        ",".join([*line.split(",")[:2], "NaN", "1"]) for line in lines[11:14]
    ]
    path.write_text("\n".join(lines))
    assert_array_equal(load_bidmc(root).gaps[0], [[1, 10, 13]])


# --- bad input ------------------------------------------------------------------------


def test_no_folder_names_both_remedies(name, monkeypatch):
    monkeypatch.delenv("SKLEARN_CASS_DATA", raising=False)
    with pytest.raises(ValueError, match="pass folder=.* SKLEARN_CASS_DATA"):
        LOADERS[name]()


def test_folder_without_a_record_is_named(name, tmp_path):
    with pytest.raises(FileNotFoundError, match=f"no record .*{tmp_path}"):
        LOADERS[name](tmp_path)


@pytest.mark.parametrize(
    ("data_set", "file"),
    [(name, file) for name, (_, files) in RECORDS.items() for file in files],
)
def test_missing_file_is_named(root, data_set, file):
    (root / data_set / file).unlink()
    with pytest.raises(FileNotFoundError, match=f"no such file: .*{re.escape(file)}"):
        LOADERS[data_set](root, records=RECORDS[data_set][0])


@pytest.mark.parametrize("records", [["x1"], [1], ["a02", "../a02"], [None]])
def test_wrong_names_of_records(written, name, records):
    with pytest.raises(ValueError, match="records must hold names such as"):
        LOADERS[name](written, records=records)


def test_records_twice_or_none(written, name):
    first = RECORDS[name][0][0]
    with pytest.raises(ValueError, match="records holds a name twice"):
        LOADERS[name](written, records=[first, first])
    with pytest.raises(ValueError, match="records must be a non-empty list"):
        LOADERS[name](written, records=[])


@pytest.mark.parametrize("channels", [[], ["XYZ"]])
def test_wrong_channels(written, name, channels):
    with pytest.raises(ValueError, match="channels must be|has no signal 'XYZ'"):
        LOADERS[name](written, channels=channels)


@pytest.mark.parametrize("data_set", ["adfecgdb", "challenge2013", "mitdb"])
@pytest.mark.parametrize("n_bytes", [0, 1, 11, -1])
def test_truncated_annotations_are_named(root, data_set, n_bytes):
    path = root / data_set / RECORDS[data_set][1][-1]
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(ValueError, match=f"{path.name} is not a readable annotation"):
        LOADERS[data_set](root)


def test_beats_outside_the_record_are_named(root):
    write_beats(root / "challenge2013", "a02", "fqrs", [10, 10**6], 1000)
    with pytest.raises(ValueError, match="a02.fqrs .* time point 10 to 1000000"):
        load_challenge2013(root)


def test_annotations_of_another_rate_are_named(root):
    write_beats(root / "challenge2013", "a02", "fqrs", [10, 20], 500)
    with pytest.raises(ValueError, match="a02.fqrs has .* 500 Hz, expected 1000 Hz"):
        load_challenge2013(root)


@pytest.mark.parametrize("note", [b"## made by hand", b"## time resolution: 99"])
def test_notes_that_wfdb_reads_for_ever_are_refused(root, note):
    path = root / "challenge2013" / "a02.fqrs"
    # a note at time 0: its code, its length, its text
    note += b"\0" * (len(note) % 2)
    added = bytes([0, 22 << 2, len(note), 63 << 2]) + note
    path.write_bytes(added + path.read_bytes())
    with pytest.raises(ValueError, match="a02.fqrs is not a readable .* notes"):
        load_challenge2013(root)


def test_breaths_outside_the_recording_are_named(root):
    path = root / "bidmc" / "bidmc_03_Breaths.csv"
    path.write_text(path.read_text() + "99999,99999\n")
    with pytest.raises(ValueError, match="Breaths.csv has breaths .* to 99999"):
        load_bidmc(root)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("RESP", "PLETH", "has 2 signals 'PLETH'"),
        ("RESP", "XYZ", "has no signal 'RESP', only"),
        ("\n0.08,", "\n0.09,x", "is not a readable CSV file"),
        ("\n0.08,", "\n0.17,", "other times than those of 125 Hz"),
        ("\n0.08,", "\n0.08,inf,inf,inf\n0.08,", "values are not finite"),
        ("\n", "\n\N{MICRO SIGN}", "is not a readable CSV file"),
    ],
)
def test_wrong_signals_are_named(root, old, new, message):
    path = root / "bidmc" / "bidmc_03_Signals.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=f"bidmc_03_Signals.csv .*{message}"):
        load_bidmc(root)


@pytest.mark.parametrize("n_lines", [0, 1])
def test_signals_without_values_are_named(root, n_lines):
    path = root / "bidmc" / "bidmc_03_Signals.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:n_lines]))
    with (
        warnings.catch_warnings(),
        pytest.raises(ValueError, match="bidmc_03_Signals.csv "),
    ):
        warnings.simplefilter("error")
        load_bidmc(root)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_damaged_annotations_are_beats_or_errors_that_name_them(root):
    path = root / "challenge2013" / "a02.fqrs"
    content, rng, n_errors = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(200):
        damaged = bytearray(content)
        for at in rng.integers(len(content), size=rng.integers(1, 4)):
            damaged[at] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            times, symbols = read_wfdb_beats(path, 1000, 6000)
        except ValueError as error:
            n_errors += 1
            assert path.name in str(error)
        else:
            assert len(times) == len(symbols)
            assert ((times >= 0) & (times < 6)).all()
            assert (np.diff(times) >= 0).all()
    assert 20 < n_errors < 200


# --- real recordings ------------------------------------------------------------------

# number of records, channels, seconds, events of the first record, its first event
REAL = {
    "adfecgdb": (4, 5, 300, 644, 0.183),
    "challenge2013": (5, 4, 60, 145, 0.355),
    "mitdb": (1, 1, 1805.6, 2273, 77 / 360),
    "bidmc": (8, 2, 480, 141, 293 / 125),
}


@pytest.mark.parametrize("name", REAL)
def test_real_recordings(data_folder, name):
    if not (data_folder / name).is_dir():
        pytest.skip(f"no {name} recordings in {data_folder}")
    found = LOADERS[name](data_folder)
    n_records, n_channels, seconds, n_events, first = REAL[name]
    assert len(found.data) >= n_records
    for x, events in zip(found.data, found.events, strict=True):
        assert x.shape[0] == n_channels
        assert x.shape[1] / found.sfreq == pytest.approx(seconds, abs=0.1)
        intervals = np.diff(events)
        assert 0 < np.median(intervals) < 10
        assert events[-1] > 0.95 * seconds
    assert len(found.events[0]) == n_events
    assert found.events[0][0] == pytest.approx(first)
    # adults, fetuses and breaths have rates of their own
    rates = [60 / np.median(np.diff(events)) for events in found.events]
    low, high = {"mitdb": (60, 90), "bidmc": (6, 25)}.get(name, (110, 170))
    assert low < min(rates) <= max(rates) < high
