"""The CASS family: autoencoder pairs, without and with adversarial training."""

import copy
import os
from dataclasses import replace
from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted
from skorch.dataset import Dataset

from ..data import (
    Samples,
    TensorDataset,
    WaveformDomains,
    check_components,
    check_components_like,
    check_mixtures,
    check_same_sfreq,
    domains_of,
    exchanged_dataset,
    labelled_rows,
    single,
    tensor_dataset,
    waveform_domains,
)
from ..data.domains import mixture_domain
from ..export import export
from ..metrics import relative_error
from ..nn import (
    REPRESENTATIONS,
    Autoencoders,
    Discriminators,
    MapShape,
    WaveformShape,
)
from ..numeric import (
    check_number_parameters,
    conversion_device,
    divide,
    divisor,
    expand_rows,
    floating,
    level,
    one_thread_each,
    powers_of_two,
    sent,
    usual_torch,
)
from ..persistence import CheckpointFile
from ..persistence.identity import identity_of
from ..signals import fitted_filter
from ..stft import STFTTransformer, padded_window
from ..training import CASSNet, Checkpoint, Remix
from ..training import callbacks as training_callbacks
from ..training.checkpoint import CheckpointWriter
from ..training.devices import check_device
from ..training.distributed import (
    ALONE,
    RankRows,
    checkpoint_of_first,
    join,
    processes,
)
from ..training.losses import AUTOENCODER_GRADIENTS, RECONSTRUCTION_LOSSES
from ..training.parameters import (
    OPTIMIZERS,
    check_callbacks,
    check_cross_weights,
    check_monitors,
    check_scorers,
    is_printing,
    n_validation_samples,
    optimizer_maker,
    out_of_memory_context,
    same_maker,
    same_parameters,
    use_bfloat16,
    warn_of_precision,
    warn_of_schedulers,
)
from ..training.remixing import Mixer, as_remix
from ..training.seeding import seeded_global_generators
from . import _recipes as recipes
from ._base import BaseSeparator

POSITIVE = Interval(Real, 0, None, closed="neither")
WEIGHT = Interval(Real, 0, None, closed="left")
COUNT = Interval(Integral, 1, None, closed="left")
# of a fit that its trials share
TRIAL_PARAMETERS = ("lr", "lr_schedule", "batch_size", "device", "precision")
NETWORK = HasMethods(["make_encoder", "make_decoder", "make_discriminator"])

# Rows that a GPU separates at a time: large ones fewer, which fill it by themselves.
GPU_CHUNK_ROWS, GPU_CHUNK_ENTRIES = 256, 2**22
# With up to so many components, dense cross terms take a few hundredths of a step; with
# eight they take a third (`python -m benchmarks.bench_scaling`).
MAX_DENSE = 4


class AESeparator(BaseSeparator):
    """Baseline of the paper: K autoencoder pairs trained on reconstruction alone.

    Each component (source) k has an encoder and a decoder of its own, which learn to
    reconstruct it from the mixture's spectrogram, Fig. 1 and Eq. (2) of [1]_.

    Parameters
    ----------
    network : Network, default=None
        Makes the encoders, decoders and discriminators: :class:`ResNet9`,
        :class:`BiLSTM`, :class:`Modules` of one's own classes, or any object with the
        methods of :class:`~sklearn_cass.nn.Network`. None: ``ResNet9(output="affine")``
        on short windows or ``BiLSTM()`` on long ones, whichever has the smaller error
        on a validation set after 32 steps of training each, on up to 4,096 time points
        of each sample. If ``stft`` or ``representation`` is given, or if the training
        has less than 500 such steps (samples times epochs over ``batch_size``; 200 with
        discriminators), it is the first, without a choice. Search over its parameters
        as ``network__n_filters`` and so on; more filters are the first thing to try
        when errors on the training samples stay high.
    stft : STFTTransformer, None or False, default=None
        Transform of mixtures that are waveforms. None chooses ``n_fft`` by ``n_times``:
        the power of two at or above ``n_times / 64``, between 8 and 2048, but with
        :class:`BiLSTM` at or above ``n_times / 4``, between 8 and 8192. False passes
        waveforms to the networks. Not used for spectrograms and images. Choose short
        windows for components that differ in time (8 to 16 points for ECG at 256 Hz),
        long ones for pitched audio (4096 to 8192 points at 22 kHz).
    representation : {"complex", "magnitude", "phase-sensitive"}, default=None
        Maps of complex spectrograms that the networks take and return. "complex": real
        and imaginary parts. "magnitude": magnitudes; estimates get the mixture's phase.
        "phase-sensitive": magnitudes of mixtures, and of components the part in phase
        with the mixture, which may be negative (Erdogan et al., ICASSP 2015). None is
        "phase-sensitive" with :class:`BiLSTM`, else "complex". Use "complex" for ECG,
        PPG and other signals whose phases matter, "phase-sensitive" for audio.
    reconstruction_loss : {"snr", "mse", "relative"} or callable, default="snr"
        Loss of the reconstruction in Eq. (2) and (7), computed on maps. "snr": the mean
        over rows of the negative signal-to-noise ratio in dB, with a soft threshold at
        30 dB (Wisdom et al., *MixIT*, 2020, Eq. (3)). A dB counts as much in a bad
        row as in a good one. Estimates of components that are silent, more than 40 dB
        below their mixture, are compared with the mixture. "mse": the mean squared
        error, the paper's, which weighs rows and components by their power. "relative":
        the mean over rows of the relative error, Eq. (6). A callable takes estimates
        and targets of one component, tensors of shape ``(n, channels, n_freqs,
        n_frames)``, and returns a scalar tensor.
    optimizer : {"muon", "adam"} or callable, default=None
        Optimizer of autoencoders and discriminators. "muon" orthogonalizes the steps of
        weights that are matrices or convolutions (Jordan et al., 2024) and uses Adam
        for the others; it needs fewer epochs than "adam", the paper's, but more time a
        step for large matrices. None is "adam" with :class:`BiLSTM`, else "muon". A
        callable is called as ``optimizer(parameters, lr=...)``; weight decay, for
        instance, is ``functools.partial(sklearn_cass.training.Muon,
        weight_decay=0.01)``. For gradient clipping, add skorch's
        ``GradientNormClipping`` to ``callbacks``.
    lr : float, default=6e-3
        Learning rate of the autoencoders; the same values suit "adam" and "muon". Lower
        it if the loss becomes non-finite or falls in jumps.
    lr_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" raises both learning rates over the first tenth of the training and
        then lowers them to zero along a cosine. Use "constant" to continue with
        ``warm_start``, to extend a training with ``checkpoint``, or to leave the rates
        to a callback; skorch's ``LRScheduler`` drives that of the autoencoders.
    batch_size : int, default=8
        Number of mixtures in a training batch. Small batches (4 to 8) need fewer
        epochs; larger ones use a GPU better.
    max_epochs : int, default=10
        Number of passes through the training samples. Fewer samples need more: 5,000 to
        10,000 steps (samples times epochs over ``batch_size``) bring most of the gain.
    remix : float or Remix, default=None
        Share of each batch's rows whose mixtures are drawn anew: every component, and
        the residual ``X - sum(y)`` as one more part, from a row of its own (dynamic
        mixing). A :class:`Remix` also draws gains, signs, shifts, rates and noise. 1
        suits components that are independent of each other; take less (0 to 0.25) if
        they belong together, as the parts of a piece of music do. None is 0.25 with
        :class:`BiLSTM`, else 1. 0 keeps the mixtures as they were given. A share has no
        effect if components lack X's channels.
    validation_fraction : float, default=None
        Share of the samples in the validation set, on which ``history_`` records the
        relative errors and the loss of every epoch. None: 0.1 with ``early_stopping``,
        else 0. Callbacks that monitor "valid_loss" need it.
    early_stopping : bool, default=False
        Whether to stop after 10 epochs without a lower mean error on the validation
        set, and to restore the best weights. Of use with many epochs on few samples.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the previous fit; ``max_epochs``
        then counts the additional epochs.
    callbacks : list of skorch callbacks, default=None
        Callbacks in addition to the separator's own. ``EpochScoring`` takes scorers of
        :mod:`sklearn_cass.metrics`, and reads the set that it scores into memory.
    checkpoint : path-like or Checkpoint, default=None
        Folder in which the state of the training is saved after every epoch, or
        ``Checkpoint(folder, every=5)``. If interrupted, call ``fit`` again with the
        same data and parameters to resume: the result is as if it had not been
        interrupted, on a CPU bit for bit with equal releases of the libraries. With
        other data or parameters (except ``callbacks``, ``checkpoint`` and ``verbose``)
        another training starts, in a sub-folder of its own, so that all fits of a
        search can share the folder. See :class:`Checkpoint`.
    device : str or torch.device, default="auto"
        Device to compute on. "auto": CUDA if available, else MPS if
        a trial there works, else the CPU.
    precision : {"auto", "float32", "bf16"}, default="auto"
        Arithmetic of the convolutions; weights stay in float32. "auto" is bfloat16
        where the hardware has matrix units for it (CPUs with AMX, GPUs of compute
        capability 8.0 or higher); "bf16" warns elsewhere, where it is slow, or
        gradients are wrong. Its rounding is 40 to 50 dB below an estimate. "float32" on
        CUDA is as ``torch.backends.cudnn.allow_tf32`` says, and products of matrices in
        "muon" as ``torch.set_float32_matmul_precision`` does.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, order of samples, remixing and validation set. Pass
        an int for results that are equal bit for bit on one machine's CPU.
    verbose : int, default=0
        Whether to show a progress bar, and the errors by which the network is chosen.

    Attributes
    ----------
    network_ : Network
        The network trained, as given or chosen.
    stft_ : STFTTransformer or None
        The fitted transform of mixtures, as given or chosen; None for images and for
        complex arrays that are not a :class:`Spectrogram`.
    representation_ : str
        The representation of complex maps, as given or chosen.
    net_ : CASSNet
        The trained net; ``net_.module_`` holds the autoencoders.
    n_components_ : int
        Number of components, read from y.
    component_names_ : ndarray of shape (n_components_,)
        The labels if y holds labels, else those passed to ``fit``, or 0, 1, ...
    n_features_in_ : int
        ``X.shape[1]``.
    sfreq_ : float or None
        Sampling rate in Hz, as passed to ``fit``.
    filter_ : FilterTransformer or None
        The fitted filter, as passed to ``fit``.
    history_ : skorch.history.History
        One row per epoch: ``history_[:, "reconstruction_loss"]`` and so on for
        "valid_relative_error", each a list over the components; "train_loss" and
        "valid_loss" are sums of the reconstruction losses. "sum_loss", with one entry,
        is that of rows with components that are not known. The rows themselves hold
        numbers alone, such as "reconstruction_loss_0".
    n_iter_ : int
        Number of epochs trained.

    See Also
    --------
    RegularCASSSeparator : With a discriminator for each component.
    CASSSeparator : With cross adversarial training.

    Notes
    -----
    Components of y that are not known in a row are NaN throughout; every component must
    be known in some row. Eq. (2) is then a mean over the rows that are known. In the
    others, the sum of all components, known ones and estimates, is to give the mixture,
    by the same loss with a weight of 0.1, where components have the mixture's
    channels: what is part of no component, such as noise, must be a component of its
    own. ``remix`` leaves such rows as they are, and draws each part from the rows in
    which it is known.

    References
    ----------
    .. [1] Y. Z. Ong, C. K. Chui and H. Yang, "CASS: Cross adversarial source separation
       via autoencoder", arXiv:1905.09877, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import AESeparator
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=(8, 2, 64))
    >>> X = y.sum(axis=1)
    >>> separator = AESeparator(max_epochs=1, random_state=0).fit(X, y)
    >>> separator.transform(X).shape
    (8, 2, 64)
    """

    _in_single = _takes_unknown = True
    _parameter_constraints: dict = {
        **BaseSeparator._parameter_constraints,
        "network": [NETWORK, None],
        "stft": [STFTTransformer, Options(bool, {False}), None],
        "representation": [StrOptions(set(REPRESENTATIONS)), None],
        "reconstruction_loss": [StrOptions(set(RECONSTRUCTION_LOSSES)), callable],
        "optimizer": [StrOptions(set(OPTIMIZERS)), callable, None],
        "lr": [POSITIVE],
        "lr_schedule": [StrOptions({"cosine", "constant"})],
        "batch_size": [COUNT],
        "max_epochs": [COUNT],
        "remix": [Interval(Real, 0, 1, closed="both"), Remix, None],
        "validation_fraction": [Interval(Real, 0, 1, closed="left"), None],
        "early_stopping": ["boolean"],
        "warm_start": ["boolean"],
        "callbacks": [list, None],
        "checkpoint": [str, os.PathLike, Checkpoint, None],
        "device": [str, torch.device],
        "precision": [StrOptions({"auto", "float32", "bf16"})],
        "verbose": ["verbose"],
    }

    _net_class = CASSNet
    _least_steps = recipes.LEAST_STEPS  # of a training, to choose a network
    _remedies = (
        "Try more epochs (max_epochs), another lr, a smaller beta or cross_weights, "
        "and rows in which the components differ."
    )
    _default_parts = {
        **BaseSeparator._default_parts,
        "network": recipes.default_network,
    }

    def __init__(
        self,
        network=None,
        *,
        stft=None,
        representation=None,
        reconstruction_loss="snr",
        optimizer=None,
        lr=6e-3,
        lr_schedule="cosine",
        batch_size=8,
        max_epochs=10,
        remix=None,
        validation_fraction=None,
        early_stopping=False,
        warm_start=False,
        callbacks=None,
        checkpoint=None,
        device="auto",
        precision="auto",
        random_state=None,
        verbose=0,
    ):
        self.network = network
        self.stft = stft
        self.representation = representation
        self.reconstruction_loss = reconstruction_loss
        self.optimizer = optimizer
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.remix = remix
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    @property
    def network_(self):
        """The network trained."""
        return self.net_.module__network

    @property
    def representation_(self):
        """The representation of the maps."""
        return self.net_.representation

    @property
    def stft_(self):
        """The fitted transform."""
        return self.domains_.stft

    # Settings ---------------------------------------------------------------------

    def _choose_settings(self, samples, rng):
        parameters = self.get_params(deep=False)
        if isinstance(self.network, type):
            name = self.network.__name__
            raise TypeError(
                f"network must be an object, got the class {name}: pass {name}(...)"
            )
        recipe = self._choose_recipe(parameters, samples, rng)
        X, _ = samples.arrays(slice(1))
        self._settings = recipes.filled(parameters, recipe, X.shape[-1])

    def _choose_recipe(self, parameters, samples, rng):
        """Return the values for parameters that are None."""
        if self._continues():
            fitted = {name: getattr(self, f"{name}_") for name in recipes.CHOSEN}
            recipe = recipes.recipe_of(self.network_)
            return {**recipe, **fitted, "stft": lambda n_times: self.stft_}
        X, _ = samples.arrays(slice(1))
        if not recipes.has_choice(parameters, X):
            return recipes.recipe_of(self.network)
        chosen = processes().compute_on_first(
            lambda: self._best_recipe_if_long(parameters, samples, rng)
        )
        return recipes.DIRECT if chosen is None else recipes.RECIPES[chosen]

    def _best_recipe_if_long(self, parameters, samples, rng):
        """Return the index of a recipe, None for fits that trials would lengthen."""
        X, _ = samples.arrays(slice(1))
        n_steps = self.max_epochs * -(-len(samples) // self.batch_size)
        if n_steps < recipes.least_steps(self._least_steps, X.shape[-1]):
            return None
        domains_of(*samples.arrays(slice(1)), None)  # errors name the whole rows
        trial = recipes.plan_trial(samples, self.batch_size, rng)
        if trial is None:
            return None
        return self._best_recipe(parameters, trial, X.shape[-1], rng)

    def _known_parameters(self, X):
        """Return the parameters with values for None, unless they are to be chosen."""
        parameters = self.get_params(deep=False)
        if recipes.has_choice(parameters, X):
            return parameters
        recipe = recipes.recipe_of(self.network)
        return parameters | recipes.filled(parameters, recipe, X.shape[-1])

    def _best_recipe(self, parameters, trial, n_times, rng):
        """Return the index of the recipe with the smallest error in a trial."""
        common = {name: parameters[name] for name in TRIAL_PARAMETERS}
        common |= {"max_epochs": trial.max_epochs, "random_state": rng.randint(2**31)}
        errors = []
        for recipe in recipes.RECIPES:
            settings = recipes.filled(parameters, recipe, n_times)
            separator = TrialSeparator(**common, **settings)
            errors.append(separator.error(trial))
            if self.verbose:
                network = settings["network"]
                print(f"trial of {network}: relative error {errors[-1]:.3f}")
        return int(np.argmin(errors))

    def _make_domains(self, X, y):
        return domains_of(X, y, self._settings["stft"])

    # Learning ---------------------------------------------------------------------

    def _fit_arrays(self, X, y, known, names, rng):
        ranks = join(X, y, names)
        rng = ranks.of_first(rng)
        if any(ranks.gather(known is not None)):
            samples = Samples(X, y, names, known)
            every_row = np.arange(len(samples))
            known_in_all = known_of(samples, every_row)
            check_known(known_in_all, samples.component_names, ranks, "in y")
        if self.checkpoint is None:
            super()._fit_arrays(X, y, known, names, rng, ranks=ranks)
            return
        checkpoint = self.checkpoint
        if not isinstance(checkpoint, Checkpoint):
            checkpoint = Checkpoint(checkpoint)
        checkpoint._validate_params()
        if self.warm_start:
            raise ValueError(
                f"checkpoint={os.fspath(checkpoint.folder)!r} and warm_start=True are "
                "mutually exclusive"
            )
        identity = ranks.joined_identity(identity_of(self, X, y))
        make_file = partial(CheckpointFile, checkpoint.folder, identity, rng)
        with checkpoint_of_first(ranks, make_file) as file:
            settings = {"writer": CheckpointWriter(file, checkpoint.every)}
            super()._fit_arrays(X, y, known, names, file.rng, ranks=ranks, **settings)

    def _set_components(self, domains, names):
        if self._continues():
            self._check_continues(domains, names)
        super()._set_components(domains, names)

    def _set_sfreq(self, sfreq):
        if self._continues():
            check_same_sfreq(sfreq, self.sfreq_, "X and y")
            sfreq = self.sfreq_ if sfreq is None else sfreq
        super()._set_sfreq(sfreq)

    def _set_filter(self, filter, X):
        if self._continues():
            filter = self._continued_filter(filter)
        super()._set_filter(filter, X)

    def _continued_filter(self, filter):
        """Return the filter of the previous fit, which another must be equal to."""
        fitted = self.filter_
        if filter is not None:
            given = fitted_filter(filter, self.sfreq_)
            if not same_parameters(fitted, given):
                raise ValueError(
                    f"warm_start=True continues with filter={fitted}, got {given}"
                )
        return fitted

    def _check_names(self, names, y):
        names = super()._check_names(names, y)
        if names is None and y.ndim > 1 and self._continues():
            fitted = self.component_names_
            return fitted if len(fitted) == y.shape[1] else None
        return names

    def _continues(self):
        """Return whether ``fit`` continues a previous one."""
        return self.warm_start and hasattr(self, "net_")

    def _check_continues(self, domains, names):
        """Raise a ValueError unless new data have the shapes of the previous ones."""
        fitted = self.domains_
        seen = (fitted.X_shape, fitted.y_shape, list(self.component_names_))
        given = (domains.X_shape, domains.y_shape, list(names))
        if seen != given:
            raise ValueError(
                "warm_start=True continues with mixtures and components of shapes and "
                f"names {seen}, but X and y have {given}"
            )

    def _drop_previous_fit(self):
        if not self.warm_start:
            super()._drop_previous_fit()

    def _learn(self, samples, rng, writer=None, ranks=ALONE):
        rng = ranks.of_first(rng)  # it may have drawn trials
        seed = int(rng.randint(2**31 - 2))
        numbers = RankRows(ranks, samples)
        trained, validated = self._split(len(numbers), rng)
        net = self._make_net(seed)
        net.ranks = ranks
        device = torch.device(net.device)
        own = numbers.to_train_on(trained)
        net.has_unknown = any(ranks.gather(samples.known is not None))
        if net.has_unknown and len(validated):
            parts = {
                "among the rows to train on": own,
                "in the validation set": numbers.held(validated),
            }
            for where, rows in parts.items():
                known = known_of(samples, rows)
                check_known(known, samples.component_names, ranks, where)
        dataset = self._mixed_dataset(net, samples, own, device)
        dataset = exchanged_dataset(dataset, trained, numbers, device)
        net.callbacks = self._make_callbacks(samples, len(trained), validated, numbers)
        with (
            seeded_global_generators(net.device, seed),
            out_of_memory_context(self.batch_size),
        ):
            n_epochs = self._initialize(net, writer)
            self._set_scored(net, samples, trained, validated)
            self._drop_previous_fit()
            net.partial_fit(dataset, epochs=n_epochs)
        labelled = labelled_rows(samples, own)
        self._set_net(net, TensorDataset(samples, self.domains_, labelled))

    def _mixed_dataset(self, net, samples, rows, device):
        """Return the rows to train on, and have the net mix them as set."""
        remix, domains = as_remix(net.remix), self.domains_
        if remix._changes_parts and domains.n_channels != domains.n_component_channels:
            raise ValueError(
                f"{remix} needs components of as many channels as the mixtures, "
                f"{domains.n_channels}, got {domains.n_component_channels}"
            )
        if remix._needs_waveforms:
            domains = waveform_domains(domains)
            if not isinstance(self.domains_, WaveformDomains):
                net.transform = self.domains_.transformed
        net.mixer = Mixer(remix, domains.n_times, self.sfreq_)
        return tensor_dataset(samples, domains, rows, device)

    def _initialize(self, net, writer):
        """Initialize the net's parts, and return how many epochs there are to train."""
        if net.initialized_:
            net.initialize_callbacks()
        else:
            net.initialize()
        check_monitors(net.callbacks_)
        warn_of_schedulers(net.callbacks_, self.lr_schedule)
        net.verbose = int(is_printing(net.callbacks_))  # skorch's table, if asked for
        return self.max_epochs if writer is None else writer.resume(net)

    def _set_scored(self, net, samples, trained, validated):
        """Give a net the arrays that callbacks score, and what estimates them."""
        net.separate = partial(self._separate_in_training, net)
        sets = {"dataset_train": trained, "dataset_valid": validated}
        is_scored = check_scorers(net.callbacks_)
        if any(is_scored) and not net.ranks.has_same_data:
            raise ValueError(
                "callbacks: EpochScoring needs the same X and y in all processes of a "
                "training, which have rows of their own"
            )
        net.datasets = {
            name: Dataset(*samples.arrays(rows))
            for (name, rows), scored in zip(sets.items(), is_scored, strict=True)
            if scored
        }

    def _separate_in_training(self, net, X):
        """Return a net's estimates of mixtures, for callbacks."""
        X = check_mixtures(self, X, domains=self.domains_)
        chunks = self._chunks(len(X))
        parts = [self._transform_chunk(X[rows], net=net) for rows in chunks]
        return np.concatenate(parts)

    def _set_net(self, net, dataset):
        """Set the learned attributes, and warn of a training that collapsed."""
        net.release_training_state()
        self.net_, self.history_, self.n_iter_ = net, net.history, len(net.history)
        if len(dataset):
            self._warn_of_estimates(dataset)

    def _split(self, n_samples, rng):
        """Return the indices of training and validation samples."""
        n_validation = n_validation_samples(
            n_samples, self.validation_fraction, self.early_stopping
        )
        if not n_validation:
            return np.arange(n_samples), np.arange(0)
        order = rng.permutation(n_samples)
        return order[n_validation:], order[:n_validation]

    def _make_net(self, seed):
        """Return the net to train: a new one, or a copy of the fitted one."""
        device = check_device(self.device)
        warn_of_precision(self.precision, device)
        parameters = {
            "lr": self.lr,
            "batch_size": self.batch_size,
            "max_epochs": self.max_epochs,
            "remix": self._make_remix(),
            "reconstruction": self.reconstruction_loss,
            "optimizer": optimizer_maker(self._settings["optimizer"]),
            "autocast": use_bfloat16(self.precision, device),
            **self._loss_parameters(),
        }
        if self._continues():
            return self._continued_net(parameters, device)
        return self._net_class(
            Autoencoders,
            **self._modules(),
            **parameters,
            representation=self._representation(),
            device=str(device),
            seed=seed,
            verbose=0,
        )

    def _continued_net(self, parameters, device):
        """Return a copy of the fitted net with other parameters of its training."""
        self._check_networks()
        net = copy.deepcopy(self.net_)  # a fit that fails keeps the fitted one
        is_moved = torch.device(net.device) != device
        is_same = same_maker(net.optimizer, parameters["optimizer"])
        vars(net).update(parameters, device=str(device))
        for module in net.trained_modules().values():
            module.to(device)
        if is_moved or not is_same:
            net.initialize_optimizer()
        net.reset_learning_rates()
        return net

    def _check_networks(self):
        """Raise a ValueError for parameters that the fitted networks do not have."""
        net, given = self.net_, self._module_parameters()
        pairs = {
            "network": (net.module__network, given["network"]),
            "representation": (net.representation, self._representation()),
            "stft": (net.module__shape, given["shape"]),
        }
        for name, (fitted, new) in pairs.items():
            if not same_parameters(fitted, new):
                raise ValueError(
                    "warm_start=True continues with the networks of the previous fit, "
                    f"but {name} has changed, from {fitted} to {new}: set {name} as it "
                    "was, or warm_start=False to train new networks"
                )

    def _representation(self):
        """Return the representation of the maps; real maps have no phases."""
        representation = self._settings["representation"]
        return representation if self.domains_.is_complex else "complex"

    def _modules(self):
        """Return the net's parameters of modules."""
        return prefixed("module", self._module_parameters())

    def _module_parameters(self):
        """Return the parameters of Autoencoders and Discriminators."""
        domains = self.domains_
        is_complex = domains.is_complex and self._representation() == "complex"
        n_channels = domains.n_channels, domains.n_component_channels
        shape = MapShape(
            *n_channels, *domains.map_shape, is_complex, waveforms=waveforms_of(domains)
        )
        return {
            "n_components": self.n_components_,
            "shape": shape,
            "network": self._make_network(),
        }

    def _make_remix(self):
        """Return a share, or a copy of the object, its parameters validated."""
        remix = clone(self._settings["remix"], safe=False)
        if isinstance(remix, Remix):
            remix._validate_params()
        return remix

    def _make_network(self):
        """Return a copy of the network, its parameters validated."""
        network = clone(self._settings["network"], safe=False)
        if hasattr(network, "_parameter_constraints"):
            network._validate_params()
            check_number_parameters(network)
        return network

    def _loss_parameters(self):
        """Return the net's parameters of losses: none for reconstruction alone."""
        return {}

    def _make_callbacks(self, samples, n_trained, validated, numbers):
        n_steps = self.max_epochs * -(-n_trained // self.batch_size)
        callbacks = [training_callbacks.FiniteGuard()]
        if self.lr_schedule == "cosine":
            callbacks.insert(0, training_callbacks.LearningRates(n_steps))
        if len(validated):
            part = numbers.part(validated)
            device = conversion_device(check_device(self.device))
            dataset = TensorDataset(samples, self.domains_, part, device)
            measures = (
                partial(self._validation_errors, samples, part),
                partial(self._validation_loss, dataset),
            )
            callbacks.append(training_callbacks.ValidationErrors(*measures))
        if self.early_stopping:
            callbacks.append(training_callbacks.BestEpoch())
        if self.verbose and numbers.ranks.rank == 0:
            callbacks.append(training_callbacks.Progress(n_steps, self.max_epochs))
        return callbacks + numbers.ranks.own_callbacks(check_callbacks(self.callbacks))

    def _validation_errors(self, samples, rows, net):
        """Return the relative errors of a net in training on some samples."""
        errors = []
        for chunk in self._chunks(len(rows)):
            X, y = samples.arrays(rows[chunk])
            errors.append(relative_error(y, self._transform_chunk(X, net=net)))
        if not len(rows):  # those of other processes
            errors.append(np.empty((0, self.n_components_)))
        return np.concatenate(net.ranks.gather(np.concatenate(errors)))

    def _validation_loss(self, dataset, net):
        """Return the loss of a net in training on a dataset."""
        if net.has_unknown:
            return self._validation_loss_of_known(dataset, net)
        total = 0.0
        for rows in torch.arange(len(dataset)).split(self._rows_per_chunk()):
            if len(rows):
                total += len(rows) * net.validation_loss(*dataset[rows])
        totals, counts = zip(*net.ranks.gather((total, len(dataset))), strict=True)
        return sum(totals) / sum(counts)

    def _validation_loss_of_known(self, dataset, net):
        """Return the sum over components of mean losses over rows that are known."""
        totals, counts = torch.zeros(2, self.n_components_, dtype=torch.float64)
        for rows in torch.arange(len(dataset)).split(self._rows_per_chunk()):
            if len(rows):
                losses, n_known = net.validation_losses(*dataset[rows])
                totals += n_known * losses
                counts += n_known
        totals, counts = map(sum, zip(*net.ranks.gather((totals, counts)), strict=True))
        return float((totals / counts).sum())

    # Estimates --------------------------------------------------------------------

    def _needs_fixed_chunks(self):
        in_fit = "_kept" in vars(self)
        on_cpu = not in_fit and torch.device(self.net_.device).type == "cpu"
        return not (on_cpu and self.net_.module_.batch_invariant)

    def _rows_per_chunk(self):
        # the net in training is not yet, or not any more, that of an earlier fit
        in_fit = "_kept" in vars(self)
        device = check_device(self.device) if in_fit else torch.device(self.net_.device)
        if device.type != "cuda":
            return super()._rows_per_chunk()
        n_rows = GPU_CHUNK_ENTRIES // self.domains_.n_entries
        return max(1, min(GPU_CHUNK_ROWS, n_rows))

    def _estimate(self, X):
        z = single(X)
        return self._converted(self._estimated_maps(z, self.net_), z, self.net_)

    def _estimate_arrays(self, z, n_rows, dtype, net=None):
        net = net or self.net_
        maps = self._estimated_maps(z, net)
        parts = self._parts(n_rows, z.device)
        converted = (self._converted(maps[p], z[p], net) for p in parts)
        settings = {"in_single": True, "n_rows": n_rows}
        return [self.domains_.to_array(z, dtype, **settings) for z in converted]

    def _conversion_device(self, net=None):
        return conversion_device((net or self.net_).device)

    def _estimated_maps(self, z, net):
        """Return a net's maps (n, K, channels, H, W) of mixtures at unit level."""
        mixtures = sent(z, net.device)
        maps = net.estimate(net.mixture_maps(mixtures, keep_format=True)).to(z.device)
        # one pair may estimate all components, one after the other
        return maps.reshape(len(z), self.n_components_, -1, *maps.shape[-2:])

    def _converted(self, maps, z, net):
        """Return estimates (n, K, C_y, H, W) of mixtures, from a net's maps."""
        return REPRESENTATIONS[net.representation].estimates(maps, z)

    def export(self, path, format="onnx"):
        """Write the fitted separator to a file that runs without this package.

        The file takes mixtures and returns estimates as ``transform`` does, of any
        number of rows, in single precision: scaling, STFT and its inverse are part of
        it. Estimates differ by less than 1e-4 of their norm.

        Parameters
        ----------
        path : path-like
            The file. An existing one is replaced in one step, as by ``save``.
        format : {"onnx", "torch"}, default="onnx"
            "onnx" is a model for onnxruntime and other runtimes, with the input
            "mixtures" and the output "estimates". It needs the packages of the extra
            ``export``. "torch" is a program for :func:`torch.export.load`.

        Raises
        ------
        NotFittedError
            If ``fit`` has not been called.
        ImportError
            If a package that the format needs is not installed.
        OSError
            If the file cannot be written.
        ValueError
            If the components are complex spectrograms, or if networks of one's own
            have operations that the format cannot hold.

        See Also
        --------
        save : Write a file for :func:`load`, with which separators can be fitted again.

        Notes
        -----
        The metadata of the file are JSON: ``component_names``, ``n_times``, ``sfreq``,
        ``mixture_shape``, ``component_shape`` and ``sklearn_cass_version``. They are
        ``metadata_props`` of an ONNX model, and ``extra_files`` of a program.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> import torch
        >>> from pathlib import Path
        >>> from sklearn_cass import AESeparator, ResNet9
        >>> y = np.random.default_rng(0).normal(size=(8, 2, 64)).astype("float32")
        >>> network = ResNet9(n_filters=2, n_latent=4)
        >>> separator = AESeparator(network, max_epochs=1, random_state=0)
        >>> separator = separator.fit(y.sum(axis=1), y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "separator.pt2")
        ...     separator.export(path, format="torch")
        ...     module = torch.export.load(path).module()
        >>> module(torch.from_numpy(y.sum(axis=1))).shape
        torch.Size([8, 2, 64])
        """
        check_is_fitted(self)
        export(self, path, format)


class TrialSeparator(AESeparator):
    """A separator of a short training, which warns of nothing."""

    def error(self, trial):
        """Return the error of a trial; infinite if it cannot be trained."""
        rng = check_random_state(self.random_state)
        X, y = trial.training.X, trial.training.y
        self._choose_settings(trial.training, rng)
        self._set_components(self._make_domains(X, y), np.arange(y.shape[1]))
        self._learn(trial.training, rng)
        return trial.error(self)

    def _drop_previous_fit(self):
        pass

    def _warn_of_estimates(self, dataset):
        pass


class RegularCASSSeparator(AESeparator):
    """Autoencoder pairs, each with a discriminator of its own: regular CASS.

    Discriminator D_k learns to tell true components from the k-th pair's estimates,
    and the pair learns to be accepted as true in addition to reconstructing: Fig. 2,
    Eq. (7) and (8) of [1]_.

    Parameters
    ----------
    network : Network, default=None
        Makes the encoders, decoders and discriminators: :class:`ResNet9`,
        :class:`BiLSTM`, :class:`Modules` of one's own classes, or any object with the
        methods of :class:`~sklearn_cass.nn.Network`. None: ``ResNet9(output="affine")``
        on short windows or ``BiLSTM()`` on long ones, whichever has the smaller error
        on a validation set after 32 steps of training each, on up to 4,096 time points
        of each sample. If ``stft`` or ``representation`` is given, or if the training
        has less than 500 such steps (samples times epochs over ``batch_size``; 200 with
        discriminators), it is the first, without a choice. Search over its parameters
        as ``network__n_filters`` and so on; more filters are the first thing to try
        when errors on the training samples stay high.
    alpha : float, default=0.9
        Weight of the reconstruction in Eq. (7). Only its ratio to ``beta`` matters with
        ``loss_weighting="gradient"``; leave it and change ``beta``.
    beta : float, default=0.1
        Weight of the adversarial term in Eq. (7); see ``loss_weighting`` for its unit.
        0.01 to 0.1 cost nothing; from 0.3 on, errors rose by 2 to 8 % on generated ECG.
    loss_weighting : {"gradient", "literal"}, default="gradient"
        Unit of ``alpha`` and ``beta``. "literal": they multiply the two losses of Eq.
        (7), whose units differ, so that the balance depends on the scale of the
        spectrograms. "gradient": they multiply the two gradients at the decoder's
        output, after the adversarial one was scaled to the norm of the other; ``beta /
        alpha`` is then the share of the discriminator, whatever the units. Use
        "literal" to reproduce the paper.
    stft : STFTTransformer, None or False, default=None
        Transform of mixtures that are waveforms. None chooses ``n_fft`` by ``n_times``:
        the power of two at or above ``n_times / 64``, between 8 and 2048, but with
        :class:`BiLSTM` at or above ``n_times / 4``, between 8 and 8192. False passes
        waveforms to the networks. Not used for spectrograms and images. Choose short
        windows for components that differ in time (8 to 16 points for ECG at 256 Hz),
        long ones for pitched audio (4096 to 8192 points at 22 kHz).
    representation : {"complex", "magnitude", "phase-sensitive"}, default=None
        Maps of complex spectrograms that the networks take and return. "complex": real
        and imaginary parts. "magnitude": magnitudes; estimates get the mixture's phase.
        "phase-sensitive": magnitudes of mixtures, and of components the part in phase
        with the mixture, which may be negative (Erdogan et al., ICASSP 2015). None is
        "phase-sensitive" with :class:`BiLSTM`, else "complex". Use "complex" for ECG,
        PPG and other signals whose phases matter, "phase-sensitive" for audio.
    reconstruction_loss : {"snr", "mse", "relative"} or callable, default="snr"
        Loss of the reconstruction in Eq. (2) and (7), computed on maps. "snr": the mean
        over rows of the negative signal-to-noise ratio in dB, with a soft threshold at
        30 dB (Wisdom et al., *MixIT*, 2020, Eq. (3)). A dB counts as much in a bad
        row as in a good one. Estimates of components that are silent, more than 40 dB
        below their mixture, are compared with the mixture. "mse": the mean squared
        error, the paper's, which weighs rows and components by their power. "relative":
        the mean over rows of the relative error, Eq. (6). A callable takes estimates
        and targets of one component, tensors of shape ``(n, channels, n_freqs,
        n_frames)``, and returns a scalar tensor.
    optimizer : {"muon", "adam"} or callable, default=None
        Optimizer of autoencoders and discriminators. "muon" orthogonalizes the steps of
        weights that are matrices or convolutions (Jordan et al., 2024) and uses Adam
        for the others; it needs fewer epochs than "adam", the paper's, but more time a
        step for large matrices. None is "adam" with :class:`BiLSTM`, else "muon". A
        callable is called as ``optimizer(parameters, lr=...)``; weight decay, for
        instance, is ``functools.partial(sklearn_cass.training.Muon,
        weight_decay=0.01)``. For gradient clipping, add skorch's
        ``GradientNormClipping`` to ``callbacks``.
    lr : float, default=6e-3
        Learning rate of the autoencoders; the same values suit "adam" and "muon". Lower
        it if the loss becomes non-finite or falls in jumps.
    discriminator_lr : float, default=2e-3
        Learning rate of the discriminators. At a third of ``lr`` the discriminators
        reject the other components and are undecided between true components and good
        estimates; at a tenth they learn too little to tell components apart, and at
        ``lr`` they reject true components of recordings unlike those of the training.
    lr_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" raises both learning rates over the first tenth of the training and
        then lowers them to zero along a cosine. Use "constant" to continue with
        ``warm_start``, to extend a training with ``checkpoint``, or to leave the rates
        to a callback; skorch's ``LRScheduler`` drives that of the autoencoders.
    batch_size : int, default=8
        Number of mixtures in a training batch. Small batches (4 to 8) need fewer
        epochs; larger ones use a GPU better.
    max_epochs : int, default=10
        Number of passes through the training samples. Fewer samples need more: 5,000 to
        10,000 steps (samples times epochs over ``batch_size``) bring most of the gain.
    remix : float or Remix, default=None
        Share of each batch's rows whose mixtures are drawn anew: every component, and
        the residual ``X - sum(y)`` as one more part, from a row of its own (dynamic
        mixing). A :class:`Remix` also draws gains, signs, shifts, rates and noise. 1
        suits components that are independent of each other; take less (0 to 0.25) if
        they belong together, as the parts of a piece of music do. None is 0.25 with
        :class:`BiLSTM`, else 1. 0 keeps the mixtures as they were given. A share has no
        effect if components lack X's channels.
    validation_fraction : float, default=None
        Share of the samples in the validation set, on which ``history_`` records the
        relative errors and the loss of every epoch. None: 0.1 with ``early_stopping``,
        else 0. Callbacks that monitor "valid_loss" need it.
    early_stopping : bool, default=False
        Whether to stop after 10 epochs without a lower mean error on the validation
        set, and to restore the best weights. Of use with many epochs on few samples.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the previous fit; ``max_epochs``
        then counts the additional epochs.
    callbacks : list of skorch callbacks, default=None
        Callbacks in addition to the separator's own. ``EpochScoring`` takes scorers of
        :mod:`sklearn_cass.metrics`, and reads the set that it scores into memory.
    checkpoint : path-like or Checkpoint, default=None
        Folder in which the state of the training is saved after every epoch, or
        ``Checkpoint(folder, every=5)``. If interrupted, call ``fit`` again with the
        same data and parameters to resume: the result is as if it had not been
        interrupted, on a CPU bit for bit with equal releases of the libraries. With
        other data or parameters (except ``callbacks``, ``checkpoint`` and ``verbose``)
        another training starts, in a sub-folder of its own, so that all fits of a
        search can share the folder. See :class:`Checkpoint`.
    device : str or torch.device, default="auto"
        Device to compute on. "auto": CUDA if available, else MPS if
        a trial there works, else the CPU.
    precision : {"auto", "float32", "bf16"}, default="auto"
        Arithmetic of the convolutions; weights stay in float32. "auto" is bfloat16
        where the hardware has matrix units for it (CPUs with AMX, GPUs of compute
        capability 8.0 or higher); "bf16" warns elsewhere, where it is slow, or
        gradients are wrong. Its rounding is 40 to 50 dB below an estimate. "float32" on
        CUDA is as ``torch.backends.cudnn.allow_tf32`` says, and products of matrices in
        "muon" as ``torch.set_float32_matmul_precision`` does.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, order of samples, remixing and validation set. Pass
        an int for results that are equal bit for bit on one machine's CPU.
    verbose : int, default=0
        Whether to show a progress bar, and the errors by which the network is chosen.

    Attributes
    ----------
    network_ : Network
        The network trained, as given or chosen.
    stft_ : STFTTransformer or None
        The fitted transform of mixtures, as given or chosen; None for images and for
        complex arrays that are not a :class:`Spectrogram`.
    representation_ : str
        The representation of complex maps, as given or chosen.
    net_ : CASSNet
        The trained net; ``net_.module_`` holds the autoencoders.
    n_components_ : int
        Number of components, read from y.
    component_names_ : ndarray of shape (n_components_,)
        The labels if y holds labels, else those passed to ``fit``, or 0, 1, ...
    n_features_in_ : int
        ``X.shape[1]``.
    sfreq_ : float or None
        Sampling rate in Hz, as passed to ``fit``.
    filter_ : FilterTransformer or None
        The fitted filter, as passed to ``fit``.
    history_ : skorch.history.History
        One row per epoch: ``history_[:, "reconstruction_loss"]`` and so on for
        "adversarial_loss", "discriminator_loss", "cross_loss" and
        "valid_relative_error", each a list over the components; "train_loss" and
        "valid_loss" are sums of the reconstruction losses. "sum_loss", with one entry,
        is that of rows with components that are not known. The rows themselves hold
        numbers alone, such as "reconstruction_loss_0".
    n_iter_ : int
        Number of epochs trained.

    See Also
    --------
    AESeparator : Without discriminators.
    CASSSeparator : With cross adversarial training.

    Notes
    -----
    Components of y that are not known in a row are NaN throughout, as in
    :class:`AESeparator`. Discriminators learn what is true from the rows that are
    known, and reject the estimates of all rows; of a row without any known component,
    autoencoders learn from discriminators and from the sum alone. The norm to which the
    adversarial gradient is scaled is that of the gradient of reconstruction and sum
    together, over the whole batch: ``beta / alpha`` has one meaning, however few rows
    are known.

    References
    ----------
    .. [1] Y. Z. Ong, C. K. Chui and H. Yang, "CASS: Cross adversarial source separation
       via autoencoder", arXiv:1905.09877, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import RegularCASSSeparator
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=(8, 2, 64))
    >>> separator = RegularCASSSeparator(max_epochs=1, random_state=0)
    >>> separator.fit(y.sum(axis=1), y).discriminate(y).shape
    (8, 2, 2)
    """

    _parameter_constraints: dict = {
        **AESeparator._parameter_constraints,
        "alpha": [WEIGHT],
        "beta": [WEIGHT],
        "loss_weighting": [StrOptions(set(AUTOENCODER_GRADIENTS))],
        "discriminator_lr": [POSITIVE],
    }

    _least_steps = recipes.LEAST_ADVERSARIAL_STEPS

    def __init__(
        self,
        network=None,
        *,
        alpha=0.9,
        beta=0.1,
        loss_weighting="gradient",
        stft=None,
        representation=None,
        reconstruction_loss="snr",
        optimizer=None,
        lr=6e-3,
        discriminator_lr=2e-3,
        lr_schedule="cosine",
        batch_size=8,
        max_epochs=10,
        remix=None,
        validation_fraction=None,
        early_stopping=False,
        warm_start=False,
        callbacks=None,
        checkpoint=None,
        device="auto",
        precision="auto",
        random_state=None,
        verbose=0,
    ):
        self.network = network
        self.alpha = alpha
        self.beta = beta
        self.loss_weighting = loss_weighting
        self.stft = stft
        self.representation = representation
        self.reconstruction_loss = reconstruction_loss
        self.optimizer = optimizer
        self.lr = lr
        self.discriminator_lr = discriminator_lr
        self.lr_schedule = lr_schedule
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.remix = remix
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    def _loss_parameters(self):
        return {
            "alpha": float(self.alpha),
            "beta": float(self.beta),
            "loss_weighting": self.loss_weighting,
            "discriminator_lr": self.discriminator_lr,
        }

    def _modules(self):
        parameters = self._module_parameters()
        return {
            "discriminators": Discriminators,
            **prefixed("module", parameters),
            **prefixed("discriminators", parameters),
        }

    def discriminate(self, y, X=None):
        """Return the probabilities that discriminators give to components (Figure 6).

        Parameters
        ----------
        y : array-like of shape (n_samples, n_components, ...)
            Components, true ones or estimates, in the domain seen in ``fit``.
        X : array-like of the shape seen in ``fit``, default=None
            Their mixtures, whose level scales the components, and which conditional
            discriminators take. None is the sum of the components.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_components, n_components)
            Entry [n, i, j] is the probability, by D_i, that component j of sample n
            is a true component i.

        Raises
        ------
        NotFittedError
            If ``fit`` has not been called.
        ValueError
            If X or y has another shape than in ``fit``.
        """
        check_is_fitted(self)
        return self._discriminate(y, X)

    def _discriminate(self, y, X):
        if X is not None:
            X = self._check_mixtures(X)
        y = check_components(y, y if X is None else X)
        check_components_like(y, self.n_components_, self.domains_)
        if X is None:
            self._check_sum_is_mixture()
        y = self._filtered(y)
        parts = [
            self._discriminate_chunk(y[rows], None if X is None else X[rows])
            for rows in self._chunks(len(y))
        ]
        return np.concatenate(parts)

    def _check_sum_is_mixture(self):
        """Raise a ValueError if components do not sum to mixtures that are needed."""
        domains = self.domains_
        n_channels, n_own = domains.n_channels, domains.n_component_channels
        if self.net_.discriminators_.shape.conditional and n_own != n_channels:
            raise ValueError(
                "X must be given: discriminators take the mixture, which has "
                f"{n_channels} channels, beside a component, which has {n_own}"
            )

    @usual_torch()
    @one_thread_each()
    def _discriminate_chunk(self, y, X):
        """Return the probabilities of one chunk of rows."""
        y = floating(y)
        power = powers_of_two(y).ravel()
        if X is not None:
            X = floating(X)
            power = np.maximum(power, powers_of_two(X).ravel())
        Y = self.domains_.components_to_tensor(divide(y, expand_rows(power, y)))
        if X is None:
            mixtures = Y.sum(1)
        else:
            X = divide(X, expand_rows(power, X))
            mixtures = self.domains_.mixtures_to_tensor(X, mixture_domain(X))
        mixtures, Y = self._pad_chunk(mixtures), self._pad_chunk(Y)
        # Y has values of about one: a mixture far below must not make them overflow
        scale = divisor(level(mixtures)).clamp(min=2.0**-64)
        mixtures, Y = mixtures / scale, Y / scale.unsqueeze(1)
        probabilities = self.net_.discriminate(single(mixtures), single(Y))[: len(y)]
        return probabilities.cpu().numpy().astype(y.real.dtype)


class CASSSeparator(RegularCASSSeparator):
    """Cross adversarial source separation (CASS).

    Each component (source) k has an autoencoder pair that reconstructs it from the
    mixture's spectrogram and a discriminator D_k that tells true from reconstructed.
    Cross training makes D_i also reject the estimates of the other pairs, weighted by
    ``cross_weights``: Fig. 3, Eq. (7) and (9) of [1]_.

    Parameters
    ----------
    network : Network, default=None
        Makes the encoders, decoders and discriminators: :class:`ResNet9`,
        :class:`BiLSTM`, :class:`Modules` of one's own classes, or any object with the
        methods of :class:`~sklearn_cass.nn.Network`. None: ``ResNet9(output="affine")``
        on short windows or ``BiLSTM()`` on long ones, whichever has the smaller error
        on a validation set after 32 steps of training each, on up to 4,096 time points
        of each sample. If ``stft`` or ``representation`` is given, or if the training
        has less than 500 such steps (samples times epochs over ``batch_size``; 200 with
        discriminators), it is the first, without a choice. Search over its parameters
        as ``network__n_filters`` and so on; more filters are the first thing to try
        when errors on the training samples stay high.
    alpha : float, default=0.9
        Weight of the reconstruction in Eq. (7). Only its ratio to ``beta`` matters with
        ``loss_weighting="gradient"``; leave it and change ``beta``.
    beta : float, default=0.1
        Weight of the adversarial term in Eq. (7); see ``loss_weighting`` for its unit.
        0.01 to 0.1 cost nothing; from 0.3 on, errors rose by 2 to 8 % on generated ECG.
    cross_weights : float or array-like of shape (n_components, n_components), \
default=0.3
        Entry [i, j] weighs D_i's rejection of the j-th pair's estimates, alpha_j in Eq.
        (5) and (9); a number is every such entry. The diagonal must be 0, and entries
        of 0 cost no time. With 0.3, discriminators rejected the other component on
        generated and recorded ECG (see ``discriminate``), at no cost in errors; 0 is
        regular CASS, and the paper has 0.01.
    loss_weighting : {"gradient", "literal"}, default="gradient"
        Unit of ``alpha`` and ``beta``. "literal": they multiply the two losses of Eq.
        (7), whose units differ, so that the balance depends on the scale of the
        spectrograms. "gradient": they multiply the two gradients at the decoder's
        output, after the adversarial one was scaled to the norm of the other; ``beta /
        alpha`` is then the share of the discriminator, whatever the units. Use
        "literal" to reproduce the paper.
    stft : STFTTransformer, None or False, default=None
        Transform of mixtures that are waveforms. None chooses ``n_fft`` by ``n_times``:
        the power of two at or above ``n_times / 64``, between 8 and 2048, but with
        :class:`BiLSTM` at or above ``n_times / 4``, between 8 and 8192. False passes
        waveforms to the networks. Not used for spectrograms and images. Choose short
        windows for components that differ in time (8 to 16 points for ECG at 256 Hz),
        long ones for pitched audio (4096 to 8192 points at 22 kHz).
    representation : {"complex", "magnitude", "phase-sensitive"}, default=None
        Maps of complex spectrograms that the networks take and return. "complex": real
        and imaginary parts. "magnitude": magnitudes; estimates get the mixture's phase.
        "phase-sensitive": magnitudes of mixtures, and of components the part in phase
        with the mixture, which may be negative (Erdogan et al., ICASSP 2015). None is
        "phase-sensitive" with :class:`BiLSTM`, else "complex". Use "complex" for ECG,
        PPG and other signals whose phases matter, "phase-sensitive" for audio.
    reconstruction_loss : {"snr", "mse", "relative"} or callable, default="snr"
        Loss of the reconstruction in Eq. (2) and (7), computed on maps. "snr": the mean
        over rows of the negative signal-to-noise ratio in dB, with a soft threshold at
        30 dB (Wisdom et al., *MixIT*, 2020, Eq. (3)). A dB counts as much in a bad
        row as in a good one. Estimates of components that are silent, more than 40 dB
        below their mixture, are compared with the mixture. "mse": the mean squared
        error, the paper's, which weighs rows and components by their power. "relative":
        the mean over rows of the relative error, Eq. (6). A callable takes estimates
        and targets of one component, tensors of shape ``(n, channels, n_freqs,
        n_frames)``, and returns a scalar tensor.
    optimizer : {"muon", "adam"} or callable, default=None
        Optimizer of autoencoders and discriminators. "muon" orthogonalizes the steps of
        weights that are matrices or convolutions (Jordan et al., 2024) and uses Adam
        for the others; it needs fewer epochs than "adam", the paper's, but more time a
        step for large matrices. None is "adam" with :class:`BiLSTM`, else "muon". A
        callable is called as ``optimizer(parameters, lr=...)``; weight decay, for
        instance, is ``functools.partial(sklearn_cass.training.Muon,
        weight_decay=0.01)``. For gradient clipping, add skorch's
        ``GradientNormClipping`` to ``callbacks``.
    lr : float, default=6e-3
        Learning rate of the autoencoders; the same values suit "adam" and "muon". Lower
        it if the loss becomes non-finite or falls in jumps.
    discriminator_lr : float, default=2e-3
        Learning rate of the discriminators. At a third of ``lr`` the discriminators
        reject the other components and are undecided between true components and good
        estimates; at a tenth they learn too little to tell components apart, and at
        ``lr`` they reject true components of recordings unlike those of the training.
    lr_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" raises both learning rates over the first tenth of the training and
        then lowers them to zero along a cosine. Use "constant" to continue with
        ``warm_start``, to extend a training with ``checkpoint``, or to leave the rates
        to a callback; skorch's ``LRScheduler`` drives that of the autoencoders.
    batch_size : int, default=8
        Number of mixtures in a training batch. Small batches (4 to 8) need fewer
        epochs; larger ones use a GPU better.
    max_epochs : int, default=10
        Number of passes through the training samples. Fewer samples need more: 5,000 to
        10,000 steps (samples times epochs over ``batch_size``) bring most of the gain.
    remix : float or Remix, default=None
        Share of each batch's rows whose mixtures are drawn anew: every component, and
        the residual ``X - sum(y)`` as one more part, from a row of its own (dynamic
        mixing). A :class:`Remix` also draws gains, signs, shifts, rates and noise. 1
        suits components that are independent of each other; take less (0 to 0.25) if
        they belong together, as the parts of a piece of music do. None is 0.25 with
        :class:`BiLSTM`, else 1. 0 keeps the mixtures as they were given. A share has no
        effect if components lack X's channels.
    validation_fraction : float, default=None
        Share of the samples in the validation set, on which ``history_`` records the
        relative errors and the loss of every epoch. None: 0.1 with ``early_stopping``,
        else 0. Callbacks that monitor "valid_loss" need it.
    early_stopping : bool, default=False
        Whether to stop after 10 epochs without a lower mean error on the validation
        set, and to restore the best weights. Of use with many epochs on few samples.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the previous fit; ``max_epochs``
        then counts the additional epochs.
    callbacks : list of skorch callbacks, default=None
        Callbacks in addition to the separator's own. ``EpochScoring`` takes scorers of
        :mod:`sklearn_cass.metrics`, and reads the set that it scores into memory.
    checkpoint : path-like or Checkpoint, default=None
        Folder in which the state of the training is saved after every epoch, or
        ``Checkpoint(folder, every=5)``. If interrupted, call ``fit`` again with the
        same data and parameters to resume: the result is as if it had not been
        interrupted, on a CPU bit for bit with equal releases of the libraries. With
        other data or parameters (except ``callbacks``, ``checkpoint`` and ``verbose``)
        another training starts, in a sub-folder of its own, so that all fits of a
        search can share the folder. See :class:`Checkpoint`.
    device : str or torch.device, default="auto"
        Device to compute on. "auto": CUDA if available, else MPS if
        a trial there works, else the CPU.
    precision : {"auto", "float32", "bf16"}, default="auto"
        Arithmetic of the convolutions; weights stay in float32. "auto" is bfloat16
        where the hardware has matrix units for it (CPUs with AMX, GPUs of compute
        capability 8.0 or higher); "bf16" warns elsewhere, where it is slow, or
        gradients are wrong. Its rounding is 40 to 50 dB below an estimate. "float32" on
        CUDA is as ``torch.backends.cudnn.allow_tf32`` says, and products of matrices in
        "muon" as ``torch.set_float32_matmul_precision`` does.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, order of samples, remixing and validation set. Pass
        an int for results that are equal bit for bit on one machine's CPU.
    verbose : int, default=0
        Whether to show a progress bar, and the errors by which the network is chosen.

    Attributes
    ----------
    network_ : Network
        The network trained, as given or chosen.
    stft_ : STFTTransformer or None
        The fitted transform of mixtures, as given or chosen; None for images and for
        complex arrays that are not a :class:`Spectrogram`.
    representation_ : str
        The representation of complex maps, as given or chosen.
    net_ : CASSNet
        The trained net; ``net_.module_`` holds the autoencoders.
    n_components_ : int
        Number of components, read from y.
    component_names_ : ndarray of shape (n_components_,)
        The labels if y holds labels, else those passed to ``fit``, or 0, 1, ...
    n_features_in_ : int
        ``X.shape[1]``.
    sfreq_ : float or None
        Sampling rate in Hz, as passed to ``fit``.
    filter_ : FilterTransformer or None
        The fitted filter, as passed to ``fit``.
    history_ : skorch.history.History
        One row per epoch: ``history_[:, "reconstruction_loss"]`` and so on for
        "adversarial_loss", "discriminator_loss", "cross_loss" and
        "valid_relative_error", each a list over the components; "train_loss" and
        "valid_loss" are sums of the reconstruction losses. "sum_loss", with one entry,
        is that of rows with components that are not known. The rows themselves hold
        numbers alone, such as "reconstruction_loss_0".
    n_iter_ : int
        Number of epochs trained.

    See Also
    --------
    AESeparator : Reconstruction alone.
    RegularCASSSeparator : Discriminators that see their own component alone.

    Notes
    -----
    With more than four components, a discriminator takes one other estimate of each
    mixture per step, sampled in proportion to its weight: the gradient is that of
    Eq. (9) on average, at a cost linear in the number of components.

    Components of y that are not known in a row are NaN throughout: see the notes of
    :class:`RegularCASSSeparator`.

    References
    ----------
    .. [1] Y. Z. Ong, C. K. Chui and H. Yang, "CASS: Cross adversarial source separation
       via autoencoder", arXiv:1905.09877, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import CASSSeparator
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=(8, 2, 64))
    >>> X = y.sum(axis=1)
    >>> separator = CASSSeparator(
    ...     cross_weights=[[0, 0.1], [0, 0]], max_epochs=1, random_state=0
    ... )
    >>> separator.fit(X, y).transform(X).shape
    (8, 2, 64)
    """

    _parameter_constraints: dict = {
        **RegularCASSSeparator._parameter_constraints,
        "cross_weights": [Real, "array-like"],
    }

    _cross_terms = "auto"  # or "dense", "sampled"; for benchmarks

    def __init__(
        self,
        network=None,
        *,
        alpha=0.9,
        beta=0.1,
        cross_weights=0.3,
        loss_weighting="gradient",
        stft=None,
        representation=None,
        reconstruction_loss="snr",
        optimizer=None,
        lr=6e-3,
        discriminator_lr=2e-3,
        lr_schedule="cosine",
        batch_size=8,
        max_epochs=10,
        remix=None,
        validation_fraction=None,
        early_stopping=False,
        warm_start=False,
        callbacks=None,
        checkpoint=None,
        device="auto",
        precision="auto",
        random_state=None,
        verbose=0,
    ):
        self.network = network
        self.alpha = alpha
        self.beta = beta
        self.cross_weights = cross_weights
        self.loss_weighting = loss_weighting
        self.stft = stft
        self.representation = representation
        self.reconstruction_loss = reconstruction_loss
        self.optimizer = optimizer
        self.lr = lr
        self.discriminator_lr = discriminator_lr
        self.lr_schedule = lr_schedule
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.remix = remix
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    def _loss_parameters(self):
        weights = check_cross_weights(self.cross_weights, self.n_components_)
        terms = self._cross_terms
        if terms == "auto":
            terms = "sampled" if self.n_components_ > MAX_DENSE else "dense"
        parameters = {"cross_weights": weights, "cross_terms": terms}
        return super()._loss_parameters() | parameters


class GANSeparator(RegularCASSSeparator):
    """One generator for all components, one discriminator on all of them.

    The practice that CASS departs from (sections 1, 3.1 and 3.4 of [1]_), as in [2]_:
    a single network takes the mixture's spectrogram and returns all components
    (sources), one after the other along the channels, and a single discriminator tells
    true sets of components from reconstructed ones. Networks, losses, Eq. (7) and (8),
    and training are those of :class:`RegularCASSSeparator`.

    The generator has the size of one autoencoder pair there. For as many parameters as
    all pairs have, multiply ``network__n_filters`` by the root of the number of
    components.

    Parameters
    ----------
    network : Network, default=None
        Makes the encoders, decoders and discriminators: :class:`ResNet9`,
        :class:`BiLSTM`, :class:`Modules` of one's own classes, or any object with the
        methods of :class:`~sklearn_cass.nn.Network`. None: ``ResNet9(output="affine")``
        on short windows or ``BiLSTM()`` on long ones, whichever has the smaller error
        on a validation set after 32 steps of training each, on up to 4,096 time points
        of each sample. If ``stft`` or ``representation`` is given, or if the training
        has less than 500 such steps (samples times epochs over ``batch_size``; 200 with
        discriminators), it is the first, without a choice. Search over its parameters
        as ``network__n_filters`` and so on; more filters are the first thing to try
        when errors on the training samples stay high.
    alpha : float, default=0.9
        Weight of the reconstruction in Eq. (7). Only its ratio to ``beta`` matters with
        ``loss_weighting="gradient"``; leave it and change ``beta``.
    beta : float, default=0.1
        Weight of the adversarial term in Eq. (7); see ``loss_weighting`` for its unit.
        0.01 to 0.1 cost nothing; from 0.3 on, errors rose by 2 to 8 % on generated ECG.
    loss_weighting : {"gradient", "literal"}, default="gradient"
        Unit of ``alpha`` and ``beta``. "literal": they multiply the two losses of Eq.
        (7), whose units differ, so that the balance depends on the scale of the
        spectrograms. "gradient": they multiply the two gradients at the decoder's
        output, after the adversarial one was scaled to the norm of the other; ``beta /
        alpha`` is then the share of the discriminator, whatever the units. Use
        "literal" to reproduce the paper.
    stft : STFTTransformer, None or False, default=None
        Transform of mixtures that are waveforms. None chooses ``n_fft`` by ``n_times``:
        the power of two at or above ``n_times / 64``, between 8 and 2048, but with
        :class:`BiLSTM` at or above ``n_times / 4``, between 8 and 8192. False passes
        waveforms to the networks. Not used for spectrograms and images. Choose short
        windows for components that differ in time (8 to 16 points for ECG at 256 Hz),
        long ones for pitched audio (4096 to 8192 points at 22 kHz).
    representation : {"complex", "magnitude", "phase-sensitive"}, default=None
        Maps of complex spectrograms that the networks take and return. "complex": real
        and imaginary parts. "magnitude": magnitudes; estimates get the mixture's phase.
        "phase-sensitive": magnitudes of mixtures, and of components the part in phase
        with the mixture, which may be negative (Erdogan et al., ICASSP 2015). None is
        "phase-sensitive" with :class:`BiLSTM`, else "complex". Use "complex" for ECG,
        PPG and other signals whose phases matter, "phase-sensitive" for audio.
    reconstruction_loss : {"snr", "mse", "relative"} or callable, default="snr"
        Loss of the reconstruction in Eq. (2) and (7), computed on maps. "snr": the mean
        over rows of the negative signal-to-noise ratio in dB, with a soft threshold at
        30 dB (Wisdom et al., *MixIT*, 2020, Eq. (3)). A dB counts as much in a bad
        row as in a good one. Estimates of components that are silent, more than 40 dB
        below their mixture, are compared with the mixture. "mse": the mean squared
        error, the paper's, which weighs rows and components by their power. "relative":
        the mean over rows of the relative error, Eq. (6). A callable takes estimates
        and targets of one component, tensors of shape ``(n, channels, n_freqs,
        n_frames)``, and returns a scalar tensor.
    optimizer : {"muon", "adam"} or callable, default=None
        Optimizer of autoencoders and discriminators. "muon" orthogonalizes the steps of
        weights that are matrices or convolutions (Jordan et al., 2024) and uses Adam
        for the others; it needs fewer epochs than "adam", the paper's, but more time a
        step for large matrices. None is "adam" with :class:`BiLSTM`, else "muon". A
        callable is called as ``optimizer(parameters, lr=...)``; weight decay, for
        instance, is ``functools.partial(sklearn_cass.training.Muon,
        weight_decay=0.01)``. For gradient clipping, add skorch's
        ``GradientNormClipping`` to ``callbacks``.
    lr : float, default=6e-3
        Learning rate of the autoencoders; the same values suit "adam" and "muon". Lower
        it if the loss becomes non-finite or falls in jumps.
    discriminator_lr : float, default=2e-3
        Learning rate of the discriminators. At a third of ``lr`` the discriminators
        reject the other components and are undecided between true components and good
        estimates; at a tenth they learn too little to tell components apart, and at
        ``lr`` they reject true components of recordings unlike those of the training.
    lr_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" raises both learning rates over the first tenth of the training and
        then lowers them to zero along a cosine. Use "constant" to continue with
        ``warm_start``, to extend a training with ``checkpoint``, or to leave the rates
        to a callback; skorch's ``LRScheduler`` drives that of the autoencoders.
    batch_size : int, default=8
        Number of mixtures in a training batch. Small batches (4 to 8) need fewer
        epochs; larger ones use a GPU better.
    max_epochs : int, default=10
        Number of passes through the training samples. Fewer samples need more: 5,000 to
        10,000 steps (samples times epochs over ``batch_size``) bring most of the gain.
    remix : float or Remix, default=None
        Share of each batch's rows whose mixtures are drawn anew: every component, and
        the residual ``X - sum(y)`` as one more part, from a row of its own (dynamic
        mixing). A :class:`Remix` also draws gains, signs, shifts, rates and noise. 1
        suits components that are independent of each other; take less (0 to 0.25) if
        they belong together, as the parts of a piece of music do. None is 0.25 with
        :class:`BiLSTM`, else 1. 0 keeps the mixtures as they were given. A share has no
        effect if components lack X's channels.
    validation_fraction : float, default=None
        Share of the samples in the validation set, on which ``history_`` records the
        relative errors and the loss of every epoch. None: 0.1 with ``early_stopping``,
        else 0. Callbacks that monitor "valid_loss" need it.
    early_stopping : bool, default=False
        Whether to stop after 10 epochs without a lower mean error on the validation
        set, and to restore the best weights. Of use with many epochs on few samples.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the previous fit; ``max_epochs``
        then counts the additional epochs.
    callbacks : list of skorch callbacks, default=None
        Callbacks in addition to the separator's own. ``EpochScoring`` takes scorers of
        :mod:`sklearn_cass.metrics`, and reads the set that it scores into memory.
    checkpoint : path-like or Checkpoint, default=None
        Folder in which the state of the training is saved after every epoch, or
        ``Checkpoint(folder, every=5)``. If interrupted, call ``fit`` again with the
        same data and parameters to resume: the result is as if it had not been
        interrupted, on a CPU bit for bit with equal releases of the libraries. With
        other data or parameters (except ``callbacks``, ``checkpoint`` and ``verbose``)
        another training starts, in a sub-folder of its own, so that all fits of a
        search can share the folder. See :class:`Checkpoint`.
    device : str or torch.device, default="auto"
        Device to compute on. "auto": CUDA if available, else MPS if
        a trial there works, else the CPU.
    precision : {"auto", "float32", "bf16"}, default="auto"
        Arithmetic of the convolutions; weights stay in float32. "auto" is bfloat16
        where the hardware has matrix units for it (CPUs with AMX, GPUs of compute
        capability 8.0 or higher); "bf16" warns elsewhere, where it is slow, or
        gradients are wrong. Its rounding is 40 to 50 dB below an estimate. "float32" on
        CUDA is as ``torch.backends.cudnn.allow_tf32`` says, and products of matrices in
        "muon" as ``torch.set_float32_matmul_precision`` does.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, order of samples, remixing and validation set. Pass
        an int for results that are equal bit for bit on one machine's CPU.
    verbose : int, default=0
        Whether to show a progress bar, and the errors by which the network is chosen.

    Attributes
    ----------
    network_ : Network
        The network trained, as given or chosen.
    stft_ : STFTTransformer or None
        The fitted transform of mixtures, as given or chosen; None for images and for
        complex arrays that are not a :class:`Spectrogram`.
    representation_ : str
        The representation of complex maps, as given or chosen.
    net_ : CASSNet
        The trained net; ``net_.module_`` holds the autoencoders.
    n_components_ : int
        Number of components, read from y.
    component_names_ : ndarray of shape (n_components_,)
        The labels if y holds labels, else those passed to ``fit``, or 0, 1, ...
    n_features_in_ : int
        ``X.shape[1]``.
    sfreq_ : float or None
        Sampling rate in Hz, as passed to ``fit``.
    filter_ : FilterTransformer or None
        The fitted filter, as passed to ``fit``.
    history_ : skorch.history.History
        One row per epoch: ``history_[:, "reconstruction_loss"]`` and so on for
        "adversarial_loss", "discriminator_loss", "cross_loss" and
        "valid_relative_error", each a list over the components; "train_loss" and
        "valid_loss" are sums of the reconstruction losses. The rows themselves hold
        numbers alone, such as "reconstruction_loss_0".
    n_iter_ : int
        Number of epochs trained.

    See Also
    --------
    RegularCASSSeparator : A pair and a discriminator for each component.
    CASSSeparator : With cross adversarial training.

    Notes
    -----
    The losses of ``history_`` are lists of one entry, because there is one pair.

    References
    ----------
    .. [1] Y. Z. Ong, C. K. Chui and H. Yang, "CASS: Cross adversarial source separation
       via autoencoder", arXiv:1905.09877, 2019.
    .. [2] Z.-C. Fan, Y.-L. Lai and J.-S. R. Jang, "SVSGAN: Singing voice separation via
       generative adversarial network", ICASSP 2018, arXiv:1710.11428.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import GANSeparator
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=(8, 2, 64))
    >>> separator = GANSeparator(max_epochs=1, random_state=0)
    >>> separator.fit(y.sum(axis=1), y).discriminate(y).shape
    (8,)
    """

    _takes_unknown = False  # the discriminator takes all components of a row at once

    def _module_parameters(self):
        parameters = super()._module_parameters()
        shape = replace(parameters["shape"], n_joint=self.n_components_)
        return parameters | {"n_components": 1, "shape": shape}

    def discriminate(self, y, X=None):
        """Return the probabilities that the discriminator gives to sets of components.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_components, ...)
            Components, true ones or estimates, in the domain seen in ``fit``.
        X : array-like of the shape seen in ``fit``, default=None
            Their mixtures, whose level scales the components, and which conditional
            discriminators take. None is the sum of the components.

        Returns
        -------
        probabilities : ndarray of shape (n_samples,)
            The probability of each set that its components are true.

        Raises
        ------
        NotFittedError
            If ``fit`` has not been called.
        ValueError
            If X or y has another shape than in ``fit``.
        """
        check_is_fitted(self)
        return self._discriminate(y, X)[:, 0, 0]


def waveforms_of(domains):
    """Return how the maps of samples are related to waveforms; None if they are not."""
    if isinstance(domains, WaveformDomains):
        return WaveformShape(domains.n_times)
    if domains.stft is None:
        return None
    stft = domains.stft
    window = torch.tensor(padded_window(stft.window_, stft.n_fft_), device="cpu")
    return WaveformShape(domains.n_times, window, stft.hop_length_)


def known_of(samples, rows):
    """Return which components of some rows are known, (n_rows, n_components)."""
    n_components = len(samples.component_names)
    if samples.known is None:
        return np.ones((len(rows), n_components), bool)
    return samples.known[rows]


def check_known(known, names, ranks, where):
    """Raise a ValueError unless every component is known in a row of any process.

    Parameters
    ----------
    known : ndarray of shape (n_rows, n_components)
        Which components are known.
    names : ndarray of shape (n_components,)
        Their names.
    ranks : Ranks or Alone
        The processes.
    where : str
        What the rows are, for the message.
    """
    found = np.any(ranks.gather(known.any(axis=0)), axis=0)
    if found.all():
        return
    name = names.tolist()[int(np.argmin(found))]
    remedy = "" if where == "in y" else ": set another validation_fraction"
    raise ValueError(
        f"y contains NaN for component {name!r} in all rows {where}{remedy}; every "
        "component must be known in a row"
    )


def prefixed(prefix, parameters):
    """Return parameters with the names by which skorch passes them to a module."""
    return {f"{prefix}__{name}": value for name, value in parameters.items()}
