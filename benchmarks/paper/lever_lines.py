"""What each line of the tables of levers changes, and the runs behind it."""

from dataclasses import dataclass
from functools import cached_property, partial

from sklearn_cass import AESeparator, CASSSeparator
from sklearn_cass.nn import FINISHES, REPRESENTATIONS

from . import lever_net, regimes, settings
from .estimators import FAMILY, SEPARATORS
from .variants import Variant, VariantTask

QUALITY, ADVERSARIAL = "quality", "adversarial"
EXPERIMENTS = ("ecg", "ppg", "bach10-unseen")
FEWER = {"max_epochs": 3, "n_watched": 16, "watch_every": 100}
# magnitudes need long windows, for the mixture's phase to do
MAGNITUDE_STFT = {"ecg": settings.ECG_STFT, "ppg": settings.PPG_STFT}
OTHER_STFTS = {
    "ecg": ({"n_fft": 16, "hop_length": 4}, settings.ECG_STFT),
    "ppg": ({"n_fft": 32, "hop_length": 8}, settings.PPG_STFT),
    "bach10-unseen": (settings.AUDIO_STFT, settings.LONG_AUDIO_STFT),
}
# where the quality levers are pulled from; the setting of unseen pieces came of them
QUALITY_BASE = {"ecg": "ecg", "ppg": "ppg", "bach10-unseen": "bach10"}
PLAIN, REGULAR, CROSS = FAMILY
ADAPTED = lever_net.LeverAESeparator.__name__
CROSS_ADAPTED = lever_net.LeverCASSSeparator.__name__
AVERAGED = {"levers": {"averaging": 0.99}}


@dataclass(frozen=True)
class Line(Variant):
    """A line of a table: what differs from the base, and whose training it is."""

    estimator: str = PLAIN


def quality_base(experiment):
    """A setting chosen for the tables, its autoencoders' own entries among it."""
    entries = settings.SETTINGS["best"][QUALITY_BASE[experiment]]
    entries = entries | entries.get(PLAIN, {}) | FEWER
    return {k: v for k, v in entries.items() if k not in SEPARATORS}


def quality_lines(experiment):
    """Each changes one thing about the training of autoencoders.

    What a line says and the base has already is left out, so that it is the base's run.
    """
    base = quality_base(experiment)
    full = AESeparator().get_params(deep=False) | base
    lines = {}
    for name, changes in quality_changes(experiment, full).items():
        changed = {k: v for k, v in changes.items() if full.get(k) != v}
        estimator = ADAPTED if "levers" in changed else PLAIN
        lines[name] = Line(described(changes), changed, estimator=estimator)
    return lines


def quality_changes(experiment, full):
    """Parameters by the lines' names; ``full`` are those of the base."""
    changes = {"base": {}}
    changes |= {"no-skips": {"skip_connections": False}}
    changes |= {"no-remix": {"remix": 0.0}, "remix-quarter": {"remix": 0.25}}
    changes |= {f"output-{name}": {"output": name} for name in FINISHES}
    for name in REPRESENTATIONS:
        stft = {} if name == "complex" else magnitude_stft(experiment)
        changes[f"representation-{name}"] = {"representation": name} | stft
    for stft in OTHER_STFTS[experiment]:
        changes[f"stft-{stft['n_fft']}-{stft['hop_length']}"] = {"stft": stft}
    changes |= {
        "lr-half": {"lr": full["lr"] / 2},
        "lr-double": {"lr": full["lr"] * 2},
        "lr-constant": {"lr_schedule": "constant"},
        "optimizer-adam": {"optimizer": "adam"},
        "dilation-1": {"dilation": 1},
        "dilation-4": {"dilation": 4},
        "loss-mse": {"reconstruction_loss": "mse"},
        "loss-relative": {"reconstruction_loss": "relative"},
    }
    if full["representation"] == "complex":
        levers = {"reconstruction_loss": "relative", "levers": {"waveforms": True}}
        changes["loss-waveform"] = levers
    changes |= {
        "filters-half": {"n_filters": full["n_filters"] // 2},
        "filters-double": {"n_filters": full["n_filters"] * 2},
        "batch-double": {"batch_size": full["batch_size"] * 2},
        "compression-1": {"compression": 1.0},
        "compression-0.5": {"compression": 0.5},
        "averaged": AVERAGED,
    }
    return changes


def magnitude_stft(experiment):
    """The STFT for magnitudes, where it is not the base's that does."""
    stft = MAGNITUDE_STFT.get(experiment)
    return {"stft": stft} if stft else {}


def described(changes):
    """What a line changes, in words."""
    flat = {k: v for k, v in changes.items() if k != "levers"}
    flat |= changes.get("levers", {})
    if "stft" in flat:
        flat["stft"] = "{n_fft}/{hop_length}".format(**flat["stft"])
    return ", ".join(f"{name} {value}" for name, value in flat.items()) or "base"


def adversarial_base(experiment):
    """That of the regimes."""
    return regimes.BASE


def adversarial_lines(experiment):
    """Each changes one thing about adversarial training; references come first."""
    rate = CASSSeparator().discriminator_lr
    lever = partial(Line, estimator=CROSS_ADAPTED)
    return {
        "AE": Line("AE"),
        "AE-averaged": Line(
            "AE, averaged weights (decay 0.99)", AVERAGED, estimator=ADAPTED
        ),
        "regular": Line("regular", estimator=REGULAR),
        "cross": Line("cross", estimator=CROSS),
        "warm-up": lever(
            "warm-up: adversarial term after a third of the steps",
            {"levers": {"warm_up": 1 / 3}},
        ),
        "smoothing": lever(
            "label 0.9 of true components (Salimans et al. 2016)",
            {"levers": {"true_label": 0.9}},
        ),
        "least-squares": lever(
            "least squares (Mao et al. 2017)",
            {"levers": {"adversary": "least-squares"}},
        ),
        "hinge": lever(
            "hinge (Lim and Ye 2017, Miyato et al. 2018)",
            {"levers": {"adversary": "hinge"}},
        ),
        # logits come of means over maps, so that slopes are small: the usual, and more
        "r1-10": lever("R1, 10 (Mescheder et al. 2018)", {"levers": {"penalty": 10.0}}),
        "r1-1000": lever("R1, 1000", {"levers": {"penalty": 1000.0}}),
        "matching-batch": lever(
            "feature matching, means over the batch (Salimans et al. 2016)",
            {"levers": {"matching": "batch"}},
        ),
        "matching-sample": lever(
            "feature matching, each estimate with its true component",
            {"levers": {"matching": "sample"}},
        ),
        "averaged": lever(
            "averaged weights, decay 0.99 (Yazici et al. 2019)", AVERAGED
        ),
        "discriminator-lr-10": Line(
            "discriminator_lr x10 (Heusel et al. 2017)",
            {"discriminator_lr": 10 * rate},
            estimator=CROSS,
        ),
        "discriminator-lr-0.1": Line(
            "discriminator_lr x0.1", {"discriminator_lr": 0.1 * rate}, estimator=CROSS
        ),
        "literal": Line(
            "loss_weighting literal", {"loss_weighting": "literal"}, estimator=CROSS
        ),
    }


BASES = {QUALITY: quality_base, ADVERSARIAL: adversarial_base}
LINES = {QUALITY: quality_lines, ADVERSARIAL: adversarial_lines}


@dataclass(frozen=True)
class LeverTask(VariantTask):
    """A run of a line; its setting is the kind of the table and the line's name."""

    measured_on: str = "choose"

    @property
    def base(self):
        """The setting that the table's lines differ from."""
        kind, _ = self.setting.split("/")
        return BASES[kind](self.experiment)

    @property
    def variant(self):
        """What differs."""
        kind, name = self.setting.split("/")
        return LINES[kind](self.experiment)[name]

    def rows(self):
        """Those that the setting of the tables has."""
        return settings.rows_of(self.form, "best", self.experiment)


@dataclass(frozen=True)
class Table:
    """The lines of one kind for one experiment; the first is what others go by."""

    kind: str
    experiment: str

    @cached_property
    def lines(self):
        """Lines by name."""
        return LINES[self.kind](self.experiment)

    def task(self, name, seed):
        """A line's run; one already in a line before it is that one."""
        made = made_of(self.lines[name])
        first = next(n for n, line in self.lines.items() if made_of(line) == made)
        setting, estimator = f"{self.kind}/{first}", self.lines[first].estimator
        return LeverTask(self.experiment, setting, estimator, seed)

    def tasks(self, seed):
        """The runs of all lines."""
        return {name: self.task(name, seed) for name in self.lines}


def made_of(line):
    """What a line's run depends on."""
    return line.estimator, line.parameters


def tables(experiments=EXPERIMENTS, kinds=(QUALITY, ADVERSARIAL)):
    """The tables there are; adversarial levers are pulled on one experiment."""
    return [
        Table(kind, experiment)
        for experiment in EXPERIMENTS
        if experiment in experiments
        for kind in kinds
        if kind == QUALITY or experiment == "ecg"
    ]
