"""Tables in the paper's layout, the paper's figures beside ours."""

from .bootstrap import paired_difference
from .estimators import CEILING, FAMILY, FLOORS, OTHER_LABELS, ROWS
from .measures import flattening, judged, summary, values
from .published import LABELS, MODELS, NORMS, TABLES, error

SYMBOLS = {"L1": "L1", "L2": "L2", "Linf": "L∞"}
PAIRS = (
    ("RegularCASSSeparator", "AESeparator"),
    ("CASSSeparator", "AESeparator"),
    ("CASSSeparator", "RegularCASSSeparator"),
    ("CASSSeparator", "GANSeparator"),
)
DIFFERENCES = {
    "L2, shared phase": ("shared_phase", "L2", 4),
    "L2, waveform": ("waveform", "L2", 4),
    "SDR [dB]": ("waveform", "SDR", 2),
}


def label(estimator):
    """What a row is called."""
    return (LABELS | OTHER_LABELS).get(estimator, estimator)


def markdown(header, rows):
    """A table in Markdown that reads as text, too."""
    lines = [header, *rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(header))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def error_table(experiment, component, records):
    """One block of a table of the paper: a line for each row, the mean over seeds.

    ``records`` are {seed: {estimator: record}}, each seed complete.
    """
    beside = experiment in TABLES
    header = [MODELS[experiment][component]]
    header += [f"{SYMBOLS[n]} Error" for n in NORMS]
    header += [f"paper {SYMBOLS[n]}" for n in NORMS] if beside else []
    header += [f"waveform {SYMBOLS[n]}" for n in NORMS]
    header += ["SDR [dB]", "SDRi [dB]", "seeds"]
    rows = [error_row(experiment, component, r, records, beside) for r in ROWS]
    return markdown(header, rows)


def error_row(experiment, component, estimator, records, beside):
    """Errors with the mixture's phase, the paper's, those of waveforms, decibels."""
    runs = [of_seed[estimator] for of_seed in records.values()]

    def cells(measure, names, digits):
        return [
            summary(values(runs, measure, name, component), digits) for name in names
        ]

    row = [label(estimator), *cells("shared_phase", NORMS, 4)]
    if beside:
        published = [error(experiment, estimator, component, n) for n in NORMS]
        row += ["" if figure is None else f"{figure:.5f}" for figure in published]
    row += [*cells("waveform", NORMS, 4), *cells("waveform", ("SDR", "SDRi"), 2)]
    return [*row, str(len(runs))]


def difference_table(experiment, records):
    """Paired differences between rows, with the bootstrap's interval."""
    header = ["difference", "component", *DIFFERENCES, "seeds"]
    rows = [
        difference_row(a, b, k, name, records)
        for a, b in PAIRS
        for k, name in enumerate(MODELS[experiment])
    ]
    return markdown(header, rows)


def difference_row(a, b, k, name, records):
    """One pair: mean difference and interval for each measure."""
    cells = []
    for measure, norm, digits in DIFFERENCES.values():
        pair = (
            values([of_seed[e] for of_seed in records.values()], measure, norm, k)
            for e in (a, b)
        )
        cells.append(difference_text(paired_difference(*pair), digits))
    return [f"{label(a)} - {label(b)}", name, *cells, str(len(records))]


def difference_text(found, digits):
    """A difference with its interval, or alone where there is none."""
    text = f"{found['mean']:+.{digits}f}"
    if found["n"] < 2:
        return text
    return f"{text} [{found['low']:+.{digits}f}, {found['high']:+.{digits}f}]"


def rejection_table(component_names, records):
    """Share of what each discriminator rejects, and its mean output."""
    first, second = component_names
    seen = {
        "estimates01": f"{first} discriminator, {second} estimates",
        "true0": f"{first} discriminator, true {first}",
        "estimates10": f"{second} discriminator, {first} estimates",
        "true1": f"{second} discriminator, true {second}",
    }
    rows = []
    for estimator in FAMILY[1:]:
        runs = [of_seed[estimator] for of_seed in records.values()]
        cells = [judged(runs, key, digits=3) for key in seen]
        rows.append([label(estimator), *cells, str(len(runs))])
    return markdown(["share rejected (mean output)", *seen.values(), "seeds"], rows)


def training_table(experiment, records):
    """Rows, epochs, time, and whether the curves have flattened."""
    header = ["training", "rows", "epochs", "minutes"]
    header += [f"last fifth, {name} [%]" for name in MODELS[experiment]]
    rows = [
        training_row(estimator, [of_seed[estimator] for of_seed in records.values()])
        for estimator in ROWS
        if estimator not in (*FLOORS, CEILING)
    ]
    return markdown([*header, "seeds"], rows)


def training_row(estimator, runs):
    """Means over seeds; what has no epochs has no curve."""
    minutes = summary([run["seconds"] / 60 for run in runs], 1)
    epochs, changes = "", ["", ""]
    if "curves" in runs[0]:
        epochs = str(runs[0]["curves"]["epoch"][-1])
        curves = [run["curves"]["shared_phase"] for run in runs]
        changes = [
            summary([100 * flattening([e[k] for e in c]) for c in curves], 1)
            for k in (0, 1)
        ]
    n_rows = str(runs[0]["n_rows"])
    return [label(estimator), n_rows, epochs, minutes, *changes, str(len(runs))]
