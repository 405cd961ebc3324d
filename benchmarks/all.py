"""Run every benchmark and write them up on one page.

python -m benchmarks.all --quick     some minutes
python -m benchmarks.all --full      hours
"""

import time
from pathlib import Path

from . import bench_import, bench_inference, bench_scaling, bench_stft, bench_training
from .command import options_of, run
from .results import markdown

BENCHMARKS = (
    bench_training,
    bench_scaling,
    bench_inference,
    bench_stft,
    bench_import,
)
HEADING = """\
# Benchmarks

Speed, memory and, where it can be lost for speed, accuracy. The figures as JSON, with
settings and seeds, are in [benchmarks/](benchmarks/).

- command: `{command}`
- machine: {machine}; threads: {n_threads}
- versions: {versions}
- time of all: {minutes:.0f} minutes

A figure is the median over the rounds of one run, with the least and the largest in
brackets. What is compared is measured by turns, and a ratio is that within a round.
"""


def main(arguments=None):
    """Run what there is, then write the page."""
    program = "python -m benchmarks.all"
    options = options_of(program, __doc__.splitlines()[0], arguments)
    start = time.perf_counter()
    results = [run(benchmark, options) for benchmark in BENCHMARKS]
    minutes = (time.perf_counter() - start) / 60
    page = "\n".join([heading(results[0], minutes), *map(markdown, results)])
    (Path(options.output) / "benchmarks.md").write_text(page)


def heading(result, minutes):
    """What all benchmarks of a run have in common."""
    versions = ", ".join(f"{name} {v}" for name, v in result.versions.items())
    return HEADING.format(
        command=result.command,
        machine=result.machine,
        n_threads=result.n_threads,
        versions=versions,
        minutes=minutes,
    )


if __name__ == "__main__":
    main()
