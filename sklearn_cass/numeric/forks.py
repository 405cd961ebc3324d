"""Torch's threads in processes that are made by ``os.fork``."""

import os

import torch


def use_one_thread():
    """Compute in one thread, for good: a forked process has no others.

    Torch's OpenMP does not know that, and a computation in several threads waits for
    the missing ones without end.
    """
    torch.set_num_threads(1)


def register():
    """Have all processes forked from this one compute in one thread."""
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=use_one_thread)
