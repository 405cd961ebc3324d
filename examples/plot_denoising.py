"""
Denoising: one component
========================

With a single component, separation is denoising: what is not the component is noise.
The noise need not be like that of any model. It is learned from the training mixtures,
as ``X - y``.
"""

# %%
# Heart beats in PPG, with the disturbances of an arm that moves: bursts of a wave in
# the same band as the pulse, so that a filter cannot take them out.
import numpy as np

from sklearn_cass.datasets import make_ppg_mixtures

ppg = make_ppg_mixtures(320, n_times=512, sfreq=40, random_state=0)
rng = np.random.default_rng(0)
time = np.arange(512) / ppg.sfreq
middle = rng.uniform(3, 10, size=(320, 1))
burst = np.exp(-0.5 * ((time - middle) / 1.2) ** 2)
wave = np.sin(2 * np.pi * rng.uniform(1, 4, size=(320, 1)) * (time - middle))
motion = burst * wave * rng.uniform(0.3, 1, size=(320, 1))
hiss = 0.1 * rng.normal(size=(320, 512))

y = ppg.target[:, :1]  # (n_samples, 1, n_times): one component, the heart
X = y[:, 0] + motion + hiss
train = ppg.groups < 16
test = ~train

# %%
# In every batch, beats and noises are combined anew (``remix``): 256 recordings stand
# for 65,536 mixtures.
from sklearn_cass import AESeparator, ResNet9

separator = AESeparator(ResNet9(n_filters=8), max_epochs=6, random_state=0)
separator.fit(X[train], y[train], sfreq=ppg.sfreq)

# %%
# A band-pass filter between 0.5 and 8 Hz, the usual remedy, takes out the hiss but not
# the motion. The separator takes out both, because it knows how beats look.
import matplotlib.pyplot as plt
from scipy.signal import butter, sosfiltfilt

from sklearn_cass.metrics import sdr

band = butter(3, [0.5, 8], "bandpass", fs=ppg.sfreq, output="sos")
estimates = {
    "noisy": X[test][:, None],
    "band-pass filter": sosfiltfilt(band, X[test])[:, None],
    "AESeparator": separator.transform(X[test]),
}
fig, axes = plt.subplots(3, 1, figsize=(9, 5.5), sharex=True, layout="constrained")
for ax, (name, estimate) in zip(axes, estimates.items(), strict=True):
    mean = np.mean(sdr(y[test], estimate))
    ax.plot(time, y[test][0, 0], color="0.7", lw=2.5, label="true beats")
    ax.plot(time, estimate[0, 0], color="C0", lw=1)
    ax.set_title(f"{name}: {mean:.1f} dB", loc="left")
    ax.margins(x=0)
axes[0].legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1))
axes[-1].set_xlabel("time [s]")
