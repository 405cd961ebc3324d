"""Modules of the networks: sizes, architecture, output heads, maps."""

import numpy as np
import pytest
import torch
from cases import NoEncoder, UnitMask
from torch import nn

from sklearn_cass.nn import (
    REPRESENTATIONS,
    Autoencoder,
    Autoencoders,
    BiLSTM,
    Decoder,
    Discriminator,
    Discriminators,
    Encoder,
    MapShape,
    ResNet9,
    from_map,
    to_map,
)
from sklearn_cass.nn.maps import complex_product, compressed
from sklearn_cass.nn.resnet9 import BatchNorm2d

SIZE = {"n_filters": 2, "n_latent": 3}

pytestmark = pytest.mark.usefixtures("torch_seeded")


def map_shape(n_channels=1, n_component_channels=None, **settings):
    """Shape of maps whose size does not matter."""
    settings = {"n_freqs": 7, "n_frames": 5, "is_complex": True} | settings
    return MapShape(n_channels, n_component_channels or n_channels, **settings)


def make_pair(*, skip_connections=True, output="direct"):
    return Autoencoder(
        Encoder(2, **SIZE),
        Decoder(2, skip_connections=skip_connections, **SIZE),
        map_shape(output=output),
    )


# --- sizes --------------------------------------------------------------------------


@pytest.mark.parametrize("skip_connections", [True, False])
def test_autoencoder_keeps_any_size(skip_connections):
    pair = make_pair(skip_connections=skip_connections).eval()
    with torch.no_grad():
        for height in (*range(1, 19), 31, 32, 33):
            for width in (1, 2, 17, 33):
                x = torch.randn(1, 2, height, width)
                assert pair(x).shape == x.shape
                assert pair(x.mT).shape == x.mT.shape


@pytest.mark.parametrize(("dilation", "seen"), [(1, False), (4, True)])
def test_dilation_extends_the_receptive_field_to_257_frames(dilation, seen):
    encoder = Encoder(2, dilation=dilation, **SIZE).eval()
    decoder = Decoder(2, dilation=dilation, **SIZE).eval()
    x = torch.randn(1, 2, 5, 257, requires_grad=True)
    (gradient,) = torch.autograd.grad(decoder(encoder(x))[..., 0].sum(), x)
    assert gradient[..., -16:].any().item() is seen


@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_dilation_keeps_sizes_and_weights(dilation):
    plain, dilated = (Encoder(2, dilation=d, **SIZE).eval() for d in (1, dilation))
    dilated.load_state_dict(plain.state_dict())
    x = torch.randn(1, 2, 9, 40)
    for a, b in zip(plain(x), dilated(x), strict=True):
        assert a.shape == b.shape


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (33, 17), (64, 32)])
def test_encoder_halves_sizes_and_rounds_up(height, width):
    features = Encoder(3, **SIZE)(torch.randn(2, 3, height, width))
    sizes = []
    for _ in range(5):
        height, width = -(-height // 2), -(-width // 2)
        sizes.append((height, width))
    assert [tuple(f.shape[-2:]) for f in features] == sizes
    assert [f.shape[1] for f in features] == [2, 4, 8, 8, 3]


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (3, 1), (17, 9)])
@pytest.mark.parametrize("output", ["direct", "mask"])
def test_autoencoder_trains_on_one_row_of_any_size(size, output):
    pair = make_pair(output=output).train()
    estimate = pair(torch.randn(1, 2, *size))
    estimate.square().sum().backward()
    for parameter in pair.parameters():
        assert torch.isfinite(parameter.grad).all()
    assert all(torch.isfinite(b.float()).all() for b in pair.buffers())


def test_batch_norm_equals_torchs():
    own, other = BatchNorm2d(3), nn.BatchNorm2d(3)
    for shape in [(4, 3, 5, 6), (1, 3, 2, 1), (2, 3, 1, 1)]:
        x = 3 + torch.randn(shape)
        assert torch.equal(own(x), other(x))
    x = torch.randn(1, 3, 1, 1)
    assert torch.equal(own.eval()(x), other.eval()(x))


# --- architecture -------------------------------------------------------------------


def convolutions(module):
    """Convolutions on the way through; shortcuts are beside it."""
    return [
        m
        for name, m in module.named_modules()
        if isinstance(m, nn.Conv2d) and "shortcut" not in name
    ]


@pytest.mark.parametrize(
    "network",
    [
        lambda: Encoder(2, **SIZE),
        lambda: Decoder(2, **SIZE),
        lambda: Decoder(2, skip_connections=False, **SIZE),
        lambda: Discriminator(2, **SIZE),
    ],
    ids=["encoder", "decoder", "plain decoder", "discriminator"],
)
def test_resnet9_modules_have_nine_convolutions(network):
    found = convolutions(network())
    assert len(found) == 9
    assert {c.kernel_size for c in found} == {(3, 3)}


def test_plain_decoder_depends_on_the_last_map_alone():
    size = {"n_filters": 8, "n_latent": 8}  # with fewer, a stage may be all zeros
    encoder = Encoder(2, **size).eval()
    plain = Decoder(2, skip_connections=False, **size).eval()
    skipping = Decoder(2, **size).eval()
    features = encoder(torch.randn(2, 2, 33, 20))
    others = [torch.randn_like(f) for f in features[:-1]]
    assert torch.equal(plain(features), plain([*others, features[-1]]))
    assert not torch.allclose(skipping(features), skipping([*others, features[-1]]))
    for kept in range(4):  # a skip connection from every stage
        changed = list(features)
        changed[kept] = others[kept]
        assert not torch.allclose(skipping(features), skipping(changed))


@pytest.mark.parametrize("skip_connections", [True, False])
def test_decoder_depends_on_the_last_map(skip_connections):
    decoder = Decoder(2, skip_connections=skip_connections, **SIZE).eval()
    features = Encoder(2, **SIZE).eval()(torch.randn(2, 2, 33, 20))
    changed = [*features[:-1], features[-1] + torch.rand_like(features[-1])]
    assert not torch.allclose(decoder(features), decoder(changed))


def test_encoder_tells_frequencies_apart():
    # a convolution alone would treat all frequencies alike
    encoder = Encoder(1, n_filters=4, n_latent=4).eval()
    constant = encoder(torch.ones(1, 1, 64, 64))[0]
    inside = constant[..., 4:-4, 4:-4]
    assert torch.allclose(inside[..., :1], inside, atol=1e-6)  # along time
    assert not torch.allclose(inside[..., :1, :], inside, atol=1e-3)


def transposed_copy(module, made):
    """A module made with `transpose`, with the other's kernels transposed."""
    state = {
        name: weight.mT if weight.ndim == 4 else weight
        for name, weight in module.state_dict().items()
    }
    for name in ("head.0.weight", "head.0.bias"):  # of pixels, before the shuffle
        if name in state:
            of_pixels = state[name].unflatten(0, (-1, 2, 2))
            state[name] = of_pixels.transpose(1, 2).flatten(0, 2)
    made.load_state_dict(state)
    return made.eval()


@pytest.mark.parametrize("stride", [2, 8])
def test_transposed_maps_are_an_arrangement_of_memory(stride):
    x = torch.randn(3, 2, 70, 9)
    settings = SIZE | {"stride": stride}
    plain = Encoder(2, **settings).eval()
    made = transposed_copy(plain, Encoder(2, transpose=True, **settings))
    for expected, found in zip(plain(x), made(x), strict=True):
        assert torch.allclose(found.mT, expected, rtol=1e-5, atol=1e-6)
    plain = Discriminator(2, **settings).eval()
    made = transposed_copy(plain, Discriminator(2, transpose=True, **settings))
    assert torch.allclose(made(x), plain(x), rtol=1e-5, atol=1e-6)


def test_transposed_decoder_returns_frequencies_before_frames():
    features = Encoder(2, **SIZE).eval()(torch.randn(3, 2, 70, 9))
    plain = Decoder(2, **SIZE).eval()
    made = transposed_copy(plain, Decoder(2, transpose=True, **SIZE))
    found = made([feature.mT for feature in features])
    assert torch.allclose(found, plain(features), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("n_freqs", "n_frames"), [(33, 32), (32, 33), (33, 33)])
def test_networks_put_the_longer_axis_last(n_freqs, n_frames):
    shape = map_shape(n_freqs=n_freqs, n_frames=n_frames)
    network = ResNet9(n_filters=2, n_latent=3)
    parts = [
        network.make_encoder(shape),
        network.make_decoder(shape),
        network.make_discriminator(shape).encoder,
        BiLSTM(width=2).make_discriminator(shape).encoder,
    ]
    assert {part.transpose for part in parts} == {n_freqs > n_frames}


@pytest.mark.parametrize("n_freqs", [1, 5, 513, 1025, 4097, 5000, 16385])
def test_discriminator_of_bilstm_takes_about_512_frequencies(n_freqs):
    shape = map_shape(n_freqs=n_freqs, n_frames=6)
    discriminator = BiLSTM(width=2).make_discriminator(shape)
    maps = torch.randn(1, 2, n_freqs, 6)
    assert discriminator(maps).shape == (1,)
    first = discriminator.encoder(maps)[0]
    assert n_freqs < 1024 or 350 < max(first.shape[2:]) < 750


def test_channels_last_gives_the_same_values():
    pair, x = make_pair().eval(), torch.randn(3, 2, 33, 20)
    discriminator = Discriminator(2, **SIZE).eval()
    expected, logits = pair(x), discriminator(x)
    layout = {"memory_format": torch.channels_last}
    x = x.contiguous(**layout)
    assert torch.allclose(pair.to(**layout)(x), expected, rtol=1e-5, atol=1e-6)
    assert torch.allclose(discriminator.to(**layout)(x), logits, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_logits_do_not_depend_on_other_rows(training):
    discriminator = Discriminator(2, **SIZE).train(training)
    x = torch.randn(5, 2, 20, 17)
    logits = discriminator(x)
    assert logits.shape == (5,)
    alone = torch.cat([discriminator(row[None]) for row in x])
    assert torch.allclose(logits, alone, rtol=1e-5, atol=1e-6)
    neighbours = torch.cat([x[:1], 100 * torch.randn(4, 2, 20, 17)])
    assert torch.allclose(discriminator(neighbours)[0], logits[0], rtol=1e-5, atol=1e-6)
    assert discriminator(torch.randn(1, 2, 1, 1)).shape == (1,)


def test_autoencoders_and_discriminators_share_no_parameters():
    network = ResNet9(n_filters=2, n_latent=3)
    shape = map_shape(n_freqs=9, n_frames=9)
    pairs = Autoencoders(3, shape, network).eval()
    x = torch.randn(2, 2, 9, 9)
    estimates = pairs(x)
    assert [e.shape for e in estimates] == [x.shape] * 3
    with torch.no_grad():
        for parameter in pairs[1].parameters():
            parameter.add_(1)
    changed = [not torch.equal(a, b) for a, b in zip(estimates, pairs(x), strict=True)]
    assert changed == [False, True, False]
    discriminators = Discriminators(3, shape, network)
    assert len({id(p) for d in discriminators for p in d.parameters()}) == sum(
        len(list(d.parameters())) for d in discriminators
    )


# --- output heads ---------------------------------------------------------------------


class Passed(nn.Module):
    """Encoder that passes maps on."""

    def forward(self, x):
        return x


class Given(nn.Module):
    """Decoder that returns a given output."""

    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self, features):
        return self.output


def draw(*shape, is_complex, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=shape)
    return z + 1j * rng.normal(size=shape) if is_complex else z


def estimate_of(decoded, z, **settings):
    """Estimate of a pair whose decoder returns given values (n, C, H, W)."""
    is_complex = np.iscomplexobj(z)
    shape = map_shape(z.shape[1], is_complex=is_complex, **settings)
    given = Given(to_map(torch.tensor(decoded)))
    pair = Autoencoder(Passed(), given, shape)
    estimate = pair(to_map(torch.tensor(z)))
    assert estimate.shape[1] == shape.component_channels
    return from_map(estimate, is_complex).numpy()


each_domain = pytest.mark.parametrize("is_complex", [True, False])
each_n_outputs = pytest.mark.parametrize("n_outputs", [3, 1])


def assert_near(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def summed(products, n_outputs):
    """Products of three channels, added up where components have one."""
    return products if n_outputs == 3 else products.sum(axis=1, keepdims=True)


@each_domain
def test_unit_mask_returns_the_mixture(is_complex):
    shape = map_shape(2, is_complex=is_complex, output="mask")
    n_maps = shape.in_channels
    mask = UnitMask(n_maps, 7, n_parts=1 + is_complex)
    pair = Autoencoder(NoEncoder(n_maps, 7), mask, shape)
    x = torch.randn(2, n_maps, 7, 5)
    assert torch.equal(pair(x), x)


@each_n_outputs
@each_domain
def test_mask_multiplies_channels_and_sums_them_for_one_output(is_complex, n_outputs):
    z = draw(2, 3, 7, 5, is_complex=is_complex)
    mask = draw(2, 3, 7, 5, is_complex=is_complex, seed=1)
    found = estimate_of(mask, z, n_component_channels=n_outputs, output="mask")
    assert_near(found, summed(mask * z, n_outputs))


@each_n_outputs
@each_domain
def test_ratio_mask_takes_shares_of_the_mixture(is_complex, n_outputs):
    z = draw(2, 3, 7, 5, is_complex=is_complex)
    logits = draw(2, 3, 7, 5, is_complex=False, seed=1)
    settings = {"n_component_channels": n_outputs, "output": "ratio_mask"}
    found = estimate_of(logits, z, **settings)
    assert_near(found, summed(z / (1 + np.exp(-logits)), n_outputs))


@each_n_outputs
@each_domain
def test_affine_output_is_a_mask_and_a_map_that_is_added(is_complex, n_outputs):
    z = draw(2, 3, 7, 5, is_complex=is_complex)
    mask = draw(2, 3, 7, 5, is_complex=is_complex, seed=1)
    added = draw(2, n_outputs, 7, 5, is_complex=is_complex, seed=2)
    decoded = np.concatenate([mask, added], axis=1)
    found = estimate_of(decoded, z, n_component_channels=n_outputs, output="affine")
    assert_near(found, summed(mask * z, n_outputs) + added)


@pytest.mark.parametrize("output", ["mask", "ratio_mask", "affine"])
@each_domain
def test_joint_outputs_are_those_of_each_component(is_complex, output):
    # one network for two components: their channels one after the other
    z = draw(2, 3, 7, 5, is_complex=is_complex)
    in_logits = is_complex and output != "ratio_mask"
    masks = draw(2, 2, 3, 7, 5, is_complex=in_logits, seed=1)  # (K, n, C, H, W)
    added = draw(2, 2, 1, 7, 5, is_complex=is_complex, seed=2)
    settings = {"n_component_channels": 1, "output": output}
    if output == "affine":
        each = [
            np.concatenate([*pair], axis=1) for pair in zip(masks, added, strict=True)
        ]
        joint = np.concatenate([*masks, *added], axis=1)
    else:
        each, joint = masks, np.concatenate(masks, axis=1)
    expected = [estimate_of(decoded, z, **settings) for decoded in each]
    found = estimate_of(joint, z, n_joint=2, **settings)
    assert_near(found, np.concatenate(expected, axis=1))


# --- maps ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_compression_raises_magnitudes_and_keeps_phases(dtype):
    z = 10 * torch.randn(2, 3, 7, 5, dtype=dtype)
    z[0, 0, 0, 0] = 0
    seen = from_map(compressed(to_map(z), 0.3, z.is_complex()), z.is_complex())
    torch.testing.assert_close(seen.abs(), z.abs() ** 0.3)
    torch.testing.assert_close(torch.sgn(seen), torch.sgn(z))
    assert torch.equal(compressed(to_map(z), 1.0, z.is_complex()), to_map(z))


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 5, 4)])
def test_maps_hold_real_and_imaginary_parts_in_turn(shape):
    z = torch.randn(shape, dtype=torch.complex64)
    maps = to_map(z)
    assert maps.shape == (shape[0], 2 * shape[1], *shape[2:])
    assert torch.equal(maps[:, ::2], z.real)
    assert torch.equal(maps[:, 1::2], z.imag)
    assert torch.equal(from_map(maps, True), z)
    assert torch.equal(from_map(maps.contiguous(), True), z)
    real = torch.randn(shape)
    assert torch.equal(from_map(to_map(real), False), real)


def test_complex_product_equals_torchs():
    a, b = torch.randn(2, 2, 3, 5, 4, dtype=torch.complex64)
    product = from_map(complex_product(to_map(a), to_map(b)), True)
    assert torch.allclose(product, a * b, rtol=1e-6)


# --- representations ----------------------------------------------------------------


@pytest.fixture
def mixed():
    """Mixtures (5, 2, 9, 4) and three components of them, complex."""
    rng = np.random.default_rng(0)
    Y = rng.normal(size=(5, 3, 2, 9, 4)) + 1j * rng.normal(size=(5, 3, 2, 9, 4))
    Y = torch.tensor(Y.astype(np.complex64))
    return Y.sum(1), Y


def seen(representation, X, Y):
    """Maps of components as networks estimate them, were they perfect."""
    return torch.stack(
        [to_map(part) for part in representation.components(Y, X).unbind(1)], 1
    )


def test_complex_representation_inverts(mixed):
    X, Y = mixed
    view = REPRESENTATIONS["complex"]
    assert torch.equal(view.estimates(seen(view, X, Y), X), Y)


@pytest.mark.parametrize("name", ["magnitude", "phase-sensitive"])
def test_magnitudes_get_the_mixtures_phase(mixed, name):
    X, Y = mixed
    view = REPRESENTATIONS[name]
    estimates = view.estimates(seen(view, X, Y), X)
    in_phase = estimates * X.conj().unsqueeze(1)
    assert in_phase.imag.abs().max() < 1e-5 * in_phase.abs().max()
    if name == "magnitude":
        torch.testing.assert_close(estimates.abs(), Y.abs())
    else:  # parts along one direction add up as the whole does
        torch.testing.assert_close(estimates.sum(1), X)


def test_phase_sensitive_minimizes_the_error_given_the_mixtures_phase(mixed):
    X, Y = mixed
    error = {}
    for name in ("magnitude", "phase-sensitive"):
        view = REPRESENTATIONS[name]
        best = view.estimates(seen(view, X, Y), X)
        error[name] = (best - Y).abs().square().sum()
        for step in (-0.01, 0.01):  # no other map is nearer
            other = view.estimates(seen(view, X, Y) + step, X)
            if name == "phase-sensitive":
                assert (other - Y).abs().square().sum() > error[name]
    assert error["phase-sensitive"] < error["magnitude"]


def test_components_of_fewer_channels_get_the_phase_of_the_mean(mixed):
    X, Y = mixed
    mono = Y.mean(2, keepdim=True)
    view = REPRESENTATIONS["phase-sensitive"]
    estimates = view.estimates(seen(view, X, mono), X)
    torch.testing.assert_close(estimates.sum(1), X.mean(1, keepdim=True))
