"""The code in README and docs runs as it is printed."""

import re
import shlex
import socket
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from cases import FAST, make_mixtures
from scipy.io import wavfile
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_cass import AESeparator, datasets, load
from sklearn_cass.data import dataset
from sklearn_cass.numeric import chunked

ROOT = Path(__file__).parents[1]


def code_blocks(page):
    """Return the Python blocks of a Markdown page."""
    text = (ROOT / page).read_text()
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def namespace(tmp_path, monkeypatch):
    """Return names for code that runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return {"__name__": "documentation"}


def test_code_on_networks_runs(namespace):
    search, modules, kinds, load, losses = code_blocks("docs/networks.md")
    for code in (search, modules):
        exec(code, namespace)
    X, y = make_mixtures(n_samples=8)
    separator = namespace["separator"].fit(X, y)
    assert separator.net_.module_[0].encoder.rnn.hidden_size == 32
    separator.save("separator.safetensors")
    namespace["load"] = __import__("sklearn_cass").load
    loaded = eval(load.strip(), namespace)
    np.testing.assert_array_equal(loaded.transform(X), separator.transform(X))
    exec(losses, namespace)
    kind = eval(kinds.strip(), namespace).set_params(max_epochs=1)
    assert kind.fit(X, y).discriminate(y, X).shape == (8, *[y.shape[1]] * 2)


def test_code_on_export_separates_a_recording(namespace):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    fit, separate, program = code_blocks("docs/export.md")
    exec(fit, namespace)
    separator, recording = namespace["separator"], namespace["recording"]
    alone = {"__name__": "documentation"}  # nothing of the page's first block
    exec(separate, alone)
    for n in (5000, 1024, 1025, 700, 1):  # entries, also less than a window
        wanted = separator.separate(recording[:n])
        error = np.linalg.norm(alone["separate"](recording[:n]) - wanted)
        assert error < 1e-4 * np.linalg.norm(wanted)
    (sfreq, found) = wavfile.read("component_1.wav")
    np.testing.assert_array_equal(found, alone["estimates"][1])
    exec(program, namespace)
    mixtures = namespace["mixtures"].numpy()
    wanted = separator.transform(mixtures)
    found = namespace["program"].module()(namespace["mixtures"]).numpy()
    assert np.linalg.norm(found - wanted) < 1e-4 * np.linalg.norm(wanted)


@pytest.mark.slow
def test_code_in_readme_runs(namespace):
    (code,) = code_blocks("README.md")
    small = code.replace("n_samples=400", "n_samples=10")
    small = small.replace("CASSSeparator()", "CASSSeparator(max_epochs=1)")
    assert small.count("max_epochs=1") == 2
    exec(small, namespace)
    assert namespace["search"].predict(namespace["X_mix"]).shape == (10, 2, 1024)


@pytest.mark.slow
def test_code_on_command_line_runs(namespace, monkeypatch):
    ecg = datasets.make_ecg_mixtures(10, n_times=256, random_state=0)
    monkeypatch.setattr(datasets, "load_semireal_fetal_ecg", lambda *args, **_: ecg)
    (code,) = code_blocks("docs/command_line.md")
    small = code.replace(
        "random_state=0)\nseparator.fit", "max_epochs=1)\nseparator.fit"
    )
    assert "max_epochs=1" in small
    exec(small, namespace)
    assert load("ecg.safetensors").component_names_.tolist() == ["maternal", "fetal"]


class Recorded:
    """Array that is indexed by row numbers and records how many rows were read."""

    def __init__(self, array):
        self.array, self.n_read = array, []
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        self.n_read.append(len(rows))
        return self.array[rows]


def test_code_on_cross_validation_runs_without_copies(namespace, monkeypatch):
    rows, call = code_blocks("docs/large_data.md")[:2]
    exec(rows, namespace)
    monkeypatch.setattr(chunked, "CHUNK_BYTES", 4096)  # eight rows of 64 time points
    monkeypatch.setattr(dataset, "CACHE_BYTES", 0)
    X, y = make_mixtures(n_samples=60)
    arrays = {"X_mix": Recorded(X), "Y_components": Recorded(y)}
    names = {"cross_val_score": cross_val_score, "separator": AESeparator(**FAST)}
    found = eval(call.strip(), namespace | names | arrays)
    np.testing.assert_array_equal(found, cross_val_score(AESeparator(**FAST), X, y))
    assert max(n for array in arrays.values() for n in array.n_read) <= 8


@pytest.mark.slow
def test_code_on_clusters_runs(namespace):
    distributed = pytest.importorskip("distributed")
    X, y = make_mixtures(n_samples=12)
    parameters = {"network__n_filters": [2]}
    search = GridSearchCV(AESeparator(**FAST), parameters, cv=2, n_jobs=1)
    names = {"search": search, "X_mix": X, "Y_components": y}
    settings = {"threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(n_workers=1, **settings) as cluster:
        code = code_blocks("docs/large_data.md")[2]
        exec(code, namespace | names | {"cluster": cluster})
    assert search.predict(X).shape == y.shape


# Pages whose blocks are run by the tests above, and their number.
RUN_ABOVE = {
    "README.md": 1,
    "docs/export.md": 3,
    "docs/command_line.md": 1,
    "docs/large_data.md": 3,
    "docs/networks.md": 5,
    "docs/scale.md": 2,
}
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob("docs/**/*.md")),
]


@pytest.mark.parametrize("page", PAGES)
def test_links_point_at_files(page):
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#:]+)\)", text)
    missing = [t for t in targets if not (ROOT / page).parent.joinpath(t).exists()]
    assert not missing


@pytest.mark.parametrize("page", RUN_ABOVE)
def test_no_block_is_forgotten(page):
    assert len(code_blocks(page)) == RUN_ABOVE[page]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")  # MLflow's store
@pytest.mark.parametrize("page", sorted(set(PAGES) - RUN_ABOVE.keys()))
def test_code_on_other_pages_runs(page, namespace):
    for code in code_blocks(page):
        exec(code, namespace)


@pytest.mark.slow
def test_code_on_scale_runs(namespace, monkeypatch):
    # as torchrun starts it, with a single process
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {
        "RANK": 0,
        "WORLD_SIZE": 1,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }
    for name, value in group.items():
        monkeypatch.setenv(name, str(value))
    X, y = make_mixtures(n_samples=8)
    np.save("X.npy", X)
    np.save("y.npy", y)
    training, separation = code_blocks("docs/scale.md")
    exec(training, namespace)
    Path("separator.safetensors").rename("duo.safetensors")
    Path("recordings").mkdir()
    np.save("recordings/a.npy", X.ravel())
    exec(separation, namespace)
    assert len(list(Path("parts/a").iterdir())) == y.shape[1]


# --- commands -------------------------------------------------------------------------

TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


def commands_of(page):
    """Return the commands in a page: those of shell blocks, and `make ...` in text."""
    text = (ROOT / page).read_text()
    blocks = re.findall(r"```(?:bash|sh|console)\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`((?:make|python -m) [^`]*)`", text)
    found = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]
    return [words for words in found if words]


def exists(command, *arguments):
    """Return whether a command, its target or its module exists."""
    if command == "make":
        return bool(arguments) and arguments[0] in TARGETS
    if command in ("python", "python3"):
        if arguments[0] == "-m":
            return find_spec(arguments[1]) is not None
        return arguments[0] == "-c" or (ROOT / arguments[0]).exists()
    scripts = {script.name for script in entry_points(group="console_scripts")}
    return command in {"pip", "pre-commit"} | scripts


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page):
    assert [words for words in commands_of(page) if not exists(*words)] == []


def test_missing_commands_are_seen():
    assert ["make", "test"] in commands_of("README.md")
    assert not exists("make", "tests")
    assert not exists("python", "-m", "benchmarks.nothing")
    assert not exists("sklearn-kass", "train")
