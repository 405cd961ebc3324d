"""Write docs/gpu.md from the JSON files of ``benchmarks/gpu.sh``.

    python -m benchmarks.gpu_page docs/benchmarks/gpu.json

Of a part that several files have, the last file's is taken.
"""

import argparse
import json
from pathlib import Path

from .markdown import table

PAGE = Path(__file__).parents[1] / "docs" / "gpu.md"
HEADING = """\
# On a GPU

Equality with the CPU, speed and memory on a GPU, as `benchmarks/gpu.sh` measures them.
Mixtures are noise of the size of ECG windows (1,024 points, `ResNet9`, "muon") and of
seconds of audio at 22.05 kHz (`BiLSTM`, "adam", STFT of 4,096 points); the separator is
`CASSSeparator`, with two components.

- commands: {commands}
- commit: {commit}
- GPU: {name}, {memory_gib} GiB, driver {driver}, CUDA {cuda}, cuDNN {cudnn}
- beside it: {cpu} ({capability}), {threads} threads
- versions: Python {python}, torch {torch}, numpy {numpy}, scipy {scipy}, scikit-learn
  {scikit-learn}, skorch {skorch}

A number is a median over epochs or rounds, with the least and the largest in
parentheses. The JSON files, with all settings, are in [benchmarks/](benchmarks/).
"""
STEPS = """\
A step launches some thousand small operations. `fit` records the operations of a step
as a CUDA graph and replays it, where all networks, losses and optimizers are the
package's own; "one by one" is how the steps of other networks are computed. With "pairs
at once", as in `fit`, the autoencoder pairs are recorded side by side. Kernels are the
GPU's operations of a step, their time is the sum, and matrix products include
convolutions: what remains of a step is the cost of launching. Steps that are computed
after a profile was made are slower than those above, by up to two milliseconds.
"""
TOGETHER = """\
Processes that each train on ECG in batches of 8 rows. They take turns on the GPU: a
search is not faster with `n_jobs` above 1.
"""
ESTIMATES = """\
Up to commit 03dbcc212ac5, `transform` and `separate` computed the STFT and its inverse
on the CPU, which took nearly all of their time; since then, the GPU computes them.
"""


def main(arguments=None):
    """Read the files and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    documents = [json.loads(f.read_text()) for f in parser.parse_args(arguments).files]
    PAGE.write_text(page(documents))


def page(documents):
    """Return the page of some runs."""
    parts = {}
    for document in documents:
        parts |= document["parts"]
    sections = [
        section("Tests and equality", equality_lines(parts)),
        section("Training", [table(map_rows(parts, "training", training_row))]),
        section("Steps", [STEPS, table(map_rows(parts, "steps", steps_row))]),
        section("Several trainings", [TOGETHER, table(rows(parts, "together"))]),
        section("Estimates", [ESTIMATES, inference_table(parts)]),
    ]
    return "\n".join([heading(documents, parts), *sections])


def heading(documents, parts):
    """Return the title, and with what the numbers were made."""
    facts = rows(parts, "machine")[0] | rows(parts, "machine", "gpu")[0]
    commands = ", ".join(f"`{document['command']}`" for document in documents)
    return HEADING.format(commands=commands, commit=documents[-1]["commit"], **facts)


def section(title, texts):
    """Return a section of the page."""
    return "\n".join([f"## {title}", *(f"\n{text.strip()}" for text in texts), ""])


def inference_table(parts):
    """Return the table of estimates."""
    return table(map_rows(parts, "inference", inference_row))


def rows(parts, part, name=None):
    """Return the rows of a table of a part, none if there is none."""
    return parts.get(part, {"tables": {}})["tables"].get(name or part, [])


def map_rows(parts, part, function):
    """Return what a function makes of each row of a part."""
    return [function(row) for row in rows(parts, part)]


def equality_lines(parts):
    """Return the outcome of tests, and differences from the CPU."""
    tests = rows(parts, "tests")
    n_failed = sum(not test["passed"] for test in tests)
    estimates = [
        {
            "signal": row["signal"],
            "arithmetic": row["arithmetic"],
            "difference of estimates, dB": row["difference_db"],
            "allowed, dB": row["tolerance_db"],
            "difference of losses, %": 100 * loss_difference(parts, row),
        }
        for row in rows(parts, "equality", "estimates")
    ]
    text = (
        f"{len(tests)} tests of `tests/test_cuda.py`, {n_failed} failed. Estimates of "
        "the same weights, and losses of the same training, differ from the CPU's by:"
    )
    return [text, table(estimates)]


def loss_difference(parts, row):
    """Return the largest relative difference of the losses of a training."""
    return max(
        loss["difference"]
        for loss in rows(parts, "equality", "losses")
        if all(loss[name] == row[name] for name in ("signal", "arithmetic"))
    )


def training_row(row):
    """Return a row of the table of trainings."""
    return {
        "signal": row["signal"],
        "device": row["device"],
        "precision": row["precision"],
        "rows of a batch": row["batch_size"],
        "rows per second": row["samples_per_s"],
        "ms of a step": row["ms_per_step"],
        "times float32 of the CPU": row["over_cpu_float32"],
        "peak, MiB": row["peak_mib"] or "",
    }


def steps_row(row):
    """Return a row of the table of steps."""
    return {
        "signal": row["signal"],
        "precision": row["precision"],
        "rows of a batch": row["batch_size"],
        "steps": row["way"],
        "ms of a step": row["ms_per_step"],
        "speedup": row["speedup"],
        "kernels": round(row["kernels"]),
        "ms of kernels": row["kernels_ms"],
        "ms of matrix products": row["matrix_products_ms"],
    }


def inference_row(row):
    """Return a row of the table of estimates."""
    return {
        "signal": row["signal"],
        "call": row["call"],
        "device": row["device"],
        "precision": row["precision"],
        "windows per second": row["windows_per_s"],
        "times float32 of the CPU": row["over_cpu_float32"],
    }


if __name__ == "__main__":
    main()
