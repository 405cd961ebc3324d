"""Short-time Fourier transform with the interface of scikit-learn."""

from functools import lru_cache
from numbers import Integral

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted
from torch.nn.functional import pad

from ..numeric import (
    ArrayOutputMixin,
    as_plain,
    check_channels,
    check_number_parameters,
    check_numbers,
    check_unread,
    error_context,
    floating,
    one_thread_each,
    sent,
    validate_samples,
)
from ._spectrogram import Spectrogram
from ._window import (
    check_invertible,
    check_size,
    default_n_fft,
    padded_window,
    smallest_overlap,
    window_values,
)

# Both directions of the transformer are computed in double precision, whatever the
# input: the inverse divides by overlaps of windows, which magnifies rounding where they
# are small. In single precision, overlaps are at least this fraction of the largest
# square of the window.
OVERLAP_IN_SINGLE = 0.25
LENGTH = Interval(Integral, 1, 2**20, closed="both")  # time points
COMPLEX = {torch.float32: torch.complex64, torch.float64: torch.complex128}
CHUNK_ENTRIES = 2**18  # of the spectrograms that are computed at a time


class STFTTransformer(ArrayOutputMixin, TransformerMixin, BaseEstimator):
    """Short-time Fourier transform of waveforms, and its inverse.

    Frames are centred at the time points 0, ``hop_length``, ... up to the first one at
    or after the last time point, with zeros before and after the signal. Waveforms of
    any length are allowed, from one time point on, and the inverse [1]_ returns exactly
    that length.

    Parameters
    ----------
    n_fft : int, default=None
        Length of the Fourier transform in time points. If None, the power of two at or
        above ``n_times / 64``, between 8 and 2048. A larger value resolves frequencies
        better and times worse.
    hop_length : int, default=None
        Time points between the centres of consecutive frames. If None, a quarter of
        ``win_length``. A smaller value gives more frames, which take more time and
        memory.
    win_length : int, default=None
        Length of the window in time points, at most ``n_fft``. If None, ``n_fft``.
    window : str, tuple or array-like of shape (win_length,), default="hann"
        Window as for :func:`scipy.signal.get_window`, or its values.

    Attributes
    ----------
    n_fft_, hop_length_, win_length_ : int
        The lengths, in time points.
    window_ : ndarray of shape (win_length_,)
        Values of the window.
    n_times_ : int
        Number of time points of the waveforms seen in ``fit``.
    n_features_in_ : int
        ``X.shape[1]``: the number of time points, or of channels of multichannel
        waveforms.

    See Also
    --------
    Spectrogram : The array that ``transform`` returns.
    CASSSeparator : Applies an STFT to waveforms that come without this step.

    References
    ----------
    .. [1] D. Griffin, J. Lim, "Signal estimation from modified short-time Fourier
       transform", IEEE Transactions on Acoustics, Speech, and Signal Processing 32(2),
       236-243, 1984, `doi:10.1109/TASSP.1984.1164317
       <https://doi.org/10.1109/TASSP.1984.1164317>`_.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import STFTTransformer
    >>> X = np.random.default_rng(0).normal(size=(3, 1000))
    >>> stft = STFTTransformer(n_fft=128, hop_length=32).fit(X)
    >>> Z = stft.transform(X)
    >>> Z.shape
    (3, 65, 33)
    >>> bool(np.allclose(stft.inverse_transform(Z), X, atol=1e-12))
    True
    """

    _parameter_constraints: dict = {
        "n_fft": [LENGTH, None],
        "hop_length": [LENGTH, None],
        "win_length": [LENGTH, None],
        "window": [str, tuple, "array-like"],
    }

    def __init__(self, n_fft=None, hop_length=None, win_length=None, window="hann"):
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.win_length = win_length
        self.window = window

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Compute the lengths and the window, and check that they can be inverted.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_times) or (n_samples, n_channels, n_times)
            Real waveforms.
        y : Ignored
            Not used, present for API consistency.

        Returns
        -------
        self : STFTTransformer
            The fitted transformer.

        Raises
        ------
        ValueError
            If X is not an array of finite real waveforms, if ``win_length`` exceeds
            ``n_fft``, if the window is invalid, or if the transform cannot be inverted
            because ``hop_length`` is too large.
        """
        X = self._check_waveforms(X, reset=True)
        return self._fit_lengths(X.shape[-1])

    def transform(self, X):
        """Transform waveforms to complex spectrograms.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_times) or (n_samples, n_channels, n_times)
            Real waveforms with as many time points as in ``fit``.

        Returns
        -------
        Z : Spectrogram of shape (..., n_freqs, n_frames)
            Spectrograms with ``n_freqs = n_fft_ // 2 + 1`` and ``n_frames =
            ceil(n_times / hop_length_) + 1``; complex64 for float32 waveforms, else
            complex128.

        Raises
        ------
        ValueError
            If X is not an array of finite real waveforms with as many time points as in
            ``fit``.
        NotFittedError
            If ``fit`` was not called.
        """
        check_is_fitted(self)
        X = self._check_waveforms(X, reset=False)
        shape = (*X.shape[1:-1], *self.spectrogram_shape(X.shape[-1]))
        Z = apply_in_chunks(self.forward, X, shape, np.prod(shape))
        return Spectrogram(Z, stft=self, n_times=X.shape[-1])

    def inverse_transform(self, Z):
        """Transform spectrograms back to waveforms.

        Parameters
        ----------
        Z : array-like of shape (..., n_freqs, n_frames)
            Complex spectrograms, with any number of leading axes.

        Returns
        -------
        X : ndarray of shape (..., n_times)
            Waveforms with ``n_times`` of the :class:`Spectrogram`, or that of ``fit``
            for another array; float32 for complex64 spectrograms, else float64.

        Raises
        ------
        ValueError
            If Z is not an array of finite complex spectrograms of this transform.
        NotFittedError
            If ``fit`` was not called.
        """
        check_is_fitted(self)
        n_times = getattr(Z, "n_times", None) or self.n_times_
        with error_context("Z"):
            Z = check_unread(as_plain(Z, "Z"), np.asarray, min_ndim=3)
        expected = self.spectrogram_shape(n_times)
        if not np.iscomplexobj(Z) or Z.shape[-2:] != expected:
            raise ValueError(
                "Z must be complex with (..., n_freqs, n_frames) = (..., "
                f"{expected[0]}, {expected[1]}), got {Z.dtype} of shape {Z.shape}"
            )
        if 0 in Z.shape:
            raise ValueError(f"Z is empty: its shape is {Z.shape}")
        check_numbers(Z, "Z")
        if Z.ndim == 2:
            return self._invert(Z[np.newaxis], n_times)[0]
        return self._invert(Z, n_times)

    def _invert(self, Z, n_times):
        """Return waveforms of validated spectrograms with an axis of rows."""
        shape, n_entries = (*Z.shape[1:-2], n_times), np.prod(Z.shape[1:])
        return apply_in_chunks(
            lambda spectra: self.inverse(spectra, n_times), Z, shape, n_entries
        )

    def _validate_params(self):
        super()._validate_params()
        check_number_parameters(self)

    def _check_waveforms(self, X, *, reset):
        checks = {"allow_nd": True, "ensure_all_finite": False}
        X = validate_samples(self, X, reset=reset, **checks)
        if X.ndim > 3:
            raise ValueError(
                "X must be waveforms of shape (n_samples, n_times) or (n_samples, "
                f"n_channels, n_times), got {X.ndim} dimensions"
            )
        if reset:
            check_channels(X)
        elif X.shape[-1] != self.n_times_:
            raise ValueError(
                f"X has {X.shape[-1]} time points, but STFTTransformer was fitted with "
                f"{self.n_times_}"
            )
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # the result is complex
        return tags

    def _fit_lengths(self, n_times):
        """Set the lengths and the window for waveforms of n_times time points."""
        n_fft = int(self.n_fft or default_n_fft(n_times, self.win_length))
        win_length = int(self.win_length or n_fft)
        if win_length > n_fft:
            raise ValueError(f"win_length={win_length} must be at most n_fft={n_fft}")
        hop_length = int(self.hop_length or max(1, win_length // 4))
        self.window_ = window_values(self.window, win_length)
        check_invertible(self.window_, n_fft, hop_length)
        check_size(n_times, n_fft, hop_length)
        self.n_fft_, self.hop_length_, self.win_length_ = n_fft, hop_length, win_length
        self.n_times_ = n_times
        return self

    def spectrogram_shape(self, n_times):
        """Return the shape of the spectrogram of a waveform.

        Parameters
        ----------
        n_times : int
            Number of time points of the waveform.

        Returns
        -------
        n_freqs, n_frames : int
            Numbers of frequencies and frames.
        """
        return self.n_fft_ // 2 + 1, -(-n_times // self.hop_length_) + 1

    def _torch_settings(self, device, dtype=torch.float64):
        return {
            "n_fft": self.n_fft_,
            "hop_length": self.hop_length_,
            "win_length": self.win_length_,
            # a copy: torch warns about read-only memory, as of a mapped model
            "window": torch.tensor(self.window_, device=device, dtype=dtype),
            "center": True,
        }

    def forward(self, waveforms, dtype=torch.float64):
        """Transform a tensor of waveforms.

        Parameters
        ----------
        waveforms : tensor of shape (..., n_times)
            Waveforms, on any device.
        dtype : torch.dtype, default=torch.float64
            Precision of the computation.

        Returns
        -------
        spectra : complex tensor of shape (..., n_freqs, n_frames)
            Their spectrograms.
        """
        *leading, n_times = waveforms.shape
        # Pad to whole hops: otherwise the last time points would be covered by the
        # decaying end of the last window alone. For an odd n_fft, torch pads one short.
        missing = -n_times % self.hop_length_ + self.n_fft_ % 2
        flat = waveforms.reshape(-1, n_times).to(dtype)
        spectra = torch.stft(
            pad(flat, (0, missing)),
            pad_mode="constant",
            return_complex=True,
            **self._torch_settings(flat.device, dtype),
        )
        spectra = spectra.to(COMPLEX[waveforms.dtype])
        return spectra.reshape(*leading, *spectra.shape[-2:])

    def inverse(self, spectra, n_times):
        """Transform a tensor of spectrograms back to waveforms.

        Parameters
        ----------
        spectra : complex tensor of shape (..., n_freqs, n_frames)
            Spectrograms, on any device.
        n_times : int
            Number of time points of the waveforms.

        Returns
        -------
        waveforms : tensor of shape (..., n_times)
            The waveforms.
        """
        *leading, n_freqs, n_frames = spectra.shape
        flat = spectra.reshape(-1, n_freqs, n_frames).to(torch.complex128)
        settings = self._torch_settings(flat.device)
        waveforms = torch.istft(flat, length=n_times, **settings)
        return waveforms.to(spectra.real.dtype).reshape(*leading, n_times)

    def inverse_in_single(self, spectra, n_times):
        """Transform back in single precision, where the window allows it.

        Overlaps of windows that are small compared with the window magnify rounding:
        then the computation is that of ``inverse``.

        Parameters
        ----------
        spectra : complex64 tensor of shape (..., n_freqs, n_frames)
            Spectrograms, on any device.
        n_times : int
            Number of time points of the waveforms.

        Returns
        -------
        waveforms : float32 tensor of shape (..., n_times)
            The waveforms. On a CPU, a row has the same bits whatever stands beside it.
        """
        lengths = self.n_fft_, self.hop_length_, spectra.shape[-1]
        window, overlaps = synthesis(self.window_.tobytes(), *lengths)
        if overlaps is None:
            return self.inverse(spectra, n_times)
        frames = torch.fft.irfft(spectra.transpose(-2, -1), self.n_fft_)
        frames *= sent(window, spectra.device)
        inside = slice(self.n_fft_ // 2, self.n_fft_ // 2 + n_times)
        added = overlap_add(frames, self.hop_length_)[..., inside]
        return added / sent(overlaps[inside], spectra.device)


@lru_cache(maxsize=8)
def synthesis(window, n_fft, hop_length, n_frames):
    """Return what an inverse in single precision multiplies with and divides by.

    Parameters
    ----------
    window : bytes
        The window's values.
    n_fft, hop_length, n_frames : int
        Length of the Fourier transform, time points between frames, and their number.

    Returns
    -------
    window : tensor of shape (n_fft,)
        The window.
    overlaps : tensor of shape (n,) or None
        The sums of squared windows; None if some are too small.
    """
    values = np.frombuffer(window)
    if smallest_overlap(values, n_fft, hop_length) < OVERLAP_IN_SINGLE:
        return None, None
    values = torch.tensor(padded_window(values, n_fft))
    overlaps = overlap_add(values.square().expand(n_frames, -1), hop_length)
    return values.float(), overlaps.float()


def overlap_add(frames, hop_length):
    """Add up overlapping frames (..., n_frames, n_fft) to signals (..., n).

    Frames are cut into pieces of one hop, and all first pieces are added at once, then
    all second ones, and so on. The last signals may end with zeros.
    """
    *leading, n_frames, n_fft = frames.shape
    n_pieces = -(-n_fft // hop_length)
    added = frames.new_zeros(*leading, n_frames + n_pieces - 1, hop_length)
    for k in range(n_pieces):
        piece = frames[..., k * hop_length : (k + 1) * hop_length]
        added[..., k : k + n_frames, : piece.shape[-1]] += piece
    return added.flatten(-2)


@one_thread_each()
def apply_in_chunks(function, array, shape, n_entries):
    """Apply a function of tensors to a few rows of an array at a time.

    Parameters
    ----------
    function : callable
        Takes a tensor and returns one with as many rows.
    array : ndarray or SlicedArray of shape (n_rows, ...)
        The array.
    shape : tuple
        Shape of a row of the result.
    n_entries : int
        Number of entries of the spectrograms of a row.

    Returns
    -------
    result : ndarray of shape (n_rows, *shape)
        The values of the function. A row does not depend on the others.
    """
    result = None
    for rows in gen_batches(len(array), int(max(1, CHUNK_ENTRIES // n_entries))):
        tensor = as_tensor(array[rows])
        # torch inverts a single row by other arithmetic than several
        filled = torch.cat([tensor, torch.zeros_like(tensor)])
        part = function(filled if len(tensor) == 1 else tensor)[: len(tensor)].numpy()
        if result is None:
            result = np.empty((len(array), *shape), part.dtype)
        result[rows] = part
    return result


def as_tensor(array):
    """Convert an array to a tensor in single or double precision."""
    # torch warns about read-only memory (a memmap), since it could write to it
    array = floating(np.asarray(array))
    if any(stride < 0 for stride in array.strides):  # also on axes of length 1
        array = array.copy()
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))
