"""Samples that a report shows: the worst, the median and the best, or some drawn."""

from dataclasses import dataclass

import numpy as np

from ..inspection import one_channel
from ._evaluation import ESTIMATOR

CLIP_DB = 100  # of ratios that are averaged to rank samples


@dataclass
class Example:
    """One sample with its estimates, one channel of each.

    Parameters
    ----------
    title : str
        What it is an example of.
    index : int
        Index of the sample.
    mixture : ndarray of shape (n_times,)
        The mixture.
    truth : ndarray of shape (n_components, n_times) or None
        True components.
    estimates : dict of str to ndarray of shape (n_components, n_times)
        Estimates by the name of the estimator.
    ratios : dict of str to ndarray of shape (n_components,)
        SDR of the estimates in dB; empty if the truth is unknown.
    """

    title: str
    index: int
    mixture: np.ndarray
    truth: np.ndarray | None
    estimates: dict
    ratios: dict

    def residual(self, name):
        """Return the mixture minus the sum of the estimates of an estimator."""
        return self.mixture - self.estimates[name].sum(axis=0)


def choose_samples(values, n_samples, n_examples, rng):
    """Return titles and indices of the samples to show.

    Parameters
    ----------
    values : dict of (str, str) to dict of str to ndarray
        Values by kind and name of the estimate, and by metric.
    n_samples, n_examples : int
        Numbers of samples, and of those to show.
    rng : RandomState
        For samples without truth.

    Returns
    -------
    chosen : list of (str, int)
        From the lowest to the highest mean SDR over estimators and components, at equal
        distances; without truth, samples drawn at random.
    """
    n_examples = min(n_examples, n_samples)
    if not n_examples:
        return []
    ranks = _mean_ratios(values)
    if ranks is None:
        drawn = np.sort(rng.choice(n_samples, n_examples, replace=False))
        return [("drawn at random", int(n)) for n in drawn]
    known = np.flatnonzero(~np.isnan(ranks))
    order = known[np.argsort(ranks[known], kind="stable")]
    if not len(order):
        return []
    places = np.linspace(0, 1, n_examples) if n_examples > 1 else np.array([0.5])
    chosen = {int(order[round(q * (len(order) - 1))]): q for q in places}
    return [(_title(q), n) for n, q in chosen.items()]


def _title(q):
    names = {0: "worst", 0.5: "median", 1: "best"}
    return names.get(float(q), f"at {q:.0%} of the samples, from the worst")


def _mean_ratios(values):
    """Return the mean SDR of each sample over estimators and components."""
    ratios = [
        np.clip(of_metrics["sdr"], -CLIP_DB, CLIP_DB)
        for (kind, _), of_metrics in values.items()
        if kind == ESTIMATOR and "sdr" in of_metrics
    ]
    if not ratios:
        return None
    together = np.concatenate(ratios, axis=1)
    known = ~np.isnan(together)
    sums = np.where(known, together, 0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return sums / known.sum(axis=1)


def make_examples(samples, estimators, values, chosen):
    """Return the chosen samples with their estimates.

    Parameters
    ----------
    samples : Samples
        The samples.
    estimators : dict of str to estimator
        Fitted estimators by name.
    values : dict of (str, str) to dict of str to ndarray
        Values by kind and name of the estimate, and by metric.
    chosen : list of (str, int)
        Titles and indices.

    Returns
    -------
    examples : list of Example
        One for each chosen sample.
    """
    return [_make(samples, estimators, values, *pair) for pair in chosen]


def _make(samples, estimators, values, title, index):
    rows = slice(index, index + 1)
    found = samples.estimates(estimators, rows)
    n_dims = next(iter(found.values())).ndim
    truth = samples.truth(rows)
    return Example(
        title=title,
        index=index,
        mixture=one_channel(samples.mixtures(rows, n_dims), 2)[0],
        truth=None if truth is None else one_channel(truth, 3)[0],
        estimates={name: one_channel(y, 3)[0] for name, y in found.items()},
        ratios={
            name: of_metrics["sdr"][index]
            for (kind, name), of_metrics in values.items()
            if kind == ESTIMATOR and "sdr" in of_metrics
        },
    )
