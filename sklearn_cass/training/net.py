"""The training algorithm: discriminators and autoencoders take steps in turn."""

import copy
from contextlib import suppress

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import EpochTimer

from ..nn import (
    REPRESENTATIONS,
    are_independent,
    concatenated,
    to_channels_last,
    to_map,
)
from ..numeric import error_context, sent, spread, to_unit_level
from . import losses
from .batches import Batches, draw_one_per_row, take_one_per_row
from .callbacks import EpochLosses, listens
from .distributed import ALONE
from .entries import Entries, known_entries, weights_of, with_unknown
from .graphs import CudaStreams, StepGraphs, calls_python
from .history import EpochHistory
from .interrupts import StopTraining, is_raised
from .optimizers import Adam, Muon
from .parameters import make_optimizer
from .remixing import Mixer, as_remix
from .seeding import seeded

GENERATORS = {"generator_", "cross_generator_"}
# attributes that are set in a training
OF_A_TRAINING = ("graphs", "mixer", "transform", "has_unknown", "ranks", "share")
COUNT = "n_rows_of_"  # prefix of numbers of rows that a step returns beside losses
# what a step depends on beside its batch; callbacks may change it in a training
STEP_SETTINGS = (
    *("reconstruction", "alpha", "beta", "loss_weighting"),
    *("representation", "autocast"),
)


class CASSNet(NeuralNet):
    """Train K autoencoder pairs, with or without their K discriminators.

    A batch is ``(X, Y)``: mixtures (n, C, H, W) and components (n, K, C_y, H, W),
    complex or real; components that are not known are NaN. One step computes every
    estimate once, updates the discriminators on the detached estimates (Eq. (8) or
    (9)), and then the autoencoders through the updated discriminators (Eq. (7)).

    Parameters
    ----------
    module : type
        :class:`~sklearn_cass.nn.Autoencoders`, with ``module__...`` parameters.
    discriminators : type or None, default=None
        :class:`~sklearn_cass.nn.Discriminators`, with ``discriminators__...``
        parameters; None trains the autoencoders alone.
    reconstruction : {"mse", "relative"} or callable, default="mse"
        Reconstruction loss; a callable takes estimates and targets of one component,
        both (n, channels, H, W), and returns a scalar.
    alpha, beta : float
        Weights of the reconstruction and of the adversarial term, Eq. (7).
    loss_weighting : {"gradient", "literal"}
        Whether the weights are shares of gradient norms or multiply the losses.
    cross_weights : ndarray of shape (n_components, n_components) or None
        Entry [i, j] weighs D_i's rejection of AE_j's estimate, Eq. (9).
    cross_terms : {"dense", "sampled"}
        Whether D_i takes all those estimates, or one of each mixture, sampled.
    remix : float or Remix
        How mixtures of each batch are drawn anew; a number is a share of the rows.
    representation : {"complex", "magnitude", "phase-sensitive"}
        Representation of complex maps.
    discriminator_lr : float
        Learning rate of the discriminators.
    autocast : bool
        Whether to compute convolutions in bfloat16.
    seed : int
        Seed of the initial weights and of the order of rows.
    **kwargs
        As for :class:`skorch.NeuralNet`. ``optimizer`` is called as
        ``optimizer(parameters, lr=...)``.

    Examples
    --------
    Separators make and train it; it is their attribute ``net_``.

    >>> import numpy as np
    >>> from sklearn_cass import AESeparator
    >>> y = np.random.default_rng(0).normal(size=(8, 2, 64))
    >>> net = AESeparator(max_epochs=1, random_state=0).fit(y.sum(axis=1), y).net_
    >>> type(net).__name__, len(net.module_)
    ('CASSNet', 2)
    """

    given_modules = None  # see `initialize_with`
    datasets = None  # of arrays, for callbacks that score them; set in a training
    separate = None  # takes mixtures, returns estimates; set in a training
    is_independent_ = False  # whether the pairs may be computed in several threads
    graphs = None  # recorded steps; set in a training on a GPU
    mixer = None  # draws new mixtures; set in a training
    transform = None  # takes waveforms that were mixed, returns maps; likewise
    has_unknown = False  # whether components of some rows are not known; likewise
    ranks, share = ALONE, ALONE.whole  # processes, and the share of one in a step

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
            "use_caching": False,  # scores are of estimates, not of a step's maps
        }
        super().__init__(module, **settings | kwargs)

    @property
    def _default_callbacks(self):
        return [("epoch_timer", EpochTimer()), ("epoch_losses", EpochLosses())]

    # What callbacks see -------------------------------------------------------------

    def initialize_history(self):
        """Begin a history whose rows hold numbers."""
        self.history = []
        return self

    @property
    def history(self):
        """Return the history; a callback may set one that it has read from a file."""
        return self.history_

    @history.setter
    def history(self, rows):
        self.history_ = EpochHistory(rows)

    def predict(self, X):
        """Return the estimates of mixtures in training, for callbacks that score them.

        X and the estimates are arrays as the separator's ``predict`` takes and returns.
        """
        return self.separate(X)

    # Modules and optimizers -------------------------------------------------------

    def initialize_module(self):
        """Initialize the autoencoders and the discriminators."""
        modules = self.given_modules or self.new_modules()
        self.module_ = modules["autoencoders"]
        to_channels_last(self.module_)
        if self.discriminators is not None:
            self.discriminators_ = modules["discriminators"]
            to_channels_last(self.discriminators_)
        self.is_independent_ = are_independent(self.trained_modules().values())
        self.generator_ = torch.Generator().manual_seed(self.seed + 2)
        self.cross_generator_ = torch.Generator().manual_seed(self.seed + 3)
        return self

    def new_modules(self):
        """Return new modules by the names of their roles."""
        # separate random streams: with or without discriminators, the autoencoders
        # start from the same weights and see the same batches
        with seeded(self.seed):
            parameters = self.get_params_for("module")
            modules = {"autoencoders": self.module(**parameters)}
        if self.discriminators is not None:
            with seeded(self.seed + 1):
                parameters = self.get_params_for("discriminators")
                modules["discriminators"] = self.discriminators(**parameters)
        return modules

    def initialize_with(self, modules):
        """Initialize the net with trained modules, by role, in place of new ones."""
        self.given_modules = modules
        try:
            return self.initialize()
        finally:
            del self.given_modules

    def initialize_optimizer(self, triggered_directly=None):
        """Initialize one optimizer for each role."""
        parameters = self.module_.parameters()
        self.optimizer_ = make_optimizer(self.optimizer, parameters, self.lr)
        if self.discriminators is not None:
            parameters, lr = self.discriminators_.parameters(), self.discriminator_lr
            self.discriminator_optimizer_ = make_optimizer(
                self.optimizer, parameters, lr
            )
        return self

    def trained_modules(self):
        """Return the modules in training by the names of their roles."""
        modules = {"autoencoders": self.module_}
        if self.discriminators is not None:
            modules["discriminators"] = self.discriminators_
        return modules

    def learning_rates(self):
        """Yield each optimizer with its full learning rate."""
        yield self.optimizer_, self.lr
        if self.discriminators is not None:
            yield self.discriminator_optimizer_, self.discriminator_lr

    def reset_learning_rates(self):
        """Set the full learning rates, from which a schedule may start again."""
        for optimizer, lr in self.learning_rates():
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] = lr

    def get_iterator(self, dataset, training=False):
        """Return batches in an order drawn by the net's own generator."""
        return self.iterator_train(dataset, self.batch_size, self.generator_)

    # Training loop ----------------------------------------------------------------

    def partial_fit(self, X, y=None, classes=None, **fit_params):
        """Train, from the present weights if there are any.

        An interrupt by the user is raised, which skorch's method would not do.
        """
        if not self.initialized_:
            self.initialize()
        self.graphs = self.new_graphs()
        try:
            self.notify("on_train_begin", X=X, y=y)
            self.ranks.copy_first(self.trained_modules().values())
            self.fit_loop(X, y, **fit_params)
        except StopTraining:
            pass
        except KeyboardInterrupt as interrupt:
            try:
                self.notify("on_train_end", X=X, y=y)
            finally:
                raise interrupt
        with suppress(StopTraining):
            self.notify("on_train_end", X=X, y=y)
        self.ranks.copy_first(self.trained_modules().values())
        return self

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Train on all batches.

        Losses of batches come to the history at the end of the epoch if no callback
        reads them before: each number makes this process wait for the GPU.
        """
        if self.graphs is None or iterator is None or self.listens("on_batch_end"):
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            return
        batch_losses, sizes = [], []
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            batch_losses.append(step["loss"])
            sizes.append(len(batch[0]))
            self.notify("on_batch_end", batch=batch, training=training, **step)
        values = torch.stack(batch_losses).tolist()
        rows = [
            {f"{prefix}_loss": loss, f"{prefix}_batch_size": size}
            for loss, size in zip(values, sizes, strict=True)
        ]
        self.history.record("batches", rows)
        self.history.record(f"{prefix}_batch_count", len(rows))

    def listens(self, method_name):
        """Return whether a callback that the package does not bring has a method."""
        return any(listens(callback, method_name) for _, callback in self.callbacks_)

    def notify(self, method_name, **cb_kwargs):
        """Notify callbacks; one that raises a KeyboardInterrupt ends the training."""
        if self.datasets is not None and "dataset_train" in cb_kwargs:
            cb_kwargs |= self.datasets
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt as interrupt:
            if not is_raised(interrupt):
                raise
            raise StopTraining from interrupt

    # One step ---------------------------------------------------------------------

    @torch.enable_grad()
    def train_step(self, batch, **fit_params):
        """Update discriminators and autoencoders on one batch."""
        self._set_training(True)
        with torch.no_grad():
            X, Y = self.mixed(*batch)
        drawn = self.drawn_rows(len(X))
        if self.graphs is None or not self.can_be_recorded():
            step_losses = self.step(X, Y, *drawn, batch=batch)
        else:
            optimizers = [optimizer for optimizer, _ in self.learning_rates()]
            step_losses = self.graphs(
                self.step, [X, Y, *drawn], self.step_settings(), optimizers
            )
        counts = [name for name in step_losses if name.startswith(COUNT)]
        counts = {name.removeprefix(COUNT): step_losses.pop(name) for name in counts}
        loss = step_losses["reconstruction_loss"].sum()
        return {"loss": loss, "y_pred": None, "losses": step_losses, "counts": counts}

    def step(self, X, Y, *drawn, batch=None):
        """Update both on mixtures and components; return the losses of each kind.

        ``drawn`` holds rows that were drawn for each discriminator, if any are. Where
        components are not known, the numbers of rows that losses are means over are
        returned, too.
        """
        self.share = self.ranks.share(len(X))
        Y, entries = self.known_part(Y)
        X, Y, *drawn = map(self.share.rows, (X, Y, *drawn))
        with self.share.statistics():
            with torch.no_grad():
                mixture, targets = self.unit_maps(X, Y)
                condition = self.condition(X, mixture)
            if entries is not None:
                entries.expect_sum(mixture, targets)
            estimates = self.estimates(mixture)
            beside = condition, entries
            step_losses = self.discriminator_step(
                estimates, targets, drawn, batch, *beside
            )
            step_losses |= self.autoencoder_step(estimates, targets, batch, *beside)
        step_losses = self.share.totals(step_losses)
        if entries is not None:
            counts = entries.counts.items()
            step_losses |= {f"{COUNT}{name}": count for name, count in counts}
        return step_losses

    def known_part(self, Y):
        """Return components with zeros for unknown ones, and which are known.

        The second is None in a training in which all are known.
        """
        if not self.has_unknown:
            return Y, None
        known = known_entries(Y)
        return with_unknown(Y, known, 0), Entries(known, self.share)

    def new_graphs(self):
        """Return where steps are recorded, None for a device without graphs."""
        device = torch.device(self.device)
        if device.type != "cuda" or not self.is_independent_ or self.ranks.size > 1:
            return None
        return StepGraphs(CudaStreams(device, len(self.module_)))

    def can_be_recorded(self):
        """Return whether steps are the same operations each time.

        Functions, optimizers and callbacks of a user may do anything.
        """
        own_optimizers = all(type(o) in (Adam, Muon) for o, _ in self.learning_rates())
        modules = self.trained_modules().values()
        return (
            own_optimizers
            and not callable(self.reconstruction)
            and not self.listens("on_grad_computed")
            and not calls_python(modules)
        )

    def step_settings(self):
        """Return all that a step depends on beside its batch and learning rates."""
        weights = self.cross_weights
        modules = self.trained_modules().values()
        return (
            *(getattr(self, name) for name in STEP_SETTINGS),
            None if weights is None else weights.tobytes(),
            *(p.requires_grad for module in modules for p in module.parameters()),
            *(
                (name, value)
                for optimizer, _ in self.learning_rates()
                for group in optimizer.param_groups
                for name, value in group.items()
                if name not in ("params", "lr")
            ),
        )

    def maps(self, X, Y):
        """Return real maps of mixtures and of each component at unit level."""
        return self.unit_maps(*self.mixed(X, Y))

    def mixed(self, X, Y):
        """Return a batch on the device, a share of its mixtures drawn anew."""
        X, Y = sent(X, self.device), sent(Y, self.device)
        mixer = self.mixer or Mixer(as_remix(self.remix))
        if self.has_unknown:
            return self.partly_mixed(X, Y, mixer)
        if mixer.remix.share:
            X, Y = mixer(X, Y, self.generator_)
        return (X, Y) if self.transform is None else self.transform(X, Y)

    def partly_mixed(self, X, Y, mixer):
        """Return such a batch, in which components that are not known stay NaN."""
        known = known_entries(Y)
        Y = with_unknown(Y, known, 0)
        if mixer.remix.share:
            X, Y = mixer(X, Y, self.generator_, known)
        if self.transform is not None:
            X, Y = self.transform(X, Y)
        return X, with_unknown(Y, known, torch.nan)

    def unit_maps(self, X, Y):
        """Return such maps of mixtures as they are given."""
        X, Y, _ = to_unit_level(X, Y)
        return self.mixture_maps(X), self.component_maps(Y, X)

    def mixture_maps(self, X, keep_format=False):
        """Return the maps of mixtures (n, C, H, W) at unit level."""
        return to_map(REPRESENTATIONS[self.representation].mixtures(X), keep_format)

    def component_maps(self, Y, X):
        """Return the maps of the components of mixtures, one for each pair."""
        represented = REPRESENTATIONS[self.representation].components(Y, X)
        if len(self.module_) > 1:
            return [to_map(component) for component in represented.unbind(1)]
        # a single pair estimates all components, one after the other
        return [to_map(represented.flatten(1, 2))]

    @property
    def uses_threads(self):
        """Use of several threads, one for each pair.

        Not on a GPU, not with networks of a user's classes, which may share weights or
        draw random numbers, and not in several processes, which exchange in one order.
        """
        is_free = self.is_independent_ and self.ranks.size == 1
        return is_free and torch.device(self.device).type == "cpu"

    @property
    def is_recording(self):
        """State of recording a step, each pair on a stream of its own."""
        return self.graphs is not None and self.graphs.is_recording

    def each(self, function):
        """Return ``[function(0), ...]`` for all pairs, perhaps from several threads."""
        n_pairs = len(self.module_)
        if self.uses_threads:
            return spread(function, n_pairs)
        if self.is_recording:
            return self.graphs.each(function)
        return [function(i) for i in range(n_pairs)]

    def estimates(self, mixture):
        """Return the list of all estimates of a mixture's map, in single precision."""
        # the same for all pairs, but memory of one stream must not end in another
        encoded = None if self.is_recording else self.module_[0].compressed(mixture)

        def estimate(k):
            with self.mixed_precision(mixture):
                return self.module_[k](mixture, encoded).float()

        return self.each(estimate)

    def condition(self, X, mixture):
        """Return what discriminators take of mixtures, None where they take nothing.

        A step keeps it to its end: when one is recorded, it is in no pair's memory.
        """
        if self.discriminators is None:
            return None
        representation = REPRESENTATIONS[self.representation]
        return self.discriminators_.condition(X, mixture, representation)

    def discriminator_step(
        self, estimates, targets, drawn, batch, condition=None, entries=None
    ):
        """Update discriminators, Eq. (8), or (9) with cross weights above 0."""
        if self.discriminators is None:
            return {}
        estimates = [estimate.detach() for estimate in estimates]
        others = self.cross_inputs(estimates, drawn)
        known = [None] * len(targets)
        if entries is not None:
            targets = entries.filled(targets, estimates)
            known = entries.weights.unbind(1)
        self.discriminator_optimizer_.zero_grad()

        def compute_gradients(i):
            terms = self.discriminator_losses(
                i, targets[i], estimates[i], *others[i], condition, known[i]
            )
            loss = sum(terms)
            if loss.requires_grad:  # not frozen by a callback
                self.backward(loss)
            return terms

        terms = self.each(compute_gradients)
        self.share.add_gradients(self.discriminators_)
        self.announce_gradients(self.discriminators_, batch)
        self.discriminator_optimizer_.step()
        own, cross = map(detached, zip(*terms, strict=True))
        return {"discriminator_loss": own, "cross_loss": cross}

    def discriminator_losses(
        self, i, target, estimate, others, weights, condition, known=None
    ):
        """Return Eq. (8) and the cross term of Eq. (9), in one pass through D_i.

        ``known`` holds the weights of the true components' rows.
        """
        maps = torch.cat([target, estimate, *others])
        true, estimate, *crosses = self.logits(i, maps, condition).split(len(target))
        own = losses.discriminator_loss(true, estimate, known)
        cross = (
            losses.cross_loss(crosses, weights) if crosses else torch.zeros_like(own)
        )
        return self.share.weigh(own), self.share.weigh(cross)

    def logits(self, i, maps, condition=None):
        """Return the logits of D_i on maps of components, one or several a mixture."""
        inputs = self.discriminators_.inputs(maps, condition)
        with self.mixed_precision(maps):
            return self.discriminators_[i](inputs).float()

    @property
    def rejected(self):
        """Indices of the other estimates that each discriminator is to reject."""
        n_pairs = len(self.module_)
        if self.discriminators is None or self.cross_weights is None:
            return [[] for _ in range(n_pairs)]
        return [
            [j for j, weight in enumerate(self.cross_weights[i]) if weight and j != i]
            for i in range(n_pairs)
        ]

    def is_drawn(self, others):
        """Return whether one of several estimates is drawn for each row."""
        return self.cross_terms == "sampled" and len(others) > 1

    def drawn_rows(self, n_rows):
        """Return, for each discriminator that draws, which estimate each row has."""
        return [
            sent(
                draw_one_per_row(
                    self.cross_weights[i, others], n_rows, self.cross_generator_
                ),
                self.device,
            )
            for i, others in enumerate(self.rejected)
            if self.is_drawn(others)
        ]

    def cross_inputs(self, estimates, drawn):
        """Return, for each discriminator, estimates to reject and their weights."""
        drawn, inputs = iter(drawn), []
        for i, others in enumerate(self.rejected):
            maps = [estimates[j] for j in others]
            weights = self.cross_weights[i, others].tolist() if others else []
            if self.is_drawn(others):
                maps, weights = [take_one_per_row(maps, next(drawn))], [sum(weights)]
            inputs.append((maps, weights))
        return inputs

    def autoencoder_step(self, estimates, targets, batch, condition=None, entries=None):
        """Update autoencoders, Eq. (7), through frozen discriminators."""
        leaves = [estimate.detach().requires_grad_() for estimate in estimates]
        data_terms = self.data_terms(leaves, targets, entries)
        # before the threads begin, because the loss may be a user's function; but what
        # a recorded pair computes is computed on its own stream
        is_early = not self.is_recording
        early = [data_terms(i) for i in range(len(leaves))] if is_early else []

        def terms(i):
            of_data = early[i] if is_early else data_terms(i)
            adversarial = self.adversarial_loss(i, leaves[i], condition)
            total = losses.data_loss(*of_data)
            gradient = self.gradient(leaves[i], total, adversarial)
            return of_data, adversarial, gradient

        of_data, adversarial, gradients = zip(*self.each(terms), strict=True)
        self.optimizer_.zero_grad()
        self.backward_each(estimates, gradients)
        self.share.add_gradients(self.module_)
        self.announce_gradients(self.module_, batch)
        self.optimizer_.step()
        reconstruction, *of_sum = zip(*of_data, strict=True)
        step_losses = {"reconstruction_loss": detached(reconstruction)}
        if of_sum:  # one loss, the same for all components
            step_losses["sum_loss"] = detached(of_sum[0][:1])
        if self.discriminators is not None:
            step_losses["adversarial_loss"] = detached(adversarial)
        return step_losses

    def data_terms(self, leaves, targets, entries):
        """Return a function that computes a pair's losses without its discriminator.

        They are Eq. (2) and, where components are not known, the loss of the sum of
        all, as a function of the pair's own estimates.
        """
        known = [None] * len(leaves)
        sums = None
        if entries is not None:
            known = entries.weights.unbind(1)
            if entries.mixture is not None:
                sums = entries.sums(targets, leaves)

        def terms(i):
            losses_of_pair = [self.reconstruction_loss(leaves[i], targets[i], known[i])]
            if sums is not None:
                aim = entries.mixture, entries.sum_weights
                losses_of_pair.append(self.reconstruction_loss(sums[i], *aim))
            return [self.share.weigh(loss) for loss in losses_of_pair]

        return terms

    def reconstruction_loss(self, estimate, target, weights=None):
        """Return Eq. (2), or the value of the user's function.

        ``weights`` are those of the rows in the mean over the batch, of which a user's
        function takes those that count.
        """
        if not callable(self.reconstruction):
            if weights is None:
                loss = losses.RECONSTRUCTION_LOSSES[self.reconstruction]
                return loss(estimate, target)
            rows = losses.ROW_LOSSES[self.reconstruction](estimate, target)
            return (weights * rows).mean()
        if weights is None:
            return self.custom_loss(estimate, target)
        rows = torch.nonzero(weights).flatten()
        if not len(rows):
            return 0 * estimate.sum()
        return weights.mean() * self.custom_loss(estimate[rows], target[rows])

    def custom_loss(self, estimate, target):
        """Return the value of the user's function."""
        with error_context("reconstruction_loss"):
            loss = self.reconstruction(estimate, target)
            if (
                not isinstance(loss, torch.Tensor)
                or loss.ndim
                or not loss.requires_grad
            ):
                raise ValueError(
                    "the function must return a scalar tensor that can be "
                    f"differentiated, got {loss!r}"
                )
        return loss

    def adversarial_loss(self, i, estimate, condition=None):
        """Return BCE(D_i(AE_i(X)), 1), or None without discriminators."""
        if self.discriminators is None:
            return None
        weights = self.discriminators_[i].parameters()
        trained = [weight for weight in weights if weight.requires_grad]  # not frozen
        for weight in trained:
            weight.requires_grad_(False)
        try:
            logits = self.logits(i, estimate, condition)
            return self.share.weigh(losses.accept_loss(logits))
        finally:
            for weight in trained:
                weight.requires_grad_(True)

    def gradient(self, estimate, reconstruction, adversarial):
        """Return the gradient of Eq. (7) at the estimate, which enters the decoder."""
        gradient_of = losses.AUTOENCODER_GRADIENTS[self.loss_weighting]
        settings = {"alpha": self.alpha, "beta": self.beta, "norm": self.share.norm}
        return gradient_of(estimate, reconstruction, adversarial, **settings)

    def backward(self, outputs, gradients=None):
        """Propagate gradients to parameters; called for all of them, in any thread."""
        torch.autograd.backward(outputs, gradients)

    def backward_each(self, estimates, gradients):
        """Propagate the gradients of all pairs."""
        pairs = zip(estimates, gradients, strict=True)
        trained = [pair for pair in pairs if pair[0].requires_grad]  # not frozen
        if self.uses_threads and len(trained) == len(estimates):
            self.each(lambda i: self.backward(*trained[i]))
        elif trained:  # the graphs of a user's networks may have a common part
            self.backward(*zip(*trained, strict=True))

    def announce_gradients(self, module, batch):
        """Notify callbacks, such as gradient clipping, before an optimizer's step."""
        named_parameters = list(module.named_parameters())
        self.notify(
            "on_grad_computed",
            named_parameters=named_parameters,
            batch=batch,
            training=True,
        )

    def mixed_precision(self, like):
        """Return a context in which convolutions compute in bfloat16, if so set."""
        return torch.autocast(like.device.type, torch.bfloat16, self.autocast)

    @torch.no_grad()
    def validation_loss(self, X, Y):
        """Return the sum over components of the reconstruction loss, a number."""
        self._set_training(False)
        mixture, targets = self.unit_maps(X.to(self.device), Y.to(self.device))
        estimates = self.estimates(mixture)
        with torch.enable_grad():  # as a user's function is called in training
            terms = [
                self.reconstruction_loss(estimate.requires_grad_(), target)
                for estimate, target in zip(estimates, targets, strict=True)
            ]
        return float(sum(term.detach() for term in terms))

    @torch.no_grad()
    def validation_losses(self, X, Y):
        """Return the reconstruction losses of known components, and of how many rows.

        Both are of shape (K,).
        """
        self._set_training(False)
        X, Y = X.to(self.device), Y.to(self.device)
        known = known_entries(Y)
        weights = weights_of(known)
        mixture, targets = self.unit_maps(X, with_unknown(Y, known, 0))
        estimates = self.estimates(mixture)
        with torch.enable_grad():  # as a user's function is called in training
            terms = [
                self.reconstruction_loss(estimate.requires_grad_(), *of_component)
                for estimate, *of_component in zip(
                    estimates, targets, weights.unbind(1), strict=True
                )
            ]
        return detached(terms).cpu(), known.sum(0).cpu()

    # After training ---------------------------------------------------------------

    def release_training_state(self):
        """Drop callbacks and the record of an unfinished epoch."""
        self.callbacks, self.callbacks_ = None, []  # they hold the validation rows
        for name in (*("datasets", "separate"), *OF_A_TRAINING):
            vars(self).pop(name, None)
        if len(self.history) and "dur" not in self.history[-1]:
            self.history.pop()
        self._set_training(False)

    def __getstate__(self):
        """Return what files hold: generators as arrays, which skops does not lose."""
        state = super().__getstate__()
        for name in OF_A_TRAINING:
            state.pop(name, None)
        for name in GENERATORS & state.keys():
            state[name] = state[name].get_state().numpy()
        return state

    def __setstate__(self, state):
        for name in GENERATORS & state.keys():
            if isinstance(state[name], np.ndarray):
                saved = torch.tensor(state[name])
                state = state | {name: torch.Generator().set_state(saved)}
        super().__setstate__(state)

    def __deepcopy__(self, memo):
        """Copy the net; skorch's way, by pickling, takes six times as long."""
        net = memo[id(self)] = object.__new__(type(self))
        memo[id(self.graphs)] = None  # a copy records its own
        vars(net).update(copy.deepcopy(vars(self), memo))
        return net

    @torch.inference_mode()
    def estimate(self, mixture):
        """Return estimates (n, K, ...) of real maps at unit level."""
        self._set_training(False)
        estimates = self.estimates(mixture.to(self.device))
        return concatenated(
            [estimate.unsqueeze(0) for estimate in estimates]
        ).transpose(0, 1)

    def has_finite_estimates(self, X):
        """Return whether the estimates of a batch's mixtures are finite."""
        if self.transform is not None:
            X, _ = self.transform(X, None)
        X, _, _ = to_unit_level(X)
        return bool(torch.isfinite(self.estimate(self.mixture_maps(X))).all())

    @torch.inference_mode()
    def discriminate(self, X, Y):
        """Return probabilities D_i(component j), (n, K, K), at the level of mixtures.

        Those of a local discriminator are means over its patches.
        """
        self._set_training(False)
        X, Y = X.to(self.device), Y.to(self.device)
        condition = self.condition(X, self.mixture_maps(X))
        components = self.component_maps(Y, X)

        def logits(i):
            inputs = [self.discriminators_.inputs(z, condition) for z in components]
            return torch.stack([self.discriminators_[i](x) for x in inputs], -1)

        probabilities = torch.stack(self.each(logits), 1).sigmoid()
        is_local = probabilities.ndim > 3  # (n, K, ..., K)
        return probabilities.flatten(2, -2).mean(2) if is_local else probabilities


def detached(values):
    """Stack scalar tensors without their graphs."""
    return torch.stack([value.detach() for value in values])
