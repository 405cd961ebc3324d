"""Estimates in files of the recording's kind, which appear when they are complete."""

import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..datasets._files import import_extra
from ._recordings import (
    ARRAY,
    AUDIO,
    BLOCK_TIMES,
    EDF,
    PRECISE,
    WFDB,
    without_deprecations,
)

UNCOMPRESSED = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
OF_FLAC = ("PCM_S8", "PCM_16", "PCM_24")
WAV_BYTES = 2**32 - 2**16  # a WAV file holds no more
OUTPUT_SUFFIXES = {AUDIO: (".wav", ".flac"), ARRAY: (".npy",), EDF: (".edf",)}
OUTPUT_SUFFIXES[WFDB] = (".hea", ".dat")


def file_names(component_names):
    """Return names of files, without a suffix, for components."""
    names = []
    for name in component_names:
        text = str(name)
        if not text or text.isdecimal():
            text = f"component_{text}"
        names.append(re.sub(r"[^\w.() -]|^\.", "_", text))
    if len(set(names)) < len(names):
        names = [f"{k}_{name}" for k, name in enumerate(names)]
    return names


def existing_files(folder, names, kind):
    """Return the files in a folder that estimates would replace."""
    paths = [folder / f"{n}{suffix}" for n in names for suffix in OUTPUT_SUFFIXES[kind]]
    return [path for path in paths if path.exists()]


@contextmanager
def complete_folder(folder, token, check):
    """Yield a folder to write to, whose files then move to their place.

    Parameters
    ----------
    folder : Path
        Where the files belong.
    token : str
        Makes the name of the temporary folder, which lies beside it.
    check : callable
        Raises an error if a file must not be replaced.
    """
    temporary = temporary_folder(folder, token)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary.mkdir()
    try:
        yield temporary
        check()
        if folder.exists():
            for path in sorted(temporary.iterdir()):
                os.replace(path, folder / path.name)
        else:
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def temporary_folder(folder, token):
    """Return the path of the folder that files are written to."""
    return folder.with_name(f".{folder.name}.{token}.tmp")


@contextmanager
def complete_file(path, force=False):
    """Yield a path to write to, beside a file that then is replaced."""
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        if path.exists() and not force:
            raise FileExistsError(f"{path} exists: --force replaces it")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


# Writers -----------------------------------------------------------------------------


def make_writer(folder, names, recording, channels):
    """Return a writer of estimates of a recording, to be used with ``with``.

    Parameters
    ----------
    folder : Path
        Folder of the files.
    names : list of str
        Names of the files, without a suffix.
    recording : Recording
        The recording.
    channels : sequence of str
        Names of the estimates' channels.
    """
    writers = {AUDIO: AudioWriter, ARRAY: ArrayWriter, EDF: EDFWriter, WFDB: WFDBWriter}
    return writers[recording.kind](folder, names, recording, channels)


class Writer:
    """Base class of writers: ``write`` blocks, then ``finish``."""

    def __init__(self, folder, names, recording, channels):
        self.folder, self.names = folder, names
        self.recording, self.channels = recording, channels
        self.parts = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def write(self, block):
        """Take a block of shape (n_components, n_channels, n)."""
        self.parts.append(block)

    def finish(self):
        """Write what is left; return a note for the user, or None."""
        estimates = np.concatenate(self.parts, axis=-1)
        for name, estimate in zip(self.names, estimates, strict=True):
            self.write_component(name, estimate)


class AudioWriter(Writer):
    """Writer of WAV or FLAC files, with the subtype of the recording.

    The values are first written as they are, because only the last of them decides
    whether there are values outside the range of integers.
    """

    def __init__(self, *args):
        super().__init__(*args)
        soundfile = import_extra("soundfile", "audio")
        self.peak, self.subtype = 0.0, self.recording.details["subtype"]
        precise = self.subtype in PRECISE
        self.raw, self.width = ("DOUBLE", 8) if precise else ("FLOAT", 4)
        self.format = self._format(self.width)
        self.files = [
            soundfile.SoundFile(path, "w", format=self.format, **self._layout(self.raw))
            for path in self._paths(".wav")
        ]

    def __exit__(self, *error):
        for file in self.files:
            file.close()

    def _paths(self, suffix):
        return [self.folder / f"{name}{suffix}" for name in self.names]

    def _layout(self, subtype):
        return {
            "samplerate": self.recording.sfreq,
            "channels": len(self.channels),
            "subtype": subtype,
        }

    def _format(self, width):
        n_bytes = self.recording.n_times * len(self.channels) * width
        return "WAV" if n_bytes < WAV_BYTES else "RF64"

    def write(self, block):
        self.peak = max(self.peak, float(np.abs(block).max(initial=0)))
        for file, estimate in zip(self.files, block, strict=True):
            file.write(estimate.T)

    def finish(self):
        for file in self.files:
            file.close()
        wanted = self._wanted_subtype()
        if wanted == self.raw:
            return None
        if self.peak > 1:
            return (
                f"values up to {self.peak:.2f} would be clipped as {wanted}: written "
                f"as {self.raw} in WAV files"
            )
        self._convert(wanted)
        return None

    def _wanted_subtype(self):
        if self.recording.details["format"] == "FLAC":
            return self.subtype if self.subtype in OF_FLAC else "PCM_24"
        return self.subtype if self.subtype in UNCOMPRESSED else "PCM_16"

    def _convert(self, subtype):
        """Replace the files by others of a subtype of integers."""
        soundfile = import_extra("soundfile", "audio")
        is_flac = self.recording.details["format"] == "FLAC"
        form = "FLAC" if is_flac else self._format(4)
        for path in self._paths(".wav"):
            new = path.with_suffix(".flac") if is_flac else path.with_suffix(".new")
            with (
                soundfile.SoundFile(path) as source,
                soundfile.SoundFile(
                    new, "w", format=form, **self._layout(subtype)
                ) as target,
            ):
                dtype = "float64" if self.raw == "DOUBLE" else "float32"
                for block in source.blocks(BLOCK_TIMES, dtype=dtype, always_2d=True):
                    target.write(as_integers(block, subtype))
            path.unlink()
            if not is_flac:
                new.rename(path)


def as_integers(x, subtype):
    """Round values to a subtype of integers, as the highest bits of 32.

    The conversion of libsndfile rounds down, which shifts silence.
    """
    n_bits = int(subtype[-2:].strip("SU"))
    largest = 2 ** (n_bits - 1)
    values = np.clip(np.rint(largest * x.astype(float)), -largest, largest - 1)
    return (values.astype(np.int64) << (32 - n_bits)).astype(np.int32)


class ArrayWriter(Writer):
    """Writer of NumPy files, which are mapped into memory."""

    def __init__(self, *args):
        super().__init__(*args)
        self.maps, self.n_written = None, 0

    def write(self, block):
        if self.maps is None:
            self.maps = [self._open(name, block.dtype) for name in self.names]
        end = self.n_written + block.shape[-1]
        for array, estimate in zip(self.maps, block, strict=True):
            array[..., self.n_written : end] = estimate
        self.n_written = end

    def _open(self, name, dtype):
        shape = (len(self.channels), self.recording.n_times)
        path = self.folder / f"{name}.npy"
        array = np.lib.format.open_memmap(path, "w+", dtype, self._shape(shape))
        return array.reshape(shape)

    def _shape(self, shape):
        has_channels = self.recording.details["ndim"] == 2 and len(self.channels) > 1
        return shape if has_channels else shape[-1:]

    def finish(self):
        for array in self.maps:
            array.flush()
        self.maps = None


class EDFWriter(Writer):
    """Writer of EDF files, in the units of the recording."""

    def write_component(self, name, estimate):
        edfio = import_extra("edfio", "bio")
        signals = [
            edfio.EdfSignal(
                values.astype(float),
                self.recording.sfreq,
                label=channel[:16],
                physical_dimension=unit,
            )
            for values, channel, unit in zip(
                estimate, self.channels, units_of(self), strict=True
            )
        ]
        duration = self.recording.details["duration"]
        edf = edfio.Edf(signals, data_record_duration=duration)
        edf.write(self.folder / f"{name}.edf")


class WFDBWriter(Writer):
    """Writer of WFDB records of 16 bits, in the units of the recording."""

    def write_component(self, name, estimate):
        wfdb = import_extra("wfdb", "bio")
        with without_deprecations():
            wfdb.wrsamp(
                re.sub(r"[^\w-]", "_", name),
                fs=self.recording.sfreq,
                units=units_of(self),
                sig_name=list(self.channels),
                p_signal=estimate.T.astype(float),
                fmt=["16"] * len(estimate),
                write_dir=str(self.folder),
            )


def units_of(writer):
    """Return the units of a writer's channels; those of a mean are the first's."""
    names, units = writer.recording.channels, writer.recording.details["units"]
    known = dict(zip(names, units, strict=True))
    return [known.get(channel, units[0]) for channel in writer.channels]
