"""Values chosen for parameters that are None: short trainings, and their result."""

import pickle

import numpy as np
import pytest
from cases import equal_states, states
from sklearn.base import clone

from sklearn_cass import (
    AESeparator,
    BiLSTM,
    CASSSeparator,
    GANSeparator,
    RegularCASSSeparator,
    ResNet9,
    STFTTransformer,
    load,
)
from sklearn_cass.data import Samples
from sklearn_cass.separators import _cass as cass
from sklearn_cass.separators import _recipes as recipes

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.usefixtures("generators_stand_still"),
]

SETTINGS = {"max_epochs": 2, "random_state": 0}
NAMED = (
    {"network": ResNet9(2, 4)},
    {"stft": STFTTransformer(16)},
    {"stft": False},
    {"representation": "magnitude"},
)


@pytest.fixture
def small_recipes(monkeypatch):
    """Choose between small networks, after two steps of training each."""
    direct = recipes.DIRECT | {"network": ResNet9(2, 4)}
    masks = recipes.MASKS | {"network": BiLSTM(4, 1)}
    monkeypatch.setattr(recipes, "RECIPES", (direct, masks))
    monkeypatch.setattr(recipes, "DIRECT", direct)
    monkeypatch.setattr(recipes, "MASKS", masks)
    monkeypatch.setattr(recipes, "N_STEPS", 2)
    monkeypatch.setattr(AESeparator, "_least_steps", 1)
    monkeypatch.setattr(RegularCASSSeparator, "_least_steps", 1)
    return direct, masks


@pytest.fixture
def favor(monkeypatch, small_recipes):
    """Return a function that sets the errors of the trials."""

    def set_errors(*errors):
        given = iter(errors)
        monkeypatch.setattr(cass.TrialSeparator, "error", lambda *_: next(given))

    return set_errors


@pytest.fixture
def data(make_mixtures):
    return make_mixtures(20)


def equal_networks(a, b):
    return all(map(equal_states, states(a), states(b)))


def forbid_trials(monkeypatch):
    def fail(*args):
        raise AssertionError("a trial was planned")

    monkeypatch.setattr(recipes, "plan_trial", fail)


@pytest.mark.parametrize("best", [0, 1])
def test_recipe_with_the_smallest_error_is_taken(best, favor, small_recipes, data):
    favor(*np.roll([0.1, 0.2], best))
    separator = AESeparator(**SETTINGS).fit(*data)
    recipe = small_recipes[best]
    assert repr(separator.network_) == repr(recipe["network"])
    assert separator.representation_ == recipe["representation"]
    n_times = data[0].shape[-1]
    assert separator.stft_.n_fft_ == recipe["stft"](n_times).fit(data[0]).n_fft_
    assert separator.net_.remix == recipe["remix"]


@pytest.mark.parametrize(
    ("n_times", "n_steps"), [(64, 500), (4096, 500), (8192, 250), (22050, 93)]
)
def test_shortest_fit_with_a_choice_has_as_many_time_points(
    n_times, n_steps, make_mixtures, monkeypatch
):
    X, y = make_mixtures(4, n_times=n_times)
    plan = recipes.plan_trial
    planned = []

    def record(*args):
        planned.append(plan(*args))

    monkeypatch.setattr(recipes, "plan_trial", record)  # None: the first recipe
    for max_epochs in (n_steps - 1, n_steps):
        separator = AESeparator(max_epochs=max_epochs, batch_size=4)
        separator._choose_settings(Samples(X, y), np.random.RandomState(0))
        assert len(planned) == (max_epochs == n_steps)


def test_equal_errors_take_the_first_recipe(favor, data):
    favor(0.5, 0.5)
    assert isinstance(AESeparator(**SETTINGS).fit(*data).network_, ResNet9)


def test_parameters_stay_as_they_were_given(favor, data):
    favor(0.2, 0.1)
    separator = AESeparator(**SETTINGS).fit(*data)
    assert separator.get_params() == clone(separator).get_params()
    assert separator.network is None


def test_values_that_are_given_are_kept(favor, data):
    favor(0.2, 0.1)
    settings = {"remix": 0.5, "optimizer": "muon"}
    net = AESeparator(**settings, **SETTINGS).fit(*data).net_
    assert net.remix == 0.5
    assert type(net.optimizer_).__name__ == "Muon"


@pytest.mark.parametrize("named", NAMED, ids=str)
def test_whoever_names_a_value_has_chosen(named, small_recipes, data, monkeypatch):
    forbid_trials(monkeypatch)
    separator = AESeparator(**named, **SETTINGS).fit(*data)
    assert isinstance(separator.network_, ResNet9)


def test_named_network_has_the_values_of_its_family(make_mixtures, monkeypatch):
    forbid_trials(monkeypatch)
    X, y = make_mixtures(8, n_times=1024)
    separator = AESeparator(BiLSTM(4, 1), **SETTINGS).fit(X, y)
    assert separator.representation_ == "phase-sensitive"
    assert separator.net_.remix == recipes.MASKS["remix"]
    assert separator.stft_.n_fft_ == 256
    assert STFTTransformer().fit(X).n_fft_ == 16


def test_few_samples_have_a_fixed_answer(data):
    chosen = AESeparator(**SETTINGS).fit(*data)
    named = AESeparator(ResNet9(output="affine"), **SETTINGS).fit(*data)
    assert equal_networks(chosen, named)


def test_images_and_spectrograms_have_a_fixed_answer(small_recipes, monkeypatch):
    forbid_trials(monkeypatch)
    y = np.random.default_rng(0).normal(size=(12, 2, 1, 8, 8))
    separator = AESeparator(**SETTINGS).fit(y.sum(axis=1), y)
    assert isinstance(separator.network_, ResNet9)
    assert separator.stft_ is None


@pytest.mark.usefixtures("small_recipes")
def test_choice_is_reproducible(data):
    first, second = (AESeparator(**SETTINGS).fit(*data) for _ in range(2))
    assert equal_networks(first, second)


@pytest.mark.usefixtures("small_recipes")
def test_choice_keeps_the_equalities_of_the_family(data):
    plain = AESeparator(**SETTINGS).fit(*data)
    regular = RegularCASSSeparator(alpha=1, beta=0, **SETTINGS).fit(*data)
    cross = CASSSeparator(alpha=1, beta=0, cross_weights=0, **SETTINGS).fit(*data)
    X = data[0]
    np.testing.assert_array_equal(plain.transform(X), regular.transform(X))
    np.testing.assert_array_equal(plain.transform(X), cross.transform(X))


@pytest.mark.parametrize("copy", ["file", "pickle"])
def test_choice_is_saved(copy, favor, data, tmp_path):
    favor(0.2, 0.1)
    separator = GANSeparator(**SETTINGS).fit(*data)
    if copy == "file":
        separator.save(tmp_path / "separator")
        copied = load(tmp_path / "separator")
    else:
        copied = pickle.loads(pickle.dumps(separator))
    assert repr(copied.network_) == repr(separator.network_)
    assert copied.representation_ == "phase-sensitive"
    assert copied.stft_.n_fft_ == separator.stft_.n_fft_
    X = data[0]
    np.testing.assert_array_equal(copied.transform(X), separator.transform(X))


@pytest.mark.parametrize("saved", [False, True])
def test_warm_start_continues_with_the_choice(
    saved, favor, data, tmp_path, monkeypatch
):
    favor(0.2, 0.1)
    separator = AESeparator(**SETTINGS, warm_start=True).fit(*data)
    if saved:
        separator.save(tmp_path / "separator")
        separator = load(tmp_path / "separator")
    forbid_trials(monkeypatch)
    before = pickle.loads(pickle.dumps(separator))
    separator.fit(*data)
    assert isinstance(separator.network_, BiLSTM)
    assert separator.n_iter_ == 4
    assert not equal_networks(before, separator)


@pytest.mark.usefixtures("small_recipes")
def test_interrupted_training_is_resumed_with_the_choice(data, tmp_path):
    settings = SETTINGS | {"lr_schedule": "constant", "checkpoint": tmp_path}
    AESeparator(**settings | {"max_epochs": 1}).fit(*data)
    resumed = AESeparator(**settings).fit(*data)
    assert resumed.n_iter_ == 2


@pytest.mark.usefixtures("small_recipes")
def test_isolated_recordings_have_a_choice(data):
    X, labels = data[1].reshape(40, -1), np.tile(["a", "b"], 20)
    assert AESeparator(**SETTINGS).fit(X, labels).transform(X).shape[1] == 2


def test_errors_of_shapes_name_whole_rows(small_recipes, monkeypatch):
    monkeypatch.setattr(recipes, "MAX_TIMES", 32)
    X, y = np.ones((12, 64)), np.ones((12, 2, 20))
    with pytest.raises(ValueError, match=r"\(n_samples, n_components, 64\)"):
        AESeparator(**SETTINGS).fit(X, y)


@pytest.mark.usefixtures("small_recipes")
def test_channels_and_silence_have_a_choice():
    y = np.random.default_rng(0).normal(size=(12, 2, 3, 64)) * [[[[1]], [[0]]]]
    with pytest.warns(UserWarning, match="component 1 is silent"):
        separator = AESeparator(**SETTINGS).fit(y.sum(axis=1), y)
    assert np.isfinite(separator.transform(y.sum(axis=1))).all()


def test_verbose_prints_the_errors(favor, data, capsys):
    favor(0.2, 0.1)
    AESeparator(**SETTINGS, verbose=1).fit(*data)
    printed = capsys.readouterr().out
    assert "BiLSTM" in printed and "0.100" in printed
    assert "ResNet9" in printed and "0.200" in printed


@pytest.mark.parametrize("n_samples", [5, 50, 500])
def test_validation_rows_are_neighbors_that_are_not_trained_on(n_samples):
    X = np.arange(float(n_samples)).reshape(-1, 1)
    samples = Samples(X, X[:, np.newaxis])
    trial = recipes.plan_trial(samples, 8, np.random.RandomState(0))
    trained, validated = trial.training.X.ravel(), trial.validation.X.ravel()
    assert not np.intersect1d(trained, validated).size
    gaps = np.diff(np.sort(validated)) - 1
    assert (gaps != 0).sum() <= 1  # from the last row on to the first
    n_steps = trial.max_epochs * -(-len(trained) // 8)
    assert recipes.N_STEPS / 2 <= n_steps <= 2 * recipes.N_STEPS


@pytest.mark.parametrize(
    ("cls", "least"), [(AESeparator, 500), (CASSSeparator, 200), (GANSeparator, 200)]
)
def test_few_steps_have_no_trial(cls, least, data, monkeypatch):
    planned = []
    monkeypatch.setattr(recipes, "plan_trial", lambda *_: planned.append(1))
    samples = Samples(*data)  # 3 steps an epoch
    parameters = cls().get_params(deep=False)
    for max_epochs in (least // 3, least // 3 + 1):
        separator = cls(max_epochs=max_epochs)
        recipe = separator._choose_recipe(parameters, samples, None)
        assert recipe is recipes.DIRECT
    assert planned == [1]


def test_one_sample_has_no_trial():
    samples = Samples(np.zeros((1, 4)), np.zeros((1, 2, 4)))
    rng = np.random.RandomState(0)
    assert recipes.plan_trial(samples, 8, rng) is None


def test_long_rows_are_cut_in_a_trial():
    n_times = 3 * recipes.MAX_TIMES
    X = np.arange(float(10 * n_times)).reshape(10, n_times)
    samples = Samples(X, X[:, np.newaxis])
    trial = recipes.plan_trial(samples, 8, np.random.RandomState(0))
    assert trial.training.X.shape[-1] == recipes.MAX_TIMES
    middle = n_times / 2 + n_times * np.arange(10) - 0.5
    means = np.r_[trial.training.X, trial.validation.X].mean(axis=1)
    assert set(means) == set(middle)
