"""Cross terms that are sampled: Eq. (9) on average, at a cost linear in K."""

import numpy as np
import pytest
import torch
from cases import TINY, equal_states, make_mixtures, states
from nets import K, Rows, make_net, make_rows

from sklearn_cass import CASSSeparator, RegularCASSSeparator
from sklearn_cass.training.batches import draw_one_per_row, take_one_per_row

pytestmark = pytest.mark.usefixtures("generators_stand_still")

WEIGHTS = np.array([[0, 0.5, 1.5], [0.2, 0, 0.3], [1.0, 0, 0]])


@pytest.fixture
def batch():
    return make_rows(4)


def gradients(net, batch, monkeypatch):
    """Gradients of the discriminators at the weights they start from."""
    with monkeypatch.context() as patch:
        patch.setattr(net.discriminator_optimizer_, "step", lambda: None)
        mixture, targets = net.maps(*batch)
        with torch.no_grad():
            estimates = net.module_(mixture)
        net.discriminator_step(estimates, targets, net.drawn_rows(len(mixture)), batch)
    return [
        torch.cat([p.grad.flatten() for p in discriminator.parameters()])
        for discriminator in net.discriminators_
    ]


def test_sampled_gradient_is_the_dense_one_on_average(batch, monkeypatch):
    # D_i's gradient is linear in the share of rows that show it component j: the mean
    # over draws is the mean of the gradients of all rows showing j, by probability
    dense = make_net(cross_weights=WEIGHTS)
    expected = gradients(dense, batch, monkeypatch)
    sampled = make_net(cross_weights=WEIGHTS, cross_terms="sampled")
    found = [torch.zeros_like(gradient) for gradient in expected]
    for entry in range(K - 1):
        monkeypatch.setattr(
            "sklearn_cass.training.net.take_one_per_row",
            lambda maps, drawn, entry=entry: maps[entry],
        )
        for i, gradient in enumerate(gradients(sampled, batch, monkeypatch)):
            weights = WEIGHTS[i][WEIGHTS[i] > 0]
            if len(weights) == 1:  # nothing to draw
                weights = np.full(K - 1, 1 / (K - 1))
            found[i] += weights[entry] / weights.sum() * gradient
    for i in range(K):
        scale = expected[i].abs().max()
        torch.testing.assert_close(found[i], expected[i], rtol=0, atol=1e-5 * scale)


def test_sampled_rows_are_drawn_in_proportion_to_the_weights():
    n, weights = 20_000, [0.5, 0.0, 1.5]
    generator = torch.Generator().manual_seed(0)
    drawn = draw_one_per_row(weights, n, generator)
    counts = torch.bincount(drawn, minlength=3)
    assert counts[1] == 0
    spread = (n * 0.25 * 0.75) ** 0.5
    assert abs(counts[0] - n / 4) < 5 * spread


def test_sampled_row_is_that_row_of_one_of_the_maps():
    maps = list(torch.randn(3, 8, 2, 5, 4, generator=torch.Generator().manual_seed(1)))
    drawn = draw_one_per_row([1.0, 1.0, 1.0], 8, torch.Generator())
    taken = take_one_per_row(maps, drawn)
    equal = torch.stack([(taken == m).flatten(1).all(1) for m in maps])
    assert torch.equal(equal.int().argmax(0), drawn)
    assert (equal.sum(0) == 1).all()
    assert (equal.sum(1) > 0).sum() > 1


@pytest.mark.parametrize(("terms", "n_seen"), [("dense", K - 1), ("sampled", 1)])
def test_discriminator_takes_all_others_or_one_sample(batch, terms, n_seen):
    net = make_net(cross_weights=np.ones((K, K)) - np.eye(K), cross_terms=terms)
    rows = Rows(net.discriminators_)
    net.train_step(batch)
    # true, own and others' maps; then the pair's estimates, to be accepted
    assert rows.counts == [len(batch[0]) * (3 + n_seen)] * K


def test_cross_weights_of_zero_draw_and_compute_nothing(batch):
    net = make_net(cross_weights=np.zeros((K, K)), cross_terms="sampled")
    rows = Rows(net.discriminators_)
    before = net.cross_generator_.get_state()
    net.train_step(batch)
    assert rows.counts == [len(batch[0]) * 3] * K
    assert torch.equal(net.cross_generator_.get_state(), before)


def fitted(K, separator_class=CASSSeparator, terms="auto", **settings):
    X, y = make_mixtures(n_components=K)
    separator = separator_class(**TINY, **settings)
    separator._cross_terms = terms  # not a parameter: "auto" decides
    return separator.fit(X, y)


def all_equal(a, b):
    return all(map(equal_states, states(a), states(b)))


def test_sampled_terms_of_two_components_are_dense():
    kinds = ("dense", "sampled")
    dense, sampled = (fitted(2, terms=terms, cross_weights=0.5) for terms in kinds)
    assert all_equal(dense, sampled)


def test_sampled_terms_of_weight_zero_are_regular_cass():
    sampled = fitted(3, cross_weights=0, terms="sampled")
    assert all_equal(sampled, fitted(3, RegularCASSSeparator))


@pytest.mark.parametrize(("K", "terms"), [(4, "dense"), (5, "sampled")])
def test_cross_terms_are_sampled_from_five_components_on(K, terms):
    settings = {"cross_weights": 0.5}
    auto = fitted(K, **settings)
    assert all_equal(auto, fitted(K, terms=terms, **settings))
    other = {"dense": "sampled", "sampled": "dense"}[terms]
    assert not all_equal(auto, fitted(K, terms=other, **settings))


def test_sampled_terms_repeat_with_the_random_state():
    settings = {"cross_weights": 0.5, "terms": "sampled"}
    assert all_equal(fitted(4, **settings), fitted(4, **settings))
