"""Data larger than memory: mapped files, HDF5, Zarr, whatever can be sliced."""

import json
import mmap
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cases import FAST, equal_states, make_mixtures, states
from lazy_arrays import Counting, h5py_of, memmap_of, zarr_of

from benchmarks.memory import PEAK
from sklearn_cass import AESeparator, CASSSeparator, STFTTransformer
from sklearn_cass.numeric import chunked
from sklearn_cass.numeric.chunked import SlicedArray, shared_mapping, takes_slices
from sklearn_cass.stft import Spectrogram

MAKERS = {"memmap": memmap_of, "h5py": h5py_of, "zarr": zarr_of}
N_ROWS = 23
ROOT = Path(__file__).parents[1]

needs_peak = pytest.mark.skipif(not os.access(PEAK, os.W_OK), reason=f"needs {PEAK}")
# Zarr is read as HDF5 is
each_maker = pytest.mark.parametrize("make", [memmap_of, h5py_of])


# --- the resident memory of a whole process -----------------------------------------

ALLOWED = 500e6  # bytes over what the process has after a fit of eight rows
N_TIMES = 2**14
ROW_BYTES = 3 * 4 * N_TIMES  # of X, and of y with its two components

CODE = """
import json, os, sys, threading, time
from contextlib import suppress
import numpy as np
from skorch.callbacks import Callback
sys.path.insert(0, sys.argv[1])
from cases import FAST
from benchmarks.memory import from_status, largest_resident, reset_peak
from sklearn_cass import CASSSeparator

class FiveSteps(Callback):
    n_steps = 0
    def on_batch_end(self, net, **kwargs):
        self.n_steps += 1
        if self.n_steps == 5:
            raise KeyboardInterrupt

def leave_the_cache(path):
    # pages that were read and released stay in the system's cache otherwise
    with open(path, "rb") as file:
        while True:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            time.sleep(0.05)

def opened(kind, path, shape):
    if kind == "memmap":
        threading.Thread(target=leave_the_cache, args=[path], daemon=True).start()
        return np.memmap(path, np.float32, "r", shape=shape)
    if kind == "h5py":
        import h5py
        file = h5py.File(path, "w")
        return file.create_dataset("data", shape, "f4", chunks=(4, *shape[1:]))
    import zarr
    chunks = (4, *shape[1:])
    return zarr.open_array(path, mode="w", shape=shape, dtype="f4", chunks=chunks)

def fit(X, y):
    steps = FiveSteps()
    with suppress(KeyboardInterrupt):
        CASSSeparator(**FAST | {"batch_size": 4}, callbacks=[steps]).fit(X, y)
    return steps.n_steps

kind, folder, n_rows, n_times = sys.argv[2], sys.argv[3], *map(int, sys.argv[4:])
fit(np.zeros((8, n_times), "f4"), np.zeros((8, 2, n_times), "f4"))
X = opened(kind, folder + "/X", (n_rows, n_times))
y = opened(kind, folder + "/y", (n_rows, 2, n_times))
reset_peak()
before = from_status("VmRSS")
n_steps = fit(X, y)
# the kernel's record of the peak, which sampling could miss
print(json.dumps({"n_steps": n_steps, "grown": largest_resident() - before}))
"""


def sparse_file(path, n_bytes):
    """Make a file of zeros that takes no space, or skip the test."""
    try:
        path.touch()
        os.truncate(path, n_bytes)
    except OSError as error:
        pytest.skip(f"no file of {n_bytes / 2**30:.0f} GiB here: {error}")
    if path.stat().st_blocks * 512 > 2**20:
        pytest.skip("the file system has no sparse files")


def check_address_space(n_bytes):
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    too_little = limit != resource.RLIM_INFINITY and limit < 2 * n_bytes
    if sys.maxsize < 2**40 or too_little:
        pytest.skip(f"too little address space for {n_bytes / 2**30:.0f} GiB")


EPOCH = """
import json, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from cases import FAST, IDENTITY
from benchmarks.memory import Watch, anonymous
from benchmarks.memory import from_status, largest_resident, reset_peak
from sklearn_cass import AESeparator

settings = FAST | IDENTITY | {"batch_size": 16, "stft": False, "remix": 0.5}
folder, n_rows, n_times = sys.argv[2], *map(int, sys.argv[3:])
X = np.memmap(folder + "/X", np.float32, "r", shape=(n_rows, n_times))
y = np.memmap(folder + "/y", np.float32, "r", shape=(n_rows, 2, n_times))
AESeparator(**settings).fit(X[:64], y[:64])
reset_peak()
before, resident = anonymous(), from_status("VmRSS")
with Watch() as watch:
    separator = AESeparator(**settings).fit(X, y)
grown = {"anonymous": watch.peak - before, "resident": largest_resident() - resident}
print(json.dumps(grown | {"n_epochs": separator.n_iter_}))
"""


def written_file(path, n_bytes):
    """Make a file that is written, so that the system keeps it in large folios."""
    block = np.ones(2**22, np.float32).tobytes()
    with path.open("wb") as file:
        for start in range(0, n_bytes, len(block)):
            file.write(block[: n_bytes - start])


@pytest.mark.slow
@needs_peak
@pytest.mark.parametrize(("make", "gib"), [("sparse", 3), ("written", 0.75)])
def test_memory_of_an_epoch_of_a_memmap(make, gib, tmp_path):
    n_times = 1024
    n_rows = int(gib * 2**30) // (3 * 4 * n_times)
    make_file = {"sparse": sparse_file, "written": written_file}[make]
    for name, share in (("X", 1), ("y", 2)):
        make_file(tmp_path / name, n_rows * share * 4 * n_times)
    command = [sys.executable, "-W", "ignore", "-c", EPOCH, str(Path(__file__).parent)]
    command += [str(tmp_path), str(n_rows), str(n_times)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert not run.returncode, run.stderr
    result = json.loads(run.stdout)
    assert result["n_epochs"] == 1
    assert result["anonymous"] <= 100e6  # docs/large_data.md
    # for each of X and y, what is mapped before a release and by one batch, and a part
    # of the file that is checked
    assert result["resident"] <= 100e6 + 2 * (64 + 16 * 2 + 16) * 2**20


@pytest.mark.slow
@needs_peak
@pytest.mark.parametrize(("kind", "gib"), [("memmap", 20), ("h5py", 2), ("zarr", 2)])
def test_resident_memory_of_a_fit(kind, gib, tmp_path):
    n_rows = -(-gib * 2**30 // ROW_BYTES)
    if kind == "memmap":
        check_address_space(n_rows * ROW_BYTES)
        for name, share in (("X", 1), ("y", 2)):
            sparse_file(tmp_path / name, n_rows * share * ROW_BYTES // 3)
    arguments = [kind, str(tmp_path), str(n_rows), str(N_TIMES)]
    command = [sys.executable, "-W", "ignore", "-c", CODE, str(Path(__file__).parent)]
    command += arguments
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert not run.returncode, run.stderr
    result = json.loads(run.stdout)
    assert result["n_steps"] == 5
    assert result["grown"] <= ALLOWED


SEPARATE = """
import json, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from cases import FAST, IDENTITY, make_mixtures
from benchmarks.memory import from_status, largest_resident, reset_peak
from sklearn_cass import AESeparator

folder, n_times = sys.argv[2], int(sys.argv[3])
separator = AESeparator(**FAST | IDENTITY).fit(*make_mixtures(8, n_times=2**17))
recording = np.memmap(folder + "/recording", np.float32, "r+", shape=n_times)
recording[-7:] = np.arange(7)
out = np.memmap(folder + "/out", np.float32, "w+", shape=(2, n_times))
separator.separate(recording[: 2**18], out=out[:, : 2**18])
reset_peak()
before = from_status("VmRSS")
separator.separate(recording, out=out)
grown = largest_resident() - before
print(json.dumps({"grown": grown, "end": out[:, -7:].tolist()}))
"""


@pytest.mark.slow
@needs_peak
def test_resident_memory_of_a_separation(tmp_path):
    n_times = 2**25  # 128 MiB, and 256 MiB of estimates
    sparse_file(tmp_path / "recording", 4 * n_times)
    command = [sys.executable, "-W", "ignore", "-c", SEPARATE]
    command += [str(Path(__file__).parent), str(tmp_path), str(n_times)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert not run.returncode, run.stderr
    result = json.loads(run.stdout)
    # what is read and written until pages are released, and the arrays of a window
    assert result["grown"] <= 200 * 2**20
    np.testing.assert_allclose(result["end"], [np.arange(7)] * 2, atol=1e-4)


# --- the same as in memory ----------------------------------------------------------


def spectrograms():
    X, y = make_mixtures(N_ROWS)
    stft = STFTTransformer(n_fft=16).fit(X)
    Y = np.stack([stft.transform(part) for part in y.swapaxes(0, 1)], axis=1)
    return np.asarray(stft.transform(X)), Y


def images():
    X, y = make_mixtures(N_ROWS, n_channels=2)
    return X.reshape(N_ROWS, 2, 8, 8), y.reshape(N_ROWS, 2, 2, 8, 8)


def integers():
    return [np.round(1000 * array).astype(np.int16) for array in make_mixtures(N_ROWS)]


def labelled():
    X = make_mixtures(N_ROWS)[0]
    return X, np.array(["high", "low", "low"])[np.arange(N_ROWS) % 3]


CASES = {
    "waveforms": lambda: make_mixtures(N_ROWS),
    "channels, float32": lambda: make_mixtures(N_ROWS, n_channels=2, dtype="float32"),
    "another byte order": lambda: make_mixtures(N_ROWS, dtype=">f4"),
    "integers": integers,
    "spectrograms": spectrograms,
    "images": images,
    "labels": labelled,
}


@pytest.mark.parametrize(
    ("case", "make"),
    [
        *((case, memmap_of) for case in ("waveforms", "another byte order", "labels")),
        *((case, h5py_of) for case in CASES),
        *((case, zarr_of) for case in ("waveforms", "another byte order")),
    ],
)
def test_the_same_bits_as_in_memory(case, make, tmp_path):
    X, y = CASES[case]()
    settings = FAST | {"validation_fraction": 0.2}
    expected = CASSSeparator(**settings).fit(X, y)
    lazy_X = make(X, tmp_path)
    lazy_y = make(y, tmp_path) if y.ndim > 1 else y
    separator = CASSSeparator(**settings).fit(lazy_X, lazy_y)
    assert all(map(equal_states, states(separator), states(expected)))
    assert separator.history_[-1]["valid_error"] == expected.history_[-1]["valid_error"]
    estimates = separator.transform(lazy_X)
    assert type(estimates) is np.ndarray
    np.testing.assert_array_equal(estimates, expected.transform(X), strict=True)
    np.testing.assert_array_equal(estimates, separator.predict(lazy_X), strict=True)
    assert separator.score(lazy_X, lazy_y) == expected.score(X, y)
    if y.ndim > 1:
        said = separator.discriminate(lazy_y, lazy_X)
        np.testing.assert_array_equal(said, expected.discriminate(y, X), strict=True)


@each_maker
def test_checkpoint_recognizes_the_data_in_a_file(make, tmp_path):
    X, y = make_mixtures(N_ROWS)
    folder = tmp_path / "files"
    folder.mkdir()
    settings = FAST | {"max_epochs": 2, "checkpoint": tmp_path / "checkpoint"}
    separator = AESeparator(**settings).fit(make(X, folder), make(y, folder))
    again = AESeparator(**settings).fit(X, y)  # all epochs are done
    assert all(map(equal_states, states(separator), states(again)))
    assert len(list((tmp_path / "checkpoint").iterdir())) == 1
    AESeparator(**settings).fit(make(2 * X, folder), make(y, folder))
    assert len(list((tmp_path / "checkpoint").iterdir())) == 2


@pytest.mark.parametrize(
    ("make", "channels"), [(memmap_of, ()), (h5py_of, (2,)), (zarr_of, ())]
)
def test_recordings_in_files(make, channels, tmp_path):
    separator = AESeparator(**FAST).fit(*make_mixtures(n_channels=(*channels, None)[0]))
    recording = np.random.default_rng(0).normal(size=(*channels, 1001))
    expected = separator.separate(recording)
    found = separator.separate(make(recording, tmp_path))
    np.testing.assert_array_equal(found, expected, strict=True)


def test_spectrograms_in_a_mapped_file_keep_their_transform(tmp_path):
    X, y = make_mixtures(N_ROWS)
    Z = STFTTransformer(n_fft=16).fit_transform(X)
    mapped = memmap_of(np.asarray(Z), tmp_path)
    mapped = Spectrogram(mapped, stft=Z.stft, n_times=Z.n_times)
    for target in (y, np.arange(N_ROWS) % 2):
        expected = AESeparator(**FAST).fit(Z, target)
        separator = AESeparator(**FAST).fit(mapped, target)
        assert all(map(equal_states, states(separator), states(expected)))
        assert separator.score(mapped, target) == expected.score(Z, target)


def test_labels_in_a_file(tmp_path):
    X, labels = make_mixtures(N_ROWS)[0], np.arange(N_ROWS) % 2
    expected = AESeparator(**FAST).fit(X, labels)
    separator = AESeparator(**FAST).fit(h5py_of(X, tmp_path), h5py_of(labels, tmp_path))
    assert all(map(equal_states, states(separator), states(expected)))


# --- what is read -------------------------------------------------------------------


def assert_read_in_parts(array, largest):
    assert array.reads
    assert max(array.reads) <= largest


@pytest.mark.parametrize("with_labels", [False, True], ids=["components", "labels"])
def test_no_read_is_larger_than_a_batch_or_a_chunk(with_labels, monkeypatch):
    monkeypatch.setattr(chunked, "CHUNK_BYTES", 4096)
    X, y = map(Counting, make_mixtures(100))
    largest = 8 * y.array[0].nbytes  # the rows of a batch
    separator = CASSSeparator(**FAST, validation_fraction=0.2)
    separator.fit(X, np.arange(100) % 2 if with_labels else y)
    separator.transform(X)
    separator.score(X, y)
    assert_read_in_parts(X, largest)
    assert_read_in_parts(y, largest)


@pytest.mark.parametrize("channels", [(), (2,)], ids=["mono", "stereo"])
def test_no_read_of_a_recording_is_larger_than_a_chunk(channels, monkeypatch):
    monkeypatch.setattr(chunked, "CHUNK_BYTES", 4096)
    separator = AESeparator(**FAST).fit(*make_mixtures(n_channels=(*channels, None)[0]))
    recording = Counting(np.random.default_rng(0).normal(size=(*channels, 4000)))
    separator.separate(recording)
    assert_read_in_parts(recording, 4096)


ROWS = {
    "in order": np.arange(3, 9),
    "shuffled": np.random.default_rng(0).permutation(20)[:9],
    "twice": np.array([7, 7, 3, 4, 3]),
    "a table": np.array([[5, 6, 5], [19, 0, 7]]),
    "one": np.array([11]),
    "none": np.arange(0),
    "a slice": slice(4, 9),
    "a slice to the end": slice(15, None),
}


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_rows_come_in_the_order_asked_for(rows, tmp_path):
    array = np.random.default_rng(0).normal(size=(20, 3, 4))
    makers = [*MAKERS.values(), lambda array, folder: Counting(array)]
    for make in makers:
        sliced = SlicedArray(make(array, tmp_path))
        np.testing.assert_array_equal(sliced[rows], array[rows], strict=True)
        np.testing.assert_array_equal(sliced[..., 1:3], array[..., 1:3], strict=True)


def test_neighbouring_rows_are_read_at_once():
    array = Counting(np.arange(20.0)[:, np.newaxis])
    SlicedArray(array)[np.array([4, 9, 3, 5, 8])]
    assert sorted(array.reads) == [2 * 8, 3 * 8]


# --- what is refused ----------------------------------------------------------------


@each_maker
@pytest.mark.parametrize("name", ["X", "y", "recording"])
def test_bad_value_at_the_end_is_found(name, make, tmp_path, monkeypatch):
    monkeypatch.setattr(chunked, "CHUNK_BYTES", 2048)
    data = dict(zip("Xy", make_mixtures(N_ROWS), strict=True))
    data["recording"] = np.zeros(5000)
    separator = AESeparator(**FAST).fit(data["X"], data["y"])
    is_recording = name == "recording"  # where NaN is a gap
    data[name].flat[-1] = np.inf if is_recording else np.nan
    data[name] = make(data[name], tmp_path)
    what = "infinity" if is_recording else "NaN"
    with pytest.raises(ValueError, match=f"{name} contains {what}"):
        if name == "recording":
            separator.separate(data[name])
        else:
            AESeparator(**FAST).fit(data["X"], data["y"])


@each_maker
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X, y[:, :, 1:]), r"y must hold .* got shape \(23, 2, 63\)"),
        (lambda X, y: (X, y[1:]), "inconsistent numbers of samples"),
        (lambda X, y: (X[:, :0], y), "X.* 0 feature"),
        (lambda X, y: (X[:0], y), "X.* 0 sample"),
        (lambda X, y: (X[:, None, None, None], y), "X must have shape .* 5 dimensions"),
        (lambda X, y: (X[0], y), "X: Expected 2D array, got 1D"),
        (lambda X, y: (X * 1j, y), "X has 2 dimensions: complex spectrograms"),
        (lambda X, y: (1e306 * X, y), "X must hold values of at most 1e"),
    ],
    ids=["y", "rows", "times", "empty", "axes", "one axis", "complex", "huge"],
)
def test_files_are_refused_as_arrays_are(change, message, make, tmp_path):
    X, y = change(*make_mixtures(N_ROWS))
    with pytest.raises(ValueError, match=message):
        AESeparator(**FAST).fit(X, y)
    made = make(X, tmp_path) if X.size else Counting(X)  # no file without entries
    with pytest.raises(ValueError, match=message):
        AESeparator(**FAST).fit(made, y)


def test_errors_of_transform_score_and_separate_are_those_of_arrays(tmp_path):
    make = h5py_of
    X, y = make_mixtures(N_ROWS)
    separator = AESeparator(**FAST).fit(X, y)
    with pytest.raises(ValueError, match="X has 63 features.*`separate`"):
        separator.transform(make(X[:, 1:], tmp_path))
    with pytest.raises(ValueError, match=r"y must hold .* shape \(23, 1, 64\)"):
        separator.score(X, make(y[:, 1:], tmp_path))
    with pytest.raises(ValueError, match=r"recording must hold .* \(23, 2, 64\)"):
        separator.separate(make(y, tmp_path))


def test_arrays_in_memory_are_not_sliced():
    import pandas as pd
    import torch
    from scipy import sparse

    X = make_mixtures()[0]
    in_memory = [
        *(X, X.tolist(), np.ma.masked_array(X), torch.from_numpy(X), pd.DataFrame(X)),
        *(pd.Series(X[0]), sparse.csr_matrix(X), sparse.coo_array(X), X[0, 0]),
    ]
    assert not any(map(takes_slices, in_memory))
    strings = Counting(np.array([["a", "b"]]))
    assert takes_slices(Counting(X)) and not takes_slices(strings)


# --- the pages of a mapped file -----------------------------------------------------


def test_mappings_are_found_behind_views(tmp_path):
    X = np.random.default_rng(0).normal(size=(6, 8))
    for mode in ("r", "r+"):
        mapped = memmap_of(X, tmp_path, mode)
        views = [mapped[1:], np.asarray(mapped).T, mapped.view(Spectrogram)[None]]
        assert all(shared_mapping(view) is mapped._mmap for view in [mapped, *views])
        assert shared_mapping(mapped[[1, 2]]) is None
        assert shared_mapping(np.array(mapped)) is None


def test_private_mappings_are_left_alone(tmp_path):
    X = np.ones((6, 8))
    assert shared_mapping(memmap_of(X, tmp_path, "c")[1:]) is None
    path = tmp_path / "plain"
    path.write_bytes(X.tobytes())
    with path.open("rb") as file:
        private = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    assert shared_mapping(np.frombuffer(private)) is None
    assert shared_mapping(X) is None


@pytest.fixture
def released(monkeypatch):
    """Return the mappings whose pages were released, which is after every read."""
    mappings = []

    def release_pages(mapping):
        mappings.append(mapping)
        original(mapping)

    original = chunked.release_pages
    monkeypatch.setattr(chunked, "READ_BYTES", 1)
    monkeypatch.setattr(chunked, "release_pages", release_pages)
    return mappings


@pytest.mark.parametrize("mode", ["r+", "c"])
def test_changes_that_are_not_in_the_file_yet_are_kept(mode, released, tmp_path):
    X, y = make_mixtures(40)
    mapped = [memmap_of(np.zeros_like(array), tmp_path, mode) for array in (X, y)]
    for to, array in zip(mapped, (X, y), strict=True):
        to[...] = array  # neither flushed nor, where they are private, ever written
    expected = AESeparator(**FAST).fit(X, y)
    separator = AESeparator(**FAST).fit(*mapped)
    assert all(map(equal_states, states(separator), states(expected)))
    assert separator.score(*mapped) == expected.score(X, y)
    found = separator.separate(mapped[0][0])
    np.testing.assert_array_equal(found, expected.separate(X[0]))
    for found, array in zip(mapped, (X, y), strict=True):
        np.testing.assert_array_equal(found, array)
        found.flush()
        in_file = np.load(found.filename)
        np.testing.assert_array_equal(in_file, array if mode == "r+" else 0)
    assert bool(released) == (mode == "r+")


def test_pages_are_released_every_few_megabytes(released, monkeypatch, tmp_path):
    monkeypatch.setattr(chunked, "READ_BYTES", 2**20)
    monkeypatch.setattr(chunked, "RUN_BYTES", 0)
    X = memmap_of(np.zeros((64, 2**14)), tmp_path)  # 8 MiB
    sliced = SlicedArray(X)
    for n in range(64):
        sliced[n : n + 1]
    assert released == [X._mmap] * 7


def test_systems_without_the_call_read_the_same(monkeypatch, tmp_path):
    monkeypatch.setattr(chunked, "READ_BYTES", 1)
    monkeypatch.delattr(mmap, "MADV_DONTNEED", raising=False)
    X, y = make_mixtures(N_ROWS)
    expected = AESeparator(**FAST).fit(X, y)
    separator = AESeparator(**FAST).fit(memmap_of(X, tmp_path), memmap_of(y, tmp_path))
    assert all(map(equal_states, states(separator), states(expected)))
