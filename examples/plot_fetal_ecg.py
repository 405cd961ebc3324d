"""
Fetal ECG
=========

An electrode on the abdomen of a pregnant woman records the heart beats of mother and
child at once. Both beats have the same parts, they overlap in time and in frequency,
and the child's is 2 to 10 times smaller: filters do not separate them. A separator
learns how, from mixtures whose components are known.
"""

# %%
# Mixtures with known components
# ------------------------------
# ``make_ecg_mixtures`` generates recordings by a published model of the ECG. Rows with
# equal ``groups`` come from the same mother and child: the last pair is kept for the
# test, so that the separator has never seen its beats.
from sklearn_cass.datasets import make_ecg_mixtures

ecg = make_ecg_mixtures(320, n_times=512, windows_per_trace=40, random_state=0)
train = ecg.groups < 7
test = ~train
print(ecg.data.shape, ecg.target.shape, ecg.component_names)

# %%
# Training
# --------
# ``fit`` takes mixtures ``(n_samples, n_times)`` and components ``(n_samples,
# n_components, n_times)``. A smaller network than the default keeps this example short.
from sklearn_cass import CASSSeparator, ResNet9

separator = CASSSeparator(ResNet9(n_filters=8), max_epochs=8, random_state=0)
separator.fit(ecg.data[train], ecg.target[train], sfreq=ecg.sfreq)

# %%
# A separation
# ------------
# Gray lines are the true components, colored ones the estimates. In the mixture, the
# fetal beats are hardly more than ripples on the slow wave of the mother's breath,
# which belongs to neither component and is gone from the estimates.
from sklearn_cass.plotting import SeparationDisplay

SeparationDisplay.from_estimator(
    separator,
    ecg.data[test],
    ecg.target[test],
    index=3,
    component_names=ecg.component_names,
    sfreq=ecg.sfreq,
    unit="mV",
)

# %%
# Is it good?
# -----------
# The signal-to-distortion ratio (SDR) has two floors: the mixture itself as the
# estimate, and 0 dB, the estimate that is zero. The oracle ratio mask, which knows the
# true components, shows what any method can reach that keeps the mixture's phase. The
# separator is above it, because it estimates phases, too.
import numpy as np

from sklearn_cass.metrics import oracle_ratio_mask, sdr

X, y = ecg.data[test], ecg.target[test]
estimates = {
    "mixture": np.repeat(X[:, None], 2, axis=1),
    "oracle ratio mask": oracle_ratio_mask(y, X),
    "CASSSeparator": separator.transform(X),
}
for name, estimate in estimates.items():
    maternal, fetal = np.mean(sdr(y, estimate), axis=0)
    print(f"{name:18} maternal {maternal:6.1f} dB   fetal {fetal:6.1f} dB")
