"""Trainings in processes of their own: started, killed, seen to their end."""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from trainings import FILE

from sklearn_cass.files import leftovers, read

PLACES = ("before the first checkpoint", "in an epoch", "while writing")


class Place:
    """A folder for one training: its checkpoints, and what it learned.

    Parameters
    ----------
    root : Path
        Where to make it.
    """

    def __init__(self, root):
        root = Path(tempfile.mkdtemp(dir=root))
        root.chmod(0o777)  # some trainings are without the superuser's rights
        self.folder, self.out = root / "folder", root / "learned.json"
        self.folder.mkdir()
        self.folder.chmod(0o777)

    def start(self, **options):
        """Start a training; it has begun when this returns."""
        options = {"folder": str(self.folder), "out": str(self.out)} | options
        command = [sys.executable, "-m", "faults.training", json.dumps(options)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        process.stdout.readline()
        return process

    def train(self, **options):
        """Train to the end; returns the exit status and what was said."""
        self.out.unlink(missing_ok=True)
        process = self.start(**options)
        _, said = process.communicate()
        return process.returncode, said

    def report(self):
        """What the last training to its end learned and warned of."""
        return json.loads(self.out.read_text())

    def learned(self, **options):
        """Train to the end; returns what was learned, or what was said instead."""
        status, said = self.train(**options)
        return said[-2000:] if status else self.report()["learned"]

    def n_epochs_kept(self):
        """Number of epochs in the checkpoint; 0 where there is none."""
        file = self.folder / FILE
        return read(file, "checkpoint")[0]["n_epochs"] if file.exists() else 0

    def half_written(self):
        """Whether a checkpoint is being written, or was when the process died."""
        files = leftovers(self.folder / FILE)
        return any(file.name != f".{FILE}.trial.tmp" for file in files)

    def where(self):
        """Where a kill hit."""
        if self.half_written():
            return "while writing"
        return PLACES[1] if (self.folder / FILE).exists() else PLACES[0]


def killed(process, seconds, place=None):
    """Kill a training after some time; False where it had ended by then."""
    with ended(process):
        try:
            process.wait(seconds)
            return False
        except subprocess.TimeoutExpired:
            return True


def killed_in_writing(process, seconds, place):
    """Kill a training in the first writing after some time."""
    with ended(process):
        begun = time.monotonic()
        while process.poll() is None:
            if time.monotonic() > begun + seconds and place.half_written():
                return True
        return False


@contextmanager
def ended(process):
    """Nothing of a process is left behind."""
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def failed(tally, message):
    """Count a failure and say what it is."""
    tally["failures"] += 1
    print(f"FAILED: {message}", flush=True)
