"""One run: which estimator on which rows, with every parameter that it has."""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property

import sklearn_cass
from sklearn_cass import BiLSTM, ResNet9, STFTTransformer
from sklearn_cass.separators import _recipes as recipes

from ..experiments import EXPERIMENTS
from ..report import CEILING, FLOORS

FAMILY = ("AESeparator", "RegularCASSSeparator", "CASSSeparator")
PLAIN, REGULAR, CROSS = FAMILY
TRADITIONAL = ("NMFSeparator", "ICASeparator")
SEPARATORS = (*TRADITIONAL, "GANSeparator", *FAMILY)
ROWS = (*FLOORS, *SEPARATORS, CEILING)  # of a table, in its order
ABOUT_TASK = ("experiment", "estimator", "seed", "measured_on")
# entries of a setting that are about a run and no separator's
ABOUT_RUN = ("n_train_rows", "watch_every", "n_watched")
# parameters that results do not depend on, or that the seed stands for
LEFT_OUT = ("callbacks", "checkpoint", "device", "random_state", "verbose")


def default(estimator, family="ResNet9"):
    """Return a separator of a family of networks, its defaults written out."""
    separator = getattr(sklearn_cass, estimator)()
    network = {"ResNet9": ResNet9, "BiLSTM": BiLSTM}[family]()
    parts = {**recipes.recipe_of(network), "network": network}
    parts |= {"stft": STFTTransformer()}
    known = separator.get_params(deep=False)
    return separator.set_params(**{k: v for k, v in parts.items() if k in known})


def make(estimator, setting, **own):
    """Return a separator with its share of a setting; ``own`` as far as it has it."""
    family = setting.get("network", "ResNet9")
    known = set().union(*(default(e, family).get_params() for e in SEPARATORS))
    unknown = sorted(set(setting) - known - {*ABOUT_RUN, *SEPARATORS})
    if unknown:  # a slip would change nothing
        raise ValueError(f"no separator has the parameters {unknown}")
    given = {"network": family} | setting | own | setting.get(estimator, {})
    separator = default(estimator, given.pop("network"))
    known = separator.get_params()
    return separator.set_params(**{k: v for k, v in given.items() if k in known})


@dataclass(frozen=True)
class Task:
    """One run of an estimator; ``setting`` names ``entries`` and ``rows``."""

    experiment: str
    setting: str
    estimator: str
    seed: int
    entries: dict = field(hash=False)
    rows: dict = field(hash=False)
    measured_on: str = "test"

    @cached_property
    def identity(self):
        """All that the result depends on, except machine and code, as JSON."""
        found = {name: getattr(self, name) for name in ABOUT_TASK}
        found |= {f"rows {k}": v for k, v in self.rows.items()}
        stft = EXPERIMENTS[self.experiment].stft
        found |= {f"reference stft__{k}": v for k, v in stft.items()}
        if self.estimator in SEPARATORS:
            about = ABOUT_RUN[:1] if self.estimator in TRADITIONAL else ABOUT_RUN
            found |= {k: v for k, v in self.entries.items() if k in about}
            for name, value in make(self.estimator, self.entries).get_params().items():
                if name not in LEFT_OUT:
                    is_object = hasattr(value, "get_params")
                    found[name] = type(value).__name__ if is_object else value
        return found

    @cached_property
    def digest(self):
        """A short name of the identity."""
        return digest(self.identity)


def digest(identity):
    """Return a short name of an identity."""
    text = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
