"""Rows of nothing but noise, for tests of the paper benchmark."""

import numpy as np
from sklearn.utils import Bunch

from benchmarks.paper import data


def noise(sizes, seed, folder):
    """An experiment of 18 rows, made as those of the benchmark are."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(18, 2, 64))
    names = ["maternal", "fetal"]
    bunch = Bunch(data=y.sum(axis=1), target=y, component_names=names, sfreq=1)
    test, choose, train = np.split(np.arange(18), [6, 12])
    return data.Experiment(bunch, {"train": train, "choose": choose, "test": test})
