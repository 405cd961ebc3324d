"""The adversarial members of the family: regular CASS and CASS."""

from numbers import Real

from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from ..checks import floating, naming
from ..losses import AUTOENCODER_GRADIENTS
from ..nn import Decoder, Discriminator, Discriminators, Encoder, divisor, level
from ._ae import POSITIVE, WEIGHT, AESeparator, prefixed
from ._docs import documented
from ._examples import single
from ._validation import check_cross_weights

# Up to here, to see all of the others' estimates costs a few hundredths of a step; with
# eight components it costs a third (`python -m benchmarks.bench_scaling`).
MOST_DENSE = 4


@documented
class RegularCASSSeparator(AESeparator):
    """Autoencoder pairs, each with a discriminator of its own: regular CASS.

    Discriminator D_k learns to tell true components from the k-th pair's estimates,
    and the pair learns to be taken for true beside reconstructing: Fig. 2, Eq. (7)
    and (8) of [1]_.

    {parameters}

    {attributes}

    See Also
    --------
    AESeparator : Without discriminators.
    CASSSeparator : With cross adversarial training.

    {references}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import RegularCASSSeparator
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=(8, 2, 64))
    >>> separator = RegularCASSSeparator(n_filters=4, max_epochs=1, random_state=0)
    >>> separator.fit(y.sum(axis=1), y).discriminate(y).shape
    (8, 2, 2)
    """

    _parameter_constraints: dict = {
        **AESeparator._parameter_constraints,
        "alpha": [WEIGHT],
        "beta": [WEIGHT],
        "loss_weighting": [StrOptions(set(AUTOENCODER_GRADIENTS))],
        "discriminator": [callable],
        "discriminator_lr": [POSITIVE],
    }

    def __init__(
        self,
        *,
        alpha=0.9,
        beta=0.1,
        loss_weighting="gradient",
        stft=None,
        representation="complex",
        compression=1.0,
        output="direct",
        reconstruction_loss="mse",
        encoder=Encoder,
        decoder=Decoder,
        discriminator=Discriminator,
        n_filters=16,
        n_latent=64,
        skip_connections=True,
        dilation=4,
        optimizer="muon",
        lr=6e-3,
        discriminator_lr=6e-4,
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

    def _loss_settings(self):
        halves = {
            "n_filters": max(1, self.n_filters // 2),
            "n_latent": max(1, self.n_latent // 2),
        }
        parts = self._network() | halves | {"discriminator": self.discriminator}
        return {
            "alpha": self.alpha,
            "beta": self.beta,
            "loss_weighting": self.loss_weighting,
            "discriminators": Discriminators,
            "discriminator_lr": self.discriminator_lr,
            **prefixed("discriminators", parts),
        }

    def discriminate(self, y, X=None):
        """What every discriminator says of every component: Figure 6 of the paper.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_components, ...)
            Components, true ones or estimates, as ``fit`` was given them.
        X : array-like of the shape seen in ``fit``, default=None
            Their mixtures, whose level the components are seen at. None takes the sum
            of the components for the mixture.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_components, n_components)
            Entry [n, i, j] is the probability that D_i gives to component j of sample
            n for being a true component i.
        """
        check_is_fitted(self)
        y = self._check_fitted_components(y)
        components = self.domains_.components(y)
        if X is None:
            mixtures = components.sum(1)
        else:
            X = self._check_fitted_mixtures(X)
            with naming("y"):
                check_consistent_length(X, y)
            mixtures = self.domains_.mixtures(X)
        scale = divisor(level(mixtures))
        X, Y = single(mixtures / scale), single(components / scale.unsqueeze(1))
        probabilities = self.net_.discriminate(self.net_.component_maps(Y, X))
        return probabilities.cpu().numpy().astype(floating(y[:0]).real.dtype)


@documented
class CASSSeparator(RegularCASSSeparator):
    """Cross adversarial source separation (CASS).

    Each component (source) k has an autoencoder pair that reconstructs it from the
    mixture's spectrogram and a discriminator D_k that tells true from reconstructed.
    Cross training makes D_i also reject the estimates of the other pairs, weighted by
    ``cross_weights``: Fig. 3, Eq. (7) and (9) of [1]_.

    {parameters}

    {attributes}

    See Also
    --------
    AESeparator : Reconstruction alone.
    RegularCASSSeparator : Discriminators that see their own component alone.

    {references}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import CASSSeparator
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=(8, 2, 64))
    >>> X = y.sum(axis=1)
    >>> separator = CASSSeparator(
    ...     cross_weights=[[0, 0.1], [0, 0]], n_filters=4, max_epochs=1, random_state=0
    ... )
    >>> separator.fit(X, y).transform(X).shape
    (8, 2, 64)
    """

    _parameter_constraints: dict = {
        **RegularCASSSeparator._parameter_constraints,
        "cross_weights": [Real, "array-like"],
        "cross_terms": [StrOptions({"auto", "dense", "sampled"})],
    }

    def __init__(
        self,
        *,
        alpha=0.9,
        beta=0.1,
        cross_weights=0.01,
        cross_terms="auto",
        loss_weighting="gradient",
        stft=None,
        representation="complex",
        compression=1.0,
        output="direct",
        reconstruction_loss="mse",
        encoder=Encoder,
        decoder=Decoder,
        discriminator=Discriminator,
        n_filters=16,
        n_latent=64,
        skip_connections=True,
        dilation=4,
        optimizer="muon",
        lr=6e-3,
        discriminator_lr=6e-4,
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

    def _loss_settings(self):
        weights = check_cross_weights(self.cross_weights, self.n_components_)
        terms = self.cross_terms
        if terms == "auto":
            terms = "sampled" if self.n_components_ > MOST_DENSE else "dense"
        settings = {"cross_weights": weights, "cross_terms": terms}
        return super()._loss_settings() | settings
