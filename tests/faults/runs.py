"""Trainings in processes of their own: started, killed, seen to their end."""

import json
import multiprocessing
import signal
import tempfile
from pathlib import Path

from trainings import FILE

from sklearn_cass.persistence.file_format import leftovers, read

from . import training

# forked from a process that has imported all and done nothing: imports take longer
# than a training
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["faults.training"])
PLACES = ("before the first checkpoint", "in an epoch", "while writing")


class Place:
    """A folder for one training: its checkpoints, and what it learned.

    Parameters
    ----------
    root : Path
        Where to make it.
    folder : Path or None
        Folder of the checkpoints, if it is that of another place.
    """

    def __init__(self, root, folder=None):
        root = Path(tempfile.mkdtemp(dir=root))
        root.chmod(0o777)  # some trainings are without the superuser's rights
        self.out, self.said = root / "learned.json", root / "said.txt"
        self.folder = folder or root / "folder"
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o777)
        self.file = self.folder / training.subfolder() / FILE

    def start(self, **options):
        """Start a training; it is about to begin when this returns."""
        options = {"folder": str(self.folder), "out": str(self.out)} | options
        ready = PROCESSES.Event()
        process = PROCESSES.Process(
            target=training.run, args=(ready, str(self.said), options)
        )
        process.start()
        while not ready.wait(0.1) and process.is_alive():
            pass
        return process

    def train(self, **options):
        """Train to the end; returns the exit status and what was said."""
        self.out.unlink(missing_ok=True)
        self.said.unlink(missing_ok=True)
        process = self.start(**options)
        process.join()
        return process.exitcode, self.said.read_text() if self.said.exists() else ""

    def report(self):
        """What the last training to its end learned and warned of."""
        return json.loads(self.out.read_text())

    def learned(self, **options):
        """Train to the end; returns what was learned, or what was said instead."""
        status, said = self.train(**options)
        return said[-2000:] if status else self.report()["learned"]

    def n_epochs_saved(self):
        """Number of epochs in the checkpoint; 0 where there is none."""
        file = self.file
        return read(file, "checkpoint")[0]["n_epochs"] if file.exists() else 0

    def make_writable(self):
        """Make the folder and its sub-folders writable again."""
        self.folder.mkdir(exist_ok=True)
        for path in (self.folder, *self.folder.iterdir()):
            path.chmod(0o777)

    def half_written(self):
        """Whether a checkpoint is being written, or was when the process died."""
        return self.file.parent.exists() and bool(leftovers(self.file))

    def where(self):
        """Where a kill hit."""
        if self.half_written():
            return "while writing"
        return PLACES[1] if self.file.exists() else PLACES[0]


def killed(process, seconds, place=None):
    """Kill a training after some time; False where it had ended by then."""
    process.join(seconds)
    return kill(process)


def killed_in_writing(process, seconds, place):
    """Kill a training in the first writing after some time."""
    process.join(seconds)
    while process.is_alive() and not place.half_written():
        pass  # a writing takes milliseconds
    return kill(process)


def kill(process):
    """Whether there was something left to kill."""
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def failed(tally, message):
    """Count a failure and say what it is."""
    tally["failures"] += 1
    print(f"FAILED: {message}", flush=True)
