"""Adversarial training under different conditions, on generated fetal ECG."""

from functools import partial

from ..markdown import table
from . import settings
from . import statistics as stats
from .published import FETAL
from .tasks import CROSS, FAMILY, PLAIN, REGULAR, Task

NAME = "conditions"
BASE = settings.stft(8, 4) | {
    "reconstruction_loss": "relative",
    "network__n_filters": 8,
    "batch_size": 4,
    "lr": 6e-3,
    "discriminator_lr": 6e-4,
    "max_epochs": 8,
    "n_train_rows": 320,
    "cross_weights": 0.3,
    "n_watched": 16,
    "watch_every": 100,
}
NO_SKIPS = {"network__skip_connections": False, "remix": 0.0}
MAGNITUDES = {"representation": "magnitude", **settings.stft(**settings.ECG_STFT)}
# what differs from the base; "noise_db" is about rows
CONDITIONS = {
    "320 rows, 8 filters, skips, remix, beta 0.1, cross 0.3": {},
    "cross weight 0.01, the paper's": {"cross_weights": 0.01},
    "cross weight 1": {"cross_weights": 1.0},
    "beta 0.01": {"alpha": 0.99, "beta": 0.01},
    "beta 0.3": {"alpha": 0.7, "beta": 0.3},
    "discriminators learn ten times as fast": {"discriminator_lr": 6e-3},
    "80 rows": {"n_train_rows": 80, "max_epochs": 32},
    "1280 rows": {"n_train_rows": 1280, "max_epochs": 2},
    "4 filters": {"network__n_filters": 4},
    "16 filters": {"network__n_filters": 16},
    "no remix": {"remix": 0.0},
    "80 rows, no remix": {"n_train_rows": 80, "max_epochs": 32, "remix": 0.0},
    "no skips, no remix": NO_SKIPS,
    "no skips, no remix, magnitudes (128/32)": NO_SKIPS | MAGNITUDES,
    "white noise at -10 dB of each mixture": {"noise_db": -10},
}


def tasks_of(condition, seed):
    """Return the runs of a condition by separator."""
    entries = BASE | CONDITIONS[condition]
    noise = {k: entries.pop(k) for k in ("noise_db",) if k in entries}
    rows = settings.ROWS["ecg"] | noise
    return {e: Task("ecg", condition, e, seed, entries, rows) for e in FAMILY}


def tasks(seed, options):
    """Return the runs of a seed."""
    return [task for name in CONDITIONS for task in tasks_of(name, seed).values()]


def write(records, options):
    """Write the page: a line for each condition that has a complete seed."""
    rows = []
    for name in CONDITIONS:
        if found := records.complete(partial(tasks_of, name)):
            rows.append(row(name, found))
    stale = records.stale(lambda seed: dict(enumerate(tasks(seed, options))))
    return options.write_page(NAME, base=BASE, table=table(rows), stale=stale)


def row(condition, records):
    """Return a line of the table."""
    names = dict(zip(FAMILY, ("AE", "regular", "cross"), strict=True))
    errors = {e: stats.values(records[e], "waveform", "L2", FETAL) for e in FAMILY}
    cells = {f"fetal L2, {names[e]}": stats.summary(errors[e], 3) for e in FAMILY}
    for e in (REGULAR, CROSS):
        difference = stats.relative_difference(errors[e], errors[PLAIN])
        cells[f"{names[e]} against AE [%]"] = stats.difference_text(difference)
    shares = stats.rejection_rows(records, {"share": f"estimates{FETAL}0"})
    for e, of_e in zip((REGULAR, CROSS), shares, strict=True):
        cells[f"D_fetal rejects maternal, {names[e]}"] = of_e["share"]
    return {"condition": condition} | cells | {"seeds": len(errors[PLAIN])}
