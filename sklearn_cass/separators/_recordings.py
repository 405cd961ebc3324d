"""Separation of recordings of any length, whole or as they come in."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..arrays import write_parts
from ..checks import floating_type
from ._overlap import cross_faded, windows_of
from ._validation import check_out, check_recording


class RecordingsMixin:
    """``separate`` and ``separate_stream`` for separators of windows.

    Needs ``domains_``, ``n_components_``, ``_rows_per_chunk()`` and
    ``_transform_chunk(windows, domain)``.
    """

    def separate(self, recording, out=None):
        """Separate one recording of any length, in bounded memory.

        The recording is cut into windows of the length seen in ``fit``, each half
        over the next; their estimates are cross-faded: to rounding what ``transform``
        makes of all windows at once. One pass of the network over a whole recording
        differs, for each window is brought to its own level and does not hear beyond
        its ends: on generated ECG by some -20 dB of the estimates.

        Parameters
        ----------
        recording : array-like of shape (n_times,) or (n_channels, n_times)
            A recording, as a row of the components' domain: a waveform where ``fit``
            was given waveforms, else a spectrogram or image of any width.
        out : ndarray of shape (n_components, ...), default=None
            Where to write the estimates, a memmap for instance. None makes an array.

        Returns
        -------
        out : ndarray of shape (n_components, [n_channels,] n_times)
            The estimates, as long as the recording.

        See Also
        --------
        separate_stream : The same for a recording that comes in block by block.
        """
        check_is_fitted(self)
        recording = check_recording(recording, self.domains_)
        n_entries = recording.shape[-1]
        shape = (self.n_components_, *self.domains_.y_shape[:-1], n_entries)
        out = check_out(out, shape, floating_type(recording.dtype))
        write_parts(out, self._separate_blocks([recording]))
        return out

    def separate_stream(self, blocks):
        """Separate a recording while it comes in, block by block.

        Parameters
        ----------
        blocks : iterable of array-like of shape (n,) or (n_channels, n)
            Parts of a recording in their order, of any lengths, each as ``separate``
            takes a recording. One is taken at a time.

        Yields
        ------
        estimates : ndarray of shape (n_components, [n_channels,] m)
            Joined end to end, what ``separate`` returns for the whole recording, bit
            for bit. They are behind by less than one window, the length seen in
            ``fit``: after n entries of the recording have been taken, more than n
            less that length have been yielded; the rest follows when the blocks end.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_cass import AESeparator
        >>> y = np.random.default_rng(0).normal(size=(8, 2, 64))
        >>> separator = AESeparator(n_filters=4, max_epochs=1, random_state=0)
        >>> separator.fit(y.sum(axis=1), y)
        AESeparator(max_epochs=1, n_filters=4, random_state=0)
        >>> blocks = np.random.default_rng(1).normal(size=(10, 25))
        >>> estimates = separator.separate_stream(blocks)
        >>> np.concatenate(list(estimates), axis=-1).shape
        (2, 250)
        """
        check_is_fitted(self)
        checked = (
            check_recording(block, self.domains_, "blocks")
            for block in blocks
            if np.shape(block)[-1:] != (0,)
        )
        return self._separate_blocks(checked)

    def _separate_blocks(self, blocks):
        n_window, y_domain = self.domains_.window_shape[-1], self.domains_.y_domain
        hop = -(-n_window // 2)
        batches = windows_of(blocks, n_window, hop, self._rows_per_chunk())
        estimates = ((self._transform_chunk(b, y_domain), n) for b, n in batches)
        return cross_faded(estimates, n_window, hop)
