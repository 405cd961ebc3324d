"""The sampling rate: kept, saved, and compared with that of recordings."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from cases import TINY, make_mixtures
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
def test_another_rate_is_refused(separator, sfreq):
    separator = clone(separator).fit(X, Y, sfreq=sfreq)
    assert separator.sfreq_ == 256.0
    assert type(separator.sfreq_) is float
    known = separator.separate(X[0], sfreq=256)
    assert np.array_equal(separator.separate(X[0]), known)
    message = (
        "sfreq=512 Hz differs from the sfreq=256 Hz .* resample the recording "
        r".*scipy.signal.resample_poly\(\.\.\., 1, 2, axis=-1\)"
    )
    with pytest.raises(ValueError, match=message):
        separator.separate(X[0], sfreq=512)
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
