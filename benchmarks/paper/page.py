"""What was measured, as a page: tables, figures, and what they were measured on."""

import json
from collections import Counter
from pathlib import Path

from . import claims, data, settings, tables
from .figures import discriminator_outputs, error_curves
from .plan import complete_seeds
from .published import CURVES, MODELS, TABLES

HEADING = """\
# The paper's tables and figures, measured anew

Written by `{command}`.
Each run is a JSON file under [results/](results/) with its seed, settings, versions,
machine and time. What they say of the paper's claims is in [claims.md](claims.md).

Two errors stand in each table. *Shared phase* (`shared_phase_error`) is the paper's:
truth and estimate are rebuilt with the mixture's phase before they are compared, so
that errors of phase vanish; it stands first, the paper's figures beside it. *Waveform*
(`relative_error`) compares an estimate with the true waveform as it is. Both are means
over the rows tested on; SDR and SDRi are those of waveforms. An entry is the mean over
seeds ± their standard deviation, and the last column says how many seeds it has: only
seeds that every row of the table has finished count. The paper gives one figure without
a spread, and does not say how its rows were split or, for generated data, drawn.

Settings. *paper* has the paper's parameters, with fewer rows and epochs: at its
learning rates that is too few steps for curves to flatten, and what was hardly trained
says little of who is better. *paper-fast* multiplies both rates by 100 and changes
nothing else but the epochs: its curves flatten. *best* was chosen on rows kept for
that. Below each, *last fifth* says how flat its curves are.

Differences are paired by seed, with the 95 % percentile interval of a bootstrap over
the seeds. The mixture itself and zero as estimates are the floors; the oracle ratio
mask, which knows the truth but keeps the mixture's phase, is the ceiling of magnitude
masks.
"""
COLUMNS = """\
errors with the mixture's phase, the paper's beside them; errors of waveforms
"""
WATCHED = """\
Errors per epoch are those of the first {n_watched} rows tested on; nothing in the
training reads them. *Last fifth* is how much the test error with shared phase changes
over the last fifth of the epochs: near 0 the curve has flattened. Minutes are those of
`fit`. A discriminator rejects what it gives an output below 0.5; true components stand
beside the estimates, for one that rejects everything has learned nothing.
"""


def write(folder, command, form, measured_on):
    """The page and its pictures, of all runs in the folder that make up a table."""
    folder = Path(folder)
    records = records_in(folder, form, measured_on)
    parts = [HEADING.format(command=command)]
    if measured_on != "test":
        parts.append(f"**Measured on the rows of the part {measured_on!r}.**\n")
    for experiment in data.EXPERIMENTS:
        parts += section(folder, experiment, form, records)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tables.md").write_text("\n".join(parts))
    (folder / "claims.md").write_text(claims.page(command, records))


def records_in(folder, form, measured_on):
    """Complete seeds by (experiment, setting), of those that have any."""
    return {
        (experiment, setting): found
        for experiment in data.EXPERIMENTS
        for setting in settings.settings_of(experiment)
        if (found := complete_seeds(folder, experiment, setting, form, measured_on))
    }


def section(folder, experiment, form, records_of):
    """An experiment under every setting, as far as there are results."""
    blocks = []
    for setting in settings.settings_of(experiment):
        if records := records_of.get((experiment, setting)):
            blocks += block(experiment, setting, form, records)
            blocks.append(draw(folder, experiment, setting, records))
    if not blocks:
        return []
    table = TABLES.get(experiment)
    number = f"Table {table}: " if table else ""
    title = number + data.TITLES[experiment]
    return [f"## {title}\n", f"{data.SPLITS[experiment]}\n", *blocks]


def block(experiment, setting, form, records):
    """The tables of one setting."""
    parameters = settings.setting_of(form, setting, experiment)
    rows = settings.rows_of(form, setting, experiment)
    names = next(iter(records.values()))["mixture"]["component_names"]
    parts = [
        f"### Setting *{setting}*: {settings.ABOUT[setting]}\n",
        f"`{json.dumps(parameters)}`, rows `{json.dumps(rows)}`; "
        f"{circumstances(records)}\n",
        *(tables.error_table(experiment, k, records) + "\n" for k in (0, 1)),
        tables.difference_table(experiment, records) + "\n",
        tables.rejection_table(names, records) + "\n",
        tables.training_table(experiment, records) + "\n",
        WATCHED.format(n_watched=parameters["n_watched"]),
    ]
    return parts


def circumstances(records):
    """Machines, devices and hours of the runs of a table."""
    runs = [run for of_seed in records.values() for run in of_seed.values()]
    hours = sum(run["seconds"] for run in runs) / 3600
    machines = Counter(run["machine"] for run in runs)
    devices = sorted({run["device"] for run in runs if "device" in run})
    on = "; ".join(f"{n} runs on {name}" for name, n in machines.items())
    return f"{hours:.2f} hours of training on {' and '.join(devices)}; {on}"


def draw(folder, experiment, setting, records):
    """The pictures of one setting, and how the page shows them."""
    seed, of_seed = next(iter(records.items()))
    names = of_seed["mixture"]["component_names"]
    number, _ = CURVES.get(experiment, (None, None))
    figure_6 = "Figure 6: " if experiment == "ecg" else ""
    shown = {
        f"{'' if number is None else f'Figure {number}: '}log10 of the test error "
        f"(L2, shared phase) over epochs; mean of {len(records)} seeds, and between "
        "which values they lie": ("errors", error_curves(experiment, records)),
        f"{figure_6}output of each discriminator on the other component's estimates, "
        f"seed {seed}": ("discriminators", discriminator_outputs(names, of_seed)),
    }
    lines = []
    for caption, (kind, figure) in shown.items():
        path = Path("images") / f"{experiment}-{setting}-{kind}.png"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(folder / path, dpi=110)
        lines.append(f"![{caption}]({path.as_posix()})\n\n{caption}.\n")
    return "\n".join(lines)


def printed(folder, experiments, names, form, measured_on):
    """The error tables and differences of some experiments, for the terminal."""
    parts, records_of = [], records_in(folder, form, measured_on)
    for experiment in experiments:
        for setting in settings.settings_of(experiment, names):
            if records := records_of.get((experiment, setting)):
                parts.append(f"\n{data.TITLES[experiment]}; setting {setting}\n")
                parts.append(COLUMNS)
                parts += [
                    tables.error_table(experiment, k, records) + "\n"
                    for k in range(len(MODELS[experiment]))
                ]
                parts.append(tables.difference_table(experiment, records))
    return "\n".join(parts)
