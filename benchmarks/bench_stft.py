"""Speed of STFTTransformer and of scipy.signal.ShortTimeFFT.

    python -m benchmarks.bench_stft --quick

Window, hop and rows are the same, and both must agree first. The transformer computes
on the CPU, whatever the device.
"""

import sys
from functools import partial

import numpy as np
from scipy.signal import ShortTimeFFT

from sklearn_cass import STFTTransformer

from .command import main
from .figures import bars, panels
from .results import Result
from .signals import SFREQ, coloured_noise
from .timing import interleaved, ratio, spread

QUICK = {
    "signals": {
        "ECG": {"n_rows": 256, "n_times": 1024},
        "audio": {"n_rows": 16, "n_times": SFREQ},
    },
    "n_rounds": 5,
}
FULL = {
    "signals": {
        "ECG": {"n_rows": 2048, "n_times": 1024},
        "audio": {"n_rows": 128, "n_times": SFREQ},
    },
    "n_rounds": 15,
}
TOLERANCE = {"float64": 1e-12, "float32": 1e-6}  # of the largest value
READING = (
    "Above a ratio of 1, `STFTTransformer` is faster. Both compute in double "
    "precision; `STFTTransformer` returns single precision for such input. "
    "`ShortTimeFFT` needs one or two frames more at either end to be inverted. The "
    "columns of differences are the largest over all entries, relative to the largest "
    "entry."
)
ALT = "Bars: speed relative to SciPy, both directions, for each signal and type"


def measure(sizes, options):
    """Measure differences and times, for each signal and type."""
    rows = []
    for signal, size in sizes["signals"].items():
        for dtype in TOLERANCE:
            shape = (size["n_rows"], 1, size["n_times"])
            X, _ = coloured_noise(*shape, options.seed, dtype)
            rows += compare(signal, X, sizes["n_rounds"])
    return Result(
        name="stft",
        title="STFT: against SciPy",
        reading=READING,
        command=options.command,
        settings=sizes,
        tables={"Transform and inverse": rows},
        alt=ALT,
        seed=options.seed,
    )


def compare(signal, X, n_rounds):
    """Return a row for each direction."""
    ours = STFTTransformer().fit(X)
    n_times, dtype = X.shape[-1], X.dtype.name
    # phases relative to the first point of a frame, as in torch
    window = ours.window_.copy()  # SciPy makes it read-only
    scipys = ShortTimeFFT(window, ours.hop_length_, fs=1, phase_shift=None)
    differences = differences_of(ours, scipys, X)
    Z, Z_scipy = ours.transform(X), scipys.stft(X)
    directions = {
        "transform": (partial(ours.transform, X), partial(scipys.stft, X)),
        "inverse": (
            partial(ours.inverse_transform, Z),
            partial(scipys.istft, Z_scipy, k1=n_times),
        ),
    }
    return [
        {"signal": signal, "type": dtype, "n_fft": ours.n_fft_, "direction": direction}
        | {"largest difference": differences[direction]}
        | times_of(*calls, len(X), n_rounds)
        for direction, calls in directions.items()
    ]


def differences_of(ours, scipys, X):
    """Return the largest differences in shared frames, and of X after inversion."""
    n_times = X.shape[-1]
    Z = ours.transform(X)
    shared = scipys.stft(X, p0=0, p1=Z.shape[-1])
    back = ours.inverse_transform(Z), scipys.istft(scipys.stft(X), k1=n_times)
    differences = {
        "transform": difference(Z, shared),
        "inverse": max(difference(waveforms, X) for waveforms in back),
    }
    for direction, value in differences.items():
        if value > TOLERANCE[X.dtype.name]:
            raise AssertionError(f"{direction} differs from SciPy's by {value:.1e}")
    return differences


def difference(a, b):
    """Return the largest difference, relative to the largest value."""
    return float(np.abs(np.asarray(a) - b).max() / np.abs(b).max())


def times_of(ours, scipys, n_rows, n_rounds):
    """Return milliseconds per row and their ratio."""
    seconds = interleaved({"ours": ours, "scipy": scipys}, n_rounds)
    per_row = {
        name: spread(1000 * s / n_rows for s in values)
        for name, values in seconds.items()
    }
    return {
        "ms per row, ours": per_row["ours"],
        "ms per row, SciPy": per_row["scipy"],
        "ratio": ratio(seconds["scipy"], seconds["ours"]),
    }


def draw(result):
    """Draw a panel for each direction."""
    (rows,) = result.tables.values()
    figure, axes = panels(2)
    for ax, direction in zip(axes, ("transform", "inverse"), strict=True):
        own = [row for row in rows if row["direction"] == direction]
        names = [f"{row['signal']}\n{row['type']}" for row in own]
        values = [row["ratio"] for row in own]
        label = "speed / speed of SciPy"
        bars(ax, names, values, title=f"STFT: {direction}", label=label, line=1)
    return figure


if __name__ == "__main__":
    main(sys.modules[__name__])
