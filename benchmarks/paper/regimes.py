"""When do discriminators, and cross training, pay on the generated fetal ECG?

    python -m benchmarks.paper.regimes

One setting, small enough for many trainings, and what becomes of it with fewer or more
rows, another width, a plain bottleneck, noise, other weights and other losses: three
separators each, paired by seed. A command that is cut off goes on where it stopped.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..report import machine
from . import settings
from .estimators import FAMILY
from .measures import judged, summary, values
from .plan import complete
from .published import FETAL
from .tables import markdown
from .variants import Variant as Regime
from .variants import VariantTask, made_of, parser, percent, run_seeds

BASE = {
    "stft": {"n_fft": 8, "hop_length": 4},
    "reconstruction_loss": "relative",
    "n_filters": 8,
    "batch_size": 4,
    "lr": 6e-3,
    "max_epochs": 8,
    "n_train_rows": 320,
    "cross_weights": 0.3,
    "n_watched": 16,
    "watch_every": 100,
}
PLAIN = {"skip_connections": False, "remix": 0.0}
MAGNITUDES = {"representation": "magnitude", "stft": settings.ECG_STFT}

# Where the number of rows differs, that of steps is the same.
REGIMES = {
    "base": Regime("320 rows, 8 filters, skips, remix, beta 0.1, cross 0.3"),
    "cross-0.01": Regime("cross weight 0.01, the paper's", {"cross_weights": 0.01}),
    "cross-1": Regime("cross weight 1", {"cross_weights": 1.0}),
    "beta-0.01": Regime("beta 0.01", {"alpha": 0.99, "beta": 0.01}),
    "beta-0.3": Regime("beta 0.3", {"alpha": 0.7, "beta": 0.3}),
    "fast-discriminators": Regime(
        "discriminators learn ten times as fast", {"discriminator_lr": 6e-3}
    ),
    "80-rows": Regime("80 rows", {"n_train_rows": 80, "max_epochs": 32}),
    "1280-rows": Regime("1280 rows", {"n_train_rows": 1280, "max_epochs": 2}),
    "4-filters": Regime("4 filters", {"n_filters": 4}),
    "16-filters": Regime("16 filters", {"n_filters": 16}),
    "no-remix": Regime("no remix", {"remix": 0.0}),
    "80-rows-no-remix": Regime(
        "80 rows, no remix", {"remix": 0.0, "n_train_rows": 80, "max_epochs": 32}
    ),
    "plain": Regime("no skips, no remix", PLAIN),
    "plain-magnitude": Regime(
        "no skips, no remix, magnitudes (128/32)", PLAIN | MAGNITUDES
    ),
    "noise": Regime("white noise at -10 dB of each mixture", {}, {"noise_db": -10}),
}


@dataclass(frozen=True)
class RegimeTask(VariantTask):
    """A run of a regime; its setting is the regime's name."""

    @property
    def base(self):
        """The setting that regimes differ from."""
        return BASE

    @property
    def variant(self):
        """What differs."""
        return REGIMES[self.setting]


@dataclass(frozen=True)
class Comparison:
    """The records of one regime, as far as all three separators have finished."""

    name: str
    folder: Path
    seeds: range

    def tasks(self, seed):
        """A run for each separator; one already in an earlier regime is that one."""
        return {name: task_of(self.name, name, seed) for name in FAMILY}

    @cached_property
    def records(self):
        """{seed: {estimator: record}}."""
        return complete(self.tasks, self.seeds, self.folder)

    def errors(self, estimator):
        """Fetal errors of waveforms, one for each seed."""
        return values(self.runs(estimator), "waveform", "L2", FETAL)

    def difference(self, estimator):
        """How much lower (negative) the error is than the AE's, in percent of it."""
        return percent(self.errors(estimator), self.errors(FAMILY[0]))

    def row(self):
        """A line of the table."""
        return [
            REGIMES[self.name].about,
            *(summary(self.errors(estimator), 3) for estimator in FAMILY),
            *(self.difference(estimator) for estimator in FAMILY[1:]),
            *(judged(self.runs(e), f"estimates{FETAL}0") for e in FAMILY[1:]),
            str(len(self.records)),
        ]

    def runs(self, estimator):
        """Its records, one for each seed."""
        return [of_seed[estimator] for of_seed in self.records.values()]


HEADER = [
    "regime",
    *(f"fetal L2, {name}" for name in ("AE", "regular", "cross")),
    *(f"{name} against AE [%]" for name in ("regular", "cross")),
    *(f"D_fetal rejects maternal, {name}" for name in ("regular", "cross")),
    "seeds",
]
HEADING = """\
# When adversarial training pays: generated fetal ECG

Written by `python -m benchmarks.paper.regimes`; {machine}. Each run is a JSON file
under [regimes/](regimes/). Relative L2 errors of fetal waveforms on rows of traces that
nothing was trained on, mean over seeds ± standard deviation; differences are paired by
seed, with the 95 % interval of a bootstrap over the seeds: negative is better than the
plain autoencoder. The last columns are the shares of maternal estimates that the fetal
discriminator rejects, and in brackets its mean output on them.

The base is `{base}`; the other lines say what differs from it.
"""


def task_of(name, estimator, seed):
    """A regime's run, or the same one in a regime before it."""
    task = RegimeTask("ecg", name, estimator, seed)
    same = (RegimeTask("ecg", other, estimator, seed) for other in REGIMES)
    return next(t for t in same if made_of(t) == made_of(task))


def main(arguments=None):
    """Make the runs that are not there yet, seed after seed, and write the page."""
    options = parser(__doc__).parse_args(arguments)
    folder = Path(options.output) / "regimes"

    def tasks_of(seed):
        return [task_of(r, e, seed) for r in REGIMES for e in FAMILY]

    def write(n_seeds):
        heading = HEADING.format(machine=machine(), base=BASE)
        text = f"{heading}\n{table(folder, range(n_seeds))}\n"
        (folder.parent / "regimes.md").write_text(text)

    run_seeds(tasks_of, write, folder, options)
    print(table(folder, range(options.seeds)))


def table(folder, seeds):
    """A line for each regime that has a complete seed."""
    compared = [Comparison(name, folder, seeds) for name in REGIMES]
    return markdown(HEADER, [found.row() for found in compared if found.records])


if __name__ == "__main__":
    main()
