"""Mixtures of each experiment: rows to train on, to choose by and to test on."""

import json
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from sklearn_cass import datasets

N_JOBS = -1  # workers that generate traces: a core each
# generated rows have seeds of their own, apart from those of other examples
FIRST_SEED = 1000
UNSEEN = (7, 8)  # pieces that nothing was chosen by
# A table's runs learn from all rows but those tested on. What is chosen is chosen by
# runs that have never seen the rows of "choose", and none has seen those of "test".
TRAINED_ON = {"test": ("train", "choose"), "choose": ("train",)}


@dataclass
class Experiment:
    """One separation task with its rows split three ways."""

    bunch: dict
    parts: dict  # row numbers of "train", "choose" and "test"

    def rows(self, *parts):
        """Mixtures and components of some parts."""
        index = np.concatenate([self.parts[part] for part in parts])
        return self.bunch.data[index], self.bunch.target[index]

    def training_rows(self, measured_on, n_rows=None, seed=0):
        """What a run learns from; ``n_rows`` draws so many of them."""
        X, y = self.rows(*TRAINED_ON[measured_on])
        kept = np.random.default_rng(seed).permutation(len(X))[:n_rows]
        return X[np.sort(kept)], y[np.sort(kept)]


@lru_cache(maxsize=1)  # the runs of a seed follow each other
def _made(name, sizes, seed, folder):
    return EXPERIMENTS[name](json.loads(sizes), seed, folder)


def make(name, sizes, seed, folder=None):
    """The rows of an experiment; those of generated ones differ with the seed."""
    return _made(name, json.dumps(sizes), seed, folder)


def ecg(sizes, seed, folder):
    """Generated fetal and maternal ECG, split by pairs of traces."""
    generator = partial(datasets.make_ecg_mixtures, n_jobs=N_JOBS)
    return generated(generator, sizes, seed)


def ppg(sizes, seed, folder):
    """Generated heart beat and respiratory PPG, split by subjects."""
    return generated(datasets.make_ppg_mixtures, sizes, seed)


def generated(generator, sizes, seed):
    """Rows of a generator; the first are tested on, however many are trained on."""
    n_held_out = (sizes["n_test"], sizes["n_choose"])
    bunch = generator(
        sum(n_held_out) + sizes["n_train"],
        random_state=FIRST_SEED + seed,
        **sizes.get("generator", {}),
    )
    if "noise_db" in sizes:
        add_noise(bunch, sizes["noise_db"], FIRST_SEED + seed)
    test, choose, train = split_groups(bunch.groups, n_held_out)
    return Experiment(bunch, {"train": train, "choose": choose, "test": test})


def add_noise(bunch, level, seed):
    """White noise in the mixtures, so many decibels above each one's own level."""
    noise = np.random.default_rng(seed).normal(size=bunch.data.shape)
    rms = np.sqrt(np.mean(np.square(bunch.data), axis=-1, keepdims=True))
    bunch.data = bunch.data + 10 ** (level / 20) * rms * noise


def split_groups(groups, n_held_out):
    """Row numbers by parts of whole groups: so many rows or more each, then the rest.

    Groups are taken in the order in which they appear.
    """
    names, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    order = np.argsort(first)
    ends = np.cumsum(sizes[order])
    parts, start = [], 0
    for n_rows in n_held_out:
        taken = ends[start - 1] if start else 0
        stop = 1 + int(np.searchsorted(ends, taken + n_rows))
        parts.append(names[order][start:stop])
        start = stop
    parts.append(names[order][start:])
    return [np.flatnonzero(np.isin(groups, part)) for part in parts]


def load_windows(sizes, folder):
    """Bach10 windows, each overlapping the next by half."""
    window = sizes["window"]
    return datasets.load_bach10(
        folder, window=window, hop=window / 2, pieces=sizes.get("pieces")
    )


def bach10(sizes, seed, folder):
    """Random windows of the pieces held out: all pieces are on every side."""
    bunch = load_windows(sizes, folder)
    parts = split_windows(
        bunch.groups, sizes["share_test"], sizes["share_choose"], seed
    )
    return Experiment(bunch, parts)


def split_windows(groups, share_test, share_choose, seed):
    """Held out at random: windows that overlap with none of any other part.

    Every second window is drawn from, so that no two of them overlap; what overlaps
    with a window held out is in no part.
    """
    place = np.concatenate([np.arange(n) for n in run_lengths(groups)])
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(place % 2 == 0))
    n_test, n_choose = (round(s * len(drawn)) for s in (share_test, share_choose))
    test, choose = drawn[:n_test], drawn[n_test : n_test + n_choose]
    held_out = np.zeros(len(groups), bool)
    held_out[test] = held_out[choose] = True
    follows = groups[1:] == groups[:-1]
    beside = np.zeros(len(groups), bool)
    beside[1:] |= held_out[:-1] & follows
    beside[:-1] |= held_out[1:] & follows
    train = np.flatnonzero(~held_out & ~beside)
    return {"train": train, "choose": np.sort(choose), "test": np.sort(test)}


def run_lengths(groups):
    """How many rows in a row are of one group."""
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    return np.diff(np.r_[starts, len(groups)])


def bach10_unseen(sizes, seed, folder):
    """Pieces 01 to 06 to learn from, one of them to choose by; 07 and 08 to test on."""
    bunch = load_windows(sizes, folder)
    known = sorted(set(bunch.groups.tolist()) - set(UNSEEN))
    choose = np.flatnonzero(bunch.groups == known[seed % len(known)])
    test = np.flatnonzero(np.isin(bunch.groups, UNSEEN))
    train = np.setdiff1d(np.arange(len(bunch.groups)), np.r_[choose, test])
    # fewer where so asked: from everywhere, the same for all seeds
    test = np.random.default_rng(0).permutation(test)[: sizes.get("n_test")]
    return Experiment(bunch, {"train": train, "choose": choose, "test": np.sort(test)})


EXPERIMENTS = {
    "bach10": bach10,
    "bach10-unseen": bach10_unseen,
    "ecg": ecg,
    "ppg": ppg,
}
RECORDED = ("bach10", "bach10-unseen")  # need a folder of recordings
TITLES = {
    "bach10": "Bach10: bassoon and saxophone, random windows held out",
    "bach10-unseen": "Bach10: bassoon and saxophone, pieces 07 and 08 held out",
    "ecg": "Generated ECG: maternal and fetal",
    "ppg": "Generated PPG: heart beat and respiration",
}
SPLITS = {
    "bach10": "Windows overlap by half; those held out are drawn at random from all "
    "pieces, and what overlaps with one of them is not trained on.",
    "bach10-unseen": "Nothing of the pieces tested on was trained on or chosen by. The "
    "paper has no such figures.",
    "ecg": "Rows are generated for each seed; rows tested on come from traces of "
    "their own.",
    "ppg": "Rows are generated for each seed; rows tested on come from subjects of "
    "their own.",
}
