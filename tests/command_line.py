"""Recordings and models for tests of the command line."""

import numpy as np
import soundfile
from cases import FAST

from sklearn_cass import AESeparator
from sklearn_cass.cli import main

SFREQ = 8000
# the smallest training
TINY_TRAINING = [
    *("--epochs", "1", "--window", "256"),
    *("--set", "network__n_filters=2", "--set", "network__n_latent=4"),
]


def make_tracks(n_tracks=3, n_times=3000, seed=0):
    """Return low and high noises by stem, arrays of shape (2, n_times).

    Integers of 16 bits and single precision hold them, and their sums.
    """
    rng = np.random.default_rng(seed)
    tracks = {}
    for k in range(n_tracks):
        noise = np.rint(2**9 * rng.normal(size=(2, n_times + 1))) / 2**12
        tracks[f"track{k}"] = np.stack(
            [noise[0, 1:] + noise[0, :-1], noise[1, 1:] - noise[1, :-1]]
        )
    return tracks


def write_tracks(folder, tracks, sfreq=SFREQ, suffix=".wav", subtype="PCM_16"):
    """Write folders of mixtures and of the components low and high; return them."""
    folders = [folder / name for name in ("mixtures", "low", "high")]
    for stem, y in tracks.items():
        for path, x in zip(folders, [y.sum(axis=0), *y], strict=True):
            path.mkdir(parents=True, exist_ok=True)
            write(path / f"{stem}{suffix}", x, sfreq, subtype)
    return [str(path) for path in folders]


def write(path, x, sfreq=SFREQ, subtype="PCM_16"):
    """Write a recording of shape ([n_channels,] n_times); return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, x)
    else:
        soundfile.write(path, x.T, sfreq, subtype)
    return str(path)


def fitted(sfreq=SFREQ, n_channels=None, names=("low", "high"), n_times=256):
    """Return a separator of filters, hardly trained."""
    rng = np.random.default_rng(0)
    shape = (8, 2, n_times) if n_channels is None else (8, 2, n_channels, n_times)
    y = rng.normal(size=shape)
    separator = AESeparator(**FAST)
    separator.fit(y.sum(axis=1), y, sfreq=sfreq)
    if names is not None:
        separator.component_names_ = np.array(names)
    return separator


def read(path):
    """Return the values of a file, ([n_channels,] n_times)."""
    if str(path).endswith(".npy"):
        return np.load(path)
    return soundfile.read(path)[0].T


def files(folder):
    """Return the names of all files under a folder, hidden ones, too."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    )


def run(*args):
    """Run the command line with arguments of any type; return its status."""
    return main([str(arg) for arg in args])
