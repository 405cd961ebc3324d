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
from .runs import VALIDATION_SEED, Task, choices, settings_of

NONE = "-"
IMAGE = Path("images") / "benchmarks" / "unlabelled.png"
COMPONENTS = {"maternal": 0, "fetal": 1}
COMMAND = "python -m benchmarks.unlabelled page"
ABOUT = """\
# Unlabelled mixtures

Written by `{command}` from the records in
[benchmarks/unlabelled](../benchmarks/unlabelled).

Recordings that somebody wants to separate seldom have known components, and those that
have are seldom like them. `fit` takes both in one y; unknown components are NaN
([how](guide/shapes.md)). This page measures what the mixtures teach, beside other ways
to learn from them:

- *mixtures seen without their sum*: they teach nothing but the statistics by which
  networks normalize;
- *remixed estimates*: a separator that learned from the known components estimates
  those of the mixtures, which another one then takes for the truth, mixed anew in every
  batch (RemixIT: Tzinis et al., 2022);
- *remixed noise*: what such estimates leave of a mixture is taken for its noise, and
  mixed with the known components; those of the mixture stay unknown;
- *sums of mixtures*: networks separate the sum of two mixtures, and each estimate
  counts for the mixture that it suits best (MixIT: Wisdom et al., 2020).

{found}

{picture}

## Generated ECG

Known are maternal and fetal ECG in {n_known} clean mixtures, and {n_noise} rows of
white noise alone. The {n_unknown} other mixtures, and {n_tested} to test on, have pink
noise at {level} dB. Noise is the third component. Cells are mean relative errors of the
{n_tested} mixtures, 1 for silence: means over seeds, the least and the largest in
brackets. *All components known* learns from those of the noisy mixtures, too: the
ceiling. *Pink noise added* is the remedy if one knows what the noise is like. All take
the same number of steps; methods that learn from estimates train twice.

{generated}

## Settings

Chosen on other rows (seed {seed}), by the mean of both errors. `sum_weight` is the
weight of the sum in rows with an unknown component (`training/losses.py`). `beta` and
`cross_weights` are the defaults.

{choice}

## Abdominal ECG of other hospitals

Known is the scalp ECG of ADFECGDB, mixed with that of an adult and with noise. The
mixtures are windows of {seconds} s of the tested recording, one of the Challenge 2013,
from each of its four channels. Its annotations are used to measure, and for nothing
else. Cells hold F1 scores of fetal beats within 50 ms, found at any rate.

{recorded}

{circumstances}
"""
FOUND = """\
What was found, with small networks and short trainings:

- On abdominal recordings of other hospitals, a recording's own windows help: the mean
  F1 of the channels rises in each of the five recordings, in all by 0.07, but little
  where it was high. It is the sum that teaches: without it, nothing was learned from
  the mixtures. RemixIT has about half of that gain.
- Discriminators and cross weights add nothing. On recordings `CASSSeparator` equals
  `AESeparator`, on generated rows it is behind it.
- On generated rows, none of the methods comes near the ceiling. The sum lowers the
  fetal error a little and raises the maternal one.
- With a weight of 1, the sum lowers the fetal error a little more, but the maternal
  estimate comes near the mixture.

So use unlabelled rows where recordings differ from what is known, with `AESeparator`,
and compare with a training without them. A method that adapts a fitted separator to a
recording by its mixtures alone is not part of the package: what helped was a training
on known components and mixtures together, which is one call of `fit`.
"""


def write(records, docs):
    """Write the page and its figure; return the page's path."""
    current = load(records)
    draw(current, docs)
    n_known, n_unknown, n_tested = rows.N_ROWS
    text = ABOUT.format(
        command=COMMAND,
        found=FOUND.strip(),
        n_known=n_known,
        n_unknown=n_unknown,
        n_tested=n_tested,
        n_noise=rows.N_NOISE,
        level=rows.SIGNALS["noise_db"][0],
        seed=VALIDATION_SEED,
        seconds=rows.N_TIMES // rows.SFREQ,
        picture=picture(),
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
        found.append(row | errors_of(records))
    seeds = sorted({t.seed for t in current if t.experiment == "generated"})
    if seeds:
        floor = [{"measured": floor_of(seed)} for seed in seeds]
        row = {"method": "the mixture", "seeds": len(seeds)}
        found.insert(0, row | errors_of(floor))
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
        ("Mean of the four channels:", of_all),
        (
            "The channel with the most regular beats, chosen without annotations:",
            of_chosen,
        ),
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
    seeds = {record["identity"]["seed"] for record in records}
    return {"method": title, "seeds": len(seeds), **cells, "mean": mean}


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
    """Draw the fetal errors on generated rows, and the F1 scores on recordings."""
    figure, axes = panels(2, n_columns=1)
    figure.set_size_inches(7, 5.5)
    values = {"generated": fetal_error, "recorded": of_all}
    labels = {
        "generated": "fetal error on generated rows, for each seed",
        "recorded": "mean F1 of the channels, for each recording and seed",
    }
    for ax, (experiment, value) in zip(axes, values.items(), strict=True):
        found = by_method(current, experiment)
        for place, records in enumerate(found.values()):
            points = [value(record["measured"]) for record in records]
            ax.plot(points, [place] * len(points), "o", color="C0", alpha=0.6)
            ax.plot(np.mean(points), place, "|", color="C3", markersize=18)
        titles = [METHODS[name].title.replace("`", "") for name in found]
        ax.set_yticks(range(len(titles)), titles)
        ax.invert_yaxis()
        ax.set_xlabel(labels[experiment])
    path = docs / IMAGE
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def fetal_error(measured):
    """Return the fetal error."""
    return measured["L2"][COMPONENTS["fetal"]]


def picture():
    """Return the figure for the page."""
    about = "Fetal errors on generated rows, and F1 scores on recordings"
    return f"![{about}]({IMAGE.as_posix()})\n\n*Red: means.*"
