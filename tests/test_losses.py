"""Losses against their equations in numpy, and losses of one's own."""

import numpy as np
import pytest
import torch
from cases import FAST, equal_states, make_mixtures, states

from sklearn_cass import AESeparator, CASSSeparator
from sklearn_cass.training import losses

ALPHA, BETA = 0.9, 0.1


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def bce(logits, label):
    """Binary cross entropy of D = sigmoid(logit) with 0 or 1, averaged."""
    probability = 1 / (1 + np.exp(-logits))
    return -np.mean(np.log(probability if label else 1 - probability))


def test_reconstruction_loss_is_eq_2():
    estimate, target = draw(4, 2, 5, 3), draw(4, 2, 5, 3, seed=1)
    loss = losses.reconstruction_loss(*map(torch.tensor, (estimate, target)))
    assert loss.item() == pytest.approx(np.mean((estimate - target) ** 2), rel=1e-12)


def test_relative_loss_is_eq_6_of_each_row():
    estimate, target = draw(4, 2, 5, 3), draw(4, 2, 5, 3, seed=1)
    loss = losses.relative_loss(*map(torch.tensor, (estimate, target)))
    rows = [
        np.linalg.norm(e - t) / np.linalg.norm(t)
        for e, t in zip(estimate, target, strict=True)
    ]
    assert loss.item() == pytest.approx(np.mean(rows), rel=1e-12)


def test_snr_loss_is_the_distance_to_30_db():
    target = draw(4, 2, 5, 3)
    for snr in (-20, 0, 10):
        error = draw(4, 2, 5, 3, seed=1)
        for e, t in zip(error, target, strict=True):
            e *= 10 ** (-snr / 20) * np.linalg.norm(t) / np.linalg.norm(e)
        loss = losses.snr_loss(torch.tensor(target + error), torch.tensor(target))
        at_limit = 10 * np.log10(10 ** (-snr / 10) + 1e-3)  # Wisdom et al., Eq. (3)
        assert loss.item() == pytest.approx(30 + at_limit, rel=1e-9)


def test_snr_loss_of_a_perfect_estimate_is_zero():
    target = torch.tensor(draw(4, 2, 5, 3))
    assert losses.snr_loss(target, target).item() == 0


def test_snr_loss_gives_rows_equal_shares_of_the_gradient_in_decibels():
    """One dB in a bad row counts as much as one dB in a good one."""
    target = torch.tensor(draw(2, 2, 5, 3))
    scale = torch.tensor([0.5, 0.9]).requires_grad_()  # errors of 0.5 and 0.1
    loss = losses.snr_loss(scale[:, None, None, None] * target, target)
    (gradient,) = torch.autograd.grad(loss, scale)
    per_decibel = gradient * (scale.detach() - 1)
    assert per_decibel[0] == pytest.approx(per_decibel[1].item(), rel=0.15)


def test_snr_loss_of_silent_targets_takes_the_mixture_as_their_level():
    estimate = torch.tensor(draw(1, 2, 500, 3))
    for level in (-60, -30, 0):  # of an estimate, in dB below the mixture
        estimate *= 10 ** (level / 20) / estimate.square().mean().sqrt()
        loss = losses.snr_loss(estimate, torch.zeros_like(estimate))
        expected = 10 * np.log10(1 + 10 ** (level / 10) / 1e-3)
        assert loss.item() == pytest.approx(expected, rel=1e-9)


ROW_LOSSES = [losses.relative_loss, losses.snr_loss]


@pytest.mark.parametrize("row_loss", ROW_LOSSES)
@pytest.mark.parametrize("factor", [0.1, 7.0])
def test_losses_of_rows_do_not_depend_on_the_unit(factor, row_loss):
    estimate, target = draw(4, 2, 5, 3), draw(4, 2, 5, 3, seed=1)
    loss, scaled = (
        row_loss(torch.tensor(f * estimate), torch.tensor(f * target))
        for f in (1, factor)
    )
    assert scaled.item() == pytest.approx(loss.item(), rel=1e-9)


@pytest.mark.parametrize("row_loss", ROW_LOSSES)
def test_losses_of_silent_and_perfect_rows_have_a_finite_gradient(row_loss):
    target = torch.tensor(draw(3, 2, 4))
    target[0] = 0
    estimate = target.clone()
    estimate[0] = losses.QUIET  # as loud as the quietest target that counts
    estimate.requires_grad_()
    loss = row_loss(estimate, target)
    loss.backward()
    of_silent = {losses.relative_loss: 1, losses.snr_loss: 10 * np.log10(1.1)}
    assert loss.item() == pytest.approx(of_silent[row_loss] / 3, rel=1e-6)
    assert torch.isfinite(estimate.grad).all()
    assert not estimate.grad[1:].any()


def test_accept_and_reject_losses_are_cross_entropies():
    logits = 3 * draw(20)
    assert losses.accept_loss(torch.tensor(logits)).item() == pytest.approx(
        bce(logits, 1), rel=1e-12
    )
    assert losses.reject_loss(torch.tensor(logits)).item() == pytest.approx(
        bce(logits, 0), rel=1e-12
    )


@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_losses_of_large_logits_are_finite(logit):
    # log(sigmoid(-200)) written out would be log(0)
    logits = torch.tensor([logit], requires_grad=True)
    accept, reject = losses.accept_loss(logits), losses.reject_loss(logits)
    assert {accept.item(), reject.item()} == {0.0, 200.0}
    (accept + reject).backward()
    assert torch.isfinite(logits.grad).all()


def test_autoencoder_loss_is_eq_7():
    estimate, target, logits = draw(3, 4), draw(3, 4, seed=1), draw(3, seed=2)
    loss = losses.autoencoder_loss(
        losses.reconstruction_loss(torch.tensor(estimate), torch.tensor(target)),
        losses.accept_loss(torch.tensor(logits)),
        alpha=ALPHA,
        beta=BETA,
    )
    mse = np.mean((estimate - target) ** 2)
    assert loss.item() == pytest.approx(ALPHA * mse + BETA * bce(logits, 1), rel=1e-12)


def test_discriminator_loss_is_eq_8():
    true, estimate = draw(6), draw(6, seed=1)
    loss = losses.discriminator_loss(torch.tensor(true), torch.tensor(estimate))
    assert loss.item() == pytest.approx(bce(estimate, 0) + bce(true, 1), rel=1e-12)


def test_cross_loss_is_the_last_term_of_eq_9():
    logits, weights = draw(3, 6), [0.5, 0.01, 2.0]
    loss = losses.cross_loss(list(torch.tensor(logits)), weights)
    expected = sum(w * bce(row, 0) for w, row in zip(weights, logits, strict=True))
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_cross_loss_of_nothing_is_zero():
    assert losses.cross_loss([], []).item() == 0


def test_cross_loss_needs_a_weight_for_each_estimate():
    with pytest.raises(ValueError):
        losses.cross_loss([torch.zeros(2), torch.zeros(2)], [1.0])


# --- the gradient of Eq. (7) with both terms in one unit ------------------------------


class Parts:
    """Estimate, target and the logits of a discriminator, in a unit of one's choice."""

    def __init__(self, unit=1.0, gain=1.0):
        self.estimate = torch.tensor(unit * draw(4, 6), requires_grad=True)
        self.target = torch.tensor(unit * draw(4, 6, seed=1))
        slope = torch.tensor(gain * draw(6, seed=2))
        self.logits = (self.estimate / unit) @ slope

    def losses(self):
        return (
            losses.reconstruction_loss(self.estimate, self.target),
            losses.accept_loss(self.logits),
        )

    def gradient(self, alpha, beta):
        gradient = losses.autoencoder_gradient(
            self.estimate, *self.losses(), alpha=alpha, beta=beta
        )
        return gradient.numpy()

    def by_reconstruction(self):
        difference = self.estimate.detach() - self.target
        return (2 * difference / difference.numel()).numpy()


def test_gradient_without_adversary_is_that_of_the_reconstruction():
    parts = Parts()
    expected = parts.by_reconstruction()
    np.testing.assert_allclose(parts.gradient(1.0, 0.0), expected, rtol=1e-12)
    np.testing.assert_allclose(parts.gradient(0.3, 0.0), 0.3 * expected, rtol=1e-12)


def test_gradient_share_of_the_adversary_is_beta():
    parts, others, norm = Parts(), Parts(), np.linalg.norm
    own = parts.by_reconstruction()
    adversarial = parts.gradient(ALPHA, BETA) - ALPHA * own
    assert norm(adversarial) == pytest.approx(BETA * norm(own), rel=1e-9)
    (direction,) = torch.autograd.grad(others.losses()[1], others.estimate)
    along = np.sum(adversarial * direction.numpy())
    assert along == pytest.approx(norm(adversarial) * norm(direction), rel=1e-9)


@pytest.mark.parametrize("unit", [1e-3, 7.0, 1e4])
def test_gradient_shares_do_not_depend_on_the_unit(unit):
    # a gradient at the estimate in another unit is the same but for the unit
    np.testing.assert_allclose(
        Parts(unit).gradient(ALPHA, BETA), unit * Parts().gradient(ALPHA, BETA), 1e-9
    )


@pytest.mark.parametrize("gain", [1e-3, 3.0])
def test_gradient_shares_do_not_depend_on_the_discriminators_slope(gain):
    parts = Parts(gain=gain)
    adversarial = parts.gradient(ALPHA, BETA) - ALPHA * parts.by_reconstruction()
    expected = BETA * np.linalg.norm(parts.by_reconstruction())
    assert np.linalg.norm(adversarial) == pytest.approx(expected, rel=1e-9)


def test_gradient_with_a_constant_adversary_is_the_reconstructions():
    parts = Parts(gain=0.0)
    expected = ALPHA * parts.by_reconstruction()
    np.testing.assert_allclose(parts.gradient(ALPHA, BETA), expected, rtol=1e-12)


def test_gradient_at_an_exact_estimate_is_zero():
    parts = Parts()
    parts.target = parts.estimate.detach().clone()
    assert not parts.gradient(ALPHA, BETA).any()


# --- reconstruction losses of one's own -----------------------------------------------


def fitted(cls=CASSSeparator, **settings):
    return cls(**FAST, **settings).fit(*make_mixtures())


def all_equal(a, b):
    return all(map(equal_states, states(a), states(b)))


@pytest.mark.parametrize("weighting", ["gradient", "literal"])
@pytest.mark.parametrize("name", losses.RECONSTRUCTION_LOSSES)
def test_reconstruction_loss_as_a_function_equals_the_named_one(name, weighting):
    named, own = (
        fitted(reconstruction_loss=loss, loss_weighting=weighting)
        for loss in (name, losses.RECONSTRUCTION_LOSSES[name])
    )
    assert all_equal(named, own)
    assert (
        own.history_[:, "reconstruction_loss"]
        == (named.history_[:, "reconstruction_loss"])
    )


def test_reconstruction_loss_takes_maps_of_one_component():
    shapes = []

    def absolute(estimate, target):
        shapes.append((tuple(estimate.shape), tuple(target.shape)))
        assert not target.requires_grad
        return (estimate - target).abs().mean()

    separator = fitted(AESeparator, reconstruction_loss=absolute)
    (n_freqs, n_frames) = separator.domains_.map_shape
    maps = (2, n_freqs, n_frames)  # real and imaginary part
    assert shapes == [((n, *maps), (n, *maps)) for n in (8, 8, 4, 4)]
    assert not all_equal(separator, fitted(AESeparator, reconstruction_loss="mse"))
