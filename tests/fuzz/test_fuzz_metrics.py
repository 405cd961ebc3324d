"""The metrics on drawn components and settings."""

import numpy as np
from hypothesis import strategies as st
from oracle import finite, fuzzed, is_array, require, works_or_refuses
from problems import ODD_VALUES
from strategies import REAL, Recipe, any_shape, arrays, mostly

from sklearn_cass import metrics

n = st.integers(1, 4)
pair_shapes = st.one_of(
    st.tuples(n, n, st.integers(1, 300)),
    st.tuples(n, n, n, st.integers(1, 40)),
    any_shape(600),
)


@st.composite
def pairs(draw):
    """Draw true components and estimates, mostly of one shape."""
    y_true = draw(arrays(pair_shapes))
    y_pred = draw(arrays(st.one_of(*[st.just(y_true.shape)] * 5, pair_shapes)))
    return y_true, y_true if draw(st.integers(0, 9)) == 0 else y_pred


@st.composite
def triples(draw):
    """Draw true components, estimates and mixtures, mostly of one shape and type."""
    y_true = draw(arrays(pair_shapes))
    like = arrays(
        st.just(y_true.shape), st.one_of(*[st.just(y_true.dtype)] * 3, st.just("int8"))
    )
    y_pred = draw(st.one_of(like, like, like, arrays(pair_shapes)))
    row = (*y_true.shape[:1], *y_true.shape[2:])
    mixed = arrays(st.just(row), st.just(y_true.dtype))
    return y_true, y_pred, draw(st.one_of(mixed, mixed, mixed, arrays(any_shape(600))))


def documented(y_true, *, infinite=False):
    """Return the check: one float64 per component, NaN exactly where it is silent."""
    truth = np.asarray(y_true)
    if truth.dtype.kind in "fc":  # what is computed in double may be silent there
        with np.errstate(all="ignore"):
            truth = truth.astype(complex if truth.dtype.kind == "c" else float)

    def check(result):
        is_array(result, truth.shape[:2])
        require(result.dtype == np.float64, f"dtype {result.dtype}")
        silent = ~truth.reshape(*truth.shape[:2], -1).any(axis=-1)
        bad = np.isnan(result) if infinite else ~np.isfinite(result)
        require((bad <= silent).all(), "NaN or infinity for what is not silent")
        require(np.isnan(result[silent]).all(), "a number for a silent component")

    return check


@fuzzed(test=30, fuzz=700, pair=pairs(), order=mostly([1, 2, np.inf], ODD_VALUES))
def test_relative_error(pair, order):
    y_true, y_pred = (recipe.make() for recipe in pair)

    def relative_error():
        return metrics.relative_error(y_true, y_pred, ord=order)

    named = {"y_true", "y_pred", "ord"}
    # an estimate may be further off than float64 can tell in units of the truth
    check = documented(y_true, infinite=True)
    works_or_refuses(relative_error, named=named, check=check)


@fuzzed(test=30, fuzz=700, pair=pairs(), function=st.sampled_from(["sdr", "si_sdr"]))
def test_ratios(pair, function):
    y_true, y_pred = (recipe.make() for recipe in pair)

    def ratio():
        return getattr(metrics, function)(y_true, y_pred)

    check = documented(y_true, infinite=True)  # exact and orthogonal estimates
    works_or_refuses(ratio, named={"y_true", "y_pred"}, check=check)


@fuzzed(
    test=25,
    fuzz=600,
    triple=triples(),
    function=st.sampled_from(["sdr_improvement", "si_sdr_improvement"]),
)
def test_improvements(triple, function):
    y_true, y_pred, X = (recipe.make() for recipe in triple)

    def check(result):
        is_array(result, np.shape(y_true)[:2])

    def improvement():
        return getattr(metrics, function)(y_true, y_pred, X)

    works_or_refuses(improvement, named={"y_true", "y_pred", "X"}, check=check)


sizes = mostly([None, 1, 2, 7, 8, 64, 1024], ODD_VALUES).filter(
    lambda size: type(size) is not int or size < 10**6
)


@fuzzed(test=20, fuzz=500, triple=triples(), n_fft=sizes, hop=sizes, order=st.just(2))
def test_shared_phase_error(triple, n_fft, hop, order):
    y_true, y_pred, X = (recipe.make() for recipe in triple)

    def shared_phase_error():
        return metrics.shared_phase_error(
            y_true, y_pred, X, ord=order, n_fft=n_fft, hop_length=hop
        )

    def check(result):
        is_array(result, np.shape(y_true)[:2])

    named = {"y_true", "y_pred", "X", "n_fft", "hop_length"}
    works_or_refuses(shared_phase_error, named=named, check=check)


@fuzzed(
    test=20,
    fuzz=500,
    triple=triples(),
    n_fft=sizes,
    hop=sizes,
    power=mostly([1, 2, 0.5, 1e-300, 1e300], ODD_VALUES),
)
def test_oracle_ratio_mask(triple, n_fft, hop, power):
    y_true, _, X = (recipe.make() for recipe in triple)

    def oracle_ratio_mask():
        settings = {"n_fft": n_fft, "hop_length": hop, "power": power}
        return metrics.oracle_ratio_mask(y_true, X, **settings)

    named = {"y_true", "X", "n_fft", "hop_length", "power"}
    check = finite(*np.shape(y_true), kinds="fc")
    works_or_refuses(oracle_ratio_mask, named=named, check=check)


shapes = st.tuples(n, n, st.integers(2, 9))  # of one value each, all is a multiple


@fuzzed(test=10, fuzz=100, shape=shapes, dtype=st.sampled_from(REAL))
def test_valid_components_work(shape, dtype):
    y_true, y_pred = (Recipe(shape, dtype, seed=seed).make() for seed in (0, 1))
    for name in ("relative_error", "sdr", "si_sdr"):
        require(np.isfinite(getattr(metrics, name)(y_true, y_pred)).all(), name)
