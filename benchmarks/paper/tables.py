"""The page of tables and figures, the paper's numbers beside ours, and its tasks."""

import json
from functools import partial
from pathlib import Path

from ..experiments import EXPERIMENTS
from ..markdown import table
from . import claims, settings
from . import statistics as stats
from .figures import discriminator_outputs, error_curves
from .published import CURVES, LABELS, MODELS, NORMS, TABLES, error
from .tasks import CROSS, FAMILY, PLAIN, REGULAR, ROWS, SEPARATORS, Task

NAME = "tables"
SYMBOLS = {"L1": "L1", "L2": "L2", "Linf": "L∞"}
PAIRS = ((REGULAR, PLAIN), (CROSS, PLAIN), (CROSS, REGULAR), (CROSS, "GANSeparator"))
DIFFERENCES = {
    "L2, shared phase": ("shared_phase", "L2", 4),
    "L2, waveform": ("waveform", "L2", 4),
    "SDR [dB]": ("waveform", "SDR", 2),
}


def tasks(seed, options):
    """Return the runs of a seed: all of a table before those of the next."""
    return [
        task
        for experiment in options.experiments
        for setting in settings.settings_of(experiment, options.settings)
        for task in tasks_of(experiment, setting, options, seed).values()
        if task.estimator in options.estimators
    ]


def tasks_of(experiment, setting, options, seed):
    """Return the runs of a table by estimator."""
    entries = settings.setting_of(setting, experiment, options.quick)
    rows = settings.rows_of(setting, experiment, options.quick)
    common = (seed, entries, rows, options.measured_on)
    return {e: Task(experiment, setting, e, *common) for e in ROWS}


def write(records, options):
    """Write the page, its pictures and the page of claims; return the page."""
    records_of, sections = {}, []
    if options.measured_on != "test":
        sections.append("**Measured on validation rows.**\n")
    for experiment, definition in EXPERIMENTS.items():
        blocks = []
        for setting in settings.settings_of(experiment):
            of_seed = partial(tasks_of, experiment, setting, options)
            found, stale = records_found(records, of_seed), records.stale(of_seed)
            if found:
                records_of[experiment, setting] = found
            if found or stale:
                blocks += [*block(experiment, setting, found, options), stale]
        if blocks:
            number = f"Table {TABLES[experiment]}: " if experiment in TABLES else ""
            title = f"## {number}{definition.title}\n"
            sections += [title, f"{definition.split}\n", *blocks]
    claims.write(records_of, options)
    return options.write_page(NAME, sections="\n".join(filter(None, sections)))


def records_found(records, of_seed):
    """Return {estimator: [record]}; {} without autoencoders, as other rows are shared.

    Mixture, zero, oracle, NMF and ICA may have the same records in several settings.
    """
    found = records.found(of_seed)
    return found if any(found[estimator] for estimator in FAMILY) else {}


def block(experiment, setting, records, options):
    """Return the tables and pictures of one setting."""
    entries = settings.setting_of(setting, experiment, options.quick)
    rows = settings.rows_of(setting, experiment, options.quick)
    title = f"### Setting *{setting}*: {settings.ABOUT[setting]}\n"
    about = f"`{json.dumps(entries)}`, rows `{json.dumps(rows)}`"
    if not records:
        return [title, f"{about}; no records.\n"]
    names = next(r for of in records.values() for r in of)["component_names"]
    seen = {}
    for i, j in ((0, 1), (1, 0)):
        seen[f"{names[i]} discriminator, {names[j]} estimates"] = f"estimates{i}{j}"
        seen[f"{names[i]} discriminator, true {names[i]}"] = f"true{i}"
    tables = [
        *(error_rows(experiment, k, records) for k in (0, 1)),
        difference_rows(experiment, records),
        stats.rejection_rows(records, seen, 3),
        training_rows(experiment, records),
    ]
    about += f"; {circumstances(records)}{lacking(records)}\n"
    pictures = draw(experiment, setting, names, records, options.output)
    return [title, about, *(f"{table(rows)}\n" for rows in tables), *pictures]


def circumstances(records):
    """Return hours, devices, machines, versions and commits of the runs of a table."""
    runs = [run for of_estimator in records.values() for run in of_estimator]
    hours = sum(run["seconds"] for run in runs) / 3600
    keys = ("device", "machine", "version", "commit")
    on = {k: ", ".join(sorted({str(r[k])[:60] for r in runs if k in r})) for k in keys}
    made = "{device}; {machine}; sklearn_cass {version}, commits {commit}".format(**on)
    return f"{len(runs)} runs, {hours:.2f} hours of training on {made}"


def lacking(records):
    """Return how many seeds those rows of a table have that lack some, or ""."""
    n_seeds = {estimator: len(runs) for estimator, runs in records.items()}
    most = max(n_seeds.values())
    few = [f"{name} {n}" for name, n in n_seeds.items() if n < most]
    return f". Not all {most} seeds: {', '.join(few)}" if few else ""


def draw(experiment, setting, names, records, folder):
    """Draw the pictures of one setting; return how the page shows them."""
    number = f"Figure {CURVES[experiment][0]}: " if experiment in CURVES else ""
    figure_6 = "Figure 6: " if experiment == "ecg" else ""
    few, *_, many = sorted(len(records[estimator]) for estimator in FAMILY)
    seeds = f"{many} seeds" if few == many else f"{few} to {many} seeds"
    captions = (
        f"{number}log10 of the test error (L2, shared phase) over epochs; mean of "
        f"{seeds}, and between which values they lie",
        f"{figure_6}outputs of each discriminator on the other component's estimates "
        f"and on its own true component, {seeds}",
    )
    figures = {"errors": error_curves(experiment, records)}
    if any(records[estimator] for estimator in FAMILY[1:]):
        figures["discriminators"] = discriminator_outputs(names, records)
    lines = []
    for caption, (kind, figure) in zip(captions, figures.items(), strict=False):
        path = Path("images") / f"{experiment}-{setting}-{kind}.png"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(folder / path, dpi=100)
        lines.append(f"![{caption}]({path.as_posix()})\n\n{caption}.\n")
    return lines


# Tables: ``records`` are {estimator: [record of a seed]} ------------------------------


def error_rows(experiment, component, records):
    """Return a block of a table: errors with shared phase, published, of waveforms."""

    rows = []
    for estimator in filter(records.get, ROWS):
        runs = records[estimator]
        text = partial(stats.mean_text, runs, component=component)
        row = {MODELS[experiment][component]: LABELS.get(estimator, estimator)}
        row |= {f"{SYMBOLS[n]} Error": text("shared_phase", n, digits=4) for n in NORMS}
        for norm in NORMS if experiment in TABLES else ():
            found = error(experiment, estimator, component, norm)
            row[f"paper {SYMBOLS[norm]}"] = f"{found:.5f}" if found else ""
        row |= {f"waveform {SYMBOLS[n]}": text("waveform", n, digits=4) for n in NORMS}
        row |= {f"{n} [dB]": text("waveform", n, digits=2) for n in ("SDR", "SDRi")}
        rows.append(row | {"seeds": len(runs)})
    return rows


def difference_rows(experiment, records):
    """Return paired differences between rows, with the bootstrap's interval."""
    rows = []
    for pair in PAIRS:
        runs = stats.paired(*(records[e] for e in pair))
        for k, name in enumerate(MODELS[experiment] if runs[0] else ()):
            row = {"difference": " - ".join(LABELS[e] for e in pair), "component": name}
            for title, (measure, norm, digits) in DIFFERENCES.items():
                values = (stats.values(of, measure, norm, k) for of in runs)
                found = stats.paired_difference(*values)
                row[title] = stats.difference_text(found, digits)
            rows.append(row | {"seeds": len(runs[0])})
    return rows


def training_rows(experiment, records):
    """Return rows, epochs, time, and whether the curves have flattened."""
    rows = []
    for estimator in filter(records.get, SEPARATORS):
        runs = records[estimator]
        curves = [run["curves"] for run in runs if "curves" in run]
        row = {
            "training": LABELS[estimator],
            "rows": runs[0]["n_rows"],
            "epochs": curves[0]["epoch"][-1] if curves else "",
            "minutes": stats.summary([run["seconds"] / 60 for run in runs], 1),
        }
        for k, name in enumerate(MODELS[experiment]):
            last = [flattening([e[k] for e in c["shared_phase"]]) for c in curves]
            row[f"last fifth, {name} [%]"] = stats.summary(last, 1) if last else ""
        rows.append(row | {"seeds": len(runs)})
    return rows


def flattening(curve):
    """Return the change of an error over the last fifth of the epochs, in percent."""
    return 100 * (curve[-1] / curve[-1 - len(curve) // 5] - 1)
