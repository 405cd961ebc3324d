"""Cards of the separators that ship: numbers on generated and on public recordings."""

import re
import textwrap

import numpy as np

from sklearn_cass.metrics import (
    detection_f1,
    find_beats,
    find_breaths,
    rate_error,
    sdr,
)
from sklearn_cass.models import DESCRIPTIONS, model_file

from .markdown import table
from .recordings import page
from .recordings.problems import PROBLEMS
from .recordings.runs import make, records_in, tasks_of
from .recordings.shipped import POLARITY

N_ROWS, SECONDS, TOLERANCE = 96, 64, 0.05
PROBLEM = {"fetal-ecg": "fetal", "ppg-respiration": "respiration"}
RIVALS = {
    "fetal-ecg": ("band-pass", "template", "weighted"),
    "ppg-respiration": ("band-pass",),
}
MAKER = {"fetal-ecg": "make_ecg_mixtures", "ppg-respiration": "make_ppg_mixtures"}
# of a generated recording
EXAMPLE = {
    "fetal-ecg": {"n_samples": 1, "n_times": 10_000, "sfreq": 1000, "n_channels": 4},
    "ppg-respiration": {"n_samples": 1, "n_times": 20_000, "sfreq": 125},
}
# edges of groups: of what was drawn for a mixture
GROUPS = {
    "fetal-ecg": {
        "magnitude_ratio": (0.5, 2, 4, 7, 10),
        "noise_db": (-40, -24, -16, -8),
        "fetal_bpm": (90, 120, 160, 205),
    },
    "ppg-respiration": {
        "breaths_per_minute": (4.5, 10, 20, 32),
        "respiration_ratio": (0.03, 0.1, 0.3, 0.6),
        "noise_db": (-40, -25, -10, -5),
    },
}
TEXT = """\
# {name}

`pretrained("{name}")` separates {description}. It learned from generated data alone: no
recording of anybody is in it. It is for research, no medical device, and was not tested
for any medical purpose.

```python
from sklearn_cass import pretrained
from sklearn_cass.datasets import {maker}

mixtures = {maker}({example})
recording = mixtures.data[0]  # or your own
separator = pretrained("{name}")
{unpacked} = separator.separate(recording, sfreq={sfreq}, polarity="{polarity}")
```

The recording is passed as it is, with its own sampling rate: the separator resamples
and filters it. For files:

```bash
sklearn-cass separate {name} recording.edf -o parts/{option}
```

## Trained on

{trained}

{n_samples:,} mixtures of `{maker}`, {max_epochs} epochs, seed {seed}:

{ranges}

## Measured on

{n_rows} generated mixtures of {seconds} s, of another seed. The median SDR is {sdr} dB
({components}). {measure}, by what was drawn for a mixture:

{generated}

Public recordings; {choice}. {of_recordings}

{recorded}

## Where it fails

{fails}

## Made by

`python -m benchmarks.pretrain {name} --data FOLDER`

- training: {training}
- measuring: {measuring}
- file: {size:.1f} MB, SHA-256 `{digest}`
"""
PAGE = """\
# Separators that ship

Small separators, fitted to generated data, for recordings of which there are no
components to learn from. `sklearn_cass.pretrained(name)` returns one,
`pretrained_card(name)` its card, `sklearn-cass models` lists them, and the command line
takes their names in the place of a file. This page is the cards, written by
`python -m benchmarks.pretrain`.
"""
WORDS = {
    "fetal-ecg": {
        "trained": """\
Mothers and fetuses of the dipole model, whose electrodes have any direction and
polarity, with noise. In every batch, components of different mixtures are mixed anew,
begun at any point, inverted at random, and played at another rate.""",
        "measure": "The F1 score of fetal beats within 50 ms",
        "of_recordings": """\
Cells are F1 scores of fetal beats within 50 ms, which
`find_beats(..., rates=(100, 200))` finds here, and without `rates` above. Of the
estimates of four channels, the one with the largest share of clear beats is taken,
without annotations.""",
        "choice": "none was learned from, and the settings had been fixed before",
        "fails": """\
- On recordings of other hospitals, such as the Challenge 2013 above, fewer fetal beats
  are found. Subtracting the mean maternal beat, which takes several channels and learns
  nothing, is better on both databases.
- Small fetal beats: more are missed the smaller they are beside the mother's, and the
  louder the noise is.
- Nothing was learned about twins, irregular beats, or fetal rates outside 95 to 195 and
  maternal ones outside 50 to 125 beats per minute.
- Recordings without a fetus were not tried.
- Below 3 Hz and above 45 Hz, estimates are empty: the shapes of P and T waves are not
  those of the heart.""",
    },
    "ppg-respiration": {
        "trained": """\
PPG of subjects who breathe slowly or fast, shallowly or deeply, evenly or not, with
pauses and sighs; with noise, drifts that are slower than breathing, and movements:
swings and steps that fade, twice a minute on average. Estimates are masked
spectrograms, whose windows of 20 s tell the frequencies of breaths from drifts.""",
        "measure": "The mean absolute error in breaths per minute",
        "of_recordings": """\
Cells are mean absolute errors in breaths per minute over windows of 64 s.""",
        "choice": """\
none was learned from. The movements of 03 became a part of the noise; that masks suit
breathing was seen with separators that learn from six of these patients
(docs/recordings); of the recipes below, the one of least error on generated mixtures
was taken""",
        "fails": """\
- On BIDMC, a filter of 0.1 to 0.5 Hz, which learns nothing, has a smaller error on
  average. Where the respiration alone is wanted, take the filter.
- Breaths are missed where breathing moves the baseline little beside the pulse, by a
  twentieth in 08 and 09. In 15, who stops breathing for up to 12 s, too many are found.
- Shallow breathing, whose baseline moves by less than a tenth of the pulse, and loud
  noise: larger errors, also on generated mixtures.
- Other recipes had these mean errors on BIDMC, in brackets those on 96 generated
  mixtures of irregular breathing, by which this one (0.56) was taken. Of regular
  breathing: 2.79 without movements, 1.79 with half as many and breathing up to 36 per
  minute, 1.90 (1.39) with as many as here. Of irregular breathing: 1.41 (0.71) without
  masks, and 1.02 (0.58) with masks, all components mixed anew and a filter from 0.09 Hz
  on.
- Breathing above 30 per minute was not learned, and gets wrong rates. Nor were
  irregular hearts.
- The rate is 12.5 Hz: the heartbeat's estimate has no harmonics above 6 Hz.""",
    },
}


def measure(name, recipe, separator):
    """Return results on generated mixtures, in total and by groups of mixtures."""
    sfreq = recipe.rows["sfreq"]
    rows = recipe.data(N_ROWS, seed=1, n_times=round(SECONDS * sfreq))
    polarity = POLARITY[name]
    estimates = np.stack([separator.separate(x, polarity=polarity) for x in rows.data])
    target = filtered(rows.target, separator)
    score = {"fetal-ecg": beat_scores, "ppg-respiration": breath_errors}[name]
    scores = score(rows, estimates[:, 1], sfreq)
    return {
        "SDR": np.nanmedian(sdr(target, estimates), axis=0).tolist(),
        "groups": [
            group
            for key, edges in GROUPS[name].items()
            for group in groups_of(key, rows[key], edges, scores)
        ],
    }


def filtered(target, separator):
    """Return components as the separator's filter leaves them."""
    rows = target.reshape(-1, target.shape[-1]).copy()
    return separator.filter_.transform(rows).reshape(target.shape)


def beat_scores(rows, fetal, sfreq):
    """Return the F1 scores of fetal beats in estimates."""
    found = (find_beats(x, sfreq) for x in fetal)
    return np.array(
        [
            detection_f1(true, beats, tolerance=TOLERANCE)
            for true, beats in zip(rows.fetal_beats, found, strict=True)
        ]
    )


def breath_errors(rows, respiration, sfreq):
    """Return the errors of rates in estimates, compared with the true respiration."""
    pairs = zip(rows.target[:, 1], respiration, strict=True)
    found = ([find_breaths(x, sfreq) for x in pair] for pair in pairs)
    return np.array(
        [rate_error(*pair, duration=SECONDS, window=SECONDS) for pair in found]
    )


def groups_of(key, values, edges, scores):
    """Yield the mean score between each two edges."""
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        inside = (values >= low) & (values < high)
        if inside.any():
            yield {
                "drawn": key,
                "from": low,
                "to": high,
                "n": int(inside.sum()),
                "mean": float(np.mean(scores[inside])),
            }


def measure_recordings(name, data):
    """Make the runs of the benchmark of recordings that are missing."""
    problem, records = PROBLEMS[PROBLEM[name]], records_in()
    recordings = problem.load(data)
    for task in tasks_of(problem, ["pretrained"], recordings, [0]):
        make(task, recordings, records)
    records.compact()


def recorded_table(name):
    """Return the rows of the benchmark of recordings, a table for each database."""
    problem = PROBLEMS[PROBLEM[name]]
    current = page.load(problem, records_in())
    shown = {
        t: r for t, r in current.items() if t.method in {*RIVALS[name], "pretrained"}
    }
    databases = {
        "fetal-ecg": ("ADFECGDB", "Challenge 2013"),
        "ppg-respiration": ("BIDMC",),
    }[name]
    value, n_digits = {
        "fetal-ecg": (page.of_chosen, 3),
        "ppg-respiration": (page.of_error, 2),
    }[name]
    sections = []
    for database in databases:
        rows = page.rows_of(problem, shown, database, value, n_digits)
        sections.append(f"{database}:\n\n{table(rows)}")
    return "\n\n".join(sections)


def card(name, recipe, n_samples, seed, record):
    """Return the card of a separator.

    Parameters
    ----------
    name : str
        Its name.
    recipe : Recipe
        What it learned from.
    n_samples, seed : int
        Number of mixtures, and the seed of all draws.
    record : dict
        What ``benchmarks.pretrain`` kept of training and measuring.
    """
    generated, polarity = record["generated"], POLARITY[name]
    components = {
        "fetal-ecg": ("maternal", "fetal"),
        "ppg-respiration": ("heart", "respiration"),
    }[name]
    text = TEXT.format(
        name=name,
        description=DESCRIPTIONS[name],
        unpacked=", ".join(components),
        components=" / ".join(components),
        polarity=polarity,
        option="" if polarity == "given" else f" --polarity {polarity}",
        sfreq=EXAMPLE[name]["sfreq"],
        example=", ".join(f"{k}={v}" for k, v in EXAMPLE[name].items()),
        n_samples=n_samples,
        maker=MAKER[name],
        max_epochs=recipe.max_epochs,
        seed=seed,
        ranges=ranges_of(recipe),
        seconds=SECONDS,
        n_rows=N_ROWS,
        sdr=" / ".join(f"{value:.1f}" for value in generated["SDR"]),
        generated=table([row_of(group) for group in generated["groups"]]),
        recorded=recorded_table(name),
        training=circumstances(record["training"]),
        measuring=circumstances(record["measuring"]),
        size=model_file(name).stat().st_size / 1e6,
        digest=record["sha256"],
        **WORDS[name],
    )
    parts = text.split("```")  # code is every second one
    parts[::2] = ["\n\n".join(map(filled, p.split("\n\n"))) for p in parts[::2]]
    return "```".join(parts)


def filled(paragraph):
    """Return a paragraph in full lines; titles, tables and lists as they are."""
    if paragraph.strip()[:1] in {"", "#", "|", "-"}:
        return paragraph
    words = paragraph.replace("\n", " ")
    return textwrap.fill(words, 88, break_long_words=False, break_on_hyphens=False)


def as_section(name):
    """Return the card in a file as a section of a page."""
    text = model_file(name).with_suffix(".md").read_text("utf-8")
    return re.sub(r"^#", "##", text, flags=re.MULTILINE)


def row_of(group):
    """Return a group of mixtures as a row."""
    return {
        "drawn": f"`{group['drawn']}`",
        "between": f"{group['from']:g} and {group['to']:g}",
        "mixtures": group["n"],
        "mean": f"{group['mean']:.2f}",
    }


def ranges_of(recipe):
    """Return the settings of a recipe as a list."""
    rows = {
        "generator": recipe.rows,
        "`Remix`": recipe.remix,
        "filter": recipe.filter,
        "masks of spectrograms": recipe.stft,
    }
    return "\n".join(
        f"- {title}: " + ", ".join(f"`{k}={v!r}`" for k, v in settings.items())
        for title, settings in rows.items()
        if settings
    )


def circumstances(found):
    """Return commit, machine and releases in a line."""
    return f"commit {found['commit']}, {found['machine']}"
