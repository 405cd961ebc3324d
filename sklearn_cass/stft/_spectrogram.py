"""Complex spectrograms that know where they come from."""

import numpy as np


class Spectrogram(np.ndarray):
    """Complex spectrograms that remember the transform that made them.

    What :class:`STFTTransformer` returns. It behaves as the complex array that it is;
    slices, pickles and copies keep ``stft`` and ``n_times``, so that a separator in a
    plain Pipeline can take waveform components to the same domain and bring the
    estimates back.

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
        The fitted transformer that made the array; None where it got lost.
    n_times : int or None
        Number of time points of the waveforms.
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
