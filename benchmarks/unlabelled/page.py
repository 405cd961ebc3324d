"""The page of the records: what was chosen, generated rows, recordings, a figure."""

import re
from dataclasses import fields
from pathlib import Path

import numpy as np

from ..figures import panels
from ..markdown import table
from ..peers.records import as_json
from ..recordings.page import circumstances
from . import rows
from .methods import METHODS
from .runs import Task, choices, settings_of

NONE = "-"
IMAGE = Path("images") / "benchmarks" / "unlabelled.png"
COMPONENTS = {"maternal": 0, "fetal": 1}
ABOUT = Path(__file__).with_name("page.md")


def write(records, docs):
    """Write the page and its figure; return the page's path."""
    current = load(records)
    draw(current, docs)
    text = ABOUT.read_text().format(
        choice=table(choice_rows(current)),
        generated=table(generated_rows(current)),
        recorded="\n\n".join(recorded_sections(current)),
        circumstances=circumstances(current.values()),
    )
    path = docs / "unlabelled.md"
    path.write_text(re.sub(r"\n{3,}", "\n\n", text).strip() + "\n")
    return path


def load(records):
    """Return the records by task, but for those of other settings than today's."""
    changes, found = dict(choices()), {}
    for record in records.all():
        task = Task(**{f.name: record["identity"][f.name] for f in fields(Task)})
        if task.method not in METHODS or (task.changes and task not in changes):
            continue
        wanted = as_json(settings_of(task, changes.get(task, {})))
        if record["identity"]["settings"] == wanted:
            found[task] = record
    return found


# Tables -------------------------------------------------------------------------------


def choice_rows(current):
    """Return a row for each choice that was tried."""
    return [
        {
            "method": METHODS[task.method].title,
            "changed": task.changes.replace("-", ", ") or NONE,
            **errors_of([current[task]]),
        }
        for task, _ in choices()
        if task in current
    ]


def generated_rows(current):
    """Return a row for each method, and one for the mixture as the estimate."""
    found = []
    for name, records in by_method(current, "generated").items():
        row = {"method": METHODS[name].title, "seeds": len(records)}
        seconds = np.mean([record["seconds"] for record in records])
        found.append(row | errors_of(records) | {"CPU [s]": f"{seconds:.0f}"})
    seeds = sorted({t.seed for t in current if t.experiment == "generated"})
    if seeds:
        floor = [{"measured": floor_of(seed)} for seed in seeds]
        row = {"method": "the mixture", "seeds": len(seeds)}
        found.insert(0, row | errors_of(floor) | {"CPU [s]": NONE})
    return found


def floor_of(seed):
    """Return what is measured of the mixture as the estimate of all components."""
    _, tested = rows.generated(seed)
    n_components = tested[1].shape[1]
    return rows.measure_generated(
        tested, lambda X: np.repeat(X[:, None], n_components, axis=1)
    )


def errors_of(records):
    """Return cells: means over seeds, with the least and the largest in brackets."""
    cells = {}
    for name, k in COMPONENTS.items():
        values = [record["measured"]["L2"][k] for record in records]
        ends = f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
        cells[f"{name} error"] = f"{np.mean(values):.2f}{ends}"
    return cells


def recorded_sections(current):
    """Yield a table of F1 scores for each way to choose a channel."""
    names = sorted({t.subject for t in current if t.experiment == "recorded"})
    for title, value in (
        ("The channel with the most regular beats:", of_chosen),
        ("Mean of the four channels:", of_all),
    ):
        found = [
            recorded_row(METHODS[method].title, records, names, value)
            for method, records in by_method(current, "recorded").items()
        ]
        if found:
            yield f"{title}\n\n{table(found)}"


def recorded_row(title, records, names, value):
    """Return the scores of a method on recordings, and their mean."""
    values = {name: [] for name in names}
    for record in records:
        values[record["identity"]["subject"]].append(value(record["measured"]))
    means = {name: np.mean(of) for name, of in values.items() if of}
    cells = {n: f"{means[n]:.3f}" if n in means else NONE for n in names}
    is_complete = len(means) == len(names)
    mean = f"{np.mean(list(means.values())):.3f}" if is_complete else NONE
    return {"method": title, **cells, "mean": mean}


def of_chosen(measured):
    """Return the F1 score of the channel that was chosen without annotations."""
    return measured["F1"][measured["chosen"]]


def of_all(measured):
    """Return the mean F1 score of all channels."""
    return np.mean(measured["F1"])


def by_method(current, experiment):
    """Return the records of each method in one experiment."""
    found = {name: [] for name in METHODS}
    for task, record in current.items():
        if task.experiment == experiment:
            found[task.method].append(record)
    return {name: records for name, records in found.items() if records}


# Figure -------------------------------------------------------------------------------


def draw(current, docs):
    """Draw the fetal errors on generated rows, a point for each seed."""
    found = by_method(current, "generated")
    if not found:
        return
    figure, (ax,) = panels(1)
    figure.set_size_inches(7, 3.2)
    for place, records in enumerate(found.values()):
        errors = [r["measured"]["L2"][COMPONENTS["fetal"]] for r in records]
        ax.plot(errors, [place] * len(errors), "o", color="C0", alpha=0.7)
        ax.plot(np.mean(errors), place, "|", color="C3", markersize=18)
    titles = [METHODS[name].title.replace("`", "") for name in found]
    ax.set_yticks(range(len(titles)), titles)
    ax.invert_yaxis()
    ax.axvline(1, color="0.3", linestyle="--", linewidth=1)
    ax.set_xlabel("fetal error on noisy rows (dashed: of silence); red: mean of seeds")
    path = docs / IMAGE
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
