"""Closing tables of long test commands, and their place in docs/reliability.md."""

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

from benchmarks.markdown import table

LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "skorch", "hypothesis")


def machine():
    """What a result may depend on; no names and no paths."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return {
        "machine": f"{os.cpu_count()} CPUs, {platform.machine()}, {platform.system()}",
        "versions": f"Python {platform.python_version()}, {libraries}",
    }


def markdown(columns, *, total=False):
    """Return a table in Markdown of lists by name.

    Parameters
    ----------
    columns : dict of list
        The columns; the first holds the names of the rows.
    total : bool, default=False
        Whether to add a row with the sums of the numbers.
    """
    lines = list(zip(*columns.values(), strict=True))
    if total:
        sums = [sum(values) for values in list(columns.values())[1:]]
        lines.append(("total", *sums))
    return table([dict(zip(columns, line, strict=True)) for line in lines])


def described(facts, table):
    """The table under the facts on which it rests."""
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    return "\n".join([*lines, "", table])


def replace_section(path, name, facts, table):
    """Put facts and table between ``<!-- name -->`` and ``<!-- /name -->``.

    Raises
    ------
    ValueError
        If the file does not hold the two markers once each, in this order.
    """
    path = Path(path)
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(rf"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    text = path.read_text(encoding="utf-8")
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"{path.name} must hold {start} and {end} once each")
    section = f"{start}\n{described(facts, table)}\n{end}"
    path.write_text(pattern.sub(lambda _: section, text), encoding="utf-8")
