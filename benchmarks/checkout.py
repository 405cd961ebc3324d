"""The commit of the code; nothing but the standard library is imported here."""

import subprocess
from functools import cache
from pathlib import Path

WORDS = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]


@cache
def commit():
    """Return the commit of the code, "-dirty" if it was changed since; or None."""
    folder = Path(__file__).parent
    try:
        found = subprocess.run(
            WORDS, cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
