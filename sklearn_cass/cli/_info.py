"""The command ``info``: what a model is."""

import json

from ..persistence import summary
from ._messages import printable
from ._models import model_path


def run(args, messages):
    """Print what a model's header tells; its weights are not read."""
    found = summary(model_path(args.model))
    print(json.dumps(found, indent=2) if args.json else printable(text_of(found)))
    return 0


def text_of(found):
    """Return a summary as lines."""
    rows = {
        "class": found["class"],
        "components": ", ".join(found["components"]),
        "sampling rate": rate_text(found["sfreq"]),
        "filter": filter_text(found["filter"]),
        "window": window_text(found),
        "weights": f"{found['n_weights']:,}",
        "size": f"{found['n_bytes'] / 2**20:.1f} MiB",
        "versions": ", ".join(f"{n} {v}" for n, v in found["versions"].items()),
    }
    lines = [f"{name + ':':<15}{value}" for name, value in rows.items()]
    lines.append("parameters:")
    lines += [f"  {n}={value_text(v)}" for n, v in found["parameters"].items()]
    return "\n".join(lines)


def rate_text(sfreq):
    """Return a sampling rate."""
    return "not known" if sfreq is None else f"{sfreq:g} Hz"


def filter_text(content):
    """Return an encoded filter."""
    return "none" if content is None else value_text(content)


def window_text(found):
    """Return the shape of a mixture, with its duration where that is known."""
    *channels, n_times = found["window"]
    if found["domain"] != "waveforms":
        return f"{found['domain']} of shape {tuple(found['window'])}"
    text = f"{n_times} time points"
    if found["sfreq"]:
        text += f" ({n_times / found['sfreq']:.3g} s)"
    return f"{text}, {channels[0]} channels" if channels else f"{text}, one channel"


def value_text(value):
    """Return an encoded parameter as Python code, nearly."""
    if not isinstance(value, dict):
        return repr(value)
    ((kind, content),) = value.items() if len(value) == 1 else ((None, value),)
    if kind == "object":
        (_, name), parameters = content
        pairs = parameters.get("dict", [])
        return f"{name}({', '.join(f'{n}={value_text(v)}' for n, v in pairs)})"
    if kind == "name":
        return content[1]
    return repr(content)
