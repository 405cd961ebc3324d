"""The paper's loss functions, one equation each, on tensors.

``estimate`` is AE_i(X), ``target`` the true component X_i; ``logits`` are the output of
a discriminator before its sigmoid, D_i(x) = sigmoid(logit). Losses take the estimate
first, as PyTorch's do, and return a scalar; lower is better. The equations are those of
Y. Z. Ong, C. K. Chui and H. Yang, "CASS: Cross adversarial source separation via
autoencoder", arXiv:1905.09877, 2019.
"""

import math

import torch
from torch.nn import functional as F

MIXTURE = 1.0  # root mean square of a mixture's map
QUIET = 0.01  # of a target's
# Of the loss of sums. With 1, estimates of the loudest component came near mixtures.
SUM_WEIGHT = 0.1
NOISE_LIMIT = 1e-3  # power of the error that is good enough, 30 dB below the target


def reconstruction_loss(estimate, target):
    """Return Eq. (2) with the mean squared error of section 4: MSE(AE_i(X), X_i)."""
    return F.mse_loss(estimate, target)


def relative_loss(estimate, target):
    """Return Eq. (6) as a loss: ||AE_i(X) - X_i|| / ||X_i||, mean over the rows.

    Targets below QUIET are treated as being as loud as QUIET.
    """
    return relative_losses(estimate, target).mean()


def relative_losses(estimate, target):
    """Return that of each row."""
    error, power = powers(estimate, target)
    power = power.clamp_min(QUIET**2)
    # not the root of 0, whose gradient is infinite
    return (error / power + torch.finfo(error.dtype).eps).sqrt()


def snr_loss(estimate, target):
    """Return by how many dB the signal-to-noise ratio is below its limit of 30 dB.

    It is the negative thresholded SNR of S. Wisdom et al., "Unsupervised sound
    separation using mixture invariant training", NeurIPS 2020, Eq. (3),
    arXiv:2006.12701, plus the limit, so that it is 0 for perfect estimates. Returned is
    the mean over the rows.

    The limit of silent targets, those below QUIET, is 30 dB below the mixture. With an
    SNR, the least estimates would be worth so much that networks learn to return
    silence where they are in doubt.
    """
    return 10 / math.log(10) * log_ratios(estimate, target).mean()


def snr_losses(estimate, target):
    """Return that of each row."""
    return 10 / math.log(10) * log_ratios(estimate, target)


def log_ratios(estimate, target):
    """Return the logarithm of each row's thresholded ratio of error and target."""
    error, power = powers(estimate, target)
    limit = NOISE_LIMIT * torch.where(power < QUIET**2, MIXTURE**2, power)
    return torch.log1p(error / limit)


def squared_errors(estimate, target):
    """Return the mean squared error of each row."""
    return powers(estimate, target)[0]


def powers(estimate, target):
    """Return the mean power of each row's error and of its target."""
    axes = tuple(range(1, target.ndim))
    return (estimate - target).square().mean(axes), target.square().mean(axes)


RECONSTRUCTION_LOSSES = {
    "mse": reconstruction_loss,
    "relative": relative_loss,
    "snr": snr_loss,
}
# of rows (n,), whose mean they are
ROW_LOSSES = {
    "mse": squared_errors,
    "relative": relative_losses,
    "snr": snr_losses,
}


def data_loss(reconstruction, of_sum=None):
    """Return Eq. (2), plus the loss of sums where components are not known."""
    return reconstruction if of_sum is None else reconstruction + SUM_WEIGHT * of_sum


def accept_loss(logits, weights=None):
    """Return BCE(D(x), 1), small where the discriminator accepts x as true.

    ``weights`` are those of rows (n,) in the mean over the batch; None weighs all
    alike.
    """
    if weights is not None:
        weights = weights.view(-1, *[1] * (logits.ndim - 1)).expand_as(logits)
    return F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits), weights)


def reject_loss(logits):
    """Return BCE(D(x), 0), small where the discriminator rejects x."""
    return F.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits))


def autoencoder_loss(reconstruction, adversarial, *, alpha, beta):
    """Return Eq. (7): alpha MSE(AE_i(X), X_i) + beta BCE(D_i(AE_i(X)), 1)."""
    return alpha * reconstruction + beta * adversarial


def discriminator_loss(logits_true, logits_estimate, weights=None):
    """Return Eq. (8): BCE(D_i(AE_i(X)), 0) + BCE(D_i(X_i), 1).

    ``weights`` are those of the true components' rows.
    """
    return reject_loss(logits_estimate) + accept_loss(logits_true, weights)


def cross_loss(logits_others, weights):
    """Return the cross term of Eq. (9): sum over j of alpha_j BCE(D_i(AE_j(X)), 0).

    ``logits_others`` holds D_i's logits on each other estimate, ``weights`` the
    alpha_j in the same order.
    """
    rejections = [reject_loss(logits) for logits in logits_others]
    terms = [w * loss for w, loss in zip(weights, rejections, strict=True)]
    return sum(terms, torch.zeros(()))


def autoencoder_gradient(
    estimate, reconstruction, adversarial, *, alpha, beta, norm=torch.Tensor.norm
):
    """Return the gradient of Eq. (7) at the estimate, with its terms in one unit.

    The mean squared error and the cross entropy have different units, so that their
    sum depends on the scale of the spectrograms. Here the adversarial gradient is
    first scaled to the norm of the gradient of the reconstruction loss; alpha and beta
    are then shares of the gradient at the decoder's output, whatever the units.
    Balancing by gradient norms follows P. Esser, R. Rombach and B. Ommer, "Taming
    transformers for high-resolution image synthesis", CVPR 2021, Eq. (7),
    arXiv:2012.09841. ``norm`` returns that of a gradient over the whole batch.
    """
    (by_reconstruction,) = torch.autograd.grad(reconstruction, estimate)
    if not beta:
        return alpha * by_reconstruction
    (by_adversary,) = torch.autograd.grad(adversarial, estimate)
    tiny = torch.finfo(estimate.dtype).tiny
    unit = norm(by_reconstruction) / norm(by_adversary).clamp_min(tiny)
    return alpha * by_reconstruction + beta * unit * by_adversary


def literal_gradient(estimate, reconstruction, adversarial, *, alpha, beta, norm=None):
    """Return the gradient of Eq. (7) at the estimate, as the equation stands."""
    loss = autoencoder_loss(reconstruction, adversarial, alpha=alpha, beta=beta)
    return torch.autograd.grad(loss, estimate)[0]


AUTOENCODER_GRADIENTS = {"gradient": autoencoder_gradient, "literal": literal_gradient}
