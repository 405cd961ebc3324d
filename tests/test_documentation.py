"""The code in README and docs runs as it is printed."""

import re
from pathlib import Path

import numpy as np
import pytest
from cases import FAST, make_mixtures
from sklearn.model_selection import cross_val_score

from sklearn_cass import AESeparator
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
    search, modules, load, losses = code_blocks("docs/networks.md")
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


@pytest.mark.slow
def test_code_in_readme_runs(namespace):
    (code,) = code_blocks("README.md")
    small = code.replace("n_samples=400", "n_samples=10")
    small = small.replace("CASSSeparator()", "CASSSeparator(max_epochs=1)")
    assert small.count("max_epochs=1") == 2
    exec(small, namespace)
    assert namespace["search"].predict(namespace["X_mix"]).shape == (10, 2, 1024)


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


PAGES = [
    "README.md",
    *sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob("docs/**/*.md")),
]


@pytest.mark.parametrize("page", PAGES)
def test_links_point_at_files(page):
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#:]+)\)", text)
    missing = [t for t in targets if not (ROOT / page).parent.joinpath(t).exists()]
    assert not missing
