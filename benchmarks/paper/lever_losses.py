"""Losses of adversarial training in the literature, and one of waveforms.

``logits`` are what a discriminator returns before its sigmoid, as in
:mod:`sklearn_cass.losses`; 0 is where it cannot tell.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from sklearn_cass import losses
from sklearn_cass.nn import from_map


class Adversary(NamedTuple):
    """The losses of logits: what D learns from, and what the autoencoders do."""

    accept: Callable
    reject: Callable
    fool: Callable


def squares_accept_loss(logits):
    """(D(x) - 1)^2 / 2 with D(x) = (1 + logit) / 2, so that 0 lies half way."""
    return ((logits - 1) / 2).square().mean() / 2


def squares_reject_loss(logits):
    """D(x)^2 / 2, likewise."""
    return ((logits + 1) / 2).square().mean() / 2


def hinge_accept_loss(logits):
    """max(0, 1 - logit)."""
    return F.relu(1 - logits).mean()


def hinge_reject_loss(logits):
    """max(0, 1 + logit)."""
    return F.relu(1 + logits).mean()


def hinge_fool_loss(logits):
    """- logit."""
    return -logits.mean()


ADVERSARIES = {
    # the package's
    "cross-entropy": Adversary(
        losses.accept_loss, losses.reject_loss, losses.accept_loss
    ),
    # X. Mao et al., "Least squares generative adversarial networks", ICCV 2017, Eq. (9)
    "least-squares": Adversary(
        squares_accept_loss, squares_reject_loss, squares_accept_loss
    ),
    # J. H. Lim and J. C. Ye, "Geometric GAN", 2017; T. Miyato et al., "Spectral
    # normalization for generative adversarial networks", ICLR 2018, Eq. (16), (17)
    "hinge": Adversary(hinge_accept_loss, hinge_reject_loss, hinge_fool_loss),
}


def smoothed(adversary, true_label, logits):
    """The loss of true components with a label below 1, for them alone.

    For the cross entropy this is BCE(D(x), true_label). T. Salimans et al., "Improved
    techniques for training GANs", NeurIPS 2016, section 3.4.
    """
    accepted, rejected = adversary.accept(logits), adversary.reject(logits)
    return true_label * accepted + (1 - true_label) * rejected


def gradient_penalty(logits, maps, strength):
    """R1: strength / 2 * mean of ||gradient of D at a true component||^2.

    L. Mescheder, A. Geiger and S. Nowozin, "Which training methods for GANs do actually
    converge?", ICML 2018, Eq. (9).
    """
    (slope,) = torch.autograd.grad(logits.sum(), maps, create_graph=True)
    return strength / 2 * slope.square().flatten(1).sum(1).mean()


# What is compared of two batches of feature maps: Salimans et al., section 3.1, compare
# means over the batch; here each estimate has a true component to be compared with.
MATCHED = {"batch": lambda features: features.mean(0), "sample": lambda f: f}


def as_they_are(maps):
    """Maps are compared as maps."""
    return maps


def to_waveforms(maps, stft, n_times):
    """Maps of real and imaginary parts (n, 2C, H, W) as waveforms (n, C, n_times).

    By Parseval's theorem, the window's norm brings them to about the maps' level, which
    the losses know what is quiet by.
    """
    norm = float(np.linalg.norm(stft.window_))
    return norm * stft.inverse(from_map(maps, True), n_times)
