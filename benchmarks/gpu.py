"""Run the parts of ``benchmarks/gpu.sh`` and write their numbers as JSON.

Each part is a process of its own with a time limit. The file is written anew after
every number, so that a run that is cut off keeps those before. Nothing but the standard
library is imported here: a package that is missing is a part that failed.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path

from .checkout import commit
from .rounding import rounded

LIMIT = 450  # seconds of all parts; half a minute is left for the installation
# seconds of each part
PARTS = {
    "machine": 60,
    "tests": 110,
    "equality": 90,
    "training": 150,
    "steps": 110,
    "together": 90,
    "inference": 110,
}
PREFIX = "@record "  # of the lines in which a part reports numbers
LOG_LINES = 60
N_DIGITS = 5
PYTEST = [
    *("-m", "pytest", "tests/test_cuda.py", "-v", "--tb=short", "--color=no"),
    *("-o", "addopts=", "-p", "no:cacheprovider", "--durations=5", "-rs"),
    *("-k", "not meta"),  # the second device relies on details of one torch release
    # other releases of the libraries may deprecate other things
    *("-W", "default::DeprecationWarning", "-W", "default::FutureWarning"),
]
OUTCOMES = "(?P<outcome>PASSED|FAILED|ERROR|SKIPPED)"
TEST = r"tests/test_cuda\.py::(?P<test>.+?)"
# as pytest prints them, by itself and from several processes
LINES = [
    re.compile(rf"{TEST} {OUTCOMES}\b"),
    re.compile(rf"\[gw\d+\].* {OUTCOMES} {TEST}\s*$"),
]


def record(table, **row):
    """Report a row of numbers from the process of a part."""
    print(f"\n{PREFIX}{json.dumps([table, rounded(row, N_DIGITS)])}", flush=True)


class Document:
    """The JSON file of a run.

    Parameters
    ----------
    path : Path
        The file.
    **facts
        The first entries of the file.
    """

    def __init__(self, path, **facts):
        self.path = path
        self.data = {**facts, "passed": None, "parts": {}}
        self.write()

    def write(self):
        """Write the file; a crash leaves the previous one."""
        temporary = self.path.with_name(f".{self.path.name}.tmp")
        temporary.write_text(json.dumps(self.data, indent=1) + "\n")
        os.replace(temporary, self.path)

    def begin(self, name):
        """Add a part."""
        part = {"status": "running", "seconds": None, "tables": {}, "log": []}
        self.data["parts"][name] = part
        self.write()
        return part

    def add(self, part, table, row):
        """Add a row of a part."""
        part["tables"].setdefault(table, []).append(row)
        self.write()


class Part:
    """A part of a run: its process, and what it reports.

    Parameters
    ----------
    name : str
        Name of the part.
    document : Document
        Where to write its numbers.
    """

    def __init__(self, name, document):
        self.name, self.document = name, document
        self.state = document.begin(name)
        self.log = deque(maxlen=LOG_LINES)

    def run(self, words, seconds, environment):
        """Run the process for at most so many seconds; return whether it passed."""
        start = time.monotonic()
        process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | environment,
            start_new_session=True,  # its own processes end with it
        )
        timer = threading.Timer(seconds, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        try:
            for line in process.stdout:
                self.take(line.rstrip())
            status = self.status(process.wait())
        finally:
            timer.cancel()
        duration = round(time.monotonic() - start, 1)
        self.state.update(status=status, seconds=duration, log=list(self.log))
        self.document.write()
        print(f"{self.name}: {status} ({duration:.0f} s)", flush=True)
        return status == "passed"

    def take(self, line):
        """Take a line of the process's output."""
        if line.startswith(PREFIX):
            self.document.add(self.state, *json.loads(line.removeprefix(PREFIX)))
            return
        if found := next(filter(None, (form.match(line) for form in LINES)), None):
            passed = found["outcome"] not in ("FAILED", "ERROR")
            self.document.add(
                self.state, "tests", found.groupdict() | {"passed": passed}
            )
        if line:
            self.log.append(line)
            print(line, flush=True)

    def status(self, code):
        """Return the status of a process that ended with a code."""
        if code == -signal.SIGKILL:
            return "out of time"
        rows = [row for rows in self.state["tables"].values() for row in rows]
        passed = all(row.get("passed", True) for row in rows)
        return "passed" if code == 0 and passed else "failed"


def options_of(arguments=None):
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/gpu.sh", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--device", default="cuda", help="cuda (default), cuda:1, cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("gpu.json"))
    parser.add_argument("--commit", default=None, help="where there is no .git folder")
    parser.add_argument("--exitfirst", action="store_true", help="end at a failure")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    return parser.parse_args(arguments)


def words_of(name, options):
    """Return the command of a part."""
    if name == "tests":
        n_processes = min(6, os.cpu_count() or 1)
        together = ["-n", str(n_processes)] if find_spec("xdist") else []
        return [sys.executable, *PYTEST, *together]
    arguments = [name, options.device, str(options.seed)]
    return [sys.executable, "-m", "benchmarks.gpu_parts", *arguments]


def main(arguments=None):
    """Run the parts; return the exit status."""
    options = options_of(arguments)
    start = time.monotonic()
    document = Document(
        options.output,
        command=f"benchmarks/gpu.sh --device {options.device} --seed {options.seed}",
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        commit=options.commit or commit() or "unknown",
    )
    passed = True
    for name in options.parts:
        seconds = min(PARTS[name], LIMIT - (time.monotonic() - start))
        environment = {"SKLEARN_CASS_TEST_DEVICE": options.device}
        words = words_of(name, options)
        passed &= Part(name, document).run(words, seconds, environment)
        if options.exitfirst and not passed:
            break
    document.data.update(passed=passed, seconds=round(time.monotonic() - start, 1))
    document.write()
    print(f"{'passed' if passed else 'FAILED'}: {options.output}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
