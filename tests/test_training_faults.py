"""Trainings that go wrong: collapse, memory, errors of networks; their messages."""

import warnings

import numpy as np
import pytest
import torch
from cases import (
    FAST,
    FILTERS,
    IDENTITY,
    SEPARATORS,
    NoEncoder,
    UnitMask,
    make_mixtures,
)
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from skorch.callbacks import EpochTimer
from trainings import Gains

from sklearn_cass import AESeparator, CASSSeparator, Modules, STFTTransformer

pytestmark = pytest.mark.usefixtures("generators_stand_still")


class ZeroMask(UnitMask):
    """Return a mask of zeros."""

    def forward(self, features):
        return 0 * super().forward(features)


class RealUnitMask(UnitMask):
    """Return the mask that changes nothing where channels are real."""

    def __init__(self, out_channels, n_freqs):
        super().__init__(out_channels, n_freqs, n_parts=1)


class TrainedGains(Gains):
    """Gains that fail in training, in a way that subclasses define."""

    def forward(self, features):
        if self.training:
            self.fail()
        return super().forward(features)


class Greedy(TrainedGains):
    """Allocate more memory than there is."""

    def fail(self):
        torch.empty(2**60)


class GreedyDevice(TrainedGains):
    """Raise the error of a device without memory."""

    def fail(self):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")


class Failing(TrainedGains):
    """Raise an error of another kind."""

    def fail(self):
        raise RuntimeError("mine")


class NotFinite(TrainedGains):
    """Have a weight that is not finite from the first step on."""

    def fail(self):
        self.gains.data.fill_(torch.nan)


def with_decoder(decoder, output="direct"):
    return FAST | {"network": Modules(NoEncoder, decoder, output=output)}


@pytest.fixture(scope="module")
def data():
    return make_mixtures(12)


def warnings_of(action, category=ConvergenceWarning):
    """Messages that an action warns with, and the files that they point at."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    return [
        (str(w.message), w.filename) for w in caught if issubclass(w.category, category)
    ]


def warnings_of_fit(separator, X, y):
    return warnings_of(lambda: separator.fit(X, y))


# --- collapse -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "level"),
    [
        ("waveforms", 1e-200),
        ("waveforms", 1e200),
        ("channels", 1),
        ("one of channels", 1),
        ("images", 1),
    ],
)
def test_collapse_to_the_mixture_is_warned_of(shape, level):
    X, y = make_mixtures(12, n_channels=2 if "channels" in shape else None)
    mask = UnitMask
    if shape == "one of channels":
        X = X.mean(axis=1, keepdims=True).repeat(2, axis=1)
        y = y[:, :, 0]
    if shape == "images":
        X, y = X.reshape(12, 1, 8, 8), y.reshape(12, 2, 1, 8, 8)
        mask = RealUnitMask
    separator = AESeparator(**with_decoder(mask, output="mask"))
    found = warnings_of_fit(separator, level * X, level * y)
    assert len(found) == 2
    for k, (message, _) in enumerate(found):
        assert f"the estimates of component {k} correlate 1.00" in message
        assert "max_epochs" in message


@pytest.mark.parametrize("cls", SEPARATORS)
def test_collapse_to_silence_is_warned_of(cls, data):
    found = warnings_of_fit(cls(**with_decoder(ZeroMask, output="mask")), *data)
    assert len(found) == 2
    assert all("(nearly) zero" in message for message, _ in found)


def test_collapsed_components_are_named_by_their_labels():
    X, y = make_mixtures(8)
    recordings, labels = np.concatenate([y[:, 0], y[:, 1]]), np.repeat(["a", "b"], 8)
    found = warnings_of_fit(AESeparator(**FAST | IDENTITY), recordings, labels)
    assert ["component 'a'" in message for message, _ in found] == [True, False]
    assert ["component 'b'" in message for message, _ in found] == [False, True]


def test_component_that_is_the_mixture_is_no_collapse(data):
    X, _ = data
    y = np.stack([X, np.zeros_like(X)], axis=1)
    assert not warnings_of_fit(AESeparator(**FAST | IDENTITY), X, y)


def test_silence_is_no_collapse(data):
    X, y = data
    separator = AESeparator(**with_decoder(ZeroMask, output="mask"))
    assert not warnings_of_fit(separator, 0 * X, 0 * y)


@pytest.mark.parametrize("cls", SEPARATORS)
def test_training_that_separates_is_no_collapse(cls):
    X, y = make_mixtures(32, n_times=128)
    separator = cls(**FAST | FILTERS | {"max_epochs": 20, "lr": 1e-2})
    assert not warnings_of_fit(separator, X, y)
    assert separator.score(X, y) > 10


# --- where warnings point -------------------------------------------------------------


def test_warnings_point_at_the_line_that_calls_fit(data):
    X, y = data
    separator = AESeparator(**FAST | IDENTITY)
    pipe = make_pipeline(STFTTransformer(n_fft=16), separator)
    mixed = np.concatenate([y[:, 0], y[:, 1]]), np.repeat(["a", "b"], len(y))
    for action in (
        lambda: separator.fit(X, y),
        lambda: separator.fit(*mixed),
        lambda: separator.fit_transform(X, y),
        lambda: pipe.fit(X, y),
        lambda: cross_val_score(separator, X, y, cv=2),
    ):
        found = warnings_of(action)
        assert found
        assert {filename for _, filename in found} == {__file__}


def test_warning_of_a_loss_that_is_not_finite_points_at_the_line(data):
    separator = CASSSeparator(**with_decoder(NotFinite))
    with pytest.warns(ConvergenceWarning, match="epoch 1: a loss became") as caught:
        separator.fit(*data)
    assert caught[0].filename == __file__


def test_warning_of_lost_callbacks_points_at_the_line(data, tmp_path):
    settings = with_decoder(Gains) | {"callbacks": [EpochTimer()]}
    separator = AESeparator(**settings).fit(*data)
    (found,) = warnings_of(lambda: separator.save(tmp_path / "a"), UserWarning)
    assert found[0].startswith("callbacks are not saved")
    assert found[1] == __file__


# --- errors in training ---------------------------------------------------------------


@pytest.mark.parametrize("decoder", [Greedy, GreedyDevice])
def test_lack_of_memory_names_batch_size(data, decoder):
    separator = CASSSeparator(**with_decoder(decoder))
    with pytest.raises(MemoryError, match="batch_size=8: a smaller batch_size"):
        separator.fit(*data)
    with pytest.raises(NotFittedError):
        separator.transform(data[0])


def test_other_errors_of_networks_are_raised_as_they_are(data):
    with pytest.raises(RuntimeError, match="^mine$"):
        AESeparator(**with_decoder(Failing)).fit(*data)
