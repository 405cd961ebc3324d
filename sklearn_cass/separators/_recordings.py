"""Separation of recordings of any length, as a whole or as a stream."""

import math
from itertools import chain, tee

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..data import (
    WAVEFORM,
    check_out,
    check_recording,
    check_same_sfreq,
    check_sfreq,
    cross_fade,
    parts_of,
    takes_channels_apart,
    windows_of,
)
from ..numeric import (
    as_plain,
    chunks_of,
    floating,
    floating_type,
    in_double,
    powers_of_two,
    write_parts,
)
from ..signals import (
    Counted,
    cropped,
    finite_stretches,
    in_lockstep,
    parts_of_channel,
    resample_recording,
    resampling_ratio,
)

# A first block of more channels, and fewer time points, has them in the wrong order.
MANY_CHANNELS = 64
# Parts of a recording by which its sign is told, and windows in each.
N_EXCERPTS, N_IN_EXCERPT = 16, 4
BLOCK_ENTRIES = 2**20  # of a recording that are read at a time, at most


class RecordingsMixin:
    """Methods ``separate`` and ``separate_stream`` of separators.

    Needs ``domains_``, ``sfreq_``, ``filter_``, ``n_components_``,
    ``_rows_per_free_chunk()`` and ``_transform_chunk(windows, domain)``.
    """

    def separate(self, recording, out=None, sfreq=None, polarity="given"):
        """Separate one recording of any length, in bounded memory.

        The recording is resampled to the rate seen in ``fit``, filtered as X was in
        ``fit``, and cut into windows of the length seen in ``fit`` that overlap by
        half. Their estimates are cross-faded and resampled back. The result equals that
        of ``transform`` on all windows up to rounding. One pass of the networks over a
        whole recording would differ, because each window is scaled to its own level
        and ends where it ends: on generated ECG by -20 dB of the estimates.

        Parameters
        ----------
        recording : array-like of shape (n_times,) or (n_channels, n_times)
            A recording in the components' domain: a waveform if ``fit`` was given
            waveforms, else a spectrogram or image of any width. It may have gaps, which
            are NaN. A separator of one channel separates each channel by itself.
        out : ndarray of shape (n_components, ...), default=None
            Array to write the estimates to, for instance a memmap; it must not share
            memory with the recording. None creates one.
        sfreq : float, default=None
            Sampling rate of the recording in Hz. None is that passed to ``fit``.
        polarity : {"given", "auto", "both"}, default="given"
            Sign of the recording. With "auto" and "both", ``separate(-recording) ==
            -separate(recording)``. "auto": each channel has the sign that the separator
            knows, that for which its estimates add up better to the channel, on up to
            64 windows from all over the recording. Of use where electrodes or sensors
            may be turned around. "both": estimates of the recording and of its negative
            are averaged, in twice the time; of use where both signs were trained on.

        Returns
        -------
        out : ndarray of shape (n_components, [n_channels,] n_times)
            The estimates, as long as the recording. They are NaN in gaps; what lies
            between two gaps is a recording of its own. Where any channel is NaN, those
            of a separator of several channels all are.

        See Also
        --------
        separate_stream : The same for a recording that arrives in blocks.

        Notes
        -----
        A recording of a higher rate has frequencies that the training had not: they are
        in no estimate.
        """
        check_is_fitted(self)
        check_polarity(polarity, ("given", "auto", "both"))
        ratio = self._ratio_of(sfreq)
        recording = check_recording(recording, self.domains_)
        shape = self._shape_of_estimates(recording.shape)
        out = check_out(out, shape, floating_type(recording.dtype), recording)
        blocks = blocks_of(recording)
        if polarity == "auto":
            signs = self._signs_of(recording, ratio)
            blocks = multiplied(map(floating, blocks), signs)
            estimates = multiplied(self._separate_blocks(blocks, ratio), signs)
        else:
            estimates = self._separate_blocks(blocks, ratio, polarity)
        write_parts(out, estimates)
        return out

    def separate_stream(self, blocks, sfreq=None, polarity="given"):
        """Separate a recording that arrives in blocks.

        Parameters
        ----------
        blocks : iterable of array-like of shape (n,) or (n_channels, n)
            Consecutive parts of a recording, of any lengths and otherwise as for
            ``separate``. One is read at a time, and copied: all may be one buffer that
            is written anew.
        sfreq : float, default=None
            Sampling rate of the blocks in Hz, as for ``separate``.
        polarity : {"given", "both"}, default="given"
            Sign of the blocks, as for ``separate``; "auto" needs the whole recording.

        Yields
        ------
        estimates : ndarray of shape (n_components, [n_channels,] m)
            Concatenated, they equal the result of ``separate`` for the whole recording
            bit for bit. The delay is less than one window, the length seen in ``fit``:
            after n entries of the recording have been read, more than n less that
            length have been yielded; the rest follows when the blocks end. A filter
            adds up to twice ``filter_.n_margin_`` and 1024 points, resampling some ten
            points of the lower rate.

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
        check_polarity(polarity, ("given", "both"))
        ratio = self._ratio_of(sfreq)
        return self._separate_blocks(self._checked_blocks(blocks), ratio, polarity)

    def _ratio_of(self, sfreq):
        """Return the ratio of the fitted rate to a recording's, up and down."""
        given, fitted = check_sfreq(sfreq), self.sfreq_
        if None in (given, fitted) or math.isclose(given, fitted, rel_tol=1e-6):
            return 1, 1
        if self.domains_.y_domain != WAVEFORM:
            check_same_sfreq(given, fitted)
        return resampling_ratio(given, fitted)

    def _shape_of_estimates(self, shape):
        """Return the shape of the estimates of a recording of a shape."""
        if takes_channels_apart(shape, self.domains_):
            return (self.n_components_, *shape)
        return (self.n_components_, *self.domains_.y_shape[:-1], shape[-1])

    def _checked_blocks(self, blocks):
        """Yield validated blocks that are not empty, in memory of their own."""
        shape, n_thin = None, MANY_CHANNELS
        for block in blocks:
            block = as_plain(block, "blocks")
            if np.shape(block)[-1:] != (0,):
                block = check_recording(block, self.domains_, "blocks", n_thin)
                shape, n_thin = shape or block.shape, len(block)
                if block.shape[:-1] != shape[:-1]:
                    raise ValueError(
                        "blocks must have the channels of the first, of shape "
                        f"{shape}, got one of shape {block.shape}"
                    )
                yield np.array(block)

    def _separate_blocks(self, blocks, ratio, polarity="given"):
        """Yield the estimates of validated blocks."""
        blocks = iter(blocks)
        first = next(blocks, None)
        if first is None:
            return
        blocks = chain([first], blocks)
        if not takes_channels_apart(first.shape, self.domains_):
            yield from self._separate_stretches(blocks, ratio, polarity)
            return
        keep_axis = len(self.domains_.window_shape) > 1
        streams = [
            self._separate_stretches(
                parts_of_channel(copy, k, keep_axis), ratio, polarity
            )
            for k, copy in enumerate(tee(blocks, len(first)))
        ]
        yield from in_lockstep([map(without_channel, s) for s in streams])

    def _separate_stretches(self, blocks, ratio, polarity):
        """Yield the estimates of blocks: NaN in gaps, which are NaN."""
        shape = self.n_components_, *self.domains_.y_shape[:-1]
        for is_gap, parts in finite_stretches(map(floating, blocks)):
            if not is_gap:
                yield from self._separate_stretch(parts, *ratio, polarity)
                continue
            for part in parts:
                yield np.full((*shape, part.shape[-1]), np.nan, part.dtype)

    def _separate_stretch(self, blocks, up, down, polarity):
        """Return the estimates of blocks without gaps, in blocks."""
        blocks = Counted(blocks)
        at_fitted_rate = resample_recording(blocks, up, down)
        if self.filter_ is not None:
            at_fitted_rate = self.filter_.filtered_blocks(at_fitted_rate)
        estimates = self._separate_windows(at_fitted_rate, polarity)
        return cropped(resample_recording(estimates, down, up), lambda: blocks.n)

    def _separate_windows(self, blocks, polarity):
        """Return the cross-faded estimates of overlapping windows, in blocks."""
        n_window = self.domains_.window_shape[-1]
        hop = -(-n_window // 2)
        batches = windows_of(blocks, n_window, hop, self._rows_per_free_chunk())
        estimates = ((self._estimates_of(b, polarity), n) for b, n in batches)
        return cross_fade(estimates, n_window, hop)

    def _estimates_of(self, windows, polarity):
        """Return the estimates of windows, or the mean of those of both signs."""
        domain = self.domains_.y_domain
        estimates = self._transform_chunk(windows, domain)
        if polarity == "both":
            estimates -= self._transform_chunk(-windows, domain)
            estimates /= 2
        return estimates

    # Polarity ---------------------------------------------------------------------

    def _signs_of(self, recording, ratio):
        """Return the sign, 1 or -1, of a recording or of each of its channels."""
        shape = self._shape_of_estimates(recording.shape)
        if shape[1:] != recording.shape:
            raise ValueError(
                'polarity="auto" compares a recording with the sum of its components, '
                "but they lack its axis of channels: pass another polarity"
            )
        axes = -1 if takes_channels_apart(recording.shape, self.domains_) else None
        given = negative = 0.0
        for excerpt in self._excerpts(recording, *ratio):
            given += self._residual(excerpt, ratio, axes)
            negative += self._residual(-excerpt, ratio, axes)
        signs = np.where(given <= negative, 1.0, -1.0)
        return signs if axes is None else signs[:, np.newaxis]

    def _excerpts(self, recording, up, down):
        """Yield parts of a recording from all over it."""
        n_times = recording.shape[-1]
        length = min(
            n_times, N_IN_EXCERPT * self.domains_.window_shape[-1] * down // up
        )
        length = max(1, length)
        starts = np.linspace(0, n_times - length, N_EXCERPTS).astype(int)
        for start in np.unique(starts).tolist():
            yield floating(np.asarray(recording[..., start : start + length]))

    def _residual(self, excerpt, ratio, axes):
        """Return the share of an excerpt's power that its estimates leave."""
        estimates = np.concatenate([*self._separate_blocks([excerpt], ratio)], axis=-1)
        powers = powers_of_two(np.nan_to_num(excerpt)[np.newaxis]).max()
        rest, whole = (
            np.nansum(np.square(np.abs(in_double(array) / powers)), axis=axes)
            for array in (excerpt - estimates.sum(axis=0), excerpt)
        )
        return rest / np.where(whole > 0, whole, 1)


def blocks_of(recording):
    """Yield copies of parts of a recording, which may be a file larger than memory."""
    length = max(1, BLOCK_ENTRIES // math.prod(recording.shape[:-1]))
    for chunk in chunks_of(recording, axis=-1):
        yield from parts_of(chunk, length)


def check_polarity(polarity, known):
    """Raise a ValueError unless a polarity is one of those known."""
    if not isinstance(polarity, str) or polarity not in known:
        raise ValueError(f"polarity must be one of {known}, got {polarity!r}")


def multiplied(blocks, signs):
    """Yield blocks times signs, which broadcast, in the blocks' precision."""
    for block in blocks:
        yield block * signs.astype(block.real.dtype)


def without_channel(estimates):
    """Return estimates (n_components, [1,] n) without the axis of channels."""
    return estimates.reshape(len(estimates), -1)
