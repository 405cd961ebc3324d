"""The paper's claims, beside what was measured here."""

from collections import Counter, namedtuple

import numpy as np

from ..markdown import table
from . import statistics as stats
from .published import LABELS, MODELS, TABLES, error
from .tasks import CROSS, FAMILY, PLAIN, REGULAR

MEASURES = {"shared phase": "shared_phase", "waveform": "waveform"}
VERDICTS = ("holds", "contrary", "undecided")
FEWEST_SEEDS = 5  # that decide anything
# one row of Table 1, 2 or 3 has a lower error than another
Claim = namedtuple("Claim", "experiment component better worse")
# Sections 4.2 to 4.4. Of the last pair the paper's lower error comes first: of maternal
# ECG and PPG its claim is that cross training does harm.
ALL = [
    Claim(experiment, k, *pair)
    for experiment in TABLES
    for k in range(2)
    for pair in (
        (REGULAR, PLAIN),
        (CROSS, PLAIN),
        sorted((REGULAR, CROSS), key=lambda e: error(experiment, e, k, "L2")),
    )
]
KINDS = {
    frozenset((REGULAR, PLAIN)): f"{LABELS[REGULAR]} below {LABELS[PLAIN]}",
    frozenset((CROSS, PLAIN)): f"{LABELS[CROSS]} below {LABELS[PLAIN]}",
    frozenset((REGULAR, CROSS)): "which of these two is lower",
}


def published(claim):
    """Return the paper's difference in percent of the worse row's error."""
    lower, higher = (error(*claim[:1], e, claim.component, "L2") for e in claim[2:])
    return 100 * (lower / higher - 1)


def differences(claim, records):
    """Return our difference by each measure, paired by seed; {} without a pair."""
    runs = stats.paired(records[claim.better], records[claim.worse])
    found = {}
    for name, measure in MEASURES.items() if runs[0] else ():
        errors = (stats.values(of, measure, "L2", claim.component) for of in runs)
        found[name] = stats.relative_difference(*errors)
    return found


def verdict(found):
    """Return what the interval of a difference says of a claim that it is negative."""
    if found["n"] < FEWEST_SEEDS:
        return "undecided"
    if found["high"] < 0:
        return "holds"
    return "contrary" if found["low"] > 0 else "undecided"


def write(records_of, options):
    """Write the page; ``records_of`` maps (experiment, setting) to records."""
    measured = [
        (claim, setting, found)
        for claim in ALL
        for (experiment, setting), records in records_of.items()
        if experiment == claim.experiment
        if (found := differences(claim, records))
    ]
    parts = {
        "summary": summary(measured),
        "claims": [claim_row(*found) for found in measured],
        "factors": factors(records_of),
    }
    tables = {name: table(rows) for name, rows in parts.items()}
    return options.write_page("claims", **tables)


def claim_row(claim, setting, found):
    """Return a row of the table of claims."""
    about = MODELS[claim.experiment][claim.component]
    row = {
        "claim": f"{about}: {LABELS[claim.better]} below {LABELS[claim.worse]}",
        "paper [%]": f"{published(claim):+.1f}",
        "setting": setting,
    }
    row |= {f"{name} [%]": stats.difference_text(d) for name, d in found.items()}
    row["seeds"] = found["waveform"]["n"]
    return row | {f"by {name}": verdict(d) for name, d in found.items()}


def summary(measured):
    """Return verdicts counted by kind of claim and setting."""
    groups = {(pair, m[1]): [] for pair in KINDS for m in measured}
    for claim, setting, found in measured:
        groups[frozenset(claim[2:]), setting].append((published(claim), found))
    rows = []
    for (pair, setting), of_group in groups.items():
        if not of_group:
            continue
        paper = between([difference for difference, _ in of_group])
        row = {"claim": KINDS[pair], "paper [%]": paper, "setting": setting}
        for name in MEASURES:
            of_measure = [found[name] for _, found in of_group]
            row[f"{name} [%]"] = between([d["mean"] for d in of_measure])
            counts = Counter(map(verdict, of_measure))
            counted = " / ".join(str(counts[v]) for v in VERDICTS)
            row[f"{name}: {' / '.join(VERDICTS)}"] = counted
        rows.append(row)
    return rows


def between(values):
    """Return the least and the greatest of some percentages."""
    return f"{min(values):+.1f} to {max(values):+.1f}"


def factors(records_of):
    """Return the lowest of the family's errors, and the paper's over them."""
    rows = []
    for (experiment, setting), records in records_of.items():
        measured = [e for e in FAMILY if records[e]]
        for k, about in enumerate(MODELS[experiment] if experiment in TABLES else ()):
            paper = min(error(experiment, e, k, "L2") for e in FAMILY)
            shared, waveform = (
                min(np.mean(stats.values(records[e], m, "L2", k)) for e in measured)
                for m in MEASURES.values()
            )
            row = {"component": about, "setting": setting, "paper": f"{paper:.4f}"}
            row |= {"shared phase": f"{shared:.4f}", "waveform": f"{waveform:.4f}"}
            rows.append(row | {"times lower (shared phase)": f"{paper / shared:.2f}"})
    return rows
