"""Files with a content of one's choice and the right checksums."""

import json
import struct

import safetensors.torch

from sklearn_cass.persistence import file_format


def contents(path):
    """Length-checked JSON header of a safetensors file, and the bytes after it."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def read_crafted(path):
    """Content and tensors of a file of the package."""
    metadata = contents(path)[0]["__metadata__"]
    return json.loads(metadata["sklearn_cass"]), safetensors.torch.load_file(path)


def write_crafted(path, content, tensors):
    """Write content and tensors with the right checksums."""
    content = {name: value for name, value in content.items() if name != "sha256"}
    content["tensors"] = file_format.digest_of_tensors(tensors)
    table = {name: (t.dtype, tuple(t.shape)) for name, t in tensors.items()}
    content["sha256"] = file_format.digest_of_header(content, table)
    metadata = {"sklearn_cass": json.dumps(content)}
    path.write_bytes(safetensors.torch.save(tensors, metadata))


def rewrite(path, change, **others):
    """Change the header of a file in place, and other parts of its content."""
    content, tensors = read_crafted(path)
    change(content["header"])
    write_crafted(path, content | others, tensors)
