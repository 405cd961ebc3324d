"""Compare the choice of network, STFT and representation with its alternatives.

    OMP_NUM_THREADS=1 python -m benchmarks.recipes --data ../shared/data

For each experiment, both recipes are trained in full, too. No test row takes part: the
choice is made on training rows, ratios are those of validation rows. `trial` are the
median relative errors of the short trainings, seconds are CPU seconds.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_cass import AESeparator
from sklearn_cass.data import Samples
from sklearn_cass.metrics import sdr
from sklearn_cass.separators import _recipes as recipes
from sklearn_cass.separators._cass import TrialSeparator

from .checkout import commit
from .experiments import EXPERIMENTS, chosen, make
from .markdown import table
from .report import machine

NAMES = ("ecg", "ppg", "bach10-unseen", "fetal")
LABELS = ("ResNet9", "BiLSTM")


def row_of(name, seed, folder):
    """Return the table's row of an experiment and a seed."""
    definition = EXPERIMENTS[name]
    rows = definition.rows | definition.quick[0]
    experiment = make(name, rows, seed, folder)
    errors, trial = errors_of(experiment, seed)
    chosen = int(np.argmin(errors))
    fits = [fit(experiment, recipe, seed) for recipe in recipes.RECIPES]
    share = 100 * trial / (trial + fits[chosen][1])
    row = {"experiment": name, "seed": seed, "chosen": LABELS[chosen]}
    for label, error, (ratios, seconds) in zip(LABELS, errors, fits, strict=True):
        row[f"{label}: trial"] = f"{error:.2f}"
        row[f"{label}: SDR"] = " / ".join(f"{ratio:.1f}" for ratio in ratios)
        row[f"{label}: fit [s]"] = round(seconds)
    return row | {"trials [s]": round(trial, 1), "of fit": f"{share:.0f} %"}


def errors_of(experiment, seed):
    """Return the errors of the trials, and their CPU seconds."""
    X, y = experiment.rows("train")
    parameters = AESeparator().get_params(deep=False)
    rng = np.random.RandomState(seed)
    start = time.process_time()
    trial = recipes.plan_trial(Samples(X, y), 8, rng)
    errors = []
    for recipe in recipes.RECIPES:
        settings = recipes.filled(parameters, recipe, X.shape[-1])
        settings |= {"max_epochs": trial.max_epochs, "random_state": seed}
        errors.append(TrialSeparator(**settings).error(trial))
    return errors, time.process_time() - start


def fit(experiment, recipe, seed):
    """Return the mean ratios of a recipe on validation rows, and its CPU seconds."""
    X, y = experiment.rows("train")
    parameters = AESeparator().get_params(deep=False)
    settings = recipes.filled(parameters, recipe, X.shape[-1])
    separator = AESeparator(random_state=seed, **settings)
    seconds = time.process_time()
    separator.fit(X, y)
    seconds = time.process_time() - seconds
    X, y = experiment.rows("validation")
    return np.nanmean(sdr(y, separator.transform(X)), axis=0), seconds


def main(arguments=None):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipes")
    parser.add_argument("experiments", nargs="*", help=", ".join(NAMES))
    parser.add_argument("--data", help="folder of recordings")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    options = parser.parse_args(arguments)
    names = chosen(NAMES, options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        rows = [row_of(n, seed, options.data) for n in names for seed in options.seeds]
    print(f"commit {commit()}, {machine()}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
