"""Compare reconstruction losses on validation sets, errors beside CPU seconds.

    OMP_NUM_THREADS=1 python -m benchmarks.losses --data ../shared/data

`AESeparator` has its defaults but for the loss. No test row takes part. With
`--silent SHARE`, one component is missing in a share of the training rows, as in
recordings of instruments that rest; `leak` is then the level of an estimate, in dB
below the mixture, where its component is missing in validation rows, too.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_cass import AESeparator
from sklearn_cass.metrics import relative_error, sdr

from .checkout import commit
from .experiments import EXPERIMENTS, chosen, make
from .markdown import table
from .report import machine

NAMES = ("ecg", "ppg", "bach10-unseen", "fetal")
LOSSES = ("snr", "mse", "relative")


def row_of(name, loss, seed, silent, folder):
    """Return the table's row of a loss."""
    definition = EXPERIMENTS[name]
    rows, max_epochs = definition.quick
    experiment = make(name, definition.rows | rows, seed, folder)
    X, y = experiment.rows("train")
    if silent:
        X, y = with_silence(X, y, silent, seed)
    separator = AESeparator(reconstruction_loss=loss, random_state=seed)
    separator.set_params(**definition.parameters)
    if max_epochs:
        separator.set_params(max_epochs=max_epochs)
    seconds = time.process_time()
    separator.fit(X, y)
    seconds = time.process_time() - seconds
    X, y = experiment.rows("validation")
    estimates = separator.transform(X)
    row = {"experiment": name, "seed": seed, "loss": loss, "fit [s]": round(seconds)}
    row["SDR [dB]"] = of_each(np.nanmean(sdr(y, estimates), axis=0), ".1f")
    row["L2"] = of_each(np.nanmean(relative_error(y, estimates), axis=0), ".3f")
    if silent:
        row["leak [dB]"] = of_each(leaks(separator, X, y), ".0f")
    return row


def with_silence(X, y, share, seed):
    """Return rows, a share of which lack one component."""
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(rng.random(len(y)) < share)
    missing = rng.integers(y.shape[1], size=len(rows))
    X, y = X.copy(), y.copy()
    X[rows] -= y[rows, missing]
    y[rows, missing] = 0
    return X, y


def leaks(separator, X, y):
    """Return medians of the levels of estimates of components that are missing."""
    levels = []
    for k in range(y.shape[1]):
        rest = X - y[:, k]
        estimate = separator.transform(rest)[:, k]
        norms = np.linalg.norm(estimate, axis=-1) / np.linalg.norm(rest, axis=-1)
        levels.append(20 * np.log10(np.median(norms)))
    return levels


def of_each(values, form):
    """Return a value for each component as text."""
    return " / ".join(format(value, form) for value in values)


def main(arguments=None):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.losses")
    parser.add_argument("experiments", nargs="*", help=", ".join(NAMES))
    parser.add_argument("--data", help="folder of recordings")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--silent", type=float, default=0.0, help="share of rows")
    options = parser.parse_args(arguments)
    names = chosen(NAMES, options)
    print(f"commit {commit()}, {machine()}", flush=True)
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name in names:
            for seed in options.seeds:
                for loss in LOSSES:
                    of = (name, loss, seed, options.silent, options.data)
                    rows.append(row_of(*of))
                    print(rows[-1], flush=True)
    print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()
