"""Separator by nonnegative matrix factorization (NMF) and ratio masks."""

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils._param_validation import Interval, StrOptions

from ..data import Domains, TensorDataset
from ..data.sampling import channel_products, channel_weights, subsample
from ..stft import STFTTransformer
from ._base import BaseSeparator

COUNT = Interval(Integral, 1, None, closed="left")
# relative to unit level; the Itakura-Saito divergence is infinite at 0
FLOOR = 1e-8


class NMFSeparator(BaseSeparator):
    """Supervised nonnegative matrix factorization (NMF) of spectrograms.

    A dictionary of spectra (atoms) is learned for each component (source) from its own
    spectrograms. The spectrogram of a mixture is then decomposed into nonnegative
    activations of the atoms of all dictionaries, and each component gets the share of
    every entry of the mixture that its own atoms contribute, [1]_ and [2]_.

    Parameters
    ----------
    n_atoms : int, default=16
        Number of atoms in each component's dictionary. With as many atoms as
        frequencies, a dictionary fits any spectrogram and nothing is separated.
    beta_loss : {"frobenius", "kullback-leibler", "itakura-saito"}, \
default="kullback-leibler"
        Divergence between spectrograms and their approximations, as in
        :class:`~sklearn.decomposition.NMF`.
    power : float, default=1.0
        Exponent of the magnitudes, above 0 and up to 2: 1 factorizes magnitude
        spectrograms, 2 power spectrograms.
    max_iter : int, default=200
        Largest number of iterations, for a dictionary and for the activations of a
        mixture. scikit-learn warns if it is reached.
    tol : float, default=1e-4
        Iterations end when ten of them lower the divergence by less than this share
        of its initial value.
    max_frames : int, default=5000
        Largest number of frames that a dictionary is learned from, a random subsample
        of the frames of all rows.
    stft : STFTTransformer, default=None
        Transform of mixtures that are waveforms. None is ``STFTTransformer()``, which
        chooses ``n_fft`` by ``n_times``. Not used for spectrograms and images.
    random_state : int, RandomState instance or None, default=None
        Determines the subsample of frames and the initial dictionaries.

    Attributes
    ----------
    dictionaries_ : ndarray of shape (n_components_, n_atoms, n_freqs)
        The atoms, each times its mean activation in mixtures of unit level.
    channel_weights_ : ndarray of shape (n_channels,) or None
        If components lack the channels of mixtures, the weights with which those
        channels add up to the components, by least squares.
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
        Largest number of iterations that a dictionary took.

    See Also
    --------
    ICASeparator : Independent component analysis.
    AESeparator : Autoencoder pairs, whose estimates have phases of their own.

    Notes
    -----
    Masks lie between 0 and 1 and add up to 1, so that the estimates add up to the
    mixture and have its phase. The oracle ratio mask is therefore an upper bound.
    Frames are decomposed one by one: components with the same spectra, such as maternal
    and fetal ECG, cannot be separated. Columns of images are treated as frames, and
    their moduli as magnitudes. Activations start at equal values, so that parts that
    several dictionaries fit are shared as on average in the training frames.

    References
    ----------
    .. [1] D. D. Lee and H. S. Seung, "Learning the parts of objects by non-negative
       matrix factorization", Nature 401, 1999.
    .. [2] P. Smaragdis, B. Raj and M. Shashanka, "Supervised and semi-supervised
       separation of sounds from single-channel mixtures", ICA 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import NMFSeparator
    >>> times, frequencies = np.arange(64), np.array([[0.1], [0.35]])
    >>> gains = np.random.default_rng(0).uniform(0.5, 2, size=(8, 2, 1))
    >>> y = gains * np.sin(2 * np.pi * frequencies * times)
    >>> X = y.sum(axis=1)
    >>> separator = NMFSeparator(n_atoms=2, random_state=0).fit(X, y)
    >>> separator.transform(X).shape
    (8, 2, 64)
    """

    _parameter_constraints: dict = {
        **BaseSeparator._parameter_constraints,
        "n_atoms": [COUNT],
        "beta_loss": [StrOptions({"frobenius", "kullback-leibler", "itakura-saito"})],
        "power": [Interval(Real, 0, 2, closed="right")],
        "max_iter": [COUNT],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_frames": [COUNT],
        "stft": [STFTTransformer, None],
    }

    _saved_arrays = {"dictionaries_": float, "channel_weights_": float}
    _remedies = "Try another n_atoms or stft; ratio masks do not suit quiet components."

    def __init__(
        self,
        *,
        n_atoms=16,
        beta_loss="kullback-leibler",
        power=1.0,
        max_iter=200,
        tol=1e-4,
        max_frames=5000,
        stft=None,
        random_state=None,
    ):
        self.n_atoms = n_atoms
        self.beta_loss = beta_loss
        self.power = power
        self.max_iter = max_iter
        self.tol = tol
        self.max_frames = max_frames
        self.stft = stft
        self.random_state = random_state

    def _fit_samples(self, samples, rng):
        frames, self.channel_weights_ = self._draw(samples, rng)
        # one seed for all: the order of components makes no difference
        seed = int(rng.randint(2**31 - 2))
        learned = [self._learn_dictionary(f, seed) for f in frames]
        self.dictionaries_ = np.stack([dictionary for dictionary, _ in learned])
        self.n_iter_ = max(n_iter for _, n_iter in learned)
        dataset = TensorDataset(samples, self.domains_, np.arange(len(samples)))
        self._warn_of_estimates(dataset, n_chunks=1)  # the time of a few fits otherwise

    def _check_arrays(self):
        domains, dictionaries = self.domains_, self.dictionaries_
        if type(domains) is not Domains:
            raise ValueError(f"expected Domains, got {type(domains).__name__}")
        shape = getattr(dictionaries, "shape", None)
        wanted = (self.n_components_, "n_atoms", domains.map_shape[0])
        is_valid = shape is not None and len(shape) == 3 and shape[1] > 0
        is_valid = is_valid and shape[::2] == wanted[::2] and dictionaries.min() >= 0
        if not is_valid:
            raise ValueError(
                f"dictionaries_ must be an array of shape {wanted}, without negative "
                f"numbers, got shape {shape}"
            )
        is_weighted = domains.n_channels != domains.n_component_channels
        wanted = (domains.n_channels,) if is_weighted else None
        shape = getattr(self.channel_weights_, "shape", None)
        if shape != wanted:
            raise ValueError(
                f"channel_weights_ must have shape {wanted}, got shape {shape}"
            )

    def _draw(self, samples, rng):
        """Return frames of components, (K, n_frames, n_freqs), and channel weights."""
        parts, products = [], 0.0
        n_places = self._n_places(samples)
        for X, y, at in subsample(
            samples, self.domains_, n_places, self.max_frames, rng
        ):
            frames = y.permute(0, 2, 4, 1, 3).flatten(1, 2)  # (n, C_y * W, K, H)
            parts.append(self._powers(frames[at]))
            if X.shape[1] != y.shape[2]:
                channels = X.transpose(0, 1).flatten(1).T.numpy()
                products += channel_products(channels, y.sum(1).flatten().numpy())
        weights = channel_weights(products) if np.ndim(products) else None
        return np.concatenate(parts).swapaxes(0, 1), weights

    def _n_places(self, samples):
        """Return the number of frames of one row's component."""
        _, y = samples.arrays(slice(1))
        return (
            self.domains_.n_component_channels
            * self.domains_.components_to_tensor(y).shape[4]
        )

    def _powers(self, tensor):
        return tensor.abs().double().numpy() ** self.power

    def _learn_dictionary(self, frames, seed):
        """Return atoms (n_atoms, n_freqs) for frames (n, n_freqs), and iterations."""
        audible = frames[frames.any(axis=1)]
        if not len(audible):
            return np.zeros((self.n_atoms, frames.shape[1])), 0
        from sklearn.decomposition import NMF  # slow to import

        nmf = NMF(self.n_atoms, random_state=seed, **self._factorization())
        nmf.set_output(transform="default")
        activations = nmf.fit_transform(np.maximum(audible, FLOOR))
        means = activations.sum(axis=0) / len(frames)
        return nmf.components_ * means[:, np.newaxis], nmf.n_iter_

    def _factorization(self):
        names = ("beta_loss", "max_iter", "tol")
        # "mu" solves all divergences and treats all atoms alike
        return {"solver": "mu"} | {name: getattr(self, name) for name in names}

    def _estimate(self, X):
        if self.channel_weights_ is not None:
            weights = torch.tensor(self.channel_weights_).to(X)
            X = torch.tensordot(X, weights, ([1], [0])).unsqueeze(1)
        # row by row, because the stopping criterion is that of all rows together
        masks = np.stack([self._masks(powers) for powers in self._powers(X)])
        return X.unsqueeze(1) * torch.from_numpy(masks).to(X.real.dtype)

    def _masks(self, powers):
        """Return masks (K, C, H, W) of a mixture (C, H, W), which add up to 1."""
        n_channels, n_freqs, n_frames = powers.shape
        dictionary = self.dictionaries_.reshape(-1, n_freqs)
        if not powers.any() or not dictionary.any():
            return np.full((self.n_components_, *powers.shape), 1 / self.n_components_)
        frames = powers.swapaxes(1, 2).reshape(-1, n_freqs)
        approximations = self._approximations(np.maximum(frames, FLOOR), dictionary)
        masks = approximations / approximations.sum(axis=0)
        return masks.reshape(-1, n_channels, n_frames, n_freqs).swapaxes(2, 3)

    def _approximations(self, frames, dictionary):
        """Return approximations (K, n, n_freqs) of frames (n, n_freqs) by component."""
        from sklearn.decomposition import non_negative_factorization

        activations, _, _ = non_negative_factorization(
            frames,
            H=dictionary,
            n_components=len(dictionary),
            update_H=False,
            **self._factorization(),
        )
        activations = activations.reshape(len(frames), self.n_components_, -1)
        # entries that no dictionary fits are shared equally
        return activations.swapaxes(0, 1) @ self.dictionaries_ + FLOOR**2
