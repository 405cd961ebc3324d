"""File format: tensors and a JSON header in a safetensors file, with a checksum."""

import errno
import hashlib
import json
import os
import re
import secrets
import stat
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save

from . import locks

VERSION = 2
PACKAGES = ("sklearn-cass", "numpy", "scikit-learn", "skorch", "torch")


def write(path, kind, header, tensors):
    """Write a header and tensors; a crash leaves the previous file in place.

    Parameters
    ----------
    path : path-like
        The file.
    kind : str
        Kind of the content, which :func:`read` checks.
    header : dict
        A JSON object.
    tensors : dict of str to torch.Tensor
        The tensors.
    """
    text = json.dumps(header | {"versions": versions()})
    metadata = {"format": f"sklearn_cass {kind}", "version": str(VERSION)}
    metadata["header"] = text
    plain = {name: contiguous_copy(tensor) for name, tensor in tensors.items()}
    metadata["sha256"] = digest(metadata, plain)
    write_atomically(path, save(plain, metadata))


def read(path, kind):
    """Return header and tensors of a file that :func:`write` wrote.

    Raises
    ------
    OSError
        If there is no file to read.
    ValueError
        If the file is damaged, of another kind or program, or from a later version.
    """
    with open(path, "rb"):
        pass  # raises FileNotFoundError or PermissionError
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except Exception as error:  # of many types, some of them private
        raise ValueError(
            f"{os.fspath(path)!r} cannot be read as a safetensors file: it is damaged, "
            f"cut off or of another format ({error})"
        ) from error
    check(path, kind, metadata, tensors)
    return json.loads(metadata["header"]), tensors


def check(path, kind, metadata, tensors):
    """Raise a ValueError unless the content is as it was written."""
    name = repr(os.fspath(path))
    found = metadata.get("format", "")
    if not found.startswith("sklearn_cass ") or not metadata.get("version", ""):
        raise ValueError(
            f"{name} was not written by sklearn_cass, or it is damaged: it has no "
            "header of sklearn_cass"
        )
    if found != f"sklearn_cass {kind}":
        raise ValueError(f"{name} must be a {kind} of sklearn_cass, but it is {found}")
    if metadata["version"] != str(VERSION):
        raise ValueError(
            f"{name} has format version {metadata['version']}, but this release reads "
            f"version {VERSION}: another release of sklearn_cass wrote it, or it is "
            "damaged"
        )
    claimed = metadata.pop("sha256", None)
    if claimed != digest(metadata, tensors):
        raise ValueError(
            f"{name} is damaged: the checksum of its content differs from the one in "
            "its header"
        )


def digest(metadata, tensors):
    """Return the SHA-256 of metadata and tensors."""
    total = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return total.hexdigest()


def versions():
    """Return the versions of the packages that write a file."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a source tree that is not installed
            found[name] = "unknown"
    return found


def contiguous_copy(tensor):
    """Return a contiguous copy on the CPU that shares no memory."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def write_atomically(path, data):
    """Replace a file's content: all of it or, after a crash, nothing.

    A link is followed, an existing file keeps its mode, and what crashes left of
    earlier writings is removed.

    Parameters
    ----------
    path : path-like
        The file; a leading ``~`` is the user's home.
    data : bytes
        Its new content.
    """
    path = Path(os.path.realpath(os.path.expanduser(path)))
    mode = mode_to_keep(path)
    remove_leftovers(path)
    temporary, file = open_temporary(path, mode)
    try:
        with file:
            file.write(data)
            file.flush()
            if mode is not None:
                os.chmod(temporary, mode)
            os.fsync(file.fileno())
            if locks.fcntl is not None:  # Windows replaces no open files
                os.replace(temporary, path)
        if locks.fcntl is None:
            os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def mode_to_keep(path):
    """Return the permissions of an existing file, None for a new one.

    Raises
    ------
    OSError
        If there is something else than a file.
    """
    try:
        found = path.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found):
        raise OSError(f"{str(path)!r} is not a regular file, and is not replaced")
    return stat.S_IMODE(found)


def open_temporary(path, mode):
    """Open a new, locked file beside a path; return its path and the file."""
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        file = open(os.open(temporary, flags, 0o666 if mode is None else mode), "w+b")
        try:
            # another process may have taken it for a leftover before it was locked
            if locked_or_lockless(file) and temporary.exists():
                return temporary, file
            file.close()
        except BaseException:
            file.close()
            temporary.unlink(missing_ok=True)
            raise


def locked_or_lockless(file):
    """Lock a file, and return whether that was done or there are no locks."""
    if locks.fcntl is None:
        return True
    try:
        return locks.lock(file)
    except OSError:  # a file system without locks
        return True


def leftovers(path):
    """Return temporary files beside a file: of crashes, and of writings under way."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.tmp")
    found = (p for p in path.parent.iterdir() if pattern.fullmatch(p.name))
    return [p for p in found if p.is_file()]


def remove_leftovers(path):
    """Remove temporary files that crashes left: those that no process has locked.

    Without locks, they stay.
    """
    if locks.fcntl is None:
        return
    with suppress(OSError):  # a folder that cannot be listed
        for leftover in leftovers(path):
            with suppress(OSError), open(leftover, "rb") as file:
                if locks.lock(file):
                    leftover.unlink()


def tree_tensor(tree):
    """Encode a JSON tree as a tensor, for trees too long for a header."""
    return torch.frombuffer(bytearray(json.dumps(tree).encode()), dtype=torch.uint8)


def tree_from_tensor(tensor):
    """Invert :func:`tree_tensor`."""
    return json.loads(tensor.numpy().tobytes())
