"""Models that ship with the package, and models in files."""

from dataclasses import dataclass
from pathlib import Path

from ..inspection import fitted_separator
from ..separators import load
from ._messages import UsageError


@dataclass(frozen=True)
class Model:
    """A model that ships with the package.

    Parameters
    ----------
    path : Path
        Its file.
    description : str
        What it separates, at which rate, and what it was trained on, in one line.
    """

    path: Path
    description: str


# Models that ship, by the name that users type. A new one needs one entry.
MODELS: dict[str, Model] = {}

NO_MODELS = """\
No models ship with this release. Train one on recordings of your own:
  sklearn-cass train mixtures/ bassoon/ saxophone/ -o model.safetensors
"""


def run(args, messages):
    """List the models that ship."""
    if not MODELS:
        print(NO_MODELS, end="")
    width = max(map(len, MODELS), default=0)
    for name, model in MODELS.items():
        print(f"{name:<{width}}  {model.description}")
    return 0


def model_path(text):
    """Return the file of a model, which may be given by its name."""
    if text in MODELS and not Path(text).exists():
        return MODELS[text].path
    path = Path(text).expanduser()
    if not path.exists():
        known = f", and no model {text!r} ships" if len(path.parts) == 1 else ""
        raise UsageError(f"no such file: {text}{known} (see: sklearn-cass models)")
    return path


def load_model(text):
    """Return the fitted separator of waveforms in a file."""
    separator = fitted_separator(load(model_path(text)))
    domains = getattr(separator, "domains_", None)
    if domains is None or domains.y_domain != "waveforms":
        raise ValueError(f"{text} must be a separator of waveforms, got {separator}")
    return separator
