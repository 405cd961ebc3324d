"""What a benchmark found: as JSON, as tables in Markdown, as a figure."""

import json
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

import torch

from .report import machine

LIBRARIES = ("numpy", "scipy", "scikit-learn", "skorch", "torch")


@dataclass
class Result:
    """The answer to one question.

    ``tables`` holds rows by title, each a dict from column to value: a text, a number
    or a spread as of :func:`~benchmarks.timing.spread`. ``reading`` says how to read
    them, whatever the figures.
    """

    name: str
    title: str
    reading: str
    command: str
    settings: dict
    tables: dict
    alt: str  # the figure in words
    seed: int
    machine: str = field(default_factory=machine)
    n_threads: int = field(default_factory=torch.get_num_threads)
    versions: dict = field(
        default_factory=lambda: {name: version(name) for name in LIBRARIES}
    )


def write(result, figure, output):
    """JSON to ``output/benchmarks``, the figure to ``output/images/benchmarks``."""
    data = Path(output) / "benchmarks" / f"{result.name}.json"
    image = Path(output) / image_path(result)
    for path in (data, image):
        path.parent.mkdir(parents=True, exist_ok=True)
    data.write_text(json.dumps(asdict(result), indent=1) + "\n")
    figure.savefig(image, dpi=100)


def image_path(result):
    """Where the figure is, seen from the folder of the documentation."""
    return Path("images") / "benchmarks" / f"{result.name}.png"


def markdown(result):
    """The result as a section of a page."""
    parts = [f"## {result.title}", result.reading]
    for title, rows in result.tables.items():
        parts += [f"{title}:", table(rows)]
    parts.append(f"![{result.alt}]({image_path(result).as_posix()})")
    return "\n\n".join(parts) + "\n"


def table(rows):
    """Rows as a table in Markdown."""
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns)]
    lines += [[text(row[column]) for column in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def text(value):
    """A cell: three digits that count; a spread as median (least to largest)."""
    if isinstance(value, dict):
        ends = f"{text(value['min'])} to {text(value['max'])}"
        return f"{text(value['median'])} ({ends})"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)
