"""Runs: a method that learned from rows of one seed, or for one recording; records."""

import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

from sklearn_cass.training import losses

from ..peers.records import Records
from ..recordings.recording import load_fetal, training_set
from ..recordings.runs import made_by
from . import rows
from .channels import separated
from .methods import METHODS, NETWORK, TRAINING

FOLDER = Path(__file__).parent / "results"
TESTED = "Challenge 2013"
N_COMPONENTS = 3
VALIDATION_SEED = 100  # of generated rows by which settings are chosen
# tried on these rows; those of `methods.METHODS` are the best
CANDIDATES = {
    "labels": [{}],
    "ae": [{"sum_weight": 1.0}, {"sum_weight": 0.1}],
    "cross": [{"beta": 0.1}, {"beta": 0.3}],
}


@dataclass(frozen=True)
class Task:
    """A method on generated rows, or on a recording; ``changes`` to its settings."""

    experiment: str
    method: str
    subject: str = "rows"
    changes: str = ""
    seed: int = 0

    @property
    def name(self):
        """The name of its file."""
        parts = (self.experiment, self.method, self.subject, self.changes)
        return "-".join(filter(None, parts)) + f"-seed{self.seed}"


def records_in(folder=FOLDER):
    """Return the records in a folder."""
    return Records(folder, Task)


def described(changes):
    """Return changes of settings in a word."""
    return "-".join(f"{name}{value:g}" for name, value in changes.items())


def choices():
    """Return the runs by which settings are chosen, and their settings."""
    return [
        (Task("choice", name, "rows", described(changes), VALIDATION_SEED), changes)
        for name, candidates in CANDIDATES.items()
        for changes in candidates
    ]


def settings_of(task, changes):
    """Return all that a run depends on, but for machine and code."""
    training = TRAINING["recorded" if task.experiment == "recorded" else "generated"]
    data = rows.RECORDED if task.experiment == "recorded" else rows.GENERATED
    return {
        "network": repr(NETWORK["network"]),
        "training": {
            "sum_weight": losses.SUM_WEIGHT,
            **training,
            **METHODS[task.method].changes,
            **changes,
        },
        "rows": data,
    }


def make(task, records, make_measures, changes=None):
    """Make a run and write its record, unless there is one; tell if it was made."""
    settings = settings_of(task, changes or {})
    identity = asdict(task) | {"settings": settings}
    if records.find(task, identity):
        return False
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        measured = make_measures(task, settings["training"])
    seconds = time.process_time() - start
    records.write(
        task,
        {
            "identity": identity,
            "measured": measured,
            "seconds": seconds,
            **made_by(),
        },
    )
    return True


def on_generated(task, training):
    """Return what is measured on generated rows."""
    known, tested = rows.generated(task.seed)
    separator = fitted(task, training, known)

    def transform(X):
        return separator.transform(X)[:, :N_COMPONENTS]

    return rows.measure_generated(tested, transform)


def fitted(task, training, known):
    """Return a separator that learned from rows with the settings of a run."""
    parameters = dict(training)
    kept, given = losses.SUM_WEIGHT, parameters.pop("sum_weight")
    losses.SUM_WEIGHT = given
    try:
        return METHODS[task.method].fit(known, parameters, task.seed)
    finally:
        losses.SUM_WEIGHT = kept


def on_recording(task, training, recordings):
    """Return what is measured on the recording that the task names."""
    (tested,) = [r for r in recordings if r.name == task.subject]
    others = training_set(recordings, tested)
    known = rows.recorded(others, tested.without_events(), task.seed)
    separator = fitted(task, training, known)
    return rows.measure_recorded(tested, lambda r: separated(r, separator))


def recordings_in(folder):
    """Return all recordings; some are learned from alone."""
    return load_fetal(folder)


def tested_of(recordings):
    """Return the recordings to test on: none of those with known components."""
    return [r for r in recordings if r.database == TESTED]
