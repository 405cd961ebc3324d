"""Recordings of mixtures and of their components, matched by the stems of files."""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..datasets._checks import check_memory
from ..datasets._windows import cut_windows, window_starts
from ..signals import resample_blocks, resampling_ratio
from ._messages import VERBOSE, UsageError
from ._recordings import (
    one_channel_choice,
    open_recording,
    recordings_in,
    select_channels,
)
from ._units import in_one_unit

LEAST_AUDIO_SFREQ, DEFAULT_TIMES = 8000, 1024


@dataclass(frozen=True)
class Track:
    """A mixture and its components; the mixture is their sum if it is None."""

    stem: str
    mixture: object
    components: tuple

    def recordings(self):
        """Return all recordings, the mixture first."""
        mixture = () if self.mixture is None else (self.mixture,)
        return (*mixture, *self.components)


# Names and stems ---------------------------------------------------------------------


def named_paths(texts):
    """Return paths by component name, from arguments PATH or NAME=PATH."""
    found = {}
    for text in texts:
        name, is_named, path = text.partition("=")
        if not is_named or Path(text).exists():
            path = text
            name = (
                Path(text).stem if Path(text).is_file() else Path(text).resolve().name
            )
        if not Path(path).exists():
            raise UsageError(f"no such folder or file: {path}")
        if name in found:
            raise UsageError(f"two components have the name {name!r}: use NAME=FOLDER")
        found[name] = Path(path)
    return found


def matched_tracks(mixtures, components, sfreq, channel, messages):
    """Return the tracks whose mixtures and components have equal stems.

    Parameters
    ----------
    mixtures : path-like or None
        Folder or file of the mixtures; None for the sums of the components.
    components : dict of str to Path
        Folder or file of each component.
    sfreq : float or None
        Sampling rate of arrays, whose files do not tell it.
    channel : str or None
        The channel to be used, whose units must be the same.
    messages : Messages
        Where to tell which files are not used, and which are converted.

    Returns
    -------
    tracks : list of Track
        The tracks, in the order of their stems.
    """
    paths = list(components.values())
    if mixtures is not None:
        if not Path(mixtures).exists():
            raise UsageError(f"no such folder or file: {mixtures}")
        paths.insert(0, Path(mixtures))
    if all(path.is_file() for path in paths):
        by_stem = [{paths[0].stem: path} for path in paths]
    else:
        by_stem = [files_of(path) for path in paths]
    stems = sorted(by_stem[0])
    for path, files in zip(paths, by_stem, strict=True):
        check_stems(path, files, paths[0], stems)
        unused = sorted(files.keys() - set(stems))
        if unused:
            messages.say(f"{path}: not used, without a mixture: {', '.join(unused)}")
    opened = {s: [open_recording(files[s], sfreq) for files in by_stem] for s in stems}
    tracks = []
    for stem, recordings in in_one_unit(opened, channel, messages).items():
        mixture = None if mixtures is None else recordings.pop(0)
        tracks.append(Track(stem, mixture, tuple(recordings)))
    return tracks


def files_of(path):
    """Return the recordings of a folder by stem."""
    if not path.is_dir():
        raise UsageError(f"{path} must be a folder, as the other arguments")
    return recordings_in(path)


def check_stems(path, files, first, stems):
    """Raise an error unless a folder has a recording for each stem."""
    missing = [stem for stem in stems if stem not in files]
    if missing:
        raise UsageError(
            f"{path} has no recording {missing[0]!r}, as {first} has: mixtures and "
            "components are matched by the names of their files"
        )


def rate_of(recordings, sfreq):
    """Return the rate to bring recordings to: the one given, or that of the first."""
    if sfreq is not None:
        return sfreq
    known = [r.sfreq for r in recordings if r.sfreq is not None]
    return float(known[0]) if known else None


def tell_changes(recordings, rate, channel, messages):
    """Say which recordings are resampled, averaged over channels, or have no rate."""
    unknown = [r for r in recordings if r.sfreq is None]
    if unknown and rate is not None:
        verb = "has" if len(unknown) == 1 else "have"
        messages.say(f"{counted(unknown)} {verb} no rate: {assumed(rate)}")
    resampled = Counter(r.sfreq for r in recordings if is_resampled(r, rate))
    for sfreq, count in resampled.items():
        name = "recording is" if count == 1 else "recordings are"
        messages.say(f"{count} {name} resampled from {sfreq:g} Hz to {rate:g} Hz")
    if channel is None:
        averaged = [r for r in recordings if one_channel_choice(r, None) == "mean"]
        if averaged:
            messages.say(f"the mean of all channels is used of {counted(averaged)}")


def assumed(rate):
    """Return what is assumed of a recording whose rate is not known."""
    return f"taken to be at {rate:g} Hz, as --sfreq {rate:g} would say"


def counted(recordings):
    """Return the number of recordings in words, or the name of a single one."""
    only = f"{recordings[0].path}"
    return only if len(recordings) == 1 else f"{len(recordings)} recordings"


def ratio_to(recording, rate):
    """Return the ratio of a rate to a recording's as integers, 1 where unknown."""
    if None in (rate, recording.sfreq):
        return 1, 1
    return resampling_ratio(recording.sfreq, rate)


def is_resampled(recording, rate):
    up, down = ratio_to(recording, rate)
    return up != down


# Values ------------------------------------------------------------------------------


def read_at(recording, rate, channel):
    """Return the values of a recording at a rate, (n_channels, n_times)."""
    select, _ = select_channels(recording, one_channel_choice(recording, channel))
    up, down = ratio_to(recording, rate)
    blocks = resample_blocks(map(select, recording.blocks()), up, down)
    x = np.concatenate([block.astype(np.float32) for block in blocks], axis=-1)
    if not np.isfinite(x).all():
        raise ValueError(f"{recording.path} contains NaN or infinity")
    return x


def read_track(track, rate, channel):
    """Return a mixture, ([n_channels,] n), and components, (K, [n_channels,] n)."""
    values = [read_at(r, rate, channel) for r in track.recordings()]
    n_times = min(x.shape[-1] for x in values)
    for recording, x in zip(track.recordings(), values, strict=True):
        if x.shape[-1] > n_times + 1:  # resampling may append one
            raise ValueError(
                f"{recording.path} has {x.shape[-1]} time points, but another "
                f"recording of {track.stem!r} has {n_times}"
            )
    values = [x[..., :n_times] for x in values]
    components = values if track.mixture is None else values[1:]
    if len({len(x) for x in components}) > 1:
        raise ValueError(f"the components of {track.stem!r} differ in their channels")
    y = np.stack(components)
    X = y.sum(axis=0) if track.mixture is None else values[0]
    if len(X) == 1 and y.shape[1] > 1:
        raise ValueError(f"the components of {track.stem!r} have channels it lacks")
    return (X[0] if len(X) == 1 else X), (y[:, 0] if y.shape[1] == 1 else y)


# Windows -----------------------------------------------------------------------------


def default_window(rate):
    """Return the number of time points of a window that is not given."""
    if rate is None or rate < LEAST_AUDIO_SFREQ:
        return DEFAULT_TIMES
    return round(rate)


def points(text, rate, name):
    """Return a number of time points, from an option such as "1024" or "0.5s"."""
    try:
        in_seconds = text.endswith("s")
        value = float(text.removesuffix("s"))
        if in_seconds and rate is None:
            raise UsageError(f"{name} {text}: seconds need a rate, by --sfreq")
        value = round(value * rate) if in_seconds else value
        if value < 1 or value != int(value):
            raise ValueError
    except ValueError:
        raise UsageError(
            f"{name} must be a number of time points, such as 1024, or of seconds, "
            f"such as 0.5s, got {text}"
        ) from None
    return int(value)


def window_and_hop(args, rate):
    """Return the length of windows, and the distance between two."""
    window = default_window(rate)
    if args.window is not None:
        window = points(args.window, rate, "--window")
    hop = window if args.hop is None else points(args.hop, rate, "--hop")
    return window, hop


def check_size(recordings, rate, window, hop):
    """Raise an error if the windows of recordings need more memory than there is."""
    n_times = sum(
        recording.n_times * (rate / recording.sfreq if recording.sfreq and rate else 1)
        for recording in recordings
    )
    # single precision, twice while windows are concatenated
    check_memory(int(8 * n_times * max(1, math.ceil(window / hop))), window=window)


def windows_of_tracks(tracks, rate, window, hop, channel, messages):
    """Return windows of mixtures and components; incomplete ones are left out."""
    recordings = [r for track in tracks for r in track.recordings()]
    tell_changes(recordings, rate, channel, messages)
    check_size(recordings, rate, window, hop)
    X, y = [], []
    for track in tracks:
        messages.say(f"reading {track.stem}", VERBOSE)
        mixture, components = read_track(track, rate, channel)
        if is_long_enough(track.stem, mixture, window, messages):
            starts = window_starts(mixture.shape[-1], window, hop)
            X.append(cut_windows(mixture, starts, window))
            y.append(cut_windows(components, starts, window))
    return concatenated(X, window), concatenated(y, window)


def windows_of(recording, rate, window, hop, channel, messages):
    """Return the windows of a recording as a list of one array, or an empty one."""
    x = read_at(recording, rate, channel)
    x = x[0] if len(x) == 1 else x
    if not is_long_enough(recording.path, x, window, messages):
        return []
    return [cut_windows(x, window_starts(x.shape[-1], window, hop), window)]


def is_long_enough(name, x, window, messages):
    """Return whether a recording has a window; say so if it has none."""
    if x.shape[-1] >= window:
        return True
    messages.say(
        f"{name}: left out, its {x.shape[-1]} time points are less than a window of "
        f"{window}"
    )
    return False


def concatenated(parts, window):
    """Return the windows of all recordings."""
    shapes = {part.shape[1:] for part in parts}
    if len(shapes) > 1:
        raise ValueError(f"recordings differ in their channels: {sorted(shapes)}")
    if not parts:
        raise UsageError(f"no recording has as many time points as a window: {window}")
    return np.concatenate(parts)
