"""Spectrograms keep their transform through scikit-learn and joblib."""

import copy
import pickle

import joblib
import numpy as np
import pytest
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing

from sklearn_cass import Spectrogram, STFTTransformer

pytestmark = pytest.mark.usefixtures("generators_stand_still")


@pytest.fixture
def Z():
    X = np.random.default_rng(0).normal(size=(6, 100))
    return STFTTransformer(n_fft=16).fit_transform(X)


def dumped(Z, folder, **load):
    joblib.dump(Z, folder / "Z.joblib")
    return joblib.load(folder / "Z.joblib", **load)


SURVIVES = {
    "integer": lambda Z: Z[3],
    "slice": lambda Z: Z[2:5],
    "integers": lambda Z: Z[[0, 4, 1]],
    "mask": lambda Z: Z[np.arange(6) % 2 == 0],
    "safe_indexing": lambda Z: _safe_indexing(Z, np.array([5, 2])),
    "split": lambda Z: train_test_split(Z, random_state=0)[0],
    "pickle": lambda Z: pickle.loads(pickle.dumps(Z)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "method copy": lambda Z: Z.copy(),
    "astype": lambda Z: Z.astype(np.complex64),
    "asanyarray": np.asanyarray,
    "scaled": lambda Z: 2 * Z,
}


@pytest.mark.parametrize("operation", SURVIVES.values(), ids=SURVIVES.keys())
def test_attributes_survive(Z, operation):
    other = operation(Z)
    assert isinstance(other, Spectrogram)
    assert other.n_times == 100
    assert other.stft.get_params() == Z.stft.get_params()
    assert np.array_equal(other.stft.window_, Z.stft.window_)


def test_attributes_survive_a_file(Z, tmp_path):
    other = dumped(Z, tmp_path)
    assert np.array_equal(other, Z)
    assert other.n_times == 100
    assert other.stft.n_fft_ == 16


def describe(Z):
    """Return what a worker process finds."""
    values = joblib.hash(np.array(Z, order="C"))
    return type(Z).__name__, Z.stft.n_fft_, Z.n_times, values


@pytest.mark.slow  # processes of its own
def test_attributes_survive_worker_processes():
    # above a megabyte joblib hands arrays over as memory maps
    X = np.random.default_rng(0).normal(size=(40, 2000))
    Z = STFTTransformer(n_fft=64).fit_transform(X)
    assert Z.nbytes > 2**20
    jobs = (joblib.delayed(describe)(part) for part in (Z, Z[:3]))
    found = joblib.Parallel(n_jobs=2)(jobs)
    assert found == [describe(Z), describe(Z[:3])]


def test_values_are_those_of_the_array(Z):
    array = np.asarray(Z)
    assert type(array) is np.ndarray
    assert np.array_equal(np.abs(Z), np.abs(array))
    assert np.array_equal(pickle.loads(pickle.dumps(Z)), array)
    assert np.array_equal(Z.sum(axis=0), array.sum(axis=0))


def test_inverse_after_slicing_returns_the_rows():
    X = np.random.default_rng(0).normal(size=(6, 99))
    Z = STFTTransformer(n_fft=16).fit_transform(X)
    part = pickle.loads(pickle.dumps(Z))[[4, 1]]
    np.testing.assert_allclose(part.stft.inverse_transform(part), X[[4, 1]], atol=1e-12)


def test_view_of_a_bare_array_has_no_transform():
    bare = np.zeros((2, 3, 4), complex).view(Spectrogram)
    assert bare.stft is None
    assert bare.n_times is None
    assert Spectrogram(np.zeros((2, 3, 4), complex)).stft is None
