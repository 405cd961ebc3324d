"""
Breathing rate of a PPG
=======================

From the signal of a finger clip to the rate of breathing: by a filter, and by a
separator that ships with the package. Nothing is trained. Exchange the first lines for
a recording of yours.
"""

# %%
# A recording
# -----------
# Two minutes at 50 Hz, generated: breathing that is uneven, with a pause now and then,
# and noise. Yours is an array of shape ``(n_times,)`` in any unit, at 12.5 Hz or more,
# as recorded.
from sklearn_cass.datasets import make_ppg_mixtures

ppg = make_ppg_mixtures(
    1,
    n_times=120 * 50,
    sfreq=50,
    heart_bpm=(70, 80),
    breaths_per_minute=(14, 18),
    respiration_ratio=(0.2, 0.3),
    breath_variability=(0.15, 0.2),
    pauses=(0.02, 0.03),
    noise=["pink", "white"],
    noise_db=(-20, -15),
    random_state=2,
)
recording, sfreq = ppg.data[0], ppg.sfreq

# %%
# Two estimates of the respiration
# --------------------------------
# A band-pass between 6 and 30 breaths a minute, and the separator. The separator also
# estimates the heart beat.
from sklearn_cass import FilterTransformer, pretrained

band_pass = FilterTransformer(band=(0.1, 0.5), sfreq=sfreq)
filtered = band_pass.fit_transform([recording])[0]
heart, separated = pretrained("ppg-respiration").separate(recording, sfreq=sfreq)

# %%
# Breaths and their rate
# ----------------------
# ``find_breaths`` finds the maxima. For generated PPG, the true component is known, and
# so is the error of the rate; for yours, look at the curves.
from sklearn_cass.metrics import find_breaths, rate_error

true = ppg.target[0, 1]
waveforms = {"true": true, "band-pass": filtered, "separator": separated}
breaths = {name: find_breaths(x, sfreq) for name, x in waveforms.items()}
for name, found in breaths.items():
    error = rate_error(breaths["true"], found, duration=120, window=60)
    print(f"{name:9}  {len(found)} breaths, rate off by {error:.2f} breaths/min")

# %%
# The first minute, with a pause of breathing at 23 s: both estimates fall back to zero
# there, because neither keeps a constant level, and find the breaths around it. The
# separator's waveform is nearer to the true one. On :doc:`recordings of patients
# </recordings/respiration>`, whose breathing it has not learned, the filter finds
# breaths better.
import matplotlib.pyplot as plt
import numpy as np

times = np.arange(len(recording)) / sfreq
shown = times < 60
fig, axes = plt.subplots(4, 1, figsize=(9, 8), sharex=True, layout="constrained")
axes[0].plot(times[shown], recording[shown], lw=0.8, color="0.3")
axes[0].set_title("PPG", loc="left", fontsize=10)
for ax, (name, x) in zip(axes[1:], waveforms.items(), strict=True):
    ax.plot(times[shown], x[shown], color="C0")
    found = breaths[name][breaths[name] < 60]
    ax.plot(found, np.interp(found, times, x), "v", color="C1")
    ax.set_title(f"respiration: {name}", loc="left", fontsize=10)
axes[-1].set_xlabel("time [s]")
axes[-1].set_xlim(0, 60)
