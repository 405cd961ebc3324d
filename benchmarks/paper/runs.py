"""One run: an estimator on the rows of a seed, measured, kept as a file."""

import hashlib
import json
import os
import shutil
import time
import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from ..report import machine, measure, references
from ..results import LIBRARIES
from . import data, estimators, settings
from .measures import errors_of
from .watch import TestErrors, curves_of

CHECKPOINT_EVERY = 5  # epochs
FORMAT = 1  # of a record; records of another are made anew


@dataclass(frozen=True)
class Task:
    """What a run is; another value anywhere is another run."""

    experiment: str
    setting: str
    estimator: str
    seed: int
    form: str = "full"
    measured_on: str = "test"

    def identity(self):
        """All that the result depends on, but for the machine."""
        stft = settings.REFERENCE_STFT[self.experiment]
        return asdict(self) | {
            "format": FORMAT,
            "rows": self.rows(),
            "reference_stft": stft,
            "parameters": self.parameters(),
        }

    def rows(self):
        """How many rows there are, and how they are made."""
        return settings.rows_of(self.form, self.setting, self.experiment)

    def entries(self):
        """The whole setting."""
        return settings.setting_of(self.form, self.setting, self.experiment)

    def parameters(self):
        """The setting's entries that this estimator has, or that are about its run."""
        entries = self.entries()
        estimators.check(entries)
        if self.estimator in estimators.REFERENCES:
            return {}
        known = {*estimators.parameters_of(self.estimator), *estimators.ABOUT_RUN}
        entries = entries | entries.get(self.estimator, {})
        return {k: v for k, v in entries.items() if k in known}

    @property
    def stem(self):
        """Where its files lie, and what they are called."""
        name = self.estimator.replace(" ", "-")
        text = json.dumps(self.identity(), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return f"{self.experiment}/{self.setting}/seed{self.seed}-{name}-{digest}"

    def path(self, folder):
        """The file of the finished run."""
        return Path(folder) / "results" / f"{self.stem}.json"


def finished(task, folder):
    """The record of a run, or None."""
    path = task.path(folder)
    return json.loads(path.read_text()) if path.exists() else None


def do(task, folder, recordings=None, device="auto"):
    """Make a run and keep its record; a finished one is not made again."""
    path = task.path(folder)
    if path.exists():
        return
    experiment = data.make(task.experiment, task.rows(), task.seed, recordings)
    if task.estimator in estimators.REFERENCES:
        found = refer(task, experiment)
    else:
        found = train(task, experiment, checkpoint_of(task, folder, device), device)
    names = {"component_names": list(experiment.bunch.component_names)}
    write(path, {"run": task.identity(), **names, **found, **circumstances()})
    clear(checkpoint_of(task, folder, device))


def checkpoint_of(task, folder, device):
    """Where a training is kept while it lasts; a device does not go on from another."""
    return Path(folder) / "checkpoints" / f"{task.stem.replace('/', '-')}-{device}"


def clear(checkpoint):
    """Remove the checkpoint of a finished run, and the last one's folder."""
    shutil.rmtree(checkpoint, ignore_errors=True)
    with suppress(OSError):  # others are in training
        checkpoint.parent.rmdir()


def circumstances():
    """Where and with what a run was made."""
    return {
        "machine": machine(),
        "n_threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in LIBRARIES},
    }


def write(path, record):
    """The record as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    beside.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(beside, path)


def refer(task, experiment):
    """Measures of an estimate that needs no training."""
    X, y = experiment.rows(task.measured_on)
    stft = settings.REFERENCE_STFT[task.experiment]
    estimate = references(y, X, stft)[task.estimator]
    return {"seconds": 0.0, "measured": measured(y, estimate, X, stft)}


def measured(y, estimate, X, stft):
    """All measures of estimates, means over rows."""
    return measure(y, estimate, X) | {"shared_phase": errors_of(y, estimate, X, stft)}


def train(task, experiment, checkpoint, device):
    """Fit on the training rows, measure on the others."""
    parameters = task.parameters()
    stft = settings.REFERENCE_STFT[task.experiment]
    X, y = experiment.rows(task.measured_on)
    separator = estimators.make(
        task.estimator,
        task.entries(),
        checkpoint=checkpoint,
        checkpoint_every=CHECKPOINT_EVERY,
        device=device,
        random_state=task.seed,
    )
    if "callbacks" in separator.get_params(deep=False):
        shown = slice(parameters.get("n_watched"))
        every = parameters.get("watch_every", 1)
        watch = TestErrors(separator, X[shown], y[shown], stft, every)
        separator.set_params(callbacks=[watch])
    n_rows = parameters.get("n_train_rows")
    training = experiment.training_rows(task.measured_on, n_rows, task.seed)
    seconds, told = fit(separator, *training)
    estimate = separator.transform(X)
    found = {
        "n_rows": len(training[0]),
        "warnings": told,
        "measured": measured(y, estimate, X, stft),
    }
    return found | learned(separator, seconds) | answers(separator, estimate, y, X)


def fit(separator, X, y):
    """Seconds of a fit, and the warnings that it gave."""
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        separator.fit(X, y)
    told = sorted({str(warning.message) for warning in caught})
    return time.perf_counter() - start, told


def learned(separator, seconds):
    """Time of the training, parts that were cut off included, and its curves."""
    if not hasattr(separator, "history_"):
        return {"seconds": seconds}
    durations = [row["dur"] for row in separator.history_]
    device = str(separator.net_.device)
    return {
        "seconds": float(np.sum(durations)),
        "device": device,
        "curves": curves_of(separator.history_),
    }


def answers(separator, estimate, y, X):
    """What discriminators say of the others' estimates and of their true component."""
    if not hasattr(separator, "discriminate"):
        return {}
    said = separator.discriminate(estimate, X)
    if said.ndim < 3:  # one discriminator for all components has no others
        return {}
    n, true = said.shape[1], separator.discriminate(y, X)
    found = {
        f"estimates{i}{j}": said[:, i, j] for i in range(n) for j in range(n) if i != j
    }
    found |= {f"true{i}": true[:, i, i] for i in range(n)}
    return {"answers": {key: values.round(4).tolist() for key, values in found.items()}}
