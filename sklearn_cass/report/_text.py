"""Numbers and tables as plain text."""

import math

LARGEST = 100  # dB, beyond which ratios are rounding errors


def number(value, digits=2):
    """Return a number as text; infinity and NaN as readers know them."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else "-\N{INFINITY}"
    if abs(value) > LARGEST:
        return f">{LARGEST}" if value > 0 else f"<-{LARGEST}"
    return f"{value:.{digits}f}".replace("-0.00", "0.00")


def cell(row):
    """Return the median of a row and its interval as text."""
    if math.isnan(row["median"]):
        return "-"
    if math.isnan(row["low"]):
        return number(row["median"])
    return f"{number(row['median'])} [{number(row['low'])}, {number(row['high'])}]"


def grouped(rows):
    """Return the rows of each estimate and component, by metric.

    Parameters
    ----------
    rows : list of dict
        The rows of a report.

    Returns
    -------
    groups : dict of (str, str, str) to dict of str to dict
        By component, kind and name of the estimate; then by metric.
    """
    groups = {}
    for row in rows:
        key = row["component"], row["kind"], row["estimator"]
        groups.setdefault(key, {})[row["metric"]] = row
    return groups


def heading(row):
    """Return the name of a metric with its unit."""
    return f"{row['metric']} [{row['unit']}]" if row["unit"] else row["metric"]


def plain_table(report):
    """Return the report as a table of plain text.

    Parameters
    ----------
    report : SeparationReport
        The report.

    Returns
    -------
    text : str
        The table, and a line on samples without a value.
    """
    groups = grouped(report.rows)
    first = next(iter(groups.values()))
    lines = [["component", "estimate", *(heading(row) for row in first.values())]]
    for (component, _, name), of_metrics in _by_component(groups).items():
        lines.append([component, name, *(cell(row) for row in of_metrics.values())])
    caption = f"Medians of {report.n_samples} samples, with 95 % intervals."
    return "\n".join([caption, "", *aligned(lines), *undefined(report.rows)])


def aligned(rows, n_names=2):
    """Return rows of cells as lines, with a rule below the heading.

    Parameters
    ----------
    rows : list of list of str
        The cells, those of the heading first.
    n_names : int, default=2
        Number of columns that hold names, which are aligned to the left; numbers are
        aligned to the right.

    Returns
    -------
    lines : list of str
        The lines.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [str.ljust] * n_names + [str.rjust] * (len(widths) - n_names)
    heading, *others = rows
    lines = []
    for row in (heading, ["-" * width for width in widths], *others):
        cells = zip(row, widths, sides, strict=True)
        lines.append("  ".join(align(text, width) for text, width, align in cells))
    return [line.rstrip() for line in lines]


def _by_component(groups):
    """Return the groups ordered by component."""
    order = list(dict.fromkeys(component for component, _, _ in groups))
    return dict(sorted(groups.items(), key=lambda item: order.index(item[0][0])))


def undefined(rows):
    """Return a line on the numbers of samples without a value, if there are any."""
    found = {}
    for row in rows:
        if row["n_nan"] and row["kind"] == "estimator":
            key = row["component"], row["metric"]
            found[key] = max(found.get(key, 0), row["n_nan"])
    if not found:
        return []
    counts = (f"{metric} of {name}: {n}" for (name, metric), n in found.items())
    return [
        "",
        "Not defined for some samples, which are left out: " + "; ".join(counts),
    ]
