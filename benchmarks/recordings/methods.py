"""Rows of the tables: what estimates the fetal ECG, or the respiration.

A method is a function of the recordings to learn from, of a recording without events,
and of a seed. It returns estimates of shape (n_estimates, n_times), at the rate of the
recording.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from . import breathing, classical, learned, shipped


@dataclass(frozen=True)
class Method:
    """A row; ``settings`` are all that its numbers depend on but for data and seed.

    ``of_channels``: estimate k is that of channel k, so that a channel can be chosen by
    other recordings. ``is_learned``: it depends on a seed, and on other recordings;
    ``is_chosen``: on these alone.
    """

    title: str
    estimate: Callable
    settings: dict = field(default_factory=dict)
    of_channels: bool = False
    is_learned: bool = False
    is_chosen: bool = False

    def __call__(self, training, recording, seed=0):
        """Return the estimates for a recording, whose events are withheld."""
        seeds = (seed,) if self.is_learned else ()
        return self.estimate(training, recording.without_events(), *seeds)


_BAND = {"band": classical.FETAL_BAND, "mains": classical.MAINS}
_TEMPLATE = _BAND | {
    "seconds": (classical.BEFORE, classical.AFTER),
    "neighbours": classical.N_NEIGHBOURS,
}
_WEIGHTED = _TEMPLATE | {
    "low": classical.QRS_LOW,
    "weights": (classical.WEIGHTED_NEIGHBOURS, classical.SMOOTH),
}
_LEARNED = _WEIGHTED | {
    "rows": learned.FETAL_ROWS,
    "generated": learned.FETAL_GENERATED | {"db": learned.FETAL_DB},
}

FETAL = {
    "none": Method("none", classical.no_filter, of_channels=True),
    "band-pass": Method(
        "band-pass", classical.fetal_band_pass, _BAND, of_channels=True
    ),
    "template": Method(
        "template subtraction",
        classical.template_subtraction,
        _TEMPLATE,
        of_channels=True,
    ),
    "template-ica": Method(
        "template subtraction, FastICA", classical.template_subtraction_ica, _TEMPLATE
    ),
    "weighted": Method(
        "weighted subtraction",
        classical.weighted_subtraction,
        _WEIGHTED,
        of_channels=True,
    ),
    "weighted-ica": Method(
        "weighted subtraction, FastICA",
        classical.weighted_subtraction_ica,
        _WEIGHTED,
    ),
    "ica": Method("FastICA", classical.fast_ica, _BAND),
    **{
        name: Method(
            f"weighted subtraction, `{title}`",
            partial(learned.fetal_estimates, name),
            _LEARNED | settings,
            of_channels=True,
            is_learned=True,
        )
        for name, title, settings in (
            ("nmf", "NMFSeparator", learned.FETAL_NMF),
            ("ae", "AESeparator", learned.FETAL_TRAINING),
            ("regular", "RegularCASSSeparator", learned.FETAL_TRAINING),
            ("cross", "CASSSeparator", learned.FETAL_TRAINING),
        )
    },
    "pretrained": Method(
        '`pretrained("fetal-ecg")`',
        shipped.fetal_pretrained,
        shipped.settings_of("fetal-ecg"),
        of_channels=True,
    ),
}

RESPIRATION = {
    "none": Method("none", classical.no_filter),
    "band-pass": Method(
        "band-pass",
        classical.breathing_band_pass,
        {"filters": classical.BREATHING_FILTERS},
        is_chosen=True,
    ),
    "nmf": Method(
        "`NMFSeparator`",
        breathing.nmf,
        breathing.NMF,
        is_learned=True,
    ),
    "ae": Method(
        "`AESeparator`",
        partial(breathing.learned, "ae"),
        breathing.LEARNED,
        is_learned=True,
    ),
    "regular": Method(
        "`RegularCASSSeparator`",
        partial(breathing.learned, "regular"),
        breathing.LEARNED,
        is_learned=True,
    ),
    "cross": Method(
        "`CASSSeparator`",
        partial(breathing.learned, "cross"),
        breathing.LEARNED,
        is_learned=True,
    ),
    "pretrained": Method(
        '`pretrained("ppg-respiration")`',
        shipped.respiration_pretrained,
        shipped.settings_of("ppg-respiration"),
    ),
    "recorded": Method("RESP", classical.recorded_respiration),
}
