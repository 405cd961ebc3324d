"""
Resuming an interrupted training
================================

Long trainings are interrupted: by a reboot, by a cluster's time limit, by Ctrl-C. With
``checkpoint``, the same ``fit`` called again goes on where it stopped, and ends with
the same weights as if nothing had happened.
"""

# %%
# A callback stands for the power failure, in the third of six epochs.
import tempfile

import numpy as np
from skorch.callbacks import Callback

from sklearn_cass import AESeparator, ResNet9
from sklearn_cass.datasets import make_ppg_mixtures


class PowerFailure(Callback):
    """Raise an error within the third epoch."""

    def on_batch_end(self, net, **kwargs):
        """Raise an error once two epochs have ended."""
        if len(net.history) == 3:
            raise RuntimeError("no power")


ppg = make_ppg_mixtures(160, n_times=512, sfreq=40, random_state=0)
settings = {
    "network": ResNet9(n_filters=8),
    "max_epochs": 6,
    "validation_fraction": 0.2,
    "random_state": 0,
}

# %%
# The state of the training is written to the folder after every epoch. After the
# failure, the same data and parameters resume it; callbacks are not part of what must
# be the same.
folder = tempfile.mkdtemp()
separator = AESeparator(**settings, checkpoint=folder)
try:
    separator.set_params(callbacks=[PowerFailure()]).fit(ppg.data, ppg.target)
except RuntimeError as error:
    print(f"interrupted: {error}")

separator.set_params(callbacks=None).fit(ppg.data, ppg.target)
print(f"{separator.n_iter_} epochs")

# %%
# A training that nothing interrupted has the same history and the same estimates, bit
# for bit.
undisturbed = AESeparator(**settings).fit(ppg.data, ppg.target)
estimates = [s.transform(ppg.data[:8]) for s in (separator, undisturbed)]
print(np.array_equal(*estimates))

# %%
# The errors on the validation set: the curves are one.
from sklearn_cass.plotting import ErrorCurveDisplay

display = ErrorCurveDisplay.from_estimators(
    {"never interrupted": undisturbed, "resumed after epoch 2": separator},
    ppg.component_names,
)
for ax in display.axes_:
    ax.lines[0].set(lw=5, alpha=0.4)
    ax.axvline(2.5, color="0.6", ls=":")
