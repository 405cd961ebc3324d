"""Threads: each operation in one, and several components at the same time.

Torch's own threads share an operation and wait for each other at its end, actively.
On small maps they gain little, and beside other programs, where one of them has to wait
for a core, a training takes 4 to 100 times as long. Threads that take one component
each meet a few times in a training step, and compute the bits of a single thread.
"""

import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress

import torch


class State:
    """State that all threads of this process share, and that of each."""

    def __init__(self):
        self.lock = threading.Lock()
        self.executor = None
        self.own = threading.local()  # `usable`: number of threads, None by default


STATE = State()


@contextmanager
def one_thread_each():
    """Compute each operation in one thread, as a context or as a decorator.

    :func:`spread` may then use as many threads as torch has in this thread outside.
    That number is restored, and other threads keep theirs.
    """
    if usable_threads():
        yield
        return
    number = torch.get_num_threads()
    try:
        STATE.own.usable = number
        set_in_this_thread(1)
        yield
    finally:
        if usable_threads():  # not in a process forked in the context
            STATE.own.usable = None
            set_in_this_thread(number)


def usable_threads():
    """Return the number of threads of this computation, None outside of one."""
    return getattr(STATE.own, "usable", None)


def set_in_this_thread(number):
    """Set torch's number of threads in this thread alone.

    Torch's own function also sets it for threads to come. A new thread finds their
    number, and sets it again.
    """
    if number == torch.get_num_threads():
        return
    with STATE.lock:
        to_come = in_new_thread(torch.get_num_threads)
        try:
            torch.set_num_threads(number)
        finally:
            if to_come is not None:
                in_new_thread(torch.set_num_threads, to_come)


def in_new_thread(function, *args):
    """Return what a function returns in a new thread, None if there can be no more."""
    found = [None]
    thread = threading.Thread(target=lambda: found.append(function(*args)))
    with suppress(RuntimeError):  # at the end of the program
        thread.start()
        thread.join()
    return found[-1]


def spread(function, n_items):
    """Return ``[function(0), ..., function(n_items - 1)]``, from several threads.

    Outside of :func:`one_thread_each`, in this thread alone. This thread takes part,
    and does what no other thread is free for. All have ended when the results are
    returned, or the first error is raised.

    Parameters
    ----------
    function : callable
        Takes an index. It computes with gradients or in inference mode as this thread
        does, and without its autocast.
    n_items : int
        Number of items.
    """
    items, results = deque(range(n_items)), [None] * n_items
    gradients, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    def work():
        while True:
            try:
                index = items.popleft()
            except IndexError:  # no more items
                return
            with torch.inference_mode(inference), torch.set_grad_enabled(gradients):
                results[index] = function(index)

    others = submit(work, min(n_items, usable_threads() or 1) - 1)
    try:
        work()
    finally:
        items.clear()
        running = [other for other in others if not other.cancel()]
        wait(running)
    for other in running:
        other.result()
    return results


def submit(work, n_times):
    """Have other threads of this process do some work; return their futures."""
    if n_times < 1:
        return []
    with STATE.lock:
        if STATE.executor is None:
            STATE.executor = ThreadPoolExecutor(
                initializer=set_in_this_thread, initargs=(1,)
            )
    futures = []
    with suppress(RuntimeError):  # at the end of the program
        for _ in range(n_times):
            futures.append(STATE.executor.submit(work))
    return futures


def begin_fork():
    """Compute in one thread, for good: a forked process has no others.

    Torch's OpenMP does not know that, and a computation in several threads waits for
    the missing ones without end.
    """
    torch.set_num_threads(1)
    STATE.__init__()


def register():
    """Have all processes forked from this one compute in one thread."""
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=begin_fork)
