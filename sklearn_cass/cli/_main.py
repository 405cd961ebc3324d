"""Entry point: status and errors of the command line."""

import os
import sys
import traceback

from ._messages import QUIET, Messages, UsageError, error_text
from ._parser import messages_of, parse

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : list of str, default=None
        The arguments; None is ``sys.argv[1:]``.

    Returns
    -------
    status : int
        0; 1 if something failed; 2 if the arguments are wrong; 130 if interrupted.

    Examples
    --------
    >>> from sklearn_cass.cli import main
    >>> main(["models"])
    fetal-ecg        maternal and fetal ECG in one abdominal channel
    ppg-respiration  heartbeat and respiration in the PPG of a finger
    0
    """
    try:
        args = parse(argv)
    except SystemExit as end:
        return end.code or 0
    messages = messages_of(args)
    with messages.warnings_in_lines():
        return run(args, messages)


def run(args, messages):
    """Run a command; its errors become lines."""
    try:
        status = args.run(args, messages)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        Messages(QUIET).error("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of the output has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if args.debug:
            traceback.print_exc()
        messages.error(error_text(error))
        return WRONG_USAGE if isinstance(error, UsageError) else FAILED
