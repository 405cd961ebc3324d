"""Full disks and folders that fail: the checkpoint saved before must stay valid."""

import subprocess
from collections import Counter
from contextlib import contextmanager
from functools import partial

from .runs import Place, failed
from .training import N_EPOCHS

COLUMNS = ("trainings", "warnings", "refused", "saved before", "equal", "failures")


def later(root, whole, *, fault, epoch, saved):
    """Fault from an epoch on: warnings, the checkpoint before stays, the same end.

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
    saved : int
        Epochs in the checkpoint in the end.
    """
    tally, place = Counter(trainings=1), Place(root)
    status, said = place.train(faults=[(epoch, fault)])
    warned(place, whole, status, said, range(epoch, N_EPOCHS + 1), tally)
    resumes(place, whole, saved, tally)
    return tally


def killed_later(root, whole):
    """Full disk, then a kill: resumes from before the disk was full."""
    tally, place = Counter(trainings=1), Place(root)
    place.train(faults=[(5, "limit"), (9, "kill")])
    resumes(place, whole, 4, tally)
    return tally


def never_written_to(root, whole):
    """Read-only folder: refused before the training, not once it is writable."""
    tally, place = Counter(trainings=1), Place(root)
    place.folder.chmod(0o555)
    status, said = place.train(drop=True)
    if status and "OSError: checkpoint=" in said and "written to" in said:
        tally["refused"] += 1
    else:
        failed(tally, f"a read-only folder was not refused: {said[-2000:]}")
    resumes(place, whole, 0, tally)
    return tally


def small_disk(root, whole):
    """File system that holds one checkpoint, but not a second beside it."""
    tally, place = Counter(), Place(root)
    with small_file_system(place.folder, int(1.5 * whole["bytes"])) as reason:
        if reason:
            print(f"skipped: a full tmpfs ({reason})")
            return tally
        tally["trainings"] += 1
        status, said = place.train()
        warned(place, whole, status, said, range(2, N_EPOCHS + 1), tally)
        content = place.file.read_bytes()
    place.file.parent.mkdir()
    place.file.write_bytes(content)
    resumes(place, whole, 1, tally)
    return tally


@contextmanager
def small_file_system(folder, n_bytes):
    """Mount one in a folder; yield the reason where that is not allowed."""
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
    """Check that the training ended and warned of every epoch not saved."""
    if status or place.report()["learned"] != whole["learned"]:
        failed(tally, f"ended otherwise: {said[-2000:]}")
        return
    messages = place.report()["warnings"]
    tally["warnings"] += len(messages)
    expected = [f"epoch {epoch} could not be saved" for epoch in epochs]
    found = [message.split(" in checkpoint=")[0] for message in messages]
    if found != expected or not all(str(place.folder) in m for m in messages):
        failed(tally, f"warned of {messages}")


def resumes(place, whole, saved, tally):
    """Check that the checkpoint is the last valid one, and resumes to the same end."""
    place.make_writable()
    if place.n_epochs_saved() != saved or place.half_written():
        names = [path.name for path in place.folder.iterdir()]
        failed(tally, f"{place.n_epochs_saved()} epochs saved, not {saved}: {names}")
        return
    tally["saved before"] += bool(saved)
    found = place.learned()
    if found == whole["learned"]:
        tally["equal"] += 1
    else:
        failed(tally, f"resumed to {found}")


KINDS = {
    "full tmpfs": small_disk,
    "no room from the start": partial(later, fault="limit", epoch=1, saved=0),
    "no room from epoch 5 on": partial(later, fault="limit", epoch=5, saved=4),
    "no room from epoch 5 on, killed in 9": killed_later,
    "folder removed in epoch 5": partial(later, fault="remove", epoch=5, saved=0),
    "read-only folder": never_written_to,
    "read-only from epoch 5 on": partial(later, fault="read-only", epoch=5, saved=4),
}
