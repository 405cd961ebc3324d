"""One generator and one discriminator for all components."""

import numpy as np
import pytest
from cases import FAST, IDENTITY, WIDE, equal_states, make_mixtures, states
from skorch.callbacks import Callback

from sklearn_cass import GANSeparator, RegularCASSSeparator, STFTTransformer, load

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


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("output", ["direct", "mask"])
def test_components_come_back_as_they_were_given(domain, output):
    X, y = in_domain(domain)
    estimates = GANSeparator(**FAST, output=output).fit(X, y).transform(X)
    assert estimates.shape == y.shape
    assert estimates.dtype == y.dtype
    assert np.isfinite(estimates).all()


def test_there_is_one_network_of_each_kind(fitted):
    assert len(fitted.net_.module_) == len(fitted.net_.discriminators_) == 1
    assert fitted.n_components_ == 3
    assert np.shape(fitted.history_[-1, "reconstruction_loss"]) == (1,)


def test_one_component_is_regular_cass():
    X, y = make_mixtures(n_components=1)
    joint, regular = (
        cls(**WIDE).fit(X, y) for cls in (GANSeparator, RegularCASSSeparator)
    )
    assert all(map(equal_states, states(joint), states(regular)))
    assert np.array_equal(joint.transform(X), regular.transform(X))


def n_parameters(separator):
    return sum(p.numel() for p in separator.net_.module_.parameters())


def test_root_of_K_more_filters_make_as_many_parameters(data):
    K, small, latent = 3, 16, 64
    pairs = RegularCASSSeparator(**FAST | {"n_filters": small, "n_latent": latent})
    widths = {"n_filters": round(small * K**0.5), "n_latent": round(latent * K**0.5)}
    joint = GANSeparator(**FAST | widths)
    ratio = n_parameters(joint.fit(*data)) / n_parameters(pairs.fit(*data))
    assert 0.9 < ratio < 1.1


def test_masks_of_one_give_the_mixture_for_every_component():
    X, y = make_mixtures()
    separator = GANSeparator(**FAST | IDENTITY).fit(X, y)
    expected = np.stack([X, X], axis=1)
    np.testing.assert_allclose(separator.transform(X), expected, atol=1e-5)


def test_training_lowers_the_error(data):
    X, y = data
    losses = [
        np.sum(
            GANSeparator(**WIDE | {"max_epochs": n, "lr": 1e-2})
            .fit(X, y)
            .history_[-1, "reconstruction_loss"]
        )
        for n in (1, 20)
    ]
    assert losses[1] < losses[0]


def test_the_discriminator_hears_all_components_at_once(fitted, data):
    X, y = data
    answers = fitted.discriminate(y, X)
    assert answers.shape == (len(y),)
    assert ((answers > 0) & (answers < 1)).all()
    for k in range(3):
        other = y.copy()
        other[4, k] = 30 * y[5, k]
        changed = ~np.isclose(fitted.discriminate(other, X), answers, rtol=1e-6, atol=0)
        assert np.flatnonzero(changed).tolist() == [4]


def test_order_of_the_components_is_kept(data):
    # the network may give them in any order of channels: the targets say which
    X, y = data
    order = [2, 0, 1]
    settings = WIDE | {"max_epochs": 40, "lr": 1e-2}
    separator = GANSeparator(**settings).fit(X, y[:, order])
    estimates = separator.transform(X)
    errors = [
        [np.linalg.norm(estimates[:, i] - y[:, k]) for k in range(3)] for i in range(3)
    ]
    assert np.argmin(errors, axis=1).tolist() == order


def test_a_file_gives_the_same_bits(fitted, data, tmp_path):
    fitted.save(tmp_path / "gan")
    loaded = load(tmp_path / "gan")
    assert type(loaded) is GANSeparator
    assert np.array_equal(loaded.transform(data[0]), fitted.transform(data[0]))
    assert np.array_equal(loaded.discriminate(data[1]), fitted.discriminate(data[1]))


class Cut(Exception):
    pass


class CutOff(Callback):
    """Cuts a training off at the beginning of its third epoch."""

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 3:
            raise Cut


def test_a_checkpoint_goes_on_with_the_same_bits(data, tmp_path):
    settings = WIDE | {"max_epochs": 3, "lr_schedule": "constant"}
    whole = GANSeparator(**settings).fit(*data)

    cut = GANSeparator(**settings, checkpoint=tmp_path / "c", callbacks=[CutOff()])
    with pytest.raises(Cut):
        cut.fit(*data)
    again = GANSeparator(**settings, checkpoint=tmp_path / "c").fit(*data)
    assert all(map(equal_states, states(again), states(whole)))
