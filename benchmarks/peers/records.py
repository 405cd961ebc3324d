"""Records of runs; a run that has one is not made again.

A finished run is first a file of its own; ``compact`` moves all into one file.
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path

from sklearn_cass.persistence.file_format import write_atomically

from ..rounding import rounded

FOLDER = Path(__file__).parent / "results"
N_DIGITS = 4


@dataclass(frozen=True)
class Task:
    """One run; ``budget`` is None for a run that is measured at several or at none."""

    experiment: str
    system: str
    kind: str  # "training", or "costs"
    seed: int = 0
    budget: float | None = None

    @property
    def name(self):
        """The name of its file."""
        budget = "" if self.budget is None else f"-{self.budget:g}s"
        seed = "" if self.kind == "costs" else f"-seed{self.seed}"
        return f"{self.experiment}-{self.system}-{self.kind}{seed}{budget}"


class Records:
    """The records in a folder, of runs that ``kind`` describes, a dataclass."""

    def __init__(self, folder=FOLDER, kind=Task):
        self.folder = Path(folder)
        self.kind = kind
        self.kept = self.folder / "records.jsonl"

    def path(self, task):
        """Return the file of a task."""
        return self.folder / f"{task.name}.json"

    def write(self, task, record):
        """Write a record, numbers rounded."""
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(rounded(record, N_DIGITS), indent=1) + "\n"
        write_atomically(self.path(task), text.encode())

    def find(self, task, identity):
        """Return the record of a task, or None; not one that was made otherwise."""
        record = self.read(task)
        same = record is not None and record["identity"] == as_json(identity)
        return record if same else None

    def read(self, task):
        """Return the record of a task, however it was made, or None."""
        return self.by_name().get(task.name)

    def all(self):
        """Return all records, in the order of their names."""
        return [record for _, record in sorted(self.by_name().items())]

    def by_name(self):
        """Return the records of the compact file, and those of runs since."""
        lines = self.kept.read_text().splitlines() if self.kept.exists() else []
        texts = [*lines, *(path.read_text() for path in self.runs())]
        return {self.name_of(record): record for record in map(json.loads, texts)}

    def runs(self):
        """Return the files of single runs."""
        return sorted(self.folder.glob("*.json"))

    def name_of(self, record):
        """Return the name of the task of a record."""
        names = [field.name for field in fields(self.kind)]
        return self.kind(**{name: record["identity"][name] for name in names}).name

    def compact(self):
        """Move all records into one file, the same bytes for the same records."""
        lines = [json.dumps(record) + "\n" for record in self.all()]
        if lines:
            write_atomically(self.kept, "".join(lines).encode())
        for path in self.runs():
            path.unlink()


def as_json(value):
    """Return a value as it is read back from a record."""
    return json.loads(json.dumps(rounded(value, N_DIGITS)))
