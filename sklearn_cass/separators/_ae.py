"""The baseline of the family: autoencoder pairs, and how they are trained."""

import copy
import os
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .. import callbacks as training
from ..generators import generators_apart
from ..losses import RECONSTRUCTION_LOSSES
from ..net import CASSNet
from ..nn import FINISHES, REPRESENTATIONS, Autoencoders, Decoder, Encoder, MapShape
from ..optimizers import OPTIMIZERS
from ..stft import STFTTransformer
from ._base import BaseSeparator
from ._checkpoint import Checkpoint, identity_of
from ._collapse import warn_of_collapse
from ._docs import documented
from ._examples import single, training_rows
from ._save import save
from ._training import ValidationMeasure, naming_batch_size
from ._validation import check_callbacks, check_device, n_validation_rows, use_bfloat16

POSITIVE = Interval(Real, 0, None, closed="neither")
WEIGHT = Interval(Real, 0, None, closed="left")
COUNT = Interval(Integral, 1, None, closed="left")
WIDTH = Interval(Integral, 1, 2**16, closed="both")


@documented
class AESeparator(BaseSeparator):
    """Baseline of the paper: K autoencoder pairs trained on reconstruction alone.

    Each component (source) k has an encoder and a decoder of its own, which learn to
    reconstruct it from the mixture's spectrogram, Fig. 1 and Eq. (2) of [1]_.

    {parameters}

    {attributes}

    See Also
    --------
    RegularCASSSeparator : With a discriminator for each component.
    CASSSeparator : With cross adversarial training.

    {references}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import AESeparator
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=(8, 2, 64))
    >>> X = y.sum(axis=1)
    >>> separator = AESeparator(n_filters=4, max_epochs=1, random_state=0).fit(X, y)
    >>> separator.transform(X).shape
    (8, 2, 64)
    """

    _parameter_constraints: dict = {
        **BaseSeparator._parameter_constraints,
        "stft": [STFTTransformer, None],
        "warm_start": ["boolean"],
        "representation": [StrOptions(set(REPRESENTATIONS))],
        "compression": [Interval(Real, 0, 1, closed="right")],
        "output": [StrOptions(set(FINISHES))],
        "reconstruction_loss": [StrOptions(set(RECONSTRUCTION_LOSSES))],
        "encoder": [callable],
        "decoder": [callable],
        "n_filters": [WIDTH],
        "n_latent": [WIDTH],
        "skip_connections": ["boolean"],
        "dilation": [WIDTH],
        "optimizer": [StrOptions(set(OPTIMIZERS))],
        "lr": [POSITIVE],
        "lr_schedule": [StrOptions({"cosine", "constant"})],
        "batch_size": [COUNT],
        "max_epochs": [COUNT],
        "remix": [Interval(Real, 0, 1, closed="both")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left"), None],
        "early_stopping": ["boolean"],
        "callbacks": [list, None],
        "checkpoint": [str, os.PathLike, None],
        "checkpoint_every": [COUNT],
        "device": [str, torch.device],
        "precision": [StrOptions({"auto", "float32", "bf16"})],
        "verbose": ["verbose"],
    }

    _net_class = CASSNet

    def __init__(
        self,
        *,
        stft=None,
        representation="complex",
        compression=1.0,
        output="direct",
        reconstruction_loss="mse",
        encoder=Encoder,
        decoder=Decoder,
        n_filters=16,
        n_latent=64,
        skip_connections=True,
        dilation=4,
        optimizer="muon",
        lr=6e-3,
        lr_schedule="cosine",
        batch_size=8,
        max_epochs=10,
        remix=1.0,
        validation_fraction=None,
        early_stopping=False,
        warm_start=False,
        callbacks=None,
        checkpoint=None,
        checkpoint_every=1,
        device="auto",
        precision="auto",
        random_state=None,
        verbose=0,
    ):
        self._assign(locals())

    def _start(self, X, y):
        if self.checkpoint is None:
            return super()._start(X, y)
        if self.warm_start:
            raise ValueError(
                f"checkpoint={os.fspath(self.checkpoint)!r} and warm_start=True: a "
                "training goes on from either one, not from both"
            )
        rng = check_random_state(self.random_state)
        identity = identity_of(self, X, y)
        return Checkpoint(self.checkpoint, self.checkpoint_every, identity, rng)

    def _fit_examples(self, examples, run):
        seed = int(run.rng.randint(2**31 - 2))
        trained, watched = self._hold_out(len(examples), run.rng)
        net = self._make_net(seed)
        device = torch.device(net.device)
        dataset = training_rows(examples, self.domains_, trained, device)
        net.callbacks = self._training_callbacks(examples, trained, watched)
        n_epochs = self.max_epochs
        with generators_apart(net.device, seed), naming_batch_size(self.batch_size):
            if net.initialized_:
                net.initialize_callbacks()
            else:
                net.initialize()
            if isinstance(run, Checkpoint):
                n_epochs = run.take_part(net)
            net.partial_fit(dataset, epochs=n_epochs)
        net.finish()
        self.net_, self.history_, self.n_iter_ = net, net.history, len(net.history)
        warn_of_collapse(self, dataset)

    def _hold_out(self, n_samples, rng):
        """Rows to train on, and rows to watch."""
        n_held_out = n_validation_rows(
            n_samples, self.validation_fraction, self.early_stopping
        )
        if not n_held_out:
            return np.arange(n_samples), np.arange(0)
        order = rng.permutation(n_samples)
        return order[n_held_out:], order[:n_held_out]

    def _make_net(self, seed):
        """The net to train: the fitted one with warm_start, else a new one."""
        device = check_device(self.device)
        settings = {
            "lr": self.lr,
            "batch_size": self.batch_size,
            "max_epochs": self.max_epochs,
            "remix": self.remix,
            "reconstruction": self.reconstruction_loss,
            "optimizer": OPTIMIZERS[self.optimizer],
            "autocast": use_bfloat16(self.precision, device),
            **self._loss_settings(),
        }
        if self.warm_start and hasattr(self, "net_"):
            net = copy.deepcopy(self.net_)  # a fit that fails leaves the old one
            vars(net).update(settings)
            if type(net.optimizer_) is not net.optimizer:
                net.initialize_optimizer()
            return net
        return self._net_class(
            Autoencoders,
            **prefixed("module", self._network() | self._autoencoder_settings()),
            **settings,
            representation=self._network_view(),
            device=str(device),
            seed=seed,
            verbose=0,
        )

    def _network_view(self):
        """What networks see: there are no phases to tell apart in real maps."""
        return self.representation if self.domains_.is_complex else "complex"

    def _network(self):
        """What autoencoders and discriminators have in common."""
        domains = self.domains_
        is_complex = domains.is_complex and self.representation == "complex"
        shape = MapShape(domains.n_channels, domains.n_component_channels, is_complex)
        return {
            "n_components": self.n_components_,
            "shape": shape,
            "n_filters": int(self.n_filters),
            "n_latent": int(self.n_latent),
        }

    def _autoencoder_settings(self):
        names = ("encoder", "decoder", "skip_connections", "output", "compression")
        settings = {name: getattr(self, name) for name in names}
        return settings | {"dilation": int(self.dilation)}

    def _loss_settings(self):
        """The net's parameters that are about losses: reconstruction alone."""
        return {}

    def _training_callbacks(self, examples, trained, watched):
        n_steps = self.max_epochs * -(-len(trained) // self.batch_size)
        callbacks = [
            training.LearningRates(self.lr_schedule, n_steps),
            training.FiniteGuard(),
        ]
        if len(watched):
            measure = ValidationMeasure(self, examples, watched)
            callbacks.append(training.ValidationErrors(measure))
        if self.early_stopping:
            callbacks.append(training.BestEpoch())
        if self.verbose:
            callbacks.append(training.Progress(n_steps, self.max_epochs))
        return callbacks + check_callbacks(self.callbacks)

    def save(self, path):
        """Write the fitted separator to one file, which :func:`load` reads.

        The file is a safetensors file: the networks' weights, and in its header the
        parameters, shapes, component names and library versions as JSON. No pickle is
        in it. It replaces a file of that name in one step: a crash leaves the old one.

        Parameters
        ----------
        path : path-like
            Where to write.

        Raises
        ------
        NotFittedError
            If ``fit`` has not been called.
        OSError
            If the file cannot be written.
        TypeError
            If a parameter or a network of your own holds what cannot be written.
        """
        check_is_fitted(self)
        save(self, path)

    def _estimate(self, X):
        return self._estimate_with(self.net_, X)

    def _estimate_with(self, net, X):
        """Estimates by a net of mixtures at unit level, (n, K, C_y, H, W)."""
        z = single(X)
        maps = net.estimate(net.mixture_maps(z)).cpu()
        # one pair may estimate all components, one after the other
        maps = maps.reshape(len(z), self.n_components_, -1, *maps.shape[-2:])
        return REPRESENTATIONS[net.representation].estimates(maps, z)


def prefixed(prefix, settings):
    """Settings as skorch names those of a part."""
    return {f"{prefix}__{name}": value for name, value in settings.items()}
