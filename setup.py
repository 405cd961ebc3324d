"""Long description of the distributions: README.md without what a package index lacks.

Everything else is in pyproject.toml.
"""

import re
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent


def index_safe(text):
    """Return Markdown without relative pictures and links, whose texts stay.

    A package index shows the README alone: pictures and pages beside it are not there.
    """
    relative = r"(?![a-z]+:|#)[^)\s]+"
    text = re.sub(rf"!\[[^]]*\]\({relative}\)\n\n\*[^*]*\*\n\n", "", text)
    text = re.sub(rf"!\[[^]]*\]\({relative}\)\n*", "", text)
    text = re.sub(rf"\[([^]]*)\]\({relative}\)", r"\1", text)
    return re.sub(r"\[`?([^]`]*)`?\]\((#[^)]*)\)", r"\1", text)


if __name__ == "__main__":
    setup(
        long_description=index_safe((ROOT / "README.md").read_text("utf-8")),
        long_description_content_type="text/markdown",
    )
