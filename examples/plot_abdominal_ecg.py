"""
Fetal ECG on four electrodes
============================

Electrodes on an abdomen see the same two hearts from different sides: the fetal beats
that are buried on one channel stand out on another. ``make_ecg_mixtures`` generates
such channels from dipoles, one for each heart, with rates, signs and noise like those
of recordings.
"""

# %%
# Mixtures of four channels
# -------------------------
# Rows with equal ``groups`` have one mother, one fetus and the same electrodes; other
# groups have others. The last twenty groups are kept for the test.
from sklearn_cass.datasets import make_ecg_mixtures

ecg = make_ecg_mixtures(
    1200,
    n_channels=4,
    n_times=512,
    windows_per_trace=4,
    maternal_bpm=(60, 110),
    fetal_bpm=(110, 170),
    magnitude_ratio=(1, 6),
    noise=["respiration", "muscle", "mains", "pink"],
    noise_db=(-25, -10),
    random_state=0,
)
X, y = ecg.data, ecg.target
train = ecg.groups < 280
test = ~train
print(X.shape, y.shape)

# %%
# Each row of the figure is an electrode. Maternal beats have the same times on all of
# them, and other shapes; so have the fetal ones, whose R waves are marked.
import matplotlib.pyplot as plt
import numpy as np

time = np.arange(512) / ecg.sfreq
row = np.flatnonzero(test)[9]
fig, axes = plt.subplots(4, 1, figsize=(9, 7), sharex=True, layout="constrained")
for k, ax in enumerate(axes):
    ax.plot(time, X[row, k], color="0.6", lw=1, label="mixture")
    ax.plot(time, y[row, 1, k], color="C1", lw=1.2, label="fetal component")
    for beat in ecg.fetal_beats[row]:
        ax.axvline(beat, color="C1", lw=0.5, ls=":")
    ax.set_ylabel(f"electrode {k + 1}\n[mV]")
    ax.margins(x=0)
axes[0].legend(loc="upper right", ncols=2)
axes[-1].set_xlabel("time [s]")

# %%
# Separation
# ----------
# Components have the channels of the mixtures: what each electrode would record of each
# heart alone. The separator estimates all of them from all four channels. The training
# is short, of a small network.
from sklearn_cass import AESeparator, ResNet9
from sklearn_cass.metrics import sdr

separator = AESeparator(ResNet9(n_filters=8), max_epochs=4, random_state=0)
separator.fit(X[train], y[train], sfreq=ecg.sfreq)
estimates = separator.transform(X[test])
print("electrode   fetal SDR of the mixture   of the estimate   (medians, in dB)")
for k in range(4):
    both = np.stack([X[test][:, k], estimates[:, 1, k]], axis=1)
    truth = np.repeat(y[test][:, 1:, k], 2, axis=1)
    before, after = np.median(sdr(truth, both), axis=0)
    print(f"{k + 1:9} {before:26.1f} {after:17.1f}")

# %%
# The same row as above. Where the component is small, as on the third electrode, its
# estimate is poor; a beat that is lost on one electrode is mostly found on another.
fig, axes = plt.subplots(4, 1, figsize=(9, 7), sharex=True, layout="constrained")
estimate = separator.transform(X[[row]])[0]
for k, ax in enumerate(axes):
    ax.plot(time, y[row, 1, k], color="0.7", lw=2.5, label="fetal component")
    ax.plot(time, estimate[1, k], color="C1", lw=1, label="its estimate")
    ax.set_ylabel(f"electrode {k + 1}\n[mV]")
    ax.margins(x=0)
axes[0].legend(loc="upper right", ncols=2)
axes[-1].set_xlabel("time [s]")
