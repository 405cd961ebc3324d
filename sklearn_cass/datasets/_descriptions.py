"""Descriptions of data sets."""

import textwrap


def describe(title, text, **values):
    """Return a description, an underlined title and a paragraph.

    Parameters
    ----------
    title : str
        Its title.
    text : str
        Its text, a template of :meth:`str.format`; lines are broken anew.
    **values
        Values for the template.

    Returns
    -------
    description : str
        The description.
    """
    paragraph = textwrap.fill(text.format(**values), 88, break_on_hyphens=False)
    return f"{title}\n{'-' * len(title)}\n{paragraph}\n"


def name_kinds(kinds):
    """Return the names of kinds of noise in one phrase."""
    return " + ".join(kind if isinstance(kind, str) else "rows" for kind in kinds)
