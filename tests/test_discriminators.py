"""Kinds of discriminators: conditional on the mixture, local, and on waveforms."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from cases import FAST, WIDE, equal_states, make_mixtures, states
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from torch import nn

from sklearn_cass import (
    AESeparator,
    BiLSTM,
    CASSSeparator,
    GANSeparator,
    Modules,
    RegularCASSSeparator,
    ResNet9,
    STFTTransformer,
    load,
)
from sklearn_cass.nn import (
    REPRESENTATIONS,
    Discriminator,
    Discriminators,
    MapShape,
    WaveformDiscriminator,
    to_map,
)
from sklearn_cass.separators._cass import waveforms_of

pytestmark = pytest.mark.usefixtures("generators_stand_still")

PARAMETERS = ("conditional", "local", "waveform")
KINDS = {
    "+".join(name for name, on in zip(PARAMETERS, values, strict=True) if on)
    or "plain": values
    for values in itertools.product([False, True], repeat=3)
}
REPRESENTED = sorted(REPRESENTATIONS)


def flags(kind):
    names = (f"discriminator_{name}" for name in PARAMETERS)
    return dict(zip(names, KINDS[kind], strict=True))


def network(kind, cls=ResNet9, sizes=(4, 8)):
    return cls(*sizes, **flags(kind))


def fit(kind, data, cls=CASSSeparator, **settings):
    return cls(**FAST | {"network": network(kind)} | settings).fit(*data)


@pytest.fixture(scope="module")
def data():
    return make_mixtures()


# --- what they see --------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_only_conditional_discriminators_depend_on_the_mixture(kind, data):
    X, y = data
    separator = fit(kind, data, network=network(kind, sizes=(16, 32)))
    # another mixture of the same level
    same, found = (separator.discriminate(y, mixtures) for mixtures in (X, -X))
    assert np.array_equal(same, found) == ("conditional" not in kind)


@pytest.mark.parametrize("representation", ["magnitude", "phase-sensitive"])
def test_waveforms_of_magnitudes_have_the_phase_of_the_mixture(representation, data):
    X, y = data
    settings = {"representation": representation, "network": network("waveform")}
    separator = CASSSeparator(**FAST | settings).fit(X, y)
    seen = inputs_of(separator, X, y)
    stft = separator.domains_.stft
    mixtures, components = (stft.forward(torch.tensor(a)) for a in (X, y[:, 0]))
    phase = torch.sgn(mixtures)
    part = components.abs()
    if representation == "phase-sensitive":
        part = (components * phase.conj()).real
    expected = stft.inverse(part * phase, X.shape[-1])
    level = mixtures.abs().square().mean((1, 2), keepdim=True).sqrt()[:, 0]
    np.testing.assert_allclose(seen[:, 0], expected / level, atol=1e-5)


@pytest.mark.parametrize("n_fft", [8, 15, 16])
def test_waveforms_of_complex_maps_are_the_components(n_fft):
    X, y = make_mixtures(n_times=61, n_channels=2)
    settings = {"network": network("conditional+waveform")}
    stft = STFTTransformer(n_fft, hop_length=3, window="hamming")
    separator = CASSSeparator(**FAST | settings, stft=stft).fit(X, y)
    seen = inputs_of(separator, X, y)
    ratio = np.linalg.norm(y[:, 0], axis=(1, 2)) / seen[:, :2].norm(dim=(1, 2)).numpy()
    ratio = ratio[:, None, None]
    np.testing.assert_allclose(ratio * seen[:, :2].numpy(), y[:, 0], atol=1e-5)
    np.testing.assert_allclose(ratio * seen[:, 2:].numpy(), X, atol=1e-5)


def test_networks_of_waveforms_give_them_to_discriminators(data):
    X, y = data
    separator = fit("conditional+waveform", data, stft=False)
    seen = inputs_of(separator, X, y).numpy()
    scale = np.sqrt(np.mean(X**2, axis=1, keepdims=True))
    np.testing.assert_allclose(seen[:, 0] * scale, y[:, 0], atol=1e-5)
    np.testing.assert_allclose(seen[:, 1] * scale, X, atol=1e-5)


def inputs_of(separator, X, y):
    """Return what the first discriminator takes of the first components."""
    net, domains = separator.net_, separator.domains_
    X, Y = domains.mixtures_to_tensor(X), domains.components_to_tensor(y)
    mixture, components = net.unit_maps(X.to(torch.complex64), Y.to(torch.complex64))
    if not domains.is_complex:
        mixture, components = net.unit_maps(X.float(), Y.float())
    condition = net.condition(X, mixture)
    return net.discriminators_.inputs(components[0], condition)


def test_maps_of_several_components_have_the_mixtures_beside_them(torch_seeded):
    # a pass through D_i takes the target, its estimate and other estimates together
    shape = MapShape(1, 1, n_freqs=9, n_frames=20, is_complex=True)
    for kind in KINDS:
        discriminators = Discriminators(1, shaped(shape, kind), network(kind))
        X = torch.randn(3, 1, 9, 20, dtype=torch.complex64)
        groups = [to_map(torch.randn_like(X)) for _ in range(4)]
        condition = discriminators.condition(X, to_map(X), REPRESENTATIONS["complex"])
        joint = discriminators.inputs(torch.cat(groups), condition)
        single = [discriminators.inputs(maps, condition) for maps in groups]
        assert torch.equal(joint, torch.cat(single))


def shaped(shape, kind):
    """A shape of maps that have waveforms."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=(1, 1, 19 * 4))
    domains = CASSSeparator(stft=STFTTransformer(16, 4))
    domains._settings = {"stft": domains.stft}
    domains = domains._make_domains(y[:, 0], y)
    return replace(shape, waveforms=waveforms_of(domains))


@pytest.mark.parametrize("n_channels", [1, 3])
def test_conditional_discriminators_have_channels_of_both(n_channels):
    shape = MapShape(n_channels, 1, n_freqs=9, n_frames=20, is_complex=True)
    maps = replace(shape, conditional=True)
    assert maps.discriminator_channels == 2 + 2 * n_channels
    assert replace(maps, n_joint=3).discriminator_channels == 6 + 2 * n_channels
    waveforms = shaped(replace(maps, on_waveforms=True), "plain")
    assert waveforms.discriminator_channels == 1 + n_channels


# --- local ones -----------------------------------------------------------------------


def test_logits_of_patches_depend_on_their_patch_alone(torch_seeded):
    discriminator = Discriminator(2, n_filters=8, n_latent=16, local=True)
    maps = torch.randn(1, 2, 9, 257)
    found = changed_logits(discriminator, maps, maps.clone().index_fill_(3, AT, 9.0))
    assert found.any(0).sum() <= 39 // 8 + 1
    assert found.any(0)[128 // 8]


def test_logits_of_stretches_depend_on_their_stretch_alone(torch_seeded):
    discriminator = WaveformDiscriminator(1, n_filters=8, n_latent=16, local=True)
    waveforms = torch.randn(1, 1, 2048)
    other = waveforms.clone().index_fill_(2, 8 * AT, 9.0)
    found = changed_logits(discriminator, waveforms, other)
    assert found.sum() <= 169 // 64 + 1
    assert found[1024 // 64]


AT = torch.tensor([128])


@torch.no_grad()
def changed_logits(discriminator, x, other):
    return (discriminator(x) != discriminator(other))[0]


@pytest.mark.parametrize("size", [(1, 1), (1, 64), (9, 17), (33, 5)])
def test_maps_of_any_size_have_a_patch(size, torch_seeded):
    maps = torch.randn(2, 2, *size)
    logits = Discriminator(2, n_filters=2, n_latent=4, local=True)(maps)
    assert logits.shape == (2, *(-(-n // 8) for n in size))
    waveforms = torch.randn(2, 1, size[1])
    logits = WaveformDiscriminator(1, n_filters=2, n_latent=4, local=True)(waveforms)
    assert logits.shape == (2, -(-size[1] // 64))


# --- training -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_cass_of_cross_weights_0_is_regular_cass(kind, data):
    cross = fit(kind, data, cross_weights=0)
    regular = fit(kind, data, RegularCASSSeparator)
    assert all(map(equal_states, states(cross), states(regular)))


@pytest.mark.parametrize("kind", KINDS)
def test_regular_cass_of_beta_0_is_the_autoencoder(kind, data):
    # what discriminators draw does not change what autoencoders draw
    regular = fit(kind, data, RegularCASSSeparator, alpha=1, beta=0)
    alone = fit(kind, data, AESeparator)
    assert equal_states(states(regular)[0], states(alone)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_autoencoders_learn_from_discriminators_of_each_kind(kind, data):
    settings = WIDE | {"network": network(kind, sizes=(8, 16)), "max_epochs": 2}
    regular = RegularCASSSeparator(**settings).fit(*data)
    alone = AESeparator(**settings).fit(*data)
    assert not equal_states(states(regular)[0], states(alone)[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_components", [2, 5])
def test_cross_terms_change_discriminators_of_each_kind(kind, n_components):
    # those of five components are sampled
    data = make_mixtures(8, n_components)
    cross, regular = fit(kind, data), fit(kind, data, RegularCASSSeparator)
    assert not equal_states(states(cross)[1], states(regular)[1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("representation", REPRESENTED)
def test_one_discriminator_of_all_components_has_each_kind(kind, representation, data):
    separator = fit(kind, data, GANSeparator, representation=representation)
    probabilities = separator.discriminate(data[1], data[0])
    assert probabilities.shape == (len(data[0]),)
    assert ((probabilities > 0) & (probabilities < 1)).all()


@pytest.mark.slow  # a long training
@pytest.mark.parametrize("kind", ["conditional", "conditional+local"])
def test_conditional_discriminators_learn_which_mixture_a_component_is_of(kind):
    X, y = make_mixtures(64, seed=1)
    settings = WIDE | {"network": network(kind, sizes=(16, 32))}
    settings |= {"max_epochs": 40, "discriminator_lr": 2e-2}
    separator = RegularCASSSeparator(**settings).fit(X, y)
    # the mixture of a true component, and that of another row
    own = separator.discriminate(y, X)
    other = separator.discriminate(y, X[::-1].copy())
    diagonal = np.arange(2)
    assert own[:, diagonal, diagonal].mean() > other[:, diagonal, diagonal].mean()


# --- discriminate, files, searches ----------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_separators_with_each_kind_are_saved(kind, data, tmp_path):
    X, y = data
    separator = fit(kind, data)
    separator.save(tmp_path / "model")
    found = load(tmp_path / "model")
    assert found.network.get_params() == separator.network.get_params()
    assert np.array_equal(found.discriminate(y, X), separator.discriminate(y, X))


@pytest.mark.parametrize("kind", ["conditional", "local", "conditional+local+waveform"])
def test_training_continues_with_each_kind(kind, data):
    separator = fit(kind, data, warm_start=True)
    before = separator.discriminate(data[1], data[0])
    assert not np.array_equal(separator.fit(*data).discriminate(*data[::-1]), before)
    separator.set_params(network__discriminator_local="local" not in kind)
    with pytest.raises(ValueError, match="network has changed"):
        separator.fit(*data)


def test_kinds_are_cloned_and_searched(data):
    separator = clone(CASSSeparator(**FAST))
    grid = {"network__discriminator_conditional": [False, True]}
    search = GridSearchCV(separator, grid, cv=2, refit=False).fit(*data)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("kind", ["conditional", "conditional+waveform"])
@pytest.mark.parametrize("rows", [[0], [7, 2], [3] * 9])
def test_rows_of_conditional_discriminators_do_not_mix(kind, rows, data):
    X, y = data
    separator = fit(kind, data)
    expected = separator.discriminate(y, X)[rows]
    assert np.array_equal(separator.discriminate(y[rows], X[rows]), expected)
    sums = separator.discriminate(y, y.sum(axis=1))
    np.testing.assert_allclose(separator.discriminate(y), sums, rtol=1e-5)


def test_mixtures_of_more_channels_are_needed():
    X, y = make_mixtures(n_channels=2)
    separator = fit("conditional", (X, y[:, :, 0]))
    assert separator.discriminate(y[:, :, 0], X).shape == (len(X), 2, 2)
    with pytest.raises(ValueError, match="X must be given: .* which has 2 channels"):
        separator.discriminate(y[:, :, 0])
    plain = fit("plain", (X, y[:, :, 0]))
    assert plain.discriminate(y[:, :, 0]).shape == (len(X), 2, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_bilstm_has_each_kind(kind, data):
    own = network(kind, BiLSTM, (4, 1))
    separator = fit(kind, data, network=own)
    assert separator.discriminate(*data[::-1]).shape == (len(data[0]), 2, 2)
    expected = WaveformDiscriminator if "waveform" in kind else Discriminator
    assert all(type(d) is expected for d in separator.net_.discriminators_)


# --- networks of one's own ------------------------------------------------------------


class Judge(nn.Module):
    """Linear on all channels; a logit for each frame or time point if it is local."""

    def __init__(self, in_channels, n_freqs, local=False):
        super().__init__()
        self.shapes, self.local = [], local
        self.layer = nn.Linear(in_channels, 1)

    def forward(self, x):
        self.shapes.append(tuple(x.shape[1:]))
        x = x if x.ndim == 3 else x.mean(-2)
        logits = self.layer(x.mT).squeeze(-1)
        return logits if self.local else logits.mean(-1)


class Encode(nn.Conv2d):
    def __init__(self, in_channels, n_freqs):
        super().__init__(in_channels, 2, 1)


class Decode(nn.Conv2d):
    def __init__(self, out_channels, n_freqs):
        super().__init__(2, out_channels, 1)


OWN_SHAPES = {
    "plain": (2, 9, 17),
    "conditional": (4, 9, 17),
    "local": (2, 9, 17),
    "waveform": (1, 64),
    "conditional+local+waveform": (2, 64),
}


@pytest.mark.parametrize("kind", OWN_SHAPES)
def test_modules_of_own_classes_are_told_of_each_kind(kind, data):
    is_local = "local" in kind
    own = Modules(Encode, Decode, Judge, discriminator__local=is_local, **flags(kind))
    separator = fit(kind, data, network=own, stft=STFTTransformer(16, 4))
    (judge, _), X = separator.net_.discriminators_, data[0]
    assert set(judge.shapes) == {OWN_SHAPES[kind]}
    probabilities = separator.discriminate(data[1], X)
    assert probabilities.shape == (len(X), 2, 2)
    assert np.isfinite(probabilities).all()


def test_modules_without_a_discriminator_have_each_kind(data):
    own = Modules(Encode, Decode, **flags("conditional+local"))
    separator = fit("plain", data, network=own)
    assert separator.net_.discriminators_[0].encoder.stem[1].in_channels == 2 + 2 + 1
    assert len(separator.net_.discriminators_[0].encoder.blocks) == 2


@pytest.mark.parametrize("declared", [False, True])
def test_number_of_logits_must_be_the_declared_one(declared, data):
    own = Modules(
        Encode,
        Decode,
        Judge,
        discriminator__local=not declared,
        discriminator_local=declared,
    )
    expected = "one logit per patch" if declared else "one logit per map"
    with pytest.raises(ValueError, match=f"discriminator Judge must .* {expected}"):
        fit("plain", data, network=own)


@pytest.mark.parametrize("domain", ["images", "complex"])
def test_waveforms_need_samples_that_have_them(domain):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(8, 2, 1, 4, 5))
    y = y * 1j if domain == "complex" else y
    with pytest.raises(ValueError, match="discriminator_waveform=True needs waveforms"):
        fit("waveform", (y.sum(axis=1), y))
    assert fit("conditional+local", (y.sum(axis=1), y)).n_iter_ == 1


@pytest.mark.parametrize("value", [2, "yes", None])
@pytest.mark.parametrize("name", PARAMETERS)
def test_values_of_another_type_are_refused(name, value, data):
    for cls in (ResNet9, BiLSTM):
        own = cls(**{f"discriminator_{name}": value})
        with pytest.raises(ValueError, match=f"'discriminator_{name}' parameter"):
            fit("plain", data, network=own)
