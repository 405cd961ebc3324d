"""Tables in Markdown that read as text, too."""


def table(rows):
    """Return rows, dicts from column to value, as a table in Markdown."""
    if not rows:
        return "No records."
    lines = [list(rows[0]), *([text(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines
    )


def text(value):
    """Return a cell: a text as it is, a number with three significant digits."""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)
