"""Train the CASS family on mixtures with known truth, and show what comes apart.

    python -m benchmarks.demo                         generated ECG
    python -m benchmarks.demo --data ../shared/data   real recordings
    python -m benchmarks.demo ecg --full              the README's ECG table

For each experiment the folder ``demo_output`` gets the table, the figures as JSON,
three pictures, the fitted CASSSeparator, and for audio the separated instruments.
"""

import argparse
import json
import time
from pathlib import Path

import joblib
import numpy as np

from sklearn_cass import AESeparator, CASSSeparator, RegularCASSSeparator
from sklearn_cass.metrics import relative_error
from sklearn_cass.plotting import (
    DiscriminationDisplay,
    ErrorCurveDisplay,
    SeparationDisplay,
)

from .experiments import EXPERIMENTS, recordings_in
from .report import machine, measure, references, rejected, table

FAMILY = (AESeparator, RegularCASSSeparator, CASSSeparator)
WATCHED = 0.05  # share of the training rows for the errors per epoch
N_TRAIN = {"quick": 960, "full": 1920}  # generated rows


def run(name, data, size, seed, output):
    """Train the three separators on one experiment and write what they show."""
    folder = Path(output) / name
    folder.mkdir(parents=True, exist_ok=True)
    print(f"\n{name}: preparing the mixtures", flush=True)
    experiment = EXPERIMENTS[name](data, N_TRAIN[size], seed)
    print(f"{experiment.title}; {machine()}; random_state={seed}", flush=True)
    separators, seconds = train(experiment, getattr(experiment, size), seed)
    estimates, answers = separate(experiment, separators)
    measured, by_group = evaluate(experiment, estimates)
    names = experiment.bunch.component_names
    rejections = {n: rejected(shares, names) for n, shares in answers.items()}
    text = report(experiment, measured, by_group, rejections, seconds)
    print("\n" + text, flush=True)
    (folder / "table.txt").write_text(text)
    results = {
        "experiment": experiment.title,
        "size": size,
        "seed": seed,
        "machine": machine(),
        "seconds_of_fit": seconds,
        "settings": {n: repr(s) for n, s in separators.items()},
        "measured": measured,
        "by_group": by_group,
        "rejected": rejections,
    }
    (folder / "results.json").write_text(json.dumps(results, indent=1))
    draw(experiment, separators, estimates, answers, folder)
    write_audio(experiment, separators["CASSSeparator"], folder)
    joblib.dump(separators["CASSSeparator"], folder / "separator.joblib")
    print(f"pictures, tables and the fitted separator are in {folder}", flush=True)


def train(experiment, settings, seed):
    """The fitted separators, and how many seconds each fit took."""
    X, y, _ = experiment.rows("train")
    separators, seconds = {}, {}
    for separator_class in FAMILY:
        name = separator_class.__name__
        print(f"fitting {name}", flush=True)
        separator = separator_class(
            validation_fraction=WATCHED, random_state=seed, verbose=1, **settings
        )
        start = time.perf_counter()
        separators[name] = separator.fit(X, y)
        seconds[name] = round(time.perf_counter() - start, 1)
    return separators, seconds


def separate(experiment, separators):
    """Estimates of the test rows, and what the discriminators say of them."""
    X, y, _ = experiment.rows("test")
    estimates = references(y, X, experiment.oracle)
    estimates |= {name: s.transform(X) for name, s in separators.items()}
    answers = {
        name: separator.discriminate(estimates[name], X)
        for name, separator in separators.items()
        if hasattr(separator, "discriminate")
    }
    return estimates, answers


def evaluate(experiment, estimates):
    """Measures on the test rows, of all and of every group."""
    X, y, groups = experiment.rows("test")
    measured = {name: measure(y, est, X) for name, est in estimates.items()}
    by_group = {
        group_name: {
            name: measure(y[groups == g], est[groups == g], X[groups == g])
            for name, est in estimates.items()
        }
        for g, group_name in experiment.group_names.items()
    }
    return measured, by_group


def report(experiment, measured, by_group, rejections, seconds):
    """What the test rows show, as text."""
    names = experiment.bunch.component_names
    n_test = len(experiment.test)
    silent = measured["zero"]["silent"]
    fits = ", ".join(f"{name} {s:.0f} s" for name, s in seconds.items())
    parts = [
        f"{experiment.title}; {n_test} test rows of recordings never trained on, "
        f"{silent} silent components left out",
        "waveforms against the true waveforms, mean over rows",
        f"time of fit: {fits}; {machine()}",
        "",
        table(measured, names),
    ]
    for group, rows in by_group.items():
        parts += [f"{group} alone", table(rows, names)]
    parts.append("share of the other component's estimates that are rejected")
    for name, shares in rejections.items():
        parts += [f"{name:<24}{pair}: {share:.3f}" for pair, share in shares.items()]
    return "\n".join(parts) + "\n"


def draw(experiment, separators, estimates, answers, folder):
    """The three pictures."""
    import matplotlib

    matplotlib.use("Agg")
    X, y, _ = experiment.rows("test")
    names = experiment.bunch.component_names
    estimate = estimates["CASSSeparator"]
    row = typical_row(y, estimate)
    displays = {
        "separation": SeparationDisplay(
            X[row],
            y[row],
            estimate[row],
            names,
            sfreq=experiment.bunch.sfreq,
            unit=experiment.unit,
            span=experiment.span,
        ).plot(),
        "error_per_epoch": ErrorCurveDisplay.from_estimators(separators, names),
        "discriminators": DiscriminationDisplay(answers, names).plot(),
    }
    for name, display in displays.items():
        display.figure_.savefig(folder / f"{name}.png", dpi=110)
        matplotlib.pyplot.close(display.figure_)


def typical_row(y, estimate):
    """The row of the median error: neither the best nor the worst to look at."""
    errors = relative_error(y, estimate).mean(axis=1)
    return int(np.argsort(errors)[len(errors) // 2])


def write_audio(experiment, separator, folder):
    """Whole recordings and what was separated from them, as WAV files."""
    if not experiment.recordings:
        return
    import soundfile

    names, sfreq = experiment.bunch.component_names, experiment.bunch.sfreq
    for title, recording in experiment.recordings.items():
        estimates = separator.separate(recording)
        sounds = {"mixture": recording, **dict(zip(names, estimates, strict=True))}
        for name, sound in sounds.items():
            soundfile.write(
                folder / f"{title}-{name}.wav", np.clip(sound, -1, 1), sfreq
            )


def main(arguments=None):
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.demo")
    parser.add_argument("experiments", nargs="*", help=", ".join(EXPERIMENTS))
    parser.add_argument("--data", help="folder of recordings: bach10, adfecgdb, mitdb")
    parser.add_argument("--full", action="store_true", help="longer trainings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="demo_output")
    args = parser.parse_args(arguments)
    names = args.experiments
    unknown = sorted(set(names) - set(EXPERIMENTS))
    if unknown:
        parser.error(f"unknown experiments {unknown}; there are {list(EXPERIMENTS)}")
    if not names:
        names = recordings_in(args.data) if args.data else ["ecg"]
    for name in names:
        size = "full" if args.full else "quick"
        run(name, args.data, size, args.seed, args.output)


if __name__ == "__main__":
    main()
