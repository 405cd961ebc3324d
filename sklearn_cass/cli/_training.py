"""The command ``train``: from folders of recordings to a model."""

import ast
import os
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

from ..nn import BiLSTM, ResNet9
from ..separators import (
    AESeparator,
    CASSSeparator,
    GANSeparator,
    ICASeparator,
    NMFSeparator,
    RegularCASSSeparator,
)
from ._evaluating import print_evaluation
from ._matching import (
    check_size,
    concatenated,
    matched_tracks,
    named_paths,
    rate_of,
    tell_changes,
    window_and_hop,
    windows_of,
    windows_of_tracks,
)
from ._messages import QUIET, UsageError
from ._recordings import files_in, open_recording
from ._units import in_one_unit
from ._writing import complete_file

UNEQUAL = 20  # dB, between isolated recordings of two components
ESTIMATORS = {
    "ae": AESeparator,
    "regular": RegularCASSSeparator,
    "cass": CASSSeparator,
    "gan": GANSeparator,
    "nmf": NMFSeparator,
    "ica": ICASeparator,
}
NETWORKS = {"resnet9": ResNet9, "bilstm": BiLSTM}


def run(args, messages):
    """Train a separator and write it to a file."""
    check_arguments(args)
    separator = make_separator(args, messages)
    if args.isolated:
        X, y, rate, names = isolated_windows(args, messages)
        held_out = []
    else:
        tracks, names, rate = tracks_of(args, messages)
        tracks, held_out = split(tracks, args.validation, args.seed)
        window, hop = window_and_hop(args, rate)
        X, y = windows_of_tracks(tracks, rate, window, hop, args.channel, messages)
    fit(separator, X, y, rate, names, messages)
    save(separator, args, messages)
    if held_out:
        messages.say(f"{len(held_out)} recordings that were not trained on:")
        print_evaluation(separator, held_out, rate, args.channel, messages)
    return 0


# Arguments ---------------------------------------------------------------------------


def check_arguments(args):
    """Raise an error for what would fail only after the training."""
    output = Path(args.output).expanduser()
    if not output.parent.is_dir() or not os.access(output.parent, os.W_OK):
        raise UsageError(f"no folder that can be written to: {output.parent}")
    if output.is_dir():
        raise UsageError(f"-o must be a file, such as model.safetensors, got {output}")
    if output.exists() and not args.force:
        raise UsageError(f"{output} exists: --force replaces it")
    if args.isolated and args.sum:
        raise UsageError("--isolated and --sum are mutually exclusive")
    if args.isolated and args.validation:
        raise UsageError("--validation needs mixtures, and --isolated has none")
    n_least = 2 if args.isolated or not args.sum else 1
    if len(args.folders) < n_least:
        wanted = "COMPONENTS..." if not args.isolated else "a second FOLDER"
        raise UsageError(f"train needs {wanted}, after {args.folders[0]}")


def make_separator(args, messages):
    """Return the separator that options describe, not fitted."""
    cls = ESTIMATORS[args.estimator]
    if not hasattr(cls, "save"):
        raise UsageError(f"--estimator {args.estimator}: its models cannot be saved")
    separator = cls()
    parameters = {
        "max_epochs": args.epochs,
        "checkpoint": args.checkpoint,
        "device": args.device,
        "random_state": args.seed,
    }
    options = {"max_epochs": "--epochs"}
    known = separator.get_params(deep=False)
    for name, value in parameters.items():
        if value is not None and name not in known:
            option = options.get(name, f"--{name}")
            raise UsageError(
                f"{option} has no meaning for --estimator {args.estimator}"
            )
    given = {name: value for name, value in parameters.items() if value is not None}
    if "verbose" in known:
        given["verbose"] = int(messages.level > QUIET and sys.stderr.isatty())
    set_parameters(separator, given | dict(map(setting, args.set)))
    return separator


def setting(text):
    """Return name and value of an option ``--set name=value``."""
    name, is_setting, value = text.partition("=")
    if not is_setting or not name:
        raise UsageError(f"--set must be name=value, got {text}")
    if name == "network" and value.lower() in NETWORKS:
        return name, NETWORKS[value.lower()]()
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value  # a word, such as adam


def set_parameters(separator, parameters):
    """Set parameters; an error names one that does not exist."""
    # a network, or transform, before the parameters that it has
    for name in sorted(parameters, key=lambda name: ("__" in name, name)):
        try:
            separator.set_params(**{name: parameters[name]})
        except (ValueError, AttributeError) as error:
            known = ", ".join(separator.get_params())
            raise UsageError(f"--set {name}: no such parameter of {known}") from error
    try:
        separator._validate_params()
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from error


def tracks_of(args, messages):
    """Return tracks, names of components, and the rate to train at."""
    mixtures = None if args.sum else args.folders[0]
    components = named_paths(args.folders if args.sum else args.folders[1:])
    tracks = matched_tracks(mixtures, components, args.sfreq, args.channel, messages)
    rate = rate_of([t.recordings()[0] for t in tracks], args.sfreq)
    return tracks, list(components), rate


def split(tracks, share, seed):
    """Return tracks to train on, and tracks to measure the result on."""
    if not share:
        return tracks, []
    n_held_out = max(1, round(share * len(tracks)))
    if n_held_out >= len(tracks):
        raise UsageError(
            f"--validation {share:g} of {len(tracks)} recordings leaves none to train "
            "on"
        )
    drawn = np.random.default_rng(seed).permutation(len(tracks))[:n_held_out]
    kept = [track for k, track in enumerate(tracks) if k not in drawn]
    return kept, [tracks[k] for k in sorted(drawn)]


def isolated_windows(args, messages):
    """Return windows of isolated recordings, labels, the rate, and no names."""
    folders = named_paths(args.folders)
    opened = {
        name: [open_recording(p, args.sfreq) for p in files_in(path)]
        for name, path in folders.items()
    }
    opened = in_one_unit(opened, args.channel, messages)
    recordings = [r for group in opened.values() for r in group]
    rate = rate_of(recordings, args.sfreq)
    window, hop = window_and_hop(args, rate)
    tell_changes(recordings, rate, args.channel, messages)
    check_size(recordings, rate, window, hop)
    parts, labels = [], []
    for name, group in opened.items():
        for recording in group:
            of = windows_of(recording, rate, window, hop, args.channel, messages)
            parts += of
            labels += [name] * sum(map(len, of))
    if set(labels) < folders.keys():
        missing = sorted(folders.keys() - set(labels))
        raise UsageError(f"{missing[0]}: no recording is as long as a window, {window}")
    X, labels = concatenated(parts, window), np.array(labels)
    warn_of_levels(X, labels, messages)
    return X, labels, rate, None


def warn_of_levels(X, labels, messages):
    """Warn of isolated components whose levels are far apart.

    Mixtures are drawn at the levels of the recordings: far apart, they are hardly more
    than the louder component.
    """
    levels = {}
    for name in np.unique(labels):
        deviations = X[labels == name].std(axis=-1, dtype=float)  # without offsets
        levels[str(name)] = np.sqrt(np.mean(np.square(deviations)))
    low, *_, high = sorted(levels, key=levels.get)
    if levels[low] == 0:  # `fit` warns of silence
        return
    apart = 20 * np.log10(levels[high] / levels[low])
    if apart > UNEQUAL:
        messages.say(
            f"warning: {high} is {apart:.0f} dB louder than {low} (root mean squares "
            f"{levels[high]:.3g} and {levels[low]:.3g}), and mixtures are drawn so: if "
            "that is not so in real mixtures, scale the recordings, or state the units "
            "of EDF and WFDB files"
        )


# Training ----------------------------------------------------------------------------


def fit(separator, X, y, rate, names, messages):
    """Fit a separator, and say how much it learns from and how long that took.

    Names are those of components in the order of y; None where y holds labels.
    """
    shape = "x".join(map(str, X.shape[1:]))
    at = "" if rate is None else f" at {rate:g} Hz"
    name = type(separator).__name__
    messages.say(f"training {name} on {len(X)} windows of {shape} time points{at}")
    start = time.perf_counter()
    with redirect_stdout(sys.stderr):
        separator.fit(X, y, sfreq=rate, component_names=names)
    messages.say(f"trained in {time.perf_counter() - start:.0f} s")


def save(separator, args, messages):
    """Write a separator to its file; an option for this training alone is left out."""
    if "verbose" in separator.get_params(deep=False):
        separator.set_params(verbose=0)
    path = Path(args.output).expanduser()
    with complete_file(path, args.force) as temporary:
        separator.save(temporary)
    names = ", ".join(map(str, separator.component_names_))
    messages.say(f"{path}: separates {names}")
