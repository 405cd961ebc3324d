"""Errors as the paper computes them, and how values of seeds are summed up."""

import numpy as np

from sklearn_cass.metrics import relative_error, share_phase

ORDS = {"L1": 1, "L2": 2, "Linf": np.inf}
REJECTED_BELOW = 0.5  # probability of being true


def errors_of(y, estimate, X, stft):
    """Means over rows of the errors with the mixture's phase, lists over components."""
    rebuilt = [share_phase(components, X, **stft) for components in (y, estimate)]
    return {
        name: np.nanmean(relative_error(*rebuilt, ord=ord), axis=0).tolist()
        for name, ord in ORDS.items()
    }


def value(record, measure, norm, component):
    """One figure of a record; ``measure`` is "shared_phase" or "waveform"."""
    found = record["measured"]
    if measure == "shared_phase":
        found = found["shared_phase"]
    return found[norm][component]


def values(runs, measure, norm, component):
    """That figure of several records."""
    return [value(run, measure, norm, component) for run in runs]


def rejection(record, seen):
    """Share of what discriminators saw that they take for no true component."""
    return float(np.mean(np.array(record["answers"][seen]) < REJECTED_BELOW))


def mean_output(record, seen):
    """Mean of the discriminators' outputs."""
    return float(np.mean(record["answers"][seen]))


def judged(runs, seen, digits=2):
    """Share rejected of what discriminators saw, and their mean output in brackets."""
    share, output = (
        summary([measure(run, seen) for run in runs], digits=n)
        for measure, n in ((rejection, digits), (mean_output, 2))
    )
    return f"{share} ({output})"


def flattening(curve):
    """Relative change of an error over the last fifth of the epochs."""
    curve = np.asarray(curve)
    start = curve[-1 - len(curve) // 5]
    return float(curve[-1] / start - 1)


def summary(values, digits=4):
    """Mean over seeds and, from two on, standard deviation."""
    values = np.asarray(values, float)
    text = f"{values.mean():.{digits}f}"
    if len(values) > 1:
        text += f" ± {values.std(ddof=1):.{digits}f}"
    return text
