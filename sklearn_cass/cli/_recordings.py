"""Recordings in files: WAV, FLAC, NumPy arrays, EDF and WFDB, read in blocks."""

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..datasets._edf import check_edf_header
from ..datasets._files import check_exists, import_extra, reading
from ..datasets._wav import check_complete
from ._messages import UsageError

AUDIO, ARRAY, EDF, WFDB = "audio", "array", "EDF", "WFDB"
KINDS = {".wav": AUDIO, ".flac": AUDIO, ".npy": ARRAY, ".edf": EDF, ".hea": WFDB}
SUFFIXES = ", ".join(KINDS)
PRECISE = ("PCM_32", "DOUBLE")  # more than single precision holds
BLOCK_TIMES = 2**17


@dataclass(frozen=True)
class Recording:
    """A recording whose values have not been read.

    Parameters
    ----------
    path : Path
        The file; of a WFDB record, its header.
    kind : str
        AUDIO, ARRAY, EDF or WFDB.
    sfreq : float or None
        Sampling rate in Hz.
    channels : tuple of str
        Names of the channels, their numbers in files without names.
    n_times : int
        Number of time points.
    details : dict, default={}
        What is needed to write files of the same kind; "factors" by which channels are
        multiplied, so that they have the "units".
    """

    path: Path
    kind: str
    sfreq: float | None
    channels: tuple
    n_times: int
    details: dict = field(default_factory=dict)

    def blocks(self):
        """Yield the values, arrays of shape (n_channels, n)."""
        if self.kind == AUDIO:
            yield from self._audio_blocks()
            return
        values = READERS[self.kind](self)
        for start in range(0, self.n_times, BLOCK_TIMES):
            block = np.asarray(values[..., start : start + BLOCK_TIMES])
            block = block.reshape(len(self.channels), -1)
            block = block if block.dtype.kind == "f" else block.astype(float)
            yield self._in_units(block)

    def _in_units(self, block):
        factors = self.details.get("factors", {})
        if not factors:
            return block
        block = block.copy()  # it may be part of a file
        for k, factor in factors.items():
            block[k] *= factor
        return block

    def _audio_blocks(self):
        soundfile = import_extra("soundfile", "audio")
        dtype = "float64" if self.details["subtype"] in PRECISE else "float32"
        with reading(self.path, "sound file"), soundfile.SoundFile(self.path) as file:
            for block in file.blocks(BLOCK_TIMES, dtype=dtype, always_2d=True):
                yield np.ascontiguousarray(block.T)

    def array(self):
        """Return all values, of shape (n_channels, n_times)."""
        return np.concatenate(list(self.blocks()), axis=-1)


def open_recording(path, sfreq=None):
    """Return what a file holds, without its values.

    Parameters
    ----------
    path : path-like
        The file; a WFDB record also without a suffix, or as its .dat file.
    sfreq : float, default=None
        Sampling rate of arrays, whose files do not tell it.

    Returns
    -------
    recording : Recording
        The recording.
    """
    path = path_of_record(Path(path))
    check_exists(path)
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise ValueError(f"{path} has none of the known suffixes ({SUFFIXES})")
    recording = OPENERS[kind](path, sfreq)
    if not recording.n_times:
        raise ValueError(f"{path} has no values")
    return recording


def path_of_record(path):
    """Return the header of a WFDB record that was named otherwise."""
    if path.suffix.lower() == ".dat" or (not path.suffix and not path.exists()):
        header = path.with_suffix(".hea")
        return header if header.is_file() else path
    return path


def recordings_in(folder):
    """Return the files of a folder that may be recordings, by stem."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in KINDS and path.name[0] != "." and path.is_file():
            other = found.setdefault(path.stem, path)
            if other != path:
                raise UsageError(f"{other} and {path} have the same stem")
    if not found:
        raise UsageError(f"{folder} holds no recordings ({SUFFIXES})")
    return found


def files_in(path):
    """Return the recordings of a folder, or the one that a path is."""
    return recordings_in(path).values() if path.is_dir() else [path]


# Openers -----------------------------------------------------------------------------


def numbered(n_channels):
    """Return the names of channels without names."""
    return tuple(map(str, range(n_channels)))


def open_audio(path, sfreq):
    """Open a WAV or FLAC file."""
    soundfile = import_extra("soundfile", "audio")
    check_complete(path)
    with reading(path, "sound file"):
        info = soundfile.info(path)
    details = {"format": info.format, "subtype": info.subtype}
    channels = numbered(info.channels)
    return Recording(path, AUDIO, info.samplerate, channels, info.frames, details)


def open_array(path, sfreq):
    """Open a NumPy file of one recording."""
    values = read_array(path)
    if values.ndim not in (1, 2) or values.dtype.kind not in "iuf":
        raise ValueError(
            f"{path} must hold real numbers of shape (n_times,) or (n_channels, "
            f"n_times), got {values.dtype} of shape {values.shape}"
        )
    details = {"ndim": values.ndim}
    channels = numbered(1 if values.ndim == 1 else len(values))
    return Recording(path, ARRAY, sfreq, channels, values.shape[-1], details)


def read_array(path):
    """Return a memory map of a NumPy file."""
    with reading(path, "NumPy file"):
        return np.load(path, mmap_mode="r", allow_pickle=False)


def open_edf(path, sfreq):
    """Open an EDF file whose signals have one rate."""
    edf = read_edf(path)
    rates = {signal.sampling_frequency for signal in edf.signals}
    if len(rates) != 1:
        raise ValueError(f"{path} must have signals of one rate, got {sorted(rates)}")
    details = {
        "units": [signal.physical_dimension for signal in edf.signals],
        "duration": edf.data_record_duration,
    }
    labels = tuple(signal.label for signal in edf.signals)
    n_times = len(edf.signals[0].data)
    return Recording(path, EDF, float(rates.pop()), labels, n_times, details)


def read_edf(path):
    """Return an EDF file, which must be complete and continuous."""
    edfio = import_extra("edfio", "bio")
    check_edf_header(path)
    with reading(path, "EDF file"):
        return edfio.read_edf(path)


@contextmanager
def without_deprecations():
    """Ignore that wfdb calls deprecated parts of pandas."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def open_wfdb(path, sfreq):
    """Open the header of a WFDB record."""
    wfdb = import_extra("wfdb", "bio")
    with reading(path, "WFDB header"), without_deprecations():
        header = wfdb.rdheader(str(path.absolute().with_suffix("")))
        details = {"units": list(header.units)}
        channels, n_times = tuple(header.sig_name), int(header.sig_len)
    return Recording(path, WFDB, float(header.fs), channels, n_times, details)


def read_wfdb(path):
    """Return the signals of a WFDB record, of shape (n_channels, n_times)."""
    wfdb = import_extra("wfdb", "bio")
    with reading(path, "WFDB record"), without_deprecations():
        return wfdb.rdrecord(str(path.absolute().with_suffix(""))).p_signal.T


OPENERS = {AUDIO: open_audio, ARRAY: open_array, EDF: open_edf, WFDB: open_wfdb}
READERS = {
    ARRAY: lambda recording: read_array(recording.path),
    EDF: lambda recording: np.stack([s.data for s in read_edf(recording.path).signals]),
    WFDB: lambda recording: read_wfdb(recording.path),
}

# Channels ----------------------------------------------------------------------------


def select_channels(recording, channel):
    """Return a function that selects channels of blocks, and the names of the result.

    Parameters
    ----------
    recording : Recording
        The recording.
    channel : str
        "all", "mean", or a channel's name or number.

    Returns
    -------
    select : callable
        Takes and returns arrays of shape (n_channels, n).
    channels : tuple of str
        Names of the channels it returns.
    """
    names = recording.channels
    if channel == "all":
        return lambda block: block, names
    if channel == "mean":
        return lambda block: block.mean(axis=0, keepdims=True), ("mean",)
    index = index_of_channel(recording, channel)
    return lambda block: block[index : index + 1], names[index : index + 1]


def index_of_channel(recording, channel):
    """Return the index of a channel by its name or number."""
    names = recording.channels
    if names.count(channel) == 1:
        return names.index(channel)
    if channel.isdecimal() and int(channel) < len(names):
        return int(channel)
    raise ValueError(
        f"{recording.path} has no channel {channel!r}: it has {', '.join(names)}"
    )


def one_channel_choice(recording, channel):
    """Return the choice of channels for data to learn from or to compare with.

    The mean of the channels of sound is what a listener would hear; that of other
    signals, such as electrodes, means nothing.
    """
    if channel is not None:
        return channel
    if len(recording.channels) == 1:
        return "all"
    if recording.kind == AUDIO:
        return "mean"
    raise UsageError(
        f"{recording.path} has the channels {', '.join(recording.channels)}: choose "
        "one of them, their mean or all by --channel NAME, --channel mean or "
        "--channel all"
    )
