"""Rows of noise and tiny settings, for tests of the experiments and of the paper."""

from dataclasses import replace

import numpy as np
from sklearn.utils import Bunch

from benchmarks import experiments
from benchmarks.paper import settings

TINY = {
    **settings.stft(16, 4),
    "network__n_filters": 2,
    "network__n_latent": 2,
    "max_epochs": 2,
    "n_watched": 4,
    "watch_every": 1,
    "max_iter": 5,  # of NMF and ICA
}


def noise(rows, seed, folder):
    """Return an experiment of 18 rows, made as those of the benchmark are."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(18, 2, 64))
    names = ["maternal", "fetal"]
    bunch = Bunch(data=y.sum(axis=1), target=y, component_names=names, sfreq=8)
    bunch |= {"groups": np.arange(18), "noise": np.zeros((18, 64))}
    test, validation, train = np.split(np.arange(18), [6, 12])
    parts = {"train": train, "validation": validation, "test": test}
    return experiments.Experiment(bunch, parts)


def use_noise(monkeypatch, *names, make=noise):
    """Replace experiments by noise that takes no time, their settings by tiny ones."""
    experiments._made.cache_clear()
    monkeypatch.delenv("SKLEARN_CASS_DATA", raising=False)
    for name in names:
        definition = replace(experiments.EXPERIMENTS[name], make=make)
        monkeypatch.setitem(experiments.EXPERIMENTS, name, definition)
        monkeypatch.setitem(settings.ROWS, name, {})
        for setting in settings.SETTINGS:
            monkeypatch.setitem(settings.SETTINGS[setting], name, TINY)
