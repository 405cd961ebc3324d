"""Models that ship with the package, and models in files."""

from pathlib import Path

from ..inspection import fitted_separator
from ..models import DESCRIPTIONS, model_file
from ..separators import load
from ._messages import UsageError


def run(args, messages):
    """List the models that ship."""
    width = max(map(len, DESCRIPTIONS))
    for name, description in DESCRIPTIONS.items():
        print(f"{name:<{width}}  {description}")
    return 0


def model_path(text):
    """Return the file of a model, which may be given by its name."""
    path = Path(text).expanduser()
    if path.exists():
        return path
    if text in DESCRIPTIONS:
        return model_file(text)
    known = f", and no model {text!r} ships" if len(path.parts) == 1 else ""
    raise UsageError(f"no such file: {text}{known} (see: sklearn-cass models)")


def load_model(text):
    """Return the fitted separator of waveforms in a file."""
    separator = fitted_separator(load(model_path(text)))
    domains = getattr(separator, "domains_", None)
    if domains is None or domains.y_domain != "waveforms":
        raise ValueError(f"{text} must be a separator of waveforms, got {separator}")
    return separator
