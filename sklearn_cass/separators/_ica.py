"""Separator by independent component analysis (ICA) of channels or delays."""

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions

from ..data import TensorDataset, WaveformDomains
from ..data.sampling import channel_products, channel_weights, subsample
from ..numeric.warning import warn_user
from ._base import BaseSeparator

COUNT = Interval(Integral, 1, None, closed="left")
ROUNDING = 1e-12  # share of the mixtures' power below which nothing is signal


class ICASeparator(BaseSeparator):
    """Independent component analysis (ICA) of waveforms, with sources assigned by y.

    FastICA [1]_ estimates the independent sources of the training mixtures: of their
    channels or, with delays, of delayed copies of the channels, so that sources are
    filtered mixtures and a single channel can have several [2]_. Each source is
    projected back to the channels and assigned to the component with which it
    correlates most, in absolute value. The estimate of a component is the sum of its
    sources.

    Parameters
    ----------
    n_delays : int, default=None
        Number of delayed copies of each channel, including the one without delay; at
        most ``n_times``. None is 1 for several channels, and for a single channel the
        smaller of 32 and a quarter of ``n_times``.
    fun : {"logcosh", "exp", "cube"}, default="logcosh"
        Function that measures the non-Gaussianity of a source, as in
        :class:`~sklearn.decomposition.FastICA`.
    min_power : float, default=1e-5
        Smallest share of the mixtures' power, from 0 to 1, of a principal direction of
        the (delayed) channels; directions with less are left out. Oversampled signals
        have hardly any power in most directions of many delays, where whitening
        amplifies noise.
    max_iter : int, default=200
        Largest number of iterations. scikit-learn warns if it is reached.
    tol : float, default=1e-4
        Iterations end when no source changes by more than this.
    max_times : int, default=20000
        Largest number of time points to learn from, a random subsample of those of all
        rows.
    random_state : int, RandomState instance or None, default=None
        Determines the subsample of time points and FastICA's initialization.

    Attributes
    ----------
    filters_ : ndarray of shape (n_components_, n_component_channels, n_channels, \
2 * n_delays - 1)
        The estimate of a component is the sum over channels of the mixture, each
        correlated with its filter; the lag in the middle is 0.
    source_components_ : ndarray of shape (n_sources,)
        Index of the component that each independent source was assigned to.
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
    n_iter_ : int
        Number of iterations of FastICA.

    See Also
    --------
    NMFSeparator : Nonnegative matrix factorization of spectrograms.
    AESeparator : Autoencoder pairs.

    Notes
    -----
    X holds waveforms, or a :class:`~sklearn_cass.Spectrogram`, which is inverted;
    other spectrograms and images raise an error. All rows must be mixed in the same
    way: moving sources, or recordings with other electrode positions, are not
    separated. Nor are more sources than channels (without delays), Gaussian sources,
    and dependent sources. In a single channel, sources are filtered mixtures:
    components that share their frequencies, such as maternal and fetal ECG, cannot be
    separated. ``fit`` warns of components without a source.

    Separation is linear and time-invariant. The estimates add up to the mixture: the
    rest that no source contains, such as a constant, is shared equally. If components
    lack the channels of X, the estimates add up to the weighted sum of channels that is
    closest to the sum of the components in training.

    References
    ----------
    .. [1] A. Hyvärinen and E. Oja, "Independent component analysis: algorithms and
       applications", Neural Networks 13(4-5), 2000.
    .. [2] M. E. Davies and C. J. James, "Source separation using single channel ICA",
       Signal Processing 87(8), 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import ICASeparator
    >>> sources = np.random.default_rng(0).laplace(size=(8, 2, 1, 256))
    >>> mixing = np.array([[1.0, 0.4], [-0.6, 1.0]])  # from sources to channels
    >>> y = mixing.T[:, :, np.newaxis] * sources
    >>> X = y.sum(axis=1)
    >>> separator = ICASeparator(random_state=0).fit(X, y)
    >>> separator.transform(X).shape
    (8, 2, 2, 256)
    >>> bool(separator.score(X, y) > 20)
    True
    """

    _parameter_constraints: dict = {
        **BaseSeparator._parameter_constraints,
        "n_delays": [COUNT, None],
        "fun": [StrOptions({"logcosh", "exp", "cube"})],
        "min_power": [Interval(Real, 0, 1, closed="left")],
        "max_iter": [COUNT],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_times": [COUNT],
    }

    _saved_arrays = {"filters_": float, "source_components_": int}
    _remedies = "Try more channels, or another n_delays."

    def __init__(
        self,
        *,
        n_delays=None,
        fun="logcosh",
        min_power=1e-5,
        max_iter=200,
        tol=1e-4,
        max_times=20_000,
        random_state=None,
    ):
        self.n_delays = n_delays
        self.fun = fun
        self.min_power = min_power
        self.max_iter = max_iter
        self.tol = tol
        self.max_times = max_times
        self.random_state = random_state

    def _make_domains(self, X, y):
        return WaveformDomains.of(X, y)

    def _check_samples(self, samples):
        self._choose_delays()

    def _fit_samples(self, samples, rng):
        n_delays = self._choose_delays()
        windows, truth = self._draw(samples, n_delays, rng)
        seed = int(rng.randint(2**31 - 2))
        n_channels = windows.shape[1]
        embedded = windows[..., n_delays - 1 :].reshape(len(windows), -1)
        unmixing, mixing, self.n_iter_ = self._find_sources(embedded, seed)
        sources = source_filters(unmixing, mixing, n_channels)
        whole = unit_filter(n_channels, n_delays)
        if n_channels != truth.shape[2]:
            products = channel_products(windows[..., n_delays - 1], truth.sum((1, 2)))
            sources, whole = weight_outputs(channel_weights(products), sources, whole)
        assigned = assignment(sources, windows, truth)
        own = assigned == np.arange(self.n_components_)[:, np.newaxis]
        shared = (whole - sources.sum(axis=0)) / self.n_components_
        self.filters_ = np.tensordot(own.astype(float), sources, 1) + shared
        self.source_components_ = assigned
        if own.any(axis=1).all():
            rows = np.arange(len(samples))
            self._warn_of_estimates(TensorDataset(samples, self.domains_, rows))
        else:
            self._warn_of_silence(own, truth)

    def _choose_delays(self):
        n_times = self.domains_.n_times
        if self.n_delays is None:
            return 1 if self.domains_.n_channels > 1 else min(32, -(-n_times // 4))
        if self.n_delays > n_times:
            raise ValueError(
                f"n_delays={self.n_delays} must be at most the n_times={n_times} time "
                "points of X"
            )
        return int(self.n_delays)

    def _check_arrays(self):
        domains = self.domains_
        if type(domains) is not WaveformDomains:
            raise ValueError(f"expected WaveformDomains, got {type(domains).__name__}")
        shape = getattr(self.filters_, "shape", None)
        n_outputs, n_channels = domains.n_component_channels, domains.n_channels
        wanted = (self.n_components_, n_outputs, n_channels)
        longest = 2 * domains.n_times - 1
        is_valid = shape is not None and shape[:-1] == wanted
        if not is_valid or shape[-1] % 2 != 1 or shape[-1] > longest:
            raise ValueError(
                f"filters_ must have shape {wanted} and an odd length of at most "
                f"{longest}, got shape {shape}"
            )
        assigned = self.source_components_
        is_flat = assigned is not None and assigned.ndim == 1
        known = np.arange(self.n_components_)
        if not is_flat or not np.isin(assigned, known).all():
            raise ValueError(
                f"source_components_ must hold indices below {self.n_components_}"
            )

    def _draw(self, samples, n_delays, rng):
        """Return windows of mixtures, (n, C, 2 * n_delays - 1), and components.

        Components are those at the middle of the windows. Windows are padded with zeros
        before a row, as for the filters; none ends after it.
        """
        n_places = self.domains_.n_times - n_delays + 1
        windows, truth = [], []
        for X, y, (rows, places) in subsample(
            samples, self.domains_, n_places, self.max_times, rng
        ):
            padded = torch.nn.functional.pad(X[:, :, 0], (n_delays - 1, 0)).numpy()
            times = places[:, np.newaxis] + np.arange(2 * n_delays - 1)
            windows.append(padded[rows[:, np.newaxis], :, times].swapaxes(1, 2))
            truth.append(y.numpy()[rows, :, :, 0, places])
        return np.concatenate(windows, dtype=float), np.concatenate(truth, dtype=float)

    def _find_sources(self, embedded, seed):
        """Return unmixing (S, E) and mixing (E, S) of points (n, E), and iterations.

        FastICA's own whitening would divide by zero where mixtures do not vary in all
        directions.
        """
        centred = embedded - embedded.mean(axis=0)
        variances, axes = np.linalg.eigh(centred.T @ centred / len(centred))
        least = max(self.min_power, ROUNDING)
        kept = variances > least * np.square(embedded).sum(axis=1).mean()
        axes, deviations = axes[:, kept], np.sqrt(variances[kept])
        if not kept.any():
            return axes.T, axes, 0
        from sklearn.decomposition import FastICA  # slow to import

        ica = FastICA(
            whiten=False,
            fun=self.fun,
            max_iter=self.max_iter,
            tol=self.tol,
            random_state=seed,
        ).fit(centred @ (axes / deviations))
        rotation = ica.components_
        unmixing, mixing = rotation @ (axes / deviations).T, axes * deviations
        return unmixing, mixing @ rotation.T, ica.n_iter_

    def _warn_of_silence(self, own, truth):
        for k in np.flatnonzero(~own.any(axis=1) & truth.any(axis=(0, 2))):
            warn_user(
                f"the estimates of component {self.component_names_.tolist()[k]!r} "
                "are (nearly) zero: no independent source correlates most with it. "
                f"{self._remedies}",
                ConvergenceWarning,
            )

    def _estimate(self, X):
        filters = torch.tensor(self.filters_).flatten(0, 1)
        padding = filters.shape[-1] // 2
        estimates = torch.nn.functional.conv1d(
            X[:, :, 0].double(), filters, padding=padding
        )
        return estimates.unflatten(1, self.filters_.shape[:2]).unsqueeze(-2)


def source_filters(unmixing, mixing, n_channels):
    """Return filters (S, C, C, 2D - 1) that project each source to the channels.

    A source contributes to D delayed copies of a time point. The mean contribution, as
    a function of the mixture, is the correlation of its column of the mixing with its
    row of the unmixing.
    """
    from scipy.signal import fftconvolve  # slow to import

    n_sources, n_delays = len(unmixing), unmixing.shape[1] // n_channels
    if not n_sources:
        return np.zeros((0, n_channels, n_channels, 2 * n_delays - 1))
    rows = unmixing.reshape(n_sources, 1, n_channels, n_delays)
    columns = mixing.T.reshape(n_sources, n_channels, 1, n_delays)
    return fftconvolve(rows, columns[..., ::-1], axes=-1) / n_delays


def unit_filter(n_channels, n_delays):
    """Return the identity filter (C, C, 2D - 1)."""
    unit = np.zeros((n_channels, n_channels, 2 * n_delays - 1))
    unit[:, :, n_delays - 1] = np.eye(n_channels)
    return unit


def weight_outputs(weights, *filters):
    """Return filters (..., C, C, L) with weighted, summed outputs, (..., 1, C, L)."""
    return [np.einsum("o,...ocl->...cl", weights, f)[..., None, :, :] for f in filters]


def assignment(filters, windows, truth):
    """Return the index (S,) of the component that each source correlates with most.

    Filters are (S, C_y, C, L), windows (n, C, L), the components at their middle
    (n, K, C_y).
    """
    flat = windows.reshape(len(windows), -1)
    flat, truth = flat - flat.mean(axis=0), truth - truth.mean(axis=0)
    rows = filters.reshape(*filters.shape[:2], flat.shape[1])
    power = np.einsum("soa,ab,sob->s", rows, flat.T @ flat, rows, optimize=True)
    products = np.einsum("soa,na,nko->sk", rows, flat, truth, optimize=True)
    norms = np.sqrt(np.outer(power.clip(0), np.square(truth).sum(axis=(0, 2))))
    shares = np.abs(products) / np.where(norms > 0, norms, 1.0)
    return shares.argmax(axis=1)
