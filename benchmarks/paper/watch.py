"""A look at the test rows during training, without a hand in it."""

import copy

import numpy as np
from skorch.callbacks import Callback

from sklearn_cass.metrics import relative_error, share_phase

KEYS = {"waveform": "test_error", "shared_phase": "test_shared_phase_error"}


class TestErrors(Callback):
    """Write relative L2 errors on some rows into the history after epochs.

    Nothing reads them during training: they stop nothing and choose nothing.

    Parameters
    ----------
    separator : estimator
        Whose ``fit`` calls this.
    X, y : ndarray
        Mixtures and components to look at.
    stft : dict
        Of the phases shared with the mixture.
    every : int
        Epochs from one look to the next; there is one at the last epoch, too.
    """

    __test__ = False  # no test of pytest's

    def __init__(self, separator, X, y, stft, every=1):
        self.separator, self.X, self.y = separator, X, y
        self.stft, self.every = stft, every
        self.shared = share_phase(y, X, **stft)

    def on_epoch_end(self, net, **kwargs):
        n_epochs = len(net.history)
        if n_epochs % self.every and n_epochs != net.max_epochs:
            return
        shown = copy.copy(self.separator)
        shown.net_ = net
        estimates = shown.transform(self.X)
        errors = {
            "waveform": relative_error(self.y, estimates),
            "shared_phase": relative_error(
                self.shared, share_phase(estimates, self.X, **self.stft)
            ),
        }
        for name, key in KEYS.items():
            net.history.record(key, np.nanmean(errors[name], axis=0).tolist())


def curves_of(history):
    """Epochs that were looked at, and the errors there: lists over components."""
    looks = [row for row in history if KEYS["waveform"] in row]
    curves = {name: [row[key] for row in looks] for name, key in KEYS.items()}
    return {"epoch": [row["epoch"] for row in looks], **curves}
