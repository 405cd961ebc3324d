"""Dynamic mixing: what is drawn for new mixtures, and trainings with it."""

import numpy as np
import pytest
import torch
from cases import FAST, make_mixtures
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_cass import AESeparator, CASSSeparator, Remix, STFTTransformer, load
from sklearn_cass.training.remixing import Mixer, as_remix, played

N_TIMES = 400
ALL = Remix(
    0.5, gain=(-6, 6), sign=True, shift=0.5, rate=(0.8, 1.25), noise=["white", "pink"]
)


def waveforms(n=32, n_components=2, n_channels=1, seed=0):
    """Mixtures without a residual, (n, C, 1, n_times), and their components."""
    rng = np.random.default_rng(seed)
    Y = rng.normal(size=(n, n_components, n_channels, 1, N_TIMES))
    Y = torch.from_numpy(Y)
    return Y.sum(1), Y


def mixed(X, Y, seed=0, sfreq=None, **settings):
    mixer = Mixer(Remix(**settings), X.shape[-1], sfreq)
    return mixer(X, Y, torch.Generator().manual_seed(seed))


def powers(x):
    return x.square().mean(-1).squeeze(-1)


def assert_found(rows, candidates):
    """Check that each row is one of the candidates."""
    distance = (rows[:, None] - candidates[None]).flatten(2).abs().amax(-1)
    assert (distance.amin(1) < 1e-9).all()


def test_new_mixtures_are_the_sums_of_their_components():
    X, Y = waveforms(n_channels=2)
    X_new, Y_new = mixed(X, Y, gain=(-6, 6), sign=True, shift=0.5, rate=(0.5, 2))
    torch.testing.assert_close(X_new, Y_new.sum(1))
    assert not torch.equal(Y_new, Y)


def test_residuals_are_changed_without_a_gain():
    X, Y = waveforms()
    residual = torch.randn(X.shape, generator=torch.Generator().manual_seed(1)).double()
    X_new, Y_new = mixed(X + residual, Y, gain=(20, 20), sign=True)
    found = X_new - Y_new.sum(1)
    assert_found(found, torch.cat([residual, -residual]))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_share_is_that_of_the_rows_that_change(share):
    X, Y = waveforms()
    X_new, _ = mixed(X, Y, share=share, sign=True, noise="white")
    changed = (X_new != X).flatten(1).any(1)
    assert changed.sum() == round(share * len(X))


def test_gains_lie_in_their_range():
    X, Y = waveforms(256)
    _, Y_new = mixed(X, Y, gain=(-12, -3))
    ratios = Y_new.flatten(0, 1)[:, None] / Y.flatten(0, 1)[None]
    ratio = ratios.flatten(2)
    is_source = ratio.std(-1) < 1e-9
    assert (is_source.sum(1) == 1).all()
    gains = 20 * ratio.mean(-1)[is_source].log10()
    assert gains.min() >= -12
    assert gains.max() <= -3
    assert abs(gains.mean() + 7.5) < 0.5
    assert gains.std() > 2


def test_signs_are_those_of_single_parts():
    X, Y = waveforms(256)
    _, Y_new = mixed(X, Y, sign=True)
    for k in range(2):
        assert_found(Y_new[:, k], torch.cat([Y[:, k], -Y[:, k]]))
    distance = (Y_new[:, :, None] - Y.transpose(0, 1)[None]).flatten(3).abs().amax(-1)
    is_positive = distance.amin(2) < 1e-9  # (n, K)
    assert 0.4 < is_positive.double().mean() < 0.6
    both = is_positive[:, 0] == is_positive[:, 1]
    assert 0.4 < both.double().mean() < 0.6  # drawn independently


def test_shifts_are_circular_and_those_of_all_channels():
    X, Y = waveforms(n_channels=2)
    _, Y_new = mixed(X, Y, shift=0.5)
    spectra = torch.fft.fft(Y[:, 0]).abs()
    found = torch.fft.fft(Y_new[:, 0]).abs()
    assert_found(found, spectra)
    # the cross spectrum of the channels does not depend on a common shift
    cross, other = (
        torch.fft.fft(y[:, 0, 0]) * torch.fft.fft(y[:, 0, 1]).conj() for y in (Y, Y_new)
    )
    assert_found(torch.view_as_real(other), torch.view_as_real(cross))
    assert not torch.equal(Y_new[:, 0].sort(0)[0], Y[:, 0].sort(0)[0])


@pytest.mark.parametrize("shift", [0, 1, -3, 250])
def test_whole_shifts_are_exact(shift):
    _, Y = waveforms(4)
    shifts = torch.full(Y.shape[:2], shift / N_TIMES, dtype=torch.float64)
    found = played(Y, shifts, torch.ones_like(shifts))
    torch.testing.assert_close(found, Y.roll(-shift, -1), rtol=0, atol=0)


@pytest.mark.parametrize("rate", [0.35, 0.9, 1.5])
def test_rates_multiply_frequencies(rate):
    times = torch.arange(N_TIMES, dtype=torch.float64)
    wave = torch.sin(2 * np.pi * 20 / N_TIMES * times).expand(1, 1, 1, 1, -1)
    rates = torch.full((1, 1), rate, dtype=torch.float64)
    found = played(wave, torch.zeros(1, 1), rates)
    # a whole number of periods: playing circularly has no seam
    expected = torch.sin(2 * np.pi * 20 / N_TIMES * rate * times)
    torch.testing.assert_close(found.flatten(), expected, rtol=0, atol=2e-3)


def test_noise_has_its_level_and_is_part_of_no_component():
    X, Y = waveforms(256, n_channels=2)
    X_new, Y_new = mixed(X, Y, noise=["white", "pink"], noise_db=(-20, -10))
    noise = X_new - Y_new.sum(1)
    levels = 10 * (powers(noise).mean(1) / powers(Y_new.sum(1)).mean(1)).log10()
    assert levels.min() > -20.01
    assert levels.max() < -9.99
    assert levels.max() - levels.min() > 8
    for k in range(2):
        assert_found(Y_new[:, k], Y[:, k])


def test_recorded_noise_is_cut_from_its_rows():
    recorded = np.zeros((1, 3 * N_TIMES))
    recorded[0] = np.arange(3 * N_TIMES)
    X, Y = waveforms(16)
    X_new, Y_new = mixed(X, Y, noise=recorded)
    steps = (X_new - Y_new.sum(1)).diff(dim=-1)
    torch.testing.assert_close(steps, steps[..., :1].expand(steps.shape))


def test_draws_follow_from_the_generator_alone():
    X, Y = waveforms()
    states = np.random.get_state()[1].copy(), torch.get_rng_state()
    settings = ALL.get_params()
    a, b, c = (mixed(X, Y, seed=seed, **settings) for seed in (0, 0, 1))
    assert torch.equal(a[0], b[0])
    assert torch.equal(a[1], b[1])
    assert not torch.equal(a[0], c[0])
    np.testing.assert_array_equal(np.random.get_state()[1], states[0])
    assert torch.equal(torch.get_rng_state(), states[1])


def test_number_is_an_object_of_that_share():
    X, y = make_mixtures(12)
    by_number, by_object = (
        AESeparator(**FAST).set_params(remix=remix).fit(X, y).transform(X)
        for remix in (0.5, Remix(0.5))
    )
    np.testing.assert_array_equal(by_number, by_object)
    assert as_remix(1).get_params() == Remix(1.0).get_params()


def test_rows_that_are_transformed_in_each_batch_train_alike():
    # nothing is drawn, but rows are kept as waveforms
    X, y = make_mixtures(12)
    remixes = 0.0, Remix(0.0, shift=0.5)
    fits = [AESeparator(**FAST).set_params(remix=r).fit(X, y) for r in remixes]
    losses = [fit.history_[:, "train_loss"] for fit in fits]
    np.testing.assert_allclose(*losses, rtol=1e-3)
    np.testing.assert_allclose(*(fit.transform(X) for fit in fits), atol=1e-2)


DOMAINS = {
    "waveforms": (lambda X: X, {}),
    "networks of waveforms": (lambda X: X, {"stft": False}),
    "spectrograms": (lambda X: STFTTransformer(16).fit(X).transform(X), {}),
}


@pytest.mark.parametrize("name", DOMAINS)
@pytest.mark.parametrize("cls", [AESeparator, CASSSeparator])
def test_trainings_with_all_settings(cls, name, tmp_path):
    convert, settings = DOMAINS[name]
    X, y = make_mixtures(12)
    separator = cls(**FAST | settings).set_params(remix=clone(ALL)).fit(convert(X), y)
    again = clone(separator).fit(convert(X), y)
    estimates = separator.transform(convert(X))
    np.testing.assert_array_equal(again.transform(convert(X)), estimates)
    assert estimates.shape == y.shape
    separator.save(tmp_path / "separator")
    loaded = load(tmp_path / "separator")
    assert loaded.remix.get_params() == ALL.get_params()
    np.testing.assert_array_equal(loaded.transform(convert(X)), estimates)


def test_recorded_noise_is_saved(tmp_path):
    X, y = make_mixtures(8)
    noise = np.random.default_rng(0).normal(size=(3, 100))
    AESeparator(**FAST).set_params(remix=Remix(noise=noise)).fit(X, y).save(
        tmp_path / "separator"
    )
    np.testing.assert_array_equal(load(tmp_path / "separator").remix.noise, noise)


def test_searches_over_its_settings():
    X, y = make_mixtures(12)
    separator = AESeparator(**FAST).set_params(remix=Remix())
    search = GridSearchCV(separator, {"remix__sign": [False, True]}, cv=2)
    search.fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_resumed_training_is_that_without_a_break(tmp_path):
    X, y = make_mixtures(12)
    settings = FAST | {"max_epochs": 4, "lr_schedule": "constant"}
    whole = AESeparator(**settings).set_params(remix=clone(ALL)).fit(X, y)
    part = AESeparator(**settings | {"max_epochs": 2}, checkpoint=tmp_path)
    part.set_params(remix=clone(ALL)).fit(X, y)
    rest = AESeparator(**settings, checkpoint=tmp_path).set_params(remix=clone(ALL))
    np.testing.assert_array_equal(rest.fit(X, y).transform(X), whole.transform(X))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"share": 1.5}, "share"),
        ({"gain": (1,)}, "gain=.*two numbers"),
        ({"gain": (3, -3)}, "gain=.*two numbers"),
        ({"rate": (0, 1)}, "rate=.*two positive numbers"),
        ({"noise_db": (np.nan, 1)}, "noise_db=.*two numbers"),
        ({"noise": "purple"}, "noise must be among"),
        ({"noise": "mains"}, "sampling frequency"),
        ({"noise": np.zeros((2, 3))}, "fewer than the 64"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    separator = AESeparator(**FAST).set_params(remix=Remix(**settings))
    with pytest.raises(ValueError, match=message):
        separator.fit(*make_mixtures(8))


def test_noise_of_known_frequencies_takes_the_rate_of_fit():
    separator = AESeparator(**FAST).set_params(remix=Remix(noise="mains"))
    separator.fit(*make_mixtures(8), sfreq=250)
    assert np.isfinite(separator.history_[:, "train_loss"]).all()


def test_images_cannot_be_shifted():
    y = np.random.default_rng(0).normal(size=(8, 2, 1, 9, 12))
    separator = AESeparator(**FAST).set_params(remix=Remix(shift=0.5))
    with pytest.raises(ValueError, match="need waveforms.*got images"):
        separator.fit(y.sum(1), y)
    separator.set_params(remix__shift=0.0, remix__sign=True).fit(y.sum(1), y)


def test_components_of_one_channel_cannot_be_changed_in_mixtures_of_two():
    X, y = make_mixtures(8, 2, n_channels=2)
    separator = AESeparator(**FAST).set_params(remix=Remix(sign=True))
    with pytest.raises(ValueError, match="as many channels as the mixtures, 2, got 1"):
        separator.fit(X, y[:, :, 0])


def test_in_a_pipeline_the_labels_waveforms_are_mixed():
    X, y = make_mixtures(12)
    separator = AESeparator(**FAST).set_params(remix=Remix(shift=0.5, sign=True))
    pipeline = make_pipeline(STFTTransformer(16), separator).fit(X, y)
    assert pipeline.transform(X).shape == y.shape
