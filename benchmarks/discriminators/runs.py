"""Runs: a separator with a kind of discriminators on a problem; their records."""

import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from .. import experiments
from ..paper import settings, tasks
from ..paper.conditions import BASE
from ..peers.records import Records
from ..report import measure, provenance, references

FOLDER = Path(__file__).parent / "results"
NONE = "none"  # autoencoders alone
KINDS = {
    "plain": {},
    "conditional": {"network__discriminator_conditional": True},
    "local": {"network__discriminator_local": True},
    "conditional local": {
        "network__discriminator_conditional": True,
        "network__discriminator_local": True,
    },
    "waveform": {"network__discriminator_waveform": True},
}
N_ROWS = {"n_train": 320, "n_validation": 160, "n_test": 160}
ECG_ROWS = N_ROWS | {"generator": {"windows_per_trace": 32}}
GENERATED = BASE | {"max_epochs": 4}
FEW = {"n_train_rows": 40, "max_epochs": 32}  # as many steps


@dataclass(frozen=True)
class Problem:
    """Rows of an experiment, and what all separators have in common on them."""

    title: str
    experiment: str
    rows: dict
    entries: dict


PROBLEMS = {
    "ecg": Problem("Generated ECG", "ecg", ECG_ROWS, GENERATED),
    "ppg": Problem(
        "Generated PPG",
        "ppg",
        N_ROWS,
        GENERATED | {"network__output": "affine", "n_train_rows": 160},
    ),
    "bach10-unseen": Problem(
        "Bach10, two pieces trained on and one tested on",
        "bach10-unseen",
        settings.QUICK_ROWS["bach10-unseen"],
        settings.BEST_UNSEEN | {"network__width": 64, "n_train_rows": 64},
    ),
    "ecg-few": Problem(
        "Generated ECG, 40 rows to learn from", "ecg", ECG_ROWS, GENERATED | FEW
    ),
}
# chosen on the validation rows of one seed, which is none of those compared
CHOICE_SEED = 100
CHOICES = {
    f"discriminator_lr {rate:g}, beta {beta:g}": {
        "discriminator_lr": rate,
        "alpha": 1 - beta,
        "beta": beta,
    }
    for rate in (2e-3, 6e-3)
    for beta in (0.1, 0.3)
}


@dataclass(frozen=True)
class Task:
    """A separator with discriminators of a kind; ``choice`` names rates and weights."""

    problem: str
    separator: str
    kind: str
    choice: str
    seed: int
    measured_on: str = "test"

    @property
    def name(self):
        """The name of its file."""
        parts = (self.problem, self.separator, self.kind, self.choice, self.measured_on)
        words = "-".join(parts).replace(",", "").replace(" ", "_")
        return f"{words}-seed{self.seed}"

    @property
    def entries(self):
        """The setting of its separator."""
        found = PROBLEMS[self.problem].entries
        if self.separator == tasks.PLAIN:
            return found
        return found | KINDS[self.kind] | CHOICES[self.choice]


def records_in(folder=FOLDER):
    """Return the records in a folder."""
    return Records(folder, Task)


def baseline(problem, seed, measured_on="test"):
    """Return the task of autoencoders alone."""
    return Task(problem, tasks.PLAIN, NONE, NONE, seed, measured_on)


def identity(task):
    """Return all that a record depends on, but for machine and code."""
    separator = tasks.make(task.separator, task.entries)
    values = {
        name: type(value).__name__ if hasattr(value, "get_params") else value
        for name, value in separator.get_params().items()
        if name not in tasks.LEFT_OUT
    }
    about = asdict(task) | {"n_train_rows": task.entries.get("n_train_rows")}
    return about | {"rows": PROBLEMS[task.problem].rows, "parameters": values}


def make(task, records, data):
    """Make a run and write its record, unless there is one; tell if it was made."""
    wanted = identity(task)
    if records.find(task, wanted):
        return False
    problem = PROBLEMS[task.problem]
    experiment = experiments.make(problem.experiment, problem.rows, task.seed, data)
    X, y = experiment.rows(task.measured_on)
    separator, seconds = fitted(task, experiment)
    estimates = separator.transform(X)
    stft = experiments.EXPERIMENTS[problem.experiment].stft
    bounds = references(y, X, stft)
    record = {
        "identity": wanted,
        "component_names": list(experiment.bunch.component_names),
        "measured": measure(y, estimates, X),
        "bounds": {name: measure(y, bound, X) for name, bound in bounds.items()},
        "outputs": mean_outputs(separator, estimates, X, y),
        "seconds": seconds,
        **provenance(),
    }
    records.write(task, record)
    return True


def fitted(task, experiment):
    """Return the fitted separator, and the CPU seconds of its training."""
    entries, seed = task.entries, task.seed
    own = {"random_state": seed, "device": "cpu"}
    separator = tasks.make(task.separator, entries, **own)
    n_rows = entries.get("n_train_rows")
    training = experiment.training_rows(task.measured_on, n_rows, seed)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of short trainings
        separator.fit(*training)
    return separator, time.process_time() - start


def mean_outputs(separator, estimates, X, y):
    """Return means of D_i on estimates of each component, and on its true ones."""
    if not hasattr(separator, "discriminate"):
        return None
    found = separator.discriminate(estimates, X).mean(axis=0)
    true = separator.discriminate(y, X).mean(axis=0)
    return {"estimates": found.tolist(), "true": np.diagonal(true).tolist()}
