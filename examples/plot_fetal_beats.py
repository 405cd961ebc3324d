"""
Fetal heart rate of a recording
===============================

From the channels of an abdominal recording to the beats of the fetus and its heart
rate, by a separator that ships with the package: nothing is trained. Exchange the first
lines for a recording of yours.
"""

# %%
# A recording
# -----------
# Half a minute on four electrodes, generated at 500 Hz. Yours is an array of shape
# ``(n_channels, n_times)`` in any unit, at 125 Hz or more, as recorded: it is resampled
# and filtered with the separator. To read an EDF file, for instance::
#
#     import mne
#     raw = mne.io.read_raw_edf("recording.edf")
#     recording, sfreq = raw.get_data(), raw.info["sfreq"]
from sklearn_cass.datasets import make_ecg_mixtures

ecg = make_ecg_mixtures(
    1,
    n_channels=4,
    n_times=30 * 500,
    sfreq=500,
    leads="random",
    maternal_bpm=(70, 90),
    fetal_bpm=(120, 160),
    magnitude_ratio=(2, 4),
    noise=["muscle", "mains", "wander"],
    noise_db=(-25, -15),
    random_state=4,
)
recording, sfreq = ecg.data[0], ecg.sfreq

# %%
# Separation
# ----------
# ``polarity="both"``, because the separator learned from electrodes of either polarity.
# It takes one channel at a time, so that each has an estimate of both components.
from sklearn_cass import pretrained

separator = pretrained("fetal-ecg")
maternal, fetal = separator.separate(recording, sfreq=sfreq, polarity="both")

# %%
# Beats
# -----
# Not every electrode sees the fetus. Where the intervals of the beats differ least from
# their neighbours, the estimate is most likely that of one heart, and at a rate of 100
# to 200 a minute that of the fetus. No annotation is needed for this choice.
import numpy as np

from sklearn_cass.metrics import find_beats

beats = [find_beats(channel, sfreq) for channel in fetal]
intervals = [np.diff(times) for times in beats]
rates = [60 / np.median(i) for i in intervals]
irregularity = [np.median(np.abs(np.diff(i))) / np.median(i) for i in intervals]
for k, (rate, share) in enumerate(zip(rates, irregularity, strict=True)):
    print(f"channel {k + 1}: {rate:5.0f} beats/min, neighbours differ by {share:6.1%}")
candidates = [k for k, rate in enumerate(rates) if 100 < rate < 200]
best = min(candidates, key=lambda k: irregularity[k])

# %%
# Now that the channel is known to show the fetus, ``rates`` finds the beats that noise
# hides: of all series of beats at these rates, the one that fits best. (Without a
# heart, it would find one, too.)
best_beats = find_beats(fetal[best], sfreq, rates=(100, 200))
print(f"{len(beats[best])} beats at any rate, {len(best_beats)} at a fetal one")

# %%
# The channel that was chosen, its estimates, and the heart rate. In grey, the rate of
# the beats at any rate: where it drops, beats were missed, and where it jumps up, one
# too many was found.
import matplotlib.pyplot as plt

times = np.arange(recording.shape[1]) / sfreq
shown = times < 5
fig, axes = plt.subplots(4, 1, figsize=(9, 8), layout="constrained")
for ax, signal, title in zip(
    axes,
    (recording[best], maternal[best], fetal[best]),
    (f"channel {best + 1}", "maternal estimate", "fetal estimate, with its beats"),
    strict=False,
):
    ax.plot(times[shown], signal[shown], lw=1, color="0.3")
    ax.set_title(title, loc="left", fontsize=10)
    ax.margins(x=0)
for beat in best_beats[best_beats < 5]:
    axes[2].axvline(beat, color="C1", lw=1, ls=":")
axes[2].set_xlabel("time [s]")
axes[3].plot(beats[best][1:], 60 / intervals[best], color="0.7")
axes[3].plot(best_beats[1:], 60 / np.diff(best_beats), ".-", color="C1")
axes[3].set_title("fetal heart rate", loc="left", fontsize=10)
axes[3].set(xlabel="time [s]", ylabel="beats/min", xlim=(0, times[-1]))
axes[3].set_ylim(40, 200)

# %%
# How good is it?
# ---------------
# For a generated recording, the true beats are known: the score of those that were
# found within 50 ms. For yours they are not; drops and jumps of the curves above, or a
# rate of half or twice the expected one, are what to look at. :doc:`How well it does
# on recordings of hospitals </recordings/fetal>` depends on the recording more than on
# anything else.
from sklearn_cass.metrics import detection_f1

true_beats = ecg.fetal_beats[0]
print("channel   F1, any rate   F1, 100 to 200 beats/min")
for k in range(4):
    found = find_beats(fetal[k], sfreq, rates=(100, 200))
    scores = (detection_f1(true_beats, b, tolerance=0.05) for b in (beats[k], found))
    print(f"{k + 1:7} {next(scores):14.3f} {next(scores):26.3f}")
