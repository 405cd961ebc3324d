"""Probabilities that discriminators give to components."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cases import FAST, WIDE, make_mixtures
from lazy_arrays import h5py_of, memmap_of

from benchmarks.memory import PEAK
from sklearn_cass import CASSSeparator, GANSeparator, STFTTransformer

pytestmark = pytest.mark.usefixtures("generators_stand_still")


@pytest.fixture(scope="module")
def fitted(data):
    return CASSSeparator(**WIDE).fit(*data)


def test_each_discriminator_hears_each_component():
    X, y = make_mixtures(n_components=3)
    probabilities = CASSSeparator(**FAST).fit(X, y).discriminate(y)
    assert probabilities.shape == (len(y), 3, 3)
    assert ((probabilities > 0) & (probabilities < 1)).all()


def test_entries_are_about_their_own_component(fitted, data):
    # entry [n, i, j] is about component j of row n alone, at the level of X
    X, y = data
    probabilities = fitted.discriminate(y, X)
    other = y.copy()
    other[4, 1] = 30 * y[5, 1]
    found = fitted.discriminate(other, X)
    changed = ~np.isclose(found, probabilities, rtol=1e-6, atol=0)
    expected = np.zeros_like(changed)
    expected[4, :, 1] = True
    assert np.array_equal(changed, expected)


def test_without_mixtures_the_level_is_that_of_the_sum(fitted, data):
    y = data[1]
    np.testing.assert_allclose(
        fitted.discriminate(y), fitted.discriminate(y, y.sum(axis=1)), rtol=1e-5
    )
    loud = fitted.discriminate(y, 100 * y.sum(axis=1))
    assert not np.allclose(fitted.discriminate(y), loud, rtol=1e-3)


@pytest.mark.parametrize("cls", [CASSSeparator, GANSeparator])
@pytest.mark.parametrize("with_mixtures", [True, False])
def test_other_rows_do_not_matter(cls, with_mixtures, data):
    X, y = data
    separator = cls(**FAST).fit(X, y)

    def discriminate(y, X):
        return separator.discriminate(y, X if with_mixtures else None)

    expected = discriminate(y, X)
    for rows in ([0], [19], [7, 2], [3] * 9, range(19, -1, -1)):
        rows = list(rows)
        assert np.array_equal(discriminate(y[rows], X[rows]), expected[rows])
    loud = np.r_[1.0, np.full(19, 1e4)]
    found = discriminate(loud[:, None, None] * y[::-1], loud[:, None] * X[::-1])
    assert np.array_equal(found[0], expected[-1])


@pytest.mark.parametrize("power", [-1000, -300, -9, 700])
@pytest.mark.parametrize("with_mixtures", [True, False])
def test_powers_of_two_do_not_matter(fitted, data, power, with_mixtures):
    X, y = data
    c = 2.0**power
    mixtures = (X, c * X) if with_mixtures else (None, None)
    expected = fitted.discriminate(y, mixtures[0])
    assert np.array_equal(fitted.discriminate(c * y, mixtures[1]), expected)


@pytest.mark.parametrize("c", [1e-310, 1e-200, 1e-3, 1e3, 1e200])
def test_common_scale_does_not_matter(fitted, data, c):
    X, y = data
    # subnormal numbers have few digits
    rtol = 1e-4 if c > 1e-300 else 1e-2
    for mixtures, scaled in ((X, c * X), (None, None)):
        expected = fitted.discriminate(y, mixtures)
        found = fitted.discriminate(c * y, scaled)
        np.testing.assert_allclose(found, expected, rtol=rtol)


def test_each_row_has_a_scale_of_its_own(fitted, data):
    X, y = data
    c = 2.0 ** np.linspace(-900, 900, len(X)).round()
    found = fitted.discriminate(c[:, None, None] * y, c[:, None] * X)
    assert np.array_equal(found, fitted.discriminate(y, X))


def test_scale_of_complex_components_does_not_matter():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(9, 2, 4, 5, 2)) @ [1, 1j]
    separator = CASSSeparator(**FAST).fit(y.sum(axis=1), y)
    expected = separator.discriminate(y)
    for c in (2.0**-600, 2.0**600):
        assert np.array_equal(separator.discriminate(c * y), expected)


def test_silence_and_levels_far_apart_have_probabilities(fitted, data):
    X, y = (array.copy() for array in data)
    y[0], X[1], y[2], X[2] = 0, 0, 0, 0
    y[3], X[4] = 1e-200 * y[3], 1e-200 * X[4]
    probabilities = fitted.discriminate(y, X)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_is_that_of_the_components(fitted, data, dtype):
    X, y = data
    found = fitted.discriminate(y.astype(dtype), X)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, fitted.discriminate(y, X), rtol=1e-3)


@pytest.mark.parametrize("make", [memmap_of, h5py_of])
def test_arrays_in_files_have_the_same_bits(fitted, data, make, tmp_path):
    X, y = data
    expected = fitted.discriminate(y, X)
    lazy_X, lazy_y = make(X, tmp_path), make(y, tmp_path)
    for pair in ((lazy_y, lazy_X), (lazy_y, X), (y, lazy_X)):
        assert np.array_equal(fitted.discriminate(*pair), expected)
    assert np.array_equal(fitted.discriminate(lazy_y), fitted.discriminate(y))
    wide = np.repeat(y, 2, axis=-1)[..., ::2]
    assert np.array_equal(fitted.discriminate(wide, X), expected)


@pytest.mark.parametrize("kind", ["complex", "image", "one channel", "Spectrogram"])
def test_other_domains_have_probabilities(kind):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(9, 2, 2, 4, 5))
    X = y.sum(axis=1)
    if kind == "complex":
        X, y = X * 1j, y * 1j
    if kind == "one channel":
        y = y[:, :, 0]
        X = np.stack([y.sum(axis=1)] * 2, axis=1)
    if kind == "Spectrogram":
        X, y = make_mixtures(9)
        X = STFTTransformer(n_fft=8).fit_transform(X)
    probabilities = CASSSeparator(**FAST).fit(X, y).discriminate(y, X)
    assert probabilities.shape == (9, 2, 2)
    assert np.isfinite(probabilities).all()


@pytest.mark.slow  # a long training
def test_discriminators_learn_to_tell_true_components_from_others():
    X, y = make_mixtures(64, seed=1)
    settings = WIDE | {"max_epochs": 10, "discriminator_lr": 3e-2}
    separator = CASSSeparator(cross_weights=1.0, **settings).fit(X, y)
    means = separator.discriminate(y, X).mean(axis=0)
    assert means[0, 0] > means[0, 1]
    assert means[1, 1] > means[1, 0]


# --- memory -------------------------------------------------------------------------

CODE = """
import json, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from cases import FAST
from benchmarks.memory import measured
from sklearn_cass import CASSSeparator

y = np.random.default_rng(0).normal(size=(1000, 2, 1024))
X = y.sum(axis=1)
separator = CASSSeparator(**FAST).fit(X[:8], y[:8])
separator.transform(X[:8])
separator.discriminate(y[:8], X[:8])
calls = {
    "transform": lambda: separator.transform(X),
    "with mixtures": lambda: separator.discriminate(y, X),
    "without": lambda: separator.discriminate(y),
}
print(json.dumps({name: measured(call)["anonymous"] for name, call in calls.items()}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.access(PEAK, os.W_OK), reason=f"needs {PEAK}")
def test_memory_of_discriminate_is_that_of_transform():
    here = Path(__file__).parent
    command = [sys.executable, "-W", "ignore", "-c", CODE, here]
    run = subprocess.run(command, capture_output=True, text=True, cwd=here.parent)
    assert not run.returncode, run.stderr
    peaks = json.loads(run.stdout)  # MiB
    # transform returns estimates of 15.6 MiB, and both take some MiB for a chunk
    assert peaks["with mixtures"] < peaks["transform"] + 4
    assert peaks["without"] < peaks["transform"] + 4
