"""Train a separator that ships with the package, on generated data and noise alone.

    python -m benchmarks.pretrain fetal-ecg
    python -m benchmarks.pretrain ppg-respiration --data ../shared/data

It writes ``sklearn_cass/models/NAME.safetensors``. With ``--data``, the folder of
public recordings, the separator is also measured on them, and its card is written:
``sklearn_cass/models/NAME.md`` and the page ``docs/pretrained.md``. If interrupted, give
the command again to resume. Where the file exists, it is not trained again but with
``--train``.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sklearn_cass import AESeparator, FilterTransformer, Remix, ResNet9, load, save
from sklearn_cass.datasets import make_ecg_mixtures, make_ppg_mixtures

from .checkout import commit
from .report import provenance

RECORDS = Path(__file__).parent / "pretrained"
MODELS = Path(__file__).parents[1] / "sklearn_cass" / "models"
NETWORK = {"n_filters": 10, "n_latent": 48, "output": "affine"}
SEED, VALIDATION_SEED = 0, 1  # of data: no person is in both sets
N_VALIDATION = 256


@dataclass(frozen=True)
class Recipe:
    """What a separator learns from, and how.

    ``rows`` are arguments of the generator ``make``; ``remix`` and ``max_epochs`` those
    of the separator, ``filter`` the argument of ``fit``.
    """

    make: Callable
    rows: dict
    remix: dict
    max_epochs: int
    filter: dict

    def data(self, n_samples, seed):
        """Return generated mixtures."""
        return self.make(n_samples, random_state=seed, **self.rows)

    def separator(self, checkpoint=None):
        """Return the separator to fit."""
        return AESeparator(
            ResNet9(**NETWORK),
            remix=Remix(**self.remix),
            max_epochs=self.max_epochs,
            batch_size=16,
            lr=0.008,
            checkpoint=checkpoint,
            random_state=SEED,
            verbose=1,
        )


def make_ppg_with_movements(n_samples, *, n_times, sfreq, noise, random_state, **rows):
    """Generate mixtures of PPG whose noise is also that of movements."""
    rng = np.random.default_rng([random_state, 1])
    recorded = movements(256, 2 * n_times, sfreq, rng)
    return make_ppg_mixtures(
        n_samples,
        n_times=n_times,
        sfreq=sfreq,
        noise=[*noise, recorded],
        random_state=random_state,
        **rows,
    )


def movements(n_rows, n_times, sfreq, rng):
    """Return rows of silence with a movement of some seconds every half minute or so.

    A movement is a few swings, or a step that fades as a sensor adjusts itself.
    """
    times, rows = np.arange(n_times) / sfreq, np.zeros((n_rows, n_times))
    for row in rows:
        for _ in range(rng.poisson(times[-1] / 30)):
            t = times - rng.uniform(0, times[-1])
            width, frequency = rng.uniform(0.5, 3), rng.uniform(0.1, 1)
            phase, height = rng.uniform(0, 2 * np.pi), rng.lognormal(0, 0.5)
            swings = np.cos(2 * np.pi * frequency * t + phase)
            swings *= np.exp(-((t / width) ** 2))
            step = (t > 0) * np.exp(-np.maximum(t, 0) / width) * np.sign(np.cos(phase))
            row += height * (swings if rng.random() < 0.7 else step)
    return rows


# Mothers and fetuses of any rate, seen by electrodes of any direction and polarity; 125
# Hz hold the band of QRS complexes. Breathing of adults and children, beside drifts of
# the baseline and movements that are no breathing.
RECIPES = {
    "fetal-ecg": Recipe(
        make_ecg_mixtures,
        {
            "n_times": 512,
            "sfreq": 125,
            "windows_per_trace": 2,
            "leads": "random",
            "polarity": "random",
            "maternal_bpm": (50, 125),
            "fetal_bpm": (95, 195),
            "magnitude_ratio": (0.5, 10),
            "noise": ["white", "pink", "muscle", "mains", "wander"],
            "noise_db": (-40, -8),
        },
        {"sign": True, "shift": 0.5, "gain": (-3, 3), "rate": (0.85, 1.18)},
        10,
        {"band": (3, 45), "notch": 50},
    ),
    "ppg-respiration": Recipe(
        make_ppg_with_movements,
        {
            "n_times": 800,
            "sfreq": 12.5,
            "windows_per_subject": 2,
            "heart_bpm": (45, 160),
            "breaths_per_minute": (5, 30),
            "respiration_ratio": (0.03, 0.6),
            "sinus_arrhythmia": (0, 0.1),
            "pulse_modulation": (0, 0.4),
            "noise": ["pink", "wander", "white"],
            "noise_db": (-40, 3),
        },
        {"share": 0.3, "gain": (-3, 3)},
        10,
        {"band": (0.05, None)},
    ),
}
N_SAMPLES = {"fetal-ecg": 3072, "ppg-respiration": 1600}


def options_of(arguments=None):
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pretrain")
    add = parser.add_argument
    add("name", choices=RECIPES)
    add("--data", type=Path, help="folder of public recordings to measure on")
    add("--train", action="store_true", help="train also where the file exists")
    add("--checkpoint", type=Path, help="folder of the state of the training")
    add("--output", type=Path, default=MODELS, help="folder of the files")
    return parser.parse_args(arguments)


def trained(name, checkpoint=None):
    """Return the separator of a recipe, fitted."""
    recipe = RECIPES[name]
    rows = recipe.data(N_SAMPLES[name], SEED)
    return recipe.separator(checkpoint).fit(
        rows.data,
        rows.target,
        sfreq=rows.sfreq,
        component_names=rows.component_names,
        filter=FilterTransformer(**recipe.filter),
    )


def record(name, found):
    """Add what was found to the record of a separator."""
    path = RECORDS / f"{name}.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(known | found, indent=1) + "\n")


def main(arguments=None):
    """Train, measure, and write the card."""
    torch.set_num_threads(1)
    commit()  # kept: that of the code as it is imported, whatever changes meanwhile
    options = options_of(arguments)
    path = options.output / f"{options.name}.safetensors"
    if options.train or not path.exists():
        separator = trained(options.name, options.checkpoint)
        separator.set_params(checkpoint=None)
        save(separator, path)
        record(options.name, {"training": provenance()})
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
    return load(path)


if __name__ == "__main__":
    main()
