"""The settings under which the tables are measured: edit them here.

A setting is a flat dict of the separators' parameters; each separator takes those that
it has. An entry by a separator's name holds parameters of its alone. ``n_train_rows``
draws so many of the training rows, ``watch_every`` is the number of epochs from one
look at the test rows to the next, ``n_watched`` how many of them are looked at.
Whatever changes here makes another run with a file of its own.
"""

AUDIO_STFT = {"n_fft": 1024, "hop_length": 256}
# Half as many frames for the networks: half the time of a training.
SHORT_AUDIO_STFT = {"n_fft": 1024, "hop_length": 512}
LONG_AUDIO_STFT = {"n_fft": 2048, "hop_length": 512}
# Of magnitudes: long enough for the mixture's phase to do. The paper does not say.
ECG_STFT = {"n_fft": 128, "hop_length": 32}
PPG_STFT = {"n_fft": 256, "hop_length": 64}

# The STFT of the oracle mask and of phases shared with the mixture.
REFERENCE_STFT = {
    "bach10": AUDIO_STFT,
    "bach10-unseen": AUDIO_STFT,
    "ecg": ECG_STFT,
    "ppg": PPG_STFT,
}

# Rows of an experiment, and seeds that are run.
N_SEEDS = {"full": 5, "quick": 2}
BACH10 = {"window": 1.0, "share_test": 0.2, "share_choose": 0.1}
GENERATED = {"n_train": 1280, "n_choose": 320, "n_test": 320}
ECG = GENERATED | {"generator": {"windows_per_trace": 32}}
ROWS = {
    "bach10": BACH10,
    "bach10-unseen": {"window": 1.0},
    "ecg": ECG,
    "ppg": GENERATED,
}

# As many steps as that takes need short rows on a CPU.
SHORT_WINDOWS = {"bach10": {"window": 0.25}}
ROWS_OF_SETTING = {"paper": SHORT_WINDOWS, "paper-fast": SHORT_WINDOWS}

# Section 4: plain ResNet-9 autoencoders of magnitudes and Eq. (7) as it stands.
PAPER = {
    "representation": "magnitude",
    "skip_connections": False,
    "dilation": 1,
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
    "n_filters": 8,
    "n_watched": 64,
    "watch_every": 5,
}
FEW = {"max_epochs": 200, "n_train_rows": 250}  # 1000 steps
PAPER_BY_EXPERIMENT = {
    "bach10": PAPER
    | {"stft": SHORT_AUDIO_STFT, "n_train_rows": 150, "max_epochs": 100},
    "ecg": PAPER | FEW | {"stft": {"n_fft": 128, "hop_length": 64}},
    "ppg": PAPER | FEW | {"stft": {"n_fft": 256, "hop_length": 128}},
}
# What flattens the curves within that many steps.
FAST = {"lr": 1e-3, "discriminator_lr": 1e-4, "max_epochs": 100}
BEST_BACH10 = {
    "stft": SHORT_AUDIO_STFT,
    "representation": "phase-sensitive",
    "compression": 0.5,
    "output": "ratio_mask",
    "dilation": 1,
    "n_filters": 8,
    "batch_size": 4,
    "max_epochs": 10,
    "cross_weights": 0.3,
    "n_watched": 32,
    "watch_every": 2,
    "NMFSeparator": {"stft": AUDIO_STFT},
}
# What pays on unseen pieces one by one (docs/paper/levers.md), taken together, and two
# epochs more. Remixing all rows would hide that the parts of any piece go together.
BEST_UNSEEN = BEST_BACH10 | {
    "stft": LONG_AUDIO_STFT,
    "reconstruction_loss": "relative",
    "remix": 0.25,
    "n_filters": 16,
    "max_epochs": 12,
}
BEST_GENERATED = {
    "stft": {"n_fft": 8, "hop_length": 4},
    "reconstruction_loss": "relative",
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
        "ecg": BEST_GENERATED | {"NMFSeparator": {"stft": ECG_STFT}},
        "ppg": BEST_GENERATED
        | {"output": "affine", "NMFSeparator": {"stft": PPG_STFT}},
    },
}
ABOUT = {
    "paper": "plain autoencoders (no skip connections) of magnitudes, Eq. (7) and (9) "
    "literally, the paper's learning rates",
    "paper-fast": "the same with both learning rates times 100",
    "best": "the best found on rows kept for choosing",
}

# The shape of it in minutes: what replaces the entries above.
QUICK_ROWS = {
    "bach10": {"window": 0.4, "pieces": [1, 2]},
    "bach10-unseen": {"window": 0.4, "pieces": [1, 2, 7], "n_test": 32},
    "ecg": {"n_train": 192, "n_choose": 64, "n_test": 64},
    "ppg": {"n_train": 192, "n_choose": 64, "n_test": 64},
}
QUICK_AUDIO = {"n_filters": 8, "max_epochs": 5, "n_train_rows": 64, "n_watched": 16}
QUICK_GENERATED = {"n_filters": 8, "max_epochs": 8, "n_watched": 32}
QUICK = {
    "bach10": QUICK_AUDIO,
    "bach10-unseen": QUICK_AUDIO,
    "ecg": QUICK_GENERATED,
    "ppg": QUICK_GENERATED,
}


def rows_of(form, setting, experiment):
    """How many rows of an experiment there are, and how they are made."""
    own = ROWS_OF_SETTING.get(setting, {}).get(experiment, {})
    quick = QUICK_ROWS[experiment] if form == "quick" else {}
    return ROWS[experiment] | own | quick


def setting_of(form, setting, experiment):
    """The parameters of a setting, for a full or a quick run."""
    quick = QUICK[experiment] | {"watch_every": 1} if form == "quick" else {}
    return SETTINGS[setting][experiment] | quick


def settings_of(experiment, names=None):
    """The settings, or those among the names, that an experiment has."""
    return [s for s in names or SETTINGS if experiment in SETTINGS[s]]
