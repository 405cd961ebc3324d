"""Records of runs, each a small file; a run that has one is not made again."""

import json
from dataclasses import dataclass
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
    """The records in a folder."""

    def __init__(self, folder=FOLDER):
        self.folder = Path(folder)

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
        path = self.path(task)
        return json.loads(path.read_text()) if path.exists() else None

    def all(self):
        """Return all records, in the order of their files."""
        return [json.loads(p.read_text()) for p in sorted(self.folder.glob("*.json"))]


def as_json(value):
    """Return a value as it is read back from a record."""
    return json.loads(json.dumps(rounded(value, N_DIGITS)))
