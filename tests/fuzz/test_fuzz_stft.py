"""The transform and its inverse on drawn waveforms and settings."""

import numpy as np
from hypothesis import strategies as st
from oracle import finite, fuzzed, require, works_or_refuses
from problems import ODD_VALUES
from strategies import REAL, Recipe, any_shape, arrays, mostly

from sklearn_cass import STFTTransformer

lengths = st.one_of(st.integers(1, 70), st.sampled_from([0, 1, 127, 300]))
waveforms = arrays(
    st.one_of(
        st.tuples(st.integers(1, 4), lengths),
        st.tuples(st.integers(1, 4), st.integers(1, 3), lengths),
        any_shape(1000),
    )
)
WINDOWS = [
    "hann",
    "boxcar",
    "blackman",
    "nosuch",
    ("kaiser", 8.0),
    ("gaussian", 3),
    ("tukey", 0.5),
    ("kaiser",),
    ("kaiser", "a"),
    ("hann", 1, 2, 3),
    (1.0, 2.0),
    ("nosuch", 1),
    [1.0],
    [1.0] * 8,
    [0.0] * 8,
    [np.nan] * 8,
    [1e200] * 8,
    [1e-200] * 8,
    [1j] * 8,
    ["a"] * 8,
    [[1.0, 2.0]],
    np.hanning(7),
    np.ones(8, bool),
    np.ones(8, object),
    np.ones(8, "longdouble"),
    -np.ones(8),
]


def size_of(*usual):
    small = [*usual, *range(1, 20), 64, 301]
    odd = [v for v in ODD_VALUES if type(v) is not int or v < 10**6]
    return mostly(small, odd)


settings = st.fixed_dictionaries(
    {},
    optional={
        "n_fft": size_of(None, 8),
        "hop_length": st.one_of(size_of(None, 1, 2), st.just(10**30)),
        "win_length": size_of(None, 8),
        "window": mostly(WINDOWS, ODD_VALUES),
    },
)
NAMES = {"n_fft", "hop_length", "win_length", "window"}


def round_trip(stft, X):
    """Fit, transform, invert; what worked must return X."""
    fit_named = {"X", *NAMES}
    if not works_or_refuses(lambda: stft.fit(X), named=fit_named):
        return False
    plain = np.asarray(X)
    n_freqs, n_frames = stft.spectrogram_shape(plain.shape[-1])
    check = finite(*plain.shape[:-1], n_freqs, n_frames, kinds="c")
    Z = works_or_refuses(lambda: stft.transform(X), named={}, check=check)

    def is_X(result):
        finite(*plain.shape)(result)
        truth = plain.astype(float)
        # in units of the largest value, and of what the smallest are rounded to
        peak = np.abs(truth).max() + np.finfo(result.dtype).tiny
        rounding = 2e-4 if result.dtype == np.float32 else 1e-9
        error = np.abs(result.astype(float) / peak - truth / peak).max()
        require(error < rounding, f"the round trip is off by {error} of the peak")

    works_or_refuses(lambda: stft.inverse_transform(Z), named={}, check=is_X)
    return True


@fuzzed(test=50, fuzz=1200, X=waveforms)
def test_any_waveforms(X):
    round_trip(STFTTransformer(), X.make())


ordinary = st.builds(
    Recipe, st.tuples(st.integers(1, 3), st.integers(1, 90)), st.sampled_from(REAL)
)


@fuzzed(test=30, fuzz=600, settings=settings, X=ordinary)
def test_any_settings(settings, X):
    round_trip(STFTTransformer(**settings), X.make())


@fuzzed(test=10, fuzz=100, X=ordinary, n_fft=st.sampled_from([None, 1, 7, 8]))
def test_valid_waveforms_work(X, n_fft):
    require(round_trip(STFTTransformer(n_fft=n_fft), X.make()), "refused")


STFT = STFTTransformer(n_fft=8).fit(np.zeros((1, 20)))
SHAPE = STFT.spectrogram_shape(20)
spectrograms = arrays(
    st.one_of(
        st.lists(st.integers(0, 3), max_size=3).map(lambda lead: (*lead, *SHAPE)),
        any_shape(600),
    ),
    st.one_of(
        st.sampled_from(["complex64", "complex128"]),
        arrays(st.just(())).map(lambda recipe: recipe.dtype),
    ),
)


@fuzzed(test=30, fuzz=600, Z=spectrograms)
def test_any_spectrograms_inverted(Z):
    # an inverse has finite values of finite ones alone, and Z is not asked for more
    leading, Z = Z.shape[:-2], Z.make()

    def check(result):
        require(result.shape == (*leading, 20), f"shape {result.shape}")
        if np.isfinite(np.asarray(Z)).all():
            require(np.isfinite(result).all(), "the result has NaN or infinity")

    works_or_refuses(lambda: STFT.inverse_transform(Z), named={"Z"}, check=check)
