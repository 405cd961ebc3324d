"""Base class: input validation, conversion between arrays and tensors."""

from abc import abstractmethod

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

from ..data import (
    MixedSamples,
    Samples,
    check_component_names,
    check_components,
    check_components_like,
    check_mixtures,
    check_partly_known,
    check_sfreq,
    check_waveforms,
    domains_of,
    mean_shares,
    warn_of_data,
    warn_of_offset,
)
from ..data.dataset import as_waveforms
from ..data.domains import WAVEFORM, mixture_domain
from ..metrics import mean_ignoring_nan, sdr
from ..metrics._checks import check_sample_weight
from ..nn import concatenated
from ..numeric import (
    ArrayOutputMixin,
    check_number_parameters,
    divide,
    expand_rows,
    floating,
    in_double,
    one_thread_each,
    powers_of_two,
    scaled_to_unit_level,
    usual_torch,
)
from ..persistence import save
from ..signals import FilteredArray, fitted_filter
from ..stft import STFTTransformer
from ..training.collapse import warn_of_collapse
from ._recordings import RecordingsMixin

# Rows are separated in chunks of one fixed size: convolutions of another batch size
# round differently, and each row is to have the same bits whatever the other rows are.
# A single row takes as long as a chunk: where rows are large enough to keep a processor
# busy by themselves, a chunk is one row.
CHUNK_ROWS, CHUNK_ENTRIES = 8, 2**16
# Chunks of any number of rows may be larger.
FREE_CHUNK_ENTRIES = 2**19
# Rows are converted to tensors and back so few at a time that they stay in the cache.
PART_ENTRIES = 2**16


class BaseSeparator(RecordingsMixin, ArrayOutputMixin, TransformerMixin, BaseEstimator):
    """Base class of separators.

    It validates X and y, converts them to tensors and back, and provides ``fit``,
    ``transform``, ``predict``, ``score``, ``separate`` and ``separate_stream``. A
    subclass defines two methods on tensors:

    - ``_fit_samples(samples, rng)`` learns from ``samples``: ``len(samples)`` mixtures
      and components, which ``samples.arrays(rows)`` returns as arrays and
      ``sklearn_cass.data.TensorDataset`` as tensors; ``rng`` is a
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
        The labels if y holds labels, else those passed to ``fit``, or 0, 1, ...
    n_features_in_ : int
        ``X.shape[1]``.
    sfreq_ : float or None
        Sampling rate in Hz, as passed to ``fit``.
    filter_ : FilterTransformer or None
        The fitted filter, as passed to ``fit``.

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

    sfreq_ = filter_ = None  # of separators that earlier versions saved, too
    _parameter_constraints: dict = {"random_state": ["random_state"]}
    _takes_unknown = False  # components in fit, which are NaN
    _remedies = "Try rows in which the components differ."
    # whether tensors of mixtures and estimates are in single precision, whatever X is
    _in_single = False
    # learned arrays and their types, float or int, which a file holds
    _saved_arrays: dict | None = None
    # parameters that are objects, and the class that None stands for
    _default_parts: dict = {"stft": STFTTransformer}

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
            elif is_nested and part in known:
                check_has_parameters(part, params.get(part, known[part]))
        return super().set_params(**params)

    def _validate_params(self):
        super()._validate_params()
        check_number_parameters(self)

    @abstractmethod
    def _fit_samples(self, samples, rng):
        """Learn from mixtures and their components."""

    @abstractmethod
    def _estimate(self, X):
        """Return estimates of a tensor of mixtures at unit level."""

    def fit(self, X, y, sfreq=None, component_names=None, filter=None):
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
            waveforms. Separators with networks also learn from rows in which some
            components, or all, are not known: NaN throughout. With one dimension:
            labels that say which component each row of X is; the training mixtures are
            then drawn from the rows. Rows of a :class:`Spectrogram` are inverted to
            waveforms first.
        sfreq : float, default=None
            Sampling rate of X in Hz. It is kept as ``sfreq_`` and saved. ``separate``
            resamples recordings of another rate to it, and the estimates back.
        component_names : array-like of shape (n_components,), default=None
            Names of the components in y, strings or integers that differ. They are kept
            as ``component_names_``, and saved. None is 0, 1, ... Labels as y are
            names already.
        filter : FilterTransformer, default=None
            Filter of waveforms, with the sampling rate ``sfreq`` if it has none. A copy
            is kept as ``filter_`` and saved. It is applied to X and y here and in
            ``score`` and ``discriminate``, to X in ``transform``, each row by itself,
            and to recordings as a whole in ``separate``. Estimates are therefore those
            of filtered components. Scorers and displays compare them with y as it is
            passed, without a filter.

        Returns
        -------
        self : object
            The fitted separator.

        Raises
        ------
        ValueError
            If X or y has another shape, holds infinity or (but for components that are
            not known) NaN, or if a parameter is out of range. A previous fit is then
            kept; it is not if the learning itself fails or is interrupted.

        Warns
        -----
        UserWarning
            If X and y seem to have different units, if an offset holds most of their
            power, or if a component is (nearly) silent.
        ConvergenceWarning
            If estimates of training samples are worse than silence, or the mixture.
        """
        self._kept = dict(vars(self))  # what a fit that fails leaves
        try:
            with usual_torch(), one_thread_each():
                return self._fit(X, y, sfreq, component_names, filter)
        except BaseException:
            kept = self._kept
            vars(self).clear()
            vars(self).update(kept)
            raise
        finally:
            vars(self).pop("_kept", None)

    @_fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X, y, sfreq, component_names, filter):
        if y is None:
            validate_data(self, X, y)  # raises scikit-learn's standard message
        self._set_sfreq(check_sfreq(sfreq))
        X = check_mixtures(self, X)
        y, known = self._check_components(y, X)
        names = self._check_names(component_names, y)
        self._set_filter(filter, X)
        X, y = self._filtered(X), self._filtered(y) if y.ndim > 1 else y
        self._fit_arrays(X, y, known, names, check_random_state(self.random_state))
        return self

    def _fit_arrays(self, X, y, known, names, rng, **settings):
        """Learn from validated arrays; ``settings`` are passed to ``_learn``."""
        if y.ndim > 1:
            samples, example = Samples(X, y, names, known), (X, y)
        else:
            samples = MixedSamples(X, y, rng)
            example = samples.arrays(slice(1))
        self._choose_settings(samples, rng)
        self._set_components(self._make_domains(*example), samples.component_names)
        warn_of_data(samples, self.domains_)
        self._learn(samples, rng, **settings)

    def _choose_settings(self, samples, rng):
        """Choose, by the samples, what is to be chosen before they are converted."""

    def _learn(self, samples, rng):
        """Learn from samples, after the last of all checks."""
        self._check_samples(samples)
        self._drop_previous_fit()
        self._fit_samples(samples, rng)

    def _check_samples(self, samples):
        """Raise a ValueError for parameters that do not suit the samples."""

    def _check_components(self, y, X):
        """Return validated components, and which are known; None if all are."""
        if self._takes_unknown:
            return check_partly_known(y, X)
        try:
            return check_components(y, X), None
        except ValueError as error:
            if "y contains NaN" not in str(error):
                raise
            raise ValueError(
                f"{error} {type(self).__name__} needs all components of all rows. "
                "AESeparator, RegularCASSSeparator and CASSSeparator also learn from "
                "rows whose components are not known."
            ) from error

    def _check_names(self, names, y):
        """Return the names of the components in y, or None."""
        return check_component_names(names, y)

    def _set_sfreq(self, sfreq):
        self.sfreq_ = sfreq

    def _set_filter(self, filter, X):
        """Set the fitted filter, and the sampling rate if the filter alone has one."""
        self.filter_ = fitted_filter(filter, self.sfreq_)
        if self.filter_ is not None:
            check_waveforms(X, "filter")
            self.sfreq_ = self.filter_.sfreq

    def _filtered(self, array):
        """Return mixtures or components, to be filtered when they are read."""
        return array if self.filter_ is None else FilteredArray(array, self.filter_)

    def _check_mixtures(self, X):
        """Return validated mixtures of a fitted separator, filtered."""
        return self._filtered(check_mixtures(self, X, domains=self.domains_))

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
            Mixtures. Where ``fit`` was given a :class:`Spectrogram`, as in a pipeline,
            the waveforms are taken, too.

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
        return self._transform(self._check_mixtures(X))

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
        return self._transform(self._check_mixtures(X))

    def score(self, X, y, sample_weight=None):
        """Return the mean signal-to-distortion ratio (SDR) of the estimates.

        Parameters
        ----------
        X : array-like of the shape seen in ``fit``
            Mixtures, or isolated recordings if y holds labels.
        y : array-like of shape (n_samples, n_components, ...) or (n_samples,)
            Their components. If y holds labels, each row of X is its own mixture
            and only the estimate of the labeled component counts.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample in the mean, 0 or more; None weighs all alike.

        Returns
        -------
        score : float
            Mean over samples and components in dB, higher is better. True components
            that are silent or not known (NaN) are left out; NaN if there are no others.
        """
        check_is_fitted(self)
        X = self._check_mixtures(X)
        y, known = check_partly_known(y, X)
        weights = check_sample_weight(sample_weight, len(X))
        if y.ndim == 1:
            y = self._component_indices(y)
        else:
            check_components_like(y, self.n_components_, self.domains_)
            y = self._filtered(y)
        samples = Samples(X, y, known=known)
        ratios, shares = [], []
        for rows in self._free_chunks(len(X)):
            truth, estimates = self._truth_and_estimates(*samples.arrays(rows))
            ratios.append(sdr(truth, estimates))
            if self.domains_.y_domain == WAVEFORM:
                truth = in_double(truth)
                shares.append(mean_shares(divide(truth, powers_of_two(truth)), 2))
        if shares:
            warn_of_offset(np.concatenate(shares).reshape(-1, 1), ["y"])
        return mean_ignoring_nan(np.concatenate(ratios), weights)

    def save(self, path):
        """Write the fitted separator to a file that :func:`load` reads.

        The same as ``sklearn_cass.save(separator, path)``, see :func:`save`.

        Parameters
        ----------
        path : path-like
            The file.

        Raises
        ------
        NotFittedError
            If ``fit`` has not been called.
        OSError
            If the file cannot be written.
        TypeError
            If a parameter, or a network of one's own, holds a value that JSON or
            safetensors cannot hold, or if the class is derived from
            :class:`BaseSeparator` alone.
        """
        save(self, path)

    def _check_arrays(self):
        """Raise a ValueError unless the arrays of ``_saved_arrays`` agree."""

    def _truth_and_estimates(self, X, y):
        """Return what a chunk's estimates are compared with, and the estimates.

        y holds components, or the indices of those whose recordings are X.
        """
        estimates = self._transform_chunk(X)
        if y.ndim > 1:
            return y, estimates
        own = estimates[np.arange(len(X)), y, np.newaxis]
        return as_waveforms(X)[:, np.newaxis], own

    def _warn_of_estimates(self, dataset, n_chunks=4, n_least=8):
        """Warn of estimates of training samples that separate nothing.

        Parameters
        ----------
        dataset : TensorDataset
            The training samples, of which some at equal distances are separated.
        n_chunks : int, default=4
            Number of chunks of rows to separate.
        n_least : int, default=8
            Least number of rows to separate, where there are as many.
        """
        n_rows = self._rows_per_chunk()
        last = len(dataset) - 1
        n_separated = min(last + 1, max(n_least, n_chunks * min(n_rows, CHUNK_ROWS)))
        rows = np.linspace(0, last, n_separated).astype(int)
        chunks = (dataset[part] for part in torch.from_numpy(rows).split(n_rows))
        names = self.component_names_.tolist()
        warn_of_collapse(self._estimate, chunks, names, self._remedies)

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

    def _needs_fixed_chunks(self):
        """Return whether the bits of an estimate depend on the size of its batch."""
        return True

    def _rows_per_free_chunk(self):
        """Return how many rows ``_transform_chunk`` takes at a time, at most."""
        if self._needs_fixed_chunks():
            return self._rows_per_chunk()
        n_rows = FREE_CHUNK_ENTRIES // self.domains_.n_entries
        return max(1, min(CHUNK_ROWS, n_rows))

    def _free_chunks(self, n_samples):
        return gen_batches(n_samples, self._rows_per_free_chunk())

    def _parts(self, n_samples, device="cpu"):
        """Return slices of rows to convert at a time: on a CPU, what its caches hold.

        Of a chunk on a GPU, which may round by the number of rows, it is the whole.
        """
        if torch.device(device).type == "cuda":
            return [slice(None)]
        return gen_batches(n_samples, max(1, PART_ENTRIES // self.domains_.n_entries))

    def _conversion_device(self, **settings):
        """Return the device on which arrays are converted to tensors and back."""
        return torch.device("cpu")

    def _pad_chunk(self, z):
        """Append rows of zeros to a tensor of fewer rows than a chunk has."""
        n_missing = self._rows_per_chunk() - len(z)
        return torch.cat([z, z.new_zeros(n_missing, *z.shape[1:])])

    def _pad_rows(self, X):
        """Append rows of zeros to an array of fewer rows than a chunk has."""
        padded = np.zeros((self._rows_per_chunk(), *X.shape[1:]), X.dtype)
        padded[: len(X)] = X
        return padded

    def _transform(self, X):
        """Return estimates of validated mixtures."""
        chunks = self._free_chunks(len(X))
        first = self._transform_chunk(X[next(chunks)])
        estimates = np.empty((len(X), *first.shape[1:]), first.dtype)
        estimates[: len(first)] = first
        for rows in chunks:
            estimates[rows] = self._transform_chunk(X[rows])
        return self.domains_.as_spectrogram(estimates)

    @usual_torch()
    @one_thread_each()
    def _transform_chunk(self, X, domain=None, **settings):
        """Return estimates of one chunk of rows as an array.

        Parameters
        ----------
        X : ndarray
            Mixtures.
        domain : str, default=None
            Their domain, if their type does not say it.
        **settings
            As for ``_estimate_arrays``, in ``fit``.
        """
        X = floating(X)
        power = powers_of_two(X)
        domain = domain or mixture_domain(X)
        device = self._conversion_device(**settings)
        mixtures = divide(X, power)
        is_padded = bool(settings) or self._needs_fixed_chunks()
        if is_padded and device.type != "cpu":
            mixtures = self._pad_rows(mixtures)
        z, scale = self._unit_mixtures(mixtures, domain, device)
        if is_padded:
            z = self._pad_chunk(z)
        arrays = self._estimate_arrays(z, len(X), X.dtype, **settings)
        # a copy: the estimates may be memory that a separator keeps
        estimates = np.concatenate(arrays)
        for factor in (scale[: len(X)].cpu().numpy(), power):  # silence stays silent
            estimates *= expand_rows(factor, estimates)
        if not settings and not np.isfinite(estimates).all():
            raise ValueError("the estimates are not finite: the weights are too large")
        return estimates

    def _unit_mixtures(self, X, domain, device="cpu"):
        """Return a tensor of mixtures at unit level on a device, and their levels."""
        mixtures, levels = [], []
        for rows in self._parts(len(X), device):
            z = self.domains_.mixtures_to_tensor(
                X[rows], domain, self._in_single, device
            )
            z, scale = scaled_to_unit_level(z)
            mixtures.append(z)
            levels.append(scale)
        return concatenated(mixtures), torch.cat(levels)

    def _estimate_arrays(self, z, n_rows, dtype):
        """Return arrays of the estimates of the first rows of a tensor of mixtures."""
        estimates = self._estimate(z)[:n_rows]
        return [self.domains_.to_array(estimates, dtype, self._in_single)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def check_has_parameters(name, value):
    """Raise a ValueError unless parameters of a parameter's value can be set."""
    if not hasattr(value, "set_params"):
        raise ValueError(
            f"parameters of {name} cannot be set ({name}__...) while {name} is "
            f"{value!r}, which has no method set_params"
        )
