"""The two problems: their recordings, methods and measures."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sklearn_cass.metrics import (
    detection_f1,
    detection_precision,
    detection_recall,
    find_beats,
    find_breaths,
    rate_error,
)

from . import methods
from .classical import WINDOW, irregularity
from .recording import load_fetal, load_respiration

TOLERANCE = 0.05  # seconds
FETAL_RATES = (100, 200)  # beats a minute


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


def measure_fetal(recording, estimates):
    """Return scores of all estimates, and the number of the one that is chosen."""
    found = [find_beats(x, recording.sfreq) for x in estimates]
    scores = {
        "F1": detection_f1,
        "precision": detection_precision,
        "recall": detection_recall,
    }
    measured = {
        name: [float(score(recording.events, b, tolerance=TOLERANCE)) for b in found]
        for name, score in scores.items()
    }
    return measured | {"chosen": most_regular(found)}


def most_regular(found):
    """Return which beats are the most regular ones at a fetal rate.

    No annotation is used. If none has a fetal rate, all are compared.
    """
    low, high = FETAL_RATES
    fetal = [k for k, beats in enumerate(found) if low < rate(beats) < high]
    return min(fetal or range(len(found)), key=lambda k: irregularity(found[k]))


def rate(beats):
    """Return the median number of beats a minute, 0 if there are fewer than two."""
    return 60 / np.median(np.diff(beats)) if len(beats) > 1 else 0


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
        "template-ica",
        {"tolerance": TOLERANCE, "rates": FETAL_RATES},
    ),
    "respiration": Problem(
        "respiration",
        load_respiration,
        methods.RESPIRATION,
        measure_respiration,
        respiration_error,
        "band-pass",
        {"window": WINDOW},
    ),
}
