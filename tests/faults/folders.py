"""Disks that are full and folders that fail; what is kept must stay good."""

import subprocess
from collections import Counter
from contextlib import contextmanager
from functools import partial

from trainings import FILE

from .runs import Place, failed
from .training import N_EPOCHS

COLUMNS = ("trainings", "warnings", "refused", "kept before", "equal", "failures")


def later(root, whole, *, fault, epoch, kept):
    """A fault from an epoch on: warnings, the old checkpoint kept, the same end.

    Parameters
    ----------
    root : Path
        Where to make folders.
    whole : dict
        What an uninterrupted training learned.
    fault : str
        One of those of :mod:`faults.training`.
    epoch : int
        Which epoch begins with it.
    kept : int
        Epochs in the checkpoint in the end.
    """
    tally, place = Counter(trainings=1), Place(root)
    status, said = place.train(faults=[(epoch, fault)])
    warned(place, whole, status, said, range(epoch, N_EPOCHS + 1), tally)
    goes_on(place, whole, kept, tally)
    return tally


def killed_later(root, whole):
    """A full disk, then a kill: goes on from before the disk was full."""
    tally, place = Counter(trainings=1), Place(root)
    place.train(faults=[(5, "limit"), (9, "kill")])
    goes_on(place, whole, 4, tally)
    return tally


def never_written_to(root, whole):
    """A read-only folder: refused before the training, and served once it is not."""
    tally, place = Counter(trainings=1), Place(root)
    place.folder.chmod(0o555)
    status, said = place.train(drop=True)
    if status and "OSError: checkpoint=" in said and "written to" in said:
        tally["refused"] += 1
    else:
        failed(tally, f"a read-only folder was not refused: {said[-2000:]}")
    goes_on(place, whole, 0, tally)
    return tally


def small_disk(root, whole):
    """A file system with room for one checkpoint, not for a second beside it."""
    tally, place = Counter(), Place(root)
    with small_file_system(place.folder, int(1.5 * whole["bytes"])) as reason:
        if reason:
            print(f"skipped: a full tmpfs ({reason})")
            return tally
        tally["trainings"] += 1
        status, said = place.train()
        warned(place, whole, status, said, range(2, N_EPOCHS + 1), tally)
        kept = (place.folder / FILE).read_bytes()
    (place.folder / FILE).write_bytes(kept)
    goes_on(place, whole, 1, tally)
    return tally


@contextmanager
def small_file_system(folder, n_bytes):
    """Mount one in a folder; yields why not where that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={n_bytes},mode=777", "tmpfs"]
    try:
        run = subprocess.run([*command, folder], capture_output=True, text=True)
    except OSError as error:  # no such command
        yield str(error)
        return
    if run.returncode:
        yield run.stderr.strip()
        return
    try:
        yield None
    finally:
        subprocess.run(["umount", folder], check=True)


def warned(place, whole, status, said, epochs, tally):
    """The training came to its end, and named every epoch that was not kept."""
    if status or place.report()["learned"] != whole["learned"]:
        failed(tally, f"ended otherwise: {said[-2000:]}")
        return
    messages = place.report()["warnings"]
    tally["warnings"] += len(messages)
    expected = [f"epoch {epoch} could not be kept" for epoch in epochs]
    found = [message.split(" in checkpoint=")[0] for message in messages]
    if found != expected or not all(str(place.folder) in m for m in messages):
        failed(tally, f"warned of {messages}")


def goes_on(place, whole, kept, tally):
    """The checkpoint is the last good one; from there the same end is come to."""
    place.folder.mkdir(exist_ok=True)
    place.folder.chmod(0o777)
    if place.n_epochs_kept() != kept or place.half_written():
        names = [path.name for path in place.folder.iterdir()]
        failed(tally, f"{place.n_epochs_kept()} epochs kept, not {kept}: {names}")
        return
    tally["kept before"] += bool(kept)
    found = place.learned()
    if found == whole["learned"]:
        tally["equal"] += 1
    else:
        failed(tally, f"went on to {found}")


KINDS = {
    "full tmpfs": small_disk,
    "no room from the start": partial(later, fault="limit", epoch=1, kept=0),
    "no room from epoch 5 on": partial(later, fault="limit", epoch=5, kept=4),
    "no room from epoch 5 on, killed in 9": killed_later,
    "folder removed in epoch 5": partial(later, fault="remove", epoch=5, kept=0),
    "read-only folder": never_written_to,
    "read-only from epoch 5 on": partial(later, fault="read-only", epoch=5, kept=4),
}
