"""Tables in Markdown that read as text, too."""


def table(rows):
    """Return rows as a table, columns of numbers to the right.

    Parameters
    ----------
    rows : list of dict
        Texts, numbers and spreads of :func:`~benchmarks.timing.spread` by column.
    """
    if not rows:
        return "No records."
    columns = [[name, *(text(row[name]) for row in rows)] for name in rows[0]]
    lines = []
    for name, cells in zip(rows[0], columns, strict=True):
        width = max(map(len, cells))
        if any(isinstance(row[name], str) for row in rows):
            cells = [cell.ljust(width) for cell in cells]
            cells.insert(1, "-" * width)
        else:
            cells = [cell.rjust(width) for cell in cells]
            cells.insert(1, "-" * (width - 1) + ":")
        lines.append(cells)
    return "\n".join(
        "| " + " | ".join(line) + " |" for line in zip(*lines, strict=True)
    )


def text(value):
    """Return a cell: three significant digits; spreads as median (least to largest)."""
    if isinstance(value, dict):
        ends = f"{text(value['min'])} to {text(value['max'])}"
        return f"{text(value['median'])} ({ends})"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)
