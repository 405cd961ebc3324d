"""Errors name the argument that is wrong."""

from functools import partial

import numpy as np
import pytest
import scipy.sparse
import torch
from cases import FAST, make_mixtures
from sklearn.exceptions import NotFittedError

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    Checkpoint,
    ICASeparator,
    NMFSeparator,
    ResNet9,
    STFTTransformer,
)

pytestmark = pytest.mark.usefixtures("generators_stand_still")

X, Y = make_mixtures(6, n_times=20)
Z = np.asarray(STFTTransformer(n_fft=8).fit_transform(X))  # bare
ZY = np.asarray(STFTTransformer(n_fft=8).fit_transform(Y))


def with_value(array, value):
    array = array.copy()
    array.flat[3] = value
    return array


STRINGS = np.array([["a", "b"], ["c", "d"]])

BAD_DATA = {
    "NaN in X": (with_value(X, np.nan), Y, "X contains NaN"),
    "infinity in X": (with_value(X, np.inf), Y, "X contains infinity"),
    "NaN in y": (X, with_value(Y, np.nan), "y contains NaN"),
    "infinity in y": (X, with_value(Y, -np.inf), "y contains infinity"),
    "NaN in complex X": (with_value(Z, np.nan), ZY, "X contains NaN"),
    "NaN in complex y": (Z, with_value(ZY, np.nan * 1j), "y contains NaN"),
    "too few rows of y": (X, Y[1:], r"inconsistent numbers of samples: \[6, 5\]"),
    "too few labels": (X, np.arange(5), r"inconsistent numbers of samples: \[6, 5\]"),
    "longer components": (X[:, 1:], Y, r"y must hold .*, 19\), got shape \(6, 2, 20\)"),
    "no axis of components": (X, X, r"y must hold .* got shape \(6, 20\)"),
    "no components": (X, Y[:, :0], "y must hold|y is empty|0 "),
    "an axis too many": (X, Y[:, :, None], r"y must hold .* got shape \(6, 2, 1, 20\)"),
    "complex X of two axes": (X + 0j, Y, "Complex data not supported where X has 2"),
    "complex X of five axes": (Z[:, None, None], ZY, "X has 5 dimensions"),
    "complex y of two axes": (Z, X + 0j, "Complex data not supported where y has 2"),
    "complex y for waveforms": (X, ZY, "y holds complex .* X holds waveforms"),
    "another spectrogram": (Z, ZY[..., 1:], "y must hold the components"),
    "X of one axis": (X[0], Y, "Expected 2D array"),
    "X of five axes": (X[:, None, None, None], Y, "X must have shape .* 5 dimensions"),
    "no rows": (X[:0], Y[:0], r"0 sample\(s\)"),
    "no time points": (X[:, :0], Y[..., :0], r"0 feature\(s\)"),
    "no time points in channels": (
        X[:, None, :0],
        Y[:, :, None, :0],
        r"X .*(empty|0 |time points)",
    ),
    "no complex rows": (Z[:0], ZY[:0], r"X is empty: its shape is \(0, 5, 11\)"),
    "strings in X": (STRINGS, np.ones((2, 1, 2)), r"\bX\b"),
    "strings in y": (np.ones((2, 2)), STRINGS[:, None], r"\by\b"),
    "ragged y": (np.ones((2, 2)), [[[1, 2]], [[1, 2, 3]]], r"\by\b|inhomogeneous"),
    "no y": (X, None, "y to be passed, but the target y is None"),
    "continuous labels": (X, np.linspace(0, 1, 6), "Unknown label type: continuous"),
    "NaN among the labels": (X, np.array([0, 1, 0, 1, 0, np.nan]), "y contains NaN"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_fit_refuses_bad_data(name):
    bad_X, bad_y, message = BAD_DATA[name]
    separator = AESeparator(**FAST)
    with pytest.raises(ValueError, match=message):
        separator.fit(bad_X, bad_y)
    assert not [attribute for attribute in vars(separator) if attribute[-1] == "_"]


WIDE, WIDE_Y = make_mixtures(6, n_times=20, n_channels=2)


SETTINGS = {
    AESeparator: FAST,
    NMFSeparator: {"n_atoms": 2, "random_state": 0},
    STFTTransformer: {},
}


@pytest.mark.parametrize("estimator", SETTINGS)
def test_more_channels_than_time_points_are_refused(estimator):
    # as sound files are read
    turned, components = np.swapaxes(WIDE, 1, 2), np.swapaxes(WIDE_Y, 2, 3)
    message = (
        r"X of shape \(6, 20, 2\) has more channels \(20\) than time points \(2\).*"
        r"\(n_samples, n_channels, n_times\).*np.swapaxes\(X, 1, 2\)"
    )
    for y in (components, np.arange(6) % 2):
        with pytest.raises(ValueError, match=message):
            estimator().fit(turned, y)
    estimator = estimator(**SETTINGS[estimator])
    estimator.fit(np.swapaxes(turned, 1, 2), np.swapaxes(components, 2, 3))
    with pytest.raises(ValueError, match="X has 20 features"):
        estimator.transform(turned)


def test_transposed_components_and_recordings_are_named(multichannel):
    with pytest.raises(ValueError, match=r"np.swapaxes\(y, -2, -1\)"):
        AESeparator(**FAST).fit(WIDE, np.swapaxes(WIDE_Y, 2, 3))
    with pytest.raises(ValueError, match=r"np.swapaxes\(y, -2, -1\)"):
        AESeparator(**FAST).fit(X, np.swapaxes(Y, 1, 2))
    with pytest.raises(ValueError, match=r"recording .* pass recording\.T"):
        multichannel.separate(np.ones((50, 2)))
    with pytest.raises(ValueError, match=r"blocks .* pass blocks\.T"):
        list(multichannel.separate_stream([np.ones((50, 2))]))


def test_as_many_channels_as_time_points_are_valid():
    square, components = make_mixtures(6, n_times=3, n_channels=3)
    AESeparator(**FAST).fit(square, components)


@pytest.mark.parametrize("make", [scipy.sparse.csr_array, scipy.sparse.coo_matrix])
def test_sparse_arrays_are_refused(make):
    with pytest.raises(TypeError, match="Sparse data was passed for X"):
        AESeparator(**FAST).fit(make(X), Y)


def test_bare_complex_array_needs_complex_components():
    with pytest.raises(ValueError) as error:
        AESeparator(**FAST).fit(Z, Y)
    message = str(error.value)
    assert "pass X as STFTTransformer.transform returns it" in message
    assert "Pipeline" in message
    assert "or pass y as complex spectrograms" in message


def test_spectrogram_without_its_transform_is_a_bare_array():
    S = STFTTransformer(n_fft=8).fit_transform(X)
    S = np.concatenate([np.asarray(S[:3]), np.asarray(S[3:])])
    with pytest.raises(ValueError, match="does not know the STFT"):
        AESeparator(**FAST).fit(S, Y)


# --- parameters ---------------------------------------------------------------------

# scikit-learn's `check_param_validation` tries other types and values out of range
BAD_PARAMETERS = [
    {"lr": np.nan},
    {"beta": np.nan},
    {"stft": True},
    {"network": "ResNet9"},
    {"network": torch.nn.Linear},
    {"max_epochs": 2.5},
    {"optimizer": "sgd"},
    {"reconstruction_loss": "l1"},
    {"checkpoint": 3},
    {"callbacks": "all"},
    {"random_state": -1},
]


@pytest.mark.parametrize("parameter", BAD_PARAMETERS, ids=str)
def test_fit_refuses_bad_parameters(parameter):
    (name,) = parameter
    separator = CASSSeparator(**FAST | parameter)
    with pytest.raises(ValueError, match=f"The '{name}' parameter of CASSSeparator"):
        separator.fit(X, Y)
    assert not [attribute for attribute in vars(separator) if attribute[-1] == "_"]


@pytest.mark.parametrize(
    ("cross_weights", "message"),
    [
        (-0.1, "cross_weights must be finite and not negative, got -0.1"),
        (np.nan, "cross_weights must be finite and not negative, got nan"),
        (np.inf, "cross_weights must be finite and not negative, got inf"),
        ([[0, -1], [0, 0]], "cross_weights must be finite and not negative"),
        ([[0, np.nan], [0, 0]], "cross_weights must be finite and not negative"),
        ([[0.1, 0.2], [0.3, 0]], "cross_weights must have a diagonal of zeros"),
        (np.zeros((3, 3)), r"cross_weights .* = \(2, 2\), got shape \(3, 3\)"),
        ([0.1, 0.2], r"cross_weights .* = \(2, 2\), got shape \(2,\)"),
        ([[0.1]], r"cross_weights .* = \(2, 2\), got shape \(1, 1\)"),
        ([["a", "b"], ["c", "d"]], "cross_weights"),
    ],
    ids=str,
)
def test_fit_refuses_bad_cross_weights(cross_weights, message):
    with pytest.raises(ValueError, match=message):
        CASSSeparator(**FAST, cross_weights=cross_weights).fit(X, Y)


NUMBERS = [
    (cls, name)
    for cls in (CASSSeparator, NMFSeparator, ICASeparator, STFTTransformer)
    for name in cls().get_params(deep=False)
    if name in cls._parameter_constraints
    and not {"boolean", "verbose"} & set(map(str, cls._parameter_constraints[name]))
]


@pytest.mark.parametrize(("cls", "name"), NUMBERS)
def test_true_is_no_number(cls, name):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of .* Got True"):
        cls(**{name: True}).fit(X, Y)


@pytest.mark.parametrize("name", ["lr", "alpha", "beta", "max_epochs", "random_state"])
def test_integers_beyond_all_floats_are_refused(name):
    separator = CASSSeparator(**FAST | {name: 10**400})
    with pytest.raises(ValueError, match=f"The '{name}' parameter of CASS"):
        separator.fit(X, Y)


@pytest.mark.parametrize("cls", [AESeparator, NMFSeparator])
def test_true_is_no_number_in_parts(cls, tmp_path):
    with pytest.raises(ValueError, match="The 'n_fft' parameter of STFT.* Got True"):
        cls(stft=STFTTransformer(n_fft=True)).fit(X, Y)


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (ResNet9(n_filters=True), "n_filters"),
        (ResNet9(compression=True), "compression"),
        (Checkpoint("folder", every=True), "every"),
    ],
    ids=str,
)
def test_true_is_no_number_in_networks_and_checkpoints(part, name):
    role = "checkpoint" if isinstance(part, Checkpoint) else "network"
    with pytest.raises(ValueError, match=f"The '{name}' parameter of .* Got True"):
        AESeparator(**FAST | {role: part}).fit(X, Y)


@pytest.mark.parametrize(
    ("value", "name"), [(False, "stft__n_fft"), ("x", "network__n_filters")]
)
def test_parameters_of_a_part_that_has_none(value, name):
    part = name.partition("__")[0]
    separator = AESeparator(**FAST | {part: value})
    with pytest.raises(ValueError, match=f"parameters of {part} cannot be set"):
        separator.set_params(**{name: 8})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("stft__foo", 8, "Invalid parameter 'foo' for estimator STFTTransformer"),
        ("network__foo", 8, "Invalid parameter 'foo' for estimator ResNet9"),
        ("stft__n_fft", "a", "The 'n_fft' parameter of STFTTransformer"),
        ("network__n_filters", "a", "The 'n_filters' parameter of ResNet9"),
    ],
)
def test_bad_parameters_of_default_parts(name, value, message):
    with pytest.raises(ValueError, match=message):
        AESeparator(max_epochs=1, random_state=0).set_params(**{name: value}).fit(X, Y)


BAD_NETWORK_PARAMETERS = {
    "n_filters": 0,
    "n_latent": 1.5,
    "skip_connections": "yes",
    "dilation": -1,
    "output": "both",
    "compression": 0,
    "discriminator_scale": 0,
}


@pytest.mark.parametrize("name", BAD_NETWORK_PARAMETERS)
def test_fit_refuses_bad_parameters_of_the_network(name):
    network = ResNet9(2, 4).set_params(**{name: BAD_NETWORK_PARAMETERS[name]})
    separator = CASSSeparator(**FAST | {"network": network})
    with pytest.raises(ValueError, match=f"The '{name}' parameter of ResNet9"):
        separator.fit(X, Y)


@pytest.mark.parametrize(
    "loss",
    [
        len,
        lambda estimate, target: None,
        lambda estimate, target: (estimate - target).square(),
        lambda estimate, target: (estimate - target).detach().mean(),
    ],
    ids=["len", "None", "no scalar", "no gradient"],
)
def test_fit_refuses_functions_that_are_no_losses(loss):
    with pytest.raises((TypeError, ValueError), match="reconstruction_loss: "):
        CASSSeparator(**FAST, reconstruction_loss=loss).fit(X, Y)


@pytest.mark.parametrize(
    "optimizer",
    [dict, lambda parameters, lr: None, partial(torch.optim.Adam, betas=(2, 3))],
    ids=["dict", "None", "betas"],
)
def test_fit_refuses_functions_that_make_no_optimizer(optimizer):
    with pytest.raises((TypeError, ValueError), match="optimizer: "):
        CASSSeparator(**FAST, optimizer=optimizer).fit(X, Y)


@pytest.mark.parametrize("device", ["cuda:99", "nonsense", "cpu:x"])
def test_unavailable_device_is_refused(device):
    with pytest.raises(ValueError, match=f"device='{device}' is not available"):
        AESeparator(**FAST, device=device).fit(X, Y)


def test_early_stopping_needs_a_validation_set():
    settings = FAST | {"early_stopping": True, "validation_fraction": 0}
    with pytest.raises(ValueError, match="early_stopping=True .* validation_fraction"):
        AESeparator(**settings).fit(X, Y)


@pytest.mark.parametrize(
    "settings", [{"validation_fraction": 0.9}, {"early_stopping": True}], ids=str
)
def test_some_samples_must_be_left_to_train_on(settings):
    message = "validation_fraction=.* of n_samples=1 leaves no samples to train on"
    with pytest.raises(ValueError, match=message):
        AESeparator(**FAST, **settings).fit(X[:1], Y[:1])


# --- after fit ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    return CASSSeparator(**FAST).fit(X, Y)


@pytest.fixture(scope="module")
def multichannel():
    wide, components = make_mixtures(6, n_times=20, n_channels=2)
    return CASSSeparator(**FAST).fit(wide, components)


@pytest.mark.parametrize("method", ["transform", "predict", "separate", "discriminate"])
def test_methods_need_fit(method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(CASSSeparator(), method)(X)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        CASSSeparator().score(X, Y)


@pytest.mark.parametrize("method", ["transform", "predict"])
@pytest.mark.parametrize("n_times", [19, 21, 1])
def test_error_for_another_length_names_separate(fitted, multichannel, method, n_times):
    other = np.ones((3, n_times))
    with pytest.raises(ValueError, match=rf"X .*{n_times}.*20.*`separate`"):
        getattr(fitted, method)(other)
    other = np.ones((3, 2, n_times))
    with pytest.raises(ValueError, match=rf"X .*{n_times}.*20.*`separate`"):
        getattr(multichannel, method)(other)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (with_value(X, np.nan), "X contains NaN"),
        (X[0], "Expected 2D array"),
        (X[:0], "0 sample"),
        (Z, "X is of type complex128, but .* waveforms|features"),
        (X[:, :, None], "X has 20 features|rows have shape"),
        (STRINGS, r"\bX\b"),
    ],
    ids=["NaN", "one axis", "no rows", "complex", "three axes", "strings"],
)
def test_transform_refuses_bad_data(fitted, other, message):
    for method in (fitted.transform, fitted.predict):
        with pytest.raises(ValueError, match=message):
            method(other)


def test_another_domain_of_the_same_shape_is_refused():
    real = np.abs(Z)[:, None]
    separator = AESeparator(**FAST).fit(real, real[:, None])
    with pytest.raises(ValueError, match="X is of type complex128, but .* images"):
        separator.transform(real * 1j)
    bare = AESeparator(**FAST).fit(Z, ZY)
    with pytest.raises(ValueError, match="X is of type float64, but .* spectrograms"):
        bare.transform(Z.real)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y[1:], "inconsistent numbers of samples"),
        (Y[:, :1], "same shape|components"),
        (with_value(Y, np.nan), "y contains NaN"),
        (np.full(6, 7), r"y holds the labels \[7\], but the components are \[0, 1\]"),
        (np.linspace(0, 1, 6), "Unknown label type"),
    ],
    ids=["rows", "components", "NaN", "label", "continuous"],
)
def test_score_refuses_other_components(fitted, y, message):
    with pytest.raises(ValueError, match=message):
        fitted.score(X, y)


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        (np.ones((1, 2, 50)), r"recording .*\(any length\), got .* \(1, 2, 50\)"),
        (np.ones((50, 2)), r"recording .*channels come first: pass recording\.T"),
        (np.ones(0), "recording|0 "),
        (np.ones(50) * 1j, "recording|Complex"),
        (with_value(np.ones(50), np.inf), "recording contains infinity"),
        (3.0, "recording"),
        (["a", "b"], "recording"),
    ],
    ids=["axes", "channels", "empty", "complex", "infinity", "scalar", "strings"],
)
def test_separate_refuses_other_recordings(fitted, recording, message):
    with pytest.raises((TypeError, ValueError), match=message):
        fitted.separate(recording)


def test_separate_refuses_other_channels(multichannel):
    for shape in [(50,), (3, 50), (1, 2, 50)]:
        with pytest.raises(ValueError, match=r"recording .*\(2, any length\)"):
            multichannel.separate(np.ones(shape))


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.empty((2, 49)), r"out must be an array of shape \(2, 50\), got \(2, 49\)"),
        (np.empty((1, 50)), r"out must be an array of shape \(2, 50\)"),
        ("estimates.npy", "out must be a numpy array"),
        (np.empty((2, 50), int), "out must"),
    ],
    ids=["length", "components", "name", "whole numbers"],
)
def test_separate_refuses_a_bad_out(fitted, out, message):
    with pytest.raises(ValueError, match=message):
        fitted.separate(np.ones(50), out=out)


@pytest.mark.parametrize(
    ("y", "mixtures", "message"),
    [
        (Y[:, :1], None, r"y must hold .* \(n_samples, 2, 20\)"),
        (Y[..., 1:], None, r"y must hold .* \(n_samples, 2, 20\)"),
        (X, None, "y must hold"),
        (np.arange(6), None, "y must hold"),
        (ZY, None, "y must hold"),
        (with_value(Y, np.nan), None, "y contains NaN"),
        (Y, X[:, 1:], "X has 19"),
        (Y, X[1:], "inconsistent numbers of samples|rows"),
    ],
    ids=[
        "components",
        "length",
        "two axes",
        "labels",
        "complex",
        "NaN",
        "X of another length",
        "X of other rows",
    ],
)
def test_discriminate_refuses_other_components(fitted, y, mixtures, message):
    with pytest.raises(ValueError, match=message):
        fitted.discriminate(y, mixtures)
