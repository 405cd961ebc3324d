"""Complex spectrograms with a reference to the transform that made them."""

import numpy as np


class Spectrogram(np.ndarray):
    """Complex spectrograms with a reference to the transform that made them.

    This subclass of :class:`numpy.ndarray` is returned by
    :meth:`STFTTransformer.transform`. Slices, copies and pickles keep ``stft`` and
    ``n_times``, so that a separator in a Pipeline of scikit-learn can transform
    components given as waveforms, and invert its estimates of them.

    Parameters
    ----------
    array : array-like of shape (..., n_freqs, n_frames)
        Complex spectrograms.
    stft : STFTTransformer, default=None
        The fitted transformer that made them.
    n_times : int, default=None
        Number of time points of the waveforms.

    Attributes
    ----------
    stft : STFTTransformer or None
        The fitted transformer that made the array, or None if it is unknown.
    n_times : int or None
        Number of time points of the waveforms.

    See Also
    --------
    STFTTransformer : Transforms waveforms to spectrograms, and back.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import Spectrogram, STFTTransformer
    >>> X = np.random.default_rng(0).normal(size=(3, 100))
    >>> Z = STFTTransformer(n_fft=16).fit_transform(X)
    >>> isinstance(Z, Spectrogram)
    True
    >>> Z[:2].stft, Z[:2].n_times
    (STFTTransformer(n_fft=16), 100)
    """

    def __new__(cls, array, stft=None, n_times=None):
        spectrogram = np.asarray(array).view(cls)
        spectrogram.stft, spectrogram.n_times = stft, n_times
        return spectrogram

    def __array_finalize__(self, parent):
        self.stft = getattr(parent, "stft", None)
        self.n_times = getattr(parent, "n_times", None)

    def __reduce__(self):
        rebuild, arguments, state = super().__reduce__()
        return rebuild, arguments, (state, self.stft, self.n_times)

    def __setstate__(self, state):
        array_state, self.stft, self.n_times = state
        super().__setstate__(array_state)
