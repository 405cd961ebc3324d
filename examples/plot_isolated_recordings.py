"""
Isolated recordings
===================

Often there are no mixtures with known components, but recordings of each component
alone. They are enough: pass them as ``X``, and one label for each row as ``y``. ``fit``
draws mixtures from them.
"""

# %%
# Half of the rows hold a heart beat alone, the others respiration alone. No row holds
# both, and the recordings are of different subjects.
import numpy as np

from sklearn_cass.datasets import make_ppg_mixtures

ppg = make_ppg_mixtures(320, n_times=640, sfreq=40, random_state=0)
X = np.concatenate([ppg.target[:128, 0], ppg.target[128:256, 1]])
y = np.repeat(["heart", "respiration"], 128)
print(X.shape, y.shape)

# %%
# The separator takes its ``component_names_`` from the labels, in sorted order. Here a
# pass through the rows draws 256 mixtures.
from sklearn_cass import AESeparator, ResNet9

network = ResNet9(n_filters=8, output="affine")
separator = AESeparator(network, max_epochs=6, random_state=0)
separator.fit(X, y, sfreq=ppg.sfreq)
print(separator.component_names_)

# %%
# It separates true mixtures of subjects that it has never seen, although it has never
# seen a true mixture, either. What it cannot learn in this way is how components depend
# on each other: here, that the heart beats faster during inspiration.
from sklearn_cass.plotting import SeparationDisplay

X_test, y_test = ppg.data[256:], ppg.target[256:]
print(f"{separator.score(X_test, y_test):.1f} dB")
SeparationDisplay.from_estimator(separator, X_test, y_test, index=20, sfreq=ppg.sfreq)
