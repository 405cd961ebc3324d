"""
Search over cross weights
=========================

``cross_weights`` says which discriminators also learn to reject the estimates of other
components: entry ``[i, j]`` weighs discriminator i's rejection of component j. It is a
parameter like any other, so that scikit-learn's ``GridSearchCV`` chooses among numbers
and matrices.
"""

# %%
# Groups of rows come from one mother and child each, and stay in one fold.
import numpy as np
from sklearn.model_selection import GridSearchCV, GroupKFold

from sklearn_cass import CASSSeparator, ResNet9
from sklearn_cass.datasets import make_ecg_mixtures

ecg = make_ecg_mixtures(200, n_times=512, windows_per_trace=40, random_state=0)
NONE, BOTH = 0.0, 0.3
ONLY_MATERNAL = [[0, 0.3], [0, 0]]  # the maternal discriminator rejects fetal estimates
ONLY_FETAL = [[0, 0], [0.3, 0]]  # the fetal one rejects maternal estimates
separator = CASSSeparator(ResNet9(n_filters=4), max_epochs=5, random_state=0)
search = GridSearchCV(
    separator,
    {"cross_weights": [NONE, BOTH, ONLY_MATERNAL, ONLY_FETAL]},
    cv=GroupKFold(2),
    refit=False,
)
search.fit(ecg.data[:160], ecg.target[:160], groups=ecg.groups[:160])

# %%
# Differences of a few tenths of a decibel are within what another ``random_state``
# changes: on such data, cross weights hardly move the error.
import matplotlib.pyplot as plt

labels = ["none", "both", "only maternal", "only fetal"]
folds = [search.cv_results_[f"split{k}_test_score"] for k in range(2)]
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for k, scores in enumerate(folds):
    ax.plot(scores, labels, "o", label=f"fold {k + 1}")
ax.set_xlabel("SDR [dB], mean over rows and components")
ax.set_ylabel("cross weights")
ax.margins(y=0.2)
ax.legend(frameon=False)

# %%
# What they do change is what the discriminators know. Without them, the fetal
# discriminator has never seen a maternal beat and lets many pass; with them, it rejects
# them: outputs near 0 say "not a fetal component".
from sklearn_cass.plotting import DiscriminationDisplay

separators = {}
for name, weights in [("without", NONE), ("with", BOTH)]:
    model = CASSSeparator(
        ResNet9(n_filters=8), cross_weights=weights, max_epochs=8, random_state=0
    )
    separators[name] = model.fit(ecg.data[:160], ecg.target[:160])
DiscriminationDisplay.from_estimators(
    separators, ecg.data[160:], component_names=ecg.component_names
)
