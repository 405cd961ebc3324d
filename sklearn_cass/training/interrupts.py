"""Ends of a training before its last epoch: by a callback, or by the user's Ctrl-C."""

import dis
import signal
from functools import partial
from inspect import unwrap

RAISE = dis.opmap["RAISE_VARARGS"]


class StopTraining(Exception):
    """Ends a training without an error; a later callback is not notified."""


def is_raised(interrupt):
    """Return whether a ``raise`` statement raised a KeyboardInterrupt, and no signal.

    skorch's callbacks end a training by ``raise KeyboardInterrupt``. A signal (Ctrl-C)
    raises the same exception at any instruction but that one, also in a callback, or
    in a function that the program has set as the signal's handler.
    """
    entry = interrupt.__traceback__
    codes = [entry.tb_frame.f_code]
    while entry.tb_next is not None:
        entry = entry.tb_next
        codes.append(entry.tb_frame.f_code)
    instructions = codes[-1].co_code
    # compiled extensions have frames without instructions
    if not 0 <= entry.tb_lasti < len(instructions) or handler_code() in codes:
        return False
    return instructions[entry.tb_lasti] == RAISE


def handler_code():
    """Return the code of the handler of SIGINT, None if it is not in Python."""
    handler = signal.getsignal(signal.SIGINT)
    while isinstance(handler, partial):
        handler = handler.func
    if callable(handler):
        handler = unwrap(handler)
    return getattr(handler, "__code__", None)
