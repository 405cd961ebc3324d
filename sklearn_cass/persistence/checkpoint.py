"""Folders of trainings, each with its state in a sub-folder that it locks."""

import json
import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from ..numeric.warning import warn_user
from .codec import decode, decode_state, encode
from .description import described_by_name
from .fields import described, expect, integer, named, text
from .file_format import (
    open_temporary,
    read,
    remove_leftovers,
    tree_from_tensor,
    tree_tensor,
    versions,
    write,
    write_atomically,
)
from .identity import changes, differing, subfolder_of
from .locks import lock, unlock
from .state import check_state

KIND = "checkpoint"
LOCK_TRIES, LOCK_SECONDS = 20, 0.05  # a killed process may take a while to end
DESCRIPTION, DESCRIPTION_BYTES = "training.json", 2**20
HEADER = {
    "identity": described_by_name,
    "rng": decode,
    "n_epochs": integer(0, 2**62),
    "versions": lambda content: described_by_name(content, text()),
}


class CheckpointFile:
    """File with the state of one training, in a sub-folder that is locked while in use.

    A context manager: it locks the sub-folder and reads the state; a training that ends
    in the context without an error is marked as finished.

    Parameters
    ----------
    folder : path-like
        Folder of all trainings, created if missing. Each has a sub-folder with its
        state, a file that the training locks, and a description for readers.
    identity : dict
        What must be equal for a training to be resumed.
    rng : RandomState
        Random state that a new training begins with.

    Attributes
    ----------
    rng : RandomState
        Random state that the training began with, whether new or resumed.
    n_epochs : int
        Number of epochs already trained.
    state : dict or None
        The saved state, None for a new training.
    """

    def __init__(self, folder, identity, rng):
        self.folder, self.identity = Path(os.path.expanduser(folder)), identity
        self.max_epochs = identity["max_epochs"]
        self.subfolder = self.folder / subfolder_of(identity, self.max_epochs)
        self.path = self.subfolder / "checkpoint.safetensors"
        self.rng, self.n_epochs, self.state = rng, 0, None

    def __enter__(self):
        self.prepare_subfolder()
        try:
            source = self.find_state()
            if source is None:
                self.warn_of_others()
            else:
                self.load(source)
        except BaseException:
            self.close()
            raise
        self.initial_rng = encode(self.rng)
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            with suppress(OSError):  # it only says that there is nothing left to do
                self.describe(is_finished=True)
        self.close()

    # The sub-folder and its lock --------------------------------------------------

    def prepare_subfolder(self):
        """Create and lock it, and check that it can be written to, before training."""
        try:
            self.subfolder.mkdir(parents=True, exist_ok=True)
            self.lock_file = open(self.subfolder / "lock", "ab")
        except OSError as error:
            raise self.not_writable(error) from error
        try:
            self.lock()
            self.check_writable()
        except BaseException:
            self.close()
            raise

    def lock(self):
        """Lock the sub-folder.

        Raises
        ------
        OSError
            If another training has locked it.
        """
        try:
            for _ in range(LOCK_TRIES):
                if lock(self.lock_file):
                    return
                time.sleep(LOCK_SECONDS)
        except OSError as error:
            warn_user(
                f"{self.name} cannot be locked ({error}): make sure that no other "
                "process trains there with the same data and parameters"
            )
            return
        raise OSError(
            f"{self.name} is in use: another process, or another thread, is training "
            f"there with the same data and parameters (in {self.subfolder.name!r}). "
            "Wait for its end, or choose another folder."
        )

    def close(self):
        """Release the lock."""
        with suppress(OSError):
            unlock(self.lock_file)
        self.lock_file.close()

    def check_writable(self):
        """Remove what crashes left, and raise an OSError if nothing can be written."""
        try:
            trial = self.subfolder / "trial"
            for path in (self.path, self.subfolder / DESCRIPTION, trial):
                remove_leftovers(path)
            temporary, file = open_temporary(trial, mode=None)
            file.close()
            temporary.unlink()
        except OSError as error:
            raise self.not_writable(error) from error

    def not_writable(self, error):
        return OSError(f"{self.name} is not a folder that can be written to: {error}")

    @property
    def name(self):
        """The parameter and its value, for messages."""
        return f"checkpoint={os.fspath(self.folder)!r}"

    # Reading ----------------------------------------------------------------------

    def find_state(self):
        """Return the file to resume from, None if there is none.

        With a constant learning rate, the epochs of a shorter training are also the
        first ones of a longer training.
        """
        if self.path.exists():
            return self.path
        if self.identity["lr_schedule"] != "constant":
            return None
        found = {}
        for path in self.folder.glob(f"{subfolder_of(self.identity)}/{self.path.name}"):
            with suppress(OSError, ValueError):  # damaged, or removed just now
                found[path] = described(read(path, KIND)[0], HEADER)["n_epochs"]
        found = {path: n for path, n in found.items() if n <= self.max_epochs}
        return max(found, key=found.get, default=None)

    def load(self, path):
        """Read a state, and warn if it is continued under other conditions."""
        header, tensors = self.read(path)
        self.check_identity(header["identity"])
        self.decode(header, tensors)
        if self.n_epochs < self.max_epochs:
            self.warn_of_changes(header)

    def read(self, path):
        """Return the header and the tensors of a file."""
        with self.naming():
            header, tensors = read(path, KIND)
            return described(header, HEADER), tensors

    @contextmanager
    def naming(self):
        """Say in errors that nothing can be resumed, and what to do."""
        try:
            yield
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"cannot resume from {self.name}: {error}. Delete it to start from the "
                "beginning."
            ) from error

    def check_identity(self, saved):
        """Raise a ValueError for a file that was put into this sub-folder."""
        names = {*differing(saved, self.identity)} - {"max_epochs"}
        if names:
            raise ValueError(
                f"cannot resume from {self.name}: the file in {self.subfolder.name!r} "
                f"is of another training, which differs in {', '.join(sorted(names))}. "
                "Delete it to start from the beginning."
            )

    def decode(self, header, tensors):
        """Set the random state, the number of epochs and the state from a file."""
        with self.naming(), named("state"):
            expect("state" in tensors, "a state", sorted(tensors))
            state = decode_state(tree_from_tensor(tensors["state"]), tensors)
        with self.naming(), named("rng"):
            expect(isinstance(header["rng"], np.random.RandomState), "a state", header)
        self.rng, self.n_epochs, self.state = header["rng"], header["n_epochs"], state

    def check_state(self, net):
        """Raise a ValueError unless the state is one of the training of a net."""
        with self.naming(), named("state"):
            check_state(self.state, net)
            n_epochs = len(self.state["history"])
            expect(n_epochs == self.n_epochs, f"{self.n_epochs} epochs", n_epochs)

    # Warnings ---------------------------------------------------------------------

    def warn_of_changes(self, header):
        """Warn if other releases began the training."""
        before, now = header.get("versions", {}), versions()
        if before != now:
            warn_user(
                f"the training in {self.name} is resumed after a change: "
                f"{changes(before, now)}. Its result may differ from that of an "
                "uninterrupted training."
            )

    def warn_of_others(self):
        """Warn of a training that was meant, perhaps, where a new one begins."""
        with suppress(OSError):  # a folder that cannot be listed
            for subfolder in sorted(self.folder.iterdir()):
                other = self.describe_other(subfolder)
                if other is not None:
                    warn_user(
                        f"{self.name} holds no training with these data and "
                        f"parameters, and a new one starts. It holds {other}."
                    )
                    return

    def describe_other(self, subfolder):
        """Describe the training of a sub-folder if it may be the one that was meant.

        That is one which differs in its data, or in one parameter alone: an unfinished
        one that no process is training, or one of fewer epochs that cannot be extended.
        """
        description = read_description(subfolder)
        if description is None:
            return None
        saved = description["identity"]
        names = differing(saved, self.identity)
        if description["is_finished"]:
            return self.describe_finished(saved) if names == ["max_epochs"] else None
        is_close = len(names) == 1 or set(names) == {"X", "y"}
        # read again, for it may have been finished since
        if not (is_close and is_free(subfolder)):
            return None
        if read_description(subfolder) != description:
            return None
        return f"an unfinished one: {changes(saved, self.identity)}"

    def describe_finished(self, saved):
        """Describe a finished training that is too short and cannot be extended."""
        schedule, n_epochs = self.identity["lr_schedule"], saved.get("max_epochs")
        if schedule == "constant" or n_epochs not in range(self.max_epochs):
            return None
        return (
            f"a finished one with max_epochs={n_epochs}, which cannot be extended with "
            f'lr_schedule={schedule!r}, but could be with "constant"'
        )

    # Writing ----------------------------------------------------------------------

    def write(self, state, n_epochs):
        """Write the state of the training after some epochs."""
        self.check_lock()
        tensors = {}
        try:
            tree = encode(state, tensors)
        except TypeError as error:
            raise TypeError(
                f"{self.name} cannot hold the state of this training's networks or "
                f"callbacks: {error}"
            ) from error
        header = {
            "identity": self.identity,
            "rng": self.initial_rng,
            "n_epochs": n_epochs,
        }
        self.describe(is_finished=False)
        write(self.path, KIND, header, tensors | {"state": tree_tensor(tree)})

    def check_lock(self):
        """Raise an OSError if the sub-folder was removed, for it has lost its lock."""
        found = os.stat(self.subfolder / "lock")
        if not os.path.samestat(found, os.fstat(self.lock_file.fileno())):
            raise OSError("its folder was removed and made again")

    def describe(self, is_finished):
        """Write what the training is, for readers, unless that is written already."""
        description = {"is_finished": is_finished, "identity": self.identity}
        if read_description(self.subfolder) != description:
            text = json.dumps(description, indent=2)
            write_atomically(self.subfolder / DESCRIPTION, text.encode())


def read_description(subfolder):
    """Return the description of a training, None where there is no valid one."""
    path = subfolder / DESCRIPTION
    try:
        if not path.is_file() or path.stat().st_size > DESCRIPTION_BYTES:
            return None
        found = json.loads(path.read_bytes())
        is_valid = isinstance(found["identity"], dict)
        return found if is_valid and isinstance(found["is_finished"], bool) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def is_free(subfolder):
    """Return whether no training has locked its sub-folder."""
    try:
        with open(subfolder / "lock", "ab") as file:
            is_locked = lock(file)
            if is_locked:
                unlock(file)
            return is_locked
    except OSError:
        return False
