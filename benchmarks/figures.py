"""Figures of medians with their spread."""

import numpy as np

WIDTH, HEIGHT = 3.6, 3.0  # inches of one panel


def panels(n_panels, n_columns=3):
    """Return a figure and its axes, row by row."""
    from matplotlib.figure import Figure

    n_columns = min(n_panels, n_columns)
    n_rows = -(-n_panels // n_columns)
    size = (WIDTH * n_columns, HEIGHT * n_rows)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.3)
    return figure, axes


def errorbars(spreads):
    """Return medians, and the distances to the least and the largest values."""
    medians = np.array([s["median"] for s in spreads])
    low = medians - [s["min"] for s in spreads]
    high = [s["max"] for s in spreads] - medians
    return medians, np.array([low, high])


def bars(ax, names, spreads, *, title, label, line=None):
    """Draw one bar for each name, and a line at a value that means parity."""
    medians, errors = errorbars(spreads)
    ax.bar(names, medians, yerr=errors, width=0.6, capsize=4)
    if line is not None:
        ax.axhline(line, color="0.3", linestyle="--", linewidth=1)
    ax.grid(False, axis="x")
    ax.set_title(title, fontsize=10)
    ax.set_ylabel(label)


def horizontal_bars(ax, names, spreads, *, title, label):
    """Draw horizontal bars, for long names; the first is on top."""
    medians, errors = errorbars(spreads)
    ax.barh(names, medians, xerr=errors, height=0.6, capsize=4)
    ax.grid(False, axis="y")
    ax.invert_yaxis()
    ax.set_title(title, fontsize=10)
    ax.set_xlabel(label)


def curve(ax, x, spreads, name, **style):
    """Draw medians with their spread over positions."""
    medians, errors = errorbars(spreads)
    ax.errorbar(x, medians, yerr=errors, marker="o", capsize=3, label=name, **style)


def log_axes(ax, ticks):
    """Make both axes logarithmic, with ticks at given positions and at 1, 2 and 5."""
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.minorticks_off()
