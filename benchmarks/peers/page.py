"""The page of the records: tables, a figure, and where others are ahead."""

import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np

from ..experiments import EXPERIMENTS
from ..markdown import table
from ..paper.statistics import summary
from . import figure
from .records import Task, as_json
from .runs import identity
from .systems import NAMES, OURS, PEERS, Reference, systems

COMMAND = "python -m benchmarks.bench_peers --page"
TEMPLATE = Path(__file__).with_suffix(".md")
IMAGE = Path("images") / "benchmarks" / "peers.png"
NONE = "-"
# title: name in a record, number of digits
MEASURES = {
    "Mean SDR in dB": ("SDR", 1),
    "Median SDR in dB": ("median SDR", 1),
    "Mean relative L2 error": ("L2", 3),
}
# column: name in a record, factor
COSTS = {
    "an epoch [s]": ("seconds of an epoch", 1),
    "memory [MiB]": ("peak [MiB]", 1),
    "one row [ms]": ("one row [s]", 1000),
    "of 32, a row [ms]": ("of many, a row [s]", 1000),
}
LEAD = (
    "Best of ours minus best of the peers, mean SDR in dB; below 0 the peer is ahead:"
)
COST = (
    "Costs. Memory is the peak of a training above what its process held before; "
    "milliseconds are CPU time of an estimate, of a row by itself and of one among 32:"
)


def write(records, docs, measured_on="test"):
    """Write page and figure; return the page's path."""
    current, stale = load(records, measured_on)
    parts = {
        name: {task: r for task, r in current.items() if task.experiment == name}
        for name in NAMES
    }
    parts = {name: found for name, found in parts.items() if found}
    text = TEMPLATE.read_text().format(
        command=COMMAND,
        image=IMAGE.as_posix(),
        sections="\n".join(section(name, found) for name, found in parts.items()),
        settings="\n".join(settings_of(current)),
        circumstances=circumstances(current.values()),
        stale=staleness(stale),
    )
    image, path = Path(docs) / IMAGE, Path(docs) / "peers.md"
    image.parent.mkdir(parents=True, exist_ok=True)
    figure.draw(parts, points_of).savefig(image, dpi=100)
    path.write_text(re.sub(r"\n{3,}", "\n\n", text).strip() + "\n")
    return path


def load(records, measured_on):
    """Return records by task, and the tasks of those that were made otherwise."""
    current, stale = {}, []
    for record in records.all():
        task = Task(**{f.name: record["identity"][f.name] for f in fields(Task)})
        known = task.system in systems(task.experiment)
        if known and record["identity"] == as_json(identity(task, measured_on)):
            current[task] = record
        else:
            stale.append(task)
    return current, stale


def points_of(found):
    """Return {system: {budget: [point of a seed]}}; the budget may be None."""
    curves = {}
    for task, record in found.items():
        if task.kind == "training":
            for point in record.get("points", [record | {"budget": task.budget}]):
                of_system = curves.setdefault(task.system, {})
                of_system.setdefault(point["budget"], []).append(point)
    return {
        name: dict(sorted(of.items(), key=lambda item: item[0] or 0))
        for name, of in curves.items()
    }


def in_order(experiment, names):
    """Return names of systems in the order of the page."""
    return [name for name in systems(experiment) if name in names]


# Sections: ``curves`` are {system: {budget: [point of a seed]}} -----------------------


def section(experiment, found):
    """Return the tables of one experiment."""
    definition, curves = EXPERIMENTS[experiment], points_of(found)
    columns = sorted({b for of in curves.values() for b in of if b}) or [None]
    components = next(iter(found.values()))["component_names"]
    about = f"({' / '.join(components)}) by CPU seconds of training:"
    parts = [f"## {definition.title}", definition.split]
    for title, (measure, digits) in MEASURES.items():
        rows = error_rows(experiment, curves, columns, measure, digits)
        parts += [f"{title} {about}", table(rows)]
    others = {
        LEAD: lead_rows(curves, columns, components),
        "Seconds spent; epochs:": spent_rows(experiment, curves, columns),
        COST: cost_rows(experiment, found),
    }
    for title, rows in others.items():
        parts += [title, table(rows)] if rows else []
    return "\n\n".join(parts) + "\n"


def error_rows(experiment, curves, columns, measure, digits):
    """Return a row for each system; one without budget has its value in all columns."""
    rows = []
    for name in in_order(experiment, curves):
        of = curves[name]
        n_seeds = max(map(len, of.values()))
        row = {"system": systems(experiment)[name].title}
        for budget in columns:
            points = of.get(budget, of.get(None, []))
            row[heading(budget)] = cell(points, measure, digits, n_seeds)
        rows.append(row | {"seeds": n_seeds})
    return rows


def heading(budget):
    """Return the heading of a column."""
    return "any" if budget is None else f"{budget:g} s"


def cell(points, measure, digits, n_seeds):
    """Return a value for each component, and how many seeds if some are missing."""
    if not points:
        return NONE
    values = np.transpose([point["measured"][measure] for point in points])
    text = " / ".join(summary(of_component, digits) for of_component in values)
    return text if len(points) == n_seeds else f"{text} ({len(points)} of {n_seeds})"


def lead_rows(curves, columns, components):
    """Return how far the best of ours is ahead of the best peer, by component."""
    rows = []
    for k, component in enumerate(components):
        row = {"component": component}
        for budget in columns:
            ours, theirs = (best(curves, of, budget, k) for of in (OURS, PEERS))
            known = ours is not None and theirs is not None
            row[heading(budget)] = f"{ours - theirs:+.1f}" if known else NONE
        rows.append(row)
    return rows


def best(curves, names, budget, component):
    """Return the largest mean SDR of some systems at a budget, or None."""
    found = [curves[n].get(budget, curves[n].get(None)) for n in names if n in curves]
    means = [
        np.mean([point["measured"]["SDR"][component] for point in points])
        for points in found
        if points
    ]
    return max(means, default=None)


def spent_rows(experiment, curves, columns):
    """Return the CPU seconds and the epochs of the runs, as means over seeds."""
    rows = []
    for name in in_order(experiment, curves):
        if isinstance(systems(experiment)[name], Reference):
            continue
        row = {"system": systems(experiment)[name].title}
        for budget in columns:
            points = curves[name].get(budget, curves[name].get(None))
            row[heading(budget)] = spent(points) if points else NONE
        rows.append(row)
    return rows


def spent(points):
    """Return seconds and epochs, or iterations."""
    seconds, epochs = (np.mean([p[n] for p in points]) for n in ("seconds", "epochs"))
    return f"{seconds:.0f}; {epochs:.1f}"


def cost_rows(experiment, found):
    """Return the costs of each system that has a record of them."""
    records = {task.system: record for task, record in found.items()}
    costs = {task.system: r for task, r in found.items() if task.kind == "costs"}
    rows = []
    for name in in_order(experiment, costs):
        n_parameters = records[name].get("n_parameters")
        row = {"system": systems(experiment)[name].title}
        row["parameters"] = f"{n_parameters:,}" if n_parameters else NONE
        for title, (key, factor) in COSTS.items():
            value = costs[name].get(key)
            row[title] = NONE if value is None else f"{factor * value:.3g}"
        rows.append(row)
    return rows


# Circumstances ------------------------------------------------------------------------


def settings_of(current):
    """Return a line for each system: all that its runs depend on, what fits chose."""
    lines = {}
    for task, record in current.items():
        if not isinstance(systems(task.experiment)[task.system], Reference):
            name = f"- {task.experiment}, `{task.system}`"
            settings = json.dumps(record["identity"]["settings"])
            line = lines.setdefault(name, [f"`{settings}`"])
            chosen = f"chosen: `{json.dumps(record.get('learned'))}`"
            if record.get("learned") and chosen not in line:
                line.append(chosen)
    return [f"{name}: {'; '.join(line)}" for name, line in lines.items()]


def circumstances(found):
    """Return processors, machines, versions and commits of the records."""
    texts = {
        "processor": {r["cpu"] for r in found},
        "machine": {r["machine"] for r in found},
        "threads": {str(r["n_threads"]) for r in found},
        "packages": {f"{k} {v}" for r in found for k, v in r["versions"].items()},
        "commits": {str(r["commit"]) for r in found},
    }
    return "\n".join(f"- {k}: {', '.join(sorted(v))}" for k, v in texts.items())


def staleness(stale):
    """Return a sentence on records that are not shown, or ""."""
    if not stale:
        return ""
    names = ", ".join(f"`{task.name}`" for task in stale)
    return f"Not shown, because settings have changed since: {names}."
