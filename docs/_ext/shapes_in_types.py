"""Shapes in the types of numpydoc's parameters, as reStructuredText.

In `ndarray of shape (n_components_, *X.shape[1:])` the underscore and the star are
markup to reStructuredText. People read docstrings without it, so that it is escaped
here.
"""

import re

TYPE = re.compile(r"^\s*\*{0,2}\w+(, \w+)* : ")


def escape(line):
    """Return a line of a docstring with markup in a parameter's type escaped."""
    match = TYPE.match(line)
    if match is None or "shape" not in line:
        return line
    kind = re.sub(r"_(?=[,)])", r"\\_", line[match.end() :])
    return match[0] + kind.replace("*", r"\*")


def escape_types(app, what, name, thing, options, lines):
    """Escape the types in a docstring."""
    lines[:] = [escape(line) for line in lines]


def setup(app):
    """Connect before numpydoc, which has the default priority of 500."""
    app.connect("autodoc-process-docstring", escape_types, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
