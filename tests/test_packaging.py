"""The environment of the oldest supported releases has the promised floors."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
# torch: one release is tried, that of constraints.txt; ruff: no test needs it
NOT_PINNED = {"torch", "ruff"}


def versions(requirements, operator):
    """Yield name and version of each requirement with the operator."""
    for requirement in map(Requirement, requirements):
        for specifier in requirement.specifier:
            if specifier.operator == operator:
                yield requirement.name, specifier


def test_oldest_environment_pins_every_floor():
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    promised = [*project["dependencies"], *(r for extra in extras for r in extra)]
    floors = dict(versions(promised, ">="))
    lines = (ROOT / "constraints-oldest.txt").read_text().splitlines()
    pins = dict(versions([r for r in lines if r and not r.startswith("#")], "=="))
    assert pins.keys() == floors.keys() - NOT_PINNED
    # "1.6" is 1.6.0: the pin is the least release that the floor admits
    assert {n: p.version for n, p in pins.items() if not same(floors[n], p)} == {}


def same(floor, pin):
    return Requirement(f"x=={floor.version}").specifier.contains(pin.version)
