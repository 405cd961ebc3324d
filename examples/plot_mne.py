"""
Recordings of MNE-Python
========================

Recordings that `MNE-Python <https://mne.tools>`_ reads, filters and annotates can be
separated as they are: ``separate`` takes the array of a channel, of any length, and the
components become channels of a new ``RawArray``.
"""

# %%
# A separator for mixtures at 256 Hz. ``sfreq`` is kept, so that recordings at another
# rate are refused. MNE has volts, the generated mixtures millivolts: train in the unit
# that you separate.
from sklearn_cass import AESeparator, ResNet9
from sklearn_cass.datasets import make_ecg_mixtures

ecg = make_ecg_mixtures(280, n_times=512, windows_per_trace=40, random_state=0)
separator = AESeparator(ResNet9(n_filters=8), max_epochs=8, random_state=0)
separator.fit(1e-3 * ecg.data, 1e-3 * ecg.target, sfreq=ecg.sfreq)

# %%
# In place of a file, half a minute of another mother and child, as ``RawArray``. A file
# would be ``mne.io.read_raw_edf("recording.edf", preload=True)``.
import mne

new = make_ecg_mixtures(1, n_times=30 * 256, windows_per_trace=1, random_state=1)
info = mne.create_info(["abdomen"], sfreq=256, ch_types="ecg")
raw = mne.io.RawArray(1e-3 * new.data, info, verbose="error")

# %%
# The estimates, as a recording with a channel for each component. Annotations and the
# time of the measurement are carried over.
components = separator.separate(raw.get_data("abdomen")[0], sfreq=raw.info["sfreq"])
info = mne.create_info(ecg.component_names, raw.info["sfreq"], ch_types="ecg")
separated = mne.io.RawArray(components, info, verbose="error")
separated.set_meas_date(raw.info["meas_date"]).set_annotations(raw.annotations)
print(separated)

# %%
# Heart rates, from the median interval between peaks: it does not depend on the few
# fetal beats that are missed, where both hearts beat at the same moment.
import numpy as np
from scipy.signal import find_peaks

for name, true_bpm in [("maternal", new.maternal_bpm), ("fetal", new.fetal_bpm)]:
    signal, times = separated.get_data(name, return_times=True)
    height = 0.5 * np.quantile(signal, 0.995)
    peaks, _ = find_peaks(signal[0], height=height, distance=0.25 * raw.info["sfreq"])
    bpm = 60 / np.median(np.diff(times[peaks]))
    print(f"{name}: {bpm:.0f} beats per minute (true: {true_bpm[0]:.0f})")

# %%
# Ten seconds of the recording and of its components.
import matplotlib.pyplot as plt

fig, axes = plt.subplots(3, 1, figsize=(9, 5), sharex=True, layout="constrained")
channels = [(raw, "abdomen"), (separated, "maternal"), (separated, "fetal")]
for ax, (recording, name) in zip(axes, channels, strict=True):
    volts, times = recording.copy().crop(10, 20).get_data(name, return_times=True)
    ax.plot(times + 10, 1e3 * volts[0], lw=1)
    ax.set_title(name, loc="left")
    ax.set_ylabel("mV")
    ax.margins(x=0)
axes[-1].set_xlabel("time [s]")
