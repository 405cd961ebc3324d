"""File format: tensors and a JSON header in a safetensors file, with checksums."""

import errno
import hashlib
import json
import os
import re
import secrets
import stat
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save

from . import locks

VERSION = 4  # of files that are written
OLDEST = 3  # that are read
PACKAGES = ("sklearn-cass", "numpy", "scikit-learn", "skorch", "torch")
# safetensors' names of types, for those of torch that a table may hold
DTYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
    "C64": torch.complex64,
}


def write(path, kind, header, tensors):
    """Write a header and tensors; a crash leaves the previous file in place.

    Equal content gives equal bytes.

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
    plain = {name: contiguous_copy(tensor) for name, tensor in tensors.items()}
    for name, tensor in plain.items():
        if tensor.dtype not in DTYPES.values():
            raise TypeError(f"a file cannot hold {name!r}, a tensor of {tensor.dtype}")
    content = {
        "kind": kind,
        "version": VERSION,
        "header": header | {"versions": versions()},
        "tensors": digest_of_tensors(plain),
    }
    table = {name: (t.dtype, tuple(t.shape)) for name, t in plain.items()}
    content["sha256"] = digest_of_header(content, table)
    # one entry: safetensors writes several in random order
    write_atomically(path, save(plain, {"sklearn_cass": json.dumps(content)}))


def read(path, kind):
    """Return header and tensors of a file that :func:`write` wrote.

    Raises
    ------
    OSError
        If there is no regular file to read.
    ValueError
        If the file is damaged, of another kind or program, or of another version.
    """
    with open_content(path, kind) as content:
        return content.header, content.tensors()


class Content:
    """Content of an open file; tensors are not read before they are asked for.

    Attributes
    ----------
    kind : str
        Kind of the content.
    header : object
        The JSON header, whose checksum is right.
    table : dict of str to (torch.dtype, tuple)
        Types and shapes of the tensors.
    """

    def __init__(self, path, file, content, table):
        self.path, self.file, self.checksum = path, file, content.get("tensors")
        self.kind, self.header = content["kind"], content.get("header")
        self.table = table

    def tensors(self):
        """Read the tensors and compare their checksum."""
        # copies: the tensors of safetensors are views of the file
        tensors = {name: self.file.get_tensor(name).clone() for name in self.table}
        if digest_of_tensors(tensors) != self.checksum:
            raise ValueError(damaged(self.path, "its tensors"))
        return tensors


@contextmanager
def open_content(path, *kinds):
    """Open a file of one of some kinds, check its header; yield a :class:`Content`."""
    path = Path(path).expanduser()
    check_regular(path)
    try:
        file = safe_open(path, "pt")
    except Exception as error:  # of many types, some of them private
        raise ValueError(
            f"{os.fspath(path)!r} cannot be read as a safetensors file: it is damaged, "
            f"cut off or of another format ({error})"
        ) from error
    with file:
        content = checked_content(path, kinds, file.metadata() or {})
        table = table_of(file)
        check_header(path, content, table)
        yield Content(path, file, content, table)


def check_regular(path):
    """Raise an OSError unless the path is a regular file that can be read."""
    # a pipe would block until somebody writes to it
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        mode = os.fstat(descriptor).st_mode
    finally:
        os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{os.fspath(path)!r} is a folder, not a file")
    if not stat.S_ISREG(mode):
        raise OSError(f"{os.fspath(path)!r} is not a regular file")


def checked_content(path, kinds, metadata):
    """Return what :func:`write` wrote into the metadata, of one of some kinds."""
    name = repr(os.fspath(path))
    if "sklearn_cass" not in metadata:
        check_version(name, metadata.get("version", ""), metadata.get("format", ""))
    try:
        content = json.loads(metadata["sklearn_cass"])
        found, file_version = content["kind"], content["version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(damaged(path, "its header")) from error
    check_version(name, file_version)
    if found not in kinds:
        known = " or ".join(kinds)
        raise ValueError(
            f"{name} must be a {known} of sklearn_cass, but it is a {found}"
        )
    return content


def check_header(path, content, table):
    """Raise a ValueError if the checksum of the header is wrong."""
    claimed = content.pop("sha256", None)
    try:
        found = digest_of_header(content, table)
    except RecursionError:
        found = None
    if claimed is None or claimed != found:
        raise ValueError(damaged(path, "its header"))


def check_version(name, found, program="sklearn_cass"):
    """Raise a ValueError for files of other programs and other versions."""
    if not str(program).startswith("sklearn_cass"):
        raise ValueError(
            f"{name} was not written by sklearn_cass, or it is damaged: it has no "
            "header of sklearn_cass"
        )
    if found not in range(OLDEST, VERSION + 1):
        raise ValueError(
            f"{name} has format version {found}, but this release reads versions "
            f"{OLDEST} to {VERSION}: another release of sklearn_cass wrote it, or it "
            "is damaged"
        )


def damaged(path, part):
    """Return the message of a checksum that differs."""
    return (
        f"{os.fspath(path)!r} is damaged: the checksum of {part} differs from the one "
        "that was written"
    )


def table_of(file):
    """Return types and shapes of the tensors in an open safetensors file."""
    slices = {name: file.get_slice(name) for name in file.keys()}
    return {
        name: (DTYPES.get(part.get_dtype()), tuple(part.get_shape()))
        for name, part in slices.items()
    }


def digest_of_header(content, table):
    """Return the SHA-256 of the content and of the table of tensors."""
    lines = [f"{name} {dtype} {list(shape)}" for name, (dtype, shape) in table.items()]
    text = json.dumps([content, sorted(lines)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_tensors(tensors):
    """Return the SHA-256 of the bytes of tensors, in the order of their names."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(tensors[name].reshape(-1).view(torch.uint8).numpy())
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
