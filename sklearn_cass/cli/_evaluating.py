"""The commands ``evaluate`` and ``report``: estimates beside true components."""

import json
import math
from pathlib import Path

import numpy as np

from ..datasets._windows import cut_windows, window_starts
from ..metrics import relative_error, sdr, si_sdr
from ._matching import (
    concatenated,
    matched_tracks,
    named_paths,
    read_track,
    tell_changes,
    windows_of,
    windows_of_tracks,
)
from ._messages import UsageError, printable
from ._models import load_model
from ._recordings import files_in, open_recording
from ._separating import n_model_channels
from ._units import in_one_unit
from ._writing import complete_file

METRICS = {"SDR [dB]": sdr, "SI-SDR [dB]": si_sdr, "relative error": relative_error}


def run(args, messages):
    """Print the errors of a model on recordings whose components are known."""
    separator = load_model(args.model)
    components = in_order_of(separator, named_paths(args.components))
    rate = args.sfreq if separator.sfreq_ is None else separator.sfreq_
    tracks = matched_tracks(
        args.mixtures, components, args.sfreq, args.channel, messages
    )
    print_evaluation(separator, tracks, rate, args.channel, messages, args.json)
    return 0


def in_order_of(separator, components):
    """Return the components' paths in the order of the model's components."""
    names = [str(name) for name in separator.component_names_]
    if set(names) == components.keys():
        return {name: components[name] for name in names}
    has_names = not all(name.isdecimal() for name in names)
    if has_names or len(components) != len(names):
        raise UsageError(
            f"the model separates {', '.join(names)}, but the components are "
            f"{', '.join(components)}: name their folders so, or use NAME=FOLDER"
        )
    return components


def print_evaluation(separator, tracks, rate, channel, messages, as_json=False):
    """Separate tracks and print a table, or JSON, of the errors."""
    recordings = [r for track in tracks for r in track.recordings()]
    tell_changes(recordings, rate, channel, messages)
    truth, estimates = [], {}
    with messages.bar(100, "separating") as bar:
        for track in tracks:
            X, y = read_track(track, rate, channel)
            found = estimates_of(separator, X, y)
            windows = separator.domains_.window_shape[-1]
            truth.append(in_windows(y, windows))
            for name, estimate in found.items():
                estimates.setdefault(name, []).append(in_windows(estimate, windows))
            bar.update(100 / len(tracks))
    names = [str(name) for name in separator.component_names_]
    results = measured(truth, estimates, names)
    if as_json:
        n_windows = sum(map(len, truth))
        content = {"sfreq": rate, "recordings": len(tracks), "windows": n_windows}
        print(json.dumps(content | {"results": results}, indent=2))
    else:
        print(printable(table(results)))


def estimates_of(separator, X, y):
    """Return the model's estimates of one recording, and those that know nothing."""
    n_wanted, n_channels = n_model_channels(separator), len(X) if X.ndim > 1 else 1
    if n_wanted != n_channels:
        raise UsageError(
            f"the model takes {n_wanted} channels, got {n_channels}: choose them by "
            "--channel"
        )
    recording = X[np.newaxis] if len(separator.domains_.window_shape) > X.ndim else X
    found = {"model": separator.separate(recording).reshape(y.shape)}
    if X.shape == y.shape[1:]:
        found["mixture"] = np.broadcast_to(X, y.shape)
    found["zero"] = np.zeros_like(y)
    return found


def in_windows(x, n_times):
    """Return windows of a recording; one that is shorter is a window by itself."""
    n_times = min(n_times, x.shape[-1])
    return cut_windows(x, window_starts(x.shape[-1], n_times, n_times), n_times)


def measured(truth, estimates, names):
    """Return median and mean of each metric, for each estimate and component."""
    results = []
    for kind, found in estimates.items():
        for metric, function in METRICS.items():
            pairs = zip(truth, found, strict=True)
            with np.errstate(all="ignore"):
                values = np.concatenate([function(t, e) for t, e in pairs])
            for name, column in zip(names, values.T, strict=True):
                results.append(summary_of(kind, name, metric, column))
    return results


def summary_of(kind, name, metric, values):
    """Return what a row of the table says of values, NaN where the truth is silent."""
    known = values[~np.isnan(values)]
    return {
        "estimate": kind,
        "component": name,
        "metric": metric,
        "median": finite(np.median(known) if len(known) else math.nan),
        "mean": finite(known.mean() if len(known) else math.nan),
        "windows": len(known),
        "silent": len(values) - len(known),
    }


def finite(value):
    """Return a number, or None for what JSON has no word for."""
    return round(float(value), 4) if math.isfinite(value) else None


def known(value):
    """Return the number that JSON may have no word for."""
    return math.nan if value is None else value


def table(results):
    """Return a table: a line for each estimate and component."""
    from ..report._text import aligned, number

    rows = [["estimate", "component", *(f"{m}, median / mean" for m in METRICS)]]
    rows[0] += ["windows", "silent"]
    by_row = {}
    for result in results:
        key = result["estimate"], result["component"]
        by_row.setdefault(key, []).append(result)
    for key, row in by_row.items():
        pairs = [(known(r["median"]), known(r["mean"])) for r in row]
        cells = [f"{number(median)} / {number(mean)}" for median, mean in pairs]
        windows = max(r["windows"] for r in row)
        rows.append([*key, *cells, str(windows), str(row[0]["silent"])])
    return "\n".join(aligned(rows))


# Report ------------------------------------------------------------------------------


def run_report(args, messages):
    """Write a report of models as one HTML page."""
    output = Path(args.output).expanduser()
    if output.exists() and not args.force:
        raise UsageError(f"{output} exists: --force replaces it")
    models = load_models(args.models)
    X, y, rate = report_windows(models, args, messages)
    from ..report import separation_report

    report = separation_report(models, X, y, sfreq=rate)
    with complete_file(output, args.force) as temporary:
        report.save(temporary)
    messages.say(f"{output}: report of {len(X)} windows")
    return 0


def load_models(paths):
    """Return models by the stems of their files; their rows must be alike."""
    models = {Path(path).stem: load_model(path) for path in paths}
    if len(models) < len(paths):
        raise UsageError("two models have the same name")
    first, *others = models.values()
    for other in others:
        alike = (
            other.domains_.window_shape == first.domains_.window_shape
            and other.sfreq_ == first.sfreq_
            and list(other.component_names_) == list(first.component_names_)
        )
        if not alike:
            raise UsageError(
                "models of one report must have windows of one length, one rate, and "
                "the same components"
            )
    return models


def report_windows(models, args, messages):
    """Return windows of mixtures, their components or None, and the rate."""
    separator = next(iter(models.values()))
    rate = args.sfreq if separator.sfreq_ is None else separator.sfreq_
    window = separator.domains_.window_shape[-1]
    if args.components:
        components = in_order_of(separator, named_paths(args.components))
        tracks = matched_tracks(
            args.mixtures, components, args.sfreq, args.channel, messages
        )
        X, y = windows_of_tracks(tracks, rate, window, window, args.channel, messages)
    else:
        X, y = mixture_windows(args, rate, window, messages), None
    keep = np.unique(np.linspace(0, len(X) - 1, args.max_windows).astype(int))
    return X[keep], None if y is None else y[keep], rate


def mixture_windows(args, rate, window, messages):
    """Return windows of mixtures whose components are not known."""
    path, parts = Path(args.mixtures), []
    if not path.exists():
        raise UsageError(f"no such folder or file: {path}")
    opened = [open_recording(file, args.sfreq) for file in files_in(path)]
    recordings = in_one_unit({"": opened}, args.channel, messages)[""]
    tell_changes(recordings, rate, args.channel, messages)
    for recording in recordings:
        parts += windows_of(recording, rate, window, window, args.channel, messages)
    return concatenated(parts, window)
