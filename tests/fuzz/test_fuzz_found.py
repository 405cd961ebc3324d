"""Failures that drawn cases once found; each works or raises a clear error."""

import subprocess
import sys

import numpy as np
import pytest
from cases import NoEncoder, UnitMask
from oracle import finite, works_or_refuses
from problems import TINY, Labels, names_of
from strategies import Recipe

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    Modules,
    ResNet9,
    STFTTransformer,
)

X, Y = Recipe((5, 20)), Recipe((5, 2, 20))
Z, ZY = Recipe((5, 4, 5), "complex128"), Recipe((5, 2, 4, 5), "complex128")
IMAGE, IMAGES = Recipe((5, 1, 4, 5)), Recipe((5, 2, 1, 4, 5))

DATA = {
    "waveforms past the range of float32 squared": (
        X.but(values="huge"),
        Y.but(values="huge"),
    ),
    "waveforms of the largest float32": (
        X.but(dtype="float32", values="largest"),
        Y.but(dtype="float32", values="largest"),
    ),
    "a constant huge float32": (X.but(dtype="float32", values="huge"), Y),
    "waveforms whose squares just overflow": (
        X.but(values="large"),
        Y.but(values="large"),
    ),
    "subnormal float32": (
        X.but(dtype="float32", values="subnormal"),
        Y.but(dtype="float32", values="subnormal"),
    ),
    "huge complex spectrograms": (Z.but(values="huge"), ZY.but(values="huge")),
    "large complex spectrograms": (Z.but(values="large"), ZY.but(values="large")),
    "large images": (IMAGE.but(values="large"), IMAGES.but(values="large")),
    "clongdouble": (Z.but(dtype="clongdouble"), ZY.but(dtype="clongdouble")),
    "longdouble past float64": (X.but(dtype="longdouble", values="huge"), Y),
    "too few rows of y": (X, Y.but(shape=(4, 2, 20))),
    "too few labels": (X, Labels("whole numbers", 4)),
    "labels that are no classes": (X, Labels("fractions", 5)),
    "labels of several types": (X, Labels("None", 5)),
    "labels of bytes": (X, Labels("bytes", 5)),
    "sparse X of labels": (X.but(layout="sparse"), Labels("strings", 5)),
    "one entry": (Recipe((1, 1)), Recipe((1, 1, 1))),
    "silence and loud components": (X.but(values="zeros"), Y.but(values="huge")),
    "single and double precision": (
        X.but(dtype="float32", values="zeros"),
        Y.but(values="large"),
    ),
    "silent rows": (X.but(values="some silent rows"), Y),
    "huge and tiny rows": (
        X.but(values="huge and tiny rows"),
        Y.but(values="huge and tiny rows"),
    ),
}


@pytest.mark.parametrize("name", DATA)
def test_data(name):
    X, y = (recipe.make() for recipe in DATA[name])
    separator = AESeparator(**TINY)
    if works_or_refuses(lambda: separator.fit(X, y), named={"X", "y"}):
        shape = (len(X), separator.n_components_, *separator.domains_.y_shape)
        check = finite(*shape, kinds="fc")
        works_or_refuses(lambda: separator.transform(X), named={}, check=check)


PARAMETERS = [
    {"batch_size": 10**30},
    {"network": ResNet9(n_filters=10**30)},
    {"network": ResNet9(n_latent=10**30)},
    {"network": ResNet9(n_filters=True, n_latent=2)},
    {"network": ResNet9(n_filters=1, n_latent=True)},
    {"alpha": 0},
    {"alpha": 10**30},
    {"beta": 10**30},
    {"lr": 1e300},
    {"cross_weights": 1e300},
    {"network": Modules(dict, UnitMask)},
    {"network": Modules(NoEncoder, dict)},
    {"network": Modules(NoEncoder, UnitMask, discriminator=dict)},
    {"network": Modules(NoEncoder, UnitMask, discriminator=len)},
    {"callbacks": [3]},
    {"callbacks": ["timer"]},
    {"device": "hpu"},
    {"device": "mkldnn"},
    {"device": "privateuseone"},
    {"device": "cpu:1"},
    {"stft": STFTTransformer(window=())},
    {"stft": STFTTransformer(hop_length=10**30)},
]


@pytest.mark.parametrize("parameter", PARAMETERS, ids=str)
def test_parameters(parameter):
    separator = CASSSeparator(**TINY | parameter)
    named = names_of(parameter)
    works_or_refuses(lambda: separator.fit(X.make(), Y.make()), named=named)


SETTINGS = [
    {"window": ()},
    {"window": (None,)},
    {"window": (1.0, 2.0)},
    {"window": ("kaiser",)},
    {"window": ("kaiser", "a")},
    {"window": ("gaussian", 1, 2, 3)},
    {"window": ["a"] * 8},
    {"window": [1j] * 8},
    {"window": [[1], [1, 2]]},
    {"window": [1e200] * 8},
    {"n_fft": 10**30},
    {"n_fft": True},
    {"hop_length": 10**30},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_settings_of_the_transform(settings):
    stft = STFTTransformer(**{"n_fft": 8} | settings)
    works_or_refuses(lambda: stft.fit_transform(X.make()), named=set(settings))


@pytest.mark.parametrize("scale", [1e-200, 1e-310, 1e200])
def test_the_scale_of_a_window_does_not_matter(scale):
    plain = STFTTransformer(n_fft=8, window=np.ones(8)).fit(X.make())
    scaled = STFTTransformer(n_fft=8, window=np.full(8, scale))
    for stft in (plain, scaled):
        inverse = works_or_refuses(
            lambda stft=stft: stft.inverse_transform(stft.fit_transform(X.make())),
            named={"window"},
            check=finite(5, 20),
        )
        np.testing.assert_allclose(inverse, X.make(), rtol=1e-9)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(()),
        Recipe((3, 0, 20)),
        Recipe((1, 1), layout="negative strides"),
        X.but(layout="matrix"),
        X.but(values="huge"),
        X.but(dtype="float32", values="largest"),
        X.but(dtype="longdouble", values="huge"),
        X.but(dtype="complex128", layout="sparse"),
    ],
    ids=lambda recipe: f"{recipe.shape} {recipe.values} {recipe.layout}",
)
def test_waveforms_of_the_transform(recipe):
    stft = STFTTransformer(n_fft=8)

    def check(result):
        assert np.isfinite(result).all()

    works_or_refuses(
        lambda: stft.fit_transform(recipe.make()), named={"X"}, check=check
    )


def test_no_spectrogram_to_invert():
    stft = STFTTransformer(n_fft=8).fit(X.make())
    Z = np.zeros((0, *stft.spectrogram_shape(20)), complex)
    check = finite(0, 20)
    works_or_refuses(lambda: stft.inverse_transform(Z), named={"Z"}, check=check)


def test_huge_spectrograms_to_invert():
    stft = STFTTransformer(n_fft=8).fit(X.make())
    Z = stft.transform(X.make())
    for dtype in ("complex128", "clongdouble"):
        huge = (Z * 1e306).astype(dtype)
        works_or_refuses(
            lambda Z=huge: stft.inverse_transform(Z), named={"Z"}, check=finite(5, 20)
        )


# --- after fit ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    return CASSSeparator(**TINY).fit(X.make(), Y.make())


@pytest.mark.parametrize("factor", [1e300, 1e200, 1e-200, 1e-310])
def test_the_level_of_a_mixture_does_not_matter(fitted, factor):
    unit = X.make() / 2
    exact = 2.0 ** np.round(np.log2(factor))  # rounds nothing but subnormal numbers
    estimates = fitted.transform(exact * unit)
    # subnormal numbers have few digits
    rtol, atol = (1e-9, 0) if factor > 1e-300 else (1, 1e-310)
    expected = exact * fitted.transform(unit)
    np.testing.assert_allclose(estimates, expected, rtol=rtol, atol=atol)


def test_out_that_is_read_only(fitted):
    out = Recipe((2, 50), layout="read-only").make()
    recording = np.sin(np.arange(50.0))
    works_or_refuses(lambda: fitted.separate(recording, out), named={"out"})


def test_real_components_where_complex_ones_were_fitted():
    separator = CASSSeparator(**TINY).fit(Z.make(), ZY.make())
    real, name = ZY.but(dtype="float64").make(), {"y"}
    works_or_refuses(lambda: separator.discriminate(real), named=name)
    works_or_refuses(lambda: separator.score(Z.make(), real), named=name)


@pytest.mark.parametrize("layout", ["sparse array", "tensor"])
def test_out_that_is_no_array(fitted, layout):
    out, recording = Recipe((2, 50), layout=layout).make(), np.sin(np.arange(50.0))

    def separate():
        return fitted.separate(recording, out)

    works_or_refuses(separate, named={"out"}, check=finite(2, 50))


def test_rows_of_y_and_X_differ(fitted):
    y, rows = Y.make(), X.make()[1:]
    works_or_refuses(lambda: fitted.discriminate(y, rows), named={"X", "y"})
    works_or_refuses(lambda: fitted.score(rows, y), named={"X", "y"})


def test_a_score_of_what_is_huge_or_tiny(fitted):
    X_huge, y_huge = X.but(values="huge").make(), Y.but(values="huge").make()
    works_or_refuses(lambda: fitted.score(X_huge, y_huge), named={"X"})
    X_tiny, y_tiny = X.but(values="tiny").make(), Y.but(values="tiny").make()
    score = works_or_refuses(lambda: fitted.score(X_tiny, y_tiny), named={})
    assert np.isfinite(score)


# --- memory -------------------------------------------------------------------------

TRAINING = """
import numpy as np
from sklearn_cass import RegularCASSSeparator, ResNet9
rng = np.random.default_rng(0)
for n_filters in (1, 2, 3, 4):
    for shape in [(5, 2, 8, 8), (8, 1, 9, 9), (10, 2, 16, 16)]:
        X = rng.normal(size=shape)
        y = rng.normal(size=(shape[0], 3, *shape[1:]))
        RegularCASSSeparator(
            ResNet9(n_filters, n_filters), max_epochs=2, precision="float32"
        ).fit(X, y)
"""


@pytest.mark.slow  # a process of its own
def test_small_networks_keep_to_their_memory():
    # a convolution that writes past its memory ends the process, now or later
    run = subprocess.run([sys.executable, "-c", TRAINING], capture_output=True)
    assert run.returncode == 0, run.stderr.decode()[-300:]
