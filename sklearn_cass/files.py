"""Files of tensors with a header: safetensors, checked, and written in one step."""

import hashlib
import json
import os
import secrets
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save

VERSION = 1
PACKAGES = ("sklearn-cass", "numpy", "scikit-learn", "skorch", "torch")


def write(path, kind, header, tensors):
    """Write tensors under a header; a crash on the way leaves what was there.

    Parameters
    ----------
    path : path-like
        Where to.
    kind : str
        What the file is of; :func:`read` asks for the same.
    header : dict
        What JSON can hold.
    tensors : dict of str to torch.Tensor
        The tensors.
    """
    text = json.dumps(header | {"versions": versions()})
    metadata = {"format": f"sklearn_cass {kind}", "version": str(VERSION)}
    metadata["header"] = text
    plain = {name: in_plain_memory(tensor) for name, tensor in tensors.items()}
    metadata["sha256"] = digest(metadata, plain)
    replace(Path(path), save(plain, metadata))


def read(path, kind):
    """Header and tensors of a file that :func:`write` wrote.

    Raises
    ------
    OSError
        If there is no file to read.
    ValueError
        If the file is damaged, of another kind or program, or from a later version.
    """
    with open(path, "rb"):
        pass  # raises what is usual where there is no file
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
    """Refuse what is not what was written."""
    name = repr(os.fspath(path))
    found = metadata.get("format", "")
    if not found.startswith("sklearn_cass ") or not metadata.get("version", ""):
        raise ValueError(
            f"{name} was not written by sklearn_cass, or it is damaged: no header of "
            "ours is in it"
        )
    if found != f"sklearn_cass {kind}":
        raise ValueError(f"{name} must be a {kind} of sklearn_cass, but it is {found}")
    if metadata["version"] != str(VERSION):
        raise ValueError(
            f"{name} has format version {metadata['version']}, but this release reads "
            f"version {VERSION}: a later release of sklearn_cass wrote it, or it is "
            "damaged"
        )
    claimed = metadata.pop("sha256", None)
    if claimed != digest(metadata, tensors):
        raise ValueError(
            f"{name} is damaged: its content does not have the checksum it was written "
            "with"
        )


def digest(metadata, tensors):
    """SHA-256 of everything in a file."""
    total = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return total.hexdigest()


def versions():
    """Versions of the packages that write."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a source tree that is not installed
            found[name] = "unknown"
    return found


def in_plain_memory(tensor):
    """On the CPU, rows last; nothing shared with another tensor."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def replace(path, data):
    """Put data in the place of a file: all of it or, after a crash, nothing."""
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
    """What crashes left behind of a file."""
    return path.parent.glob(f".{path.name}.*.tmp")


def text_tensor(tree):
    """A tensor of JSON text, for what is too long for a header."""
    return torch.frombuffer(bytearray(json.dumps(tree).encode()), dtype=torch.uint8)


def tree_of(tensor):
    """Undo :func:`text_tensor`."""
    return json.loads(tensor.numpy().tobytes())
