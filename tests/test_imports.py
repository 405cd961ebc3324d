"""The layers of the package: who may import whom, and what is imported at all."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_cass

ROOT = Path(sklearn_cass.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# A layer is a file or folder right under the package; what it may import of ours.
# Users and whatever is not listed here take the public names.
PUBLIC = {"", "datasets", "metrics", "separators", "stft"}
MAY_IMPORT = {
    "nn": set(),
    "arrays": set(),
    "checks": {"arrays"},
    "metrics": {"checks"},
    "datasets": set(),
    "stft": {"checks"},
    "callbacks": set(),
    "batches": set(),
    "files": set(),
    "generators": set(),
    "optimizers": set(),
    "training_state": {"generators"},
    "losses": {"nn"},
    "net": {"batches", "losses", "nn", "callbacks", "generators", "optimizers"},
    "separators": {
        *("net", "losses", "stft", "metrics", "nn", "callbacks", "arrays", "checks"),
        *("files", "generators", "optimizers", "training_state"),
    },
    "utils": {"", "metrics"},
    "__init__": {"separators", "stft"},
}
OPTIONAL = {
    *("matplotlib", "soundfile", "wfdb", "edfio", "fast_bss_eval", "pytest"),
    *("h5py", "zarr", "dask"),
}
LIMIT = 300  # lines
LONGER = set()  # files that may exceed it, each with its reason


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def layer_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(path, *, top_level=False):
    """Dotted names that a file imports, relative ones resolved."""
    tree = ast.parse(path.read_text())
    package = ("sklearn_cass", *path.relative_to(ROOT).parts[:-1])
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            module = [*base, *([node.module] if node.module else [])]
            yield from (".".join([*module, alias.name]) for alias in node.names)


def own_layers(path):
    for name in imports_of(path):
        first, *rest = name.split(".")
        if first == "sklearn_cass":
            layer = rest[0] if rest else ""
            is_layer = (ROOT / layer).is_dir() or (ROOT / f"{layer}.py").is_file()
            yield layer if layer and is_layer else ""


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_one_way(path):
    layer = layer_of(path)
    allowed = MAY_IMPORT.get(layer, PUBLIC) | {layer}
    assert set(own_layers(path)) <= allowed


def test_every_layer_is_there():
    assert MAY_IMPORT.keys() <= {layer_of(path) for path in FILES}


def test_this_test_sees_imports():
    found = set(own_layers(ROOT / "net.py"))
    assert found == MAY_IMPORT["net"]
    assert "skorch.NeuralNet" in set(imports_of(ROOT / "net.py"))


def test_networks_are_plain_torch():
    for path in (ROOT / "nn").glob("*.py"):
        packages = {name.split(".")[0] for name in imports_of(path)}
        assert packages <= {"torch", "sklearn_cass", "dataclasses"}


def test_only_the_net_imports_skorchs_net():
    found = {name_of(p) for p in FILES for name in imports_of(p) if "NeuralNet" in name}
    assert found == {"net.py"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_optional_packages_are_imported_where_they_are_used(path):
    packages = {name.split(".")[0] for name in imports_of(path, top_level=True)}
    assert not packages & OPTIONAL


def test_importing_needs_no_optional_package():
    code = "import sklearn_cass.datasets as _, sys; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT.parent,
    )
    assert not set(run.stdout.split()) & OPTIONAL
    assert run.stderr == ""


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_are_short(path):
    n_lines = len(path.read_text().splitlines())
    assert n_lines <= LIMIT or name_of(path) in LONGER
