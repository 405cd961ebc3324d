"""Trainings that go wrong, and what users are told."""

import warnings

import numpy as np
import pytest
import torch
from cases import FAST, IDENTITY, SEPARATORS, UnitMask, make_mixtures
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from sklearn_cass import AESeparator, CASSSeparator, STFTTransformer
from sklearn_cass.nn import Decoder, Encoder

pytestmark = pytest.mark.usefixtures("generators_stand_still")


class ZeroMask(UnitMask):
    """The mask that lets nothing pass."""

    def forward(self, features):
        return 0 * super().forward(features)


class Greedy(Encoder):
    """A network that wants more memory than there is."""

    def forward(self, x):
        torch.empty(2**60)
        return super().forward(x)


class GreedyDevice(Encoder):
    """A network whose device has no memory left."""

    def forward(self, x):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")


class Failing(Encoder):
    """A network with a fault of another kind."""

    def forward(self, x):
        raise RuntimeError("mine")


@pytest.fixture(scope="module")
def data():
    return make_mixtures(12)


def warnings_of_fit(separator, X, y):
    """What a fit warns of, with the file that the warning points at."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        separator.fit(X, y)
    return [
        (str(w.message), w.filename)
        for w in caught
        if issubclass(w.category, ConvergenceWarning)
    ]


# --- collapse -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape", ["waveforms", "channels", "one of channels", "images"]
)
@pytest.mark.parametrize("level", [1e-200, 1, 1e200])
def test_estimates_that_are_the_mixture(shape, level):
    X, y = make_mixtures(12, n_channels=2 if "channels" in shape else None)
    settings = FAST | IDENTITY
    if shape == "one of channels":
        X = X.mean(axis=1, keepdims=True).repeat(2, axis=1)
        y = y[:, :, 0]
    if shape == "images":
        X, y = X.reshape(12, 1, 8, 8), y.reshape(12, 2, 1, 8, 8)
        settings = settings | {"decoder": RealUnitMask}
    found = warnings_of_fit(AESeparator(**settings), level * X, level * y)
    assert len(found) == 2
    for k, (message, filename) in enumerate(found):
        assert f"the estimates of component {k} correlate 1.00" in message
        assert "max_epochs" in message
        assert filename == __file__


class RealUnitMask(UnitMask):
    """The mask that changes nothing where channels are no parts of complex numbers."""

    def __init__(self, *args, **settings):
        super().__init__(*args, **settings, n_parts=1)


@pytest.mark.parametrize("cls", SEPARATORS)
def test_estimates_that_are_nothing(cls, data):
    settings = FAST | IDENTITY | {"decoder": ZeroMask}
    found = warnings_of_fit(cls(**settings), *data)
    assert len(found) == 2
    assert all("(nearly) zero" in message for message, _ in found)


def test_collapsed_components_are_told_by_their_names():
    X, y = make_mixtures(8)
    recordings, labels = np.concatenate([y[:, 0], y[:, 1]]), np.repeat(["a", "b"], 8)
    found = warnings_of_fit(AESeparator(**FAST | IDENTITY), recordings, labels)
    assert ["component 'a'" in m or "component 'b'" in m for m, _ in found]


def test_a_component_that_is_the_mixture_is_no_collapse(data):
    X, _ = data
    y = np.stack([X, np.zeros_like(X)], axis=1)
    assert not warnings_of_fit(AESeparator(**FAST | IDENTITY), X, y)


def test_silence_is_no_collapse(data):
    X, y = data
    settings = FAST | IDENTITY | {"decoder": ZeroMask}
    assert not warnings_of_fit(AESeparator(**settings), 0 * X, 0 * y)


@pytest.mark.parametrize("cls", SEPARATORS)
def test_a_training_that_separates_is_no_collapse(cls):
    X, y = make_mixtures(32)
    settings = FAST | {"n_filters": 8, "n_latent": 16, "max_epochs": 15, "lr": 1e-2}
    separator = cls(**settings, stft=STFTTransformer(n_fft=16))
    assert not warnings_of_fit(separator, X, y)
    assert separator.score(X, y) > 3


def test_a_pipeline_passes_the_warning_on(data):
    from sklearn.pipeline import make_pipeline

    pipe = make_pipeline(STFTTransformer(n_fft=16), AESeparator(**FAST | IDENTITY))
    assert len(warnings_of_fit(pipe, *data)) == 2


# --- want of memory -----------------------------------------------------------------


@pytest.mark.parametrize("encoder", [Greedy, GreedyDevice])
def test_want_of_memory_names_batch_size(data, encoder):
    separator = CASSSeparator(**FAST, encoder=encoder)
    with pytest.raises(MemoryError, match="batch_size=8: a smaller batch_size"):
        separator.fit(*data)
    with pytest.raises(NotFittedError):
        separator.transform(data[0])


def test_other_faults_keep_their_own_names(data):
    with pytest.raises(RuntimeError, match="^mine$"):
        AESeparator(**FAST, encoder=Failing).fit(*data)


def test_decoders_are_named_where_they_cannot_be_made(data):
    for role, cls in {"encoder": torch.nn.Linear, "decoder": dict}.items():
        with pytest.raises(TypeError, match=f"{role}="):
            AESeparator(**FAST, **{role: cls}).fit(*data)
    with pytest.raises(ValueError, match="discriminator must have parameters"):
        CASSSeparator(**FAST, discriminator=torch.nn.Identity).fit(*data)
    assert AESeparator(**FAST, decoder=Decoder).fit(*data).n_iter_ == 1
