"""Messages about arrays as other libraries give them: they say what to pass instead."""

import re

import numpy as np
import pytest
import torch
from cases import FAST, NoEncoder, make_mixtures

from sklearn_cass import AESeparator, Modules, NMFSeparator, ResNet9, STFTTransformer

pytestmark = [
    pytest.mark.filterwarnings("ignore:Maximum number of iterations"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, Y = make_mixtures(8)
STEREO, STEREO_Y = make_mixtures(8, n_channels=2)
ONE, ONE_Y = X[:, np.newaxis], Y[:, :, np.newaxis]  # as MNE and sktime have them
FITTED = {"plain": (X, Y), "one channel": (ONE, ONE_Y), "stereo": (STEREO, STEREO_Y)}


def make():
    return NMFSeparator(n_atoms=2, max_iter=5, random_state=0)


@pytest.fixture(scope="module")
def fitted():
    return {kind: make().fit(*data) for kind, data in FITTED.items()}


def evaluated(remedy, **names):
    return eval(remedy, {"np": np, **names})


# --- X and y of one channel ----------------------------------------------------------


def test_one_channel_may_be_an_axis_of_X_alone():
    found = make().fit(ONE, Y)
    assert found.transform(ONE).shape == Y.shape


@pytest.mark.parametrize(
    ("X", "y", "remedy"),
    [
        (X, ONE_Y, "y[:, :, 0]"),
        (X, Y[:, 0], "y[:, np.newaxis]"),
        (ONE, Y[:, 0], "y[:, np.newaxis]"),
        (STEREO, np.swapaxes(STEREO_Y, 2, 3), "np.swapaxes(y, -2, -1)"),
    ],
)
def test_y_of_other_axes(X, y, remedy):
    with pytest.raises(ValueError, match=re.escape(f": pass {remedy}")):
        make().fit(X, y)
    make().fit(X, evaluated(remedy, y=y))


MIXTURES = [
    ("plain", ONE, "X[:, 0]"),
    ("one channel", X, "X[:, np.newaxis]"),
    ("one channel", np.swapaxes(ONE, 1, 2), "np.swapaxes(X, 1, 2)"),
    ("stereo", np.swapaxes(STEREO, 1, 2), "np.swapaxes(X, 1, 2)"),
    ("plain", STEREO, "X.mean(axis=1)"),
    ("plain", np.swapaxes(STEREO, 1, 2), "X.mean(axis=2)"),
    ("plain", np.swapaxes(ONE, 1, 2), "X[:, :, 0]"),
]


@pytest.mark.parametrize(("kind", "mixtures", "remedy"), MIXTURES)
def test_mixtures_of_other_axes_than_in_fit(kind, mixtures, remedy, fitted):
    separator = fitted[kind]
    with pytest.raises(ValueError, match=re.escape(remedy)):
        separator.transform(mixtures)
    estimates = separator.transform(evaluated(remedy, X=mixtures))
    assert estimates.shape == FITTED[kind][1].shape


RECORDINGS = [
    ("plain", ONE[0].T, "recording[:, 0]"),
    ("plain", STEREO[0].T, "recording.T"),
    ("one channel", X[0], "recording[np.newaxis]"),
    ("one channel", ONE[0].T, "recording.T"),
    ("stereo", STEREO[0].T, "recording.T"),
]


@pytest.mark.parametrize(("kind", "recording", "remedy"), RECORDINGS)
def test_recordings_of_other_axes_than_in_fit(kind, recording, remedy, fitted):
    separator = fitted[kind]
    with pytest.raises(ValueError, match=re.escape(remedy)):
        separator.separate(recording)
    mended = evaluated(remedy, recording=recording)
    n_components, *_ = FITTED[kind][1].shape[1:]
    assert separator.separate(mended).shape == (n_components, *mended.shape)


@pytest.mark.parametrize("shape", [(8, 65), (8, 3, 64), (8, 2, 65)])
def test_no_remedy_is_named_where_there_is_none(shape, fitted):
    with pytest.raises(ValueError) as raised:
        fitted["stereo"].transform(np.ones(shape))
    assert "np." not in str(raised.value)


# --- MNE ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mne():
    mne = pytest.importorskip("mne")
    mne.set_log_level("error")
    return mne


def test_recordings_of_mne_are_to_be_cut(mne, fitted):
    raw = mne.io.RawArray(X[0][np.newaxis], mne.create_info(1, 256.0, "eeg"))
    for estimator in (make(), STFTTransformer()):
        with pytest.raises(TypeError, match="X is of type RawArray.*get_data"):
            estimator.fit(raw, Y)
    with pytest.raises(TypeError, match=r"pass recording.get_data\(\)"):
        fitted["one channel"].separate(raw)
    assert fitted["one channel"].separate(raw.get_data()).shape == (2, 1, 64)


def test_epochs_of_mne_are_taken(mne, fitted):
    epochs = mne.EpochsArray(STEREO, mne.create_info(2, 256.0, "eeg"))
    found = make().fit(epochs, STEREO_Y).transform(epochs)
    np.testing.assert_array_equal(found, fitted["stereo"].transform(STEREO))
    with pytest.raises(TypeError, match="X is of type Evoked.*one recording"):
        fitted["stereo"].transform(epochs.average())


# --- networks -------------------------------------------------------------------------


class OwnDecoder(torch.nn.Module):
    """A decoder that expects a tensor."""

    def __init__(self, out_channels, n_freqs):
        super().__init__()
        self.convolution = torch.nn.LazyConv2d(out_channels, 1)

    def forward(self, x):
        return self.convolution(x)


class MixedNetwork(ResNet9):
    """The encoder of the ResNet-9 with another decoder."""

    def make_decoder(self, shape):
        return OwnDecoder(shape.out_channels, shape.n_freqs)


@pytest.mark.parametrize(
    "network", [MixedNetwork(2, 4), Modules(NoEncoder, OwnDecoder)]
)
def test_decoder_that_gets_a_list(network):
    with pytest.raises(ValueError, match=r"decoder OwnDecoder .*take.*features\[-1\]"):
        AESeparator(**FAST | {"network": network}).fit(X, Y)
