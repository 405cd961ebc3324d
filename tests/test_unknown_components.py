"""Rows of which some components, or all, are not known: NaN in y."""

import numpy as np
import pytest
import torch
from cases import FAST, FILTERS, SEPARATORS, TINY, equal_states, make_mixtures, states
from nets import K, make_net, make_rows
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    FilterTransformer,
    GANSeparator,
    ICASeparator,
    NMFSeparator,
    RegularCASSSeparator,
    Remix,
    STFTTransformer,
)
from sklearn_cass.metrics import (
    mean_ignoring_nan,
    oracle_ratio_mask,
    relative_error,
    sdr,
    sdr_improvement,
    sdr_score,
    share_phase,
    si_sdr,
)
from sklearn_cass.training import losses
from sklearn_cass.training.distributed import ALONE
from sklearn_cass.training.entries import Entries, weights_of, with_unknown
from sklearn_cass.training.remixing import Mixer

TWO_EPOCHS = TINY | {"max_epochs": 2}
X, Y = make_mixtures(24)
KNOWN = np.ones((24, 2), bool)
KNOWN[6:20] = False
KNOWN[3:5, 0] = KNOWN[20, 1] = False


def masked(y, known):
    y = y.copy()
    y[~known] = np.nan
    return y


Y_PARTLY = masked(Y, KNOWN)


def assert_same_weights(a, b):
    for first, second in zip(states(a), states(b), strict=True):
        assert equal_states(first, second)


def assert_finite(separator):
    for row in separator.history_:
        values = [v for v in row.values() if isinstance(v, float)]
        assert np.isfinite(values).all()
    assert np.isfinite(separator.transform(X)).all()


# --- trainings ------------------------------------------------------------------------


@pytest.mark.parametrize("cls", SEPARATORS)
@pytest.mark.parametrize("loss", ["snr", "mse", "relative", losses.relative_loss])
def test_histories_and_estimates_are_finite(cls, loss):
    settings = TWO_EPOCHS | {"validation_fraction": 0.5, "reconstruction_loss": loss}
    separator = cls(**settings).fit(X, Y_PARTLY)
    assert_finite(separator)
    assert separator.history_[0, "sum_loss"][0] > 0


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("remix", [0.0, 1.0, Remix(shift=0.5, noise="white")])
def test_networks_with_normalization_learn_from_batches_without_labels(
    remix, precision
):
    settings = FAST | {"batch_size": 2, "remix": remix}
    separator = CASSSeparator(**settings)
    assert_finite(separator.fit(X.astype(precision), Y_PARTLY.astype(precision)))


def test_rows_without_labels_change_nothing_where_the_sum_cannot():
    """Components lack the mixtures' channels, and rows are filtered one by one."""
    mixtures = np.stack([X, X], axis=1)
    labelled = KNOWN.all(axis=1)
    settings = FAST | FILTERS | {"batch_size": 64, "remix": 0.0, "max_epochs": 3}
    known = np.tile(labelled[:, None], 2)
    partly = AESeparator(**settings).fit(mixtures, masked(Y, known))
    alone = AESeparator(**settings).fit(mixtures[labelled], Y[labelled])
    assert "sum_loss" not in partly.history_[0]
    np.testing.assert_allclose(
        partly.transform(mixtures), alone.transform(mixtures), rtol=1e-3, atol=1e-5
    )


@pytest.mark.filterwarnings("ignore:component 2 is silent")  # without those rows
def test_rows_without_labels_teach_the_sum():
    """Sums of estimates come nearer to mixtures unlike those with labels."""
    rng = np.random.default_rng(0)
    noisy = X + rng.normal(size=X.shape)
    y = np.concatenate([Y, np.zeros_like(Y[:, :1])], axis=1)
    unknown = np.full_like(y, np.nan)
    both = np.concatenate([X, noisy]), np.concatenate([y, unknown])
    settings = FAST | FILTERS | {"max_epochs": 20, "remix": 0.0}

    def error(separator):
        total = separator.transform(noisy).sum(axis=1)
        return np.linalg.norm(total - noisy) / np.linalg.norm(noisy)

    partly, alone = AESeparator(**settings).fit(*both), AESeparator(**settings)
    assert error(partly) < 0.8 * error(alone.fit(X, y))


def test_cross_weights_of_zero_are_regular_training():
    a = CASSSeparator(**TWO_EPOCHS, cross_weights=0).fit(X, Y_PARTLY)
    b = RegularCASSSeparator(**TWO_EPOCHS).fit(X, Y_PARTLY)
    assert_same_weights(a, b)


def test_beta_of_zero_is_the_baseline():
    a = RegularCASSSeparator(**TWO_EPOCHS, alpha=1, beta=0).fit(X, Y_PARTLY)
    b = AESeparator(**TWO_EPOCHS).fit(X, Y_PARTLY)
    assert equal_states(states(a)[0], states(b)[0])


def test_rows_without_labels_count_where_discriminators_learn():
    labelled = KNOWN.any(axis=1)
    settings = TWO_EPOCHS | {"remix": 0.0, "beta": 0.5}
    a = RegularCASSSeparator(**settings).fit(X, Y_PARTLY)
    b = RegularCASSSeparator(**settings).fit(X[labelled], Y_PARTLY[labelled])
    assert not equal_states(states(a)[1], states(b)[1])


@pytest.mark.parametrize("kind", ["in the pipeline", "complex", "bare", "images"])
def test_components_of_all_domains_may_be_unknown(kind):
    separator = CASSSeparator(**TINY)
    if kind == "in the pipeline":
        pipeline = make_pipeline(STFTTransformer(n_fft=16), separator)
        assert np.isfinite(pipeline.fit(X, Y_PARTLY).transform(X)).all()
        return
    if kind == "images":
        mixtures, y = X.reshape(24, 1, 8, 8), Y.reshape(24, 2, 1, 8, 8)
    else:
        stft = STFTTransformer(n_fft=16)
        mixtures, y = stft.fit_transform(X), stft.transform(Y.reshape(48, 64))
        y = np.asarray(y).reshape(24, 2, *y.shape[1:])
        mixtures = np.asarray(mixtures) if kind == "bare" else mixtures
    separator.fit(mixtures, masked(y, KNOWN))
    assert np.isfinite(separator.transform(mixtures)).all()


@pytest.mark.parametrize("filter", [{"band": (1, 20)}, {"median": 0.2}])
def test_components_that_are_filtered_may_be_unknown(filter):
    filter = FilterTransformer(**filter, sfreq=100)
    assert_finite(AESeparator(**TWO_EPOCHS).fit(X, Y_PARTLY, filter=filter))


def test_filters_leave_known_components_as_they_are():
    filter = FilterTransformer(median=0.2, sfreq=100)
    settings = TINY | {"max_epochs": 1}
    a = AESeparator(**settings).fit(X, Y_PARTLY, filter=filter)
    filtered = filter.fit(X).transform(X), filter.transform(Y.reshape(48, 64))
    y = masked(filtered[1].reshape(Y.shape), KNOWN)
    assert_same_weights(a, AESeparator(**settings).fit(filtered[0], y))


def test_a_fit_goes_on_with_rows_without_labels():
    settings = TINY | {"warm_start": True, "lr_schedule": "constant"}
    separator = CASSSeparator(**settings).fit(X, Y)
    before = states(separator)[0]
    separator.fit(X, Y_PARTLY)
    assert_finite(separator)
    assert not equal_states(before, states(separator)[0])
    assert "sum_loss" not in separator.fit(X, Y).history_[-1]


def test_checkpoints_tell_known_from_unknown_components(tmp_path):
    settings = TWO_EPOCHS | {"checkpoint": tmp_path}
    partly = AESeparator(**settings).fit(X, Y_PARTLY)
    AESeparator(**settings).fit(X, Y)
    assert len(list(tmp_path.iterdir())) == 2
    assert_same_weights(partly, AESeparator(**settings).fit(X, Y_PARTLY))


def test_networks_are_chosen_on_rows_with_all_labels():
    separator = AESeparator(max_epochs=1, batch_size=4, random_state=0)
    separator._least_steps = 1
    assert_finite(separator.fit(X, Y_PARTLY))


def test_memory_maps_may_hold_unknown_components(tmp_path):
    np.save(tmp_path / "y.npy", Y_PARTLY)
    y = np.load(tmp_path / "y.npy", mmap_mode="r")
    a, b = AESeparator(**TINY).fit(X, y), AESeparator(**TINY).fit(X, Y_PARTLY)
    assert_same_weights(a, b)


def test_data_are_warned_of_by_what_is_known(recwarn):
    """Unknown components are not silent, and mixtures not louder than all others."""
    loud = X.copy()
    loud[~KNOWN.all(axis=1)] *= 100
    AESeparator(**TINY).fit(loud, Y_PARTLY)
    messages = [str(w.message) for w in recwarn if issubclass(w.category, UserWarning)]
    assert not any("silent" in m or "units" in m for m in messages)
    y = Y_PARTLY.copy()
    y[:, 1] = 0
    with pytest.warns(UserWarning, match="component 1 is silent in all rows"):
        AESeparator(**TINY).fit(X, y)


# --- one step -------------------------------------------------------------------------


def net_with_rows(unknown, **settings):
    """A net that has unknown components, and a batch of which some are."""
    # steps in proportion to gradients, not to what rounding leaves of those of 0
    settings |= {"remix": 0.0, "optimizer": torch.optim.SGD}
    net = make_net(**settings)
    net.has_unknown = True
    mixtures, Y = make_rows(6)
    known = torch.ones(6, K, dtype=torch.bool)
    known[unknown] = False
    return net, (mixtures, with_unknown(Y, known, torch.nan))


def weights(module):
    return {name: p.clone() for name, p in module.named_parameters()}


@pytest.mark.parametrize("adversarial", [False, True])
def test_a_batch_that_is_known_trains_as_ever(adversarial):
    net, batch = net_with_rows([], adversarial=adversarial)
    other, _ = net_with_rows([], adversarial=adversarial)
    other.has_unknown = False
    a, b = (n.train_step(batch)["losses"] for n in (net, other))
    assert a.pop("sum_loss") == 0
    for name, value in b.items():
        torch.testing.assert_close(a[name], value)
    for role, module in net.trained_modules().items():
        ours, theirs = module.state_dict(), other.trained_modules()[role].state_dict()
        for name, value in theirs.items():
            torch.testing.assert_close(ours[name], value, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("has_sum", [False, True])
def test_only_the_sum_trains_a_component_that_is_not_known(monkeypatch, has_sum):
    if not has_sum:
        monkeypatch.setattr(Entries, "expect_sum", lambda *args: None)
    net, batch = net_with_rows((slice(None), 1), adversarial=False)
    before = [weights(module) for module in net.module_]
    net.train_step(batch)
    is_same = [
        equal_states(a, weights(b)) for a, b in zip(before, net.module_, strict=True)
    ]
    assert is_same == [False, not has_sum, False]


def test_a_discriminator_without_true_components_rejects():
    net, batch = net_with_rows((slice(None), 1))
    found = net.train_step(batch)["losses"]["discriminator_loss"]
    assert 0 < found[1] < found[[0, 2]].min()  # one term of two


def test_sums_are_of_known_components_and_estimates_of_others():
    generator = torch.Generator().manual_seed(0)
    draw = [torch.randn(4, 2, 3, 5, generator=generator) for _ in range(2 * K)]
    targets, leaves = draw[:K], [x.requires_grad_() for x in draw[K:]]
    known = torch.rand(4, K, generator=generator) < 0.5
    entries = Entries(known, ALONE.whole)
    expected = sum(
        known[:, k, None, None, None] * targets[k]
        + ~known[:, k, None, None, None] * leaves[k]
        for k in range(K)
    )
    for k, total in enumerate(entries.sums(targets, leaves)):
        torch.testing.assert_close(total, expected)
        gradients = torch.autograd.grad(total.sum(), leaves, allow_unused=True)
        assert [g is None for g in gradients] == [i != k for i in range(K)]
        torch.testing.assert_close(gradients[k][:, 0, 0, 0], 1 - known[:, k].float())


@pytest.mark.parametrize("loss", [*losses.RECONSTRUCTION_LOSSES, losses.snr_loss])
def test_losses_are_means_over_the_rows_that_are_known(loss):
    net = make_net(adversarial=False, reconstruction=loss)
    generator = torch.Generator().manual_seed(0)
    estimate, target = torch.randn(2, 6, 2, 3, 5, generator=generator)
    estimate.requires_grad_()
    known = torch.tensor([True, False, True, True, False, False])
    found = net.reconstruction_loss(estimate, target, weights_of(known))
    expected = net.reconstruction_loss(estimate[known], target[known])
    torch.testing.assert_close(found, expected)
    none = net.reconstruction_loss(estimate, target, weights_of(known & ~known))
    (gradient,) = torch.autograd.grad(none, estimate)
    assert none == 0
    assert not gradient.any()


def test_epochs_record_means_over_the_rows_that_are_known():
    settings = FAST | FILTERS | {"remix": 0.0, "lr": 1e-30, "max_epochs": 1}

    def loss(batch_size):
        separator = AESeparator(**settings | {"batch_size": batch_size})
        return separator.fit(X, Y_PARTLY).history_[0, "reconstruction_loss"]

    np.testing.assert_allclose(loss(5), loss(24), rtol=1e-4)


# --- remixing -------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("changes", [{}, {"sign": True, "shift": 0.5, "noise": "pink"}])
def test_new_mixtures_are_made_of_what_is_known(share, changes):
    rng = np.random.default_rng(0)
    Y = torch.from_numpy(rng.normal(size=(32, K, 1, 1, 50)))
    noise = torch.from_numpy(rng.normal(size=(32, 1, 1, 50)))
    known = torch.from_numpy(rng.random((32, K)) < 0.8)
    complete = known.all(1)
    Y = with_unknown(Y, known, 0)
    given = Y.sum(1) + noise
    mixer = Mixer(Remix(share, **changes), 50)
    generator = torch.Generator().manual_seed(0)
    X_new, Y_new = mixer(given, Y, generator, known)
    is_new = (X_new != given).flatten(1).any(1)
    assert is_new.sum() == round(share * int(complete.sum()))
    assert not is_new[~complete].any()
    torch.testing.assert_close(Y_new[~is_new], Y[~is_new], rtol=0, atol=0)
    if not changes:
        for k in range(K):
            assert_rows_of(Y_new[is_new, k], Y[known[:, k], k])
        assert_rows_of((X_new - Y_new.sum(1))[is_new], noise[complete])


def assert_rows_of(rows, candidates):
    distance = (rows[:, None] - candidates[None]).flatten(2).abs().amax(-1)
    assert (distance.amin(1) < 1e-9).all()


# --- scores ---------------------------------------------------------------------------


def test_scores_leave_out_what_is_not_known():
    separator = AESeparator(**TINY).fit(X, Y)
    ratios = np.where(KNOWN, sdr(Y, separator.transform(X)), np.nan)
    expected = mean_ignoring_nan(ratios)
    assert separator.score(X, Y_PARTLY) == pytest.approx(expected)
    assert sdr_score(separator, X, Y_PARTLY) == pytest.approx(expected)


@pytest.mark.parametrize("metric", [relative_error, sdr, si_sdr, "improvement"])
@pytest.mark.parametrize("estimate", [0.9, 0.0])
def test_metrics_are_nan_where_the_true_component_is_not_known(metric, estimate):
    if metric == "improvement":
        metric = lambda y_true, y_pred: sdr_improvement(y_true, y_pred, X)  # noqa: E731
    found = metric(Y_PARTLY, estimate * Y)
    np.testing.assert_array_equal(
        found, np.where(KNOWN, metric(Y, estimate * Y), np.nan)
    )


def test_searches_take_unknown_components():
    search = GridSearchCV(AESeparator(**TINY), {"lr": [1e-3, 1e-2]}, cv=2)
    assert np.isfinite(search.fit(X, Y_PARTLY).best_score_)
    assert np.isfinite(cross_val_score(AESeparator(**TINY), X, Y_PARTLY, cv=2)).all()


# --- errors ---------------------------------------------------------------------------


def test_components_that_are_known_in_part_are_refused():
    y = Y_PARTLY.copy()
    y[2, 1, 30:] = np.nan
    message = "y contains NaN in a part of component 1 of row 2"
    with pytest.raises(ValueError, match=message):
        AESeparator(**TINY).fit(X, y)
    separator = AESeparator(**TINY).fit(X, Y)
    with pytest.raises(ValueError, match=message):
        separator.score(X, y)
    with pytest.raises(ValueError, match=message.replace("y ", "y_true ")):
        sdr(y, Y)


def test_every_component_is_known_somewhere():
    y = Y.copy()
    y[:, 1] = np.nan
    with pytest.raises(ValueError, match="y contains NaN for component 'b' in all"):
        AESeparator(**TINY).fit(X, y, component_names=["a", "b"])
    with pytest.raises(ValueError, match="y contains NaN alone"):
        AESeparator(**TINY).fit(X, np.full_like(Y, np.nan))


@pytest.mark.parametrize("part", ["validation set", "rows to train on"])
def test_both_parts_of_a_split_know_every_component(part):
    known = KNOWN.copy()
    known[:, 0] = False
    known[0, 0] = True  # in one of the parts alone
    fraction = 0.05 if part == "validation set" else 0.95
    settings = TINY | {"validation_fraction": fraction}
    with pytest.raises(ValueError, match=f"component 0 in all rows .* {part}"):
        AESeparator(**settings).fit(X, masked(Y, known))


@pytest.mark.parametrize("cls", [NMFSeparator, ICASeparator, GANSeparator])
def test_separators_that_need_all_components_name_those_that_do_not(cls):
    message = f"y contains NaN.*{cls.__name__} needs all components.*AESeparator"
    with pytest.raises(ValueError, match=message.replace(".*", r"[\s\S]*")):
        cls().fit(X, Y_PARTLY)


def test_estimates_and_isolated_components_must_be_known():
    separator = CASSSeparator(**TINY).fit(X, Y_PARTLY)
    with pytest.raises(ValueError, match="y contains NaN"):
        separator.discriminate(Y_PARTLY)
    with pytest.raises(ValueError, match="y_pred contains NaN"):
        sdr(Y, Y_PARTLY)
    with pytest.raises(ValueError, match="y_true contains NaN"):
        oracle_ratio_mask(Y_PARTLY, X)  # of all components
    with pytest.raises(ValueError, match="y contains NaN"):
        share_phase(Y_PARTLY, X)
