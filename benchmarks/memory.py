"""Peak memory of a call, measured in a process of its own.

Pages of a mapped file count as resident until the system reclaims them, which it may do
at any time; a process needs its anonymous memory. A thread reads it during the call.
The largest resident size, which includes mapped pages, is reported too.
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
    """Return memory in MiB and time in seconds of a call in a new process.

    Parameters
    ----------
    target : str
        "module:function"; the function returns the call to measure.
    **arguments
        Arguments of the function, values that JSON can hold.

    Returns
    -------
    measured : dict
        ``anonymous`` and ``resident``, peaks above the memory before the call;
        ``seconds``.
    """
    words = [sys.executable, "-m", __name__, target, json.dumps(arguments)]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"{target} failed:\n{run.stderr}")
    return json.loads(run.stdout.splitlines()[-1])


def measured(call):
    """Return peaks and time of a call in this process."""
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
    """Context that measures the peak of the anonymous memory, ``peak``, in bytes."""

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
    """Return the bytes of anonymous memory."""
    return from_status("RssAnon")


def reset_peak():
    """Reset the peak, because preparing a measurement may need more memory."""
    PEAK.write_text("5")  # resets VmHWM: proc(5)


def largest_resident():
    """Return the largest number of resident bytes since the last reset."""
    # not `ru_maxrss`: a process inherits that of the one it was forked from
    return from_status("VmHWM")


def from_status(name):
    """Return a size in bytes from the status of this process."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"{STATUS} has no {name}: Linux 4.5 or newer is needed")


def main(target, arguments):
    """Prepare the call, measure it and print the result."""
    module, function = target.split(":")
    call = getattr(import_module(module), function)(**json.loads(arguments))
    print(json.dumps(measured(call)))


if __name__ == "__main__":
    main(*sys.argv[1:])
