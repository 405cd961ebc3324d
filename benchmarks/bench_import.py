"""Time of importing sklearn_cass, beyond that of its dependencies.

    python -m benchmarks.bench_import --quick

New processes in turns: one imports torch, scikit-learn and skorch, the other the
package.
"""

import subprocess
import sys
from functools import partial

from .command import main
from .figures import horizontal_bars, panels
from .results import Result
from .timing import interleaved, spread

QUICK = {"n_rounds": 5, "n_reports": 2, "n_slowest": 10}
FULL = {"n_rounds": 21, "n_reports": 11, "n_slowest": 10}
BASE = "import torch, sklearn.base, skorch"
PACKAGE = "import sklearn_cass"
IMPORTS = {"torch, scikit-learn, skorch": BASE, "sklearn_cass": PACKAGE}
ON_TOP = f"""
{BASE}, sys, time
start = time.perf_counter()
{PACKAGE}
sys.stderr.write(str(time.perf_counter() - start))
"""
READING = (
    "Seconds of a new process from start to end, and the difference within a round. "
    "The last row is the time of `import sklearn_cass` alone in a process that has "
    "imported the others before. The slowest modules are those that only `import "
    "sklearn_cass` imports, by the time of their own code without that of their own "
    "imports, as `python -X importtime` measures it."
)
ALT = "Bars: time of a process with either import, and of the slowest modules"


def measure(sizes, options):
    """Measure times of new processes, and the slowest modules."""
    calls = {name: partial(run_python, code) for name, code in IMPORTS.items()}
    seconds = interleaved(calls, sizes["n_rounds"])
    times = [
        {"import": name, "seconds": spread(values)} for name, values in seconds.items()
    ]
    base, package = seconds.values()
    beyond = [s - b for s, b in zip(package, base, strict=True)]
    times.append({"import": "difference", "seconds": spread(beyond)})
    on_top = [float(run_python(ON_TOP)) for _ in range(sizes["n_rounds"])]
    times.append({"import": "sklearn_cass alone", "seconds": spread(on_top)})
    return Result(
        name="import",
        title="Import: beyond torch, scikit-learn and skorch",
        reading=READING,
        command=options.command,
        settings=sizes | {"imports": IMPORTS},
        tables={
            "Time of a process": times,
            "Slowest modules": slowest_modules(sizes["n_reports"], sizes["n_slowest"]),
        },
        alt=ALT,
        seed=options.seed,
    )


def run_python(code, *flags):
    """Return the standard error of a new process."""
    words = [sys.executable, *flags, "-c", code]
    return subprocess.run(words, capture_output=True, text=True, check=True).stderr


def slowest_modules(n_reports, n_slowest):
    """Return the slowest modules that the base does not import."""
    base = own_times(run_python(BASE, "-X", "importtime"))
    reports = [
        own_times(run_python(PACKAGE, "-X", "importtime")) for _ in range(n_reports)
    ]
    times = {
        name: spread(report[name] / 1000 for report in reports)
        for name in reports[0].keys() - base.keys()
    }
    slowest = sorted(times, key=lambda name: -times[name]["median"])[:n_slowest]
    return [{"module": name, "ms": times[name]} for name in slowest]


def own_times(report):
    """Return microseconds of each module's own code, from ``-X importtime``."""
    times = {}
    for line in report.splitlines():
        # import time:      1234 |       5678 |   package.module
        own, _, name = line.removeprefix("import time:").split("|")
        if own.strip().isdigit():  # not the heading
            times[name.strip()] = int(own)
    return times


def draw(result):
    """Draw two panels: processes, modules."""
    times, modules = result.tables.values()
    figure, axes = panels(2)
    names = [row["import"].replace(", ", "\n") for row in times]
    values = [row["seconds"] for row in times]
    title, label = "Time of a process", "seconds"
    horizontal_bars(axes[0], names, values, title=title, label=label)
    names = [row["module"] for row in modules]
    values = [row["ms"] for row in modules]
    title, label = "Slowest modules", "ms of their own code"
    horizontal_bars(axes[1], names, values, title=title, label=label)
    axes[1].tick_params(axis="y", labelsize=7)
    return figure


if __name__ == "__main__":
    main(sys.modules[__name__])
