"""Training speed of CASSSeparator, of a plain loop and of the convolutions alone.

    python -m benchmarks.bench_training --quick

Ours is a whole ``fit`` with its checks, transforms and history; the plain loop of
``benchmarks/reference.py`` has the same networks, initial weights, losses and epochs.
"""

import sys
from functools import partial

import numpy as np
import torch

from sklearn_cass import CASSSeparator, ResNet9
from sklearn_cass.data import Samples, TensorDataset
from sklearn_cass.metrics import relative_error
from sklearn_cass.training.devices import check_device
from sklearn_cass.training.parameters import use_bfloat16

from .command import main
from .convolutions import convolutions_of, flops_of
from .figures import bars, panels
from .reference import batches_of, reference_of
from .results import Result
from .signals import SFREQ, coloured_noise, ecg_split
from .timing import interleaved, n_threads, rate, ratio, spread

# of both: Eq. (7) as printed, no remixing; a small beta, because the units of the two
# terms differ
LOSSES = {"loss_weighting": "literal", "alpha": 1.0, "beta": 0.01, "remix": 0.0}
SETTINGS = LOSSES | {
    "cross_weights": 0.01,
    "reconstruction_loss": "mse",
    "discriminator_lr": 6e-4,
    "batch_size": 8,
    "lr_schedule": "constant",
    "lr": 2e-3,
    "optimizer": "adam",  # the plain loop's
}

QUICK = {
    "n_rows": {"ECG": 256, "audio": 32},
    "n_rounds": 3,
    "n_train": 224,
    "n_valid": 64,
    "n_epochs": 4,
    "n_seeds": 5,
    "network": {"n_filters": 16, "n_latent": 64},
}
FULL = QUICK | {
    "n_rows": {"ECG": 640, "audio": 64},
    "n_rounds": 7,
    "n_train": 960,
    "n_valid": 320,
    "n_epochs": 8,
    "n_seeds": 5,
}

READING = (
    "Ours is a whole `fit` of one epoch. The plain loop has the same networks and "
    "losses, but computes the estimates again for every autoencoder and discriminator, "
    "takes one map at a time, and computes its spectrograms once. Above a ratio of 1, "
    "ours is faster. The share is the time of the convolutions in one of our steps "
    "alone, in the same memory format and precision, over the time of the whole step, "
    "both in one thread. "
    "Validation errors are relative L2 errors of waveforms after the same number of "
    "epochs from the same initial weights, with the same batches; differences within "
    "the spread over seeds mean nothing."
)
ALT = (
    "Bars: speed relative to the plain loop, share of the convolutions in a step, and "
    "validation error, for each signal and precision"
)


def measure(sizes, options):
    """Measure speed, share of the convolutions, and accuracy."""
    precisions = precisions_of(options)
    tables = {"Speed of training": [], "Share of the convolutions": []}
    for signal, n_rows in sizes["n_rows"].items():
        X, y = rows_of(signal, n_rows, options.seed)
        separators = {
            precision: separator_of(precision, sizes, options).fit(X, y)
            for precision in precisions
        }
        speed, share = tables.values()
        speed += speeds(signal, separators, X, y, sizes["n_rounds"], options)
        share += [
            share_of(signal, separator, X, y, sizes["n_rounds"], options)
            for separator in separators.values()
        ]
    tables["Validation error after the same number of epochs"] = accuracy(
        precisions, sizes, options
    )
    return Result(
        name="training",
        title="Training: against a plain loop, and against the convolutions alone",
        reading=READING,
        command=options.command,
        settings=sizes | {"separator": SETTINGS, "precisions": precisions},
        tables=tables,
        alt=ALT,
        seed=options.seed,
    )


def precisions_of(options):
    """Return float32, and bf16 on request or where it is fast."""
    has_both = use_bfloat16(options.precision, check_device(options.device))
    return ["float32", "bf16"] if has_both else ["float32"]


def rows_of(signal, n_rows, seed):
    """Return mixtures of two components and the components."""
    if signal == "ECG":
        (rows, _) = ecg_split(n_rows, n_rows, seed)
        return rows
    return coloured_noise(n_rows, 2, SFREQ, seed)


def separator_of(precision, sizes, options, seed=None, max_epochs=1):
    """Return a separator, not fitted."""
    return CASSSeparator(
        ResNet9(**sizes["network"]),
        **SETTINGS,
        precision=precision,
        device=options.device,
        max_epochs=max_epochs,
        random_state=options.seed if seed is None else seed,
    )


# Speed --------------------------------------------------------------------------------


def speeds(signal, separators, X, y, n_rounds, options):
    """Return a row for each precision; the separators are fitted to these rows."""
    calls = {precision: partial(s.fit, X, y) for precision, s in separators.items()}
    plain = next(iter(separators.values()))
    calls["plain"] = partial(train_plainly, reference_of(plain.net_), plain, X, y)
    seconds = interleaved(calls, n_rounds, device=options.device)
    return [
        {
            "signal": signal,
            "precision": precision,
            "rows/s, ours": rate(len(X), seconds[precision]),
            "rows/s, plain": rate(len(X), seconds["plain"]),
            "ratio": ratio(seconds["plain"], seconds[precision]),
        }
        for precision in separators
    ]


def train_plainly(reference, separator, X, y, n_epochs=1):
    """Train the reference, from waveforms on."""
    batches = batches_of(separator, X, y)
    for _ in range(n_epochs):
        reference.train_epoch(batches)


# Share of the convolutions ------------------------------------------------------------


@n_threads(1)  # in which each convolution of a fit computes
def share_of(signal, separator, X, y, n_rounds, options):
    """Return the share of the convolutions in the time of a step."""
    batch = first_batch(separator, X, y)
    step = partial(separator.net_.train_step, batch)
    alone = convolutions_of(step)
    plain_step = plain_step_of(separator, X, y)
    calls = {"step": step, "alone": alone}
    seconds = interleaved(calls, n_rounds, device=options.device)
    n_rows = len(batch[0])
    work = flops_of(alone) / 1e9
    return {
        "signal": signal,
        "precision": separator.precision,
        "GFLOP/row, ours": work / n_rows,
        "GFLOP/row, plain": flops_of(convolutions_of(plain_step)) / 1e9 / n_rows,
        "GFLOP/s in a step": rate(work, seconds["step"]),
        "GFLOP/s alone": rate(work, seconds["alone"]),
        "share": ratio(seconds["alone"], seconds["step"]),
    }


def first_batch(separator, X, y):
    """Return tensors of one batch, as the net takes them."""
    rows = np.arange(min(len(X), separator.batch_size))
    dataset = TensorDataset(Samples(X, y), separator.domains_, rows)
    return dataset[torch.arange(len(rows))]


def plain_step_of(separator, X, y):
    """Return a step of the reference on as many rows."""
    rows = slice(separator.batch_size)
    (mixture, *targets), *_ = batches_of(separator, X[rows], y[rows])
    return partial(reference_of(separator.net_).step, mixture, targets)


# Accuracy -----------------------------------------------------------------------------


def accuracy(precisions, sizes, options):
    """Return validation errors over seeds, and differences from ours in float32."""
    n_seeds = sizes["n_seeds"]
    seeds = range(options.seed, options.seed + n_seeds)
    errors = [errors_of(precisions, seed, sizes, options) for seed in seeds]
    return [
        {
            "training": name,
            "epochs": sizes["n_epochs"],
            "seeds": n_seeds,
            "relative L2 error": spread(row[name] for row in errors),
            "minus ours, float32": spread(
                row[name] - row["ours, float32"] for row in errors
            ),
        }
        for name in errors[0]
    ]


def errors_of(precisions, seed, sizes, options):
    """Return the validation error of each training of one seed."""
    train, valid = ecg_split(sizes["n_train"], sizes["n_valid"], seed)
    errors = {}
    for precision in precisions:
        separator = separator_of(precision, sizes, options, seed, sizes["n_epochs"])
        errors[f"ours, {precision}"] = error_of(separator.fit(*train), *valid)
    reference = reference_of(separator.net_)
    train_plainly(reference, separator, *train, sizes["n_epochs"])
    # the networks are the same: estimate with its weights
    weights = reference.autoencoders.state_dict()
    separator.net_.module_.load_state_dict(weights)
    return errors | {"plain, float32": error_of(separator, *valid)}


def error_of(separator, X, y):
    """Return the mean over rows and components of the relative L2 error."""
    return float(np.nanmean(relative_error(y, separator.transform(X))))


def draw(result):
    """Draw three panels: speed, share, error."""
    speed, share, errors = result.tables.values()
    figure, axes = panels(3)
    names = [f"{row['signal']}\n{row['precision']}" for row in speed]
    ratios = [row["ratio"] for row in speed]
    label = "speed / speed of the plain loop"
    bars(axes[0], names, ratios, title="Speed of training", label=label, line=1)
    shares = [row["share"] for row in share]
    title, label = "Convolutions alone", "share of a step's time"
    bars(axes[1], names, shares, title=title, label=label, line=1)
    names = [row["training"].replace(", ", "\n") for row in errors]
    values = [row["relative L2 error"] for row in errors]
    title, label = "Validation error, generated ECG", "relative L2 error"
    bars(axes[2], names, values, title=title, label=label)
    return figure


if __name__ == "__main__":
    main(sys.modules[__name__])
