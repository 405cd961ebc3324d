"""Results of a benchmark: JSON, tables in Markdown, and a figure."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from .checkout import commit
from .markdown import table
from .report import machine, versions


@dataclass
class Result:
    """Result of one benchmark, and how it was measured.

    ``tables`` holds rows by title, see :func:`~benchmarks.markdown.table`. ``reading``
    explains them, whatever the numbers are; ``alt`` describes the figure.
    """

    name: str
    title: str
    reading: str
    command: str
    settings: dict
    tables: dict
    alt: str
    seed: int
    machine: str = field(default_factory=machine)
    commit: str = field(default_factory=commit)
    n_threads: int = field(default_factory=torch.get_num_threads)
    versions: dict = field(default_factory=versions)


def write(result, figure, output):
    """Write JSON to ``benchmarks``, the figure to ``images/benchmarks`` in output."""
    data = Path(output) / "benchmarks" / f"{result.name}.json"
    image = Path(output) / image_path(result)
    for path in (data, image):
        path.parent.mkdir(parents=True, exist_ok=True)
    data.write_text(json.dumps(asdict(result), indent=1) + "\n")
    figure.savefig(image, dpi=100)


def read(name, output):
    """Return a result that was written before."""
    path = Path(output) / "benchmarks" / f"{name}.json"
    return Result(**json.loads(path.read_text()))


def image_path(result):
    """Return the path of the figure, relative to the documentation's folder."""
    return Path("images") / "benchmarks" / f"{result.name}.png"


def section(result):
    """Return the result as a section of a page."""
    parts = [f"## {result.title}", result.reading]
    for title, rows in result.tables.items():
        parts += [f"{title}:", table(rows)]
    parts.append(f"![{result.alt}]({image_path(result).as_posix()})")
    return "\n\n".join(parts) + "\n"
