"""Separators on drawn data and parameters: they work or raise a clear error."""

import numpy as np
from cases import SEPARATORS
from hypothesis import strategies as st
from oracle import finite, fuzzed, require, works_or_refuses
from problems import TINY, Problem, names_of, parameters_of, problems, valid_problems
from strategies import Recipe

from sklearn_cass import AESeparator, CASSSeparator, GANSeparator

classes = st.sampled_from([*SEPARATORS, GANSeparator])


def estimates_like(separator, X, y):
    """Return the check of estimates: as many as X has rows, in the domain of y."""
    y = np.asarray(y)
    is_labels = y.ndim < 2 or y.shape[1:] == (1,)
    row = np.shape(X)[1:] if is_labels else y.shape[2:]
    if is_labels and hasattr(X, "n_times"):  # a Spectrogram of labelled waveforms
        row = (*row[:-2], X.n_times)
    return finite(len(np.asarray(X)), separator.n_components_, *row, kinds="fc")


def fit_and_transform(separator, X, y, parameters=()):
    """Fit and, if that works, transform; return whether it worked."""
    named = {"X", "y", *parameters}
    fitted = works_or_refuses(lambda: separator.fit(X, y), named=named)
    if not fitted:
        learned = [name for name in vars(separator) if name.endswith("_")]
        require(not learned, f"{learned} are left after a refused fit")
        return False
    require(fitted is separator, "fit did not return the separator")
    check = estimates_like(separator, X, y)
    estimates = works_or_refuses(lambda: separator.transform(X), named={}, check=check)
    return isinstance(estimates, np.ndarray)


@fuzzed(test=8, fuzz=250, cls=classes, problem=valid_problems())
def test_valid_data_works(cls, problem):
    separator = cls(**TINY)
    require(fit_and_transform(separator, *problem.make()), "refused")


@fuzzed(test=30, fuzz=1000, problem=problems())
def test_any_data(problem):
    worked = fit_and_transform(AESeparator(**TINY), *problem.make())
    layouts = [getattr(part, "layout", "C") for part in (problem.X, problem.y)]
    require(not worked or "one masked" not in layouts, "a masked entry was used")


@fuzzed(test=10, fuzz=300, problem=problems())
def test_any_data_with_discriminators(problem):
    fit_and_transform(CASSSeparator(**TINY), *problem.make())


USUAL = Problem(Recipe((5, 20)), Recipe((5, 2, 20)))
configured = classes.flatmap(lambda cls: st.tuples(st.just(cls), parameters_of(cls)))


@fuzzed(
    test=30,
    fuzz=700,
    configured=configured,
    problem=st.one_of(st.just(USUAL), valid_problems()),
)
def test_any_parameters(configured, problem):
    cls, parameters = configured
    separator = cls(**TINY | parameters)
    fit_and_transform(separator, *problem.make(), names_of(parameters))
