"""What each change of the training is worth, on rows kept for choosing.

    python -m benchmarks.paper.levers                  what needs no recordings
    python -m benchmarks.paper.levers ppg --seeds 2
    python -m benchmarks.paper.levers bach10-unseen --data FOLDER

Two kinds of tables, whose lines change one thing each: quality levers, of autoencoders
alone, from the setting chosen for the paper's tables with fewer epochs; and adversarial
levers, of cross adversarial training, from the base of the regimes. A command that is
cut off goes on where it stopped.
"""

import json
from collections.abc import Callable
from itertools import count, takewhile
from pathlib import Path
from typing import NamedTuple

from ..report import machine
from .__main__ import experiments_of
from .data import TITLES
from .lever_lines import ADVERSARIAL, BASES, EXPERIMENTS, LINES, QUALITY, tables
from .measures import rejection, summary, values
from .plan import complete
from .published import FETAL
from .runs import finished
from .tables import markdown
from .variants import parser, percent, run_seeds

HEADING = """\
# What changes of the training are worth

Written by `{command}`; {machine}. Each run is a JSON file under [levers/](levers/).
Every line changes one thing, and is measured on the rows kept for choosing, which it
has not learned from; no row that the tables of the paper are tested on was looked at.

L2 are relative errors of waveforms; an entry is the mean over seeds ± standard
deviation. Changes are from the first line of the table, paired by seed, with the 95 %
interval of a bootstrap over the seeds: negative is better. Time is that of `fit` on a
CPU, the first line's being 1; what else the cores had to do makes it inexact. A line
that changes nothing is the first line's run.
"""
TITLES_OF_KINDS = {
    QUALITY: "Quality levers, autoencoders alone",
    ADVERSARIAL: "Adversarial levers",
}
NOTES = {
    QUALITY: [
        "The base is the setting *best* with fewer epochs; of Bach10 it is that of "
        "random windows, from which the one of unseen pieces was chosen.\n"
    ],
    ADVERSARIAL: [
        "The levers are those of cross adversarial training (*cross*), and it "
        "is measured against the plain autoencoders (*AE*). *Rejects* is the share of "
        "maternal estimates that the fetal discriminator rejects.\n"
    ],
}


class Column(NamedTuple):
    """A column: what it shows of the line's records and of those it goes by."""

    title: str
    cell: Callable


def columns_of(kind, names):
    """What a table shows besides its lines and their number of seeds."""
    components = list(enumerate(names))
    if kind == ADVERSARIAL:
        components.reverse()  # the fetal component is what it is about
    shown = [error(k, name) for k, name in components]
    if kind == QUALITY:
        shown += [decibels(k, name) for k, name in components]
    shown += [difference(k, name) for k, name in components]
    if kind == ADVERSARIAL:
        shown.append(Column("D_fetal rejects", rejected))
    return [*shown, Column("time", time)]


def error(k, name):
    """Errors of a component's waveforms."""
    return Column(f"{name} L2", lambda runs, _: summary(errors(runs, k), 3))


def decibels(k, name):
    """Signal-to-distortion ratio of a component."""
    title = f"{name} SDR [dB]"
    return Column(title, lambda runs, _: summary(errors(runs, k, "SDR"), 2))


def difference(k, name):
    """How much lower (negative) a component's errors are, in percent."""

    def cell(runs, base):
        return percent(errors(runs, k), errors(base, k))

    return Column(f"{name} L2, change [%]", cell)


def rejected(runs, base):
    """Share of the maternal estimates that D_fetal rejects."""
    if "answers" not in runs[0]:
        return ""
    return summary([rejection(run, f"estimates{FETAL}0") for run in runs], 2)


def time(runs, base):
    """Seconds of the fits, as multiples."""
    pairs = zip(runs, base, strict=True)
    return summary([ours["seconds"] / plain["seconds"] for ours, plain in pairs], 2)


def errors(runs, k, measure="L2"):
    """A measure of one component, for each seed."""
    return values(runs, "waveform", measure, k)


# The page -----------------------------------------------------------------------------


def section(table, folder):
    """A table and what it was made from, or nothing where there are no runs."""
    first = next(iter(table.lines))
    done = takewhile(lambda seed: finished(table.task(first, seed), folder), count())
    seeds = list(done)
    if not seeds:
        return []
    names = finished(table.task(first, seeds[0]), folder)["component_names"]
    columns = columns_of(table.kind, names)
    rows = []
    for name, line in table.lines.items():
        runs, base = compared(table, (name, first), seeds, folder)
        if runs:
            cells = [column.cell(runs, base) for column in columns]
            rows.append([line.about, *cells, str(len(runs))])
    header = ["line", *(column.title for column in columns), "seeds"]
    parameters = json.dumps(BASES[table.kind](table.experiment))
    title = f"## {TITLES_OF_KINDS[table.kind]}: {TITLES[table.experiment]}\n"
    base = f"Base: `{parameters}`.\n"
    return [title, *NOTES[table.kind], base, markdown(header, rows) + "\n"]


def compared(table, names, seeds, folder):
    """Records of two lines, of the seeds that both have finished."""

    def pair(seed):
        return {name: table.task(name, seed) for name in names}

    records = complete(pair, seeds, folder).values()
    return [[of_seed[name] for of_seed in records] for name in names]


def page(folder, command):
    """All tables that have runs, whichever this command made."""
    parts = [HEADING.format(command=command, machine=machine())]
    for table in tables():
        parts += section(table, folder)
    return "\n".join(parts)


# The command --------------------------------------------------------------------------


def main(arguments=None):
    """Make the runs that are not there yet, seed after seed, and write the page."""
    options = options_of(arguments)
    folder = Path(options.output) / "levers"

    def tasks_of(seed):
        return [t for table in options.tables for t in table.tasks(seed).values()]

    def write(n_seeds):
        text = page(folder, options.command)
        (folder.parent / "levers.md").write_text(text)
        print(f"{n_seeds} of {options.seeds} seeds done", flush=True)

    run_seeds(tasks_of, write, folder, options)
    print(page(folder, options.command))


def options_of(arguments=None):
    """What the command line asks for, with all that follows from it."""
    common = parser(__doc__)
    common.add_argument(
        "experiments", nargs="*", metavar="experiment", help=", ".join(EXPERIMENTS)
    )
    common.add_argument("--only", choices=LINES, help="one kind of tables")
    common.add_argument("--data", help="folder of recordings, with one called bach10")
    options = common.parse_args(arguments)
    unknown = sorted(set(options.experiments) - set(EXPERIMENTS))
    if unknown:
        common.error(f"no such experiments: {', '.join(unknown)}")
    options.command = command(options)
    options.experiments = options.experiments or ["all"]
    kinds = [options.only] if options.only else list(LINES)
    options.tables = tables(experiments_of(options), kinds)
    if not options.tables:
        common.error("adversarial levers are pulled on ecg alone")
    return options


def command(options):
    """The command that repeats it, but for where things lie."""
    words = ["python -m benchmarks.paper.levers", *options.experiments]
    words += [f"--seeds {options.seeds}"]
    words += [f"--only {options.only}"] if options.only else []
    return " ".join(words)


if __name__ == "__main__":
    main()
