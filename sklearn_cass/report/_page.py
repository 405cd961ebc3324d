"""The page of a report, rendered by jinja2."""

import platform
from importlib.metadata import PackageNotFoundError, version

from ..inspection import fitted_separator
from . import _audio
from ._figures import as_json, plotly_javascript, spectrogram_figure, waveform_figure
from ._text import grouped, heading, number

PACKAGES = (
    *("sklearn-cass", "scikit-learn", "torch", "skorch", "numpy", "scipy"),
    *("fast_bss_eval", "pystoi", "pesq", "plotly", "jinja2"),
)
LONGEST_SETTING = 300  # characters


def environment():
    """Return jinja2's environment with the templates of the package."""
    try:
        import jinja2
    except ImportError as error:
        raise ImportError(
            "jinja2 is needed to write reports: pip install sklearn-cass[report]"
        ) from error
    loader = jinja2.PackageLoader("sklearn_cass.report")
    settings = {"trim_blocks": True, "lstrip_blocks": True}
    made = jinja2.Environment(loader=loader, autoescape=True, **settings)
    made.filters["number"] = number
    return made


def settings_of(estimator):
    """Return the class of an estimator, and its parameters as text by name."""
    separator = fitted_separator(estimator)
    parameters = {
        name: _shortened(repr(value))
        for name, value in sorted(estimator.get_params().items())
    }
    learned = {
        "epochs trained": getattr(separator, "n_iter_", None),
        "sampling rate in Hz": getattr(separator, "sfreq_", None),
    }
    learned = {name: value for name, value in learned.items() if value is not None}
    shown = _shortened(repr(estimator), 2000)
    return {"shown": shown, "parameters": parameters, "learned": learned}


def _shortened(text, longest=LONGEST_SETTING):
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def versions():
    """Return the releases of Python and of the packages that are installed."""
    found = {"Python": platform.python_version(), "system": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def summary_tables(rows):
    """Return a table for each component: headings, and lines of cells.

    Parameters
    ----------
    rows : list of dict
        The rows of a report.

    Returns
    -------
    tables : list of dict
        With the keys "component", "headings" and "lines".
    """
    tables = {}
    for (component, kind, name), of_metrics in grouped(rows).items():
        table = tables.setdefault(component, {"component": component, "lines": []})
        table["headings"] = [heading(row) for row in of_metrics.values()]
        line = {"name": name, "kind": kind, "cells": list(of_metrics.values())}
        table["lines"].append(line)
    for table in tables.values():
        table["best"] = _best(table["lines"])
    return list(tables.values())


def _best(lines):
    """Return the largest median of each column, where several estimators compete."""
    own = [line["cells"] for line in lines if line["kind"] == "estimator"]
    if len(own) < 2 or own[0][0]["metric"] in ("level", "correlation"):
        return [None] * len(own[0])
    columns = zip(*own, strict=True)
    return [max((row["median"] for row in c), default=None) for c in columns]


def fragment(report):
    """Return the summary as HTML for a notebook."""
    template = environment().get_template("fragment.html")
    return template.render(report=report, tables=summary_tables(report.rows))


def page(report):
    """Return the whole report as an HTML page.

    Parameters
    ----------
    report : SeparationReport
        The report.

    Returns
    -------
    text : str
        The page.
    """
    plotly_js = plotly_javascript()
    template = environment().get_template("page.html")
    return template.render(
        report=report,
        tables=summary_tables(report.rows),
        examples=[_example(report, example) for example in report.examples],
        has_audio=_audio.is_audible(report.sfreq),
        longest_audio=_audio.LONGEST if _is_cut(report) else None,
        versions=versions(),
        plotly_js=plotly_js if report.examples else "",
    )


def _is_cut(report):
    """Return whether players do not play the whole of an example."""
    sfreq = report.sfreq or 1
    return any(len(e.mixture) > _audio.LONGEST * sfreq for e in report.examples)


def _example(report, example):
    """Return what the page shows of one example."""
    labels, sfreq = report.component_names, report.sfreq
    names = list(example.estimates)
    players, of_estimator = _players(report, example)
    return {
        "title": example.title,
        "index": example.index,
        "players": players,
        "estimators": [
            {
                "name": name,
                "ratios": _ratios(example, name, labels),
                "players": of_estimator[name],
                "figures": [
                    as_json(waveform_figure(example, name, labels, sfreq)),
                    as_json(spectrogram_figure(example, name, labels, sfreq)),
                ],
            }
            for name in names
        ],
    }


def _ratios(example, name, labels):
    """Return the SDR of each component as text, for the heading of an estimator."""
    if name not in example.ratios:
        return ""
    pairs = zip(labels, example.ratios[name], strict=True)
    return ", ".join(f"{label} {number(ratio, 1)} dB" for label, ratio in pairs)


def _players(report, example):
    """Return players of the mixture and truth, and those of each estimator."""
    labels, sfreq = report.component_names, report.sfreq
    names = list(example.estimates)
    if not _audio.is_audible(sfreq):
        return [], {name: [] for name in names}
    known = [("mixture", example.mixture)]
    if example.truth is not None:
        known += [(f"{k}, true", x) for k, x in zip(labels, example.truth, strict=True)]
    own = {
        name: [
            *((f"{k}, estimate", x) for k, x in zip(labels, estimates, strict=True)),
            ("residual", example.residual(name)),
        ]
        for name, estimates in example.estimates.items()
    }
    waveforms = [x for _, x in sum(own.values(), known)]
    scale = _audio.common_scale(waveforms)

    def players(pairs):
        return [(label, _audio.data_uri(x, sfreq, scale)) for label, x in pairs]

    return players(known), {name: players(pairs) for name, pairs in own.items()}
