"""Requirements, the description on package indexes, and files about the project."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
# torch: one release is tried, that of constraints.txt; the others: no test needs them
NOT_PINNED = {"torch", "build", "codespell", "mypy", "ruff"}


def project():
    """Return the table of the project in pyproject.toml."""
    tomllib = pytest.importorskip("tomllib")
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def versions(requirements, operator):
    """Yield name and version of each requirement with the operator."""
    for requirement in map(Requirement, requirements):
        for specifier in requirement.specifier:
            if specifier.operator == operator:
                yield requirement.name, specifier


def test_oldest_environment_pins_every_floor():
    extras = project()["optional-dependencies"].values()
    promised = [*project()["dependencies"], *(r for extra in extras for r in extra)]
    floors = dict(versions(promised, ">="))
    lines = (ROOT / "constraints-oldest.txt").read_text().splitlines()
    pins = dict(versions([r for r in lines if r and not r.startswith("#")], "=="))
    assert pins.keys() == floors.keys() - NOT_PINNED
    # "1.6" is 1.6.0: the pin is the least release that the floor admits
    assert {n: p.version for n, p in pins.items() if not same(floors[n], p)} == {}


def same(floor, pin):
    return Requirement(f"x=={floor.version}").specifier.contains(pin.version)


def test_readme_names_every_extra():
    text = (ROOT / "README.md").read_text()
    table = text.split("| extra |")[1].split("\n\n")[0]
    named = re.findall(
        r"`(\w+)`", "".join(re.findall(r"^\|[^|]*", table, re.MULTILINE))
    )
    assert set(named) == project()["optional-dependencies"].keys()


# --- the description on a package index -----------------------------------------------


def index_safe(text):
    spec = spec_from_file_location("setup_of_the_project", ROOT / "setup.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.index_safe(text)


def targets_of(text):
    """Return what the pictures and links of a Markdown text point at."""
    markdown_it = pytest.importorskip("markdown_it")
    tokens = markdown_it.MarkdownIt().enable("table").parse(text)
    inline = [child for token in tokens for child in token.children or []]
    found = [token.attrs.get("src", token.attrs.get("href")) for token in inline]
    return [target for target in found if target]


def test_description_has_no_links_to_files_beside_it():
    text = (ROOT / "README.md").read_text()
    safe = index_safe(text)
    assert any(not target.startswith("https://") for target in targets_of(text))
    assert all(target.startswith("https://") for target in targets_of(safe))
    absolute = [t for t in targets_of(text) if t.startswith("https://")]
    assert targets_of(safe) == absolute


def test_description_keeps_text_and_loses_pictures():
    text = "A [b](docs/b.md) [c](https://c) [d](#d).\n\n![e](e.png)\n\n*F `g`.*\n\nH\n"
    assert index_safe(text) == "A b [c](https://c) d.\n\nH\n"


# --- files about the project ----------------------------------------------------------


def read_yaml(name):
    return pytest.importorskip("yaml").safe_load((ROOT / name).read_text())


def test_citation_names_this_version_and_the_paper():
    cff = read_yaml("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= cff.keys()
    assert cff["cff-version"] == "1.2.0"
    assert cff["version"] == project()["version"]
    assert cff["license"] == project()["license"]
    (paper,) = cff["references"]
    assert {"type", "title", "authors"} <= paper.keys()
    assert project()["urls"]["Paper"] == paper["url"]


def steps_of(workflow):
    jobs = read_yaml(f".github/workflows/{workflow}")["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


@pytest.mark.parametrize("workflow", ["tests.yml", "docs.yml"])
def test_workflows_run_what_there_is(workflow):
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)
    commands = [step["run"] for step in steps_of(workflow) if "run" in step]
    assert commands
    called = [name for c in commands for name in re.findall(r"^make (\S+)", c, re.M)]
    assert set(called) <= set(targets)


def test_workflows_try_every_supported_python():
    job = read_yaml(".github/workflows/tests.yml")["jobs"]["newest"]
    matrix = job["strategy"]["matrix"]
    assert {name.split("-")[0] for name in matrix["os"]} == {
        *("ubuntu", "macos", "windows")
    }
    supported = SpecifierSet(project()["requires-python"])
    assert matrix["python"] == [f"3.{minor}" for minor in range(10, 15)]
    assert all(version in supported for version in matrix["python"])
    assert "3.9" not in supported


@pytest.mark.parametrize(
    "name",
    [*ROOT.glob(".github/ISSUE_TEMPLATE/*.yml"), ROOT / ".pre-commit-config.yaml"],
)
def test_settings_are_yaml(name):
    assert isinstance(read_yaml(name), dict)
