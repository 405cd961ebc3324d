"""
Export to ONNX
==============

A fitted separator becomes a file that runs without this package, without scikit-learn
and without PyTorch: in a service, in an app, on another platform. Waveforms go in,
waveforms come out.
"""

# %%
# A separator of heart beat and respiration in PPG, as in the other examples.
import os
import tempfile

from sklearn_cass import AESeparator, ResNet9
from sklearn_cass.datasets import make_ppg_mixtures

ppg = make_ppg_mixtures(256, n_times=512, sfreq=40, random_state=0)
network = ResNet9(n_filters=8, output="affine")
separator = AESeparator(network, max_epochs=6, random_state=0)
separator.fit(
    ppg.data, ppg.target, sfreq=ppg.sfreq, component_names=ppg.component_names
)

# %%
# The file holds the STFT, the networks and the inverse STFT. Writing it takes packages
# of the extra ``export``.
folder = tempfile.TemporaryDirectory()
path = os.path.join(folder.name, "separator.onnx")
separator.export(path)
print(f"{os.path.getsize(path) / 2**20:.1f} MiB")

# %%
# From here on, NumPy and onnxruntime are enough. The model takes any number of rows of
# the length that it was fitted to, in single precision, and tells what it is.
import json

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(path)
metadata = session.get_modelmeta().custom_metadata_map
names, n_times = (json.loads(metadata[key]) for key in ("component_names", "n_times"))
print(names, n_times)

new = make_ppg_mixtures(40, n_times=n_times, sfreq=40, random_state=1)
mixtures = new.data.astype(np.float32)
(estimates,) = session.run(["estimates"], {"mixtures": mixtures})
print(estimates.shape)

# %%
# The estimates are those of the separator, but for rounding.
expected = separator.transform(mixtures)
difference = np.linalg.norm(estimates - expected) / np.linalg.norm(expected)
print(f"relative difference: {difference:.0e}")

# %%
# A row of a subject that was not trained on, and its difference from ``transform``, a
# million times as large. `Export <../export.html>`_ shows how recordings of any length
# are cut into such rows, and put together again.
import matplotlib.pyplot as plt

time = np.arange(n_times) / ppg.sfreq
fig, axes = plt.subplots(3, 1, figsize=(9, 5), sharex=True, layout="constrained")
axes[0].plot(time, mixtures[0], color="0.3", lw=1)
axes[0].set_title("mixture", loc="left")
for k, ax in enumerate(axes[1:]):
    ax.plot(time, new.target[0, k], color="0.7", lw=2.5, label="true component")
    ax.plot(time, estimates[0, k], color=f"C{k}", lw=1, label="onnxruntime")
    error = 1e6 * (estimates[0, k] - expected[0, k])
    ax.plot(time, error, color="k", lw=0.5, label="difference x 1,000,000")
    ax.set_title(names[k], loc="left")
axes[1].legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1))
for ax in axes:
    ax.margins(x=0)
axes[-1].set_xlabel("time [s]")
folder.cleanup()
