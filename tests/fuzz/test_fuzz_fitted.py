"""Fitted separators on drawn mixtures, recordings and components."""

import numpy as np
from hypothesis import strategies as st
from oracle import finite, fuzzed, is_array, require, works_or_refuses
from problems import TINY, Labels, Problem, problems, recordings
from strategies import Recipe, any_shape, arrays

from sklearn_cass import CASSSeparator
from sklearn_cass.data.validation import takes_channels_apart

FITTED = {
    "waveforms": Problem(Recipe((4, 20)), Recipe((4, 2, 20))),
    "channels": Problem(Recipe((4, 2, 20)), Recipe((4, 2, 20))),
    "images": Problem(Recipe((4, 2, 5, 6)), Recipe((4, 2, 2, 5, 6))),
    "labels": Problem(Recipe((4, 20)), Labels("strings", 4)),
    "spectrograms": Problem(
        Recipe((4, 5, 6), "complex128"), Recipe((4, 2, 5, 6), "complex128")
    ),
    "Spectrogram to waveforms": Problem(Recipe((4, 20)), Recipe((4, 2, 20)), n_fft=8),
}
_fitted = {}


def fitted(name):
    """Return a separator fitted, once, on one of the problems above."""
    if name not in _fitted:
        _fitted[name] = CASSSeparator(**TINY).fit(*FITTED[name].make())
    return _fitted[name]


def with_name(strategy_of):
    """Draw the name of a fitted separator, and something for it."""
    names = st.sampled_from(list(FITTED))
    return names.flatmap(lambda name: st.tuples(st.just(name), strategy_of(name)))


def rows_like(shape, dtype):
    """Draw mostly arrays of any number of such rows, half of them of this type."""
    like = st.integers(0, 9).map(lambda n: (n, *shape))
    return arrays(
        st.one_of(like, like, like, any_shape(600)),
        st.one_of(st.just(dtype), arrays(st.just(())).map(lambda r: r.dtype)),
    )


def mixtures_for(name):
    shape, dtype = FITTED[name].make()[0].shape[1:], FITTED[name].X.dtype
    return rows_like(shape, "complex128" if "Spectrogram" in name else dtype)


def components_for(name):
    y = FITTED[name].y
    if isinstance(y, Labels):
        y = Recipe((4, 2, 20))
    return rows_like(y.shape[1:], y.dtype)


def n_rows(array):
    return (*np.shape(array), 0)[0]


@fuzzed(test=25, fuzz=800, drawn=with_name(mixtures_for))
def test_any_mixtures_after_fit(drawn):
    name, X = drawn
    separator, X = fitted(name), X.make()
    shape = (separator.n_components_, *separator.domains_.y_shape)
    check = finite(n_rows(X), *shape, kinds="fc")
    works_or_refuses(lambda: separator.transform(X), named={"X"}, check=check)


def recordings_for(name):
    row = fitted(name).domains_.window_shape[:-1]
    fitting = arrays(st.integers(0, 90).map(lambda n: (*row, n)))
    return st.one_of(fitting, recordings)


@fuzzed(test=20, fuzz=600, drawn=with_name(recordings_for))
def test_any_recording(drawn):
    name, recording = drawn
    separator, recording = fitted(name), recording.make()

    def check(result):
        shape, domains = np.shape(recording), separator.domains_
        is_apart = takes_channels_apart(shape, domains)
        row = shape if is_apart else (*domains.y_shape[:-1], shape[-1])
        is_array(result, (separator.n_components_, *row), "fc")
        is_gap = np.isnan(np.asarray(recording))
        if not is_apart:
            is_gap = is_gap.reshape(-1, shape[-1]).any(axis=0)
        expected = np.broadcast_to(~is_gap, result.shape)
        require((np.isfinite(result) == expected).all(), "not finite beside gaps")

    def separate():
        return separator.separate(recording)

    works_or_refuses(separate, named={"recording"}, check=check)


OUTS = {
    "good": Recipe((2, 50), values="zeros"),
    "float32": Recipe((2, 50), "float32"),
    "memmap that is read-only": Recipe((2, 50), layout="memmap"),
}
outs = st.one_of(
    st.sampled_from(list(OUTS.values())),
    arrays(st.sampled_from([(2, 50), (50, 2), (2,), ()])),
)


@fuzzed(test=10, fuzz=200, out=outs)
def test_any_out(out):
    out = out.make()

    def separate():
        return fitted("waveforms").separate(np.sin(np.arange(50.0)), out=out)

    works_or_refuses(separate, named={"out"}, check=finite(2, 50, kinds="fc"))


def discriminated(name):
    return st.tuples(
        components_for(name), st.one_of(st.none(), st.none(), mixtures_for(name))
    )


@fuzzed(test=20, fuzz=500, drawn=with_name(discriminated))
def test_any_components_discriminated(drawn):
    name, (y, X) = drawn
    separator, y, X = fitted(name), y.make(), None if X is None else X.make()

    def check(result):
        finite(n_rows(y), 2, 2)(result)
        require(((result >= 0) & (result <= 1)).all(), "no probabilities")

    def discriminate():
        return separator.discriminate(y, X)

    works_or_refuses(discriminate, named={"X", "y"}, check=check)


def scored(name):
    own = st.just(FITTED[name])
    return st.one_of(
        problems(),
        st.builds(Problem, mixtures_for(name), own.map(lambda p: p.y)),
        st.builds(Problem, own.map(lambda p: p.X), components_for(name)),
        st.builds(Problem, mixtures_for(name), components_for(name)),
    )


@fuzzed(test=20, fuzz=500, drawn=with_name(scored))
def test_any_score(drawn):
    name, problem = drawn
    separator = fitted(name)
    X, y = problem.make()

    def check(result):
        require(type(result) is float, f"a score of type {type(result).__name__}")
        truth = np.asarray(y)
        truth = np.asarray(X) if truth.ndim == 1 else truth
        silent = not truth.any()
        require(np.isfinite(result) or silent, f"a score of {result}")

    works_or_refuses(lambda: separator.score(X, y), named={"X", "y"}, check=check)
