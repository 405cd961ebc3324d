"""Recordings with events, and the folds in which each is tested on."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sklearn_cass import datasets

ABDOMINAL = ["Abdomen_1", "Abdomen_2", "Abdomen_3", "Abdomen_4"]


@dataclass(frozen=True, eq=False)  # hashed by identity, for caches
class Recording:
    """Channels of one recording, and the times of its events in seconds.

    ``folder`` is that of all recordings; methods that learn read others from there.
    """

    database: str
    name: str
    group: int
    data: np.ndarray  # (n_channels, n_times), without NaN
    sfreq: int
    events: np.ndarray | None
    folder: Path

    @property
    def duration(self):
        """Return the duration in seconds."""
        return self.data.shape[1] / self.sfreq

    def without_events(self):
        """Return the recording as a method may see it that is tested on it."""
        return replace(self, events=None)


def recordings_of(database, bunch, folder):
    """Return the recordings of a Bunch."""
    columns = (bunch.record_names, bunch.groups, bunch.data, bunch.events)
    return [
        Recording(database, name, int(group), bridged(x), bunch.sfreq, events, folder)
        for name, group, x, events in zip(*columns, strict=True)
    ]


def bridged(x):
    """Return channels with lines in the place of gaps; a channel of gaps is 0."""
    x, points = x.copy(), np.arange(x.shape[1])
    for channel in x:
        known = np.isfinite(channel)
        if known.any():
            channel[:] = np.interp(points, points[known], channel[known])
        else:
            channel[:] = 0
    return x


def load_fetal(folder):
    """Return the abdominal recordings of both databases."""
    adfecgdb = datasets.load_adfecgdb(folder, channels=ABDOMINAL)
    challenge = datasets.load_challenge2013(folder)
    return [
        *recordings_of("ADFECGDB", adfecgdb, folder),
        *recordings_of("Challenge 2013", challenge, folder),
    ]


def load_respiration(folder):
    """Return the PPG of the patients, with the breaths of the first annotator."""
    bunch = datasets.load_bidmc(folder, channels=["PLETH"])
    return recordings_of("BIDMC", bunch, folder)


def training_set(recordings, tested):
    """Return the recordings that a method may learn from: other groups.

    Recordings of another database than ADFECGDB are never learned from by the fetal
    rows, so that a database of other hospitals tells how far methods carry.
    """
    return [
        other
        for other in recordings
        if other.database in ("ADFECGDB", "BIDMC")
        and (other.database, other.group) != (tested.database, tested.group)
    ]
