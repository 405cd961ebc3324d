"""Command line that all benchmarks share."""

import argparse

from .results import section, write

FORMS = ("quick", "full")


def options_of(program, description, arguments=None, names=()):
    """Return the options of the command line; ``form`` is "quick" or "full".

    ``names`` are those of benchmarks, of which ``only`` some may be asked for.
    """
    parser = argparse.ArgumentParser(prog=program, description=description)
    forms = parser.add_mutually_exclusive_group()
    for form in FORMS:
        forms.add_argument(
            f"--{form}", dest="form", action="store_const", const=form, default="quick"
        )
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "float32", "bf16"),
        help="precision to train in, in addition to float32",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="docs", help="folder to write to")
    if names:
        parser.add_argument("--only", nargs="+", choices=names, default=list(names))
    options = parser.parse_args(arguments)
    options.command = command(program, options)
    return options


def command(program, options):
    """Return the command that repeats a run."""
    words = [program, f"--{options.form}"]
    if options.device != "cpu":
        words.append(f"--device {options.device}")
    if options.precision != "auto":
        words.append(f"--precision {options.precision}")
    if options.seed:
        words.append(f"--seed {options.seed}")
    return " ".join(words)


def run(benchmark, options):
    """Measure, draw, write and print; a benchmark is a module of this package."""
    result = benchmark.measure(getattr(benchmark, options.form.upper()), options)
    write(result, benchmark.draw(result), options.output)
    print(f"{result.command}; {result.machine}\n\n{section(result)}", flush=True)
    return result


def main(benchmark):
    """Run one benchmark with the options of the command line."""
    name = f"python -m {benchmark.__spec__.name}"
    description = benchmark.__doc__.splitlines()[0]
    run(benchmark, options_of(name, description))
