"""Times of fit, transform and separate beside busy processes, over those without.

    python -m benchmarks.bench_neighbours --quick

A busy process takes all of a core that it gets. The thread settings are those found.
"""

import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

from sklearn_cass import AESeparator, BiLSTM, CASSSeparator

from .bench_training import rows_of
from .command import main
from .figures import bars, panels
from .results import Result
from .timing import spread

# until the parent ends, however it ends
BUSY = """
import os
parent = os.getppid()
print(flush=True)
while os.getppid() == parent:
    sum(range(1_000_000))
"""
SEPARATORS = {
    "ECG": CASSSeparator(),
    "audio": CASSSeparator(),
    "audio, BiLSTM": AESeparator(
        BiLSTM(), representation="phase-sensitive", optimizer="adam", lr=2e-3
    ),
}
QUICK = {"n_rows": {"ECG": 64, "audio": 8, "audio, BiLSTM": 8}, "n_rounds": 10}
FULL = {"n_rows": {"ECG": 640, "audio": 64, "audio, BiLSTM": 64}, "n_rounds": 10}

READING = (
    "`fit` is one epoch; `separate` is given one recording as long as all rows. Each "
    "round measures each call beside no other process, beside one, and beside one for "
    "every core. The ratio is the time over the median without them, and its largest "
    "value the worst of all rounds. Beside one busy process for every core, a program "
    "of one thread for every core gets half of the machine, which is a ratio of 2."
)
ALT = "Bars: time over the time without busy processes, for each signal and call"


def measure(sizes, options):
    """Measure the calls in turns."""
    rows = []
    for signal, n_rows in sizes["n_rows"].items():
        seconds = seconds_of(
            calls_of(signal, n_rows, options), sizes["n_rounds"], counts()
        )
        rows += rows_of_table(signal, seconds)
    return Result(
        name="neighbours",
        title="Beside other programs",
        reading=READING,
        command=options.command,
        settings=sizes | {"separators": {k: repr(s) for k, s in SEPARATORS.items()}},
        tables={"Times beside busy processes": rows},
        alt=ALT,
        seed=options.seed,
    )


def counts():
    """Return the numbers of busy processes: none, one, and one for every core."""
    return sorted({0, 1, os.cpu_count()})


def calls_of(signal, n_rows, options):
    """Return the calls by name, each made once."""
    X, y = rows_of(signal, n_rows, options.seed)
    separator = SEPARATORS[signal].set_params(
        max_epochs=1,
        random_state=options.seed,
        device=options.device,
        precision=options.precision,
    )
    separator.fit(X, y)
    calls = {
        "fit": lambda: separator.fit(X, y),
        "transform": lambda: separator.transform(X),
        "separate": lambda: separator.separate(X.ravel()),
    }
    for call in calls.values():
        call()
    return calls


def seconds_of(calls, n_rounds, numbers, clock=time.perf_counter):
    """Return the seconds of each round by call and number of busy processes."""
    seconds = {(name, n): [] for name in calls for n in numbers}
    for _ in range(n_rounds):
        for n in numbers:
            with busy_processes(n):
                for name, call in calls.items():
                    start = clock()
                    call()
                    seconds[name, n].append(clock() - start)
    return seconds


@contextmanager
def busy_processes(n):
    """Run so many processes that compute all the time."""
    with ExitStack() as stack:
        processes = []
        for _ in range(n):
            command = [sys.executable, "-c", BUSY]
            process = subprocess.Popen(command, stdout=subprocess.PIPE)
            stack.callback(end, process)
            processes.append(process)
        for process in processes:
            process.stdout.readline()  # it has started
        yield processes


def end(process):
    """End a process and wait for it."""
    process.kill()
    process.wait()
    process.stdout.close()


def rows_of_table(signal, seconds):
    """Return a row for each call and number of busy processes."""
    rows = []
    for (name, n), values in seconds.items():
        idle = statistics.median(seconds[name, 0])
        rows.append(
            {
                "signal": signal,
                "call": name,
                "busy processes": n,
                "seconds": spread(values),
                "over idle": spread(value / idle for value in values),
            }
        )
    return rows


def draw(result):
    """Draw a panel for each number of busy processes."""
    (rows,) = result.tables.values()
    numbers = sorted({row["busy processes"] for row in rows} - {0})
    figure, axes = panels(len(numbers))
    for n, ax in zip(numbers, axes, strict=True):
        shown = [row for row in rows if row["busy processes"] == n]
        names = [f"{row['call']}\n{row['signal']}" for row in shown]
        title = f"{n} busy process{'es' * (n > 1)}"
        ratios = [row["over idle"] for row in shown]
        bars(ax, names, ratios, title=title, label="time over idle time", line=1)
        ax.tick_params("x", labelrotation=90, labelsize=7)
    return figure


if __name__ == "__main__":
    main(sys.modules[__name__])
