"""`make test-faults`: kills, Ctrl-C, failing disks, with closing tables.

Needs POSIX. The seed of the moments at which trainings are killed is the only
argument; the moments themselves depend on how fast the machine is.
"""

import os
import random
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import closing_table

from . import folders, interrupts, kills, processes
from .runs import Place
from .training import N_EPOCHS

REPORT = Path(__file__).parents[2] / "docs" / "reliability.md"
N_TRAININGS = {
    "killed at a random moment": 20,
    "killed in a writing": 8,
    "killed until it ends": 2,
    "Ctrl-C in fit": 20,
    "Ctrl-C with a checkpoint": 20,
    "Ctrl-C in a search with checkpoints": 20,
    "one training, twice": 6,
    "two trainings": 6,
}
KINDS = {**kills.KINDS, **interrupts.KINDS, **processes.KINDS}
TABLES = {
    "trainings killed": kills,
    "trainings interrupted": interrupts,
    "two processes in one folder": processes,
    "folders, disks": folders,
}


def uninterrupted(root):
    """Return result, duration and checkpoint size of trainings without an interrupt.

    As many run at a time as later: each of them takes longer then.
    """
    places = [Place(root) for _ in range(os.cpu_count())]
    processes, begun = [place.start() for place in places], time.monotonic()
    for process in processes:
        process.join()
    seconds = time.monotonic() - begun
    if any(process.exitcode for process in processes):
        sys.exit(places[0].said.read_text())
    first, *others = [place.report() for place in places]
    if any(other != first for other in others):
        sys.exit("two uninterrupted trainings are not equal")
    size = places[0].file.stat().st_size
    return first | {"seconds": seconds, "bytes": size}


def references(root):
    """Return what a search and another training learn without an interrupt."""
    places, begun = [Place(root), Place(root)], time.monotonic()
    processes = [places[0].start(search=True), places[1].start(other="lr")]
    for process in processes:
        process.join()
    seconds = time.monotonic() - begun
    search, other = (place.report()["learned"] for place in places)
    return {"search": search, "other": other, "search seconds": seconds}


def jobs(root, whole, seed):
    """Every training to do: what kind it is, and a function that does it."""
    for name, job in folders.KINDS.items():
        yield name, lambda job=job: job(root, whole)
    for name, n_trainings in N_TRAININGS.items():
        for k in range(n_trainings):
            rng = random.Random(f"{seed} {name} {k}")
            other = kills.OTHERS[k] if k < len(kills.OTHERS) else None
            job = KINDS[name]
            yield (
                name,
                lambda job=job, rng=rng, other=other: job(
                    root, whole, rng, other=other
                ),
            )


def done(root, whole, seed):
    """All trainings, as many at a time as there are processors; tallies by kind."""
    tallies = {name: Counter() for name in [*folders.KINDS, *KINDS]}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = [(name, pool.submit(job)) for name, job in jobs(root, whole, seed)]
        for name, run in runs:
            tallies[name].update(run.result())
            print(f"{name}: {dict(tallies[name])}", flush=True)
    return tallies


def table(first, kinds, columns, tallies):
    """A table in markdown of some kinds of trainings."""
    counts = {column: [tallies[kind][column] for kind in kinds] for column in columns}
    return closing_table.markdown({first: list(kinds), **counts}, total=True)


def main(seed):
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)  # for trainings without the superuser's rights
        whole = uninterrupted(root)
        whole |= references(root)
        tallies = done(root, whole, seed)
    skipped = [name for name, tally in tallies.items() if not tally["trainings"]]
    facts = {
        "command": f"make test-faults SEED={seed}, {time.monotonic() - begun:.0f} s",
        "one training": f"CASSSeparator, {N_EPOCHS} epochs (the best: "
        f"{whole['best_epoch']}), {whole['seconds']:.1f} s, checkpoints of "
        f"{whole['bytes'] / 1e6:.1f} MB",
        "skipped": ", ".join(skipped) or "nothing",
        **closing_table.machine(),
    }
    tables = "\n\n".join(
        table(name, module.KINDS, module.COLUMNS, tallies)
        for name, module in TABLES.items()
    )
    print(closing_table.described(facts, tables))
    closing_table.replace_section(REPORT, "faults", facts, tables)
    return any(tally["failures"] for tally in tallies.values())


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.exit(main(int(sys.argv[1])))
