"""What the paper claims, beside what was measured here."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from .bootstrap import relative_difference
from .estimators import FAMILY
from .measures import judged, values
from .published import FETAL, MODELS, TABLES, error
from .tables import difference_text, label, markdown

PLAIN, REGULAR, CROSS = FAMILY
MEASURES = ("shared_phase", "waveform")
VERDICTS = ("holds", "contrary", "undecided")
FEWEST_SEEDS = 5  # that decide anything
HEADING = """\
# Which of the paper's claims hold here

Written by `{command}`,
with the tables in [tables.md](tables.md).

## Two errors of one name

Eq. (6) is one formula, but what it compares makes two measures of it.

- *Shared phase*, the paper's (`shared_phase_error`): before they are compared, truth
  and estimate are both rebuilt with the mixture's phase. What an estimate has wrong in
  phase is wrong in the rebuilt truth, too, and cancels. Only this one may be laid
  beside the paper's tables.
- *Waveform* (`relative_error`): the estimate against the true waveform as it is, which
  is what a listener or a physician gets. It sees errors of phase, and an estimate with
  the mixture's phase cannot make it small: see the oracle ratio mask in the tables,
  which knows the true magnitudes.

The second is larger throughout, and the larger the more a component is drowned by the
others: for generated fetal ECG the oracle ratio mask has some 0.3 by the first and 0.8
by the second.
"""
SUMMARY = """\
## Who is better than whom, in short

The paper's tables say of each of six components (bassoon, saxophone; maternal, fetal;
heart, respiration) which of three systems has the lower error. How many of these claims
hold here, are contrary to what was measured, and are undecided, by each of the two
errors; and between which values the six measured differences lie.
"""
CLAIMS = """\
## Who is better than whom, claim by claim

The error of the first over that of the second, less one: negative where the first is
better. Ours are means over seeds, paired, with the 95 % interval of a bootstrap over
the seeds. *Holds* and *contrary*: the interval is clear of 0; *undecided*: it is not,
or there are fewer than five seeds, of which an interval says little.
"""
FACTORS = """\
## How far below the paper's errors

The lowest mean error of AE, CASS and CASS with cross training, ours beside the
paper's (L2). Rows and splits of the paper are not known; for generated data its
generator is not either.
"""
REJECTED = """\
## What discriminators reject

Section 4.3.1: without cross training D_fetal takes maternal estimates for true, with it
D_fetal rejects them. Share rejected, and mean output in brackets, over the rows tested
on.
"""


@dataclass(frozen=True)
class Claim:
    """That one row of a table has a lower error than another."""

    experiment: str
    component: int
    better: str
    worse: str

    @property
    def about(self):
        """The component, as the paper's table calls it."""
        return MODELS[self.experiment][self.component]

    def published(self):
        """The paper's difference in percent of the worse row's error."""
        ours, theirs = (
            error(self.experiment, name, self.component, "L2")
            for name in (self.better, self.worse)
        )
        return 100 * (ours / theirs - 1)

    def measured(self, setting, records):
        """Ours under a setting, paired by seed."""
        runs = [[r[e] for r in records.values()] for e in (self.better, self.worse)]
        differences = [
            relative_difference(*(values(r, m, "L2", self.component) for r in runs))
            for m in MEASURES
        ]
        return Measured(self, setting, differences)


@dataclass(frozen=True)
class Measured:
    """A claim under a setting, with its difference by each measure."""

    claim: Claim
    setting: str
    differences: list

    def row(self):
        """A line of the table."""
        better, worse = map(label, (self.claim.better, self.claim.worse))
        return [
            f"{self.claim.about}: {better} below {worse}",
            f"{self.claim.published():+.1f}",
            self.setting,
            *(difference_text(d, 1) for d in self.differences),
            str(self.differences[0]["n"]),
            *map(verdict, self.differences),
        ]


def verdict(found):
    """What the interval of a difference says of a claim that it is negative."""
    if found["n"] < FEWEST_SEEDS:
        return "undecided"
    if found["high"] < 0:
        return "holds"
    return "contrary" if found["low"] > 0 else "undecided"


# Sections 4.2 to 4.4. Where the paper's table has them the other way round (maternal
# ECG, PPG), its claim is that cross training does harm.
PAIRS = ((REGULAR, PLAIN), (CROSS, PLAIN), (CROSS, REGULAR))
ALL = [
    Claim(experiment, component, better, worse)
    for experiment in TABLES
    for component in range(2)
    for better, worse in (
        *PAIRS[:2],
        PAIRS[2]
        if error(experiment, CROSS, component, "L2")
        < error(experiment, REGULAR, component, "L2")
        else PAIRS[2][::-1],
    )
]


def page(command, records_of):
    """The page; ``records_of`` maps (experiment, setting) to {seed: {name: record}}."""
    measured = [
        claim.measured(setting, records)
        for claim in ALL
        for (experiment, setting), records in records_of.items()
        if experiment == claim.experiment
    ]
    rows = [found.row() for found in measured]
    header = ["claim", "paper [%]", "setting", "shared phase [%]", "waveform [%]"]
    header += ["seeds", "by shared phase", "by waveform"]
    parts = [HEADING.format(command=command)]
    parts += [SUMMARY, summary(measured) + "\n"]
    parts += [CLAIMS, markdown(header, rows) + "\n"]
    parts += [FACTORS, factors(records_of) + "\n"]
    parts += [REJECTED, rejections(records_of)]
    return "\n".join(parts) + "\n"


def summary(measured):
    """Verdicts counted by kind of claim and setting."""
    kinds = {
        f"{label(REGULAR)} below {label(PLAIN)}": {(REGULAR, PLAIN)},
        f"{label(CROSS)} below {label(PLAIN)}": {(CROSS, PLAIN)},
        "which of these two is lower": {(CROSS, REGULAR), (REGULAR, CROSS)},
    }
    rows = []
    for kind, pairs in kinds.items():
        of_kind = [m for m in measured if (m.claim.better, m.claim.worse) in pairs]
        for setting in dict.fromkeys(m.setting for m in of_kind):
            found = [m for m in of_kind if m.setting == setting]
            by_measure = zip(*(m.differences for m in found), strict=True)
            cells = [
                cell for differences in by_measure for cell in counted(differences)
            ]
            published = [m.claim.published() for m in found]
            rows.append([kind, between(published), setting, *cells])
    header = ["claim", "paper [%]", "setting"]
    for about in ("shared phase", "waveform"):
        header += [f"{about} [%]", " / ".join(VERDICTS)]
    return markdown(header, rows)


def counted(differences):
    """The range of some claims' differences by a measure, and their verdicts."""
    verdicts = Counter(map(verdict, differences))
    counts = " / ".join(str(verdicts[v]) for v in VERDICTS)
    return between([d["mean"] for d in differences]), counts


def between(values):
    """The least and the greatest of some percentages."""
    return f"{min(values):+.1f} to {max(values):+.1f}"


def factors(records_of):
    """The best of the family's errors, and the paper's over them."""
    header = ["component", "setting", "paper", "shared phase", "times lower"]
    rows = []
    for (experiment, setting), records in records_of.items():
        if experiment in TABLES:
            for component, about in enumerate(MODELS[experiment]):
                best = min(error(experiment, e, component, "L2") for e in FAMILY)
                shared, waveform = (
                    min(means(records, measure, component)) for measure in MEASURES
                )
                cells = [f"{best:.4f}", f"{shared:.4f}", f"{best / shared:.2f}"]
                rows.append([about, setting, *cells, f"{waveform:.4f}"])
    return markdown([*header, "waveform"], rows)


def means(records, measure, component):
    """Mean error over seeds of each of the family."""
    runs = ([of_seed[e] for of_seed in records.values()] for e in FAMILY)
    return [float(np.mean(values(of_e, measure, "L2", component))) for of_e in runs]


def rejections(records_of):
    """D_fetal on maternal estimates and on true fetal components."""
    rows = []
    for (experiment, setting), records in records_of.items():
        if experiment == "ecg":
            for estimator in (REGULAR, CROSS):
                runs = [of_seed[estimator] for of_seed in records.values()]
                seen = (f"estimates{FETAL}0", f"true{FETAL}")
                cells = [judged(runs, key) for key in seen]
                rows.append([label(estimator), setting, *cells, str(len(runs))])
    header = ["D_fetal of", "setting", "maternal estimates", "true fetal", "seeds"]
    return markdown(header, rows)
