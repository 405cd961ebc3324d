"""The training algorithm: autoencoders and discriminators in turn."""

import copy

import torch
from skorch import NeuralNet
from skorch.callbacks import EpochTimer

from . import losses
from .batches import Batches, one_for_each_row, remixed
from .callbacks import EpochLosses
from .generators import seeded
from .nn import REPRESENTATIONS, divisor, lay_out, level, to_map
from .optimizers import Adam


class CASSNet(NeuralNet):
    """Train K autoencoder pairs, with or without their K discriminators.

    A batch is ``(X, Y)``: mixtures (n, C, H, W) and components (n, K, C_y, H, W),
    complex or real. One step computes every estimate once, lets the discriminators
    learn from the detached estimates (Eq. (8) or (9)), and then the autoencoders from
    the discriminators just updated (Eq. (7)).

    Parameters
    ----------
    module : type
        :class:`~sklearn_cass.nn.Autoencoders`, with ``module__...`` parameters.
    discriminators : type or None, default=None
        :class:`~sklearn_cass.nn.Discriminators`, with ``discriminators__...``
        parameters; None trains the autoencoders alone.
    reconstruction : {"mse", "relative"}
        Which loss measures the reconstruction.
    alpha, beta : float
        Weights of reconstruction and adversarial term, Eq. (7).
    loss_weighting : {"gradient", "literal"}
        Whether the weights are shares of gradient norms or multiply the losses.
    cross_weights : ndarray of shape (n_components, n_components) or None
        Entry [i, j] weighs D_i's rejection of AE_j's estimate, Eq. (9).
    cross_terms : {"dense", "sampled"}
        Whether D_i sees all those estimates, or one of each mixture, drawn.
    remix : float
        Share of each batch's rows whose mixtures are drawn anew.
    representation : {"complex", "magnitude", "phase-sensitive"}
        What the networks see of complex maps.
    discriminator_lr : float
        Learning rate of the discriminators.
    autocast : bool
        Whether to compute convolutions in bfloat16.
    seed : int
        Seed of the initial weights and of the order of rows.
    **kwargs
        As for :class:`skorch.NeuralNet`.
    """

    def __init__(
        self,
        module,
        *,
        discriminators=None,
        reconstruction="mse",
        alpha=1.0,
        beta=0.0,
        loss_weighting="gradient",
        cross_weights=None,
        cross_terms="dense",
        remix=0.0,
        representation="complex",
        discriminator_lr=1e-3,
        autocast=False,
        seed=0,
        **kwargs,
    ):
        self.discriminators = discriminators
        self.reconstruction = reconstruction
        self.alpha = alpha
        self.beta = beta
        self.loss_weighting = loss_weighting
        self.cross_weights = cross_weights
        self.cross_terms = cross_terms
        self.remix = remix
        self.representation = representation
        self.discriminator_lr = discriminator_lr
        self.autocast = autocast
        self.seed = seed
        settings = {
            "criterion": torch.nn.MSELoss,
            "optimizer": Adam,
            "iterator_train": Batches,
            "train_split": None,
            "predict_nonlinearity": None,
        }
        super().__init__(module, **settings | kwargs)

    @property
    def _default_callbacks(self):
        return [("epoch_timer", EpochTimer()), ("epoch_losses", EpochLosses())]

    # What is trained, by which optimizer ------------------------------------------

    def initialize_module(self):
        """Draw the autoencoders, and apart from them the discriminators."""
        # streams of their own: with or without discriminators, the autoencoders start
        # from the same weights and see the same batches
        with seeded(self.seed):
            super().initialize_module()
        lay_out(self.module_)
        if self.discriminators is not None:
            with seeded(self.seed + 1):
                self.discriminators_ = self.initialized_instance(
                    self.discriminators, self.get_params_for("discriminators")
                )
            lay_out(self.discriminators_)
        self.generator_ = torch.Generator().manual_seed(self.seed + 2)
        self.cross_generator_ = torch.Generator().manual_seed(self.seed + 3)
        return self

    def initialize_optimizer(self, triggered_directly=None):
        """One optimizer for each role."""
        self.optimizer_ = self.optimizer(self.module_.parameters(), lr=self.lr)
        if self.discriminators is not None:
            self.discriminator_optimizer_ = self.optimizer(
                self.discriminators_.parameters(), lr=self.discriminator_lr
            )
        return self

    def trained_modules(self):
        """The modules in training by the names of their roles."""
        modules = {"autoencoders": self.module_}
        if self.discriminators is not None:
            modules["discriminators"] = self.discriminators_
        return modules

    def learning_rates(self):
        """Each optimizer with its full learning rate."""
        yield self.optimizer_, self.lr
        if self.discriminators is not None:
            yield self.discriminator_optimizer_, self.discriminator_lr

    def get_iterator(self, dataset, training=False):
        """Batches drawn by the net's own generator."""
        return self.iterator_train(dataset, self.batch_size, self.generator_)

    # One step ---------------------------------------------------------------------

    @torch.enable_grad()
    def train_step(self, batch, **fit_params):
        """Both players' step on one batch."""
        self._set_training(True)
        with torch.no_grad():
            mixture, targets = self.maps(*batch)
        with self.casting(mixture):
            estimates = [estimate.float() for estimate in self.module_(mixture)]
            step_losses = self.discriminator_step(estimates, targets)
            step_losses |= self.autoencoder_step(estimates, targets)
        loss = step_losses["reconstruction_loss"].sum()
        return {"loss": loss, "y_pred": None, "losses": step_losses}

    def maps(self, X, Y):
        """Real maps of the mixtures and of each component, at the mixtures' level."""
        X, Y = X.to(self.device), Y.to(self.device)
        if self.remix:
            X, Y = remixed(X, Y, self.remix, self.generator_)
        scale = divisor(level(X))
        X, Y = X / scale, Y / scale.unsqueeze(1)
        return self.mixture_maps(X), self.component_maps(Y, X)

    def mixture_maps(self, X):
        """What the networks see of mixtures (n, C, H, W) at unit level."""
        return to_map(REPRESENTATIONS[self.representation].mixtures(X))

    def component_maps(self, Y, X):
        """What they see of the components of mixtures, a map for each pair."""
        seen = REPRESENTATIONS[self.representation].components(Y, X)
        # a single pair estimates all components, one after the other
        maps = seen.unbind(1) if len(self.module_) > 1 else [seen.flatten(1, 2)]
        return [to_map(component) for component in maps]

    def discriminator_step(self, estimates, targets):
        """Eq. (8), and Eq. (9) where a cross weight is not zero; one update."""
        if self.discriminators is None:
            return {}
        estimates = [estimate.detach() for estimate in estimates]
        terms = []
        self.discriminator_optimizer_.zero_grad()
        for i, target in enumerate(targets):
            terms.append(self.discriminator_losses(i, target, estimates))
            self.backward(sum(terms[-1]))
        self.discriminator_optimizer_.step()
        own, cross = map(detached, zip(*terms, strict=True))
        return {"discriminator_loss": own, "cross_loss": cross}

    def discriminator_losses(self, i, target, estimates):
        """Eq. (8) and the cross term of Eq. (9): one pass over all that D_i sees."""
        others, weights = self.rejected(i, estimates)
        seen = torch.cat([target, estimates[i], *others])
        of_true, of_estimate, *of_others = self.judge(i, seen).split(len(target))
        own = losses.discriminator_loss(of_true, of_estimate)
        return own, losses.cross_loss(of_others, weights).to(own)

    def judge(self, i, maps):
        """Logits of D_i."""
        return self.discriminators_[i](maps).float()

    def rejected(self, i, estimates):
        """The others' estimates that D_i rejects, and their weights."""
        if self.cross_weights is None:
            return [], []
        weights = self.cross_weights[i]
        others = [j for j, weight in enumerate(weights) if weight and j != i]
        weights, estimates = weights[others].tolist(), [estimates[j] for j in others]
        if self.cross_terms == "dense" or len(others) < 2:
            return estimates, weights
        drawn = one_for_each_row(estimates, weights, self.cross_generator_)
        return [drawn], [sum(weights)]

    def autoencoder_step(self, estimates, targets):
        """Eq. (7), through discriminators that hold still; one update."""
        loss_of = losses.RECONSTRUCTION_LOSSES[self.reconstruction]
        reconstruction, adversarial, gradients = [], [], []
        for i, (estimate, target) in enumerate(zip(estimates, targets, strict=True)):
            leaf = estimate.detach().requires_grad_()
            reconstruction.append(loss_of(leaf, target))
            adversarial.append(self.adversarial_loss(i, leaf))
            gradients.append(self.gradient(leaf, reconstruction[-1], adversarial[-1]))
        self.optimizer_.zero_grad()
        self.backward(estimates, gradients)
        self.optimizer_.step()
        step_losses = {"reconstruction_loss": detached(reconstruction)}
        if self.discriminators is not None:
            step_losses["adversarial_loss"] = detached(adversarial)
        return step_losses

    def adversarial_loss(self, i, estimate):
        """BCE(D_i(AE_i(X)), 1); nothing where there are no discriminators."""
        if self.discriminators is None:
            return None
        self.discriminators_[i].requires_grad_(False)
        try:
            return losses.accept_loss(self.judge(i, estimate))
        finally:
            self.discriminators_[i].requires_grad_(True)

    def gradient(self, estimate, reconstruction, adversarial):
        """Gradient of Eq. (7) at the estimate, where it enters the decoder."""
        gradient_of = losses.AUTOENCODER_GRADIENTS[self.loss_weighting]
        weights = {"alpha": self.alpha, "beta": self.beta}
        return gradient_of(estimate, reconstruction, adversarial, **weights)

    def backward(self, outputs, gradients=None):
        """The one place where gradients are propagated to parameters."""
        torch.autograd.backward(outputs, gradients)

    def casting(self, like):
        """Automatic bfloat16 for convolutions, or nothing."""
        return torch.autocast(like.device.type, torch.bfloat16, self.autocast)

    # After training ---------------------------------------------------------------

    def finish(self):
        """Let go of what only training needs, an epoch cut short among it."""
        self.callbacks, self.callbacks_ = None, []  # they hold the validation rows
        if len(self.history) and "dur" not in self.history[-1]:
            self.history.pop()
        self._set_training(False)

    def __deepcopy__(self, memo):
        """A copy; skorch's way, by pickling, takes six times as long."""
        net = memo[id(self)] = object.__new__(type(self))
        vars(net).update(copy.deepcopy(vars(self), memo))
        return net

    @torch.inference_mode()
    def estimate(self, mixture):
        """Estimates (n, K, ...) of real maps at unit level."""
        self._set_training(False)
        mixture = mixture.to(self.device)
        with self.casting(mixture):
            estimates = [estimate.float() for estimate in self.module_(mixture)]
        return torch.stack(estimates, 1)

    def estimates_finitely(self, X):
        """Whether mixtures (n, C, H, W) have finite estimates."""
        z = X / divisor(level(X))
        return bool(torch.isfinite(self.estimate(self.mixture_maps(z))).all())

    @torch.inference_mode()
    def discriminate(self, components):
        """Probabilities D_i(component j), (n, K, K), of a list of K real maps."""
        self._set_training(False)
        logits = [
            [discriminator(maps.to(self.device)) for maps in components]
            for discriminator in self.discriminators_
        ]
        return torch.stack([torch.stack(row, -1) for row in logits], 1).sigmoid()


def detached(values):
    """The values of scalar tensors, free of their graphs."""
    return torch.stack([value.detach() for value in values])
