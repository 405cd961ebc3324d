"""Separation tasks with known components: the demonstration's and the paper's.

Rows are split in training, validation and test rows. Settings are chosen on validation
rows; tables hold errors on test rows.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from sklearn_cass import datasets

N_JOBS = -1  # workers that generate traces
FIRST_SEED = 1000  # seeds of generated rows are apart from those of other examples
UNSEEN = (7, 8)  # groups that are always tested on: pieces of Bach10, fetal records
TRAINED_ON = {"test": ("train", "validation"), "validation": ("train",)}

# STFTs of oracle masks and of phases shared with the mixture
AUDIO_STFT = {"n_fft": 1024, "hop_length": 256}
ECG_STFT = {"n_fft": 128, "hop_length": 32}
PPG_STFT = {"n_fft": 256, "hop_length": 64}

PPG_ROWS = {"n_train": 1280, "n_validation": 320, "n_test": 320}
ECG_ROWS = PPG_ROWS | {"generator": {"windows_per_trace": 32}}
BACH10_ROWS = {"window": 1.0, "share_test": 0.2, "share_validation": 0.1}


@dataclass
class Experiment:
    """One separation task, its rows split three ways."""

    bunch: dict
    parts: dict  # row numbers of "train", "validation" and "test"

    def index(self, *parts):
        """Return the numbers of the rows of some parts."""
        return np.concatenate([self.parts[part] for part in parts])

    def rows(self, *parts):
        """Return mixtures and components of some parts."""
        index = self.index(*parts)
        return self.bunch.data[index], self.bunch.target[index]

    def training_rows(self, measured_on="test", n_rows=None, seed=0):
        """Return the rows to learn from; ``n_rows`` samples so many of them.

        To be measured on test rows, a separator learns from validation rows, too.
        """
        X, y = self.rows(*TRAINED_ON[measured_on])
        kept = np.random.default_rng(seed).permutation(len(X))[:n_rows]
        return X[np.sort(kept)], y[np.sort(kept)]


@dataclass(frozen=True)
class Definition:
    """Definition of an experiment: its rows, description and demonstration.

    ``make`` takes rows (how many, and how they are made), a seed and a folder of
    recordings. ``quick`` and ``full`` are for the demonstration: what differs from
    ``rows``, and ``max_epochs``, where None is the separators' default. ``nmf`` holds
    parameters of NMF, which is demonstrated where its ratio masks suit the signals.
    """

    title: str
    split: str
    make: Callable
    stft: dict
    rows: dict
    quick: tuple
    full: tuple
    parameters: dict = field(default_factory=dict)  # of separators, beyond defaults
    folders: tuple = ()  # of recordings
    unit: str = "mV"
    span: tuple | None = None  # seconds of a row to draw, where all are too many
    nmf: dict | None = None


@lru_cache(maxsize=1)  # the runs of a seed follow each other
def _made(name, sizes, seed, folder):
    return EXPERIMENTS[name].make(json.loads(sizes), seed, folder)


def make(name, sizes, seed, folder=None):
    """Return an experiment; the rows of generated ones differ with the seed."""
    return _made(name, json.dumps(sizes), seed, folder)


def available(folder):
    """Return the names of the experiments whose recordings are in a folder."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"the folder of recordings {folder} does not exist")
    names = [
        name
        for name, definition in EXPERIMENTS.items()
        if definition.folders
        and all((folder / part).is_dir() for part in definition.folders)
    ]
    if not names:
        raise FileNotFoundError(
            f"{folder} holds neither a folder bach10 nor folders adfecgdb and mitdb"
        )
    return names


def chosen(names, options):
    """Return the experiments asked for; by default, of some, those that can be made.

    ``options`` has ``experiments`` and ``data``, the folder of recordings or None.
    """
    return options.experiments or [
        name for name in names if options.data or not EXPERIMENTS[name].folders
    ]


# Generated ----------------------------------------------------------------------------


def generated(generator, sizes, seed, folder=None):
    """Return generated rows, split by groups that share a trace or a subject.

    The first groups are tested on, however many rows are trained on.
    """
    n_held_out = (sizes["n_test"], sizes["n_validation"])
    bunch = generator(
        sum(n_held_out) + sizes["n_train"],
        random_state=FIRST_SEED + seed,
        **sizes.get("generator", {}),
    )
    if "noise_db" in sizes:
        add_noise(bunch, sizes["noise_db"], FIRST_SEED + seed)
    test, validation, train = split_groups(bunch.groups, n_held_out)
    return Experiment(bunch, {"train": train, "validation": validation, "test": test})


def add_noise(bunch, level, seed):
    """Add white noise to the mixtures, ``level`` decibels above each one's own."""
    noise = np.random.default_rng(seed).normal(size=bunch.data.shape)
    rms = np.sqrt(np.mean(np.square(bunch.data), axis=-1, keepdims=True))
    bunch.data = bunch.data + 10 ** (level / 20) * rms * noise


def split_groups(groups, n_held_out):
    """Return row numbers of parts of whole groups: so many rows or more, then the rest.

    Groups are taken in the order in which they appear.
    """
    names, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    order = np.argsort(first)
    ends = np.cumsum(sizes[order])
    parts, start = [], 0
    for n_rows in n_held_out:
        taken = ends[start - 1] if start else 0
        stop = 1 + int(np.searchsorted(ends, taken + n_rows)) if n_rows else start
        parts.append(names[order][start:stop])
        start = stop
    parts.append(names[order][start:])
    return [np.flatnonzero(np.isin(groups, part)) for part in parts]


# Recorded -----------------------------------------------------------------------------


def load_windows(sizes, folder):
    """Return windows of Bach10, each overlapping the next by half."""
    window = sizes["window"]
    return datasets.load_bach10(
        folder, window=window, hop=window / 2, pieces=sizes.get("pieces")
    )


def random_windows(sizes, seed, folder):
    """Return Bach10 with random windows held out: all pieces are in every part."""
    bunch = load_windows(sizes, folder)
    shares = sizes["share_test"], sizes["share_validation"]
    return Experiment(bunch, split_windows(bunch.groups, *shares, seed))


def split_windows(groups, share_test, share_validation, seed):
    """Return row numbers by part; windows of different parts do not overlap.

    Every second window is drawn from, so that no two of them overlap. Windows that
    overlap with one held out are in no part.
    """
    follows = groups[1:] == groups[:-1]
    starts = np.flatnonzero(np.r_[True, ~follows])
    place = np.arange(len(groups)) - np.repeat(starts, np.diff([*starts, len(groups)]))
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(place % 2 == 0))
    n_test, n_validation = (
        round(s * len(drawn)) for s in (share_test, share_validation)
    )
    test, validation = drawn[:n_test], drawn[n_test : n_test + n_validation]
    held_out = np.zeros(len(groups), bool)
    held_out[test] = held_out[validation] = True
    beside = np.zeros(len(groups), bool)
    beside[1:] |= held_out[:-1] & follows
    beside[:-1] |= held_out[1:] & follows
    train = np.flatnonzero(~held_out & ~beside)
    parts = {"train": train, "validation": validation, "test": test}
    return {name: np.sort(rows) for name, rows in parts.items()}


def unseen_pieces(sizes, seed, folder):
    """Return Bach10 with whole pieces held out."""
    return unseen_groups(load_windows(sizes, folder), seed, sizes.get("n_test"))


def fetal_records(sizes, seed, folder):
    """Return semi-real fetal ECG with whole records held out."""
    bunch = datasets.load_semireal_fetal_ecg(folder, random_state=seed, **sizes)
    return unseen_groups(bunch, seed)


def unseen_groups(bunch, seed, n_test=None):
    """Return an experiment tested on the groups UNSEEN, validated on one other."""
    known = sorted(set(bunch.groups.tolist()) - set(UNSEEN))
    validation = np.flatnonzero(bunch.groups == known[seed % len(known)])
    test = np.flatnonzero(np.isin(bunch.groups, UNSEEN))
    train = np.setdiff1d(np.arange(len(bunch.groups)), np.r_[validation, test])
    # fewer where so asked: from everywhere, the same for all seeds
    test = np.sort(np.random.default_rng(0).permutation(test)[:n_test])
    return Experiment(bunch, {"train": train, "validation": validation, "test": test})


EXPERIMENTS = {
    "bach10": Definition(
        title="Bach10: bassoon and saxophone, random windows held out",
        split="Windows overlap by half; those held out are drawn at random from all "
        "pieces, and what overlaps with one of them is not trained on.",
        make=random_windows,
        stft=AUDIO_STFT,
        rows=BACH10_ROWS,
        quick=({}, 10),
        full=({}, 20),
        folders=("bach10",),
        unit="",
        span=(0.5, 0.55),
        nmf={"stft__n_fft": 2048, "stft__hop_length": 512},
    ),
    "bach10-unseen": Definition(
        title="Bach10: bassoon and saxophone, pieces 07 and 08 held out",
        split="Nothing of the pieces tested on was trained on or chosen by. The paper "
        "has no such numbers.",
        make=unseen_pieces,
        stft=AUDIO_STFT,
        rows={"window": 1.0},
        quick=({}, 10),
        full=({}, 20),
        folders=("bach10",),
        unit="",
        span=(0.5, 0.55),
        nmf={"stft__n_fft": 2048, "stft__hop_length": 512},
    ),
    "ecg": Definition(
        title="Generated ECG: maternal and fetal",
        split="Rows are generated for each seed; test rows come from traces of their "
        "own.",
        make=partial(generated, partial(datasets.make_ecg_mixtures, n_jobs=N_JOBS)),
        stft=ECG_STFT,
        rows=ECG_ROWS,
        quick=({"n_train": 640}, 6),
        full=({"n_train": 1600}, None),
    ),
    "ppg": Definition(
        title="Generated PPG: heart beat and respiration",
        split="Rows are generated for each seed; test rows come from subjects of their "
        "own.",
        make=partial(generated, datasets.make_ppg_mixtures),
        stft=PPG_STFT,
        rows=PPG_ROWS,
        quick=({"n_train": 640}, 6),
        full=({"n_train": 1600}, None),
        unit="",
    ),
    "fetal": Definition(
        title="Semi-real fetal ECG: records r07 and r08 held out",
        split="Nothing of the records tested on was trained on; the maternal part is "
        "one adult's recording, whose stretches for training and testing are apart.",
        make=fetal_records,
        stft=ECG_STFT,
        rows={"hop": 256},
        quick=({}, 12),
        full=({}, 24),
        folders=("adfecgdb", "mitdb"),
    ),
}
