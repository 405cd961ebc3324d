"""Changes of the training that the package does not have: a net, and separators on it.

Each is behind a parameter that leaves the package's training as it is, bit for bit,
where it is off. The losses are in :mod:`~benchmarks.paper.lever_losses`.
"""

import copy
from functools import partial

import torch
from torch.nn import functional as F

from sklearn_cass import AESeparator, CASSSeparator
from sklearn_cass.net import CASSNet

from . import estimators
from .lever_losses import (
    ADVERSARIES,
    MATCHED,
    as_they_are,
    gradient_penalty,
    smoothed,
    to_waveforms,
)


class LeverNet(CASSNet):
    """The package's net with more that can be changed.

    Parameters
    ----------
    module : type
        As for :class:`~sklearn_cass.net.CASSNet`.
    adversary : {"cross-entropy", "least-squares", "hinge"}, default="cross-entropy"
        The losses of Eq. (7) to (9) that take logits.
    true_label : float, default=1.0
        Label of the true components.
    penalty : float, default=0.0
        Strength of R1.
    matching : {"batch", "sample"} or None, default=None
        Whether the autoencoders match the discriminators' last feature map on the true
        components, instead of their verdict, and by what.
    warm_up : float, default=0.0
        Share of the steps in which the autoencoders learn from reconstruction alone;
        discriminators learn from the start.
    averaging : float, default=0.0
        Decay of the moving average of the autoencoders' weights that is used after the
        training: Y. Yazici et al., "The unusual effectiveness of averaging in GAN
        training", ICLR 2019. Looks at it meanwhile see the weights as they are.
    compared : callable
        Takes maps of estimates and of targets, returns what the reconstruction loss
        compares; for autoencoders without discriminators.
    **kwargs
        As for :class:`~sklearn_cass.net.CASSNet`.
    """

    def __init__(
        self,
        module,
        *,
        adversary="cross-entropy",
        true_label=1.0,
        penalty=0.0,
        matching=None,
        warm_up=0.0,
        averaging=0.0,
        compared=as_they_are,
        **kwargs,
    ):
        self.adversary = adversary
        self.true_label = true_label
        self.penalty = penalty
        self.matching = matching
        self.warm_up = warm_up
        self.averaging = averaging
        self.compared = compared
        super().__init__(module, **kwargs)

    # Discriminators ---------------------------------------------------------------

    def discriminator_losses(self, i, target, estimates):
        """D_i's terms of Eq. (8), the penalty among them, and of Eq. (9)."""
        adversary = ADVERSARIES[self.adversary]
        others, weights = self.rejected(i, estimates)
        true = target.detach().requires_grad_(self.penalty > 0)
        logits = self.judge(i, torch.cat([true, estimates[i], *others]))
        of_true, of_estimate, *of_others = logits.split(len(target))
        own = adversary.reject(of_estimate)
        own = own + smoothed(adversary, self.true_label, of_true)
        if self.penalty:
            own = own + gradient_penalty(of_true, true, self.penalty)
        pairs = zip(weights, of_others, strict=True)
        cross = [weight * adversary.reject(of_other) for weight, of_other in pairs]
        return own, sum(cross, torch.zeros_like(own))

    # Autoencoders -----------------------------------------------------------------

    def autoencoder_step(self, estimates, targets):
        """Eq. (7) with what the reconstruction loss is to compare; one update."""
        self.targets_ = targets
        try:
            shown = ([self.compared(m) for m in maps] for maps in (estimates, targets))
            return super().autoencoder_step(*shown)
        finally:
            del self.targets_  # of this batch alone

    def adversarial_loss(self, i, estimate):
        """How far D_i is from taking the estimate for true."""
        if self.discriminators is None:
            return None
        if self.matching is None:
            return ADVERSARIES[self.adversary].fool(self.judge(i, estimate))
        features = self.features(i, estimate)
        with torch.no_grad():
            wanted = self.features(i, self.targets_[i])
        return F.mse_loss(features, wanted)

    def features(self, i, maps):
        """D_i's last feature map, as it is to be matched."""
        return MATCHED[self.matching](self.discriminators_[i].encoder(maps)[-1].float())

    def gradient(self, estimate, reconstruction, adversarial):
        """Gradient of Eq. (7) at the estimate; at first of Eq. (2)."""
        if self.warm_up and self.progress() < self.warm_up:
            return torch.autograd.grad(reconstruction, estimate)[0]
        return super().gradient(estimate, reconstruction, adversarial)

    def progress(self):
        """Share of the training's steps that are done; a checkpoint goes on from it."""
        row = self.history[-1]
        n_done = (row["epoch"] - 1) * self.n_batches_ + len(row["batches"]) - 1
        return n_done / (self.max_epochs * self.n_batches_)

    def get_iterator(self, dataset, training=False):
        """The batches, whose number says how far a training is."""
        batches = super().get_iterator(dataset, training)
        self.n_batches_ = len(batches)
        return batches

    # Averaged weights -------------------------------------------------------------

    def initialize_module(self):
        """The average starts where the weights do."""
        super().initialize_module()
        if self.averaging:
            self.averaged_ = copy.deepcopy(self.module_).requires_grad_(False)
        return self

    def trained_modules(self):
        """Those of the package's net, and the average: checkpoints keep it."""
        averaged = {"averaged": self.averaged_} if self.averaging else {}
        return super().trained_modules() | averaged

    def train_step(self, batch, **fit_params):
        """Both players' step on one batch, and the average's."""
        step = super().train_step(batch, **fit_params)
        if self.averaging:
            self.average()
        return step

    @torch.no_grad()
    def average(self):
        """a <- decay a + (1 - decay) w, of weights and of what is normalised by."""
        new = self.module_.state_dict()
        for name, kept in self.averaged_.state_dict().items():
            if kept.is_floating_point():
                kept.lerp_(new[name], 1 - self.averaging)
            else:  # a count
                kept.copy_(new[name])

    def finish(self):
        """The average takes the weights' place."""
        if self.averaging:
            self.module_.load_state_dict(self.averaged_.state_dict())
        super().finish()


class Levers:
    """A separator on that net; ``levers`` are its parameters, None leaves all as it is.

    ``{"waveforms": True}`` has the reconstruction loss compare waveforms; the networks
    have to see complex spectrograms.
    """

    _net_class = LeverNet

    def __init__(self, *, levers=None, **parameters):
        super().__init__(**parameters)
        self.levers = levers

    @classmethod
    def _get_param_names(cls):
        # scikit-learn reads names off one signature, which here has not all of them
        return sorted(["levers", *cls._plain._get_param_names()])

    def _loss_settings(self):
        levers = dict(self.levers or {})
        if levers.pop("waveforms", False):
            of = {"stft": self.domains_.stft, "n_times": self.domains_.n_times}
            levers["compared"] = partial(to_waveforms, **of)
        return super()._loss_settings() | levers


class LeverAESeparator(Levers, AESeparator):
    """Autoencoder pairs with levers."""

    _plain = AESeparator


class LeverCASSSeparator(Levers, CASSSeparator):
    """Cross adversarial training with levers."""

    _plain = CASSSeparator


# runs make their separators by name
estimators.SEPARATORS |= {c.__name__: c for c in (LeverAESeparator, LeverCASSSeparator)}
