"""Ctrl-C at random moments: it leaves `fit`, and trainings resume from checkpoints."""

import os
import signal
from collections import Counter
from functools import partial

from .runs import Place, failed
from .training import INTERRUPTED

COLUMNS = ("trainings", "KeyboardInterrupt", "equal", "failures")


def interrupted(root, whole, rng, other=None, *, checkpoint=True, search=False):
    """Interrupt a training, and fit again to the end.

    Parameters
    ----------
    root : Path
        Where to make folders.
    whole : dict
        What uninterrupted trainings learned, and their seconds.
    rng : random.Random
        Draws the moment over all of the training.
    other : None
        Not used.
    checkpoint : bool
        Whether to fit again in another process, from a checkpoint, or in the same one.
    search : bool
        Whether to interrupt a grid search.
    """
    tally = Counter(trainings=1)
    seconds = whole["search seconds" if search else "seconds"]
    options = {"search": search, "again": not checkpoint}
    if not checkpoint:
        options["folder"] = None
    status = 0
    while not status:  # a training that was at its end by then is left out
        place = Place(root)
        status = press(place.start(**options), rng.uniform(0, seconds))
    said = place.said.read_text() if place.said.exists() else ""
    if status != INTERRUPTED or not place.report()["interrupted"]:
        failed(tally, f"ended with status {status}: {said[-2000:]}")
        return tally
    tally["KeyboardInterrupt"] += 1
    expected = whole["search" if search else "learned"]
    found = place.learned(search=search) if checkpoint else place.report()["learned"]
    if found == expected:
        tally["equal"] += 1
    else:
        failed(tally, f"fitted again to {found}")
    return tally


def press(process, seconds):
    """Send SIGINT to a process after some time; return its status at the end."""
    process.join(seconds)
    if process.is_alive():
        os.kill(process.pid, signal.SIGINT)
    process.join()
    return process.exitcode


KINDS = {
    "Ctrl-C in fit": partial(interrupted, checkpoint=False),
    "Ctrl-C with a checkpoint": interrupted,
    "Ctrl-C in a search with checkpoints": partial(interrupted, search=True),
}
