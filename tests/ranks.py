"""Trainings in several processes, by name: run by torchrun, or in one process."""

import os
import pickle
import signal
import sys
import warnings
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import torch
from cases import FAST, make_mixtures, states
from skorch.callbacks import Checkpoint as SkorchCheckpoint
from skorch.callbacks import GradientNormClipping
from torch import distributed
from trainings import At

from sklearn_cass import AESeparator, BiLSTM, CASSSeparator, ResNet9
from sklearn_cass.data import dataset as datasets

# steps in proportion to gradients: Adam's have the length of the learning rate also
# where a gradient is nothing but rounding, as that of a bias before a normalization
PLAIN = FAST | {"max_epochs": 2, "lr": 1e-3, "optimizer": torch.optim.SGD}
MATRICES = FAST | {"max_epochs": 2, "network": BiLSTM(width=8, n_layers=1)}
N_ROWS, N_FIRST = 22, 9  # in all, and of the first process where they are its own


def rank():
    """Return the number of this process."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def rows(n_samples=N_ROWS):
    return make_mixtures(n_samples)


def own_rows():
    """Return the rows of this process alone."""
    X, y = rows()
    if not distributed.is_initialized():
        return X, y
    own = slice(N_FIRST) if rank() == 0 else slice(N_FIRST, None)
    return X[own], y[own]


def result(separator):
    """Return weights, history, and estimates of the same mixtures."""
    return {
        "weights": [
            value.numpy() for state in states(separator) for value in state.values()
        ],
        "history": [
            {k: v for k, v in row.items() if k not in ("dur", "batches")}
            for row in separator.history_.to_list()
        ],
        "estimates": separator.transform(rows()[0]),
    }


def plain(folder):
    clipping = GradientNormClipping(0.5)
    settings = PLAIN | {"validation_fraction": 0.2, "callbacks": [clipping]}
    return result(CASSSeparator(**settings).fit(*rows()))


def early(folder):
    settings = PLAIN | {"early_stopping": True}
    return result(CASSSeparator(**settings).fit(*rows()))


def recurrent(folder):
    settings = MATRICES | {"optimizer": torch.optim.SGD}
    return result(AESeparator(**settings).fit(*rows()))


def conditional(folder):
    """Have discriminators take mixtures, and return a logit for each patch."""
    kind = {"discriminator_conditional": True, "discriminator_local": True}
    settings = PLAIN | {"network": ResNet9(2, 4, **kind)}
    return result(CASSSeparator(**settings).fit(*rows()))


def muon(folder):
    return result(CASSSeparator(**FAST).fit(*rows()))


def remainder(folder):
    """Have a last batch of three rows, which two processes do not divide."""
    return result(CASSSeparator(**PLAIN).fit(*rows(19)))


def own(folder):
    settings = PLAIN | {"validation_fraction": 0.2}
    return result(CASSSeparator(**settings).fit(*own_rows()))


def partly_known(folder):
    """Have rows without components, more of them in one process than in the other."""
    X, y = rows()
    y[2:7] = y[11:13, 0] = y[15, 1] = np.nan
    settings = PLAIN | {"validation_fraction": 0.2}
    return result(CASSSeparator(**settings).fit(X, y))


def partly_known_of_own(folder):
    """Have all of them in one process."""
    X, y = own_rows()
    first = min(N_FIRST, len(X)) if rank() == 0 else 0
    y[3:first] = np.nan
    return result(CASSSeparator(**PLAIN).fit(X, y))


def converted(folder):
    """Convert rows at every step, as those of large data are."""
    kept, datasets.CACHE_BYTES = datasets.CACHE_BYTES, 0
    try:
        return result(CASSSeparator(**PLAIN).fit(*rows()))
    finally:
        datasets.CACHE_BYTES = kept


def cached(folder):
    return result(CASSSeparator(**PLAIN).fit(*rows()))


def unseeded(folder):
    settings = PLAIN | {"random_state": None}
    return result(CASSSeparator(**settings).fit(*rows()))


def chosen(folder):
    """Choose a network by trials."""
    settings = {"max_epochs": 1, "batch_size": 1, "random_state": 0}
    separator = AESeparator(**settings)
    separator._least_steps = 1
    return result(separator.fit(*rows(6)))


def diverging(folder):
    settings = PLAIN | {"lr": 1e30, "max_epochs": 3}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        separator = AESeparator(**settings).fit(*rows())
    messages = [str(warning.message) for warning in caught]
    return result(separator) | {"messages": messages}


def unlike(folder):
    """Have rows of another length in another process."""
    X, y = make_mixtures(n_times=64 + rank())
    try:
        AESeparator(**FAST).fit(X, y)
    except ValueError as error:
        return str(error)


def no_rows(folder):
    """Have one row in all, which no validation set leaves, in another process."""
    X, y = rows()
    stop = 1 if rank() else None
    settings = FAST | {"validation_fraction": 0.9}
    try:
        AESeparator(**settings).fit(X[:stop], y[:stop])
    except ValueError as error:
        return str(error)


def written(folder):
    """Have each process write to a folder of its own, if at all."""
    checkpoint = SkorchCheckpoint(dirname=folder / f"skorch{rank()}", monitor=None)
    separator = AESeparator(
        **PLAIN, checkpoint=folder / f"own{rank()}", callbacks=[checkpoint]
    )
    return result(separator.fit(*rows()))


def trained(name, max_epochs, folder):
    """Train with a checkpoint, which may hold the first epochs."""
    settings = PLAIN | {"max_epochs": max_epochs, "lr_schedule": "constant"}
    return result(AESeparator(**settings, checkpoint=folder / name).fit(*rows()))


begin = partial(trained, "ours", 2)
resume = partial(trained, "theirs", 4)


def killed(folder):
    """Kill the second process in the middle of the training."""

    def kill():
        if rank() == 1:
            (folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    callbacks = [At("batch", 2, kill)]
    AESeparator(**PLAIN | {"max_epochs": 10**4}, callbacks=callbacks).fit(*rows())


def main(folder, *names):
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", timeout=timedelta(seconds=60))
    for name in names:
        found = globals()[name](Path(folder))
        with open(Path(folder, f"{name}{rank()}.pickle"), "wb") as file:
            pickle.dump(found, file)
    distributed.destroy_process_group()


if __name__ == "__main__":
    np.seterr(all="ignore")
    main(*sys.argv[1:])
