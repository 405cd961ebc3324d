"""Compare networks on validation sets, errors beside CPU seconds.

    OMP_NUM_THREADS=1 python -m benchmarks.networks --data ../shared/data

No test row takes part. Floors are the mixture and zero, the ceiling is the oracle mask
of the experiment's STFT. CPU seconds are those of `fit`, and of `transform` for a row.
"""

import argparse
import time
import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from sklearn_cass import AESeparator, BiLSTM, ResNet9, STFTTransformer
from sklearn_cass.metrics import sdr

from .checkout import commit
from .experiments import EXPERIMENTS, make
from .markdown import table
from .report import machine, references

MASKS = {"representation": "phase-sensitive", "remix": 0.25}
CANDIDATES = {
    "bach10-unseen": [
        (
            ResNet9(output="ratio_mask", compression=0.5),
            3,
            MASKS | {"stft": STFTTransformer(2048, 512)},
        ),
        *(
            (BiLSTM(), 10, {"stft": STFTTransformer(n_fft, n_fft // 4)})
            for n_fft in (1024, 2048, 4096, 8192, 16384)
        ),
        (BiLSTM(), 10, {"reconstruction_loss": "mse"}),
        (BiLSTM(), 10, {"remix": 1.0}),
        (BiLSTM(compression=1.0), 10, {}),
        (BiLSTM(), 20, {}),
    ],
    "ecg": [
        (ResNet9(), 6, {}),
        (ResNet9(), 6, {"stft": STFTTransformer(8, 4)}),
        (BiLSTM(128, 2, output="direct"), 12, {"representation": "complex"}),
    ],
}


def row_of(name, experiment, network, max_epochs, settings, seed):
    """Fit a separator with a network; return its ratios and costs."""
    separator = AESeparator(network, max_epochs=max_epochs, random_state=seed)
    separator.set_params(**settings)
    seconds = time.process_time()
    separator.fit(*experiment.rows("train"))
    seconds = time.process_time() - seconds
    X, y = experiment.rows("validation")
    each = time.process_time()
    estimates = separator.transform(X)
    each = (time.process_time() - each) / len(X)
    label = ", ".join(
        [repr(separator.network), *(f"{k}={settings[k]}" for k in settings)]
    )
    costs = {"epochs": max_epochs, "fit [s]": round(seconds), "a row [s]": each}
    return {"estimate": label, **ratios(y, estimates), **costs}


def ratios(y, estimates):
    """Return means and medians of the SDR in dB, for each component."""
    values = sdr(y, estimates)
    means, medians = np.nanmean(values, axis=0), np.nanmedian(values, axis=0)
    return {
        "SDR": " / ".join(f"{value:.1f}" for value in means),
        "median": " / ".join(f"{value:.1f}" for value in medians),
    }


def compare(name, seed, folder):
    """Return the table's rows of one experiment."""
    definition = EXPERIMENTS[name]
    sizes, _ = definition.quick
    experiment = make(name, definition.rows | sizes, seed, folder)
    X, y = experiment.rows("validation")
    none = {"epochs": "-", "fit [s]": "-", "a row [s]": "-"}
    rows = [
        {"estimate": label, **ratios(y, estimates), **none}
        for label, estimates in references(y, X, definition.stft).items()
    ]
    rows += [row_of(name, experiment, *c, seed) for c in CANDIDATES[name]]
    return [{"experiment": name, **row} for row in rows]


def main(arguments=None):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.networks")
    parser.add_argument("--data", help="folder of recordings")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    names = [n for n in CANDIDATES if options.data or not EXPERIMENTS[n].folders]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        rows = [row for n in names for row in compare(n, options.seed, options.data)]
    threads = torch.get_num_threads()
    print(f"seed {options.seed}, commit {commit()}, {threads} threads, {machine()}\n")
    print(table(rows))


if __name__ == "__main__":
    main()
