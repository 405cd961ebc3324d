"""Equivalences and repeatability, bit for bit; what a fit leaves unchanged.

`check_separator` holds for every separator, within a tolerance, that estimates follow
the unit of the mixture and depend neither on other rows nor on previous fits, and that
data, parameters and the process are left unchanged.
"""

import numpy as np
import pytest
import torch
from cases import FAST, WIDE, equal_states, make_mixtures, states

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    RegularCASSSeparator,
    ResNet9,
    STFTTransformer,
)
from sklearn_cass.utils.estimator_checks._state import process_state

pytestmark = pytest.mark.usefixtures("generators_stand_still")


@pytest.fixture(scope="module")
def fitted(data):
    return CASSSeparator(**FAST).fit(*data)


# --- units and other rows -----------------------------------------------------------


@pytest.mark.parametrize("power", [-20, 7])
def test_powers_of_two_scale_exactly(fitted, data, power):
    X = data[0]
    expected = fitted.transform(X) * 2.0**power
    assert np.array_equal(fitted.transform(X * 2.0**power), expected)


def test_single_precision_follows_the_unit(fitted, data):
    X = data[0].astype(np.float32)
    expected = 1e3 * fitted.transform(X)
    found = fitted.transform(np.float32(1e3) * X)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_training_does_not_depend_on_the_unit(data):
    X, y = data
    estimates = [
        CASSSeparator(**FAST).fit(c * X, c * y).transform(X) for c in (1, 2.0**12)
    ]
    assert np.array_equal(*estimates)


def test_training_on_silence_estimates_silence(data):
    X, y = data
    silence = CASSSeparator(**FAST).fit(0 * X, 0 * y)
    assert not silence.transform(0 * X).any()


def close_by_rows(found, expected):
    """Return whether rows agree up to float32's resolution of their largest value."""
    largest = np.abs(expected).max(axis=(1, 2), keepdims=True)
    return np.abs(found - expected).max() <= 1e-7 * largest.min()


def test_estimates_do_not_depend_on_the_number_of_rows(fitted, data):
    X = data[0]
    estimates = fitted.transform(X)
    for rows in ([0], [7], [19], [0, 1], [4, 9, 2], range(13), range(19, -1, -1)):
        rows = list(rows)
        assert close_by_rows(fitted.transform(X[rows]), estimates[rows])


def test_estimates_do_not_depend_on_the_other_rows(fitted, data):
    X = data[0]
    others = X.copy()
    others[1:] = 1e4 * np.random.default_rng(0).normal(size=X[1:].shape)
    assert np.array_equal(fitted.transform(others)[0], fitted.transform(X)[0])


def test_many_rows_have_the_estimates_of_few(data):
    # with so many frames, chunks have fewer rows than their usual number
    X, y = data
    separator = AESeparator(**FAST, stft=STFTTransformer(n_fft=64, hop_length=1))
    many = np.tile(X, (20, 1))
    estimates = separator.fit(X, y).transform(many)
    repeated = estimates.reshape(20, *y.shape)
    assert close_by_rows(repeated[13], repeated[0])
    assert close_by_rows(repeated[19], separator.transform(X))


# --- the same bits ------------------------------------------------------------------


def test_random_state_determines_every_bit(data):
    settings = FAST | {"validation_fraction": 0.2, "remix": 0.5}
    first, same, other = (
        CASSSeparator(**settings | {"random_state": seed}).fit(*data)
        for seed in (3, 3, 4)
    )
    assert all(map(equal_states, states(first), states(same)))
    assert not any(map(equal_states, states(first), states(other)))
    for name in ("reconstruction_loss", "valid_relative_error"):
        assert first.history_[:, name] == same.history_[:, name]
    assert np.array_equal(first.transform(data[0]), same.transform(data[0]))


def test_random_state_determines_how_labeled_recordings_are_mixed():
    _, y = make_mixtures(10)
    X, labels = y.reshape(20, 64), np.tile([0, 1], 10)
    first, same = (CASSSeparator(**FAST).fit(X, labels) for _ in range(2))
    assert all(map(equal_states, states(first), states(same)))


def test_random_state_instance_gives_another_fit_each_time(data):
    rng = np.random.RandomState(0)
    settings = FAST | {"random_state": rng}
    first, second = (AESeparator(**settings).fit(*data) for _ in range(2))
    assert not equal_states(states(first)[0], states(second)[0])


def test_random_state_none_draws_from_the_generator_of_numpy(data):
    state = np.random.get_state()
    try:
        np.random.seed(5)
        first = AESeparator(**FAST | {"random_state": None}).fit(*data)
        np.random.seed(5)
        same = AESeparator(**FAST | {"random_state": None}).fit(*data)
    finally:
        np.random.set_state(state)
    assert equal_states(states(first)[0], states(same)[0])


@pytest.mark.parametrize("cross_weights", [0, [[0, 0], [0, 0]]])
def test_cass_without_cross_weights_is_regular_cass(data, cross_weights):
    settings = FAST | {"max_epochs": 2}
    cass = CASSSeparator(cross_weights=cross_weights, **settings).fit(*data)
    regular = RegularCASSSeparator(**settings).fit(*data)
    assert all(map(equal_states, states(cass), states(regular)))
    assert np.array_equal(cass.transform(data[0]), regular.transform(data[0]))


@pytest.mark.parametrize(
    ("cls", "loss_weighting"),
    [
        (RegularCASSSeparator, "gradient"),
        (CASSSeparator, "gradient"),
        (CASSSeparator, "literal"),
    ],
)
def test_beta_of_zero_is_the_autoencoder(data, cls, loss_weighting):
    settings = FAST | {"max_epochs": 2}
    weights = {"alpha": 1, "beta": 0, "loss_weighting": loss_weighting}
    adversarial = cls(**weights, **settings).fit(*data)
    plain = AESeparator(**settings).fit(*data)
    assert equal_states(states(adversarial)[0], states(plain)[0])
    assert np.array_equal(adversarial.transform(data[0]), plain.transform(data[0]))


def test_positive_weights_of_losses_make_a_difference(data):
    plain = states(AESeparator(**WIDE).fit(*data))[0]
    regular = states(RegularCASSSeparator(**WIDE).fit(*data))
    cass = states(CASSSeparator(cross_weights=5.0, **WIDE).fit(*data))
    assert not equal_states(plain, regular[0])
    assert not equal_states(regular[0], cass[0])
    assert not equal_states(regular[1], cass[1])


def test_default_network_is_a_resnet9(data):
    settings = FAST | {"network": None}
    default = AESeparator(**settings).fit(*data)
    same = AESeparator(**FAST | {"network": ResNet9(output="affine")}).fit(*data)
    assert default.network is None
    assert equal_states(states(default)[0], states(same)[0])


# --- what is left unchanged ---------------------------------------------------------


def torch_modes():
    return (
        torch.is_inference_mode_enabled(),
        torch.are_deterministic_algorithms_enabled(),
    )


def test_fit_with_a_validation_set_and_other_methods_leave_the_process(data):
    X, y = data
    settings = FAST | {"random_state": 1, "validation_fraction": 0.2}
    before = process_state(), torch_modes()
    separator = CASSSeparator(**settings).fit(X, y)
    assert (process_state(), torch_modes()) == before
    separator.separate(X.ravel())
    separator.discriminate(y, X)
    assert (process_state(), torch_modes()) == before


def test_spectrograms_are_left_unchanged(data):
    X, y = STFTTransformer(n_fft=16).fit_transform(data[0]), data[1]
    before = X.copy(), y.copy()
    separator = CASSSeparator(**FAST).fit(X, y)
    separator.transform(X)
    separator.score(X, y)
    separator.separate(y[0, 0])
    separator.discriminate(y, X)
    assert np.array_equal(X, before[0])
    assert np.array_equal(y, before[1])


def test_parameters_that_hold_objects_are_left_unchanged(data):
    settings = FAST | {"stft": STFTTransformer(n_fft=16), "callbacks": []}
    separator = CASSSeparator(**settings)
    before = separator.get_params()
    separator.fit(*data)
    after = separator.get_params()
    assert all(after[name] is before[name] for name in before)


def test_gradients_may_be_off(data):
    with torch.no_grad():
        trained = AESeparator(**FAST).fit(*data)
    assert equal_states(states(trained)[0], states(AESeparator(**FAST).fit(*data))[0])


def test_fitted_separator_keeps_nothing_of_the_callers(tmp_path):
    X, y = make_mixtures()
    stft = STFTTransformer(n_fft=16)
    weights = np.array([[0, 0.1], [0.2, 0]])
    Z = stft.fit_transform(X)
    settings = FAST | {"cross_weights": weights, "validation_fraction": 0.2}
    separator = CASSSeparator(**settings).fit(Z, y)
    given, components = Z.copy(), y.copy()
    given.stft = STFTTransformer(n_fft=16).fit(X)
    expected = separator.transform(given), separator.discriminate(components)
    Z[...], y[...], weights[...] = np.nan, np.nan, np.nan
    stft.set_params(n_fft=8).fit(np.ones((1, 30)))
    assert np.array_equal(separator.transform(given), expected[0])
    assert np.array_equal(separator.discriminate(components), expected[1])
    assert np.isfinite(separator.net_.cross_weights).all()
