"""The two problems: their recordings, methods and measures."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, sosfiltfilt

from sklearn_cass.metrics import (
    detection_f1,
    detection_precision,
    detection_recall,
    find_beats,
    find_breaths,
    rate_error,
)

from . import methods
from .classical import WINDOW
from .recording import load_fetal, load_respiration

TOLERANCE = 0.05  # seconds
FETAL_RATES = (100, 200)  # beats a minute
# a beat is clear if energy in the band, over the seconds of a QRS complex, is so many
# times what it is on average in the seconds nearby
CLEAR = {"band": (10, 45), "qrs": 0.03, "nearby": 2.0, "times": 1.5}


@dataclass(frozen=True)
class Problem:
    """A problem; ``measure`` takes a recording with events, and estimates.

    ``error`` takes what was measured; ``pictured`` is the method whose worst recordings
    are drawn.
    """

    name: str
    load: Callable
    methods: dict
    measure: Callable
    error: Callable
    pictured: str
    rule: dict  # what measures depend on


def find_fetal_beats(x, sfreq):
    """Return the beats of a fetus in an estimate, with one rule for all methods."""
    return find_beats(x, sfreq, rates=FETAL_RATES)


def measure_fetal(recording, estimates):
    """Return scores of all estimates, and the number of the one that is chosen."""
    found = [find_fetal_beats(x, recording.sfreq) for x in estimates]
    scores = {
        "F1": detection_f1,
        "precision": detection_precision,
        "recall": detection_recall,
    }
    measured = {
        name: [float(score(recording.events, b, tolerance=TOLERANCE)) for b in found]
        for name, score in scores.items()
    }
    pairs = zip(estimates, found, strict=True)
    clear = [share_clear(x, beats, recording.sfreq) for x, beats in pairs]
    return measured | {"clear": clear, "chosen": int(np.argmax(clear))}


def share_clear(x, beats, sfreq):
    """Return the share of beats whose QRS complexes are higher than what is nearby.

    No annotation is used. Beats that are not those of the estimate's heart, which the
    finder puts where a regular heart would have them, are not clear.
    """
    if not len(beats):
        return 0.0
    sos = butter(4, CLEAR["band"], "bandpass", fs=sfreq, output="sos")
    energy = uniform_filter1d(sosfiltfilt(sos, x) ** 2, round(CLEAR["qrs"] * sfreq))
    height = np.sqrt(np.maximum(energy, 0))
    level = uniform_filter1d(height, round(CLEAR["nearby"] * sfreq))
    places = np.round(beats * sfreq).astype(int)
    return float(np.mean(height[places] > CLEAR["times"] * level[places]))


def measure_respiration(recording, estimates):
    """Return the error of the rate of the only estimate."""
    (x,) = estimates
    breaths = find_breaths(x, recording.sfreq)
    error = rate_error(
        recording.events, breaths, duration=recording.duration, window=WINDOW
    )
    return {"error": error, "n_breaths": len(breaths)}


def fetal_error(measured):
    """Return 1 less the F1 score of the chosen estimate."""
    return 1 - measured["F1"][measured["chosen"]]


def respiration_error(measured):
    """Return the error in breaths a minute."""
    return measured["error"]


PROBLEMS = {
    "fetal": Problem(
        "fetal",
        load_fetal,
        methods.FETAL,
        measure_fetal,
        fetal_error,
        "weighted",
        {"tolerance": TOLERANCE, "rates": FETAL_RATES, "clear": CLEAR},
    ),
    "respiration": Problem(
        "respiration",
        load_respiration,
        methods.RESPIRATION,
        measure_respiration,
        respiration_error,
        "cross",
        {"window": WINDOW},
    ),
}
