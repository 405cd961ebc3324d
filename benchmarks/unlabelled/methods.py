"""Rows of the tables: what learns from known components, from mixtures, or from both.

A method is a function of rows, of settings and of a seed, and returns a separator.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    RegularCASSSeparator,
    Remix,
    ResNet9,
)

from .mixit import MixtureInvariantSeparator

NETWORK = {"network": ResNet9(n_filters=8, n_latent=32, output="affine")}
TRAINING = {
    "generated": {"max_epochs": 10, "batch_size": 16},
    "recorded": {"max_epochs": 6, "batch_size": 16},
}
NOISE_DB = (-12, -6)  # around that of generated mixtures


def labels_alone(rows, settings, seed):
    """Learn from known components alone, in as many steps as the others take."""
    n_all = len(rows.X) + len(rows.mixtures)
    n_epochs = round(settings["max_epochs"] * n_all / len(rows.X))
    separator = AESeparator(
        **NETWORK, **settings | {"max_epochs": n_epochs}, random_state=seed
    )
    return separator.fit(rows.X, rows.y)


def labels_with_noise(rows, settings, seed):
    """Learn from known components, with noise like that of the mixtures added."""
    n_all = len(rows.X) + len(rows.mixtures)
    n_epochs = round(settings["max_epochs"] * n_all / len(rows.X))
    separator = AESeparator(
        **NETWORK,
        **settings | {"max_epochs": n_epochs},
        remix=Remix(noise="pink", noise_db=NOISE_DB),
        random_state=seed,
    )
    return separator.fit(rows.X, rows.y)


def baseline(rows, settings, seed):
    """Learn from both without discriminators, so that sums are the mixtures."""
    separator = AESeparator(**NETWORK, **settings, random_state=seed)
    return separator.fit(*rows.partly_known())


def regular(rows, settings, seed):
    """Learn from both with discriminators."""
    separator = RegularCASSSeparator(**NETWORK, **settings, random_state=seed)
    return separator.fit(*rows.partly_known())


def cross(rows, settings, seed):
    """Learn from both with discriminators that reject the other components."""
    separator = CASSSeparator(**NETWORK, **settings, random_state=seed)
    return separator.fit(*rows.partly_known())


def estimated(rows, settings, seed):
    """Return estimates of mixtures after learning from known components alone.

    What they leave of a mixture is its noise.
    """
    teacher = labels_alone(rows, settings, seed)
    y = teacher.transform(rows.mixtures)
    y[:, 2] = rows.mixtures - y[:, :2].sum(axis=1)
    return y


def estimated_noise(rows, settings, seed):
    """Learn from known components, mixed with what such estimates leave of mixtures.

    The noise alone is taken for known, which brings it into all new mixtures.
    """
    y = estimated(rows, settings, seed)
    y[:, :2] = np.nan
    separator = AESeparator(**NETWORK, **settings, remix=1.0, random_state=seed)
    return separator.fit(*rows.joined(y))


def remixed_estimates(rows, settings, seed):
    """Learn from estimates of a separator that learned from known components.

    They are mixed anew in every batch, as in RemixIT (Tzinis et al., 2022).
    """
    y = estimated(rows, settings, seed)
    separator = AESeparator(**NETWORK, **settings, remix=1.0, random_state=seed)
    return separator.fit(*rows.joined(y))


def mixture_invariant(rows, settings, seed):
    """Learn from known components and from sums of two mixtures (MixIT)."""
    X, y = rows.partly_known()
    more = np.where(np.isnan(y), np.nan, 0)  # of the second mixture
    separator = MixtureInvariantSeparator(
        **NETWORK, **settings, remix=0.0, random_state=seed
    )
    return separator.fit(X, np.concatenate([y, more], axis=1))


def all_known(rows, settings, seed):
    """Learn from the components of all rows: the ceiling."""
    separator = AESeparator(**NETWORK, **settings, random_state=seed)
    return separator.fit(*rows.joined(rows.truth))


@dataclass(frozen=True)
class Method:
    """A row of a table; ``changes`` to its settings."""

    title: str
    fit: Callable
    changes: dict = field(default_factory=dict)
    is_recorded: bool = True  # whether it is also measured on recordings


METHODS = {
    "labels": Method("known components alone", labels_alone),
    "seen": Method(
        "the same, mixtures seen without their sum", baseline, {"sum_weight": 0.0}
    ),
    "ae": Method("`AESeparator`, also the mixtures", baseline),
    "regular": Method("`RegularCASSSeparator`, also the mixtures", regular),
    "cross": Method("`CASSSeparator`, also the mixtures", cross),
    "remixit": Method("remixed estimates (RemixIT)", remixed_estimates),
    "residuals": Method("remixed noise of the mixtures", estimated_noise),
    "mixit": Method("sums of mixtures (MixIT)", mixture_invariant, is_recorded=False),
    "noise": Method(
        "known components, pink noise added", labels_with_noise, is_recorded=False
    ),
    "known": Method("all components known", all_known, is_recorded=False),
}
