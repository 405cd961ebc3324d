"""Measure the classical fetal methods where their rules were decided.

    python -m benchmarks.recordings.difficult --data ../shared/data

Minutes of ADFECGDB with bursts of noise, and generated minutes with a small fetus. It
prints a table and writes it to benchmarks/recordings/results, from where the page of
fetal beats takes it.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.signal import butter, sosfiltfilt

from sklearn_cass.datasets import make_ecg_mixtures
from sklearn_cass.metrics import detection_f1, find_beats

from ..checkout import commit
from ..markdown import table
from .classical import template_subtraction
from .methods import FETAL
from .problems import TOLERANCE, find_fetal_beats, share_clear
from .recording import Recording, load_fetal
from .runs import FOLDER, made_by

RESULT = FOLDER / "difficult" / "found.json"
METHODS = ("template", "template-ica", "weighted", "weighted-ica")
FINDERS = {"any rate": find_beats, "100 to 200": find_fetal_beats}
MINUTES = {10: 0.5, 70: 1, 130: 1.5, 190: 2}  # first second: level of the noise
GENERATED = {
    "n_samples": 16,
    "n_times": 15_000,
    "sfreq": 250,
    "windows_per_trace": 1,
    "n_channels": 4,
    "maternal_bpm": (60, 130),
    "fetal_bpm": (110, 175),
    "magnitude_ratio": (4, 20),
    "noise": ["white", "pink", "muscle", "wander"],
    "noise_db": (-30, -8),
    "random_state": 0,
}
SEED = 0
ABOUT = """\
Mean F1 scores of the chosen estimates (`python -m benchmarks.recordings.difficult`) of
16 minutes of ADFECGDB with bursts of noise added, 0.5 to 2 times what template
subtraction leaves, and of 16 generated minutes of four channels, whose fetus is 4 to 20
times smaller than the mother. *Any rate*: beats by `find_beats` without `rates`."""


def noisy_minutes(folder):
    """Return minutes of ADFECGDB with noise."""
    recorded = [r for r in load_fetal(folder) if r.database == "ADFECGDB"]
    return [
        with_noise(minute(recording, start), level, [SEED, k, start])
        for k, recording in enumerate(recorded)
        for start, level in MINUTES.items()
    ]


def minute(recording, start):
    """Return the minute of a recording that begins at a second."""
    first, stop = (round(t * recording.sfreq) for t in (start, start + 60))
    events = recording.events - start
    events = events[(events >= 0) & (events < 60)]
    name = f"{recording.name}, {start} s"
    data = recording.data[:, first:stop]
    return replace(recording, name=name, data=data, events=events)


def with_noise(recording, level, seed):
    """Return a recording with noise whose level varies as that of muscles does.

    ``level`` is relative to what template subtraction leaves of each channel.
    """
    rng, sfreq = np.random.default_rng(seed), recording.sfreq
    left = template_subtraction([], recording)
    # filters begin and end before and after the recording, where white noise is no edge
    edge = 4 * sfreq
    n_channels, n_times = left.shape
    white = rng.normal(size=(2, n_channels, n_times + 2 * edge))
    band = butter(2, (8, 100), "bandpass", fs=sfreq, output="sos")
    slow = butter(2, 0.5, fs=sfreq, output="sos")
    noise = sosfiltfilt(band, white[0])[:, edge:-edge]
    swings = sosfiltfilt(slow, white[1])[:, edge:-edge]
    noise *= np.exp(1.2 * swings / swings.std(axis=1, keepdims=True))
    noise /= noise.std(axis=1, keepdims=True)
    usual = np.median(np.abs(left), axis=1, keepdims=True) / 0.67
    data = recording.data + level * usual * noise
    return replace(recording, data=data)


def generated_minutes(folder):
    """Return generated minutes of four channels."""
    ecg = make_ecg_mixtures(**GENERATED)
    return [
        Recording("generated", f"{k}", k, x, ecg.sfreq, beats, folder)
        for k, (x, beats) in enumerate(zip(ecg.data, ecg.fetal_beats, strict=True))
    ]


def mean_f1(recordings, method, find):
    """Return the mean F1 of the estimates that are chosen without annotations."""
    scores = []
    for recording in recordings:
        estimates = FETAL[method]([], recording)
        found = [find(x, recording.sfreq) for x in estimates]
        pairs = zip(estimates, found, strict=True)
        chosen = np.argmax([share_clear(x, b, recording.sfreq) for x, b in pairs])
        beats = found[chosen]
        scores.append(detection_f1(recording.events, beats, tolerance=TOLERANCE))
    return float(np.mean(scores))


def measured(folder):
    """Return rows of the table."""
    sets = {
        "ADFECGDB, noise added": noisy_minutes(folder),
        "generated": generated_minutes(folder),
    }
    return [
        {"method": FETAL[method].title, "`rates`": rates}
        | {name: f"{mean_f1(of, method, find):.3f}" for name, of in sets.items()}
        for method in METHODS
        for rates, find in FINDERS.items()
    ]


def sections():
    """Yield the section of the page of fetal beats, if the table was measured."""
    if RESULT.exists():
        yield "## Where rules were decided"
        yield ABOUT
        yield table(json.loads(RESULT.read_text())["rows"])


def main(arguments=None):
    """Measure, and write the table."""
    torch.set_num_threads(1)
    commit()  # kept: that of the code as it is imported, whatever changes meanwhile
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recordings.difficult")
    parser.add_argument("--data", type=Path, help="folder of recordings")
    rows = measured(parser.parse_args(arguments).data)
    settings = {"minutes": MINUTES, "generated": GENERATED, "seed": SEED}
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"rows": rows, "settings": settings} | made_by(), indent=1)
    RESULT.write_text(text + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
