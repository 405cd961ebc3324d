"""The pages of the records: a table for each database, a row for each method."""

import re
import textwrap
from dataclasses import fields
from pathlib import Path

import numpy as np

from ..markdown import table
from ..peers.records import as_json
from . import difficult, figure
from .problems import fetal_error, respiration_error
from .runs import Task

NONE = "-"
COMMAND = "python -m benchmarks.recordings {name} --page"
ABOUT = {
    "fetal": """\
# Fetal beats in abdominal ECG

Written by `{command}` from the records in
[benchmarks/recordings](../../benchmarks/recordings).

The fetal component of an abdominal recording is not known, but the times of its beats
are. Cells hold F1 scores of fetal beats within 50 ms
(`sklearn_cass.metrics.detection_f1`), which `find_beats(x, sfreq, rates=(100, 200))`
finds for all methods. What a method learns, and which estimate or channel is compared,
does not depend on the annotations of the recording that is tested:

- Each recording of ADFECGDB is tested on by methods that learned from the others. The
  recordings of the Challenge 2013 come from other hospitals; methods learned from all
  of ADFECGDB.
- *Four channels*: a method gives one estimate for each channel, or each independent
  component. The one with the largest share of clear beats is compared: of beats whose
  QRS complexes are 1.5 times as high as what is nearby.
- *One channel*: that in which the method has the best mean F1 on the other recordings
  of ADFECGDB.

*Template subtraction*: around each maternal beat, the mean of 21 nearby beats, scaled
by least squares, is subtracted. Maternal beats are found in the independent components
of all channels, of which the slowest regular one is the mother's. *Weighted
subtraction*: what it leaves above 10 Hz is divided by its usual level at the same time
before or after nearby maternal beats, so that beats of the mother that differ from
their average weigh less. *FastICA* takes four channels; the other methods take one at a
time. All channels are filtered to 3-45 Hz, but in the row *none*.

`NMFSeparator`, `AESeparator`, `RegularCASSSeparator` and `CASSSeparator` learned with
the same data and settings to separate what weighted subtraction leaves into fetal ECG
and the rest. The fetal part is the average of the beats around each annotated one of
the recordings to learn from; 300 generated mixtures are added. The settings were fixed
after one comparison on r07 and r08 with noise added, by separators that learned from
r01 and r04: with template subtraction instead of weighted subtraction, `AESeparator`
found fewer beats. `pretrained` separates the channels themselves, and learned from
generated ECG alone ([its card](../pretrained.md)).

What was decided while looking at scores of these recordings:

- on ADFECGDB and the Challenge: that maternal beats are found in independent
  components, that they are aligned, and the method of `find_beats` without `rates`,
  which finds the maternal beats.
- on ADFECGDB with noise added, and on generated recordings: `rates`, the weights, and
  how an estimate is chosen. On the Challenge, six variants were then compared once:
  with and without the weights, and with three finders (the one that is used; and two
  that filter by the average of the beats that were found, and find them again). All
  were at 0.85 or more; none was chosen by it. The Challenge's signals had been drawn
  before, without annotations. When this was decided, most of the noise added to
  ADFECGDB was by mistake in the first and last seconds of a minute; in the table below,
  it is not.

So the rows of ADFECGDB are not those of methods that were fixed before.

What is left: where a heart pauses, as in r08, `find_beats` with `rates` finds beats
that are none, and bursts of muscle noise hide beats, as in a07. Separators add nothing:
on the Challenge, all of them find fewer beats in what weighted subtraction leaves than
are found in it without them. A channel that is best on ADFECGDB tells nothing about the
Challenge, whose electrodes lie elsewhere.

{sections}

{picture}

{circumstances}
""",
    "respiration": """\
# Breathing in a finger's PPG

Written by `{command}` from the records in
[benchmarks/recordings](../../benchmarks/recordings).

The respiratory component of a PPG is not known, but the times of breaths are. Cells
hold mean absolute errors in breaths per minute over windows of 64 s
(`sklearn_cass.metrics.rate_error`) between the breaths that the first annotator marked
and those that `find_breaths` finds in the estimate, with one rule for all methods:

- *band-pass*: its band and order are those of the least error on the other patients,
  among 14.
- `NMFSeparator` learned from generated PPG, and `pretrained`,
  [the separator that ships](../pretrained.md), from generated PPG, too.
- *RESP*: the respiration that was recorded beside the PPG, and in which breaths were
  marked, which an estimate can hardly surpass.
- `AESeparator`, `RegularCASSSeparator` and `CASSSeparator` learned from the other seven
  patients: from windows of 64 s of the PPG's slow part, filtered to 0.1-0.5 Hz, of even
  level, at 0.7, 1 and 1.4 times their speed. The true respiration is a cosine with a
  maximum at each breath that was marked, moved by the lag at which it is most like that
  patient's PPG; the rest is the second component. The three have the same network,
  masks of spectrograms, and data. The windows of the spectrogram, of 10 or of 20 s, are
  those of the least error on further patients, left out among the seven. Estimates have
  their level over 20 s divided out before breaths are found.

What was decided while looking at errors of these patients: the method of
`find_breaths`, of two in NeuroKit2 (the other one had more than twice the error with
band-pass on the PPG, and the same on the recorded respiration); the 14 filters to
choose from; and, on patients that were left out in turn among the first six, what
separators take and give. Trained on four patients and tested on two, with seed 0, these
had mean errors of 0.90 to 1.84 with the pulses' heights and intervals as further
channels, and 2.66 at one speed; 0.72 to 1.17 with the slow part alone, at most 1.22
with the recorded respiration as the component instead of the cosine, 1.01 to 1.17 with
generated rows beside the recorded ones, and 0.99 to 1.20 with components mixed anew.
With masks, they had 0.84 (windows of 10 s) and 0.69 (20 s). 18 and 25 were not among
these.

{sections}

Most of the error that is left of separators that learn from patients is that of 03, 14
and 15. The intervals between their breaths have standard deviations of 10, 20 and 36 %
of the mean, those of the others 4 to 11 %. Of 03 and 14, the filter has the smaller
error; in 15, breaths are unclear in RESP, too. Where methods were run with several
seeds, cells of the first table are means over these.

{picture}

{circumstances}
""",
}


def write(problem, records, docs):
    """Write the page of a problem; return its path."""
    current = load(problem, records)
    sections = {"fetal": fetal_sections, "respiration": respiration_sections}
    text = ABOUT[problem.name].format(
        command=COMMAND.format(name=problem.name),
        picture=picture(problem, docs),
        sections="\n\n".join(sections[problem.name](problem, current)),
        circumstances=circumstances(current.values()),
    )
    path = docs / "recordings" / f"{problem.name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(re.sub(r"\n{3,}", "\n\n", text).strip() + "\n")
    return path


def image_path(problem):
    """Return the path of the picture, relative to the documentation's folder."""
    return Path("images") / "benchmarks" / f"recordings-{problem.name}.png"


def picture(problem, docs):
    """Return the section with the picture, if there is one."""
    if not (docs / image_path(problem)).exists():
        return ""
    title = problem.methods[problem.pictured].title
    about = f"The worst seconds of the worst recordings, {title}"
    marked = "Triangles: true events above, found ones below; red: missed and false."
    return (
        f"## Where it fails\n\n![{about}](../{image_path(problem).as_posix()})\n\n"
        f"*{about}.\n{marked}*"
    )


def draw(problem, records, recordings, docs):
    """Draw the worst recording of each database, if the method has records."""
    worst = {}
    for task, record in load(problem, records).items():
        if task.method == problem.pictured:
            error = problem.error(record["measured"])
            k = record["measured"].get("chosen", 0)
            entry = (error, task.recording, k)
            worst[task.database] = max(worst.get(task.database, (-1,)), entry)
    if worst:
        by_name = {(r.database, r.name): r for r in recordings}
        pairs = [(by_name[d, name], k) for d, (_, name, k) in sorted(worst.items())]
        path = docs / image_path(problem)
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn = figure.draw(problem, problem.pictured, recordings, pairs)
        drawn.savefig(path, dpi=100)


def load(problem, records):
    """Return the records of a problem by task, but for those of other settings."""
    found = {}
    for record in records.all():
        task = Task(**{f.name: record["identity"][f.name] for f in fields(Task)})
        if task.problem == problem.name and is_current(problem, task, record):
            found[task] = record
    return found


def is_current(problem, task, record):
    """Tell whether a record was made with the settings of today."""
    method = problem.methods.get(task.method)
    wanted = method and as_json({"settings": method.settings, "rule": problem.rule})
    identity = record["identity"]
    return bool(method) and wanted == {k: identity[k] for k in wanted}


def by_recording(current, method, database, value):
    """Return {recording: mean over seeds of a value of its records}."""
    values = {}
    for task, record in current.items():
        if (task.method, task.database) == (method, database):
            values.setdefault(task.recording, []).append(value(task, record))
    return {name: float(np.mean(of)) for name, of in sorted(values.items())}


def names_of(current, database):
    """Return the names of the recordings of a database."""
    return sorted({t.recording for t in current if t.database == database})


# Fetal --------------------------------------------------------------------------------


def fetal_sections(problem, current):
    """Yield the sections of both databases."""
    for database in ("ADFECGDB", "Challenge 2013"):
        yield f"## {database}"
        yield from sentence_on_seeds(problem, current, database)
        for title, value in (
            ("Four channels, one estimate chosen without annotations:", of_chosen),
            ("One channel, chosen on other recordings:", of_one_channel(current)),
        ):
            yield title
            yield table(rows_of(problem, current, database, value))
    yield from difficult.sections()


def sentence_on_seeds(problem, current, database):
    """Yield a sentence on the seeds of the separators that learn, if there are any."""
    learned = {name for name, m in problem.methods.items() if m.is_learned}
    tasks = [t for t in current if t.database == database and t.method in learned]
    seeds = sorted({t.seed for t in tasks})
    if len(seeds) == 1:
        yield f"Separators learned with seed {seeds[0]}."
    elif seeds:
        by_seed = [{t.method for t in tasks if t.seed == seed} for seed in seeds]
        repeated = sorted(set.intersection(*by_seed), key=list(problem.methods).index)
        titles = [problem.methods[m].title.split(", ")[-1] for m in repeated]
        yield textwrap.fill(
            f"Rows of {', '.join(titles)} are means over seeds "
            f"{' and '.join(map(str, seeds))}; other separators learned with seed "
            f"{seeds[0]}.",
            88,
        )


def rows_of(problem, current, database, value, n_digits=3):
    """Return a row for each method that has all recordings, their mean last."""
    names, rows = names_of(current, database), []
    for key, method in problem.methods.items():
        found = by_recording(current, key, database, value)
        cells = {n: number(found.get(n), n_digits) for n in names}
        if any(cell != NONE for cell in cells.values()):
            complete = NONE not in cells.values()
            mean = np.mean(list(found.values())) if complete else None
            rows.append(
                {"method": method.title, **cells, "mean": number(mean, n_digits)}
            )
    return rows


def number(value, n_digits):
    """Return a number as text; a dash for none."""
    known = value is not None and np.isfinite(value)
    return f"{value:.{n_digits}f}" if known else NONE


def of_chosen(task, record):
    """Return the F1 score of the estimate that was chosen without annotations."""
    return 1 - fetal_error(record["measured"])


def of_one_channel(current):
    """Return a function: the F1 of the channel that is best on other recordings."""

    def value(task, record):
        others = [
            other["measured"]["F1"]
            for t, other in current.items()
            if (t.method, t.database) == (task.method, "ADFECGDB")
            and (t.database, t.recording) != (task.database, task.recording)
        ]
        if not record["of_channels"] or not others:
            return np.nan
        return record["measured"]["F1"][int(np.argmax(np.mean(others, axis=0)))]

    return value


# Respiration --------------------------------------------------------------------------


def respiration_sections(problem, current):
    """Yield the section of the only database, the second table by seeds."""
    yield "## BIDMC"
    yield table(rows_of(problem, current, "BIDMC", of_error, n_digits=2))
    seeds = sorted({task.seed for task in current})
    if len(seeds) > 1:
        yield "The mean of each seed:"
        yield table(rows_of_seeds(problem, current, seeds, of_error, n_digits=2))


def rows_of_seeds(problem, current, seeds, value, n_digits):
    """Return a row for each method with a seed: its means if it has all recordings."""
    rows, n = [], len({task.recording for task in current})
    for key, method in problem.methods.items():
        if method.is_learned:
            by_seed = {
                seed: [value(t, r) for t, r in current.items() if is_of(t, key, seed)]
                for seed in seeds
            }
            means = {s: mean(v) if len(v) == n else None for s, v in by_seed.items()}
            cells = {str(seed): number(m, n_digits) for seed, m in means.items()}
            rows.append({"method": method.title, **cells})
    return rows


def is_of(task, method, seed):
    """Tell whether a task is that of a method and a seed."""
    return (task.method, task.seed) == (method, seed)


def mean(values):
    """Return the mean of numbers, or None if there are none."""
    return float(np.mean(values)) if values else None


def of_error(task, record):
    """Return the error in breaths a minute."""
    return respiration_error(record["measured"])


# Provenance ---------------------------------------------------------------------------


def circumstances(records):
    """Return where records were made, and with what."""
    lines = {
        f"- {r['machine']}; threads: {r['n_threads']}; commit {r['commit']}"
        for r in records
    }
    return "## Machines\n\n" + "\n".join(sorted(lines)) if lines else ""
