"""Files are replaced in one step: their mode, links, and what crashes leave."""

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sklearn_cass.persistence import file_format, locks
from sklearn_cass.persistence.file_format import leftovers, write_atomically

needs_locks = pytest.mark.skipif(locks.fcntl is None, reason="needs flock")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    """Set the usual mask of new files' modes."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_rewritten_file_keeps_its_mode(tmp_path, umask, mode):
    path = tmp_path / "a"
    write_atomically(path, b"new")
    assert mode_of(path) == 0o644
    path.chmod(mode)
    write_atomically(path, b"newer")
    assert (path.read_bytes(), mode_of(path)) == (b"newer", mode)


def test_content_is_never_open_to_others(tmp_path, umask, monkeypatch):
    path, modes = tmp_path / "a", []
    path.write_bytes(b"")
    path.chmod(0o600)

    def chmod(temporary, mode):
        modes.append(mode_of(temporary))

    monkeypatch.setattr(os, "chmod", chmod)
    write_atomically(path, b"secret")
    assert modes == [0o600]


@pytest.mark.parametrize("exists", [True, False])
def test_link_is_followed(tmp_path, exists):
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    target.parent.mkdir()
    if exists:
        target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert names(target.parent) == ["target"]


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_atomically("~/a", b"mine")
    write_atomically(Path("~") / "b", b"mine")
    assert names(tmp_path) == ["a", "b"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX")
def test_what_is_no_file_is_not_replaced(tmp_path):
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path, b"")
    # a pipe stands for devices, such as /dev/null, which a failure would destroy
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="pipe' is not a regular file"):
        write_atomically(pipe, b"")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_failed_writing_leaves_the_old_file_alone(tmp_path, monkeypatch, error):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail(descriptor):
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(error)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


@needs_locks
def test_leftovers_of_dead_writers_alone_are_removed(tmp_path):
    mine = [".a.notes.tmp", ".a.b.0123abcd.tmp", ".b.0123abcd.tmp", "a.0123abcd.tmp"]
    for name in [*mine, ".a.0123abcd.tmp", ".a.89abcdef.tmp"]:
        (tmp_path / name).write_bytes(b"half")
    write_atomically(tmp_path / "a", b"new")
    assert names(tmp_path) == sorted(["a", *mine])


@needs_locks
def test_writers_of_one_file_leave_each_other_alone(tmp_path, monkeypatch):
    path, sync, found = tmp_path / "a", os.fsync, []

    def write_another(descriptor):
        monkeypatch.setattr(os, "fsync", sync)
        found.extend(leftovers(path))
        write_atomically(path, b"second")
        found.extend(leftovers(path))

    monkeypatch.setattr(os, "fsync", write_another)
    write_atomically(path, b"first")
    assert len(set(found)) == 1
    assert path.read_bytes() == b"first"
    assert names(tmp_path) == ["a"]


@needs_locks
def test_many_writers_at_once_all_succeed(tmp_path):
    path, errors = tmp_path / "a", []

    def write(k):
        try:
            for _ in range(30):
                write_atomically(path, bytes([k]) * 1000)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=[k]) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(set(path.read_bytes())) == 1
    assert names(tmp_path) == ["a"]


KILLED = """
import os, signal, sys
from sklearn_cass.persistence.file_format import write_atomically
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
write_atomically(sys.argv[1], b"never")
"""


@needs_locks
@pytest.mark.slow
def test_leftover_of_a_killed_process_is_removed(tmp_path):
    path = tmp_path / "a"
    command = [sys.executable, "-c", KILLED, str(path)]
    assert subprocess.run(command, check=False, timeout=120).returncode < 0
    assert len(leftovers(path)) == 1
    write_atomically(path, b"new")
    assert names(tmp_path) == ["a"]


class Windows:
    """Stand-in for msvcrt, and for a system that replaces no open files."""

    LK_NBLCK, LK_UNLCK = 1, 0

    def __init__(self):
        self.held, self.opened = set(), []

    def locking(self, descriptor, mode, n_bytes):
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0  # from where bytes count
        status = os.fstat(descriptor)
        name = status.st_dev, status.st_ino
        if mode == self.LK_UNLCK:
            self.held.remove(name)
        elif name in self.held:
            raise OSError(errno.EACCES, "locked")
        else:
            self.held.add(name)

    def replace(self, source, target):
        assert all(file.closed for file in self.opened)
        os.rename(source, target)


@pytest.fixture
def windows(monkeypatch):
    """Have files written and locked as on Windows."""
    system = Windows()
    monkeypatch.setattr(locks, "fcntl", None)
    monkeypatch.setattr(locks, "msvcrt", system, raising=False)
    open_temporary = file_format.open_temporary

    def opened(*args):
        path, file = open_temporary(*args)
        system.opened.append(file)
        return path, file

    monkeypatch.setattr(file_format, "open_temporary", opened)
    monkeypatch.setattr(os, "replace", system.replace)
    return system


def test_files_are_replaced_on_windows_after_they_are_closed(windows, tmp_path):
    for data in (b"first", b"second"):
        file_format.write_atomically(tmp_path / "file", data)
        assert (tmp_path / "file").read_bytes() == data
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert len(windows.opened) == 2


def test_files_are_locked_on_windows(windows, tmp_path):
    (tmp_path / "lock").touch()
    with (
        open(tmp_path / "lock", "r+b") as first,
        open(tmp_path / "lock", "rb") as other,
    ):
        first.write(b"...")  # the lock is at the beginning, wherever the file stands
        assert locks.lock(first)
        assert not locks.lock(other)
        locks.unlock(first)
        assert locks.lock(other)
