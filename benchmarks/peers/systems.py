"""The systems that are compared: peers and their recipes, ours, floors, ceilings."""

from dataclasses import asdict, dataclass, field, replace

from sklearn_cass import AESeparator, CASSSeparator, NMFSeparator

from ..experiments import EXPERIMENTS
from . import models

BUDGETS = (60, 120, 300, 900)  # CPU seconds of training, in one thread
SEEDS = (0, 1, 2)
AUDIO, ECG = "bach10-unseen", "ecg"
NAMES = (AUDIO, ECG)  # of experiments
STFTS = {
    AUDIO: ((1024, 256), (2048, 512)),
    ECG: ((16, 4), (64, 16), (128, 32)),
}  # of oracle masks
JSON = (bool, int, float, str, type(None))
# parameters that results do not depend on, that the seed or the budget stands for
LEFT_OUT = (
    "callbacks",
    "checkpoint",
    "device",
    "max_epochs",
    "random_state",
    "verbose",
)


@dataclass(frozen=True)
class Recipe:
    """Training of a peer: Adam on batches, its rate lowered on a plateau.

    The plateau is one of the training loss, so that no row is held out. With ``cosine``
    the rate falls along a cosine instead, and each budget is a training of its own.
    ``remix`` is the share of rows whose components are of different rows, drawn anew in
    each step.
    """

    lr: float = 1e-3
    weight_decay: float = 0.0
    batch_size: int = 4
    clip: float | None = None  # norm of all gradients
    factor: float = 0.5  # of the rate after a plateau
    patience: int = 5  # epochs
    cosine: bool = False
    remix: float = 0.0


@dataclass(frozen=True)
class Peer:
    """A published model: its class in :mod:`models`, sizes by experiment, recipe.

    Without a cosine one training is measured at each budget. With ``trained=False``
    nothing but costs is measured.
    """

    title: str
    make: type
    sizes: dict
    recipe: Recipe = field(default_factory=Recipe)
    names: tuple = ()  # arguments of the class before the number of components
    trained: bool = True

    @property
    def by_budget(self):
        """Tell whether each budget is a training of its own."""
        return self.recipe.cosine

    def settings(self, experiment):
        """Return all that a training depends on, as JSON."""
        size = {"class": "/".join([self.make.__name__, *self.names])}
        return size | self.sizes[experiment] | asdict(self.recipe)

    def build(self, experiment, n_components, sfreq):
        """Return the untrained model."""
        size = self.sizes[experiment]
        return self.make(*self.names, n_components=n_components, sfreq=sfreq, **size)


@dataclass(frozen=True)
class Ours:
    """A separator of this package with nothing set; a fit of its own for each budget.

    ``by_budget`` is False where a fit has no epochs, and so no length to choose.
    """

    title: str
    make: type
    by_budget: bool = True

    def settings(self, experiment):
        """Return the parameters, as JSON."""
        found = self.make().get_params()
        return {
            name: value if isinstance(value, JSON) else repr(value)
            for name, value in found.items()
            if name not in LEFT_OUT
        }


@dataclass(frozen=True)
class Reference:
    """Estimates without training: a floor, or the oracle mask of an STFT."""

    title: str
    stft: tuple | None = None

    def settings(self, experiment):
        """Return the STFT."""
        return {"stft": self.stft}


def tasnet(title, name, audio, ecg, **options):
    """Return a network of asteroid with its sizes for audio and ECG."""
    recipe = Recipe(clip=5.0)
    return Peer(
        title, models.TasNet, {AUDIO: audio, ECG: ecg}, recipe, (name,), **options
    )


# Windows of as many seconds as published for 8 kHz: 2 ms
RATE = {"kernel_size": 44, "stride": 22}
# of audio: longer windows, for more epochs, are better on validation rows
LONG = {"kernel_size": 256, "stride": 128}
# of ECG: as many samples as published are better than fewer
SHORT = {"kernel_size": 16, "stride": 8}
CONV = {"n_filters": 128, "bn_chan": 64, "hid_chan": 128, "skip_chan": 64}
CONV |= {"n_blocks": 6, "n_repeats": 2}
DUAL = {"n_filters": 64, "bn_chan": 64, "hid_size": 64, "n_repeats": 2}

# as published for 44.1 kHz, for half the rate; for ECG, that of its oracle mask
UNMIX_STFT = {
    AUDIO: {"n_fft": 2048, "hop_length": 512},
    ECG: {"n_fft": 128, "hop_length": 32},
}
UNMIX = Recipe(weight_decay=1e-5, batch_size=16, factor=0.3, patience=80)
# width and share of remixed rows are chosen on validation rows
BEST = replace(UNMIX, remix=0.25)
NARROW = {name: size | {"hidden_size": 256} for name, size in UNMIX_STFT.items()}

PEERS = {
    "openunmix": Peer("Open-Unmix, as published", models.OpenUnmix, UNMIX_STFT, UNMIX),
    "openunmix-snr": Peer(
        "Open-Unmix, best loss", models.OpenUnmixWaveform, NARROW, BEST
    ),
    "openunmix-cosine": Peer(
        "Open-Unmix, best loss, cosine",
        models.OpenUnmixWaveform,
        NARROW,
        replace(BEST, cosine=True),
    ),
    "convtasnet": tasnet(
        "Conv-TasNet, reduced", "ConvTasNet", LONG | CONV, SHORT | CONV
    ),
    "dprnn": tasnet(
        "DPRNN-TasNet, reduced",
        "DPRNNTasNet",
        LONG | DUAL | {"chunk_size": 26},
        SHORT | DUAL | {"chunk_size": 24},
    ),
    "convtasnet-published": tasnet(
        "Conv-TasNet, published size", "ConvTasNet", RATE, SHORT, trained=False
    ),
    "dprnn-published": tasnet(
        "DPRNN-TasNet, published size", "DPRNNTasNet", RATE, SHORT, trained=False
    ),
}
OURS = {
    "nmf": Ours("`NMFSeparator()`", NMFSeparator, by_budget=False),
    "ae": Ours("`AESeparator()`", AESeparator),
    "cass": Ours("`CASSSeparator()`", CASSSeparator),
}
FLOORS = {"mixture": Reference("mixture"), "zero": Reference("zero")}


def ceilings(experiment):
    """Return the oracle mask of each STFT that is compared."""
    return {
        f"oracle-{n}-{hop}": Reference(f"oracle ratio mask {n}/{hop}", (n, hop))
        for n, hop in STFTS[experiment]
    }


def systems(experiment):
    """Return all systems of an experiment by name, in the order of the page."""
    return FLOORS | OURS | PEERS | ceilings(experiment)


def rows_of(experiment):
    """Return the rows of an experiment, as its definition has them."""
    return EXPERIMENTS[experiment].rows
