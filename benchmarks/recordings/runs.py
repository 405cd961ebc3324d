"""Runs: a method on a recording that it did not learn from; their records."""

import time
import warnings
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from sklearn.exceptions import ConvergenceWarning

from ..peers.records import Records
from ..report import provenance
from .problems import PROBLEMS
from .recording import training_set

FINDER = "neurokit2"  # of beats and breaths
FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Task:
    """A method, by name, on one recording."""

    problem: str
    method: str
    database: str
    recording: str
    seed: int = 0

    @property
    def name(self):
        """The name of its file."""
        database = self.database.replace(" ", "").lower()
        parts = (self.problem, self.method, database, self.recording)
        return "-".join(parts) + f"-seed{self.seed}"


def records_in(folder=FOLDER):
    """Return the records in a folder."""
    return Records(folder, Task)


def identity(task, training):
    """Return all that a record depends on, but for machine and code."""
    problem = PROBLEMS[task.problem]
    method = problem.methods[task.method]
    depends = method.is_learned or method.is_chosen
    learns_from = [r.name for r in training] if depends else []
    return asdict(task) | {
        "settings": method.settings,
        "rule": problem.rule,
        "training": learns_from,
    }


def tasks_of(problem, names, recordings, seeds):
    """Return the runs of methods, those with the same training set in a row."""
    return [
        Task(problem.name, name, recording.database, recording.name, seed)
        for name in names
        for seed in (seeds if problem.methods[name].is_learned else [0])
        for recording in recordings
    ]


def made_by():
    """Return where and with what numbers are made."""
    found = provenance()
    return found | {"versions": found["versions"] | {FINDER: version(FINDER)}}


def make(task, recordings, records):
    """Make a run and write its record, unless there is one; tell if it was made."""
    (tested,) = [
        r for r in recordings if (r.database, r.name) == (task.database, task.recording)
    ]
    training = training_set(recordings, tested)
    wanted = identity(task, training)
    if records.find(task, wanted):
        return False
    problem, start = PROBLEMS[task.problem], time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # one for each window
        estimates = problem.methods[task.method](training, tested, task.seed)
    seconds = time.perf_counter() - start
    measured = problem.measure(tested, estimates)
    records.write(
        task,
        {
            "identity": wanted,
            "of_channels": problem.methods[task.method].of_channels,
            "measured": measured,
            "seconds": seconds,
            **made_by(),
        },
    )
    return True
