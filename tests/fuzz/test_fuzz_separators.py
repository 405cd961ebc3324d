"""Separators on drawn data and parameters: they work, or refuse in words."""

import numpy as np
from cases import SEPARATORS
from hypothesis import strategies as st
from oracle import finite, fuzzed, require, works_or_refuses
from problems import (
    TINY,
    Labels,
    Problem,
    parameters_of,
    problems,
    recordings,
    valid_problems,
)
from strategies import Recipe, any_shape, arrays

from sklearn_cass import AESeparator, CASSSeparator

classes = st.sampled_from(SEPARATORS)


def estimates_like(separator, X, y):
    """Check of the estimates: as many as X has rows, each in y's domain."""
    y = np.asarray(y)
    row = np.shape(X)[1:] if y.ndim < 2 else y.shape[2:]
    return finite(len(np.asarray(X)), separator.n_components_, *row, kinds="fc")


def fit_and_transform(separator, X, y, parameters=()):
    """Fit and, where that works, transform; whether it worked."""
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


@fuzzed(test=15, fuzz=250, cls=classes, problem=valid_problems())
def test_valid_data_works(cls, problem):
    separator = cls(**TINY)
    require(fit_and_transform(separator, *problem.make()), "refused")


@fuzzed(test=60, fuzz=1500, problem=problems())
def test_any_data(problem):
    fit_and_transform(AESeparator(**TINY), *problem.make())


@fuzzed(test=20, fuzz=300, problem=problems())
def test_any_data_with_discriminators(problem):
    fit_and_transform(CASSSeparator(**TINY), *problem.make())


@fuzzed(
    test=50,
    fuzz=900,
    data=st.data(),
    cls=classes,
    problem=st.one_of(
        st.just(Problem(Recipe((5, 20)), Recipe((5, 2, 20)))), valid_problems()
    ),
)
def test_any_parameters(data, cls, problem):
    parameters = data.draw(parameters_of(cls))
    parts = {"n_fft", "hop_length", "win_length", "window"}  # those of stft
    named = {*parameters, *(parts if "stft" in parameters else ())}
    fit_and_transform(cls(**TINY | parameters), *problem.make(), named)


# --- after fit -----------------------------------------------------------------------

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
    """A separator fitted once on one of the problems above."""
    if name not in _fitted:
        _fitted[name] = CASSSeparator(**TINY).fit(*FITTED[name].make())
    return _fitted[name]


names = st.sampled_from(list(FITTED))


@st.composite
def mixtures_for(draw, name):
    """Mixtures mostly of the shape seen in fit, whose rows may be any number."""
    shape = FITTED[name].X.shape
    like = st.integers(0, 9).map(lambda n: (n, *shape[1:]))
    kind = FITTED[name].X.dtype if draw(st.booleans()) else None
    return draw(
        arrays(
            like if draw(st.integers(0, 3)) else any_shape(600),
            kind and st.just(kind),
        )
    )


@fuzzed(test=60, fuzz=700, data=st.data(), name=names)
def test_any_mixtures_after_fit(data, name):
    separator = fitted(name)
    X = data.draw(mixtures_for(name)).make()
    shape = (separator.n_components_, *separator.domains_.y_shape)
    check = finite(len(np.asarray(X)) if np.ndim(X) else 0, *shape, kinds="fc")
    works_or_refuses(lambda: separator.transform(X), named={"X"}, check=check)


@fuzzed(test=40, fuzz=500, data=st.data(), name=names, recording=recordings)
def test_any_recording(data, name, recording):
    separator = fitted(name)
    if data.draw(st.booleans()):  # of the right shape, and any length
        row = separator.domains_.window_shape
        recording = recording.but(shape=(*row[:-1], data.draw(st.integers(0, 90))))
    recording = recording.make()

    def check(result):
        length = np.shape(recording)[-1]
        row = (*separator.domains_.y_shape[:-1], length)
        finite(separator.n_components_, *row, kinds="fc")(result)

    def separate():
        return separator.separate(recording)

    works_or_refuses(separate, named={"recording"}, check=check)


@st.composite
def components_for(draw, name):
    shape = fitted(name).domains_.y_shape
    like = st.integers(0, 5).map(lambda n: (n, 2, *shape))
    dtype = FITTED[name].y.dtype if isinstance(FITTED[name].y, Recipe) else "float64"
    return draw(
        arrays(
            like if draw(st.integers(0, 3)) else any_shape(600),
            st.just(dtype) if draw(st.booleans()) else None,
        )
    )


@fuzzed(test=40, fuzz=400, data=st.data(), name=names)
def test_any_components_discriminated(data, name):
    separator, y = fitted(name), data.draw(components_for(name)).make()
    X = data.draw(mixtures_for(name)).make() if data.draw(st.booleans()) else None

    def check(result):
        finite(len(np.asarray(y)), 2, 2)(result)
        require(((result >= 0) & (result <= 1)).all(), "no probabilities")

    def discriminate():
        return separator.discriminate(y, X)

    works_or_refuses(discriminate, named={"X", "y"}, check=check)


@fuzzed(test=40, fuzz=400, data=st.data(), name=names)
def test_any_score(data, name):
    separator = fitted(name)
    problem = data.draw(problems())
    X, y = problem.make() if data.draw(st.booleans()) else FITTED[name].make()
    if data.draw(st.booleans()):
        X = data.draw(mixtures_for(name)).make()
    if data.draw(st.booleans()):
        y = data.draw(components_for(name)).make()

    def check(result):
        require(type(result) is float, f"a score of type {type(result).__name__}")
        truth = np.asarray(y)
        truth = np.asarray(X) if truth.ndim == 1 else truth
        silent = not truth.astype(complex).any()
        require(np.isfinite(result) or silent, f"a score of {result}")

    works_or_refuses(lambda: separator.score(X, y), named={"X", "y"}, check=check)
