"""
Callbacks of skorch
===================

A separator trains with `skorch <https://skorch.readthedocs.io>`_, and ``callbacks``
takes its callbacks: they stop a training, change learning rates, clip gradients, or
record what you want to see.
"""

# %%
# A training that stops by itself. ``validation_fraction`` sets rows aside, on which
# ``valid_loss`` is computed after each epoch. With ``lr_schedule="constant"`` the
# learning rate is the scheduler's: it is divided by four whenever the loss has not
# fallen.
from skorch.callbacks import EarlyStopping, GradientNormClipping, LRScheduler

from sklearn_cass import AESeparator, ResNet9
from sklearn_cass.datasets import make_ppg_mixtures

ppg = make_ppg_mixtures(96, n_times=512, sfreq=40, random_state=0)
callbacks = [
    EarlyStopping(patience=4, threshold=0.01),
    LRScheduler("ReduceLROnPlateau", monitor="valid_loss", factor=0.25, patience=1),
    GradientNormClipping(1.0),
]

# %%
# A callback of one's own: it records the learning rate at the end of each epoch.
from skorch.callbacks import Callback


class LearningRate(Callback):
    """Record the learning rate of the autoencoders."""

    def on_epoch_end(self, net, **kwargs):
        """Write it into the history."""
        net.history.record("lr", net.optimizer_.param_groups[0]["lr"])


# %%
# Of 40 epochs, as many are trained as were of use.
separator = AESeparator(
    ResNet9(n_filters=4),
    lr_schedule="constant",
    validation_fraction=0.2,
    max_epochs=40,
    callbacks=[LearningRate(), *callbacks],
    random_state=0,
)
separator.fit(ppg.data, ppg.target)
print(f"{separator.n_iter_} epochs")

# %%
# ``history_`` is skorch's history, with a row for each epoch. The loss says by how many
# decibels the signal-to-noise ratio is below 30, summed over the two components: 60 is
# an estimate that is zero. It falls at once where the scheduler lowers the rate.
import matplotlib.pyplot as plt

history = separator.history_
fig, (losses, rates) = plt.subplots(2, 1, sharex=True, layout="constrained")
for name in ("train_loss", "valid_loss"):
    losses.plot(history[:, "epoch"], history[:, name], label=name)
losses.set_ylabel("loss [dB]")
losses.legend(frameon=False)
rates.semilogy(history[:, "epoch"], history[:, "lr"], drawstyle="steps-mid", color="C2")
rates.set(xlabel="epoch", ylabel="learning rate")
