"""Ablations: the effect of each change of the training, on validation rows."""

import json
from functools import partial

from sklearn_cass.nn import OUTPUT_HEADS, REPRESENTATIONS

from ..experiments import EXPERIMENTS
from ..markdown import table
from . import conditions, settings
from . import statistics as stats
from .published import FETAL
from .tasks import CROSS, PLAIN, REGULAR, SEPARATORS, Task, default

NAME = "ablations"
# the base where the best setting has another network
RESNET9 = {
    "bach10-unseen": settings.SHORT_AUDIO
    | {
        "representation": "phase-sensitive",
        "network__compression": 0.5,
        "network__output": "ratio_mask",
        "network__dilation": 1,
        "network__n_filters": 8,
        "reconstruction_loss": "mse",
        "discriminator_lr": 6e-4,
        "batch_size": 4,
        "cross_weights": 0.3,
    }
}
FEWER = {"max_epochs": 3, "n_watched": 16, "watch_every": 100}
FEWER_RECURRENT = FEWER | {"max_epochs": 12}
LONG_STFT = {"ecg": settings.ECG_STFT, "ppg": settings.PPG_STFT}  # for magnitudes
OTHER_STFTS = {
    "ecg": ((16, 4), (128, 32)),
    "ppg": ((32, 8), (256, 64)),
    "bach10-unseen": ((1024, 256), (2048, 512)),
}
RECURRENT_CHANGES = (
    {},
    {"remix": 0.0},
    {"remix": 0.25},
    {"representation": "magnitude"},
    settings.stft(4096, 1024),
    {"reconstruction_loss": "mse"},
    {"max_epochs": 28},
)
KINDS = {
    "autoencoders": "Autoencoders alone",
    "recurrent": "Autoencoders of recurrent networks alone",
    "adversarial": "Cross adversarial training",
}
TABLES = [
    *(("autoencoders", name) for name in OTHER_STFTS),
    ("recurrent", "bach10"),
    ("adversarial", "ecg"),
]


def base_of(kind, experiment):
    """Return the setting that the lines of a table differ from."""
    if kind == "adversarial":
        return conditions.BASE
    entries, fewer = settings.SETTINGS["best"][experiment], FEWER_RECURRENT
    if kind == "autoencoders":
        entries, fewer = RESNET9.get(experiment, entries), FEWER
    entries = entries | entries.get(PLAIN, {}) | fewer
    return {k: v for k, v in entries.items() if k not in SEPARATORS}


def lines_of(kind, experiment):
    """Return {line: (what changes, separator)}; the first line is the base."""
    if kind == "autoencoders":
        full = default(PLAIN).get_params() | base_of(kind, experiment)
        changes = autoencoder_changes(experiment, full)
        return {about(changed): (changed, PLAIN) for changed in changes}
    if kind == "recurrent":
        return {about(changed): (changed, PLAIN) for changed in RECURRENT_CHANGES}
    rate = base_of(kind, experiment)["discriminator_lr"]
    changes = {
        "discriminator_lr x10 (Heusel et al. 2017)": {"discriminator_lr": 10 * rate},
        "discriminator_lr x0.1": {"discriminator_lr": 0.1 * rate},
        "loss_weighting literal": {"loss_weighting": "literal"},
    }
    lines = {"AE": ({}, PLAIN), "regular": ({}, REGULAR), "cross": ({}, CROSS)}
    return lines | {line: (changed, CROSS) for line, changed in changes.items()}


def autoencoder_changes(experiment, full):
    """Return what each line changes; ``full`` are all parameters of the base."""
    n_filters, lr = full["network__n_filters"], full["lr"]
    values = {
        "network__skip_connections": [False],
        "remix": [0.0, 0.25],
        "network__output": OUTPUT_HEADS,
        "lr": [lr / 2, lr * 2],
        "lr_schedule": ["constant"],
        "optimizer": ["adam"],
        "network__dilation": [1, 4],
        "reconstruction_loss": ["mse", "relative"],
        "network__n_filters": [n_filters // 2, n_filters * 2],
        "batch_size": [full["batch_size"] * 2],
        "network__compression": [1.0, 0.5],
    }
    changes = [{}, *({name: v} for name, of in values.items() for v in of)]
    long = settings.stft(**LONG_STFT[experiment]) if experiment in LONG_STFT else {}
    for name in REPRESENTATIONS:
        changes.append({"representation": name} | (long if name != "complex" else {}))
    return changes + [settings.stft(*lengths) for lengths in OTHER_STFTS[experiment]]


def about(changes):
    """Return what a line changes, in words."""
    words = {k.removeprefix("network__"): v for k, v in changes.items()}
    if "stft__n_fft" in words:
        words["stft"] = f"{words.pop('stft__n_fft')}/{words.pop('stft__hop_length')}"
    return ", ".join(f"{name} {value}" for name, value in words.items()) or "base"


def tasks_of(kind, experiment, seed):
    """Return the runs of a table by line."""
    base, rows = base_of(kind, experiment), settings.rows_of("best", experiment)
    tasks = {}
    for line, (changes, estimator) in lines_of(kind, experiment).items():
        of = (experiment, f"{kind}: {line}", estimator, seed)
        tasks[line] = Task(*of, base | changes, rows, "validation")
    return tasks


def tasks(seed, options):
    """Return the runs of a seed."""
    asked = [of for of in TABLES if of[1] in options.experiments]
    return [task for of in asked for task in tasks_of(*of, seed).values()]


def write(records, options):
    """Write the page: all tables that have records."""
    sections = [part for of in TABLES for part in section(*of, records)]
    return options.write_page(NAME, sections="\n".join(sections))


def section(kind, experiment, records):
    """Return a table, its base and what is stale; nothing without records."""
    tasks = partial(tasks_of, kind, experiment)
    stale, rows = records.stale(tasks), []
    first, *_ = lines = list(lines_of(kind, experiment))
    for line in lines:

        def pair(seed, names=(first, line)):
            return {name: tasks(seed)[name] for name in names}

        if found := records.complete(pair):
            runs = found[line], found[first]
            rows.append({"line": line} | cells(*runs, kind == "adversarial"))
    if not rows and not stale:
        return []
    title = f"## {KINDS[kind]}: {EXPERIMENTS[experiment].title}\n"
    base = f"Base: `{json.dumps(base_of(kind, experiment))}`.\n"
    return [title, base, f"{table(rows)}\n", stale]


def cells(runs, base, adversarial):
    """Return the cells of a line, from its records and those of the first line."""
    found = {}
    for k, name in enumerate(runs[0]["component_names"]):
        found[f"{name} L2"] = stats.mean_text(runs, "waveform", "L2", k, 3)
        shared = stats.mean_text(runs, "shared_phase", "L2", k, 3)
        found[f"{name} L2, shared phase"] = shared
        found[f"{name} SDR [dB]"] = stats.mean_text(runs, "waveform", "SDR", k, 2)
        pair = (stats.values(of, "waveform", "L2", k) for of in (runs, base))
        change = stats.difference_text(stats.relative_difference(*pair))
        found[f"{name} L2, change [%]"] = change
    if adversarial:
        shares = [r["outputs"][f"estimates{FETAL}0"] for r in runs if "outputs" in r]
        share = stats.summary([s["rejected"] for s in shares], 2) if shares else ""
        found["D_fetal rejects maternal"] = share
    times = [a["seconds"] / b["seconds"] for a, b in zip(runs, base, strict=True)]
    return found | {"time": stats.summary(times, 2), "seeds": len(runs)}
