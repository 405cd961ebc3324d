"""One training in a process of its own, with faults at given epochs.

What it learned and the warnings it gave are written to a JSON file, if it ends.
"""

import json
import os
import shutil
import signal
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np
import torch
import torch._dynamo  # otherwise the first optimizer does, for seconds
from cases import SEPARATORS, make_mixtures
from sklearn.model_selection import GridSearchCV
from trainings import At, learned

from sklearn_cass import ResNet9
from sklearn_cass.persistence.identity import identity_of, subfolder_of

N_EPOCHS = 12
# The weights of the last epoch are not the best: early stopping restores others.
SETTINGS = {
    "network": ResNet9(n_filters=8, n_latent=16),
    "batch_size": 8,
    "max_epochs": N_EPOCHS,
    "lr": 0.3,
    "discriminator_lr": 0.003,
    "lr_schedule": "constant",
    "remix": 0.5,
    "validation_fraction": 0.25,
    "early_stopping": True,
    "random_state": 1,
    "device": "cpu",
}
# five trainings, which take about as long as the one above
GRID, SEARCHED = {"lr": [0.003, 0.3]}, {"max_epochs": 4}
NOBODY, INTERRUPTED = 65534, 130


def limit_files(folder):
    """Limit the size of files to a few bytes: the system raises an error."""
    import resource  # POSIX alone

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))


def drop_privileges():
    """Drop the superuser's rights, with which no folder is read-only."""
    if not os.getuid():
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def make_read_only(folder):
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555)
    drop_privileges()


FAULTS = {
    "limit": limit_files,
    "remove": lambda folder: shutil.rmtree(folder),
    "read-only": make_read_only,
    "kill": lambda folder: os.kill(os.getpid(), signal.SIGKILL),
}


def make(other=None):
    """Return a separator that is not fitted, and its data.

    Parameters
    ----------
    other : {"X", "lr", "class"} or None
        What differs from all other trainings.
    """
    X, y = make_mixtures(32, n_times=128)
    *_, parent, cls = SEPARATORS
    if other == "X":
        X = X + 1e-9
    settings = SETTINGS | {"lr": 0.02} if other == "lr" else SETTINGS
    return (parent if other == "class" else cls)(**settings), X, y


def subfolder():
    """Return the name of the training's sub-folder."""
    return subfolder_of(identity_of(*make()), N_EPOCHS)


def train(
    folder=None,
    out=None,
    faults=(),
    other=None,
    drop=False,
    search=False,
    again=False,
    ready=None,
):
    """Fit a separator.

    Parameters
    ----------
    folder : str or None
        Folder of the checkpoints.
    out : str or None
        File to write to.
    faults : list of (int, str)
        Epochs, and the fault at their beginning.
    other : {"X", "lr", "class"} or None
        What differs from all other trainings.
    drop : bool
        Whether to begin without the superuser's rights.
    search : bool
        Whether to fit a grid search instead.
    again : bool
        Whether to fit again in this process after an interrupt.
    ready : multiprocessing.Event
        Set when the training is about to begin.
    """
    separator, X, y = make(other)
    path = folder and Path(folder)
    actions = [
        At("begin", epoch, lambda fault=fault: FAULTS[fault](path))
        for epoch, fault in faults
    ]
    separator.set_params(checkpoint=path, callbacks=actions)
    model = separator
    if search:
        model = GridSearchCV(separator.set_params(**SEARCHED), GRID, cv=2)
    if drop:
        drop_privileges()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        interrupted = fit(model, X, y, ready)
        if interrupted and again:
            model.fit(X, y)
    if "limit" in [fault for _, fault in faults]:
        lift_limit()
    report = {"interrupted": interrupted}
    if again or not interrupted:
        report |= describe(model, X, caught)
    Path(out).write_text(json.dumps(report))
    sys.exit(INTERRUPTED if interrupted else 0)


def fit(model, X, y, ready):
    """Fit, and return whether that raised KeyboardInterrupt and left nothing fitted."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    is_at_its_end = False
    try:
        ready.set()
        model.fit(X, y)
        is_at_its_end = True
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    left = [name for name in vars(model) if name.endswith("_")]
    if not is_at_its_end and left and not isinstance(model, GridSearchCV):
        raise AssertionError(f"{left} are left of a fit that was interrupted")
    return not is_at_its_end


def describe(model, X, caught):
    """Return what a model learned, and the warnings."""
    separator, found = model, {}
    if isinstance(model, GridSearchCV):
        separator = model.best_estimator_
        found["scores"] = [model.cv_results_[f"split{k}_test_score"] for k in range(2)]
        found["scores"] = np.array(found["scores"]).tolist()
    found |= learned(separator, X)
    messages = [str(w.message) for w in caught if w.category is UserWarning]
    best = min(separator.history_[:, "valid_error"])
    best_epoch = separator.history_[:, "valid_error"].index(best) + 1
    return {"learned": found, "warnings": messages, "best_epoch": best_epoch}


def lift_limit():
    """Lift the limit, to write files after the training."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def run(ready, said, options):
    """Train in a new process; write an error to a file.

    Parameters
    ----------
    ready : multiprocessing.Event
        Set when the training is about to begin.
    said : str
        File to write an error to.
    options : dict
        As for :func:`train`.
    """
    torch.set_num_threads(1)
    try:
        train(**options, ready=ready)
    except Exception:
        Path(said).write_text(traceback.format_exc())
        sys.exit(1)
