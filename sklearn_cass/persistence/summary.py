"""Summary of a file: what its header tells, without reading its weights."""

import math
import os
from pathlib import Path

from .codec import decode
from .fields import expect
from .file_format import open_content


def summary(path):
    """Return what a file of a separator, or of its pipeline, holds, as plain values.

    Weights are not read, and their checksum is not compared: ``load`` does both.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    summary : dict
        ``class``, ``parameters`` (as the file encodes them), ``components``,
        ``sfreq``, ``filter`` (as the file encodes it), ``window`` (the shape of a
        mixture), ``n_weights``, ``n_bytes`` and ``versions``.
    """
    with open_content(path, "separator", "pipeline") as content:
        header, table = content.header, content.table
    try:
        versions = header["versions"]
        if content.kind == "pipeline":
            header = header["separator"]
        learned, domains = header["learned"], header["domains"]
        names = decode(learned["component_names_"]).tolist()
        found = {
            "class": header["separator"][1],
            "parameters": header["parameters"],
            "components": [str(name) for name in names],
            "sfreq": learned.get("sfreq_"),
            "filter": learned.get("filter_"),
            "window": list(domains["X_shape"]),
            "domain": domains["X_domain"],
            "versions": versions,
        }
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{os.fspath(path)!r} has no header of a separator") from error
    sizes = {n: math.prod(shape) for n, (_, shape) in table.items() if "." in n}
    found["n_weights"] = sum(sizes.values())
    found["n_bytes"] = Path(path).expanduser().stat().st_size
    expect(isinstance(found["parameters"], dict), "parameters", found["parameters"])
    return found
