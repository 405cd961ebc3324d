"""Figure of test errors over CPU seconds of training."""

import numpy as np

from ..figures import curve, log_axes, panels
from ..timing import spread
from .systems import NAMES, OURS, PEERS, ceilings, systems

SHOWN = {"bach10-unseen": ("SDR", "SDR [dB]"), "ecg": ("L2", "relative L2 error")}
COLORS = {name: f"C{k}" for k, name in enumerate(PEERS | OURS)}
SHADES = ("0.7", "0.5", "0.3")  # of oracle masks
TICKS = (60, 120, 300, 900)


def draw(parts, points_of):
    """Draw a panel for each component: means over seeds, from the least to the largest.

    ``parts`` are the records of each experiment, ``points_of`` returns their curves.
    """
    panel = [
        (name, k, component)
        for name in NAMES
        if name in parts
        for k, component in enumerate(names_in(parts[name]))
    ]
    figure, axes = panels(max(1, len(panel)), n_columns=2)
    for ax, (name, k, component) in zip(axes, panel, strict=False):
        draw_panel(ax, name, k, points_of(parts[name]))
        ax.set_title(component, fontsize=10)
    finish(figure, axes)
    return figure


def names_in(found):
    """Return the names of the components."""
    return next(iter(found.values()))["component_names"]


def draw_panel(ax, experiment, component, curves):
    """Draw the curves of one component; what has no budget is a line."""
    measure, label = SHOWN[experiment]
    shades = dict(zip(ceilings(experiment), SHADES, strict=False))
    for name in (n for n in systems(experiment) if n in curves):
        title = systems(experiment)[name].title.replace("`", "")
        values = {
            budget: [point["measured"][measure][component] for point in of_seeds]
            for budget, of_seeds in curves[name].items()
        }
        if name in COLORS and None not in values:
            style = {"color": COLORS[name], "linestyle": "-" if name in OURS else "--"}
            seconds = [
                np.mean([p["seconds"] for p in of]) for of in curves[name].values()
            ]
            curve(ax, seconds, [spread(v) for v in values.values()], title, **style)
        elif name in COLORS or name in shades:
            style = {"color": (COLORS | shades)[name], "linestyle": ":", "lw": 1.8}
            ax.axhline(np.mean(values[None]), label=title, **style)
    ax.set_ylabel(label)
    set_scales(ax, measure)


def set_scales(ax, measure):
    """Set logarithmic seconds, and logarithmic errors; decibels are that already."""
    if measure == "SDR":
        ax.set_xscale("log")
        ax.set_xticks(TICKS, [str(tick) for tick in TICKS])
        ax.minorticks_off()
    else:
        log_axes(ax, TICKS)
    ax.set_xlabel("CPU seconds of training")


def finish(figure, axes):
    """Draw one legend for all panels."""
    found = {}
    for ax in axes:
        handles, labels = ax.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    place = {"loc": "outside lower center", "ncols": 2, "frameon": False}
    figure.legend(found.values(), found.keys(), fontsize=8, **place)
