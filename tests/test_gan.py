"""One generator and one discriminator for all components."""

import numpy as np
import pytest
from cases import FAST, FILTERS, IDENTITY, WIDE, equal_states, make_mixtures, states
from trainings import resume, train, train_until

from sklearn_cass import (
    GANSeparator,
    RegularCASSSeparator,
    ResNet9,
    STFTTransformer,
    load,
)

pytestmark = pytest.mark.usefixtures("generators_stand_still")


@pytest.fixture(scope="module")
def data():
    return make_mixtures(n_components=3)


@pytest.fixture(scope="module")
def fitted(data):
    return GANSeparator(**WIDE).fit(*data)


def in_domain(domain):
    X, y = make_mixtures(n_components=3, n_channels=2)
    if domain == "one channel of components":
        return X, y[:, :, 0]
    if domain == "spectrograms":
        stft = STFTTransformer(n_fft=16).fit(X)
        Y = np.stack([np.asarray(stft.transform(y[:, k])) for k in range(3)], axis=1)
        return Y.sum(axis=1), Y
    if domain == "images":
        return X.reshape(len(X), 2, 8, 8), y.reshape(len(y), 3, 2, 8, 8)
    return X, y


DOMAINS = ["waveforms", "one channel of components", "spectrograms", "images"]


@pytest.mark.parametrize(
    ("domain", "output"),
    [*((domain, "mask") for domain in DOMAINS), ("images", "affine")],
)
def test_gan_returns_components_in_their_domain(domain, output):
    # the other domains with output="direct" are part of the contract suite
    X, y = in_domain(domain)
    settings = FAST | {"network": ResNet9(2, 4, output=output)}
    estimates = GANSeparator(**settings).fit(X, y).transform(X)
    assert estimates.shape == y.shape
    assert estimates.dtype == y.dtype
    assert np.isfinite(estimates).all()


def test_gan_has_one_generator_and_one_discriminator(fitted):
    assert len(fitted.net_.module_) == len(fitted.net_.discriminators_) == 1
    assert fitted.n_components_ == 3
    assert np.shape(fitted.history_[-1, "reconstruction_loss"]) == (1,)


def test_gan_of_one_component_is_regular_cass():
    X, y = make_mixtures(n_components=1)
    joint, regular = (
        cls(**WIDE).fit(X, y) for cls in (GANSeparator, RegularCASSSeparator)
    )
    assert all(map(equal_states, states(joint), states(regular)))
    assert np.array_equal(joint.transform(X), regular.transform(X))


def n_parameters(cls, network, data):
    module = cls(**FAST | {"network": network}).fit(*data).net_.module_
    return sum(p.numel() for p in module.parameters())


def test_gan_of_root_K_more_filters_has_as_many_parameters(data):
    root = 3**0.5
    pairs = n_parameters(RegularCASSSeparator, ResNet9(16, 64), data)
    wide = ResNet9(round(16 * root), round(64 * root))
    ratio = n_parameters(GANSeparator, wide, data) / pairs
    assert 0.9 < ratio < 1.1


def test_gan_masks_of_one_give_the_mixture_for_every_component():
    X, y = make_mixtures()
    separator = GANSeparator(**FAST | IDENTITY).fit(X, y)
    expected = np.stack([X, X], axis=1)
    np.testing.assert_allclose(separator.transform(X), expected, atol=1e-5)


def test_gan_training_lowers_the_error(data):
    settings = FAST | FILTERS | {"lr": 1e-2}
    scores = [
        GANSeparator(**settings | {"max_epochs": n}).fit(*data).score(*data)
        for n in (1, 20)
    ]
    assert scores[1] > scores[0] + 3


def test_gan_discriminator_depends_on_all_components(fitted, data):
    X, y = data
    expected = fitted.discriminate(y, X)
    assert expected.shape == (len(y),)
    assert ((expected > 0) & (expected < 1)).all()
    for k in range(3):
        other = y.copy()
        other[4, k] = 30 * y[5, k]
        found = fitted.discriminate(other, X)
        changed = ~np.isclose(found, expected, rtol=1e-6, atol=0)
        assert np.flatnonzero(changed).tolist() == [4]


def test_gan_keeps_the_order_of_components(data):
    # the network may give them in any order of channels: the targets say which
    X, y = data
    order = [2, 0, 1]
    settings = FAST | FILTERS | {"max_epochs": 20, "lr": 1e-2}
    separator = GANSeparator(**settings).fit(X, y[:, order])
    estimates = separator.transform(X)
    errors = [
        [np.linalg.norm(estimates[:, i] - y[:, k]) for k in range(3)] for i in range(3)
    ]
    assert np.argmin(errors, axis=1).tolist() == order


def test_gan_is_loaded_bit_for_bit(fitted, data, tmp_path):
    fitted.save(tmp_path / "gan")
    loaded = load(tmp_path / "gan")
    assert type(loaded) is GANSeparator
    assert np.array_equal(loaded.transform(data[0]), fitted.transform(data[0]))
    assert np.array_equal(loaded.discriminate(data[1]), fitted.discriminate(data[1]))


def test_gan_resumes_from_a_checkpoint_bit_for_bit(data, tmp_path):
    train_until(GANSeparator, tmp_path, data, network=ResNet9(2, 4))
    whole = train(GANSeparator, data, network=ResNet9(2, 4))
    assert resume(GANSeparator, tmp_path, data, network=ResNet9(2, 4)) == whole
