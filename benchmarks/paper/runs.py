"""Make a run: fit an estimator, measure it, write its record."""

import copy
import shutil
import time
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
from skorch.callbacks import Callback

from sklearn_cass import Checkpoint
from sklearn_cass.metrics import relative_error, share_phase

from .. import experiments, report
from . import tasks
from .records import write_run

CHECKPOINT_EVERY = 5  # epochs
N_BINS = 20  # of the histograms of discriminators' outputs
MEASURES = ("waveform", "shared_phase")


def do(task, folder, page, recordings=None, device="auto", more=None):
    """Make a run and write its record; if interrupted, call it again to resume.

    ``more`` takes the experiment and the estimate, returns more entries of the record.
    """
    start = time.perf_counter()
    checkpoint = Path(folder) / "work" / "checkpoints" / f"{task.digest}-{device}"
    experiment = experiments.make(task.experiment, task.rows, task.seed, recordings)
    X, y = experiment.rows(task.measured_on)
    stft = experiments.EXPERIMENTS[task.experiment].stft
    if task.estimator in tasks.SEPARATORS:
        estimate, found = train(task, experiment, stft, checkpoint, device)
    else:
        found = {"seconds": 0.0}
        estimate = report.references(y, X, stft)[task.estimator]
    shared = report.shared_phase_errors(y, estimate, X, stft)
    record = {
        "task": task.identity,
        "setting": task.setting,
        "component_names": list(experiment.bunch.component_names),
        **found,
        "measured": report.measure(y, estimate, X) | {"shared_phase": shared},
        **(more(experiment, estimate) if more else {}),
        **report.provenance(),
    }
    write_run(record, folder, page)
    shutil.rmtree(checkpoint, ignore_errors=True)
    with suppress(OSError):  # others are in training
        checkpoint.parent.rmdir()
    name = f"{task.experiment}/{task.setting}/{task.estimator}, seed {task.seed}"
    print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


def train(task, experiment, stft, checkpoint, device):
    """Fit on the training rows; return estimates of the others, and what was seen."""
    entries, seed = task.entries, task.seed
    X, y = experiment.rows(task.measured_on)
    checkpoint = Checkpoint(checkpoint, every=CHECKPOINT_EVERY)
    own = {"checkpoint": checkpoint, "device": device, "random_state": seed}
    separator = tasks.make(task.estimator, entries, **own)
    if "callbacks" in separator.get_params(deep=False):
        shown, every = slice(entries.get("n_watched")), entries.get("watch_every", 1)
        watch = TestErrors(separator, X[shown], y[shown], stft, every)
        separator.set_params(callbacks=[watch])
    n_rows = entries.get("n_train_rows")
    training = experiment.training_rows(task.measured_on, n_rows, seed)
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        separator.fit(*training)
    found = {
        "n_rows": len(training[0]),
        "warnings": sorted({str(warning.message) for warning in caught}),
        "seconds": time.perf_counter() - start,
    }
    if hasattr(separator, "history_"):  # which counts the time before an interrupt, too
        history = separator.history_
        looks = [row for row in history if MEASURES[0] in row]
        found |= {
            "seconds": float(np.sum(history[:, "dur"])),
            "device": str(separator.net_.device),
            "curves": {k: [row[k] for row in looks] for k in ("epoch", *MEASURES)},
        }
    estimate = separator.transform(X)
    return estimate, found | discriminator_outputs(separator, estimate, y, X)


class TestErrors(Callback):
    """Write errors on test rows into the history, every so many epochs and at the end.

    Nothing in the training reads them.
    """

    __test__ = False  # no test of pytest's

    def __init__(self, separator, X, y, stft, every=1):
        self.separator, self.X, self.y = separator, X, y
        self.stft, self.every = stft, every

    def on_epoch_end(self, net, **kwargs):
        n_epochs = len(net.history)
        if n_epochs % self.every and n_epochs != net.max_epochs:
            return
        shown = copy.copy(self.separator)
        shown.net_ = net
        pair = self.y, shown.transform(self.X)
        shared = [share_phase(components, self.X, **self.stft) for components in pair]
        for name, (y, estimate) in zip(MEASURES, (pair, shared), strict=True):
            errors = np.nanmean(relative_error(y, estimate), axis=0)
            net.history.record(name, errors.tolist())


def discriminator_outputs(separator, estimate, y, X):
    """Return outputs on the others' estimates and on their own true components."""
    if not hasattr(separator, "discriminate"):
        return {}
    outputs = separator.discriminate(estimate, X)
    if outputs.ndim < 3:  # one discriminator for all components has no others
        return {}
    seen = report.by_discriminator(outputs, separator.discriminate(y, X))
    return {
        "outputs": {
            f"true{i}" if i == j else f"estimates{i}{j}": summarized(values)
            for (i, j), values in seen.items()
        }
    }


def summarized(outputs):
    """Return the share rejected, the mean, and a histogram from 0 to 1."""
    return {
        "rejected": report.share_rejected(outputs),
        "mean": float(np.mean(outputs)),
        "histogram": np.histogram(outputs, N_BINS, (0, 1))[0].tolist(),
    }
