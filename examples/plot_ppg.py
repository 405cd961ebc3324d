"""
Heart beat and respiration in PPG
=================================

A photoplethysmogram (PPG), as smart watches and finger clips record it, rises with each
heart beat and wanders with each breath. Separated, the slow component gives the
respiratory rate.
"""

# %%
# Generated recordings of 16 subjects at rest, 16 s each. The last four subjects are for
# the test.
from sklearn_cass.datasets import make_ppg_mixtures

ppg = make_ppg_mixtures(256, n_times=640, sfreq=40, random_state=0)
train = ppg.groups < 12
test = ~train

# %%
# ``"affine"`` lets the network multiply the mixture by a mask and add to it, which
# suits a small slow component under a large fast one.
from sklearn_cass import AESeparator, ResNet9

network = ResNet9(n_filters=8, output="affine")
separator = AESeparator(network, max_epochs=7, random_state=0)
separator.fit(ppg.data[train], ppg.target[train], sfreq=ppg.sfreq)

# %%
# The estimates lie on the true components. The beats keep the modulation of their
# height by the breath, which is part of the heart's component.
from sklearn_cass.plotting import SeparationDisplay

SeparationDisplay.from_estimator(
    separator,
    ppg.data[test],
    ppg.target[test],
    component_names=ppg.component_names,
    sfreq=ppg.sfreq,
)

# %%
# The respiratory rate, from the peak of each spectrum: that of the estimated component
# agrees with the true rate. That of the raw PPG, searched over the same range, is often
# wrong where the breath is shallow.
import matplotlib.pyplot as plt
import numpy as np


def breaths_per_minute(signals, sfreq, n_fft=2**14):
    """Return the highest peak of each spectrum between 10 and 24 breaths per minute."""
    rates = 60 * np.fft.rfftfreq(n_fft, 1 / sfreq)
    window = np.hanning(signals.shape[-1])
    spectra = np.abs(np.fft.rfft(signals * window, n_fft))
    allowed = (rates >= 10) & (rates <= 24)
    return rates[allowed][spectra[:, allowed].argmax(axis=1)]


respiration = separator.transform(ppg.data[test])[:, 1]
true_rates = ppg.breaths_per_minute[test]
fig, ax = plt.subplots(figsize=(5, 4.5), layout="constrained")
ax.plot([11, 21], [11, 21], color="0.8")
for label, signals, marker in [
    ("raw PPG", ppg.data[test], "x"),
    ("separated respiration", respiration, "o"),
]:
    rates = breaths_per_minute(signals, ppg.sfreq)
    error = np.mean(np.abs(rates - true_rates))
    ax.plot(true_rates, rates, marker, ms=5, label=f"{label}: mean error {error:.2f}")
ax.set(xlabel="true breaths per minute", ylabel="from the highest peak")
ax.legend(frameon=False)
