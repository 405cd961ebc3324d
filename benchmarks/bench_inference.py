"""Speed and memory of a fitted separator.

    python -m benchmarks.bench_inference --quick

One channel of 44.1 kHz in windows of a second, and windows of ECG; CPU seconds of one
second of 22.05 kHz, and of the parts of the computation. The networks are trained for
one step on noise, because their estimates do not matter here.
"""

import copy
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap

from sklearn_cass import AESeparator, BiLSTM, CASSSeparator, ResNet9, STFTTransformer
from sklearn_cass.nn import from_map, to_map
from sklearn_cass.numeric import to_unit_level

from .command import main
from .figures import bars, curve, panels
from .memory import measured_apart
from .results import Result
from .signals import SFREQ as SFREQ_SECOND
from .signals import coloured_noise
from .timing import interleaved, rate, ratio, spread

SFREQ = 44100  # Hz
N_TIMES_ECG = 1024
DEFAULT = {"n_filters": 16, "n_latent": 64}
SECOND = {
    "default": {},
    "BiLSTM, 2048/512": {
        "network": BiLSTM(compression=0.5),
        "representation": "phase-sensitive",
        "stft": STFTTransformer(2048, 512),
    },
    "BiLSTM, 1024/256": {
        "network": BiLSTM(compression=0.5),
        "representation": "phase-sensitive",
        "stft": STFTTransformer(1024, 256),
    },
}

QUICK = {
    "n_windows": 4,
    "n_seconds": 16,
    "n_rows_ecg": 32,
    "network": DEFAULT,
    "minutes": [1, 10, 60],
    "network_memory": {"n_filters": 4, "n_latent": 8},
    "n_rounds": 3,
}
FULL = {
    "n_windows": 16,
    "n_seconds": 64,
    "n_rows_ecg": 256,
    "network": DEFAULT,
    "minutes": [1, 4, 15, 60],
    "network_memory": DEFAULT,
    "n_rounds": 7,
}
READING = (
    '"Times real time" is seconds of signal per second of computing. The plain loop '
    "calls the same networks on one window at a time. `separate` computes windows that "
    "overlap by half, about twice as many; `transform` computes rows in chunks of one "
    "fixed size, so that a single row takes as long as a chunk, but with `BiLSTM`, "
    "where bits do not depend on the size of a batch. Milliseconds of CPU are those of "
    "all threads, and the parts are those of a chunk: the STFT and the level, the "
    "networks, and phases and the inverse STFT. Memory is that of "
    "`separate` in a new process, with the recording and `out` mapped from files, as "
    "peaks above the memory before the call: anonymous, and resident with the mapped "
    "pages that were not yet reclaimed."
)
ALT = "Bars and curves: times real time, milliseconds per row, memory over length"


def measure(sizes, options):
    """Measure real-time factors, time of an ECG row, memory over length."""
    return Result(
        name="inference",
        title="Inference: speed and memory of a fitted separator",
        reading=READING,
        command=options.command,
        settings=sizes,
        tables={
            "One channel of 44.1 kHz into two components": audio(sizes, options),
            "Rows of 1024 points into two components": ecg(sizes, options),
            "One second of 22.05 kHz into two, in CPU milliseconds": second(
                sizes, options
            ),
            "Memory of `separate`, in MiB": memory(sizes, options),
        },
        alt=ALT,
        seed=options.seed,
    )


def fitted(n_times, network, device, seed):
    """Return a separator after one step on noise."""
    settings = {"max_epochs": 1, "device": device, "random_state": seed}
    separator = CASSSeparator(ResNet9(**network), **settings)
    return separator.fit(*coloured_noise(2, 2, n_times, seed))


# Speed --------------------------------------------------------------------------------


def audio(sizes, options):
    """Return the speed of ``transform``, ``separate`` and the plain loop."""
    separator = fitted(SFREQ, sizes["network"], options.device, options.seed)
    X, _ = coloured_noise(sizes["n_windows"], 2, SFREQ, options.seed)
    calls = {
        "transform": partial(separator.transform, X),
        "separate": partial(separator.separate, X.ravel()),
        "plain loop": partial(
            separate_plainly, separator, plain_networks(separator), X
        ),
    }
    seconds = interleaved(calls, sizes["n_rounds"], device=options.device)
    return [
        {
            "call": name,
            "seconds of signal": len(X),
            "times real time": rate(len(X), of_call),
            "over the plain loop's": ratio(seconds["plain loop"], of_call),
        }
        for name, of_call in seconds.items()
    ]


def ecg(sizes, options):
    """Return milliseconds per row, of many rows and of a single one."""
    separator = fitted(N_TIMES_ECG, sizes["network"], options.device, options.seed)
    X, _ = coloured_noise(sizes["n_rows_ecg"], 2, N_TIMES_ECG, options.seed)
    plain = partial(separate_plainly, separator, plain_networks(separator))
    calls = {
        ("transform", len(X)): partial(separator.transform, X),
        ("plain loop", len(X)): partial(plain, X),
        ("transform", 1): partial(separator.transform, X[:1]),
        ("plain loop", 1): partial(plain, X[:1]),
    }
    seconds = interleaved(calls, sizes["n_rounds"], device=options.device)
    return [
        {
            "call": name,
            "rows": n_rows,
            "ms per row": spread(1000 * s / n_rows for s in of_call),
            "over the plain loop's speed": ratio(
                seconds["plain loop", n_rows], of_call
            ),
        }
        for (name, n_rows), of_call in seconds.items()
    ]


def second(sizes, options):
    """Return CPU milliseconds of one second of audio, and of the parts of a chunk."""
    X, y = coloured_noise(sizes["n_seconds"], 2, SFREQ_SECOND, options.seed)
    rows = []
    for name, settings in SECOND.items():
        separator = AESeparator(
            max_epochs=1, device=options.device, random_state=options.seed, **settings
        ).fit(X[:2], y[:2])
        calls = whole_calls(separator, X) | parts_of_chunk(separator, X)
        n_rounds, clock = sizes["n_rounds"], time.process_time
        functions = {name: call for name, (call, _) in calls.items()}
        seconds = interleaved(functions, n_rounds, device=options.device, clock=clock)
        costs = {
            call: spread(1000 * s / calls[call][1] for s in of_call)
            for call, of_call in seconds.items()
        }
        rows.append({"network": name, **costs})
    return rows


def whole_calls(separator, X):
    """Return calls of the public methods, with their seconds of audio."""
    return {
        "transform": (partial(separator.transform, X), len(X)),
        "one row": (partial(separator.transform, X[:1]), 1),
        "separate": (partial(separator.separate, X.ravel()), len(X)),
    }


def parts_of_chunk(separator, X):
    """Return calls of the parts of one chunk, with their seconds of audio."""
    n_rows = separator._rows_per_free_chunk()
    X, net = X[:n_rows] / 16, separator.net_
    z, _ = separator._unit_mixtures(X, None)
    maps = separator._estimated_maps(z, net)

    def inverse():
        for rows in separator._parts(len(X)):
            estimates = separator._converted(maps[rows], z[rows], net)
            separator.domains_.to_array(estimates, X.dtype, in_single=True)

    calls = {
        "STFT, level": partial(separator._unit_mixtures, X, None),
        "networks": partial(separator._estimated_maps, z, net),
        "inverse": inverse,
    }
    return {name: (call, len(X)) for name, call in calls.items()}


def plain_networks(separator):
    """Return the autoencoders with weights in torch's default memory format."""
    networks = copy.deepcopy(separator.net_.module_)
    return networks.to(memory_format=torch.contiguous_format).eval()


@torch.inference_mode()
def separate_plainly(separator, networks, X):
    """Return estimates, computed row by row."""
    stft, device = separator.domains_.stft, separator.net_.device
    return np.stack([separate_row(row, stft, networks, device) for row in X])


def separate_row(row, stft, networks, device):
    """Return estimates (n_components, n_times) of one waveform."""
    z, _, scale = to_unit_level(stft.forward(torch.from_numpy(row))[None, None])
    mixture = to_map(z).contiguous().to(device)
    maps = torch.cat([autoencoder(mixture) for autoencoder in networks]).cpu()
    return stft.inverse(from_map(maps, True) * scale, len(row))[:, 0].numpy()


# Memory -------------------------------------------------------------------------------


def memory(sizes, options):
    """Return peaks of memory, and speed, over the length of a recording."""
    settings = {
        "network": sizes["network_memory"],
        "device": options.device,
        "seed": options.seed,
    }
    return [memory_of(minutes, settings) for minutes in sizes["minutes"]]


def memory_of(minutes, settings):
    """Return the memory for one length, measured in a new process."""
    n_times = minutes * 60 * SFREQ
    with tempfile.TemporaryDirectory() as folder:
        write_recording(folder, n_times, settings["seed"])
        target = f"{__package__}.bench_inference:separation_of_file"
        took = measured_apart(target, folder=folder, **settings)
    return {
        "minutes": minutes,
        "recording": n_times * 4 / 2**20,
        "estimates": 2 * n_times * 4 / 2**20,
        "anonymous": took["anonymous"],
        "resident": took["resident"],
        "times real time": minutes * 60 / took["seconds"],
    }


def write_recording(folder, n_times, seed):
    """Write noise in single precision, and a file for its two components."""
    recording = open_memmap(Path(folder) / "recording.npy", "w+", "float32", (n_times,))
    rng = np.random.default_rng(seed)
    for start in range(0, n_times, SFREQ):
        recording[start : start + SFREQ] = rng.normal(size=SFREQ)
    open_memmap(Path(folder) / "estimates.npy", "w+", "float32", (2, n_times))


def separation_of_file(folder, network, device, seed):
    """Return a separation from file to file as a function, after a short one."""
    recording = np.load(Path(folder) / "recording.npy", mmap_mode="r")
    out = np.load(Path(folder) / "estimates.npy", mmap_mode="r+")
    separator = fitted(SFREQ, network, device, seed)
    separator.separate(recording[:SFREQ])
    return partial(separator.separate, recording, out=out)


def draw(result):
    """Draw three panels: real time, time of a row, memory."""
    speed, rows, _, lengths = result.tables.values()
    figure, axes = panels(3)
    names = [row["call"] for row in speed]
    values = [row["times real time"] for row in speed]
    title = "44.1 kHz into two components"
    bars(axes[0], names, values, title=title, label="times real time", line=1)
    names = [f"{row['call']}\n{row['rows']} rows" for row in rows]
    values = [row["ms per row"] for row in rows]
    bars(axes[1], names, values, title="Rows of 1024 points", label="ms per row")
    axes[1].tick_params(axis="x", labelsize=7)
    draw_memory(axes[2], lengths)
    return figure


def draw_memory(ax, rows):
    """Draw peaks over the length, and the size of the files."""
    minutes = [row["minutes"] for row in rows]
    for name in ("anonymous", "resident"):
        curve(ax, minutes, [spread([row[name]]) for row in rows], name)
    files = [row["recording"] + row["estimates"] for row in rows]
    ax.plot(minutes, files, linestyle=":", color="0.3", label="the files")
    ax.set_title("Peak memory of separate", fontsize=10)
    ax.set_xlabel("minutes of recording")
    ax.set_xticks(minutes)
    ax.set_ylabel("MiB")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize=8)


if __name__ == "__main__":
    main(sys.modules[__name__])
