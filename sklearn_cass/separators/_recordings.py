"""Separation of recordings of any length, as a whole or as a stream."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..data import check_out, check_recording, check_same_sfreq, cross_fade, windows_of
from ..numeric import as_plain, floating_type, write_parts


class RecordingsMixin:
    """Methods ``separate`` and ``separate_stream`` of separators.

    Needs ``domains_``, ``sfreq_``, ``n_components_``, ``_rows_per_free_chunk()`` and
    ``_transform_chunk(windows, domain)``.
    """

    def separate(self, recording, out=None, sfreq=None):
        """Separate one recording of any length, in bounded memory.

        The recording is cut into windows of the length seen in ``fit`` that overlap by
        half, and their estimates are cross-faded. The result equals that of
        ``transform`` on all windows up to rounding. One pass of the networks over a
        whole recording would differ, because each window is scaled to its own level
        and ends where it ends: on generated ECG by -20 dB of the estimates.

        Parameters
        ----------
        recording : array-like of shape (n_times,) or (n_channels, n_times)
            A recording in the components' domain: a waveform if ``fit`` was given
            waveforms, else a spectrogram or image of any width.
        out : ndarray of shape (n_components, ...), default=None
            Array to write the estimates to, for instance a memmap; it must not share
            memory with the recording. None creates one.
        sfreq : float, default=None
            Sampling rate of the recording in Hz. A ValueError is raised if it differs
            from that passed to ``fit``.

        Returns
        -------
        out : ndarray of shape (n_components, [n_channels,] n_times)
            The estimates, as long as the recording.

        See Also
        --------
        separate_stream : The same for a recording that arrives in blocks.
        """
        check_is_fitted(self)
        check_same_sfreq(sfreq, self.sfreq_)
        recording = check_recording(recording, self.domains_)
        n_entries = recording.shape[-1]
        shape = (self.n_components_, *self.domains_.y_shape[:-1], n_entries)
        out = check_out(out, shape, floating_type(recording.dtype), recording)
        write_parts(out, self._separate_blocks([recording]))
        return out

    def separate_stream(self, blocks, sfreq=None):
        """Separate a recording that arrives in blocks.

        Parameters
        ----------
        blocks : iterable of array-like of shape (n,) or (n_channels, n)
            Consecutive parts of a recording, of any lengths and otherwise as for
            ``separate``. One is read at a time, and copied: all may be one buffer that
            is written anew.
        sfreq : float, default=None
            Sampling rate of the blocks in Hz, as for ``separate``.

        Yields
        ------
        estimates : ndarray of shape (n_components, [n_channels,] m)
            Concatenated, they equal the result of ``separate`` for the whole recording
            bit for bit. The delay is less than one window, the length seen in ``fit``:
            after n entries of the recording have been read, more than n less that
            length have been yielded; the rest follows when the blocks end.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_cass import AESeparator
        >>> y = np.random.default_rng(0).normal(size=(8, 2, 64))
        >>> separator = AESeparator(max_epochs=1, random_state=0).fit(y.sum(axis=1), y)
        >>> blocks = np.random.default_rng(1).normal(size=(10, 25))
        >>> estimates = separator.separate_stream(blocks)
        >>> np.concatenate(list(estimates), axis=-1).shape
        (2, 250)
        """
        check_is_fitted(self)
        check_same_sfreq(sfreq, self.sfreq_)
        return self._separate_blocks(self._checked_blocks(blocks))

    def _checked_blocks(self, blocks):
        """Yield validated blocks that are not empty, in memory of their own."""
        for block in blocks:
            block = as_plain(block, "blocks")
            if np.shape(block)[-1:] != (0,):
                block = check_recording(block, self.domains_, "blocks")
                yield block.copy() if isinstance(block, np.ndarray) else block

    def _separate_blocks(self, blocks):
        n_window, y_domain = self.domains_.window_shape[-1], self.domains_.y_domain
        hop = -(-n_window // 2)
        batches = windows_of(blocks, n_window, hop, self._rows_per_free_chunk())
        estimates = ((self._transform_chunk(b, y_domain), n) for b, n in batches)
        return cross_fade(estimates, n_window, hop)
