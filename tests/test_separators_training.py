"""Training: records, early stopping, warm start, callbacks, failures, copies."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from cases import (
    FAST,
    SEPARATORS,
    TINY,
    WIDE,
    NoEncoder,
    equal_states,
    make_mixtures,
    states,
)
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback

from sklearn_cass import (
    AESeparator,
    BiLSTM,
    CASSSeparator,
    ICASeparator,
    Modules,
    NMFSeparator,
    ResNet9,
    STFTTransformer,
)
from sklearn_cass.metrics import relative_error
from sklearn_cass.nn import Decoder
from sklearn_cass.training.parameters import same_parameters

pytestmark = pytest.mark.usefixtures("generators_stand_still")

LOSSES = {"reconstruction_loss"}
ADVERSARIAL = LOSSES | {"adversarial_loss", "discriminator_loss", "cross_loss"}


@pytest.fixture(scope="module")
def data():
    return make_mixtures(20)


def state_copies(separator):
    """Return states that later training does not change."""
    return copy.deepcopy(states(separator))


def same_bits(a, b):
    return len(a) == len(b) and all(map(equal_states, a, b))


@pytest.mark.parametrize("stft", [None, False])
def test_torch_may_default_to_double_precision(stft, data):
    X, y = data
    torch.set_default_dtype(torch.float64)
    try:
        separator = CASSSeparator(**FAST, stft=stft).fit(X, y)
        estimates = separator.transform(X)
    finally:
        torch.set_default_dtype(torch.float32)
    assert estimates.shape == y.shape
    assert np.isfinite(estimates).all()
    for state in states(separator):
        assert torch.float64 not in {value.dtype for value in state.values()}


# --- records ------------------------------------------------------------------------


@pytest.mark.parametrize("cls", SEPARATORS)
def test_history_has_a_row_per_epoch_and_a_value_per_component(cls, data):
    separator = cls(**FAST | {"max_epochs": 3}).fit(*data)
    assert separator.n_iter_ == len(separator.history_) == 3
    assert separator.history_[:, "epoch"] == [1, 2, 3]
    expected = LOSSES if cls is AESeparator else ADVERSARIAL
    recorded = {name for name in separator.history_[0] if name[-1].isdigit()}
    assert recorded == {f"{name}_{k}" for name in expected for k in range(2)}
    for name in expected:
        values = np.array(separator.history_[:, name])
        assert values.shape == (3, 2)
        assert np.isfinite(values).all()
    assert "valid_relative_error" not in separator.history_[0]


@pytest.mark.parametrize("cls", [AESeparator, CASSSeparator])
def test_training_lowers_the_reconstruction_loss(cls, data):
    settings = WIDE | {"max_epochs": 5, "lr": 1e-2, "reconstruction_loss": "mse"}
    history = cls(**settings).fit(*data).history_
    first, last = (np.array(history[i, "reconstruction_loss"]) for i in (0, -1))
    assert (last < 0.7 * first).all()


def tiled(n_samples=10):
    """Samples that are all the same, whichever are in the validation set."""
    X, y = make_mixtures(1)
    return np.tile(X, (n_samples, 1)), np.tile(y, (n_samples, 1, 1))


def error_of(separator, X, y):
    return relative_error(y, separator.transform(X)).mean(axis=0).tolist()


@pytest.mark.parametrize("cls", SEPARATORS)
def test_validation_error_is_that_of_waveforms(cls):
    X, y = tiled()
    settings = FAST | {"validation_fraction": 0.2, "max_epochs": 2}
    separator = cls(**settings).fit(X, y)
    recorded = separator.history_[:, "valid_relative_error"]
    assert np.shape(recorded) == (2, 2)
    assert recorded[-1] == pytest.approx(error_of(separator, X, y), rel=1e-4)
    means = np.mean(recorded, axis=1)
    assert separator.history_[:, "valid_error"] == pytest.approx(means.tolist())


class Rows(Callback):
    """Record the samples trained on, by the level of their first component."""

    def __init__(self, seen):
        self.seen = seen

    def on_batch_end(self, net, batch=None, **kwargs):
        self.seen.extend(batch[1][:, 0].abs().sum((1, 2, 3)).tolist())


@pytest.mark.parametrize(("fraction", "n_trained"), [(None, 20), (0.3, 14), (0.01, 19)])
def test_validation_samples_are_not_trained_on(data, fraction, n_trained):
    X, y = data
    seen = []
    settings = FAST | {"max_epochs": 2, "validation_fraction": fraction}
    settings["callbacks"] = [Rows(seen)]
    AESeparator(**settings).fit(X, y)
    assert len(seen) == 2 * n_trained
    assert len(set(np.round(seen, 3))) == n_trained


def test_validation_leaves_silent_components_out():
    X, y = tiled()
    y[:, 1] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "component 1 is silent in all rows")
        settings = FAST | {"validation_fraction": 0.2}
        separator = AESeparator(**settings).fit(y[:, 0], y)
    first, second = separator.history_[-1, "valid_relative_error"]
    assert np.isnan(second)
    assert separator.history_[-1, "valid_error"] == pytest.approx(first)


def test_validation_of_silence_is_nan():
    X, y = tiled()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "component . is silent in all rows")
        settings = FAST | {"validation_fraction": 0.2}
        separator = AESeparator(**settings).fit(0 * X, 0 * y)
    assert np.isnan(separator.history_[-1, "valid_relative_error"]).all()
    assert np.isnan(separator.history_[-1, "valid_error"])


# --- early stopping -----------------------------------------------------------------


def test_early_stopping_restores_the_best_weights():
    # a constant learning rate far too high: the errors go up and down
    X, y = tiled()
    settings = FAST | {"max_epochs": 20, "lr": 0.3, "lr_schedule": "constant"}
    separator = AESeparator(**settings, early_stopping=True).fit(X, y)
    errors = separator.history_[:, "valid_error"]
    best = int(np.argmin(errors))
    assert best < len(errors) - 1
    assert errors[best] == pytest.approx(np.mean(error_of(separator, X, y)), rel=1e-4)


def test_early_stopping_stops_after_ten_epochs_without_a_better_one(data):
    settings = TINY | {"max_epochs": 30, "lr": 1e-30}  # nothing is learned
    separator = AESeparator(**settings, early_stopping=True).fit(*data)
    assert 10 <= separator.n_iter_ < 30
    assert len(separator.history_) == separator.n_iter_


# --- warm start ---------------------------------------------------------------------


@pytest.mark.parametrize("cls", SEPARATORS[1:])
def test_warm_start_continues(cls, data):
    X, y = data
    separator = cls(**FAST | {"max_epochs": 2}, warm_start=True).fit(X, y)
    first, durations = state_copies(separator), separator.history_[:, "dur"]
    separator.set_params(max_epochs=3, lr=1e-30, discriminator_lr=1e-30)
    separator.fit(X, y)
    assert separator.n_iter_ == len(separator.history_) == 5
    assert separator.history_[:2, "dur"] == durations
    assert separator.history_[:, "epoch"] == [1, 2, 3, 4, 5]
    # the new learning rates count, and the weights are those of the fit before
    modules = (separator.net_.module_, separator.net_.discriminators_)
    for module, before in zip(modules, first, strict=True):
        for name, parameter in module.named_parameters():
            assert torch.equal(parameter, before[name])


def test_warm_start_lowers_the_loss_further(data):
    settings = WIDE | {"max_epochs": 2, "lr": 1e-2, "remix": 0, "warm_start": True}
    separator = CASSSeparator(**settings).fit(*data)
    separator.fit(*data)
    losses = np.mean(separator.history_[:, "reconstruction_loss"], axis=1)
    assert losses[2] < losses[0]
    assert losses[3] < losses[1]


def test_warm_start_takes_other_rows(data):
    X, y = data
    separator = CASSSeparator(**TINY, warm_start=True).fit(X, y)
    separator.fit(X[:3], y[:3])
    assert separator.n_iter_ == 2


def test_warm_start_continues_after_pickling(data):
    separator = CASSSeparator(**TINY, warm_start=True).fit(*data)
    other = pickle.loads(pickle.dumps(separator))
    assert same_bits(states(separator.fit(*data)), states(other.fit(*data)))


@pytest.mark.parametrize("change", ["components", "length", "domain", "names"])
def test_warm_start_refuses_other_data(data, change):
    X, y = data
    separator = CASSSeparator(**TINY, warm_start=True).fit(X, y)
    before, estimates = state_copies(separator), separator.transform(X)
    other = {
        "components": make_mixtures(20, n_components=3),
        "length": make_mixtures(20, n_times=65),
        "domain": (STFTTransformer(n_fft=16).fit_transform(X), y),
        "names": (X, np.arange(20) % 2 + 5),
    }[change]
    with pytest.raises(ValueError, match="warm_start|features"):
        separator.fit(*other)
    assert same_bits(states(separator), before)
    assert np.array_equal(separator.transform(X), estimates)
    assert separator.n_iter_ == 1
    assert separator.n_features_in_ == 64
    separator.fit(X, y)
    assert separator.n_iter_ == 2


# --- callbacks, progress ------------------------------------------------------------


class Recorder(Callback):
    def __init__(self, called):
        self.called = called

    def on_train_begin(self, net, **kwargs):
        self.called.append("train begins")

    def on_batch_end(self, net, losses=None, **kwargs):
        self.called.append("batch")

    def on_epoch_end(self, net, **kwargs):
        self.called.append("epoch")

    def on_train_end(self, net, **kwargs):
        self.called.append("train ends")


def test_callbacks_are_called(data):
    called = []
    settings = TINY | {"max_epochs": 2, "callbacks": [Recorder(called)]}
    CASSSeparator(**settings).fit(*data)
    epoch = ["batch"] * 3 + ["epoch"]
    assert called == ["train begins", *epoch, *epoch, "train ends"]


def test_verbose_0_prints_nothing(data, capfd):
    settings = TINY | {"validation_fraction": 0.2, "early_stopping": True}
    CASSSeparator(**settings).fit(*data).transform(data[0])
    assert capfd.readouterr() == ("", "")


def test_verbose_1_shows_a_bar(data, capfd):
    CASSSeparator(**TINY | {"max_epochs": 2}, verbose=1).fit(*data)
    shown = capfd.readouterr()
    assert "epoch 2/2" in shown.err
    assert "6/6" in shown.err  # batches
    assert "reconstruction_loss" in shown.err
    assert shown.out == ""


# --- interrupts, losses that run away -----------------------------------------------


class Raise(Callback):
    """Raises an error at one batch, counted from the beginning of the training."""

    def __init__(self, error, batch):
        self.error, self.batch = error, batch

    def on_train_begin(self, net, **kwargs):
        self.count_ = 0

    def on_batch_end(self, net, **kwargs):
        self.count_ += 1
        if self.count_ == self.batch:
            raise self.error


@pytest.mark.parametrize(("batch", "n_epochs"), [(1, 0), (3, 0), (5, 1)])
def test_callback_that_stops_leaves_a_usable_separator(data, batch, n_epochs):
    X, y = data  # three batches an epoch
    callbacks = [Raise(KeyboardInterrupt, batch)]
    settings = TINY | {"max_epochs": 4, "callbacks": callbacks}
    separator = CASSSeparator(**settings).fit(X, y)
    assert separator.n_iter_ == len(separator.history_) == n_epochs
    assert np.isfinite(separator.transform(X)).all()
    assert np.isfinite(separator.score(X, y))
    pickle.loads(pickle.dumps(separator)).transform(X)
    separator.set_params(warm_start=True, callbacks=None, max_epochs=2).fit(X, y)
    assert separator.n_iter_ == n_epochs + 2


class Exploding(Decoder):
    """Decoder of estimates that are not finite from a training step on."""

    step = 5

    def forward(self, features):
        output = super().forward(features)
        self.count = getattr(self, "count", 0) + self.training
        return output * torch.nan if self.count >= self.step else output


class ExplodingNetwork(ResNet9):
    """The network of FAST with that decoder."""

    def make_decoder(self, shape):
        decoder = super().make_decoder(shape)
        decoder.__class__ = Exploding
        return decoder


@pytest.mark.parametrize("cls", SEPARATORS)
def test_loss_that_is_not_finite_ends_the_training(cls, data):
    # in the second of four epochs of three batches: the first one's weights are kept
    settings = FAST | {"max_epochs": 4, "lr_schedule": "constant"}
    exploding = {"network": ExplodingNetwork(2, 4)}
    with pytest.warns(ConvergenceWarning, match="epoch 2"):
        stopped = cls(**settings | exploding).fit(*data)
    expected = cls(**settings | {"max_epochs": 1}).fit(*data)
    assert same_bits(states(stopped), states(expected))
    assert stopped.n_iter_ == 1
    assert np.isfinite(stopped.history_[:, "reconstruction_loss"]).all()


@pytest.mark.parametrize(
    ("cls", "batch_size"), [(AESeparator, 32), (CASSSeparator, 4), (CASSSeparator, 32)]
)
def test_weights_stay_finite_at_a_huge_learning_rate(cls, data, batch_size):
    X, y = data
    settings = FAST | {"lr": 1e30, "max_epochs": 5, "batch_size": batch_size}
    with pytest.warns(ConvergenceWarning, match="epoch"):
        separator = cls(**settings).fit(X, y)
    for state in states(separator):
        assert all(torch.isfinite(value.float()).all() for value in state.values())
    assert np.isfinite(separator.transform(X)).all()


# --- failures -----------------------------------------------------------------------


def fitted_attributes(separator):
    return [name for name in vars(separator) if name.endswith("_")]


def bad_data(data):
    X, y = data
    return {
        "NaN in X": (np.full_like(X, np.nan), y),
        "NaN in y": (X, np.full_like(y, np.nan)),
        "rows": (X, y[1:]),
        "length": (X, y[..., 1:]),
        "labels": (X, np.linspace(0, 1, len(X))),
    }


BAD_DATA = ["NaN in X", "NaN in y", "rows", "length", "labels"]
ODD = Modules(NoEncoder, NoEncoder)
REFUSED = {
    "lr": {"lr": -1},
    "warm_start": {"warm_start": "yes"},
    "device": {"device": "nowhere"},
    "validation_fraction": {"validation_fraction": 0.99},
    "callbacks": {"callbacks": [3]},
    "cross_weights": {"cross_weights": [[1]]},
    "decoder": {"network": ODD},
    "checkpoint": {"checkpoint": "\0"},
}


@pytest.mark.parametrize("name", [*BAD_DATA, *REFUSED])
def test_fit_that_is_refused_leaves_nothing_fitted(data, name):
    separator = CASSSeparator(**TINY).set_params(**REFUSED.get(name, {}))
    with pytest.raises((ValueError, TypeError)):
        separator.fit(*bad_data(data).get(name, data))
    assert not fitted_attributes(separator)
    with pytest.raises(NotFittedError):
        separator.transform(data[0])


@pytest.mark.parametrize("name", [*BAD_DATA, *REFUSED])
def test_fit_that_is_refused_keeps_the_previous_one(data, name):
    separator = CASSSeparator(**TINY).fit(*data)
    separator.set_params(**REFUSED.get(name, {}))
    before, attributes = state_copies(separator), dict(vars(separator))
    with pytest.raises((ValueError, TypeError)):
        separator.fit(*bad_data(data).get(name, data))
    assert vars(separator) == attributes
    assert same_bits(states(separator), before)
    assert separator.transform(data[0]).shape == data[1].shape


@pytest.mark.parametrize("cls", [NMFSeparator, ICASeparator])
def test_traditional_fit_that_is_refused_keeps_the_previous_one(cls, data):
    separator = cls(random_state=0).fit(*data)
    before = separator.transform(data[0])
    with pytest.raises(ValueError):
        separator.fit(*bad_data(data)["NaN in X"])
    if cls is ICASeparator:
        with pytest.raises(ValueError, match="n_delays"):
            separator.set_params(n_delays=65).fit(*data)
    assert np.array_equal(separator.transform(data[0]), before)


NETWORKS = {
    "network": {"network": ResNet9(n_filters=3)},
    "network's kind": {"network": BiLSTM(4, 1)},
    "representation": {"representation": "magnitude"},
    "stft": {"stft": STFTTransformer(n_fft=32)},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_warm_start_refuses_other_networks(data, name):
    separator = AESeparator(**TINY, warm_start=True).fit(*data)
    before = state_copies(separator)
    changed = clone(separator).set_params(**NETWORKS[name]).get_params(deep=False)
    separator.set_params(**changed)
    named = name.removesuffix("'s kind")
    with pytest.raises(ValueError, match=f"warm_start=True .* {named} has changed"):
        separator.fit(*data)
    assert same_bits(states(separator), before)
    separator.set_params(warm_start=False).fit(*data)


@pytest.mark.parametrize("network", [None, ResNet9(), ResNet9(n_filters=2), ODD])
def test_networks_of_equal_parameters_are_the_same(network):
    assert same_parameters(network, clone(network, safe=False))
    assert not same_parameters(network, ResNet9(n_filters=4))
    assert not same_parameters(ResNet9(n_filters=4), network)


@pytest.mark.parametrize("error", [RuntimeError("mine"), SystemExit("mine")])
def test_failure_in_training_leaves_nothing_fitted(data, error):
    callback = Raise(error, batch=2)
    separator = CASSSeparator(**TINY, callbacks=[callback])
    with pytest.raises(type(error), match="mine"):
        separator.fit(*data)
    assert not fitted_attributes(separator)
    assert separator.get_params()["callbacks"] == [callback]
    with pytest.raises(NotFittedError):
        check_is_fitted(separator)


@pytest.mark.parametrize("name", ["NaN in X", "rows", "labels"])
def test_warm_start_that_fails_changes_nothing(data, name):
    separator = CASSSeparator(**TINY, warm_start=True).fit(*data)
    before, attributes = state_copies(separator), dict(vars(separator))
    with pytest.raises(ValueError):
        separator.fit(*bad_data(data)[name])
    assert vars(separator) == attributes
    assert same_bits(states(separator), before)


def test_failure_in_a_warm_started_training_changes_nothing(data):
    separator = CASSSeparator(**TINY, warm_start=True).fit(*data)
    before = state_copies(separator)
    separator.set_params(callbacks=[Raise(RuntimeError("mine"), batch=2)])
    with pytest.raises(RuntimeError, match="mine"):
        separator.fit(*data)
    assert same_bits(states(separator), before)
    assert separator.n_iter_ == len(separator.history_) == 1
    separator.set_params(callbacks=None).fit(*data)
    assert separator.n_iter_ == len(separator.history_) == 2


def test_clone_of_a_fitted_separator_is_unfitted_and_fits_alike(data):
    stft = STFTTransformer(n_fft=16)
    separator = CASSSeparator(**FAST, stft=stft).fit(*data)
    copied = clone(separator)
    assert not fitted_attributes(copied)
    assert repr(copied) == repr(separator)
    assert same_bits(states(copied.fit(*data)), states(separator))


COPIES = {
    "pickle": lambda separator: pickle.loads(pickle.dumps(separator)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}


@pytest.mark.parametrize("way", COPIES)
def test_fitted_copies_separate_alike(data, way):
    X, y = data
    settings = TINY | {"validation_fraction": 0.2}
    separator = CASSSeparator(**settings).fit(X, y)
    other = COPIES[way](separator)
    assert np.array_equal(other.transform(X), separator.transform(X))
    assert np.array_equal(other.separate(X.ravel()), separator.separate(X.ravel()))
    assert other.score(X, y) == separator.score(X, y)
    assert other.history_[:, "valid_error"] == separator.history_[:, "valid_error"]
    assert other.n_iter_ == 1


def test_fitted_separator_does_not_hold_the_data(data):
    small = AESeparator(**TINY, validation_fraction=0.5).fit(*data)
    many = tuple(np.tile(a, (10, *[1] * (a.ndim - 1))) for a in data)
    large = AESeparator(**TINY, validation_fraction=0.5).fit(*many)
    sizes = [len(pickle.dumps(separator)) for separator in (small, large)]
    assert sizes[1] < sizes[0] + 10_000


# --- precision ----------------------------------------------------------------------


AMX, AVX512 = CAPABILITIES = "_is_amx_tile_supported", "_is_avx512_bf16_supported"


@pytest.fixture
def capable(monkeypatch):
    """Return a function that fakes what instructions the CPU has."""

    def fake(names):
        for name in CAPABILITIES:
            monkeypatch.setattr(torch.cpu, name, lambda n=name: n in names, False)

    return fake


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "is slow"),
        ([AVX512], "wrong gradients"),
        ([AMX], None),
        ([AMX, AVX512], None),
    ],
)
def test_precision_follows_from_the_cpu(data, capable, names, message):
    capable(names)
    settings = TINY | {"device": "cpu"}
    assert AESeparator(**settings).fit(*data).net_.autocast == (AMX in names)
    low = AESeparator(**settings, precision="bf16")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert low.fit(*data).net_.autocast
    messages = [str(w.message) for w in caught if w.category is UserWarning]
    assert len(messages) == (message is not None)
    assert all(message in m and "device='cpu'" in m for m in messages)


def test_precision_of_a_release_without_the_functions(data, monkeypatch):
    for name in CAPABILITIES:
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not AESeparator(**TINY, device="cpu").fit(*data).net_.autocast


def test_bfloat16_trains_nearly_the_same(data):
    X, y = data
    low, full = (
        CASSSeparator(**FAST, precision=precision).fit(X, y)
        for precision in ("bf16", "float32")
    )
    for state in states(low):
        assert all(v.dtype != torch.bfloat16 for v in state.values())
    assert not equal_states(states(low)[0], states(full)[0])
    a, b = (np.array(s.history_[0, "reconstruction_loss"]) for s in (low, full))
    np.testing.assert_allclose(a, b, rtol=0.05)
    assert np.isfinite(low.transform(X)).all()
