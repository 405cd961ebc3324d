"""The page of the records: errors against autoencoders alone, and chosen settings."""

import re
from dataclasses import fields
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from ..markdown import table
from ..paper.statistics import summary
from ..paper.tasks import ABOUT_RUN, CROSS, PLAIN, REGULAR
from ..peers.records import as_json
from ..report import CEILING, FLOORS
from .runs import (
    CHOICE_SEED,
    CHOICES,
    KINDS,
    NONE,
    PROBLEMS,
    Task,
    baseline,
    identity,
)

NAME = "discriminators.md"
TEMPLATE = Path(__file__).with_suffix(".md")
LABELS = {REGULAR: "regular", CROSS: "cross"}
OUTPUTS = (
    "Mean outputs of discriminators on true components, on their own estimates, and on "
    "estimates of the other component:"
)


def write(records, docs):
    """Write the page; return its path."""
    current = load(records)
    sections = [section(name, current) for name in PROBLEMS]
    text = TEMPLATE.read_text().format(
        sections="\n\n".join(filter(None, sections)),
        choices=choices_text(current),
        settings="\n".join(map(settings_line, PROBLEMS.values())),
        circumstances=circumstances(current.values()),
    )
    path = Path(docs) / NAME
    path.write_text(re.sub(r"\n{3,}", "\n\n", text).strip() + "\n")
    return path


def load(records):
    """Return the records by task, but for those of other settings."""
    found = {}
    for record in records.all():
        names = [field.name for field in fields(Task)]
        task = Task(**{name: record["identity"][name] for name in names})
        if task.problem in PROBLEMS and record["identity"] == as_json(identity(task)):
            found[task] = record
    return found


# Comparisons --------------------------------------------------------------------------


def compared(errors, others):
    """Return by how many percent errors are above others, paired, and the interval.

    Parameters
    ----------
    errors, others : list of float
        Errors of two separators on the same seeds.

    Returns
    -------
    mean, low, high : float
        The mean of log-ratios, and its 95 % interval by Student's t, in percent; NaN
        for the interval of a single seed.
    """
    ratios = np.log(errors) - np.log(others)
    mean, half = ratios.mean(), np.nan
    if len(ratios) > 1:
        deviation = ratios.std(ddof=1) / np.sqrt(len(ratios))
        half = student.ppf(0.975, len(ratios) - 1) * deviation
    return tuple(float(100 * np.expm1(v)) for v in (mean, mean - half, mean + half))


def compared_text(errors, others):
    """Return a comparison as text, bold where the interval is clear of 0."""
    mean, low, high = compared(errors, others)
    interval = "" if np.isnan(low) else f" [{low:+.1f}, {high:+.1f}]"
    mark = "**" if low > 0 or high < 0 else ""
    return f"{mark}{mean:+.1f}{interval}{mark}"


def errors_by_seed(current, problem, separator, kind, choice, component):
    """Return {seed: error of a component on test rows}."""
    return {
        task.seed: record["measured"]["L2"][component]
        for task, record in current.items()
        if (task.problem, task.separator, task.kind, task.choice, task.measured_on)
        == (problem, separator, kind, choice, "test")
    }


def pair_of(a, b):
    """Return two lists of errors, by seed, on the seeds of both."""
    seeds = sorted(set(a) & set(b))
    return [a[s] for s in seeds], [b[s] for s in seeds]


# Sections -----------------------------------------------------------------------------


def section(problem, current):
    """Return the section of a problem, "" without records."""
    found = [r for t, r in current.items() if is_tested(t, problem)]
    if not found:
        return ""
    names = found[0]["component_names"]
    lines = [(kind, choice) for choice in CHOICES for kind in KINDS]
    rows = [row for of in lines for row in rows_of(current, problem, *of, names)]
    outputs = [row for of in lines for row in outputs_of(current, problem, *of, names)]
    parts = [f"## {PROBLEMS[problem].title}", bounds_text(current, problem, names)]
    if rows:
        parts += [table(rows), OUTPUTS, table(outputs)]
    return "\n\n".join(parts)


def is_tested(task, problem):
    """Tell whether a task is measured on test rows of a problem."""
    return (task.problem, task.measured_on) == (problem, "test")


def rows_of(current, problem, kind, choice, names):
    """Return the lines of a kind: separators against AE, and against each other."""
    of_ae, of_kind = (NONE, NONE), (kind, choice)
    comparisons = {
        "regular against AE": ((REGULAR, *of_kind), (PLAIN, *of_ae)),
        "cross against AE": ((CROSS, *of_kind), (PLAIN, *of_ae)),
        "cross against regular": ((CROSS, *of_kind), (REGULAR, *of_kind)),
    }
    rows = []
    for comparison, (a, b) in comparisons.items():
        pairs = [
            pair_of(*(errors_by_seed(current, problem, *of, k) for of in (a, b)))
            for k in range(len(names))
        ]
        if pairs[0][0]:
            cells = {
                f"{n} [%]": compared_text(*p) for n, p in zip(names, pairs, strict=True)
            }
            about = {"discriminators": kind, "setting": choice, "errors": comparison}
            rows.append(about | cells | {"seeds": len(pairs[0][0])})
    return rows


def outputs_of(current, problem, kind, choice, names):
    """Return the lines of a kind: mean outputs of its discriminators over seeds."""
    rows = []
    for separator, label in LABELS.items():
        found = [
            record["outputs"]
            for task, record in current.items()
            if is_tested(task, problem)
            and (task.separator, task.kind, task.choice) == (separator, kind, choice)
        ]
        if found:
            of_true = np.mean([of["true"] for of in found], axis=0)
            of_estimates = np.mean([of["estimates"] for of in found], axis=0)
            cells = {"discriminators": kind, "setting": choice, "separator": label}
            for k, name in enumerate(names):
                values = [of_true[k], of_estimates[k, k], of_estimates[k, 1 - k]]
                cells[f"D of {name}"] = " / ".join(f"{v:.2f}" for v in values)
            rows.append(cells)
    return rows


def bounds_text(current, problem, names):
    """Return errors of autoencoders alone, floors and ceiling as a table."""
    runs = [
        record
        for task, record in current.items()
        if is_tested(task, problem) and task.separator == PLAIN
    ]
    measured = {
        **{name: [r["bounds"][name] for r in runs] for name in FLOORS},
        "AE": [r["measured"] for r in runs],
        CEILING: [r["bounds"][CEILING] for r in runs],
    }
    rows = [
        {"estimate": name}
        | {c: summary([of["L2"][k] for of in found], 3) for k, c in enumerate(names)}
        for name, found in measured.items()
        if found
    ]
    return table(rows)


def choices_text(current):
    """Return the relative errors on validation rows that settings were chosen by."""
    rows = []
    for task, record in current.items():
        if task.seed != CHOICE_SEED or task.measured_on != "validation":
            continue
        alone = current.get(baseline(task.problem, CHOICE_SEED, "validation"))
        cells = {
            "problem": task.problem,
            "separator": LABELS.get(task.separator, "AE"),
            "discriminators": task.kind,
            "setting": task.choice,
        }
        for k in range(2):
            error = record["measured"]["L2"][k]
            cells[f"component {k}: L2"] = f"{error:.4f}"
            base = alone and alone["measured"]["L2"][k]
            change = f"{100 * (error / base - 1):+.1f}" if alone else "-"
            cells[f"component {k}: against AE [%]"] = change
        rows.append(cells)
    return table(rows)


def settings_line(problem):
    """Return the entries that all separators of a problem have in common."""
    left_out = {"NMFSeparator", *ABOUT_RUN[1:], *next(iter(CHOICES.values()))}
    shown = {k: v for k, v in problem.entries.items() if k not in left_out}
    return f"- {problem.title}: `{shown}`"


def circumstances(records):
    """Return where records were made, with what, and in what time."""
    lines = {
        f"- {r['machine']}; threads: {r['n_threads']}; commit {r['commit']}"
        for r in records
    }
    return "\n".join(sorted(lines))
