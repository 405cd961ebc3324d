"""What the benchmarks measure with: properties, no times."""

import json
import time
from functools import partial

import numpy as np
import pytest
import torch
from cases import WIDE, make_mixtures

from benchmarks import bench_scaling, bench_stft
from benchmarks.bench_inference import plain_networks, separate_plainly
from benchmarks.command import options_of, run
from benchmarks.convolutions import convolutions_of, flops_of
from benchmarks.memory import MIB, STATUS, measured, measured_apart
from benchmarks.reference import batches_of, reference_of
from benchmarks.timing import interleaved, ratio, spread
from sklearn_cass import AESeparator, CASSSeparator
from sklearn_cass.data.dataset import Examples, TensorRows

ONE_BATCH = WIDE | {"batch_size": 12, "remix": 0.0}
LITERAL = ONE_BATCH | {"loss_weighting": "literal", "cross_weights": [[0, 0.5], [2, 0]]}


def nets_after_one_step(separator):
    """Our net and the reference, each after one step on the same rows."""
    X, y = make_mixtures()
    net = separator.fit(X, y).net_
    # Adam would turn gradients that are nothing but rounding into whole steps
    vars(net).update(optimizer=torch.optim.SGD, lr=0.1, discriminator_lr=0.1)
    net.initialize()
    reference = reference_of(net, optimizer=torch.optim.SGD)
    ((mixture, *targets),) = batches_of(separator, X, y, seed=0)
    reference.step(mixture, targets)
    rows = torch.arange(len(X))
    net.train_step(TensorRows(Examples(X, y), separator.domains_, rows.numpy())[rows])
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
def test_the_reference_takes_the_steps_that_ours_takes(separator):
    net, reference = nets_after_one_step(separator)
    before = reference_of(net)
    assert_same_step(net.module_, reference.autoencoders, before.autoencoders)
    if net.discriminators is not None:
        ours, plain = net.discriminators_, reference.discriminators
        assert_same_step(ours, plain, before.discriminators)


def test_calls_are_timed_by_turns():
    now, order = [0.0], []

    def take(name, seconds):
        order.append(name)
        now[0] += seconds

    calls = {"a": partial(take, "a", 2), "b": partial(take, "b", 3)}
    seconds = interleaved(calls, 3, clock=lambda: now[0])
    assert seconds == {"a": [2, 2, 2], "b": [3, 3, 3]}
    assert "".join(order) == "ab" + "ab" + "ba" + "ab"


def test_ratios_are_those_of_a_round():
    # twice as slow in every round, in rounds that differ tenfold
    assert ratio([2, 20, 4], [1, 10, 2]) == {"median": 2, "min": 2, "max": 2}
    assert spread([3, 1, 2]) == {"median": 2, "min": 1, "max": 3}


def test_work_grows_with_the_map():
    convolution = torch.nn.Conv2d(2, 4, 3, padding=1)
    work = {}
    for width in (8, 16):
        x = torch.zeros(5, 2, 8, width)
        work[width] = flops_of(convolutions_of(partial(convolution, x)))
    assert work[8] == 2 * 5 * (2 * 4 * 9) * 8 * 8
    assert work[16] == 2 * work[8]


def test_convolutions_are_noted_forward_and_backward():
    convolution = torch.nn.Conv2d(2, 4, 3, padding=1)
    x = torch.zeros(5, 2, 8, 8, requires_grad=True)
    noted = convolutions_of(lambda: convolution(x).sum().backward())
    forward = convolutions_of(lambda: convolution(x))
    assert len(noted.calls) == 2
    assert flops_of(noted) == 3 * flops_of(forward)


def test_the_plain_loop_separates_as_ours_does():
    X, y = make_mixtures(dtype=np.float32)
    separator = CASSSeparator(**WIDE).fit(X, y)
    plain = separate_plainly(separator, plain_networks(separator), X)
    np.testing.assert_allclose(plain, separator.transform(X), atol=1e-5)


def test_slopes_are_exponents():
    seconds = {value: [value**2, 5 * value**3] for value in (1, 2, 4)}
    assert list(bench_scaling.slopes([1, 2, 4], seconds)) == pytest.approx([2, 3])


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


def hold(mebibytes):
    """A call that holds memory for a while."""

    def call():
        array = np.ones(mebibytes * MIB, np.uint8)
        time.sleep(0.2)
        return array

    return call


@pytest.mark.skipif(not STATUS.exists(), reason="needs /proc")
def test_peak_memory_is_that_of_the_call():
    assert 60 < measured(hold(64))["anonymous"] < 80


@pytest.mark.skipif(not STATUS.exists(), reason="needs /proc")
def test_errors_of_the_measured_process_are_told():
    with pytest.raises(RuntimeError, match="no_such_module"):
        measured_apart("no_such_module:function")
