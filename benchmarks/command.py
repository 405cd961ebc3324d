"""The command line that all benchmarks have."""

import argparse

from .results import markdown, write

FORMS = ("quick", "full")


def options_of(program, description, arguments=None):
    """What the command line asks for; ``form`` is "quick" or "full"."""
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
        help="also train in this one, beside float32",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="docs", help="folder to write to")
    options = parser.parse_args(arguments)
    options.command = command(program, options)
    return options


def command(program, options):
    """The command that repeats a run."""
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
    print(f"{result.command}; {result.machine}\n\n{markdown(result)}", flush=True)
    return result


def main(benchmark):
    """Run one benchmark as the command line says."""
    name = f"python -m {benchmark.__spec__.name}"
    description = benchmark.__doc__.splitlines()[0]
    run(benchmark, options_of(name, description))
