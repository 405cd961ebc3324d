"""The settings under which the tables are measured.

A setting is a flat dict of the separators' parameters; each separator takes those that
it has. An entry by a separator's name holds parameters of its alone. ``network`` names
a family of networks, "ResNet9" where it is not given. ``n_train_rows`` samples so many
of the training rows, ``watch_every`` is the number of epochs between looks at the test
rows, ``n_watched`` how many of them are looked at. Other parameters have that family's
defaults: if those change, records become stale.
"""

from ..experiments import AUDIO_STFT, ECG_STFT, EXPERIMENTS, PPG_STFT


def stft(n_fft, hop_length):
    """Return an STFT's entries."""
    return {"stft__n_fft": n_fft, "stft__hop_length": hop_length}


ROWS = {name: e.rows for name, e in EXPERIMENTS.items() if name != "fetal"}
# short windows, for as many steps in the time of a CPU
ROWS_OF_PAPER = {"bach10": {"window": 0.25}}

# Section 4: plain ResNet-9 autoencoders of magnitudes and Eq. (7) as it stands; the
# paper does not give its STFT
PAPER = {
    "representation": "magnitude",
    "network__skip_connections": False,
    "network__dilation": 1,
    "network__n_filters": 8,
    "reconstruction_loss": "mse",
    "optimizer": "adam",
    "lr": 1e-5,
    "discriminator_lr": 1e-6,
    "lr_schedule": "constant",
    "loss_weighting": "literal",
    "alpha": 0.9,
    "beta": 0.1,
    "cross_weights": 0.01,
    "batch_size": 50,
    "remix": 0.0,
    "n_watched": 64,
    "watch_every": 5,
}
FEW = {"max_epochs": 200, "n_train_rows": 250}  # 1000 steps
SHORT_AUDIO = stft(1024, 512)  # half as many frames: half the time of a training
PAPER_BY_EXPERIMENT = {
    "bach10": PAPER | SHORT_AUDIO | {"n_train_rows": 150, "max_epochs": 100},
    "ecg": PAPER | FEW | stft(128, 64),
    "ppg": PAPER | FEW | stft(256, 128),
}
# what flattens the curves within that many steps
FAST = {"lr": 1e-3, "discriminator_lr": 1e-4, "max_epochs": 100}
BEST_UNSEEN = {
    **stft(8192, 2048),
    "network": "BiLSTM",
    "discriminator_lr": 6e-4,
    "max_epochs": 20,
    "cross_weights": 0.3,
    "n_watched": 32,
    "watch_every": 2,
    "NMFSeparator": stft(**AUDIO_STFT),
}
# Random windows gain from mixing all rows, as none of their pieces is new, but hardly
# from more epochs (docs/paper/ablations.md).
BEST_BACH10 = BEST_UNSEEN | {"remix": 1.0}
BEST_GENERATED = {
    **stft(8, 4),
    "reconstruction_loss": "relative",
    "discriminator_lr": 6e-4,
    "batch_size": 8,
    "max_epochs": 16,
    "cross_weights": 0.3,
    "n_watched": 128,
    "watch_every": 1,
}
SETTINGS = {
    "paper": PAPER_BY_EXPERIMENT,
    "paper-fast": {e: entries | FAST for e, entries in PAPER_BY_EXPERIMENT.items()},
    "best": {
        "bach10": BEST_BACH10,
        "bach10-unseen": BEST_UNSEEN,
        "ecg": BEST_GENERATED | {"NMFSeparator": stft(**ECG_STFT)},
        "ppg": BEST_GENERATED
        | {"network__output": "affine", "NMFSeparator": stft(**PPG_STFT)},
    },
}
ABOUT = {
    "paper": "plain autoencoders (no skip connections) of magnitudes, Eq. (7) and (9) "
    "literally, the paper's learning rates",
    "paper-fast": "the same with both learning rates times 100",
    "best": "the best found on validation rows",
}

# --quick: what replaces the entries above
FEW_ROWS = {"n_train": 192, "n_validation": 64, "n_test": 64}
QUICK_ROWS = {"ecg": FEW_ROWS, "ppg": FEW_ROWS} | {
    "bach10": {"window": 0.4, "pieces": [1, 2]},
    "bach10-unseen": {"window": 0.4, "pieces": [1, 2, 7], "n_test": 32},
}
QUICK = {"watch_every": 1, "max_epochs": 8, "n_watched": 32}
QUICK_AUDIO = QUICK | {"max_epochs": 5, "n_train_rows": 64, "n_watched": 16}
NARROW = {"ResNet9": {"network__n_filters": 8}, "BiLSTM": {"network__width": 64}}


def rows_of(setting, experiment, quick=False):
    """Return how many rows of an experiment there are, and how they are made."""
    own = ROWS_OF_PAPER.get(experiment, {}) if setting.startswith("paper") else {}
    return ROWS[experiment] | own | (QUICK_ROWS[experiment] if quick else {})


def setting_of(setting, experiment, quick=False):
    """Return the entries of a setting, for a full or a quick run."""
    entries = SETTINGS[setting][experiment]
    if not quick:
        return entries
    fewer = QUICK_AUDIO if EXPERIMENTS[experiment].folders else QUICK
    return entries | fewer | NARROW[entries.get("network", "ResNet9")]


def settings_of(experiment, names=tuple(SETTINGS)):
    """Return the settings, of those named, that an experiment has."""
    return [name for name in names if experiment in SETTINGS[name]]
