"""Parts of ``benchmarks/gpu.sh``, each run in a process of its own.

    python -m benchmarks.gpu_parts equality cuda 0

Mixtures are noise of the size of ECG windows and of seconds of audio. The device is
compared with the CPU of the same machine.
"""

import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import warnings
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from sklearn_cass import BiLSTM, CASSSeparator, ResNet9, STFTTransformer, load
from sklearn_cass.training import CASSNet
from sklearn_cass.training.parameters import use_bfloat16

from .gpu import record
from .signals import SFREQ, coloured_noise
from .timing import interleaved, rate, ratio, spread

N_TIMES = {"ECG": 1024, "audio": SFREQ}
N_FFT = {"ECG": 16, "audio": 4096}
# written out, so that numbers of different releases can be compared
SETTINGS = {
    "alpha": 0.9,
    "beta": 0.1,
    "cross_weights": 0.01,
    "loss_weighting": "gradient",
    "reconstruction_loss": "mse",
    "lr": 6e-3,
    "discriminator_lr": 6e-4,
    "lr_schedule": "constant",
}
RECIPES = {
    "ECG": {
        "network": ResNet9(output="affine"),
        "representation": "complex",
        "optimizer": "muon",
        "remix": 1.0,
    },
    "audio": {
        "network": BiLSTM(),
        "representation": "phase-sensitive",
        "optimizer": "adam",
        "remix": 0.25,
    },
}
LIBRARIES = ("numpy", "scipy", "scikit-learn", "skorch", "safetensors", "torch")
GPU = {
    "steps": 16,  # in an epoch, or more for at least so many rows:
    "rows": {"ECG": 512, "audio": 64},
    "batch_sizes": {"ECG": [8, 64, 512], "audio": [4, 32]},
    "rows_cpu": {"ECG": 64, "audio": 8},  # of an epoch on the CPU, or one batch
    "epochs": {"device": 4, "cpu": 3},
    "n_rows": {"ECG": 256, "audio": 16},  # of `transform`
    "recording": {"device": 120, "cpu": 20},  # seconds
    "batch": 256,  # of the networks alone
    "rounds": 3,
    "equality": {"n_rows": 64, "epochs": 3},
    "profiled": 4,  # steps; more are slow to read
    "together": [1, 2, 4, 8],  # trainings at a time
}
SMALL = GPU | {
    "steps": 2,
    "rows": {"ECG": 16, "audio": 4},
    "batch_sizes": {"ECG": [8], "audio": [2]},
    "rows_cpu": {"ECG": 16, "audio": 2},
    "epochs": {"device": 2, "cpu": 2},
    "n_rows": {"ECG": 16, "audio": 2},
    "recording": {"device": 4, "cpu": 2},
    "batch": 8,
    "rounds": 1,
    "equality": {"n_rows": 16, "epochs": 2},
    "profiled": 2,
    "together": [1, 2],
}

# Largest differences from the CPU in float32, in dB of its values. On a CPU, estimates
# by two implementations of float32 differ by -134 dB, those of bfloat16 (8 bits) by -49
# dB; the 11 bits of TF32, cuDNN's default for float32, are 18 dB better. The tolerances
# leave 20 to 30 dB for other orders of summation, and still tell the three apart.
TOLERANCE = {"float32": -100, "TF32": -45, "bf16": -30}
# Relative differences of the losses of epochs. Training amplifies rounding: on a CPU,
# mixtures changed by a part in ten million moved the losses of such a training by up to
# 0.3 %, by a part in two thousand (the rounding of TF32) by 0.7 %, bfloat16 by 0.8 %.
LOSS_TOLERANCE = {"float32": 0.02, "TF32": 0.03, "bf16": 0.05}


def separator_of(signal, device, precision, seed, **settings):
    """Return a separator, not fitted."""
    n_fft = N_FFT[signal]
    own = RECIPES[signal] | {"stft": STFTTransformer(n_fft, n_fft // 4)}
    settings = SETTINGS | own | settings
    return CASSSeparator(
        **settings, device=device, precision=precision, random_state=seed
    )


def noise(signal, n_rows, seed):
    """Return mixtures of two components, and the components."""
    return coloured_noise(n_rows, 2, N_TIMES[signal], seed)


def on(separator, device, precision):
    """Return a fitted separator with the same weights on another device."""
    separator.set_params(device=device, precision=precision)
    with tempfile.TemporaryDirectory() as folder:
        separator.save(Path(folder) / "separator")
        return load(Path(folder) / "separator")


def is_cuda(device):
    """Return whether a device is a GPU."""
    return torch.device(device).type == "cuda"


def sizes_of(device):
    """Return sizes that suit the device."""
    return GPU if is_cuda(device) else SMALL


@contextmanager
def full_float32():
    """Compute float32 without TF32."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


# Machine ------------------------------------------------------------------------------


def machine(device, seed):
    """Report the machine, its GPU, the versions and the settings."""
    facts = {
        "cpu": f"{os.cpu_count()} CPUs, {platform.machine()}",
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }
    facts |= {name: installed(name) for name in LIBRARIES}
    record("machine", **facts)
    if is_cuda(device):
        record("gpu", **gpu_facts(device))
    recipes = {
        signal: recipe | {"network": repr(recipe["network"])}
        for signal, recipe in RECIPES.items()
    }
    settings = SETTINGS | recipes
    record("settings", seed=seed, **settings, n_fft=N_FFT, sizes=sizes_of(device))


def installed(name):
    """Return the version of a package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def gpu_facts(device):
    """Return name, driver and settings of a GPU."""
    properties = torch.cuda.get_device_properties(device)
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        driver = subprocess.run(query, capture_output=True, text=True).stdout.strip()
    except OSError:
        driver = "unknown"
    return {
        "name": properties.name,
        "memory_gib": round(properties.total_memory / 2**30, 1),
        "compute_capability": f"{properties.major}.{properties.minor}",
        "multiprocessors": properties.multi_processor_count,
        "driver": driver,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "cudnn_allow_tf32": torch.backends.cudnn.allow_tf32,
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "bf16": torch.cuda.is_bf16_supported(),
    }


# Equality -----------------------------------------------------------------------------


def equality(device, seed):
    """Compare estimates of the same weights, and the losses of a short training."""
    for signal in N_TIMES:
        n_rows, n_epochs = sizes_of(device)["equality"].values()
        n_rows = n_rows if signal == "ECG" else max(4, n_rows // 8)
        X, y = noise(signal, n_rows, seed)
        fit = partial(fitted, signal, X=X, y=y, seed=seed, epochs=n_epochs)
        on_cpu = fit("cpu", "float32")
        compare_estimates(signal, on_cpu, X, device)
        compare_losses(signal, on_cpu, fit, device)


def fitted(signal, device, precision, *, X, y, seed, epochs):
    """Return a separator after a short training."""
    batch_size = 8 if signal == "ECG" else 2
    settings = {"max_epochs": epochs, "batch_size": batch_size}
    return separator_of(signal, device, precision, seed, **settings).fit(X, y)


def arithmetics(device):
    """Yield names, precisions and contexts of the arithmetics to compare."""
    with full_float32():
        yield "float32", "float32"
    if is_cuda(device):
        yield "TF32", "float32"
    yield "bf16", "bf16"


def compare_estimates(signal, on_cpu, X, device):
    """Report the differences of estimates of the same weights."""
    expected = on_cpu.transform(X)
    for name, precision in arithmetics(device):
        found = on(on_cpu, device, precision).transform(X)
        value = decibels(found, expected)
        record(
            "estimates",
            signal=signal,
            arithmetic=name,
            difference_db=value,
            tolerance_db=TOLERANCE[name],
            passed=bool(value <= TOLERANCE[name]),
        )


def decibels(a, b):
    """Return the relative L2 difference of a from b in dB."""
    return float(20 * np.log10(np.linalg.norm(a - b) / np.linalg.norm(b) + 1e-20))


def compare_losses(signal, on_cpu, fit, device):
    """Report the differences of the losses of the same training."""
    expected = losses_of(on_cpu)
    for name, precision in arithmetics(device):
        found = losses_of(fit(device, precision))
        for loss in expected:
            value = relative_difference(found[loss], expected[loss])
            record(
                "losses",
                signal=signal,
                arithmetic=name,
                loss=loss,
                cpu=expected[loss].tolist(),
                found=found[loss].tolist(),
                difference=value,
                tolerance=LOSS_TOLERANCE[name],
                passed=bool(value <= LOSS_TOLERANCE[name]),
            )


def relative_difference(a, b):
    """Return the largest relative difference; infinity for other numbers of epochs."""
    return float(np.abs(a / b - 1).max()) if a.shape == b.shape else float("inf")


def losses_of(separator):
    """Return the losses of all epochs and components by name."""
    names = [name for name in separator.history_[0] if name.endswith("_loss")]
    return {name: np.array(separator.history_[:, name]) for name in names}


# Training -----------------------------------------------------------------------------


def precisions_of_cpu():
    """Return the precisions to measure on the CPU: bf16 where it is fast."""
    has_both = use_bfloat16("auto", torch.device("cpu"))
    return ["float32", "bf16"] if has_both else ["float32"]


def training(device, seed):
    """Report samples per second in training, on the device and on the CPU."""
    sizes = sizes_of(device)
    on_device = ["float32", "bf16"]
    on_cpu = precisions_of_cpu()
    for signal, batch_sizes in sizes["batch_sizes"].items():
        for batch_size in batch_sizes:
            n_rows = max(batch_size * sizes["steps"], sizes["rows"][signal])
            n_rows_cpu = max(batch_size, sizes["rows_cpu"][signal])
            run = partial(train, signal, batch_size, seed)
            rows = [
                *(run(device, p, n_rows, sizes["epochs"]["device"]) for p in on_device),
                *(run("cpu", p, n_rows_cpu, sizes["epochs"]["cpu"]) for p in on_cpu),
            ]
            base = rows[len(on_device)]["samples_per_s"]["median"]
            for row in rows:
                over = row["samples_per_s"]["median"] / base
                record("training", **row, over_cpu_float32=over)


def train(
    signal, batch_size, seed, device, precision, n_rows, n_epochs, callbacks=None
):
    """Return the speed of a training; its first epoch, which sets up, apart."""
    X, y = noise(signal, n_rows, seed)
    settings = {"batch_size": batch_size, "max_epochs": n_epochs}
    settings["callbacks"] = callbacks
    separator = separator_of(signal, device, precision, seed, **settings)
    memory = None
    if is_cuda(device):
        torch.cuda.reset_peak_memory_stats(device)
    separator.fit(X, y)
    if is_cuda(device):
        memory = torch.cuda.max_memory_allocated(device) / 2**20
    first, *others = separator.history_[:, "dur"]
    return {
        "signal": signal,
        "device": device,
        "precision": precision,
        "batch_size": batch_size,
        "rows": n_rows,
        "epochs": n_epochs,
        "samples_per_s": rate(n_rows, others),
        "ms_per_step": spread(1000 * s * batch_size / n_rows for s in others),
        "first_epoch_s": first,
        "peak_mib": memory,
        "passed": has_converged(separator, n_epochs),
    }


def has_converged(separator, n_epochs):
    """Return whether all epochs were trained and the loss did not rise."""
    first, *_, last = np.sum(separator.history_[:, "reconstruction_loss"], axis=1)
    return separator.n_iter_ == n_epochs and bool(last < 1.1 * first)


# Steps --------------------------------------------------------------------------------


@contextmanager
def unrecorded():
    """Launch the operations of steps one by one, as networks of a user's classes do."""
    new_graphs = CASSNet.new_graphs
    CASSNet.new_graphs = lambda net: None
    try:
        yield
    finally:
        CASSNet.new_graphs = new_graphs


@contextmanager
def one_stream():
    """Record the pairs one after the other."""
    each = CASSNet.each
    CASSNet.each = lambda net, function: [function(i) for i in range(len(net.module_))]
    try:
        yield
    finally:
        CASSNet.each = each


WAYS = {"one by one": unrecorded, "recorded": one_stream, "pairs at once": nullcontext}


def steps(device, seed):
    """Report milliseconds per step: launched one by one, recorded, and their floor."""
    for signal, batch_sizes in sizes_of(device)["batch_sizes"].items():
        for precision in ("float32", "bf16"):
            run = partial(train, signal, batch_sizes[0], seed, device, precision)
            compare_ways(run, signal, precision, batch_sizes[0], sizes_of(device))


def compare_ways(run, signal, precision, batch_size, sizes):
    """Report the speed of each way to launch steps."""
    speeds, busy = {}, {}
    for way, context in WAYS.items():
        with context():
            speeds[way] = run(sizes["rows"][signal], sizes["epochs"]["device"])
    for way, context in WAYS.items():  # at last, because profiles slow the next down
        with context():
            busy[way] = profiled(run, batch_size * sizes["profiled"])
    one_by_one = speeds["one by one"]["ms_per_step"]["median"]
    for way, row in speeds.items():
        record(
            "steps",
            signal=signal,
            precision=precision,
            batch_size=batch_size,
            way=way,
            ms_per_step=row["ms_per_step"],
            speedup=one_by_one / row["ms_per_step"]["median"],
            peak_mib=row["peak_mib"],
            **{name: value / sizes["profiled"] for name, value in busy[way].items()},
        )


# parts of the names of kernels that multiply matrices, convolutions included
PRODUCTS = ("gemm", "conv", "xmma", "cutlass", "wgrad", "dgrad", "fprop", "rnn", "lstm")


class Profiling(Callback):
    """Profile the second epoch of a training on a GPU."""

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 2:
            activities = [torch.profiler.ProfilerActivity.CUDA]
            self.profile_ = torch.profiler.profile(activities=activities).__enter__()

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            torch.cuda.synchronize()
            self.profile_.__exit__(None, None, None)


def profiled(run, n_rows):
    """Return number and milliseconds of an epoch's kernels, matrix products apart."""
    if not torch.cuda.is_available():
        return {}
    profiling = Profiling()
    run(n_rows, 2, callbacks=[profiling])
    events = profiling.profile_.events()
    kernels = [e for e in events if e.device_type.name == "CUDA"]
    kernels = [e for e in kernels if not e.name.startswith("Optimizer")]
    products = [e for e in kernels if any(p in e.name.lower() for p in PRODUCTS)]
    return {
        "kernels": len(kernels),
        "kernels_ms": sum(e.device_time_total for e in kernels) / 1000,
        "matrix_products_ms": sum(e.device_time_total for e in products) / 1000,
    }


# Several trainings at a time ----------------------------------------------------------


def together(device, seed):
    """Report samples per second of several processes that train on one device."""
    sizes = sizes_of(device)
    counts = sizes["together"]
    batch_size = sizes["batch_sizes"]["ECG"][0]
    n_rows, n_epochs = sizes["rows"]["ECG"], sizes["epochs"]["device"]
    task = ("ECG", batch_size, seed, device, "float32", n_rows, n_epochs)
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    one = None
    with context.Pool(max(counts)) as pool:
        pool.starmap(train, [task] * max(counts), chunksize=1)
        for count in counts:
            rows = pool.starmap(train, [task] * count, chunksize=1)
            total = sum(row["samples_per_s"]["median"] for row in rows)
            one = one or total
            record(
                "together",
                trainings=count,
                samples_per_s=total,
                over_one=total / one,
                ms_per_step=statistics.median(
                    row["ms_per_step"]["median"] for row in rows
                ),
            )


# Inference ----------------------------------------------------------------------------


def inference(device, seed):
    """Report the speed of transform, separate and the networks alone."""
    sizes = sizes_of(device)
    places = [(device, "float32"), (device, "bf16")]
    places += [("cpu", precision) for precision in precisions_of_cpu()]
    for signal in N_TIMES:
        X, y = noise(signal, sizes["n_rows"][signal], seed)
        separator = separator_of(signal, "cpu", "float32", seed, max_epochs=1)
        separator.fit(X[:8], y[:8])
        by_place = {place: on(separator, *place) for place in places}
        measure_calls(signal, "transform", by_place, X, sizes)
        if signal == "audio":
            measure_calls(signal, "separate", by_place, X, sizes)
        measure_calls(signal, "networks alone", by_place, X, sizes)


def measure_calls(signal, call, separators, X, sizes):
    """Report the speed of one call on all devices and in all precisions."""
    seconds, amounts = {}, {}
    for place, separator in separators.items():
        run, n_times = call_of(call, separator, X, place[0], sizes)
        timed = interleaved({place: run}, sizes["rounds"], device=place[0])
        seconds[place] = [s / n_times for s in timed[place]]
        amounts[place] = n_times
    base = seconds["cpu", "float32"]
    for (device, precision), each in seconds.items():
        record(
            "inference",
            signal=signal,
            call=call,
            device=device,
            precision=precision,
            windows=amounts[device, precision],
            windows_per_s=rate(1, each),
            seconds_of_signal_per_s=rate(1, each) if signal == "audio" else None,
            over_cpu_float32=ratio(base, each),
        )


def call_of(name, separator, X, device, sizes):
    """Return a call, and the number of windows that it separates."""
    if name == "transform":
        return partial(separator.transform, X), len(X)
    if name == "separate":
        n_seconds = sizes["recording"]["device" if is_cuda(device) else "cpu"]
        recording = np.resize(X, n_seconds * SFREQ)
        return partial(separator.separate, recording), n_seconds
    n_rows = sizes["batch"] if is_cuda(device) else len(X)
    maps = separator.net_.mixture_maps(
        separator.domains_.mixtures_to_tensor(np.resize(X, (n_rows, X.shape[1])))
    )
    return partial(separator.net_.estimate, maps.to(device)), n_rows


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)  # noise is not separated
    PARTS = (machine, equality, training, steps, together, inference)
    name, device, seed = sys.argv[1:]
    {part.__name__: part for part in PARTS}[name](device, int(seed))
