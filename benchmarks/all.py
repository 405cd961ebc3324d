"""Run benchmarks and write docs/benchmarks.md from the results of all.

python -m benchmarks.all --quick                  all of them, in some minutes
python -m benchmarks.all --full                   in hours
python -m benchmarks.all --quick --only stft      one anew
"""

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
from .results import read, section

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

{runs}

A number is the median over the rounds of one run, with the least and the largest in
parentheses. Calls that are compared are measured in turns, and a ratio is that within
a round.
"""
RUN = """\
- {titles}: `{command}`; commit {commit}; {machine}; threads: {n_threads}; {versions}
"""


def main(arguments=None):
    """Run the benchmarks asked for, and write the page of all results."""
    program = "python -m benchmarks.all"
    names = [name_of(benchmark) for benchmark in BENCHMARKS]
    description = __doc__.splitlines()[0]
    options = options_of(program, description, arguments, names)
    for benchmark, name in zip(BENCHMARKS, names, strict=True):
        if name in options.only:
            run(benchmark, options)
    results = [read(name, options.output) for name in names]
    page = "\n".join([heading(results), *map(section, results)])
    (Path(options.output) / "benchmarks.md").write_text(page)


def name_of(benchmark):
    """Return the name of a benchmark: that of its module, and of its results."""
    return benchmark.__name__.rpartition(".bench_")[-1]


def heading(results):
    """Return the heading, with what the results of each run have in common."""
    runs = {}
    for result in results:
        versions = ", ".join(f"{name} {v}" for name, v in result.versions.items())
        facts = {k: getattr(result, k) for k in ("command", "commit", "machine")}
        line = RUN.format(
            titles="{titles}", n_threads=result.n_threads, versions=versions, **facts
        )
        runs.setdefault(line, []).append(result.name)
    lines = [line.format(titles=", ".join(names)) for line, names in runs.items()]
    return HEADING.format(runs="".join(lines).rstrip())


if __name__ == "__main__":
    main()
