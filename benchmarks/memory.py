"""Peak memory of a call, measured in a process of its own.

Pages of a mapped file count as resident until the system takes them back, which it may
at any time: what a process cannot do without is its anonymous memory. A thread reads it
while the call runs. The largest resident size, mapped pages included, stands beside it.
"""

import json
import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path

STATUS = Path("/proc/self/status")  # Linux
PEAK = Path("/proc/self/clear_refs")
INTERVAL = 0.005  # seconds between two readings
MIB = 2**20


def measured_apart(target, **arguments):
    """What a call takes, in MiB and seconds.

    Parameters
    ----------
    target : str
        "module:function"; the function prepares and returns the call to measure.
    **arguments
        Of the function, as JSON can hold them.

    Returns
    -------
    dict
        ``anonymous`` and ``resident``, peaks above what was there before the call;
        ``seconds``.
    """
    words = [sys.executable, "-m", __name__, target, json.dumps(arguments)]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"{target} failed:\n{run.stderr}")
    return json.loads(run.stdout.splitlines()[-1])


def measured(call):
    """Peaks and time of a call in this process."""
    reset_peak()
    before, resident_before = anonymous(), from_status("VmRSS")
    start = time.perf_counter()
    with Watch() as watch:
        call()
    return {
        "anonymous": (watch.peak - before) / MIB,
        "resident": (largest_resident() - resident_before) / MIB,
        "seconds": time.perf_counter() - start,
    }


class Watch:
    """Read the anonymous memory until this context is left; ``peak`` in bytes."""

    def __init__(self, interval=INTERVAL):
        self.interval = interval

    def __enter__(self):
        self.peak, self.done = anonymous(), threading.Event()
        self.thread = threading.Thread(target=self.read)
        self.thread.start()
        return self

    def read(self):
        while not self.done.wait(self.interval):
            self.peak = max(self.peak, anonymous())

    def __exit__(self, *error):
        self.done.set()
        self.thread.join()


def anonymous():
    """Bytes of anonymous memory."""
    return from_status("RssAnon")


def reset_peak():
    """Forget the peak so far: what prepares a measurement may take more than it."""
    PEAK.write_text("5")  # makes VmHWM begin anew: proc(5)


def largest_resident():
    """Bytes that were resident at most since the process began or forgot its peak."""
    # `ru_maxrss` would not do: a process starts with that of the one it was forked from
    return from_status("VmHWM")


def from_status(name):
    """Bytes that the system tells of this process."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"{STATUS} does not tell {name}: Linux 4.5 or newer is needed")


def main(target, arguments):
    """Prepare, call, print."""
    module, function = target.split(":")
    call = getattr(import_module(module), function)(**json.loads(arguments))
    print(json.dumps(measured(call)))


if __name__ == "__main__":
    main(*sys.argv[1:])
