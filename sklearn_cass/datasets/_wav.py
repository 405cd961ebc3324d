"""Reader of WAV files, which must be complete."""

import struct

import numpy as np

from ._files import check_sfreq, check_size, import_extra, reading

_FORMATS = ("WAV", "WAVEX")
_SUBTYPES = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")


def read_wav(path, sfreq):
    """Read a recording of one channel.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    sfreq : int
        Sampling frequency that it must have, in Hz.

    Returns
    -------
    x : ndarray of shape (n_times,)
        The recording, from -1 to 1.

    Raises
    ------
    ValueError
        If the file is truncated or unreadable, is compressed, has several channels,
        another sampling frequency or values that are not finite.
    ImportError
        If ``soundfile`` is not installed.
    """
    soundfile = import_extra("soundfile", "audio")
    check_complete(path)
    with reading(path, "WAV file"), soundfile.SoundFile(path) as file:
        if file.format not in _FORMATS or file.subtype not in _SUBTYPES:
            raise ValueError(f"its format is {file.format}, {file.subtype}")
        if file.channels != 1:
            raise ValueError(f"{path} has {file.channels} channels, expected 1")
        check_sfreq(path, file.samplerate, sfreq)
        check_size(path, file.frames)  # a value takes a byte at least
        x = file.read(dtype="float64")
        if not np.isfinite(x).all():
            raise ValueError(f"{path} contains NaN or infinity")
    return x


def check_complete(path):
    """Compare the size that a RIFF header announces with that of the file.

    libsndfile reads a truncated file without an error.
    """
    with path.open("rb") as file:
        head = file.read(8)
    if len(head) == 8 and head[:4] == b"RIFF":
        check_size(path, 8 + struct.unpack("<I", head[4:])[0])
