"""The three separations that are demonstrated: data, split, settings."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from sklearn_cass import STFTTransformer
from sklearn_cass.datasets import (
    load_bach10,
    load_semireal_fetal_ecg,
    make_ecg_mixtures,
)

N_JOBS = 2  # workers that generate ECG traces


@dataclass
class Experiment:
    """One separation: training and test rows that share no recording.

    ``quick`` and ``full`` are parameters of the separators: for a demonstration in a
    few minutes, and for longer trainings.
    """

    title: str
    bunch: dict
    train: np.ndarray
    test: np.ndarray
    oracle: dict
    quick: dict
    full: dict
    unit: str = "mV"
    span: tuple | None = None  # seconds of a row to draw, where all are too many
    group_names: dict = field(default_factory=dict)
    recordings: dict = field(default_factory=dict)  # mixtures to be written as audio

    def rows(self, which):
        """Mixtures, components and groups of the training or the test rows."""
        index = getattr(self, which)
        bunch = self.bunch
        return bunch.data[index], bunch.target[index], bunch.groups[index]


def ecg(data, n_train, seed):
    """Generated fetal and maternal ECG; test rows from traces of their own."""
    windows_per_trace = 32
    n_test = 320
    bunch = make_ecg_mixtures(
        n_train + n_test,
        windows_per_trace=windows_per_trace,
        random_state=seed,
        n_jobs=N_JOBS,
    )
    splitter = GroupShuffleSplit(
        1, test_size=n_test // windows_per_trace, random_state=0
    )
    ((train, test),) = splitter.split(bunch.data, groups=bunch.groups)
    return Experiment(
        title=f"generated ECG, {len(train)} training rows of 4 s at 256 Hz",
        bunch=bunch,
        train=train,
        test=test,
        oracle={"n_fft": 128, "hop_length": 32},
        quick={"max_epochs": 6},
        full={},
    )


def bach10(data, n_train, seed):
    """Bassoon and saxophone of Bach10: trained on pieces 01-06, tested on 07 and 08."""
    bunch = load_bach10(data, window=1.0, hop=0.5)
    stft = STFTTransformer(n_fft=1024, hop_length=256)
    common = {"stft": stft, "output": "mask", "batch_size": 8}
    test = np.isin(bunch.groups, (7, 8))
    whole = load_bach10(data, pieces=[7], window=None)
    return Experiment(
        title=f"Bach10, {np.sum(~test)} training windows of 1 s at 22.05 kHz",
        bunch=bunch,
        train=np.flatnonzero(~test),
        test=np.flatnonzero(test),
        oracle={"n_fft": 1024, "hop_length": 256},
        quick={**common, "max_epochs": 3},
        full={**common, "max_epochs": 12},
        unit="",
        span=(0.5, 0.55),
        recordings={"07-HerrGott": whole.data[0]},
    )


def fetal(data, n_train, seed):
    """Semi-real fetal ECG: trained on r01 and r04, tested on r07 and r08."""
    bunch = load_semireal_fetal_ecg(data, hop=256, random_state=seed)
    test = np.isin(bunch.groups, (7, 8))
    return Experiment(
        title=f"semi-real fetal ECG, {np.sum(~test)} training rows of 4 s at 256 Hz",
        bunch=bunch,
        train=np.flatnonzero(~test),
        test=np.flatnonzero(test),
        oracle={"n_fft": 128, "hop_length": 32},
        quick={"max_epochs": 12},
        full={"max_epochs": 24},
        group_names={7: "r07", 8: "r08"},
    )


EXPERIMENTS = {"ecg": ecg, "bach10": bach10, "fetal": fetal}


def recordings_in(folder):
    """The experiments whose recordings stand in a folder."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder} to read recordings from")
    needs = {"bach10": ["bach10"], "fetal": ["adfecgdb", "mitdb"]}
    found = [
        name
        for name, parts in needs.items()
        if all((folder / part).is_dir() for part in parts)
    ]
    if not found:
        raise FileNotFoundError(
            f"{folder} holds neither a folder bach10 nor folders adfecgdb and mitdb"
        )
    return found
