"""The sampling rate: kept, saved, and the one that recordings are resampled to."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from cases import FAST, IDENTITY, TINY, make_mixtures
from scipy.signal import resample_poly
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    ICASeparator,
    NMFSeparator,
    STFTTransformer,
    load,
)

pytestmark = pytest.mark.usefixtures("generators_stand_still")

X, Y = make_mixtures(8, n_times=32)
SEPARATORS = [
    AESeparator(**TINY),
    CASSSeparator(**TINY),
    NMFSeparator(n_atoms=2, max_iter=20, random_state=0),
    ICASeparator(random_state=0),
]


@pytest.mark.parametrize("separator", SEPARATORS, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("sfreq", [256, 256.0, np.float32(256), np.int64(256)])
def test_the_rate_of_fit_changes_nothing(separator, sfreq):
    separator = clone(separator).fit(X, Y, sfreq=sfreq)
    assert separator.sfreq_ == 256.0
    assert type(separator.sfreq_) is float
    known = separator.separate(X[0], sfreq=256)
    assert np.array_equal(separator.separate(X[0]), known)


def resampled(x, up, down):
    """Resample a signal whose first and last values go on beyond its ends."""
    n_more = 100 * down
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n_more, n_more)], "edge")
    out = resample_poly(padded, up, down, axis=-1)
    return out[..., 100 * up :][..., : -(-x.shape[-1] * up // down)]


@pytest.mark.parametrize("separator", SEPARATORS, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("ratio", [(1, 2), (4, 1), (25, 36)])
def test_another_rate_is_resampled_there_and_back(separator, ratio):
    up, down = ratio
    separator = clone(separator).fit(X, Y, sfreq=256)
    for n_times in (1, 31, 400):
        recording = 100 + np.random.default_rng(n_times).normal(size=n_times)
        found = separator.separate(recording, sfreq=256 * down / up)
        there = separator.separate(resampled(recording, up, down))
        expected = resampled(there, down, up)[:, :n_times]
        assert found.shape == (2, n_times)
        largest = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=1e-6 * largest)


@pytest.mark.parametrize("lengths", [[1], [7, 50], [1000]], ids=str)
def test_a_stream_of_another_rate_has_the_bits_of_the_whole(lengths):
    separator = AESeparator(**TINY).fit(X, Y, sfreq=256)
    recording = np.random.default_rng(0).normal(size=700)
    cuts = np.cumsum(np.resize(lengths, 700))
    blocks = np.split(recording, cuts[cuts < 700])
    found = np.concatenate([*separator.separate_stream(blocks, sfreq=360)], axis=-1)
    assert np.array_equal(found, separator.separate(recording, sfreq=360))


def test_slow_waves_pass_through_another_rate():
    separator = AESeparator(**FAST | IDENTITY).fit(X, Y, sfreq=256)
    times = np.arange(3001) / 1000
    recording = np.sin(2 * np.pi * 3 * times).astype(np.float32)
    found = separator.separate(recording, sfreq=1000)
    assert (found.shape, found.dtype) == ((2, 3001), np.float32)
    errors = np.abs(found - recording)
    assert errors[:, 50:-50].max() < 2e-3
    assert errors.max() < 0.02  # where it does not go on as it was


def test_spectrograms_of_another_rate_are_refused():
    z = np.random.default_rng(0).normal(size=(8, 2, 4, 6)) * (1 + 1j)
    separator = AESeparator(**TINY).fit(z.sum(1), z, sfreq=256)
    message = "sfreq=512 Hz differs from the sfreq=256 Hz .* resample the recording"
    with pytest.raises(ValueError, match=message):
        separator.separate(z[0, 0], sfreq=512)
    with pytest.raises(ValueError, match=message):  # before a block is read
        separator.separate_stream(iter([]), sfreq=512)


@pytest.mark.parametrize("separator", SEPARATORS, ids=lambda s: type(s).__name__)
def test_an_unknown_rate_is_compared_with_nothing(separator):
    separator = clone(separator).fit(X, Y)
    assert separator.sfreq_ is None
    separator.separate(X[0], sfreq=512)
    separator.fit(X, Y, sfreq=256).fit(X, Y)
    assert separator.sfreq_ is None


def test_the_rate_changes_no_bit():
    plain = AESeparator(**TINY).fit(X, Y)
    known = AESeparator(**TINY).fit(X, Y, sfreq=100)
    assert np.array_equal(plain.transform(X), known.transform(X))


@pytest.mark.parametrize("sfreq", [0, -1, np.nan, np.inf, True, "256", 1j, [256]])
def test_rates_are_positive_numbers(sfreq):
    separator = AESeparator(**TINY)
    with pytest.raises(ValueError, match="sfreq must be a positive number"):
        separator.fit(X, Y, sfreq=sfreq)
    assert not [name for name in vars(separator) if name.endswith("_")]
    with pytest.raises(ValueError, match="sfreq must be a positive number"):
        separator.fit(X, Y).separate(X[0], sfreq=sfreq)


def test_a_continued_training_keeps_its_rate():
    separator = AESeparator(**TINY, warm_start=True).fit(X, Y)
    assert separator.fit(X, Y, sfreq=256).sfreq_ == 256
    assert separator.fit(X, Y).sfreq_ == 256
    message = "sfreq=128 Hz differs from the sfreq=256 Hz .* resample X and y"
    with pytest.raises(ValueError, match=message):
        separator.fit(X, Y, sfreq=128)
    assert (separator.sfreq_, separator.n_iter_) == (256, 3)
    assert separator.set_params(warm_start=False).fit(X, Y, sfreq=128).sfreq_ == 128


def test_the_rate_is_saved(tmp_path):
    separator = AESeparator(**TINY).fit(X, Y, sfreq=22_050)
    separator.save(tmp_path / "separator")
    network = TINY["network"]
    classes = [network.encoder, network.decoder, network.discriminator]
    loaded = load(tmp_path / "separator", classes=classes)
    for other in (loaded, pickle.loads(pickle.dumps(separator))):
        assert other.sfreq_ == 22_050
    assert not hasattr(clone(separator), "n_components_")
    assert clone(separator).sfreq_ is None


def test_files_without_a_rate_have_none():
    path = Path(__file__).parent / "files" / "cass-format-3.safetensors"
    assert load(path).sfreq_ is None


def test_the_rate_passes_through_pipelines_and_searches():
    pipe = make_pipeline(STFTTransformer(n_fft=8), AESeparator(**TINY))
    pipe.fit(X, Y, aeseparator__sfreq=256)
    assert pipe[-1].sfreq_ == 256
    search = GridSearchCV(AESeparator(**TINY), {"lr": [1e-3, 1e-2]}, cv=2)
    assert search.fit(X, Y, sfreq=256).best_estimator_.sfreq_ == 256
    separator = AESeparator(**TINY)
    separator.fit_transform(X, Y, sfreq=256)
    assert separator.sfreq_ == 256
