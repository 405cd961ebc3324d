"""
Several channels
================

Mixtures of several channels have the shape ``(n_samples, n_channels, n_times)``, their
components ``(n_samples, n_components, n_channels, n_times)``: what each electrode would
record of each component alone.
"""

# %%
# Four electrodes on one mother record her heart, the child's, and her breath, each with
# gains of its own, and a little noise.
import numpy as np

from sklearn_cass.datasets import make_ecg_mixtures

ecg = make_ecg_mixtures(320, n_times=512, windows_per_trace=40, random_state=0)
rng = np.random.default_rng(0)
gains = rng.normal(size=(3, 4, 1))
y = gains[:2] * ecg.target[:, :, None]
X = y.sum(axis=1) + gains[2] * ecg.noise[:, None]
X += 0.01 * rng.normal(size=X.shape)
train = ecg.groups < 7
test = ~train
print(X.shape, y.shape)

# %%
# Independent component analysis (ICA), the classical method for several channels, finds
# a filter for each source in a second. It separates the beats of the child about as
# well as a network. But it knows no shapes: the breath, which is no component, ends in
# the estimate of the mother. And it needs equal gains in all rows.
from sklearn_cass import AESeparator, ICASeparator, ResNet9
from sklearn_cass.metrics import sdr

separators = [
    ICASeparator(random_state=0),
    AESeparator(ResNet9(n_filters=8), max_epochs=5, random_state=0),
]
estimates = {"mixture": np.repeat(X[test][:, None], 2, axis=1)}
for separator in separators:
    separator.fit(X[train], y[train])
    estimates[type(separator).__name__] = separator.transform(X[test])
for name, estimate in estimates.items():
    maternal, fetal = np.mean(sdr(y[test], estimate), axis=0)
    print(f"{name:14} maternal {maternal:6.1f} dB   fetal {fetal:6.1f} dB")

# %%
# The fetal component of a test row, on the first electrode. The mother's beats dominate
# the mixture, and are gone from the estimates.
import matplotlib.pyplot as plt

time = np.arange(512) / ecg.sfreq
fig, axes = plt.subplots(3, 1, figsize=(9, 5), sharex=True, layout="constrained")
for ax, (name, estimate) in zip(axes, estimates.items(), strict=True):
    ax.plot(time, y[test][4, 1, 0], color="0.7", lw=2.5, label="true component")
    ax.plot(time, estimate[4, 1, 0], lw=1)
    ax.set_title(name, loc="left")
    ax.margins(x=0)
axes[0].legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1))
axes[1].set_ylabel("fetal ECG [mV]")
axes[-1].set_xlabel("time [s]")
