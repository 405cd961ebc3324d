"""Imports: their direction between the rooms of the package, optional packages."""

import ast
import importlib
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import sklearn_cass

ROOT = Path(sklearn_cass.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
DESIGN = ROOT.parent / "docs" / "design.md"

# A room is a folder of the package; the rooms that it may import from.
MAY_IMPORT = {
    "numeric": set(),
    "nn": set(),
    "datasets": {"numeric"},
    "signals": {"numeric"},
    "stft": {"numeric"},
    "metrics": {"numeric", "stft"},
    "data": {"numeric", "stft"},
    "training": {"nn", "numeric"},
    "export": {"data", "numeric", "persistence", "stft"},
    "persistence": {"data", "nn", "numeric", "signals", "stft", "training"},
    "separators": {
        *("data", "export", "metrics", "nn", "numeric", "persistence", "signals"),
        *("stft", "training"),
    },
    "models": {"separators"},
    "inspection": {"numeric", "stft"},
    "plotting": {"inspection"},
    "report": {
        *("data", "inspection", "metrics", "numeric", "persistence"),
    },
    # "report" is imported where it is used
    "cli": {
        *("datasets", "inspection", "metrics", "models", "nn", "persistence"),
        *("report", "separators", "signals"),
    },
    # sklearn_cass/__init__.py and __main__.py
    "": {"cli", "models", "nn", "separators", "signals", "stft", "training"},
}
# Rooms that import as users do: the names in `__all__` of these modules.
AS_USERS = {"utils"}
PUBLIC = ("sklearn_cass", "sklearn_cass.datasets", "sklearn_cass.metrics")
PUBLIC_NAMES = "the public names"  # as docs/design.md says it

OPTIONAL = {
    *("matplotlib", "soundfile", "wfdb", "edfio", "fast_bss_eval", "pytest"),
    *("h5py", "zarr", "dask", "jinja2", "plotly", "pandas", "pystoi", "pesq"),
    *("onnx", "onnxscript", "onnxruntime", "shtab", "neurokit2"),
    "signalz",  # required, but no package index has a wheel of it
}
OF_SKLEARN = {"pandas"}  # which it imports where it is installed


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def room_of(path):
    """Return the room of a file, "" for the package's own."""
    folder, *rest = path.relative_to(ROOT).parts
    return folder if rest else ""


def files_of(room):
    return [path for path in FILES if room_of(path) == room]


def imports_of(path, *, top_level=False):
    """Yield dotted names that a file imports, relative ones resolved."""
    tree = ast.parse(path.read_text())
    package = ("sklearn_cass", *path.relative_to(ROOT).parts[:-1])
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            module = [*base, *([node.module] if node.module else [])]
            yield from (".".join([*module, alias.name]) for alias in node.names)


def own_imports(room):
    """Return what a room imports of the package outside itself, as dotted names."""
    found = {name for path in files_of(room) for name in imports_of(path)}
    return {
        name
        for name in found
        if name.split(".")[0] == "sklearn_cass" and name.split(".")[1] != room
    }


# --- direction ------------------------------------------------------------------------


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_rooms_import_in_one_direction(room):
    found = {name.split(".")[1] for name in own_imports(room)}
    assert found <= MAY_IMPORT[room]


@pytest.mark.parametrize("room", sorted(AS_USERS))
def test_rooms_that_import_as_users_take_public_names(room):
    for name in own_imports(room):
        module, _, imported = name.rpartition(".")
        assert module in PUBLIC
        assert imported in importlib.import_module(module).__all__


def test_rooms_are_the_folders_of_the_package():
    rooms = {room_of(path) for path in FILES}
    assert rooms == MAY_IMPORT.keys() | AS_USERS
    assert files_of("") == [ROOT / "__init__.py", ROOT / "__main__.py"]


def test_rooms_import_in_no_circle():
    list(TopologicalSorter(MAY_IMPORT).static_order())


def test_imports_are_seen_by_these_tests():
    found = own_imports("training")
    assert "sklearn_cass.nn.to_map" in found
    assert "sklearn_cass.numeric.warning.warn_user" in found
    assert "skorch.NeuralNet" in set(imports_of(ROOT / "training" / "net.py"))


def rooms_in_design():
    """Return the imports of each room as docs/design.md states them."""
    section = DESIGN.read_text().split("\n## Rooms\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", section, re.MULTILINE)
    found = {}
    for room, columns in rows:
        assert room not in found
        imports = columns.split("|")[-1].strip()
        names = re.findall(r"`(\w+)`", imports)
        assert imports in ("-", PUBLIC_NAMES, ", ".join(f"`{n}`" for n in names))
        found[room] = imports if imports == PUBLIC_NAMES else set(names)
    return found


def test_design_page_states_the_imports_of_each_room():
    as_users = dict.fromkeys(AS_USERS, PUBLIC_NAMES)
    rooms = {room: names for room, names in MAY_IMPORT.items() if room}
    assert rooms_in_design() == rooms | as_users


# --- other packages -------------------------------------------------------------------


def packages_of(path, **settings):
    return {name.split(".")[0] for name in imports_of(path, **settings)}


def test_networks_are_plain_torch():
    standard = set(sys.stdlib_module_names)
    for path in files_of("nn"):
        allowed = {"torch", "sklearn_cass"}
        if path.name == "networks.py":  # objects with parameters
            allowed |= {"sklearn"}
        assert packages_of(path) - standard <= allowed


def test_only_the_net_imports_skorchs_net():
    found = {name_of(p) for p in FILES for name in imports_of(p) if "NeuralNet" in name}
    assert found == {"training/net.py"}


def test_optional_packages_are_imported_where_they_are_used():
    for path in FILES:
        packages = packages_of(path, top_level=True)
        assert not packages & OPTIONAL, name_of(path)


@pytest.mark.slow
def test_importing_needs_no_optional_package():
    code = "import sklearn_cass.datasets as _, sys; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT.parent,
    )
    assert not set(run.stdout.split()) & (OPTIONAL - OF_SKLEARN)
    assert run.stderr == ""
