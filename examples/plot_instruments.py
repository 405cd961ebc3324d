"""
Two instruments
===============

Two instruments that play at the same time share the time window, and often the same
frequencies. These are synthetic: one has odd harmonics alone and a soft attack, as a
clarinet has them, the other one all harmonics, a hard attack and a decay, as a plucked
string. Notes are drawn at random, as from a melody.
"""

# %%
# Mixtures of half a second, four notes each.
import numpy as np

SFREQ = 8000
N_TIMES = 4096


def play(rng, weights, attack, decay):
    """Return a random melody of four harmonic tones."""
    time = np.arange(N_TIMES // 4) / SFREQ
    envelope = (1 - np.exp(-time / attack)) * np.exp(-time / decay)
    envelope *= np.minimum(1, (time[-1] - time) / 0.01)  # no click at the end
    notes = []
    for pitch in 196 * 2 ** (rng.integers(15, size=4) / 12):
        phases = rng.uniform(0, 2 * np.pi, size=len(weights))
        angles = 2 * np.pi * pitch * np.outer(np.arange(1, len(weights) + 1), time)
        notes.append(envelope * (weights @ np.sin(angles + phases[:, None])))
    return np.concatenate(notes)


order = np.arange(1, 9)
reed = {"weights": (order % 2) / order**0.5, "attack": 0.02, "decay": 1.0}
string = {"weights": 1 / order, "attack": 0.002, "decay": 0.06}
rng = np.random.default_rng(0)
y = np.array([[play(rng, **reed), play(rng, **string)] for _ in range(280)])
y /= y.std(axis=(0, 2), keepdims=True)
X = y.sum(axis=1)
X_train, y_train, X_test, y_test = X[:256], y[:256], X[256:], y[256:]

# %%
# For pitched sounds, ``BiLSTM`` with long windows is the better network: ``fit`` would
# choose it, too, in a training of 500 steps or more. Here it is small, and named.
from sklearn_cass import AESeparator, BiLSTM, NMFSeparator, STFTTransformer

stft = STFTTransformer(n_fft=512, hop_length=128)
network = BiLSTM(width=128, n_layers=1)
separator = AESeparator(network, stft=stft, max_epochs=12, random_state=0)
separator.fit(X_train, y_train)
nmf = NMFSeparator(stft=stft, max_frames=2000, tol=1e-3, random_state=0).fit(
    X_train, y_train
)
for estimator in (nmf, separator):
    print(f"{type(estimator).__name__:14} {estimator.score(X_test, y_test):.1f} dB")

# %%
# Spectrograms of a test row: where notes overlap, the network has learned which
# harmonics belong to which instrument.
import matplotlib.pyplot as plt

estimates = separator.transform(X_test[:1])[0]
panels = {
    "mixture": X_test[0],
    "reed, true": y_test[0, 0],
    "reed, estimate": estimates[0],
    "string, true": y_test[0, 1],
    "string, estimate": estimates[1],
}
fig, axes = plt.subplots(1, 5, figsize=(12, 3.2), sharey=True, layout="constrained")
for ax, (title, signal) in zip(axes, panels.items(), strict=True):
    magnitude = np.abs(stft.fit_transform(signal[None])[0])
    decibels = 20 * np.log10(magnitude + 1e-3 * magnitude.max())
    extent = [0, N_TIMES / SFREQ, 0, SFREQ / 2000]
    ax.imshow(decibels, origin="lower", aspect="auto", extent=extent, cmap="magma")
    ax.set(title=title, xlabel="time [s]")
axes[0].set_ylabel("frequency [kHz]")
