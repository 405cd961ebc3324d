"""Time of an epoch over the size of the data, the components and the network.

    python -m benchmarks.bench_scaling --quick

Each time is that of a whole ``fit`` of one epoch on smoothed noise.
"""

import math
import statistics
import sys
from functools import partial

from sklearn_cass import CASSSeparator, ResNet9

from .command import main
from .figures import curve, log_axes, panels
from .results import Result
from .signals import coloured_noise
from .timing import interleaved, ratio, spread

QUICK = {
    "base": {"n_samples": 96, "n_times": 1024, "n_components": 2, "n_filters": 16},
    "axes": {
        "n_samples": [48, 96, 192],
        "n_times": [512, 1024, 2048],
        "n_components": [2, 4, 8],
        "n_filters": [8, 16, 32],
    },
    "n_rounds": 3,
}
FULL = {
    "base": {"n_samples": 128, "n_times": 1024, "n_components": 2, "n_filters": 16},
    "axes": {
        "n_samples": [64, 128, 256, 512, 1024],
        "n_times": [256, 512, 1024, 2048, 4096, 8192],
        "n_components": [2, 4, 8],
        "n_filters": [4, 8, 16, 32, 64],
    },
    "n_rounds": 5,
}
LATENT_PER_FILTER = 4  # as by default
LABELS = {
    "n_samples": "rows",
    "n_times": "time points of a row",
    "n_components": "components K",
    "n_filters": "filters of the stem",
}
READING = (
    "Each time is that of a whole `fit` of one epoch; one quantity varies, the others "
    "stay as in `base`. The slope is that of a straight line through the logarithms: 1 "
    "where the time is proportional to the quantity, 2 where it is to its square. All "
    "rows of a table are of the same rounds. The default STFT takes a longer window "
    "for longer rows, so that a spectrogram has about twice as many entries as its row "
    "has time points."
)
ALT = (
    "Curves on logarithmic axes: time of an epoch over rows, time points, components "
    "and filters"
)


def measure(sizes, options):
    """Measure a table for each quantity."""
    tables = {
        axis: rows_of(axis, values, seconds_along(axis, values, sizes, options))
        for axis, values in sizes["axes"].items()
    }
    return Result(
        name="scaling",
        title="Scaling: the time of an epoch",
        reading=READING,
        command=options.command,
        settings=sizes,
        tables=tables,
        alt=ALT,
        seed=options.seed,
    )


class Dense(CASSSeparator):
    """CASS in which D_i takes the estimates of all other components."""

    _cross_terms = "dense"


class Sampled(CASSSeparator):
    """CASS in which D_i takes one other estimate of each mixture, sampled."""

    _cross_terms = "sampled"


def series_of(axis):
    """Return the classes to compare: cross terms matter with many components."""
    if axis == "n_components":
        return {"dense": Dense, "sampled": Sampled}
    return {"dense": Dense}


def seconds_along(axis, values, sizes, options):
    """Return seconds of an epoch by series and value, all of the same rounds."""
    series = series_of(axis)
    calls = {
        (name, value): fit_of(cls, sizes["base"] | {axis: value}, options)
        for name, cls in series.items()
        for value in values
    }
    seconds = interleaved(calls, sizes["n_rounds"], device=options.device)
    return {name: {value: seconds[name, value] for value in values} for name in series}


def fit_of(cls, size, options):
    """Return a fit of one epoch as a function."""
    n_filters = size["n_filters"]
    separator = cls(
        ResNet9(n_filters, LATENT_PER_FILTER * n_filters),
        max_epochs=1,
        precision=options.precision,
        device=options.device,
        random_state=options.seed,
    )
    shape = [size[name] for name in ("n_samples", "n_components", "n_times")]
    return partial(separator.fit, *coloured_noise(*shape, options.seed))


def rows_of(axis, values, seconds):
    """Return a row for each value; the slope is in the first."""
    rows = []
    for name, of_value in seconds.items():
        slope = spread(slopes(values, of_value))
        first = of_value[values[0]]
        for value in values:
            rows.append(
                {
                    axis: value,
                    "cross terms": name,
                    "seconds per epoch": spread(of_value[value]),
                    f"over that of {values[0]}": ratio(of_value[value], first),
                    "slope": slope if value == values[0] else "",
                }
            )
    return rows


def slopes(values, seconds):
    """Yield the slope in logarithms of each round."""
    logs = [math.log(value) for value in values]
    for of_round in zip(*(seconds[value] for value in values), strict=True):
        line = statistics.linear_regression(logs, [math.log(s) for s in of_round])
        yield line.slope


def draw(result):
    """Draw a panel for each quantity."""
    figure, axes = panels(len(result.tables), n_columns=2)
    for ax, (axis, rows) in zip(axes, result.tables.items(), strict=True):
        draw_axis(ax, axis, rows)
    return figure


def draw_axis(ax, axis, rows):
    """Draw the time over one quantity, a curve for each kind of cross terms."""
    for name in dict.fromkeys(row["cross terms"] for row in rows):
        own = [row for row in rows if row["cross terms"] == name]
        slope = own[0]["slope"]["median"]
        values = [row[axis] for row in own]
        times = [row["seconds per epoch"] for row in own]
        curve(ax, values, times, f"{name}, slope {slope:.2f}")
    first = times[0]["median"]
    line = [first * value / values[0] for value in values]
    ax.plot(values, line, linestyle=":", color="0.3", label="proportional")
    log_axes(ax, values)
    ax.set_title(f"Time over {LABELS[axis]}", fontsize=10)
    ax.set_xlabel(LABELS[axis])
    ax.set_ylabel("seconds per epoch")
    ax.legend(frameon=False, fontsize=8)


if __name__ == "__main__":
    main(sys.modules[__name__])
