"""Recipes: values of the parameters left at None, chosen by short trainings."""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ..data import Samples, complete_rows
from ..data.domains import WAVEFORM, mixture_domain
from ..metrics import relative_error
from ..nn import BiLSTM, ResNet9
from ..stft import STFTTransformer, default_n_fft

# A choice takes at most 15 % of a fit: so many steps for each recipe, on so many time
# points of each row, if the fit has many more (`python -m benchmarks.recipes`). Steps
# with discriminators take several times as long as those of a choice.
N_STEPS, MAX_TIMES = 32, 2**12
LEAST_STEPS, LEAST_ADVERSARIAL_STEPS = 500, 200
MAX_VALIDATION = 64


def default_network():
    """Return the network that None is without a choice."""
    return ResNet9(output="affine")


def short_windows(n_times):
    """Return a transform that resolves times, as ECG and PPG need it."""
    return STFTTransformer()


def long_windows(n_times):
    """Return a transform that resolves frequencies, as pitched sounds need it."""
    n_fft = default_n_fft(n_times, n_windows=4, largest=8192)
    return STFTTransformer(n_fft, n_fft // 4)


DIRECT = MappingProxyType(
    {
        "network": default_network(),
        "stft": short_windows,
        "representation": "complex",
        "optimizer": "muon",
        "remix": 1.0,
    }
)
MASKS = MappingProxyType(
    {
        "network": BiLSTM(),
        "stft": long_windows,
        "representation": "phase-sensitive",
        "optimizer": "adam",
        "remix": 0.25,
    }
)
RECIPES = (DIRECT, MASKS)
# whoever names one of these has chosen
CHOSEN = ("network", "stft", "representation")


def recipe_of(network):
    """Return the recipe of a network's family."""
    return MASKS if isinstance(network, BiLSTM) else DIRECT


def filled(parameters, recipe, n_times):
    """Return parameters with a recipe's values in place of None."""
    values = {**recipe, "stft": recipe["stft"](n_times)}
    for name, value in values.items():
        if parameters[name] is None:
            parameters = parameters | {name: value}
    return {name: parameters[name] for name in recipe}


@dataclass(frozen=True)
class Trial:
    """Rows of a short training, and rows to measure it on.

    Parameters
    ----------
    training, validation : Samples
        The rows.
    max_epochs : int
        Passes through the rows to train on.
    """

    training: Samples
    validation: Samples
    max_epochs: int

    def error(self, separator):
        """Return the relative error of a separator that was trained."""
        X, y = self.validation.X, self.validation.y
        errors = relative_error(y, separator._transform(X))
        errors = np.where(np.isnan(errors).all(axis=0), 1.0, errors)
        return float(np.nanmedian(errors, axis=0).mean())


def plan_trial(samples, batch_size, rng):
    """Return a trial, None if there are no two samples.

    The rows for validation follow each other, because neighbors are often alike. Rows
    with components that are not known are left out.
    """
    complete = complete_rows(samples)
    n_samples = len(complete)
    if n_samples < 2:
        return None
    n_validation = min(-(-n_samples // 5), MAX_VALIDATION)
    order = np.roll(complete, -rng.randint(n_samples))
    validation, rest = order[:n_validation], order[n_validation:]
    n_rows = N_STEPS * batch_size
    trained = rng.permutation(rest)[:n_rows]
    max_epochs = max(1, round(n_rows / len(trained)))
    return Trial(part(samples, trained), part(samples, validation), max_epochs)


def part(samples, rows):
    """Return some rows, the middle of each if they are long."""
    X, y = samples.arrays(np.sort(rows))
    start = max(0, X.shape[-1] - MAX_TIMES) // 2
    window = slice(start, start + MAX_TIMES)
    return Samples(X[..., window], y[..., window])


def least_steps(of_short_rows, n_times):
    """Return the steps of the shortest fit that has a choice.

    A trial takes no longer on long rows, of which it takes a part, but a fit does.
    """
    return of_short_rows * min(n_times, MAX_TIMES) / n_times


def has_choice(parameters, X):
    """Return whether recipes differ for these mixtures and parameters."""
    is_open = all(parameters[name] is None for name in CHOSEN)
    return is_open and mixture_domain(X) == WAVEFORM
