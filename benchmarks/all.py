"""Run every benchmark and write docs/benchmarks.md.

python -m benchmarks.all --quick     some minutes
python -m benchmarks.all --full      hours
"""

import time
from pathlib import Path

from . import (
    bench_import,
    bench_inference,
    bench_neighbours,
    bench_processes,
    bench_scale,
    bench_scaling,
    bench_stft,
    bench_training,
)
from .command import options_of, run
from .results import section

BENCHMARKS = (
    bench_training,
    bench_neighbours,
    bench_scaling,
    bench_inference,
    bench_stft,
    bench_import,
    bench_processes,
    bench_scale,
)
HEADING = """\
# Benchmarks

Speed, memory and, where speed may cost it, accuracy. The numbers as JSON, with settings
and seeds, are in [benchmarks/](benchmarks/). [gpu.md](gpu.md) compares a GPU with the
CPU of its machine. [peers.md](peers.md) compares errors, at equal CPU seconds, with
those of models of other packages.

- command: `{command}`
- commit: {commit}
- machine: {machine}; threads: {n_threads}
- versions: {versions}
- total time: {minutes:.0f} minutes

A number is the median over the rounds of one run, with the least and the largest in
parentheses. Calls that are compared are measured in turns, and a ratio is that within
a round.
"""


def main(arguments=None):
    """Run all benchmarks and write the page."""
    program = "python -m benchmarks.all"
    options = options_of(program, __doc__.splitlines()[0], arguments)
    start = time.perf_counter()
    results = [run(benchmark, options) for benchmark in BENCHMARKS]
    minutes = (time.perf_counter() - start) / 60
    page = "\n".join([heading(results[0], minutes), *map(section, results)])
    (Path(options.output) / "benchmarks.md").write_text(page)


def heading(result, minutes):
    """Return what all benchmarks of a run have in common."""
    versions = ", ".join(f"{name} {v}" for name, v in result.versions.items())
    facts = {k: getattr(result, k) for k in ("command", "commit", "machine")}
    return HEADING.format(
        **facts, n_threads=result.n_threads, versions=versions, minutes=minutes
    )


if __name__ == "__main__":
    main()
