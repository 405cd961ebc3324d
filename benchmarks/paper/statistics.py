"""Values of records, ``runs`` of several seeds: their summaries and differences."""

import numpy as np

from .published import LABELS
from .tasks import FAMILY

N_RESAMPLES = 10000


def values(runs, measure, norm, component):
    """Return a value of each record; ``measure`` is "shared_phase" or "waveform"."""
    found = [run["measured"] for run in runs]
    if measure == "shared_phase":
        found = [of_run["shared_phase"] for of_run in found]
    return [of_run[norm][component] for of_run in found]


def summary(values, digits=4):
    """Return the mean over seeds and, from two on, the standard deviation."""
    values = np.asarray(values, float)
    text = f"{values.mean():.{digits}f}"
    if len(values) > 1:
        text += f" ± {values.std(ddof=1):.{digits}f}"
    return text


def mean_text(runs, measure, norm, component, digits):
    """Return the summary of a value of some records."""
    return summary(values(runs, measure, norm, component), digits)


def rejection_rows(records, seen, digits=2):
    """Return the shares that discriminators reject, and their mean output in brackets.

    ``seen`` maps columns to the keys of outputs.
    """
    rows = []
    for estimator in filter(records.get, FAMILY[1:]):
        row = {"share rejected (mean output)": LABELS[estimator]}
        outputs = [run["outputs"] for run in records[estimator]]
        for column, key in seen.items():
            share = summary([of_run[key]["rejected"] for of_run in outputs], digits)
            mean = summary([of_run[key]["mean"] for of_run in outputs], 2)
            row[column] = f"{share} ({mean})"
        rows.append(row | {"seeds": len(outputs)})
    return rows


def paired(a, b):
    """Return the records of two rows of a table, those of the seeds that both have."""
    of_seed = {run["task"]["seed"]: run for run in b}
    a = [run for run in a if run["task"]["seed"] in of_seed]
    return a, [of_seed[run["task"]["seed"]] for run in a]


def paired_difference(a, b):
    """Return mean, low, high and n of ``a - b`` over seeds.

    Low and high are the 95 % percentile interval of a bootstrap over the seeds, NaN for
    one seed. Sorted, so that the order of the seeds does not matter for the resamples.
    """
    differences = np.sort(np.subtract(a, b, dtype=float))
    n, interval = len(differences), (np.nan, np.nan)
    if n > 1:
        rng = np.random.default_rng(0)
        means = differences[rng.integers(n, size=(N_RESAMPLES, n))].mean(axis=1)
        interval = np.quantile(means, [0.025, 0.975])
    low, high = map(float, interval)
    return {"mean": float(differences.mean()), "low": low, "high": high, "n": n}


def relative_difference(a, b):
    """Return how much lower (negative) ``a`` is than ``b``, in percent of ``b``."""
    relative = 100 * (np.divide(a, b) - 1)
    return paired_difference(relative, np.zeros(len(relative)))


def difference_text(found, digits=1):
    """Return a difference with its interval, or alone if there is none."""
    text = f"{found['mean']:+.{digits}f}"
    if found["n"] < 2:
        return text
    return f"{text} [{found['low']:+.{digits}f}, {found['high']:+.{digits}f}]"
