"""
A network of one's own
======================

``Modules`` takes classes of PyTorch modules in place of the package's networks. Here
they are dilated convolutions along time, for waveforms without a spectrogram
(``stft=False``).
"""

# %%
# The encoder is called with ``in_channels`` and ``n_freqs``, the decoder with
# ``out_channels`` and ``n_freqs``; further parameters have defaults. Waveforms arrive
# as maps ``(n, channels, 1, n_times)``.
from torch import nn


class TimeEncoder(nn.Sequential):
    """Convolutions that see more of the past and future in each layer."""

    def __init__(self, in_channels, n_freqs, width=16, n_layers=5):
        layers = [nn.Conv2d(in_channels, width, (1, 9), padding="same")]
        for layer in range(n_layers):
            dilation = (1, 2**layer)
            conv = nn.Conv2d(width, width, (1, 9), padding="same", dilation=dilation)
            layers += [nn.GELU(), conv]
        super().__init__(*layers)


class TimeDecoder(nn.Sequential):
    """A nonlinear mix of the features at each time point and its neighbors."""

    def __init__(self, out_channels, n_freqs, width=16):
        super().__init__(
            nn.GELU(),
            nn.Conv2d(width, width, (1, 9), padding="same"),
            nn.GELU(),
            nn.Conv2d(width, out_channels, (1, 9), padding="same"),
        )


# %%
# Parameters of the modules are parameters of the separator, and can be searched over:
# ``network__encoder__n_layers``. With one layer, an estimate sees 33 time points, less
# than a second; with six, 529, which are some breaths.
import numpy as np

from sklearn_cass import AESeparator, Modules
from sklearn_cass.datasets import make_ppg_mixtures
from sklearn_cass.metrics import sdr

ppg = make_ppg_mixtures(320, n_times=512, sfreq=40, random_state=0)
X_train, y_train = ppg.data[:256], ppg.target[:256]
X_test, y_test = ppg.data[256:], ppg.target[256:]

network = Modules(TimeEncoder, TimeDecoder)
separator = AESeparator(network, stft=False, max_epochs=5, random_state=0)
for n_layers in (1, 6):
    separator.set_params(network__encoder__n_layers=n_layers)
    separator.fit(X_train, y_train)
    heart, breath = np.mean(sdr(y_test, separator.transform(X_test)), axis=0)
    print(f"{n_layers} layer(s): heart {heart:.1f} dB, respiration {breath:.1f} dB")

# %%
# The separation with the most layers.
from sklearn_cass.plotting import SeparationDisplay

SeparationDisplay.from_estimator(
    separator, X_test, y_test, component_names=ppg.component_names, sfreq=ppg.sfreq
)

# %%
# A file holds weights and the names of the classes, but not the classes: ``load`` takes
# them.
import os
import tempfile

from sklearn_cass import load

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "separator.safetensors")
    separator.save(path)
    loaded = load(path, classes=[TimeEncoder, TimeDecoder])
print(np.array_equal(loaded.transform(X_test), separator.transform(X_test)))
