"""Links of Markdown pages, which are written for readers of the repository.

On the site, a link to another page of `docs/` leads there, one to a page beside README
leads to the page that includes it, one to an example to its page in the gallery. A link
to another source file or folder is plain text.
"""

import os
import re
from pathlib import Path

LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
CODE = re.compile(r"(```.*?```)", re.DOTALL)
# pages of the site that include a page beside README
INCLUDED = {
    "README.md": "index.md",
    "CHANGES.md": "project/changes.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
}


def target_on_site(target, folder, docs):
    """Return the page or image of the site that a link leads to, None if there is none.

    `folder` is that of the page with the link, `docs` that of the site's pages.
    """
    path = Path(os.path.normpath(folder / target))
    examples = docs.parent / "examples"
    if path == examples:  # the gallery is made when the site is built
        return docs / "gallery" / "index.rst"
    if path.parent == examples:
        return docs / "gallery" / f"{path.stem}.rst"
    if path.parent == docs.parent and path.name in INCLUDED:
        path = docs / INCLUDED[path.name]
    is_page = path.suffix in (".md", ".rst", ".png", ".svg")
    return path if is_page and path.is_relative_to(docs) and path.is_file() else None


def relink(text, folder, page_folder, docs):
    """Return Markdown of a page in `folder` with links for a page in `page_folder`."""

    def replaced(match):
        image, label, target = match.groups()
        path, hash_sign, anchor = target.partition("#")
        if not path or ":" in path:
            return match[0]
        found = target_on_site(path, folder, docs)
        if found is None:
            return label
        target = os.path.relpath(found, page_folder) + hash_sign + anchor
        return f"{image}[{label}]({target})"

    parts = CODE.split(text)
    parts[::2] = [LINK.sub(replaced, part) for part in parts[::2]]
    return "".join(parts)


def relink_page(app, docname, source):
    """Change the links of a page that is read."""
    if Path(app.env.doc2path(docname)).suffix == ".md":
        folder = (app.srcdir / docname).parent
        source[0] = relink(source[0], folder, folder, Path(app.srcdir))


def relink_included(app, path, parent, source):
    """Change the links of a page that another one includes."""
    if path.suffix == ".md":
        folder = Path(os.path.normpath(app.srcdir / path)).parent
        page_folder = (app.srcdir / app.env.docname).parent
        source[0] = relink(source[0], folder, page_folder, Path(app.srcdir))


def setup(app):
    """Connect to the reading of pages."""
    app.connect("source-read", relink_page)
    app.connect("include-read", relink_included)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
