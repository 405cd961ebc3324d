"""Recurrent networks over frames: any shape, both directions, the contract."""

import numpy as np
import pytest
import torch
from cases import equal_states, make_mixtures, states
from sklearn.base import clone

from sklearn_cass import (
    AESeparator,
    BiLSTM,
    CASSSeparator,
    GANSeparator,
    RegularCASSSeparator,
    ResNet9,
    load,
)
from sklearn_cass.nn import MapShape
from sklearn_cass.utils.estimator_checks import check_separator

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.usefixtures("torch_seeded"),
]

SMALL = {"network": BiLSTM(8, 2), "max_epochs": 1, "batch_size": 8, "random_state": 0}
SEPARATORS = (AESeparator, RegularCASSSeparator, CASSSeparator, GANSeparator)
OUTPUTS = ("direct", "mask", "ratio_mask", "affine")


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("is_complex", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (5, 1), (1, 64), (9, 17)])
def test_maps_of_any_size(output, is_complex, size):
    shape = MapShape(2, 2, *size, is_complex, n_joint=3, output=output)
    network = BiLSTM(6, 1, output=output)
    encoder, decoder = network.make_encoder(shape), network.make_decoder(shape)
    x = torch.randn(2, shape.in_channels, *size)
    maps = decoder.eval()(encoder.eval()(x))
    assert maps.shape == (2, shape.out_channels, *size)
    # more or fewer frames than in training
    longer = torch.randn(1, shape.in_channels, size[0], size[1] + 3)
    assert decoder(encoder(longer)).shape[-1] == size[1] + 3


def test_every_frame_depends_on_all_frames_and_frequencies():
    shape = MapShape(1, 1, 5, 11, True)
    network = BiLSTM(32, 1, output="direct")  # in 8 units, all may be dead
    encoder = network.make_encoder(shape).eval()
    decoder = network.make_decoder(shape).eval()
    x = torch.randn(1, 2, 5, 11, requires_grad=True)
    for frame in (0, 5, 10):
        maps = decoder(encoder(x))
        (gradient,) = torch.autograd.grad(maps[..., frame].square().sum(), x)
        assert gradient.abs().amin() > 0


def test_one_frame_trains():
    shape = MapShape(1, 1, 5, 1, True)
    network = BiLSTM(8, 2, output="direct")
    encoder, decoder = network.make_encoder(shape), network.make_decoder(shape)
    maps = decoder.train()(encoder.train()(torch.randn(1, 2, 5, 1)))
    maps.square().sum().backward()
    assert torch.isfinite(maps).all()


@pytest.mark.parametrize("cls", SEPARATORS)
def test_separators_keep_the_contract(cls):
    check_separator(cls(**SMALL))


@pytest.mark.parametrize("cls", SEPARATORS)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"stft": False},
        {"representation": "magnitude"},
        {"representation": "phase-sensitive"},
        {"precision": "bf16"},
    ],
    ids=str,
)
def test_loaded_separator_equals_the_saved_one(cls, settings, tmp_path):
    X, y = make_mixtures(8)
    separator = cls(**SMALL | settings).fit(X, y)
    separator.save(tmp_path / "a")
    loaded = load(tmp_path / "a")
    assert all(map(equal_states, states(loaded), states(separator)))
    assert np.array_equal(loaded.transform(X), separator.transform(X))
    assert repr(loaded.network) == repr(separator.network)


@pytest.mark.parametrize("n_times", [64, 61, 20])
@pytest.mark.parametrize(
    "network", [BiLSTM(8, 1), ResNet9(2, 4), ResNet9(2, 4, compression=0.3)], ids=str
)
@pytest.mark.parametrize(
    ("representation", "output"),
    [
        ("complex", "ratio_mask"),
        ("complex", "mask"),
        ("magnitude", "direct"),
        ("phase-sensitive", "ratio_mask"),
    ],
)
def test_estimates_do_not_depend_on_the_place_of_a_row(
    network, representation, output, n_times
):
    X, y = make_mixtures(11, n_times=n_times)
    settings = {"network": clone(network).set_params(output=output)}
    settings |= {"representation": representation, "precision": "float32"}
    separator = AESeparator(**SMALL | settings).fit(X, y)
    estimates = separator.transform(X)
    np.testing.assert_array_equal(separator.transform(X[::-1])[::-1], estimates)
    alone = [separator.transform(X[n : n + 1]) for n in range(len(X))]
    np.testing.assert_array_equal(np.concatenate(alone), estimates)


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_interrupted_training_resumes_with_the_same_bits(optimizer, tmp_path):
    X, y = make_mixtures(8)
    settings = SMALL | {"lr_schedule": "constant", "optimizer": optimizer}
    whole = CASSSeparator(**settings | {"max_epochs": 2}).fit(X, y)
    CASSSeparator(**settings, checkpoint=tmp_path).fit(X, y)
    resumed = CASSSeparator(**settings | {"max_epochs": 2}, checkpoint=tmp_path)
    assert all(map(equal_states, states(resumed.fit(X, y)), states(whole)))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (BiLSTM(7), "width must be an even number, got 7"),
        (BiLSTM(0), "'width' parameter of BiLSTM"),
        (BiLSTM(8, 17), "'n_layers' parameter of BiLSTM"),
        (BiLSTM(True), "'width' parameter of BiLSTM"),
        (BiLSTM(8, output="masks"), "'output' parameter of BiLSTM"),
    ],
    ids=str,
)
def test_parameters_out_of_range_are_refused(network, message):
    with pytest.raises(ValueError, match=message):
        AESeparator(network, max_epochs=1).fit(*make_mixtures(4))
