"""Train a separator that ships with the package, on generated data and noise alone.

    python -m benchmarks.pretrain fetal-ecg
    python -m benchmarks.pretrain ppg-respiration --data ../shared/data

It writes ``sklearn_cass/models/NAME.safetensors``, if there is none or with
``--train``. With ``--data``, the folder of public recordings, the separator is also
measured on them, and its card is written: ``sklearn_cass/models/NAME.md`` and the page
``docs/pretrained.md``. With ``--checkpoint``, the same command resumes a training.
"""

import argparse
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from sklearn_cass import (
    AESeparator,
    FilterTransformer,
    Remix,
    ResNet9,
    STFTTransformer,
    pretrained,
    save,
)
from sklearn_cass.datasets import make_ecg_mixtures, make_ppg_mixtures
from sklearn_cass.models import model_file

from .checkout import commit
from .report import provenance
from .rounding import rounded

RECORDS = Path(__file__).parent / "pretrained"
PAGE = Path(__file__).parents[1] / "docs" / "pretrained.md"
NETWORK = {"n_filters": 10, "n_latent": 48, "output": "affine"}
SEED = 0  # of data and training
N_DIGITS = 4
SLOWEST_BREATHING = 0.07  # Hz


@dataclass(frozen=True)
class Recipe:
    """Training data and settings of a separator.

    ``rows`` are arguments of the generator ``make``; ``remix``, ``max_epochs`` and
    ``stft`` those of the separator, ``filter`` the argument of ``fit``. With ``stft``,
    estimates are masked spectrograms.
    """

    make: Callable
    rows: dict
    remix: dict
    max_epochs: int
    filter: dict
    stft: dict = field(default_factory=dict)

    def data(self, n_samples, seed, **changes):
        """Return generated mixtures, with some arguments changed."""
        return self.make(n_samples, random_state=seed, **self.rows | changes)

    def separator(self, checkpoint=None):
        """Return the separator to fit."""
        masks = {
            "stft": STFTTransformer(**self.stft),
            "representation": "phase-sensitive",
        }
        return AESeparator(
            ResNet9(**NETWORK),
            **(masks if self.stft else {}),
            remix=Remix(**self.remix),
            max_epochs=self.max_epochs,
            batch_size=16,
            lr=0.008,
            checkpoint=checkpoint,
            random_state=SEED,
            verbose=1,
        )


def make_ppg_with_movements(n_samples, *, n_times, sfreq, noise, random_state, **rows):
    """Generate mixtures of PPG, whose noise has movements and slow drifts as well."""
    rng = np.random.default_rng([random_state, 1])
    recorded = [f(256, 2 * n_times, sfreq, rng) for f in (movements, drifts)]
    return make_ppg_mixtures(
        n_samples,
        n_times=n_times,
        sfreq=sfreq,
        noise=[*noise, *recorded],
        random_state=random_state,
        **rows,
    )


def drifts(n_rows, n_times, sfreq, rng):
    """Return rows of noise slower than breathing, of density 1 / frequency^2."""
    frequency = np.fft.rfftfreq(n_times, 1 / sfreq)[1:]
    spectrum = np.fft.rfft(rng.standard_normal((n_rows, n_times)))
    spectrum[:, 0] = 0
    spectrum[:, 1:] /= frequency * (1 + (frequency / SLOWEST_BREATHING) ** 8)
    return np.fft.irfft(spectrum, n_times)


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
# Hz hold the band of QRS complexes. Breathing of adults and children, regular or not,
# beside drifts and movements; windows of 20 s tell their frequencies apart.
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
            "inspiration": (0.3, 0.6),
            "breath_variability": (0, 0.35),
            "pauses": (0, 0.1),
            "sighs": (0, 0.05),
            "modulation_lag": (-2, 2),
            "noise": ["pink", "white"],
            "noise_db": (-40, -5),
        },
        {"share": 0.3, "gain": (-3, 3)},
        10,
        {"band": (0.05, None)},
        {"n_fft": 256, "hop_length": 32},
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


def read(name):
    """Return the record of a separator: how it was made, what was measured."""
    path = RECORDS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def write(name, record):
    """Write the record of a separator."""
    RECORDS.mkdir(exist_ok=True)
    text = json.dumps(rounded(record, N_DIGITS), indent=1) + "\n"
    (RECORDS / f"{name}.json").write_text(text)


def make_file(name, checkpoint):
    """Train a separator, and write its file."""
    separator = trained(name, checkpoint)
    save(separator.set_params(checkpoint=None, verbose=0), model_file(name))
    write(name, {"sha256": digest(name), "training": provenance()})


def digest(name):
    """Return the checksum of the file of a separator."""
    return hashlib.sha256(model_file(name).read_bytes()).hexdigest()


def make_card(name, data):
    """Measure a separator, and write its card and the page of all cards."""
    # not above: the rows of recordings know the file as it is when they are imported
    from . import pretrained_card

    record, recipe = read(name), RECIPES[name]
    if record.get("sha256") != digest(name):
        raise ValueError(
            f"{model_file(name)} was not made by this command: use --train"
        )
    generated = pretrained_card.measure(name, recipe, pretrained(name))
    pretrained_card.measure_recordings(name, data)
    record |= {"generated": generated, "measuring": provenance()}
    write(name, record)
    card = pretrained_card.card(name, recipe, N_SAMPLES[name], SEED, record)
    model_file(name).with_suffix(".md").write_text(card, "utf-8")
    made = [n for n in RECIPES if model_file(n).with_suffix(".md").exists()]
    cards = [pretrained_card.as_section(n) for n in made]
    PAGE.write_text("\n".join([pretrained_card.PAGE, *cards]), "utf-8")


def main(arguments=None):
    """Train, measure, and write the card."""
    torch.set_num_threads(1)
    commit()  # kept: that of the code as it is imported, whatever changes meanwhile
    options = options_of(arguments)
    path = model_file(options.name)
    if options.train or not path.exists():
        make_file(options.name, options.checkpoint)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
    if options.data:
        make_card(options.name, options.data)
        print(f"{path.with_suffix('.md')} and {PAGE}")


if __name__ == "__main__":
    main()
