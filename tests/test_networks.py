"""The parameter ``network``: searched, copied, told shapes, checked when it is made."""

import pickle
from functools import partial

import joblib
import numpy as np
import pytest
import torch
from cases import FAST, SEPARATORS, equal_states, make_mixtures, states
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    GANSeparator,
    Modules,
    NMFSeparator,
    RegularCASSSeparator,
    ResNet9,
    STFTTransformer,
    load,
)
from sklearn_cass.nn import Encoder, MapShape, Network

pytestmark = pytest.mark.usefixtures("generators_stand_still")


class ConvEncoder(nn.Sequential):
    """Width is searched over; dropout draws from torch's global generator."""

    def __init__(self, in_channels, n_freqs, width=2, dropout=0.0):
        layers = nn.Conv2d(in_channels, width, 3, padding=1), nn.Dropout(dropout)
        super().__init__(*layers)


class ConvDecoder(nn.Sequential):
    def __init__(self, out_channels, n_freqs, width=2):
        super().__init__(nn.ReLU(), nn.Conv2d(width, out_channels, 3, padding=1))


class ConvDiscriminator(nn.Module):
    def __init__(self, in_channels, n_freqs):
        super().__init__()
        self.layer = nn.Conv2d(in_channels, 1, (n_freqs, 1))

    def forward(self, x):
        return self.layer(x).mean((1, 2, 3))


def modules(**settings):
    given = {
        "encoder": ConvEncoder,
        "decoder": ConvDecoder,
        "discriminator": ConvDiscriminator,
    }
    return Modules(**given | settings)


def quick(network, cls=CASSSeparator, **settings):
    return cls(**FAST | {"network": network} | settings)


@pytest.fixture(scope="module")
def data():
    return make_mixtures()


def all_equal(a, b):
    return all(map(equal_states, states(a), states(b)))


def first_filters(separator):
    return separator.net_.module_[0].encoder.stem[1].out_channels


# --- a parameter like others ----------------------------------------------------------


@pytest.mark.parametrize("network", [None, ResNet9(2, 4, dilation=1)])
def test_network_parameters_are_searched(network, data):
    # network__n_latent keeps the default network small
    grid = {"network__n_filters": [2, 3], "network__n_latent": [4]}
    pipe = make_pipeline(STFTTransformer(n_fft=8), quick(network, AESeparator))
    grid = {f"aeseparator__{name}": values for name, values in grid.items()}
    before = repr(network)
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(*data)
    best = search.best_params_["aeseparator__network__n_filters"]
    assert first_filters(search.best_estimator_[-1]) == best
    assert repr(network) == before
    assert pipe[-1].network is network


def test_network_parameters_of_own_modules_are_searched(data):
    grid = [
        {"network__encoder__width": [n], "network__decoder__width": [n]} for n in (3, 4)
    ]
    search = GridSearchCV(quick(modules()), grid, cv=2, error_score="raise").fit(*data)
    best = search.best_params_["network__encoder__width"]
    assert search.best_estimator_.net_.module_[0].encoder[0].out_channels == best


@pytest.mark.parametrize("cls", [*SEPARATORS, GANSeparator])
def test_network_none_is_an_affine_resnet9(cls):
    separator = cls()
    assert separator.network is None
    separator.set_params(network__n_filters=8, lr=0.1)
    assert repr(separator.network) == "ResNet9(n_filters=8, output='affine')"
    assert separator.get_params()["network__n_filters"] == 8
    assert separator.lr == 0.1
    separator.set_params(network=ResNet9(4), network__n_latent=8)
    assert repr(separator.network) == "ResNet9(n_filters=4, n_latent=8)"
    with pytest.raises(ValueError, match="Invalid parameter 'width' .* ResNet9"):
        cls().set_params(network__width=8)


def test_network_none_trains_as_an_affine_resnet9(data):
    X, y = data
    default, written = (
        AESeparator(network, max_epochs=1, random_state=0).fit(X[:1], y[:1])
        for network in (None, ResNet9(output="affine"))
    )
    assert all_equal(default, written)


NETWORKS = [ResNet9(2, 4, output="mask"), modules(encoder__width=2, output="affine")]


@pytest.mark.parametrize("network", NETWORKS, ids=["ResNet9", "Modules"])
def test_network_is_cloned_shown_and_pickled(network, data, tmp_path):
    separator = quick(network)
    for copied in (
        clone(separator),
        pickle.loads(pickle.dumps(separator)),
    ):
        assert copied.network is not network
        assert copied.network.get_params() == network.get_params()
        assert repr(copied) == repr(separator)
    assert "output=" in repr(separator)
    fitted = separator.fit(*data)
    joblib.dump(fitted, tmp_path / "separator")
    loaded = joblib.load(tmp_path / "separator")
    assert np.array_equal(loaded.transform(data[0]), fitted.transform(data[0]))
    assert all_equal(clone(fitted).fit(*data), fitted)


@pytest.mark.parametrize("network", NETWORKS, ids=["ResNet9", "Modules"])
def test_network_is_not_changed_by_fit(network, data):
    before = vars(network).copy()
    separator = quick(network).fit(*data)
    assert separator.network is network
    assert vars(network) == before
    # the networks were made from a copy
    made_from = separator.net_.get_params_for("module")["network"]
    assert made_from is not network
    assert repr(made_from) == repr(network)


def test_modules_show_parameters_of_their_classes():
    network = Modules(ConvEncoder, ConvDecoder, encoder__width=3)
    assert network.get_params()["encoder__width"] == 3
    assert network.get_params(deep=False) == network.get_params()
    network.set_params(encoder__width=4, output="mask")
    assert (network.encoder__width, network.output) == (4, "mask")
    assert "encoder__width=4" in repr(network)
    for name in ("width", "encoder_width", "coder__width"):
        with pytest.raises((TypeError, ValueError), match=name):
            Modules(ConvEncoder, ConvDecoder, **{name: 3})
        with pytest.raises((TypeError, ValueError), match=name):
            network.set_params(**{name: 3})


# --- what networks are told and given -------------------------------------------------


class Recorded(Network):
    """A network that records the shapes it is told."""

    def __init__(self, shapes=None):
        self.shapes = shapes

    def __sklearn_clone__(self):
        return self

    def make_encoder(self, shape):
        self.shapes.append(("encoder", shape))
        return nn.Conv2d(shape.in_channels, 2, 1)

    def make_decoder(self, shape):
        self.shapes.append(("decoder", shape))
        return nn.Conv2d(2, shape.out_channels, 1)

    def make_discriminator(self, shape):
        self.shapes.append(("discriminator", shape))
        return super().make_discriminator(shape)


def in_domain(domain):
    X, y = make_mixtures(n_channels=2)
    if domain == "one channel of components":
        return X, y[:, :, 0], {}
    if domain == "images":
        return X.reshape(len(X), 2, 4, 16), y.reshape(len(X), 2, 2, 4, 16), {}
    return X, y, {"magnitudes": {"representation": "magnitude"}}.get(domain, {})


SIZE = (9, 17)  # frequencies and frames of 64 time points

SHAPES = {
    "waveforms": MapShape(2, 2, *SIZE, is_complex=True),
    "magnitudes": MapShape(2, 2, *SIZE, is_complex=False),
    "one channel of components": MapShape(2, 1, *SIZE, is_complex=True),
    "images": MapShape(2, 2, 4, 16, is_complex=False),
}


@pytest.mark.parametrize("domain", SHAPES)
def test_network_is_told_the_shape_of_its_maps(domain):
    X, y, settings = in_domain(domain)
    stft = STFTTransformer(n_fft=16, hop_length=4)
    network = Recorded([])
    quick(network, stft=stft, **settings).fit(X, y)
    pair = ["encoder", "decoder"]
    assert [part for part, _ in network.shapes] == [*pair * 2, *["discriminator"] * 2]
    assert {shape for _, shape in network.shapes} == {SHAPES[domain]}


def test_shape_of_maps_gives_the_channels_of_each_output():
    shape = {"is_complex": True, "n_freqs": 9, "n_frames": 17}
    found = [
        MapShape(3, 1, **shape, n_joint=2, output=output).out_channels
        for output in ("direct", "mask", "ratio_mask", "affine")
    ]
    assert found == [2 * 2, 2 * 6, 2 * 3, 2 * 6 + 2 * 2]
    assert MapShape(3, 1, **shape).in_channels == 6
    assert MapShape(3, 1, **shape, n_joint=2).component_channels == 4


def made_of(**classes):
    """Return modules of own classes, and a record of the calls that make them."""
    calls = {}

    def record(part, make, **settings):
        calls[part] = settings
        return make(**settings)

    parts = {part: partial(record, part, make) for part, make in classes.items()}
    return Modules(**parts, encoder__width=3, decoder__width=3), calls


def test_modules_are_called_with_channels_frequencies_and_their_parameters(data):
    network, calls = made_of(
        encoder=ConvEncoder, decoder=ConvDecoder, discriminator=ConvDiscriminator
    )
    quick(network, stft=STFTTransformer(n_fft=16)).fit(*data)
    assert calls == {
        "encoder": {"in_channels": 2, "n_freqs": 9, "width": 3},
        "decoder": {"out_channels": 2, "n_freqs": 9, "width": 3},
        "discriminator": {"in_channels": 2, "n_freqs": 9},
    }


def test_modules_without_discriminator_have_that_of_resnet9(data):
    separator = quick(modules(discriminator=None)).fit(*data)
    filters = separator.net_.discriminators_[0].encoder.stem[1].out_channels
    assert filters == ResNet9().n_filters // 2


@pytest.mark.parametrize(
    ("scale", "widths"), [(0.5, (4, 8)), (1, (8, 16)), (0.01, (1, 1)), (2, (16, 32))]
)
def test_discriminator_scale_is_that_of_filters_and_latent_maps(
    scale, widths, torch_seeded
):
    shape = MapShape(1, 1, *SIZE, is_complex=True)
    network = ResNet9(8, 16, discriminator_scale=scale)
    discriminator = network.make_discriminator(shape)
    stem, output = discriminator.encoder.stem[1], discriminator.output
    assert (stem.out_channels, output.in_features) == widths
    assert network.make_encoder(shape).stem[1].out_channels == 8


class LazyEncoder(nn.Sequential):
    """Learns its number of inputs from the first map."""

    def __init__(self, in_channels, n_freqs):
        super().__init__(nn.Flatten(), nn.LazyLinear(3))


class FlatDecoder(nn.Module):
    """Return a map of 20 frames, which are cropped, of three features."""

    def __init__(self, out_channels, n_freqs):
        super().__init__()
        self.shape = (out_channels, n_freqs, 20)
        self.layer = nn.Linear(3, out_channels * n_freqs * 20)

    def forward(self, features):
        return self.layer(features).unflatten(1, self.shape)


def test_lazy_modules_are_initialized_and_larger_maps_cropped(data):
    network = Modules(LazyEncoder, FlatDecoder)
    stft = STFTTransformer(n_fft=16, hop_length=4)
    separator = quick(network, AESeparator, stft=stft).fit(*data)
    assert separator.net_.module_[0].encoder[1].in_features == 2 * 9 * 17
    assert separator.transform(data[0]).shape == data[1].shape


class Recurrent(nn.Module):
    """A recurrent layer over whole frames in the order of time."""

    def __init__(self, in_channels, n_freqs, width=8):
        super().__init__()
        self.layer = nn.GRU(in_channels * n_freqs, width, batch_first=True)

    def forward(self, x):
        outputs, _ = self.layer(x.flatten(1, 2).mT)  # (n, n_frames, width)
        return outputs


class Frames(nn.Module):
    """Frames of the outputs of a recurrent layer."""

    def __init__(self, out_channels, n_freqs, width=8):
        super().__init__()
        self.shape = (out_channels, n_freqs)
        self.layer = nn.Linear(width, out_channels * n_freqs)

    def forward(self, outputs):
        return self.layer(outputs).mT.unflatten(1, self.shape)


def test_recurrent_network_over_frames_separates():
    X, y = make_mixtures(n_samples=32)
    network = Modules(Recurrent, Frames, output="mask")
    settings = {"max_epochs": 20, "lr": 3e-2, "stft": STFTTransformer(n_fft=16)}
    separator = quick(network, AESeparator, **settings).fit(X, y)
    # the mixture itself as the estimate has about 0 dB
    assert separator.score(X, y) > 10


def test_recurrent_network_gets_frames_in_the_order_of_time(data):
    # an estimate of one direction depends on the frames before it alone
    network = Modules(Recurrent, Frames)
    separator = quick(network, AESeparator, stft=STFTTransformer(n_fft=16)).fit(*data)
    pair = separator.net_.module_[0].eval()
    maps = torch.randn(1, 2, 9, 17, generator=torch.Generator().manual_seed(0))
    maps.requires_grad_()
    (gradient,) = torch.autograd.grad(pair(maps)[..., 8].sum(), maps)
    assert gradient[..., : 8 + 1].abs().amax((0, 1, 2)).all()
    assert not gradient[..., 8 + 1 :].any()


class Minimal:
    """The three methods alone: no base class and no parameters."""

    def make_encoder(self, shape):
        return nn.Conv2d(shape.in_channels, 2, 1)

    def make_decoder(self, shape):
        assert shape.output == "direct"
        return nn.Conv2d(2, shape.out_channels, 1)

    def make_discriminator(self, shape):
        return ConvDiscriminator(shape.component_channels, shape.n_freqs)


def test_network_needs_the_three_methods_alone(data):
    separator = quick(Minimal()).fit(*data)
    assert separator.transform(data[0]).shape == data[1].shape
    assert all_equal(clone(separator).fit(*data), separator)


# --- equivalences ---------------------------------------------------------------------

EQUAL = {
    "ResNet9": ResNet9(4, 8),
    "Modules": modules(output="mask"),
    "networks that draw": modules(encoder__dropout=0.3),
}


@pytest.mark.parametrize("name", EQUAL)
def test_cass_of_cross_weights_0_is_regular_cass(name, data):
    cross = quick(EQUAL[name], CASSSeparator, cross_weights=0).fit(*data)
    regular = quick(EQUAL[name], RegularCASSSeparator).fit(*data)
    assert all_equal(cross, regular)
    assert not all_equal(quick(EQUAL[name], cross_weights=0.5).fit(*data), regular)


@pytest.mark.parametrize("name", EQUAL)
def test_regular_cass_of_beta_0_is_the_autoencoder(name, data):
    settings = {"alpha": 1, "beta": 0}
    regular = quick(EQUAL[name], RegularCASSSeparator, **settings).fit(*data)
    alone = quick(EQUAL[name], AESeparator).fit(*data)
    assert equal_states(states(regular)[0], states(alone)[0])
    X, _ = data
    assert np.array_equal(regular.transform(X), alone.transform(X))


# --- what is refused ------------------------------------------------------------------


def of_module(make):
    """A class whose ``forward`` is a function of the map."""

    class Own(nn.Module):
        def __init__(self, in_channels=None, out_channels=None, n_freqs=None):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(()))
            self.n_channels = in_channels or out_channels

        def forward(self, x):
            return make(self.weight * x)

    return Own


class BareEncoder(nn.Conv2d):
    """Takes channels alone."""

    def __init__(self, in_channels):
        super().__init__(in_channels, 2, 1)


class Frozen(ConvDiscriminator):
    """Has parameters, but none to train."""

    def __init__(self, in_channels, n_freqs):
        super().__init__(in_channels, n_freqs)
        self.requires_grad_(False)


def passed(x):
    return x


MAPS = r"\(n, 2, 9, 17\)"

REFUSED = {
    "an instance": (
        {"encoder": nn.Conv2d(2, 2, 1)},
        TypeError,
        "encoder must be a class .* got an instance of Conv2d: pass the class, .* "
        "as encoder__...; each component has its own encoder",
    ),
    "an instance that is no module": ({"decoder": 3}, TypeError, "decoder must be a"),
    "a signature of channels alone": (
        {"encoder": BareEncoder},
        TypeError,
        r"encoder=BareEncoder could not be made by BareEncoder\(in_channels=2, "
        r"n_freqs=9\): .*n_freqs",
    ),
    "a parameter that the class lacks": (
        {"encoder__height": 3},
        TypeError,
        "encoder=ConvEncoder could not be made.*height=3",
    ),
    "a value that the class refuses": (
        {"encoder__dropout": 2.0},
        ValueError,
        "encoder=ConvEncoder could not be made.*dropout=2.0",
    ),
    "no module": (
        {"decoder": dict},
        TypeError,
        "decoder=dict must make a torch.nn.Module, got .*dict",
    ),
    "a channel too few": (
        {"encoder": of_module(passed), "decoder": of_module(lambda x: x[:, :1])},
        ValueError,
        rf"decoder Own must return .* \(n, out_channels, n_freqs, n_frames\) = {MAPS}"
        rf".* for maps of shape {MAPS}.*got a tensor of shape \(1, 1, 9, 17\)",
    ),
    "a frequency too few": (
        {"encoder": of_module(passed), "decoder": of_module(lambda x: x[:, :, :8])},
        ValueError,
        r"decoder Own must return .*got a tensor of shape \(1, 2, 8, 17\)",
    ),
    "an axis too few": (
        {"encoder": of_module(passed), "decoder": of_module(lambda x: x[..., 0])},
        ValueError,
        r"decoder Own must return .*got a tensor of shape \(1, 2, 9\)",
    ),
    "a decoder's list": (
        {"encoder": of_module(passed), "decoder": of_module(lambda x: [x, x])},
        ValueError,
        r"decoder Own must return .*got a list of 2: a tensor of shape",
    ),
    "the channels of another output": (
        {"output": "affine", "decoder": of_module(passed)},
        ValueError,
        r"= \(n, 4, 9, 17\).*output='affine'.*got a tensor of shape \(1, 2, 9, 17\)",
    ),
    "a column of logits": (
        {"discriminator": of_module(lambda x: x.mean((1, 2, 3))[:, None])},
        ValueError,
        rf"discriminator Own must return one logit .* of shape \(n,\), for maps of "
        rf"shape {MAPS}; got a tensor of shape \(1, 1\)",
    ),
    "a map of logits": (
        {"discriminator": of_module(passed)},
        ValueError,
        r"discriminator Own must return one logit .*got a tensor of shape "
        r"\(1, 2, 9, 17\)",
    ),
    "a discriminator without parameters": (
        {"discriminator": Frozen},
        ValueError,
        "the discriminator must have parameters to train, got none",
    ),
    "an encoder that fails": (
        {"encoder": of_module(lambda x: x.unflatten(1, (3, -1)))},
        ValueError,
        r"encoder Own failed on a map, a tensor of shape \(1, 2, 9, 17\): ",
    ),
    "a decoder that fails": (
        {"decoder__width": 3},
        ValueError,
        r"decoder ConvDecoder failed on the encoder's output, a tensor of shape "
        r"\(1, 2, 9, 17\): ",
    ),
    "a discriminator that fails": (
        {"discriminator": of_module(lambda x: x[5])},
        ValueError,
        r"discriminator Own failed on a map, a tensor of shape \(1, 2, 9, 17\): ",
    ),
    "an output of another name": (
        {"output": "masks"},
        ValueError,
        "'output' parameter of Modules must be",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_network_that_does_not_fit_is_refused(name, data):
    settings, error, message = REFUSED[name]
    separator = quick(modules(**settings), stft=STFTTransformer(n_fft=16, hop_length=4))
    with pytest.raises(error, match=message):
        separator.fit(*data)
    with pytest.raises(NotFittedError):
        separator.transform(data[0])


def test_pair_without_parameters_is_refused(data):
    class Passing(nn.Module):
        def __init__(self, in_channels=None, out_channels=None, n_freqs=None):
            super().__init__()

        def forward(self, x):
            return x

    with pytest.raises(ValueError, match="encoder and decoder must have parameters"):
        quick(Modules(Passing, Passing), AESeparator).fit(*data)
    # one of the two is enough
    network = Modules(Passing, of_module(passed))
    assert quick(network, AESeparator).fit(*data).n_iter_ == 1


class NoModule(ResNet9):
    def make_discriminator(self, shape):
        return torch.sigmoid


def test_network_of_own_methods_is_checked_alike(data):
    with pytest.raises(TypeError, match="discriminator must be a torch.nn.Module"):
        quick(NoModule(2, 4)).fit(*data)


@pytest.mark.parametrize("network", [Encoder, nn.Conv2d(2, 2, 1), "resnet9"])
def test_network_must_be_an_object_of_the_protocol(network, data):
    with pytest.raises((TypeError, ValueError), match="'network' parameter of AESep"):
        quick(network, AESeparator).fit(*data)


@pytest.mark.parametrize("network", [ResNet9, Modules, Minimal])
def test_network_must_not_be_a_class(network, data):
    name = network.__name__
    with pytest.raises(TypeError, match=rf"network .* the class {name}: pass {name}\("):
        quick(network, AESeparator).fit(*data)


BAD_VALUES = {
    "n_filters": (0, 1.5, "16", 2**17),
    "n_latent": (0, None),
    "skip_connections": (2, "yes"),
    "dilation": (0, -1),
    "output": ("masks", None),
    "compression": (0, 1.5, np.nan),
    "discriminator_scale": (0, -1, 17),
}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_resnet9_refuses_values_out_of_range(name, data):
    for value in BAD_VALUES[name]:
        network = ResNet9(**{name: value})
        with pytest.raises(ValueError, match=f"'{name}' parameter of ResNet9"):
            quick(network, AESeparator).fit(*data)


@pytest.mark.parametrize("cls", [CASSSeparator, NMFSeparator])
def test_parameters_of_a_part_that_is_none_can_be_set(cls):
    separator = cls().set_params(stft__n_fft=32)
    assert separator.stft.n_fft == 32
    assert cls().set_params(stft=None, stft__n_fft=32).stft.n_fft == 32
    with pytest.raises(ValueError, match="n_ftt"):
        cls().set_params(stft__n_ftt=32)


def test_fitted_networks_stay_also_in_files(data, tmp_path):
    X, y = data
    separator = CASSSeparator(**FAST, warm_start=True).fit(X, y)
    separator.set_params(network=ResNet9(n_filters=6, n_latent=8))
    separator.save(tmp_path / "separator")
    loaded = load(tmp_path / "separator")
    np.testing.assert_array_equal(loaded.discriminate(y), separator.discriminate(y))
