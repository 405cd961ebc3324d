"""Properties of the tools of the benchmarks; no times."""

import json
import sys
import time
from functools import partial

import numpy as np
import pytest
import torch
from cases import WIDE, make_mixtures
from skorch.callbacks import Callback

from benchmarks import all as all_benchmarks
from benchmarks import (
    bench_import,
    bench_neighbours,
    bench_scaling,
    bench_stft,
    gpu,
    gpu_page,
)
from benchmarks.bench_inference import plain_networks, separate_plainly
from benchmarks.command import options_of, run
from benchmarks.convolutions import convolutions_of, flops_of
from benchmarks.markdown import table
from benchmarks.memory import MIB, STATUS, measured, measured_apart
from benchmarks.reference import batches_of, reference_of
from benchmarks.timing import interleaved, ratio, spread
from sklearn_cass import AESeparator, CASSSeparator
from sklearn_cass.data import Samples, TensorDataset

ONE_BATCH = WIDE | {"batch_size": 12, "remix": 0.0, "reconstruction_loss": "mse"}
QUICK_IMPORT = {"n_rounds": 1, "n_reports": 1, "n_slowest": 2}
LITERAL = ONE_BATCH | {"loss_weighting": "literal", "cross_weights": [[0, 0.5], [2, 0]]}


def nets_after_one_step(separator):
    """Return the separator's net and the reference, each after one step."""
    X, y = make_mixtures()
    net = separator.fit(X, y).net_
    # Adam would turn gradients of rounding errors into whole steps
    vars(net).update(optimizer=torch.optim.SGD, lr=0.1, discriminator_lr=0.1)
    net.initialize()
    reference = reference_of(net, optimizer=torch.optim.SGD)
    ((mixture, *targets),) = batches_of(separator, X, y)
    reference.step(mixture, targets)
    rows = torch.arange(len(X))
    dataset = TensorDataset(Samples(X, y), separator.domains_, rows.numpy())
    net.train_step(dataset[rows])
    return net, reference


def assert_same_step(ours, reference, before):
    for new, plain, old in zip(
        ours.parameters(), reference.parameters(), before.parameters(), strict=True
    ):
        torch.testing.assert_close(new - old, plain - old, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    "separator",
    [
        AESeparator(**ONE_BATCH),
        CASSSeparator(**LITERAL, beta=0),
        CASSSeparator(**LITERAL, beta=0.5),
    ],
    ids=["autoencoders", "beta=0", "beta=0.5"],
)
def test_reference_takes_the_same_step(separator):
    net, reference = nets_after_one_step(separator)
    before = reference_of(net)
    assert_same_step(net.module_, reference.autoencoders, before.autoencoders)
    if net.discriminators is not None:
        ours, plain = net.discriminators_, reference.discriminators
        assert_same_step(ours, plain, before.discriminators)


class Noting(Callback):
    """Notes the batches of a training."""

    def on_train_begin(self, net, **kwargs):
        self.batches = []

    def on_batch_begin(self, net, batch, **kwargs):
        self.batches.append(batch)


def test_plain_loop_has_the_batches_of_the_training():
    X, y = make_mixtures(12)
    noting = Noting()
    settings = {"batch_size": 5, "max_epochs": 2, "callbacks": [noting]}
    separator = AESeparator(**ONE_BATCH | settings).fit(X, y)
    batches = batches_of(separator, X, y)
    found = [mixture for _ in range(2) for mixture, *_ in batches]
    for mixture, batch in zip(found, noting.batches, strict=True):
        expected, _ = separator.net_.unit_maps(*batch)
        torch.testing.assert_close(mixture, expected)


def test_calls_are_timed_in_turns():
    now, order = [0.0], []

    def take(name, seconds):
        order.append(name)
        now[0] += seconds

    calls = {"a": partial(take, "a", 2), "b": partial(take, "b", 3)}
    seconds = interleaved(calls, 3, clock=lambda: now[0])
    assert seconds == {"a": [2, 2, 2], "b": [3, 3, 3]}
    assert "".join(order) == "ab" + "ab" + "ba" + "ab"


def test_ratios_are_those_within_a_round():
    # twice as slow in every round, in rounds that differ tenfold
    assert ratio([2, 20, 4], [1, 10, 2]) == {"median": 2, "min": 2, "max": 2}
    assert spread([3, 1, 2]) == {"median": 2, "min": 1, "max": 3}


def test_flops_grow_with_the_map():
    convolution = torch.nn.Conv2d(2, 4, 3, padding=1)
    flops = {}
    for width in (8, 16):
        x = torch.zeros(5, 2, 8, width)
        flops[width] = flops_of(convolutions_of(partial(convolution, x)))
    assert flops[8] == 2 * 5 * (2 * 4 * 9) * 8 * 8
    assert flops[16] == 2 * flops[8]


def test_convolutions_are_recorded_forward_and_backward():
    convolution = torch.nn.Conv2d(2, 4, 3, padding=1)
    x = torch.zeros(5, 2, 8, 8, requires_grad=True)
    recorded = convolutions_of(lambda: convolution(x).sum().backward())
    forward = convolutions_of(lambda: convolution(x))
    assert len(recorded.calls) == 2
    assert flops_of(recorded) == 3 * flops_of(forward)


def test_plain_loop_has_the_same_estimates():
    X, y = make_mixtures(dtype=np.float32)
    separator = CASSSeparator(**WIDE).fit(X, y)
    plain = separate_plainly(separator, plain_networks(separator), X)
    np.testing.assert_allclose(plain, separator.transform(X), atol=1e-5)


def test_busy_processes_run_in_the_context_alone():
    with bench_neighbours.busy_processes(2) as processes:
        assert [process.poll() for process in processes] == [None, None]
    assert None not in [process.poll() for process in processes]


def test_ratios_are_those_to_the_median_without_busy_processes():
    seconds = {("fit", 0): [1.0, 2.0, 9.0], ("fit", 2): [4.0, 4.0, 6.0]}
    idle, busy = bench_neighbours.rows_of_table("ECG", seconds)
    assert idle["over idle"] == {"median": 1, "min": 0.5, "max": 4.5}
    assert busy["over idle"] == {"median": 2, "min": 2, "max": 3}


def test_every_call_is_measured_beside_every_number():
    now = iter(range(100))
    calls = {"a": lambda: None, "b": lambda: None}
    seconds = bench_neighbours.seconds_of(calls, 2, [0, 1], lambda: next(now))
    pairs = [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert seconds == {pair: [1, 1] for pair in pairs}


def test_slopes_are_exponents():
    seconds = {value: [value**2, 5 * value**3] for value in (1, 2, 4)}
    assert list(bench_scaling.slopes([1, 2, 4], seconds)) == pytest.approx([2, 3])


def test_cross_terms_are_those_of_the_class():
    fits = {
        name: cls(**WIDE)
        for name, cls in bench_scaling.series_of("n_components").items()
    }
    data = make_mixtures(6, 3)
    for name, separator in fits.items():
        assert separator.fit(*data).net_.cross_terms == name


def test_tables_are_aligned_and_hold_three_digits():
    rows = [
        {"a": "x", "n": 1.23456, "s": spread([1, 2000.0, 2.0])},
        {"a": "yz", "n": 9},
    ]
    rows[1]["s"] = 0.5
    assert table(rows).splitlines() == [
        "| a  |    n |             s |",
        "| -- | ---: | ------------: |",
        "| x  | 1.23 | 2 (1 to 2000) |",
        "| yz |    9 |           0.5 |",
    ]
    assert table([]) == "No records."


def test_results_are_written_and_printed(tmp_path, monkeypatch, capsys):
    sizes = {"signals": {"short": {"n_rows": 2, "n_times": 50}}, "n_rounds": 1}
    monkeypatch.setattr(bench_stft, "QUICK", sizes)
    run(bench_stft, options_of("stft", "", ["--quick", "--output", str(tmp_path)]))
    result = json.loads((tmp_path / "benchmarks" / "stft.json").read_text())
    assert result["settings"] == sizes
    ((title, rows),) = result["tables"].items()
    printed = capsys.readouterr().out
    assert title in printed
    assert printed.count("short") == len(rows) == 4
    assert (tmp_path / "images" / "benchmarks" / "stft.png").stat().st_size


@pytest.mark.slow
def test_page_holds_results_of_several_runs(tmp_path, monkeypatch):
    sizes = {"signals": {"short": {"n_rows": 2, "n_times": 50}}, "n_rounds": 1}
    monkeypatch.setattr(bench_stft, "QUICK", sizes)
    monkeypatch.setattr(bench_import, "QUICK", QUICK_IMPORT)
    monkeypatch.setattr(all_benchmarks, "BENCHMARKS", (bench_stft, bench_import))
    common = ["--quick", "--output", str(tmp_path)]
    all_benchmarks.main(common)
    before = (tmp_path / "benchmarks" / "import.json").read_text()
    all_benchmarks.main([*common, "--only", "stft", "--seed", "1"])
    assert (tmp_path / "benchmarks" / "import.json").read_text() == before
    page = (tmp_path / "benchmarks.md").read_text()
    assert "stft: `python -m benchmarks.all --quick --seed 1`" in page
    assert "import: `python -m benchmarks.all --quick`" in page
    assert page.index("## STFT") < page.index("## Import")


def hold(mebibytes):
    """Return a function that holds memory for a while."""

    def call():
        array = np.ones(mebibytes * MIB, np.uint8)
        time.sleep(0.2)
        return array

    return call


@pytest.mark.skipif(not STATUS.exists(), reason="needs /proc")
def test_peak_memory_is_that_of_the_call():
    assert 60 < measured(hold(64))["anonymous"] < 80


@pytest.mark.skipif(not STATUS.exists(), reason="needs /proc")
def test_errors_of_the_measured_process_are_raised():
    with pytest.raises(RuntimeError, match="no_such_module"):
        measured_apart("no_such_module:function")


RECORD = "from benchmarks.gpu import record\nrecord('t', x=1 / 3, passed={})\n"


@pytest.mark.parametrize(
    ("code", "seconds", "status"),
    [
        (RECORD.format(True), 60, "passed"),
        (RECORD.format(False), 60, "failed"),
        (RECORD.format(True) + "1 / 0", 60, "failed"),
        (RECORD.format(True) + "import time; time.sleep(60)", 2, "out of time"),
    ],
    ids=["passes", "check fails", "error", "hangs"],
)
def test_parts_on_a_gpu_keep_their_numbers(code, seconds, status, tmp_path):
    document = gpu.Document(tmp_path / "gpu.json", seed=0)
    part = gpu.Part("equality", document)
    assert part.run([sys.executable, "-c", code], seconds, {}) == (status == "passed")
    written = json.loads((tmp_path / "gpu.json").read_text())["parts"]["equality"]
    assert written["status"] == status
    assert [row["x"] for row in written["tables"]["t"]] == [0.33333]
    assert ("ZeroDivisionError" in str(written["log"])) == ("1 / 0" in code)


def test_outcomes_of_tests_on_a_gpu_are_read(tmp_path):
    part = gpu.Part("tests", gpu.Document(tmp_path / "gpu.json"))
    part.take("tests/test_cuda.py::test_a[with spaces] PASSED          [ 50%]")
    assert part.status(0) == "passed"
    part.take("tests/test_cuda.py::test_b FAILED                       [100%]")
    assert part.status(0) == "failed"
    part.take("[gw1] [ 50%] PASSED tests/test_cuda.py::test_c[with spaces] ")
    (a, b, c) = part.state["tables"]["tests"]
    assert (a["test"], b["outcome"]) == ("test_a[with spaces]", "FAILED")
    assert (c["test"], c["passed"]) == ("test_c[with spaces]", True)


def test_limits_of_all_parts_leave_time_to_install():
    assert gpu.LIMIT <= 450
    assert max(gpu.PARTS.values()) < gpu.LIMIT / 2


def test_page_of_a_gpu_is_what_its_command_writes(monkeypatch, tmp_path):
    folder = gpu_page.PAGE.parent / "benchmarks"
    monkeypatch.setattr(gpu_page, "PAGE", tmp_path / "gpu.md")
    gpu_page.main([str(folder / f"gpu{part}.json") for part in ("", "-inference")])
    written = (tmp_path / "gpu.md").read_text()
    assert written == (folder.parent / "gpu.md").read_text()
