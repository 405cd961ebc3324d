"""Links from names of public objects, where pages have them as code, to the API."""

import importlib

from docutils import nodes
from sphinx import addnodes

MODULES = (
    *("sklearn_cass.utils.estimator_checks", "sklearn_cass.training"),
    *("sklearn_cass.nn", "sklearn_cass.plotting", "sklearn_cass.datasets"),
    *(
        "sklearn_cass.report",
        "sklearn_cass.metrics",
        "sklearn_cass",
    ),  # the last one wins
)
NOT_NAMES = {"load"}  # words that pages also have as code with another meaning


def targets():
    """Return the full names of public objects by how pages write them."""
    found = {}
    for module in MODULES:
        for name in importlib.import_module(module).__all__:
            full = f"{module}.{name}"
            found |= {name: full, f"{name}()": full, full: full}
            found[f"{module.rpartition('.')[-1]}.{name}"] = full
    return {name: full for name, full in found.items() if name not in NOT_NAMES}


def link_names(app, doctree, docname):
    """Replace code that is a public name by a link to its page."""
    known, python = targets(), app.env.get_domain("py")
    for node in list(doctree.findall(nodes.literal)):
        full = known.get(node.astext())
        inside = isinstance(node.parent, nodes.reference | nodes.title)
        if full is None or inside or docname == f"api/{full}":
            continue
        place = addnodes.pending_xref(refdoc=docname, refspecific=False)
        found = python.resolve_xref(
            app.env, docname, app.builder, "obj", full, place, node.deepcopy()
        )
        if found is not None:
            node.replace_self(found)


def setup(app):
    """Connect to the end of the reading."""
    app.connect("doctree-resolved", link_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
