"""Records of runs: one compressed file for each page.

A finished run is first a file of its own in the folder ``work``, which git ignores, so
that several runs at a time cannot meet; ``compact`` adds it to the page's JSON lines.
"""

import gzip
import json
from pathlib import Path

from sklearn_cass.persistence.file_format import write_atomically

from ..rounding import rounded
from .tasks import ABOUT_TASK, digest

N_DIGITS = 4

ROUNDED = ("seconds", "measured", "curves", "outputs", "bounds", "learned")


def write_run(record, folder, page):
    """Keep a finished run until the page's file is written."""
    record = {k: rounded(v, N_DIGITS) if k in ROUNDED else v for k, v in record.items()}
    path = Path(folder) / "work" / page / f"{digest(record['task'])}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(record).encode())


class Records:
    """The records of a page: those of its file, and of the runs since."""

    def __init__(self, folder, page):
        self.path = Path(folder) / "data" / f"{page}.jsonl.gz"
        kept = gzip.decompress(self.path.read_bytes()) if self.path.exists() else b""
        runs = sorted((Path(folder) / "work" / page).glob("*.json"))
        lines = [*kept.splitlines(), *(run.read_bytes() for run in runs)]
        self.by_digest = {digest((r := json.loads(x))["task"]): r for x in lines}
        self.seeds = sorted({r["task"]["seed"] for r in self.by_digest.values()})

    def compact(self):
        """Write the page's file, the same bytes for the same records."""
        lines = sorted(json.dumps(r) for r in self.by_digest.values())
        if lines:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            data = "".join(f"{line}\n" for line in lines).encode()
            write_atomically(self.path, gzip.compress(data, mtime=0))

    def find(self, task):
        """Return the record with all parameters and rows of a task, or None."""
        return self.by_digest.get(task.digest)

    def missing(self, tasks):
        """Return the tasks without a record, each once."""
        left = {task.digest: task for task in tasks}
        return [task for name, task in left.items() if name not in self.by_digest]

    def complete(self, tasks_of):
        """Return records by name, those of the seeds that lack none: {name: [record]}.

        ``tasks_of`` takes a seed and returns tasks by name. A seed that lacks a record
        would favour some rows of a table.
        """
        found = [
            records for records in self._by_seed(tasks_of) if all(records.values())
        ]
        return {name: [of[name] for of in found] for name in found[0]} if found else {}

    def found(self, tasks_of):
        """Return the records that there are, of each name those of its seeds."""
        found = self._by_seed(tasks_of)
        return {name: [of[name] for of in found if of[name]] for name in tasks_of(0)}

    def _by_seed(self, tasks_of):
        """Return a dict of records, or None, by name for each seed."""
        return [{k: self.find(t) for k, t in tasks_of(s).items()} for s in self.seeds]

    def stale(self, tasks_of):
        """Return a sentence on the records that tasks have outgrown, or "".

        These are of the same setting and seed as a task that has no record, with other
        parameters or rows.
        """
        n_stale, changes = 0, {}
        for task in self.missing(t for s in self.seeds for t in tasks_of(s).values()):
            differences = [
                difference(record["task"], task.identity)
                for record in self.by_digest.values()
                if record["setting"] == task.setting
                and all(record["task"][k] == task.identity[k] for k in ABOUT_TASK)
            ]
            if differences:
                n_stale += 1
                changes |= min(differences, key=len)
        if not n_stale:
            return ""
        named = ", ".join(f"`{k}` was {a!r}, is {b!r}" for k, (a, b) in changes.items())
        return f"{n_stale} records are stale and not used: {named}.\n"


def difference(old, new):
    """Return {name: (old, new)} of what differs between two identities."""
    pairs = {name: (old.get(name), new.get(name)) for name in sorted(old | new)}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
