"""
Long recordings and streams
===========================

A separator is trained on windows, and separates recordings of any length: at once with
``separate``, or block by block, while they are being made, with ``separate_stream``.
"""

# %%
# A separator for windows of 512 time points, 12.8 seconds at 40 Hz.
import numpy as np

from sklearn_cass import AESeparator, ResNet9
from sklearn_cass.datasets import make_ppg_mixtures

ppg = make_ppg_mixtures(256, n_times=512, sfreq=40, random_state=0)
network = ResNet9(n_filters=8, output="affine")
separator = AESeparator(network, max_epochs=6, random_state=0)
separator.fit(ppg.data, ppg.target, sfreq=ppg.sfreq)

# %%
# Two minutes of a person who was not trained on. Windows overlap by half, and their
# estimates are cross-faded: there are no seams.
new = make_ppg_mixtures(1, n_times=120 * 40, sfreq=40, random_state=1)
recording = new.data[0]
estimates = separator.separate(recording, sfreq=40)
print(recording.shape, estimates.shape)

# %%
# The same as a stream, in blocks of a quarter of a second, as a sensor sends them. The
# estimates of a time point arrive as soon as no later window changes them.
received, returned, parts = [0], [0], []


def sensor():
    """Yield blocks of ten time points."""
    for block in recording.reshape(-1, 10):
        yield block
        received.append(received[-1] + len(block))
        returned.append(sum(part.shape[-1] for part in parts))


for part in separator.separate_stream(sensor()):
    parts.append(part)
streamed = np.concatenate(parts, axis=-1)
print(np.array_equal(streamed, estimates))

# %%
# Above, half a minute of the respiration in it. Below, how far the estimates are behind
# the recording: always less than a window (dotted), because half of one is returned
# whenever a window is complete. The memory that a stream takes does not grow with its
# length.
import matplotlib.pyplot as plt

fig, (top, bottom) = plt.subplots(2, 1, figsize=(9, 5), layout="constrained")
time = np.arange(len(recording)) / 40
shown = slice(45 * 40, 75 * 40)
top.plot(time[shown], recording[shown], color="0.8", label="recording")
top.plot(time[shown], new.target[0, 1, shown], color="0.5", lw=2.5, label="true")
top.plot(time[shown], estimates[1, shown], color="C1", lw=1, label="respiration")
top.set(xlabel="time [s]", ylim=(-0.8, 1.3))
top.margins(x=0)
top.legend(frameon=False, ncols=3, loc="upper right")
received, returned = np.array(received), np.array(returned)
bottom.plot(received / 40, (received - returned) / 40)
bottom.axhline(512 / 40, color="0.6", ls=":")
bottom.set(xlabel="time received [s]", ylabel="delay [s]", ylim=(0, None))
bottom.margins(x=0)
