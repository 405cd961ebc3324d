"""Locks of open files, which the system releases when the process ends."""

import errno

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
    import msvcrt

HELD = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


def lock(file):
    """Lock an open file.

    Returns
    -------
    is_locked : bool
        False if another process, or another opening of the file in this one, holds the
        lock.

    Raises
    ------
    OSError
        If the file system has no locks.
    """
    try:
        if fcntl is None:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in HELD:
            raise
        return False
    return True


def unlock(file):
    """Release the lock of an open file, also where a forked process has it open."""
    if fcntl is None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_UN)
