"""Two processes that train with checkpoints in one folder."""

from collections import Counter

from .runs import Place, failed

COLUMNS = ("trainings", "refused", "equal", "failures")
IN_USE = "is in use: another process"


def same(root, whole, rng, other=None):
    """Start a training twice: one is refused, the other one ends as if alone."""
    tally, places = Counter(trainings=2), two_places(root)
    first = places[0].start()
    first.join(rng.uniform(0, whole["seconds"] / 4))
    second = places[1].start()
    for process, place in zip((first, second), places, strict=True):
        process.join()
        said = place.said.read_text() if place.said.exists() else ""
        if not process.exitcode:
            compare(place.report()["learned"], whole["learned"], tally)
        elif IN_USE in said:
            tally["refused"] += 1
        else:
            failed(tally, f"ended otherwise: {said[-2000:]}")
    if tally["refused"] != 1:
        failed(tally, f"{tally['refused']} of two trainings were refused")
    return tally


def different(root, whole, rng, other=None):
    """Start two trainings: both end as if alone."""
    tally, places = Counter(trainings=2), two_places(root)
    first = places[0].start()
    first.join(rng.uniform(0, whole["seconds"] / 4))
    second = places[1].start(other="lr")
    expected = (whole["learned"], whole["other"])
    for process, place, learned in zip((first, second), places, expected, strict=True):
        process.join()
        said = place.said.read_text() if place.said.exists() else ""
        found = said[-2000:] if process.exitcode else place.report()["learned"]
        compare(found, learned, tally)
    return tally


def two_places(root):
    first = Place(root)
    return first, Place(root, first.folder)


def compare(found, expected, tally):
    if found == expected:
        tally["equal"] += 1
    else:
        failed(tally, f"learned {found}")


KINDS = {"one training, twice": same, "two trainings": different}
