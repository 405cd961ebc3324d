"""Interactive plots of examples, as plotly's JavaScript draws them.

A figure is a dict of traces and a layout. plotly's Python objects, which check every
property, would take a second for each.
"""

import base64
import html
import json

import numpy as np

from ..inspection import decibels, display_stft, magnitude

# Okabe and Ito's colors for components; a gray that shows on light and dark pages.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GRAY = "#8c8c8c"
N_POINTS = 3000  # of a waveform, above which its envelope is drawn
SPECTROGRAM = (128, 200)  # frequencies and frames, at most
RANGE_DB = 70
# in pixels: heights of panels, space between them for titles, margins of a figure
WAVEFORM_HEIGHT, SPECTROGRAM_HEIGHT, BETWEEN = 75, 115, 28
MARGIN = {"l": 55, "r": 10, "t": 50, "b": 45}
COLOR_BAR = {
    "colorscale": "Viridis",
    "cmin": -RANGE_DB,
    "cmax": 0,
    "colorbar": {"title": {"text": "dB"}, "thickness": 10, "outlinewidth": 0},
}


def plotly_javascript():
    """Return plotly's JavaScript, or raise an error that names the extra."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ImportError(
            "plotly is needed to write reports: pip install sklearn-cass[report]"
        ) from error
    return get_plotlyjs()


def envelope(x):
    """Return points of a waveform, and the number of time points between them.

    Waveforms of many points are replaced by the least and largest value of each of
    equally long parts, so that no peak is lost.

    Parameters
    ----------
    x : ndarray of shape (n_times,)
        The waveform.

    Returns
    -------
    points : ndarray of float32
        At most ``N_POINTS`` values.
    step : float
        Time points from one to the next.
    """
    x = np.asarray(x, dtype=np.float32)
    if len(x) <= N_POINTS:
        return x, 1.0
    length = -(-2 * len(x) // N_POINTS)
    parts = np.append(x, np.repeat(x[-1], -len(x) % length)).reshape(-1, length)
    return np.stack([parts.min(axis=1), parts.max(axis=1)], axis=1).ravel(), length / 2


def waveform_figure(example, name, labels, sfreq):
    """Return the waveforms of an example, its estimates, their errors, the residual.

    Parameters
    ----------
    example : Example
        The example.
    name : str
        Name of the estimator.
    labels : list of str
        Names of the components.
    sfreq : float or None
        Sampling frequency in Hz.

    Returns
    -------
    figure : dict
        Traces ("data") and "layout".
    """
    panels = list(_waveform_panels(example, name, labels))
    titles = [title for title, _, _ in panels]
    figure = _grid(titles, 1, WAVEFORM_HEIGHT, _time_title(sfreq))
    for place, (_, like, lines) in enumerate(panels):
        figure["data"] += [_line(place, sfreq, *line) for line in lines]
        if like is not None:
            figure["layout"][_axis("y", place)]["matches"] = f"y{_number(like)}"
    return figure


def _waveform_panels(example, name, labels):
    """Yield the title, the panel that gives the scale, and the lines of each panel."""
    yield "mixture", None, [(example.mixture, "mixture", GRAY)]
    n_panels = 1
    for k, label in enumerate(labels):
        x = example.estimates[name][k]
        line = (x, "estimate", COLORS[k % len(COLORS)])
        if example.truth is None:
            yield label, None, [line]
            n_panels += 1
            continue
        truth = example.truth[k]
        both = [(truth, "true component", GRAY, 3), line]
        yield f"{label}: true component (gray) and estimate", None, both
        error = [(truth - x, "error", GRAY)]
        yield f"{label}: error, to the same scale", n_panels, error
        n_panels += 2
    residual = [(example.residual(name), "residual", GRAY)]
    yield "residual: mixture minus the sum of estimates", 0, residual


def _line(place, sfreq, x, name, color, width=1.2):
    points, step = envelope(x)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "y": _encoded(points),
        "x0": 0,
        "dx": step / (sfreq or 1),
        "line": {"color": color, "width": width},
        "opacity": 0.6 if width > 2 else 1,
        **_axes_of(place),
    }


def spectrogram_figure(example, name, labels, sfreq):
    """Return spectrograms of an example in dB below the mixture's maximum.

    Parameters
    ----------
    example : Example
        The example.
    name : str
        Name of the estimator.
    labels : list of str
        Names of the components.
    sfreq : float or None
        Sampling frequency in Hz.

    Returns
    -------
    figure : dict
        Traces ("data") and "layout". True components are in the first column,
        estimates in the second.
    """
    panels = _spectrogram_panels(example, name, labels)
    titles = [title for title, _ in panels]
    figure = _grid(titles, 2, SPECTROGRAM_HEIGHT, _time_title(sfreq))
    figure["layout"]["coloraxis"] = COLOR_BAR
    stft = display_stft(len(example.mixture))
    top = magnitude(stft, example.mixture).max()
    for place, (_, waveform) in enumerate(panels):
        figure["data"].append(_heatmap(place, stft, waveform, sfreq, top))
        axis = figure["layout"][_axis("y", place)]
        if place:
            axis["matches"] = "y"
        if place % 2:
            axis["showticklabels"] = False
        else:
            axis["title"] = {"text": "Hz" if sfreq else "cycles per point"}
    return figure


def _spectrogram_panels(example, name, labels):
    """Return titles and waveforms, row by row of two."""
    estimates = [
        (f"{label}, estimate", x)
        for label, x in zip(labels, example.estimates[name], strict=True)
    ]
    panels = [("mixture", example.mixture), ("residual", example.residual(name))]
    if example.truth is None:
        return panels + estimates
    for label, truth, estimate in zip(labels, example.truth, estimates, strict=True):
        panels += [(f"{label}, true", truth), estimate]
    return panels


def _heatmap(place, stft, waveform, sfreq, top):
    levels = decibels(_pooled(magnitude(stft, waveform)), top)
    n_freqs, n_frames = levels.shape
    return {
        "type": "heatmap",
        "z": _encoded(np.round(np.maximum(levels, -RANGE_DB)).astype(np.int8)),
        "x0": 0,
        "dx": (len(waveform) - 1) / (sfreq or 1) / max(1, n_frames - 1),
        "y0": 0,
        "dy": (sfreq or 1) / 2 / max(1, n_freqs - 1),
        "coloraxis": "coloraxis",
        "hovertemplate": "%{z} dB<extra></extra>",
        **_axes_of(place),
    }


def _pooled(values):
    """Return the largest values of parts, so that there are not too many."""
    for axis, limit in enumerate(SPECTROGRAM):
        length = -(-values.shape[axis] // limit)
        starts = np.arange(0, values.shape[axis], length)
        values = np.maximum.reduceat(values, starts, axis=axis)
    return values


# --- panels ---------------------------------------------------------------------------


def _grid(titles, n_columns, height, time_title):
    """Return a figure without traces, with one panel for each title, row by row.

    Colors of text and lines are set by the page.
    """
    n_rows = -(-len(titles) // n_columns)
    total = n_rows * height + (n_rows - 1) * BETWEEN
    layout = {
        "height": total + MARGIN["t"] + MARGIN["b"],
        "margin": MARGIN,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 11},
        "hovermode": "closest",
        "showlegend": False,
        "annotations": [],
    }
    for place, title in enumerate(titles):
        row, column = divmod(place, n_columns)
        top = 1 - row * (height + BETWEEN) / total
        bottom, left = max(0.0, top - height / total), 0.52 * column
        right = left + 0.48 if n_columns == 2 else 1.0
        is_last = place + n_columns >= len(titles)
        layout[_axis("x", place)] = {
            "domain": [left, right],
            "anchor": f"y{_number(place)}",
            "zeroline": False,
            "showticklabels": is_last,
            **({"title": {"text": time_title}} if is_last else {}),
            **({"matches": "x"} if place else {}),
        }
        layout[_axis("y", place)] = {
            "domain": [bottom, top],
            "anchor": f"x{_number(place)}",
            "zeroline": False,
            "nticks": 4,
        }
        layout["annotations"].append(_title(title, left, top))
    return {"data": [], "layout": layout}


def _title(text, left, top):
    """Return a title above the left end of a panel; plotly reads it as HTML."""
    return {
        "text": html.escape(text),
        "showarrow": False,
        "font": {"size": 12},
        **{"x": left, "xref": "paper", "xanchor": "left"},
        **{"y": top, "yref": "paper", "yanchor": "bottom"},
    }


def _number(place):
    """Return the number of a panel's axes in plotly's names, "" for the first."""
    return place + 1 if place else ""


def _axis(letter, place):
    return f"{letter}axis{_number(place)}"


def _axes_of(place):
    return {"xaxis": f"x{_number(place)}", "yaxis": f"y{_number(place)}"}


def _time_title(sfreq):
    return "time [s]" if sfreq else "time point"


# --- JSON -----------------------------------------------------------------------------


def _encoded(array):
    """Return an array as plotly's JavaScript takes it: base64 of its bytes."""
    data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return {
        "dtype": f"{array.dtype.kind}{array.dtype.itemsize}",
        "bdata": base64.b64encode(data.tobytes()).decode(),
        "shape": ", ".join(map(str, array.shape)),
    }


def as_json(figure):
    """Return a figure as JSON that may stand in a script element."""
    return (
        json.dumps(figure)
        .replace("&", "\\u0026")
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
    )
