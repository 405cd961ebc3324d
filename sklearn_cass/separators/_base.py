"""Base class: input validation, conversion between arrays and tensors."""

from abc import abstractmethod
from contextlib import nullcontext

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

from ..data import (
    MixedSamples,
    Samples,
    check_components,
    check_components_like,
    check_mixtures,
    domains_of,
)
from ..data.dataset import as_waveforms
from ..metrics import mean_ignoring_nan, sdr
from ..numeric import divide, expand_rows, floating, powers_of_two, to_unit_level
from ..stft import STFTTransformer
from ._recordings import RecordingsMixin

# Rows are separated in chunks of one fixed size: convolutions of another batch size
# round differently, and each row is to have the same bits whatever the other rows are.
CHUNK_ROWS, CHUNK_ENTRIES = 8, 2**17


class BaseSeparator(RecordingsMixin, TransformerMixin, BaseEstimator):
    """Base class of separators.

    It validates X and y, converts them to tensors and back, and provides ``fit``,
    ``transform``, ``predict``, ``score``, ``separate`` and ``separate_stream``. A
    subclass defines two methods on tensors:

    - ``_fit_samples(samples, rng)`` learns from ``samples``: ``len(samples)`` mixtures
      and components, which ``samples.arrays(rows)`` returns as arrays and
      :class:`sklearn_cass.data.TensorDataset` as tensors; ``rng`` is a
      :class:`numpy.random.RandomState`. ``self.domains_`` and ``self.n_components_``
      are set before.
    - ``_estimate(X)`` returns estimates (n, n_components, n_component_channels, H, W)
      for a tensor of mixtures (n, n_channels, H, W) with a root mean square of one:
      complex spectrograms for waveforms and spectrograms, real for images. Rows of
      zeros are silence or padding.

    Errors of parameters that do not suit the samples belong in a method
    ``_check_samples(samples)``: a ``fit`` that is refused keeps the previous one.

    It has the parameters ``random_state`` and ``stft`` (or a method ``_make_domains(X,
    y)`` of its own), and :func:`sklearn_cass.utils.estimator_checks.check_separator`
    checks that it keeps the contract.

    Attributes
    ----------
    domains_ : Domains
        Domains and shapes of X and y seen in ``fit``.
    n_components_ : int
        Number of components, read from y.
    component_names_ : ndarray of shape (n_components_,)
        The labels if y holds labels, else 0, 1, ...
    n_features_in_ : int
        ``X.shape[1]``.

    Examples
    --------
    A separator that gives each component its mean share of the mixtures' level:

    >>> import numpy as np
    >>> import torch
    >>> from sklearn_cass import BaseSeparator
    >>> from sklearn_cass.data import TensorDataset
    >>> class GainSeparator(BaseSeparator):
    ...     def __init__(self, stft=None, random_state=None):
    ...         self.stft = stft
    ...         self.random_state = random_state
    ...     def _fit_samples(self, samples, rng):
    ...         rows = np.arange(len(samples))
    ...         dataset = TensorDataset(samples, self.domains_, rows)
    ...         X, y = dataset[torch.from_numpy(rows)]
    ...         power = y.abs().square().mean((0, 2, 3, 4))
    ...         self.gains_ = (power / power.sum()).sqrt().view(1, -1, 1, 1, 1)
    ...     def _estimate(self, X):
    ...         return self.gains_ * X.unsqueeze(1)
    >>> y = np.random.default_rng(0).normal(size=(8, 2, 64)) * [[3.0], [1.0]]
    >>> separator = GainSeparator().fit(y.sum(axis=1), y)
    >>> separator.transform(y.sum(axis=1)).shape
    (8, 2, 64)
    """

    _parameter_constraints: dict = {"random_state": ["random_state"]}
    # parameters that are objects, and the class that None stands for
    _default_parts = {"stft": STFTTransformer}

    def set_params(self, **params):
        """Set parameters, also those of a part that is None, such as ``stft__n_fft``.

        Parameters
        ----------
        **params : dict
            Parameters, for instance ``random_state`` or ``stft__n_fft``.

        Returns
        -------
        self : object
            The separator.
        """
        known = self.get_params(deep=False)
        for part, default in self._default_parts.items():
            is_nested = any(name.startswith(f"{part}__") for name in params)
            if is_nested and part in known and params.get(part, known[part]) is None:
                setattr(self, part, default())
                params.pop(part, None)
        return super().set_params(**params)

    @abstractmethod
    def _fit_samples(self, samples, rng):
        """Learn from mixtures and their components."""

    @abstractmethod
    def _estimate(self, X):
        """Return estimates of a tensor of mixtures at unit level."""

    def fit(self, X, y):
        """Learn to separate from mixtures and their components.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_times) or one of the shapes below
            Mixtures: waveforms, also ``(n_samples, n_channels, n_times)``; complex
            spectrograms ``(n_samples, [n_channels,] n_freqs, n_frames)``; or images
            ``(n_samples, n_channels, height, width)``. With labels as y, each row is
            an isolated recording of one component instead. Arrays that can be read in
            slices (memmaps, HDF5, Zarr, Dask) are read a few rows at a time and may be
            larger than memory, as may y.
        y : array-like of shape (n_samples, n_components, *X.shape[1:]) or (n_samples,)
            The components (sources) of each mixture; those of a multichannel X may
            lack the axis of channels, those of a :class:`Spectrogram` may be
            waveforms. With one dimension: labels that say which component each row
            of X is; the training mixtures are then drawn from the rows. Rows of a
            :class:`Spectrogram` are inverted to waveforms first.

        Returns
        -------
        self : object
            The fitted separator.

        Raises
        ------
        ValueError
            If X or y has another shape, holds NaN or infinity, or if a parameter is out
            of range. A previous fit is then kept; it is not if the learning itself
            fails or is interrupted.
        """
        self._kept = dict(vars(self))  # what a fit that fails leaves
        try:
            with cpu_as_default_device():
                return self._fit(X, y)
        except BaseException:
            kept = self._kept
            vars(self).clear()
            vars(self).update(kept)
            raise
        finally:
            vars(self).pop("_kept", None)

    @_fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X, y):
        if y is None:
            validate_data(self, X, y)  # raises scikit-learn's standard message
        X = check_mixtures(self, X)
        y = check_components(y, X)
        self._fit_arrays(X, y, check_random_state(self.random_state))
        return self

    def _fit_arrays(self, X, y, rng, **settings):
        """Learn from validated arrays; ``settings`` are passed to ``_learn``."""
        if y.ndim > 1:
            samples, example = Samples(X, y), (X, y)
        else:
            samples = MixedSamples(X, y, rng)
            example = samples.arrays(slice(1))
        self._set_components(self._make_domains(*example), samples.component_names)
        self._learn(samples, rng, **settings)

    def _learn(self, samples, rng):
        """Learn from samples, after the last of all checks."""
        self._check_samples(samples)
        self._drop_previous_fit()
        self._fit_samples(samples, rng)

    def _check_samples(self, samples):
        """Raise a ValueError for parameters that do not suit the samples."""

    def _make_domains(self, X, y):
        """Return the converter for this data."""
        return domains_of(X, y, self.stft)

    def _set_components(self, domains, names):
        self.domains_, self.component_names_ = domains, names
        self.n_components_ = len(names)

    def _drop_previous_fit(self):
        """Keep no learned attributes of a previous fit if this one fails.

        Other attributes stay, because a Pipeline, for instance, also sets some.
        """
        self._kept = {k: v for k, v in self._kept.items() if not k.endswith("_")}

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
        return self._transform(check_mixtures(self, X, domains=self.domains_))

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
        return self._transform(check_mixtures(self, X, domains=self.domains_))

    def score(self, X, y):
        """Return the mean signal-to-distortion ratio (SDR) of the estimates.

        Parameters
        ----------
        X : array-like of the shape seen in ``fit``
            Mixtures, or isolated recordings if y holds labels.
        y : array-like of shape (n_samples, n_components, ...) or (n_samples,)
            Their components. If y holds labels, each row of X is its own mixture
            and only the estimate of the labeled component counts.

        Returns
        -------
        score : float
            Mean over samples and components in dB, higher is better. Silent true
            components are left out; NaN if there are no others.
        """
        check_is_fitted(self)
        X = check_mixtures(self, X, domains=self.domains_)
        y = check_components(y, X)
        if y.ndim == 1:
            y = self._component_indices(y)
        else:
            check_components_like(y, self.n_components_, self.domains_)
        ratios = [self._sdr(X[rows], y[rows]) for rows in self._chunks(len(X))]
        return mean_ignoring_nan(np.concatenate(ratios))

    def _sdr(self, X, y):
        """Return the SDR of a chunk's estimates; y holds components or indices."""
        estimates = self._transform_chunk(X)
        if y.ndim > 1:
            return sdr(y, estimates)
        own = estimates[np.arange(len(X)), y, np.newaxis]
        return sdr(as_waveforms(X)[:, np.newaxis], own)

    def _component_indices(self, labels):
        """Return the index of the component of each label."""
        known = {name: k for k, name in enumerate(self.component_names_.tolist())}
        unknown = sorted(set(labels.tolist()) - set(known))
        if unknown:
            raise ValueError(
                f"y holds the labels {unknown}, but the components are {list(known)}"
            )
        return np.array([known[label] for label in labels.tolist()])

    def _rows_per_chunk(self):
        return max(1, min(CHUNK_ROWS, CHUNK_ENTRIES // self.domains_.n_entries))

    def _chunks(self, n_samples):
        return gen_batches(n_samples, self._rows_per_chunk())

    def _pad_chunk(self, z):
        """Append rows of zeros to a tensor of fewer rows than a chunk has."""
        n_missing = self._rows_per_chunk() - len(z)
        return torch.cat([z, z.new_zeros(n_missing, *z.shape[1:])])

    def _transform(self, X):
        """Return estimates of validated mixtures."""
        chunks = self._chunks(len(X))
        first = self._transform_chunk(X[next(chunks)])
        estimates = np.empty((len(X), *first.shape[1:]), first.dtype)
        estimates[: len(first)] = first
        for rows in chunks:
            estimates[rows] = self._transform_chunk(X[rows])
        return self.domains_.as_spectrogram(estimates)

    def _transform_chunk(self, X, domain=None, estimate=None):
        """Return estimates of one chunk of rows as an array.

        Parameters
        ----------
        X : ndarray
            Mixtures.
        domain : str, default=None
            Their domain, if another than in ``fit``.
        estimate : callable, default=None
            Replaces ``_estimate``.
        """
        X = floating(X)
        power = powers_of_two(X)
        z = self.domains_.mixtures_to_tensor(divide(X, power), domain)
        z, _, scale = to_unit_level(self._pad_chunk(z))
        estimates = (estimate or self._estimate)(z)
        estimates = estimates * scale.unsqueeze(1)  # silence stays silent
        estimates = self.domains_.to_array(estimates[: len(X)], X.dtype)
        estimates *= expand_rows(power, estimates)
        return estimates

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def cpu_as_default_device():
    """Return a context in which torch makes tensors on the CPU by default."""
    is_cpu = torch.get_default_device().type == "cpu"
    return nullcontext() if is_cpu else torch.device("cpu")
