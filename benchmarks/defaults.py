"""Compare candidates for default parameters on validation sets.

    python -m benchmarks.defaults --data ../shared/data

The test rows of the experiments take no part. The table in docs/design.md is a copy of
what this prints.
"""

import argparse

import numpy as np
from joblib import Parallel, delayed

from sklearn_cass import AESeparator, CASSSeparator
from sklearn_cass.metrics import relative_error

from .checkout import commit
from .experiments import EXPERIMENTS, chosen, make
from .markdown import table
from .report import machine

CANDIDATES = [
    (AESeparator, {}),
    *(
        (CASSSeparator, {"cross_weights": weight, "discriminator_lr": lr})
        for weight, lr in ((0.01, 6e-4), (0.3, 6e-4), (0.01, 2e-3))
    ),
    (CASSSeparator, {"cross_weights": 0.3, "discriminator_lr": 2e-3}),
    (CASSSeparator, {"cross_weights": 0.3, "discriminator_lr": 6e-3}),
]
NAMES = ("ecg", "fetal", "bach10-unseen")


def fit(name, cls, candidate, seed, folder):
    """Return the row of one candidate: errors and discriminator outputs."""
    definition = EXPERIMENTS[name]
    rows, max_epochs = definition.quick
    experiment = make(name, definition.rows | rows, seed, folder)
    separator = cls(random_state=seed)
    separator.set_params(**candidate, max_epochs=max_epochs)
    separator.fit(*experiment.rows("train"))
    X, y = experiment.rows("validation")
    estimates = separator.transform(X)
    errors = np.nanmean(relative_error(y, estimates), axis=0)
    changed = ", ".join(f"{key}={value!r}" for key, value in candidate.items())
    row = {"experiment": name, "separator": f"{cls.__name__}({changed})"}
    components = experiment.bunch.component_names
    row |= {f"L2 {k + 1}": float(error) for k, error in enumerate(errors)}
    for i, j in ((0, 1), (1, 0)):
        row[f"D{i + 1} on {j + 1}, on true {i + 1}"] = "-"
    if hasattr(separator, "discriminate"):
        estimated = separator.discriminate(estimates, X).mean(axis=0)
        true = separator.discriminate(y, X).mean(axis=0)
        for i, j in ((0, 1), (1, 0)):
            row[f"D{i + 1} on {j + 1}, on true {i + 1}"] = (
                f"{estimated[i, j]:.2f}, {true[i, i]:.2f}"
            )
    return row | {"components 1, 2": ", ".join(components)}


def main(arguments=None):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.defaults")
    parser.add_argument("experiments", nargs="*", help=", ".join(NAMES))
    parser.add_argument("--data", help="folder of recordings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="fits at a time")
    options = parser.parse_args(arguments)
    names = chosen(NAMES, options)
    rows = Parallel(n_jobs=options.jobs)(
        delayed(fit)(name, cls, candidate, options.seed, options.data)
        for name in names
        for cls, candidate in CANDIDATES
    )
    print(f"seed {options.seed}, commit {commit()}, {machine()}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
