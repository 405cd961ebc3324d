"""Kills at random moments; trainings must resume as if they had not been killed."""

from collections import Counter
from functools import partial

from trainings import FILE

from .runs import PLACES, Place, failed, killed, killed_in_writing

OTHERS = ("X", "lr", "class")
COLUMNS = ("trainings", "kills", *PLACES, "others beside", "equal", "failures")
FILES = [FILE, "lock", "training.json"]


def one_kill(kill, root, whole, rng, other=None):
    """Kill a training, run another one in its folder, resume to the end.

    Parameters
    ----------
    kill : callable
        One of those of :mod:`faults.runs`.
    root : Path
        Where to make folders.
    whole : dict
        What an uninterrupted training learned, and its seconds.
    rng : random.Random
        Draws the moment over all of the training.
    other : {"X", "lr", "class"} or None
        What differs in the other training.
    """
    tally = Counter(trainings=1)
    while not tally["kills"]:
        place = Place(root)
        seconds = rng.uniform(0, whole["seconds"])
        # a training that was at its end by then is left out
        if kill(place.start(), seconds, place):
            count(tally, place)
    if other and place.n_epochs_saved():
        run_beside(place, whole, other, tally)
    end(place, whole, tally)
    return tally


def many_kills(root, whole, rng, other=None):
    """Kill the same training again and again, until it ends."""
    tally, place = Counter(trainings=1), Place(root)
    while killed(place.start(), rng.uniform(0, whole["seconds"] / 3)):
        count(tally, place)
    end(place, whole, tally)
    return tally


def count(tally, place):
    tally["kills"] += 1
    tally[place.where()] += 1


def run_beside(place, whole, other, tally):
    """Check that another training says what differs and leaves the checkpoint alone."""
    before = place.file.read_bytes()
    status, said = place.train(other=other)
    if status or place.file.read_bytes() != before:
        failed(tally, f"another {other} failed, or was not apart: {said[-2000:]}")
        return
    report = place.report()
    # a class has other parameters, too
    named = other == "class" or f"{other} was" in str(report["warnings"])
    if named and report["learned"] != whole["learned"]:
        tally["others beside"] += 1
    else:
        failed(tally, f"another {other} was not told apart: {report}")


def end(place, whole, tally):
    """Resume to the end and compare; nothing else stays in the sub-folder."""
    found = place.learned()
    left = sorted(path.name for path in place.file.parent.iterdir())
    if found != whole["learned"]:
        failed(tally, f"resumed to {found}")
    elif left != FILES:
        failed(tally, f"left {left}")
    else:
        tally["equal"] += 1


KINDS = {
    "killed at a random moment": partial(one_kill, killed),
    "killed in a writing": partial(one_kill, killed_in_writing),
    "killed until it ends": many_kills,
}
