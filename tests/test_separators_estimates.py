"""Estimates follow the mixture's unit, depend on nothing else and repeat bit by bit."""

import random
import warnings

import numpy as np
import pytest
import torch
from cases import (
    FAST,
    SEPARATORS,
    WIDE,
    equal_states,
    make_mixtures,
    states,
)

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    RegularCASSSeparator,
    STFTTransformer,
)

pytestmark = pytest.mark.usefixtures("generators_stand_still")


@pytest.fixture(scope="module")
def data():
    return make_mixtures(20)


@pytest.fixture(scope="module", params=SEPARATORS, ids=lambda cls: cls.__name__)
def fitted(request, data):
    return request.param(**FAST).fit(*data)


# --- units --------------------------------------------------------------------------


@pytest.mark.parametrize("c", [1e-3, 0.1, 3.0, 1e3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_estimates_have_the_mixtures_unit(fitted, data, c, dtype):
    X = data[0].astype(dtype)
    expected = c * fitted.transform(X)
    largest = np.abs(expected).max()
    np.testing.assert_allclose(fitted.transform(c * X), expected, atol=1e-5 * largest)


@pytest.mark.parametrize("power", [-20, 7])
def test_powers_of_two_scale_exactly(fitted, data, power):
    X = data[0]
    expected = fitted.transform(X) * 2.0**power
    assert np.array_equal(fitted.transform(X * 2.0**power), expected)


def test_each_row_has_a_scale_of_its_own(fitted, data):
    X = data[0]
    c = np.geomspace(1e-3, 1e3, len(X))[:, None]
    expected = c[:, None] * fitted.transform(X)
    largest = np.abs(expected).max(axis=(1, 2), keepdims=True)
    found = fitted.transform(c * X)
    np.testing.assert_allclose(found / largest, expected / largest, atol=1e-5)


def test_silence_holds_silent_components(fitted, data):
    X = data[0].copy()
    X[3] = 0
    estimates = fitted.transform(X)
    assert not estimates[3].any()
    assert estimates[2].any()


def test_training_does_not_depend_on_the_unit(data):
    X, y = data
    estimates = [
        CASSSeparator(**FAST).fit(c * X, c * y).transform(X) for c in (1, 2.0**12)
    ]
    assert np.array_equal(*estimates)


def test_silent_training_rows_are_no_trouble(data, separator_class):
    X, y = (array.copy() for array in data)
    X[:9] = 0
    y[:9] = 0
    assert np.isfinite(separator_class(**FAST).fit(X, y).transform(X)).all()
    silence = separator_class(**FAST).fit(0 * X, 0 * y)
    assert not silence.transform(0 * X).any()


# --- nothing else -------------------------------------------------------------------


def close_by_rows(found, expected):
    """Within what float32 cannot tell apart, of each row's largest value."""
    largest = np.abs(expected).max(axis=(1, 2), keepdims=True)
    return np.abs(found - expected).max() <= 1e-7 * largest.min()


@pytest.mark.parametrize(
    "rows",
    [[0], [7], [19], [0, 1], [4, 9, 2], range(13), range(19, -1, -1)],
    ids=["first", "inner", "last", "two", "three", "most", "reversed"],
)
def test_estimates_do_not_depend_on_other_rows(fitted, data, rows):
    X, rows = data[0], list(rows)
    assert close_by_rows(fitted.transform(X[rows]), fitted.transform(X)[rows])


def test_estimates_do_not_depend_on_what_the_other_rows_are(fitted, data):
    X = data[0]
    others = X.copy()
    others[1:] = 1e4 * np.random.default_rng(0).normal(size=X[1:].shape)
    assert np.array_equal(fitted.transform(others)[0], fitted.transform(X)[0])


def test_many_rows_are_separated_as_few_are(data):
    # more rows than are separated at a time
    X, y = data
    separator = AESeparator(**FAST, stft=STFTTransformer(n_fft=64, hop_length=1))
    many = np.tile(X, (20, 1))
    estimates = separator.fit(X, y).transform(many)
    repeated = estimates.reshape(20, *y.shape)
    assert close_by_rows(repeated[13], repeated[0])
    assert close_by_rows(repeated[19], separator.transform(X))


def test_transform_repeats_itself(fitted, data):
    assert np.array_equal(fitted.transform(data[0]), fitted.transform(data[0]))


# --- the same bits ------------------------------------------------------------------


@pytest.mark.parametrize("cls", SEPARATORS)
def test_random_state_settles_every_bit(cls, data):
    settings = FAST | {"validation_fraction": 0.2, "remix": 0.5}
    first, same, other = (
        cls(**settings | {"random_state": seed}).fit(*data) for seed in (3, 3, 4)
    )
    assert all(map(equal_states, states(first), states(same)))
    assert not any(map(equal_states, states(first), states(other)))
    for name in ("reconstruction_loss", "valid_relative_error"):
        assert first.history_[:, name] == same.history_[:, name]
    assert np.array_equal(first.transform(data[0]), same.transform(data[0]))


def test_labels_are_mixed_by_the_random_state():
    _, y = make_mixtures(10)
    X, labels = y.reshape(20, 64), np.tile([0, 1], 10)
    first, same = (CASSSeparator(**FAST).fit(X, labels) for _ in range(2))
    assert all(map(equal_states, states(first), states(same)))


def test_fitting_again_starts_again(data):
    separator = CASSSeparator(**FAST).fit(*data)
    expected = [
        {name: value.clone() for name, value in state.items()}
        for state in states(separator)
    ]
    separator.fit(*data)
    assert all(map(equal_states, states(separator), expected))
    assert separator.n_iter_ == 1


def test_random_state_instance_moves_on(data):
    rng = np.random.RandomState(0)
    settings = FAST | {"random_state": rng}
    first, second = (AESeparator(**settings).fit(*data) for _ in range(2))
    assert not equal_states(states(first)[0], states(second)[0])


@pytest.mark.parametrize("cross_weights", [0, 0.0, np.zeros((2, 2)), [[0, 0], [0, 0]]])
def test_cass_without_cross_weights_is_regular_cass(data, cross_weights):
    settings = FAST | {"max_epochs": 2}
    cass = CASSSeparator(cross_weights=cross_weights, **settings).fit(*data)
    regular = RegularCASSSeparator(**settings).fit(*data)
    assert all(map(equal_states, states(cass), states(regular)))
    assert np.array_equal(cass.transform(data[0]), regular.transform(data[0]))


@pytest.mark.parametrize("cls", [RegularCASSSeparator, CASSSeparator])
@pytest.mark.parametrize("loss_weighting", ["gradient", "literal"])
def test_without_an_adversary_it_is_the_autoencoder(data, cls, loss_weighting):
    settings = FAST | {"max_epochs": 2}
    weights = {"alpha": 1, "beta": 0, "loss_weighting": loss_weighting}
    adversarial = cls(**weights, **settings).fit(*data)
    plain = AESeparator(**settings).fit(*data)
    assert equal_states(states(adversarial)[0], states(plain)[0])
    assert np.array_equal(adversarial.transform(data[0]), plain.transform(data[0]))


def test_the_losses_do_differ_where_their_weights_do(data):
    plain = states(AESeparator(**WIDE).fit(*data))[0]
    regular = states(RegularCASSSeparator(**WIDE).fit(*data))
    cass = states(CASSSeparator(cross_weights=5.0, **WIDE).fit(*data))
    assert not equal_states(plain, regular[0])
    assert not equal_states(regular[0], cass[0])
    assert not equal_states(regular[1], cass[1])


# --- what is left as it was ---------------------------------------------------------


def process_state():
    return {
        "python": random.getstate(),
        "torch": torch.get_rng_state().tolist(),
        "numpy": str(np.random.get_state()),
        "threads": torch.get_num_threads(),
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "dtype": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "filters": list(warnings.filters),
        "errors": np.geterr(),
    }


@pytest.mark.parametrize("random_state", [0, 1])
def test_process_is_left_as_it_was(data, separator_class, random_state):
    X, y = data
    settings = FAST | {"random_state": random_state, "validation_fraction": 0.2}
    before = process_state()
    separator = separator_class(**settings).fit(X, y)
    assert process_state() == before
    separator.transform(X)
    separator.score(X, y)
    separator.separate(X.ravel())
    assert process_state() == before


def test_random_state_none_draws_from_numpys_generator_as_in_scikit_learn(data):
    state = np.random.get_state()
    try:
        np.random.seed(5)
        first = AESeparator(**FAST | {"random_state": None}).fit(*data)
        np.random.seed(5)
        same = AESeparator(**FAST | {"random_state": None}).fit(*data)
    finally:
        np.random.set_state(state)
    assert equal_states(states(first)[0], states(same)[0])


@pytest.mark.parametrize("make", [np.asarray, STFTTransformer(n_fft=16).fit_transform])
def test_data_is_left_as_it_was(data, separator_class, make):
    X, y = make(data[0]), data[1]
    before = X.copy(), y.copy()
    separator = separator_class(**FAST).fit(X, y)
    separator.transform(X)
    separator.score(X, y)
    separator.separate(y[0, 0])
    if hasattr(separator, "discriminate"):
        separator.discriminate(y, X)
    assert np.array_equal(X, before[0])
    assert np.array_equal(y, before[1])


def test_parameters_are_left_as_they_were(data, separator_class):
    settings = FAST | {"stft": STFTTransformer(n_fft=16), "callbacks": []}
    separator = separator_class(**settings)
    before = separator.get_params()
    separator.fit(*data)
    after = separator.get_params()
    assert all(after[name] is before[name] for name in before)


def test_estimates_may_be_changed(fitted, data):
    expected = fitted.transform(data[0])
    fitted.transform(data[0])[:] = 0
    assert np.array_equal(fitted.transform(data[0]), expected)


def test_gradients_may_be_off(data):
    with torch.no_grad():
        trained = AESeparator(**FAST).fit(*data)
    assert equal_states(states(trained)[0], states(AESeparator(**FAST).fit(*data))[0])
