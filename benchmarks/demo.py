"""Train separators on mixtures with known components, and show what comes apart.

    python -m benchmarks.demo                         generated ECG
    python -m benchmarks.demo --data ../shared/data   real recordings
    python -m benchmarks.demo ecg --full              longer trainings

These are the CASS family and, for audio, NMF. They have their defaults but for what
``benchmarks/experiments.py`` says. For each experiment the folder ``demo_output`` gets
the tables in Markdown and the numbers as JSON, both with seed, settings, commit and
machine, three pictures, the fitted CASSSeparator, and for audio the separated
instruments.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import joblib
import numpy as np

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    NMFSeparator,
    RegularCASSSeparator,
)
from sklearn_cass.datasets import load_bach10
from sklearn_cass.metrics import relative_error
from sklearn_cass.plotting import (
    DiscriminationDisplay,
    ErrorCurveDisplay,
    SeparationDisplay,
)

from .experiments import EXPERIMENTS, available, make
from .markdown import table
from .report import (
    CEILING,
    by_discriminator,
    measure,
    provenance,
    references,
    share_rejected,
)

FAMILY = (AESeparator, RegularCASSSeparator, CASSSeparator)
WATCHED = 0.05  # share of the training rows for the errors per epoch
MAX_GROUPS = 4  # test groups that get columns of their own
DEMONSTRATED = ("bach10-unseen", "fetal")  # of the recordings


def run(name, data, size, seed, output):
    """Train the separators on one experiment and write what they show."""
    folder = Path(output) / name
    folder.mkdir(parents=True, exist_ok=True)
    print(f"\n{name}: preparing the mixtures", flush=True)
    definition = EXPERIMENTS[name]
    rows, max_epochs = getattr(definition, size)
    experiment = make(name, definition.rows | rows, seed, data)
    given = definition.parameters | ({"max_epochs": max_epochs} if max_epochs else {})
    given = dict.fromkeys(FAMILY, given)
    if definition.nmf is not None:
        given = {NMFSeparator: definition.parameters | definition.nmf, **given}
    separators, seconds = train(given, experiment, seed)
    estimates, outputs = separate(experiment, definition.stft, separators)
    names = experiment.bunch.component_names
    X, y = experiment.rows("test")
    option = " --full" if size == "full" else ""
    results = {
        "experiment": definition.title,
        "command": f"python -m benchmarks.demo {name}{option} --seed {seed}",
        "n_training_rows": len(experiment.index("train", "validation")),
        "n_test_rows": len(experiment.parts["test"]),
        **provenance(),
        "seconds_of_fit": seconds,
        "settings": {n: described(s) for n, s in separators.items()},
        **evaluate(experiment, estimates),
        "discrimination": {
            n: discrimination(of, separators[n].discriminate(y, X), names)
            for n, of in outputs.items()
        },
    }
    text = page(results, names)
    print("\n" + text, flush=True)
    (folder / "table.md").write_text(text)
    (folder / "results.json").write_text(json.dumps(results, indent=1))
    draw(experiment, definition, separators, estimates, outputs, folder)
    if "bach10" in definition.folders:
        write_audio(separators["CASSSeparator"], data, folder)
    joblib.dump(separators["CASSSeparator"], folder / "separator.joblib")
    print(f"pictures, tables and the fitted separator are in {folder}", flush=True)


def train(given, experiment, seed):
    """Return the fitted separators, and how many CPU seconds each fit took.

    ``given`` holds the parameters of each class.
    """
    X, y = experiment.training_rows()
    separators, seconds = {}, {}
    for separator_class, parameters in given.items():
        name = separator_class.__name__
        print(f"fitting {name}", flush=True)
        separator = separator_class(random_state=seed)
        parameters = {"validation_fraction": WATCHED, "verbose": 1} | parameters
        separator.set_params(**shared(separator, parameters))
        start = time.process_time()
        separators[name] = separator.fit(X, y)
        seconds[name] = round(time.process_time() - start, 1)
    return separators, seconds


def described(separator):
    """Return a separator with its parameters, and the network that it chose."""
    text = " ".join(repr(separator).split())
    network = getattr(separator, "network_", None)
    return text if network is None else f"{text}, network_ {network}"


def shared(separator, given):
    """Return the parameters that a separator has, also those of its parts."""
    known = separator.get_params(deep=False)
    return {name: v for name, v in given.items() if name.split("__")[0] in known}


def separate(experiment, stft, separators):
    """Return estimates of the test rows, and the discriminators' outputs on them."""
    X, y = experiment.rows("test")
    floors = references(y, X, stft)
    ceiling = {CEILING: floors.pop(CEILING)}
    found = {name: separator.transform(X) for name, separator in separators.items()}
    estimates = floors | found | ceiling
    outputs = {
        name: separator.discriminate(estimates[name], X)
        for name, separator in separators.items()
        if hasattr(separator, "discriminate")
    }
    return estimates, outputs


def discrimination(outputs, true_outputs, names):
    """Return share rejected and mean output of each discriminator, by what it is of."""
    return {
        f"{names[i]} discriminator, "
        + (f"true {names[i]}" if i == j else f"{names[j]} estimates"): (
            share_rejected(values),
            float(np.mean(values)),
        )
        for (i, j), values in by_discriminator(outputs, true_outputs).items()
    }


def evaluate(experiment, estimates):
    """Return measures on the test rows, of all and of every group."""
    X, y = experiment.rows("test")
    groups = np.asarray(experiment.bunch.groups)[experiment.parts["test"]]
    found = np.unique(groups)
    shown = {f"{g:02d}": groups == g for g in found if len(found) <= MAX_GROUPS}

    def measured(of):
        return {name: measure(y[of], e[of], X[of]) for name, e in estimates.items()}

    by_group = {name: measured(of) for name, of in shown.items()}
    return {"measured": measured(slice(None)), "by_group": by_group}


def page(results, component_names):
    """Return the tables in Markdown, and what they were made with."""
    measured, seconds = results["measured"], results["seconds_of_fit"]
    rows = []
    for name, values in measured.items():
        label = f"`{name}`, {seconds[name]:.0f} s" if name in seconds else name
        row = {"estimate": label}
        for k, component in enumerate(component_names):
            row |= {
                f"{component} {n}": f"{values[n][k]:.3f}" for n in ("L1", "L2", "Linf")
            }
            row[f"{component} SDR [dB]"] = f"{values['SDR'][k]:.1f}"
            for group, of_group in results["by_group"].items():
                row[f"{component} SDRi {group}"] = f"{of_group[name]['SDRi'][k]:.1f}"
        rows.append(row)
    outputs = [
        {"separator": f"`{name}`"}
        | {pair: f"{share:.2f} ({mean:.2f})" for pair, (share, mean) in of.items()}
        for name, of in results["discrimination"].items()
    ]
    n_silent = measured["zero"]["silent"]
    parts = [
        f"{results['experiment']}: {results['n_training_rows']} training rows, "
        f"{results['n_test_rows']} test rows, {n_silent} silent components left out. "
        "Waveforms against the true waveforms, means over test rows; seconds of `fit`.",
        table(rows),
        "Share that a discriminator rejects (its mean output) of the other component's "
        "estimates and of its own true components:",
        table(outputs),
        "`{command}`; {machine}; commit {commit}".format(**results),
        *(f"`{name}`: `{text}`" for name, text in results["settings"].items()),
    ]
    return "\n\n".join(parts) + "\n"


def draw(experiment, definition, separators, estimates, outputs, folder):
    """Write the three pictures."""
    import matplotlib

    matplotlib.use("Agg")
    X, y = experiment.rows("test")
    names = experiment.bunch.component_names
    estimate = estimates["CASSSeparator"]
    row = typical_row(y, estimate)
    trained = {n: s for n, s in separators.items() if hasattr(s, "history_")}
    displays = {
        "separation": SeparationDisplay(
            X[row],
            y[row],
            estimate[row],
            names,
            sfreq=experiment.bunch.sfreq,
            unit=definition.unit,
            span=definition.span,
        ).plot(),
        "error_per_epoch": ErrorCurveDisplay.from_estimators(trained, names),
        "discriminators": DiscriminationDisplay(outputs, names).plot(),
    }
    for name, display in displays.items():
        display.figure_.savefig(folder / f"{name}.png", dpi=110)
        matplotlib.pyplot.close(display.figure_)


def typical_row(y, estimate):
    """Return the row of the median error: neither the best nor the worst."""
    errors = relative_error(y, estimate).mean(axis=1)
    return int(np.argsort(errors)[len(errors) // 2])


def write_audio(separator, data, folder):
    """Write a whole piece and what was separated from it as WAV files."""
    import soundfile

    piece = load_bach10(data, pieces=[7], window=None)
    names = piece.component_names
    sounds = dict(zip(names, separator.separate(piece.data[0]), strict=True))
    for name, sound in ({"mixture": piece.data[0]} | sounds).items():
        path = folder / f"07-HerrGott-{name}.wav"
        soundfile.write(path, np.clip(sound, -1, 1), piece.sfreq)


def main(arguments=None):
    """Run the experiments that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.demo")
    parser.add_argument(
        "experiments", nargs="*", metavar="experiment", help=", ".join(EXPERIMENTS)
    )
    parser.add_argument("--data", help="folder of recordings: bach10, adfecgdb, mitdb")
    parser.add_argument("--full", action="store_true", help="longer trainings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="demo_output")
    args = parser.parse_args(arguments)
    unknown = sorted(set(args.experiments) - set(EXPERIMENTS))
    if unknown:
        parser.error(f"unknown experiments {unknown}; expected {list(EXPERIMENTS)}")
    names = args.experiments or ["ecg"]
    if args.data and not args.experiments:
        names = [name for name in available(args.data) if name in DEMONSTRATED]
    size = "full" if args.full else "quick"
    with warnings.catch_warnings():
        # by NMF for every row, though the last iterations change little
        warnings.filterwarnings("ignore", "Maximum number of iterations")
        for name in names:
            run(name, args.data, size, args.seed, args.output)


if __name__ == "__main__":
    main()
