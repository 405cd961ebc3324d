"""File format: tensors and a JSON header in a safetensors file, with a checksum."""

import hashlib
import json
import os
import secrets
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save

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

    Parameters
    ----------
    path : path-like
        The file.
    data : bytes
        Its new content.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def leftovers(path):
    """Return temporary files that crashes left beside a file."""
    return path.parent.glob(f".{path.name}.*.tmp")


def tree_tensor(tree):
    """Encode a JSON tree as a tensor, for trees too long for a header."""
    return torch.frombuffer(bytearray(json.dumps(tree).encode()), dtype=torch.uint8)


def tree_from_tensor(tensor):
    """Invert :func:`tree_tensor`."""
    return json.loads(tensor.numpy().tobytes())
