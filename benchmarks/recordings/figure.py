"""Pictures of the seconds in which a method fails most."""

import numpy as np

from sklearn_cass.metrics import find_breaths, match_events

from ..figures import panels
from .classical import band_filtered
from .problems import find_fetal_beats
from .recording import training_set

SECONDS = {"fetal": 6.0, "respiration": 64.0}
FIND = {"fetal": find_fetal_beats, "respiration": find_breaths}
TOLERANCE = 0.05  # seconds; breaths are compared by their number


def draw(problem, method, recordings, worst, seed=0):
    """Return a figure: recording above, estimate below, for each of some recordings.

    ``worst`` holds pairs of a recording and the number of its estimate.
    """
    figure, axes = panels(2 * len(worst), n_columns=1)
    figure.set_size_inches(9, 3.2 * len(worst))
    for pair, (recording, k) in zip(axes.reshape(-1, 2), worst, strict=True):
        training = training_set(recordings, recording)
        estimates = problem.methods[method](training, recording, seed)
        draw_one(pair, problem.name, recording, estimates, k)
    handles = axes[1].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4, fontsize=8)
    return figure


def draw_one(axes, name, recording, estimates, k):
    """Draw the stretch of a recording with most wrong events."""
    true, found = recording.events, FIND[name](estimates[k], recording.sfreq)
    is_missed, is_false = wrong_ones(name, true, found)
    span = worst_span(name, recording, (true, found), (is_missed, is_false))
    channel = k if len(estimates) == len(recording.data) else 0
    x = recording.data[channel]
    if name == "fetal":
        x = band_filtered(x, recording.sfreq)
    curve(axes[0], x, recording.sfreq, span, f"{recording.name}, recorded")
    curve(axes[1], estimates[k], recording.sfreq, span, "estimate")
    marks(axes[1], true, is_missed, ("true", "missed"), "v", 1.0)
    marks(axes[1], found, is_false, ("found", "false"), "^", 0.0)
    axes[1].set_xlabel("seconds")


def wrong_ones(name, true, found):
    """Return which true events are missed, and which found ones are false."""
    wrong = np.zeros(len(true), bool), np.zeros(len(found), bool)
    if name == "fetal":
        pairs = match_events(true, found, tolerance=TOLERANCE)
        for is_wrong, index in zip(wrong, pairs, strict=True):
            is_wrong[:] = True
            is_wrong[index] = False
    return wrong


def worst_span(name, recording, events, wrong):
    """Return start and end of the seconds with most wrong beats, or worst rate."""
    length = SECONDS[name]
    starts = np.arange(0, max(recording.duration - length, 0) + 1e-9, length / 4)

    def n_in(times):
        times = np.sort(times)
        ends = np.searchsorted(times, starts + length)
        return ends - np.searchsorted(times, starts)

    if name == "fetal":
        errors = sum(n_in(t[w]) for t, w in zip(events, wrong, strict=True))
    else:
        errors = np.abs(n_in(events[0]) - n_in(events[1]))
    start = float(starts[np.argmax(errors)])
    return start, start + length


def curve(ax, signal, sfreq, span, title):
    """Draw a stretch of a signal."""
    first, stop = (round(edge * sfreq) for edge in span)
    part = signal[first:stop]
    times = (first + np.arange(len(part))) / sfreq
    ax.plot(times, part, color="0.4", linewidth=0.8)
    ax.set_xlim(span)
    ax.set_yticks([])
    ax.set_title(title, fontsize=10, loc="left")


def marks(ax, events, is_wrong, labels, marker, height):
    """Mark events at the edge of a panel, wrong ones in red."""
    low, high = ax.get_xlim()
    for wrong, label in enumerate(labels):
        if wrong and not is_wrong.any():
            continue
        times = events[(is_wrong == wrong) & (events >= low) & (events < high)]
        (line,) = ax.plot(
            times,
            np.full(len(times), height),
            marker,
            color="tab:red" if wrong else "tab:green",
            markerfacecolor="white" if wrong else None,
            label=label,
            transform=ax.get_xaxis_transform(),
            clip_on=False,
        )
        line.set_in_layout(False)
