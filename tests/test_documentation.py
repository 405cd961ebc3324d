"""The code in README and docs runs as it is printed."""

import re
from pathlib import Path

import numpy as np
import pytest
from cases import make_mixtures

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
    exec(search, namespace)
    exec(modules, namespace)
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
