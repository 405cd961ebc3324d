"""Lines on standard error, progress bars, and errors of the command line."""

import sys
import warnings
from contextlib import contextmanager

from tqdm import tqdm

QUIET, NORMAL, VERBOSE = 0, 1, 2


class UsageError(Exception):
    """A command that cannot be carried out as it was given; the status is 2."""


class Messages:
    """Lines on standard error for a level of detail.

    Parameters
    ----------
    level : int
        0 shows errors alone, 2 all lines.
    """

    def __init__(self, level=NORMAL):
        self.level = level

    def say(self, text, level=NORMAL):
        """Print a line, above a progress bar if there is one."""
        if level <= self.level:
            tqdm.write(one_line(text), file=sys.stderr)

    def error(self, text):
        """Print the line of an error, also if all others are left out."""
        self.say(f"sklearn-cass: error: {one_line(text)}", QUIET)

    def bar(self, total, description, unit="%"):
        """Return a progress bar, which a file or a pipe does not get."""
        return tqdm(
            total=total,
            desc=description,
            disable=True if self.level < NORMAL else None,
            dynamic_ncols=True,
            bar_format="{l_bar}{bar}| {elapsed}<{remaining}",
            file=sys.stderr,
        )

    @contextmanager
    def warnings_in_lines(self):
        """Print each warning as one line."""
        with warnings.catch_warnings():
            warnings.showwarning = self._show_warning
            yield

    def _show_warning(self, message, category, *args, **kwargs):
        self.say(f"warning: {message}")


def one_line(text):
    """Return a text with its line breaks and runs of spaces as single spaces."""
    return printable(" ".join(str(text).split()))


def printable(text):
    """Return a text without control characters, which a file may hold."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def error_text(error):
    """Return what an error says, its type where it says nothing."""
    return one_line(error) or type(error).__name__
