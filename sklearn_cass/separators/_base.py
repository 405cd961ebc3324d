"""The door of every separator: arrays in, arrays out, everything checked."""

from abc import abstractmethod

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

from ..checks import divided, floating, of_rank, powers_of_two
from ..nn import divisor, level
from ._domains import Domains
from ._examples import DrawnExamples, Examples
from ._recordings import RecordingsMixin
from ._run import Run
from ._scoring import mean_sdr_of
from ._validation import (
    check_components,
    check_mixtures,
    check_same_shape,
)

# Rows are separated in chunks of one fixed size, for convolutions of another batch size
# round differently: so each row has the same bits whatever stands beside it.
CHUNK_ROWS, CHUNK_ENTRIES = 8, 2**17


class BaseSeparator(RecordingsMixin, TransformerMixin, BaseEstimator):
    """What all separators share; a subclass learns and estimates on tensors.

    It defines ``_fit_examples(examples, run)``, which learns from mixtures with their
    components, and ``_estimate(X)``, which returns estimates (n, K, C_y, H, W) of a
    tensor of mixtures (n, C, H, W) that have a root mean square of one. It has a
    parameter ``stft``, or ``_domains_of(X, y)`` of its own.
    """

    _parameter_constraints: dict = {"random_state": ["random_state"]}

    warm_start = False  # a parameter of those that can go on

    @abstractmethod
    def _fit_examples(self, examples, run):
        """Learn from mixtures and their components."""

    @abstractmethod
    def _estimate(self, X):
        """Estimates of a tensor of mixtures at unit level."""

    def fit(self, X, y):
        """Learn to separate from mixtures and their components.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_times) or one of the shapes below
            Mixtures: waveforms, also ``(n_samples, n_channels, n_times)``; complex
            spectrograms ``(n_samples, [n_channels,] n_freqs, n_frames)``; or images
            ``(n_samples, n_channels, height, width)``. With labels as y, each row is
            an isolated recording of one component instead. A memmap, or an array that
            slices (HDF5, Zarr, Dask), is read a few rows at a time and may be larger
            than memory; so may y.
        y : array-like of shape (n_samples, n_components, *X.shape[1:]) or (n_samples,)
            The components (sources) of each mixture; those of a multichannel X may
            lack the axis of channels, those of a :class:`Spectrogram` may be
            waveforms. With one dimension: labels that say which component each row
            of X is; the mixtures to learn from are then drawn from the rows. Rows of a
            :class:`Spectrogram` are taken for the waveforms that they were made from.

        Returns
        -------
        self : object
            The fitted separator.

        Raises
        ------
        ValueError
            If X or y is not as above, holds NaN or infinity, or if a parameter is out
            of its range.
        """
        before = dict(vars(self))
        try:
            return self._fit(X, y)
        except BaseException:
            self._forget(before)
            raise

    @_fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X, y):
        again = self.warm_start and hasattr(self, "domains_")
        if y is None:
            validate_data(self, X, y)  # raises scikit-learn's standard sentence
        X = check_mixtures(self, X, reset=not again)
        y = check_components(y, X)
        run = self._start(X, y)
        if y.ndim > 1:
            examples, like = Examples(X, y), (X, y)
        else:
            examples = DrawnExamples(X, y, run.rng)
            like = examples.arrays(slice(1))
        domains = self._domains_of(*like)
        if again:
            self._check_continues(domains, examples.names)
        self.domains_, self.component_names_ = domains, examples.names
        self.n_components_ = len(examples.names)
        self._fit_examples(examples, run)
        return self

    def _domains_of(self, X, y):
        """What tensors are made of rows like these."""
        return Domains.of(X, y, self.stft)

    def _start(self, X, y):
        """What a training draws from; its attribute is ``rng``."""
        return Run(check_random_state(self.random_state))

    def _check_continues(self, domains, names):
        """With warm_start, new data must look as the first did."""
        fitted, new = self.domains_, domains
        seen = (fitted.X_shape, fitted.y_shape, list(self.component_names_))
        came = (new.X_shape, new.y_shape, list(names))
        if seen != came:
            raise ValueError(
                "warm_start=True continues with mixtures and components of shapes and "
                f"names {seen}, but X and y have {came}"
            )

    def _forget(self, before):
        """After a failed fit: not fitted, or with warm_start as it was."""
        if not self.warm_start:
            # what is learned; others (a Pipeline) keep things here, too
            before = {k: v for k, v in before.items() if not k.endswith("_")}
        for name in set(vars(self)) - set(before):
            delattr(self, name)
        vars(self).update(before)

    def transform(self, X):
        """Separate mixtures into their components.

        Parameters
        ----------
        X : array-like of the shape seen in ``fit``
            Mixtures.

        Returns
        -------
        y : ndarray of shape (n_samples, n_components, ...)
            The estimates, in the domain in which ``fit`` was given the components and
            in X's precision and units. Component k is that of ``component_names_[k]``.

        Raises
        ------
        NotFittedError
            If ``fit`` has not been called.
        ValueError
            If the rows of X have another shape than in ``fit``.
        """
        check_is_fitted(self)
        return self._transform(self._check_fitted_mixtures(X))

    def predict(self, X):
        """Separate mixtures: the same as ``transform``, for scorers.

        Parameters
        ----------
        X : array-like of the shape seen in ``fit``
            Mixtures.

        Returns
        -------
        y : ndarray of shape (n_samples, n_components, ...)
            The estimates.
        """
        check_is_fitted(self)
        return self._transform(self._check_fitted_mixtures(X))

    def score(self, X, y):
        """Mean signal-to-distortion ratio (SDR) of the estimates.

        Parameters
        ----------
        X : array-like of the shape seen in ``fit``
            Mixtures, or isolated recordings where y holds labels.
        y : array-like of shape (n_samples, n_components, ...) or (n_samples,)
            Their components. Where y holds labels, each row of X is its own mixture
            and only the estimate of the labelled component counts.

        Returns
        -------
        float
            Mean over samples and components in dB, higher is better; silent true
            components are left out, NaN if there is no other.
        """
        check_is_fitted(self)
        X = self._check_fitted_mixtures(X)
        return mean_sdr_of(self, X, check_components(y, X))

    def _check_fitted_mixtures(self, X):
        X = check_mixtures(self, X, reset=False)
        check_same_shape(self, X, self.domains_)
        return X

    def _rows_per_chunk(self):
        return max(1, min(CHUNK_ROWS, CHUNK_ENTRIES // self.domains_.n_entries))

    def _transform(self, X):
        """Estimates of validated mixtures."""
        chunks = self._chunks(len(X))
        first = self._transform_chunk(X[next(chunks)])
        estimates = np.empty((len(X), *first.shape[1:]), first.dtype)
        estimates[: len(first)] = first
        for rows in chunks:
            estimates[rows] = self._transform_chunk(X[rows])
        return self.domains_.dressed(estimates)

    def _transform_chunk(self, X, domain=None, estimate=None):
        """Arrays of estimates of one chunk of rows, by ``estimate`` where given."""
        X = floating(X)
        power = powers_of_two(X)
        z = self.domains_.mixtures(divided(X, power), domain)
        # only the level is taken out and put back: nothing else is hidden
        n_missing = self._rows_per_chunk() - len(z)
        full = torch.cat([z, z.new_zeros(n_missing, *z.shape[1:])])
        scale = level(full)
        estimates = (estimate or self._estimate)(full / divisor(scale))
        estimates = estimates * scale.unsqueeze(1)  # silence stays silent
        arrays = self.domains_.arrays(estimates[: len(z)], X.dtype)
        arrays *= power.reshape(of_rank(arrays))
        return arrays

    def _chunks(self, n_samples):
        return gen_batches(n_samples, self._rows_per_chunk())

    def _check_fitted_components(self, y):
        """Validated components of the shape seen in fit."""
        wanted = (self.n_components_, *self.domains_.y_shape)
        if np.ndim(y) > 1:
            y = check_components(y, y)
        is_complex = np.iscomplexobj(y)
        if np.shape(y)[1:] != wanted or is_complex != self.domains_.has_complex_y:
            sizes = ", ".join(map(str, wanted))
            raise ValueError(
                f"y must hold components ({self.domains_.y_domain}) of shape "
                f"(n_samples, {sizes}), got {'complex' if is_complex else 'real'} "
                f"values of shape {np.shape(y)}"
            )
        return y

    def _assign(self, parameters):
        """Set the constructor's parameters, as they came."""
        own = {k: v for k, v in parameters.items() if k not in ("self", "__class__")}
        vars(self).update(own)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
