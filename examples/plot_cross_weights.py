"""
Search over cross weights
=========================

``cross_weights`` says which discriminators also learn to reject the estimates of other
components: entry ``[i, j]`` weighs discriminator i's rejection of component j. It is a
parameter like any other, so that scikit-learn's ``GridSearchCV`` chooses among numbers
and matrices.
"""

# %%
# Heart beat and respiration in PPG. Rows of a group come from one subject, and are
# either all in the training set or all in the test set.
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupShuffleSplit

from sklearn_cass import CASSSeparator, ResNet9
from sklearn_cass.datasets import make_ppg_mixtures

ppg = make_ppg_mixtures(160, n_times=384, sfreq=32, random_state=0)
X_train, y_train, groups = ppg.data[:128], ppg.target[:128], ppg.groups[:128]
separator = CASSSeparator(
    ResNet9(n_filters=4, output="affine"),
    discriminator_lr=6e-3,
    batch_size=4,
    max_epochs=5,
    random_state=0,
)
candidates = [0.0, 0.3, [[0, 0.3], [0, 0]]]
search = GridSearchCV(
    separator,
    {"cross_weights": candidates},
    cv=GroupShuffleSplit(n_splits=2, test_size=0.5, random_state=0),
    refit=False,
)
search.fit(X_train, y_train, groups=groups)

# %%
# Their means over the folds differ less than the folds do: on such data, cross weights
# hardly move the error. The last candidate is a matrix, in which only the heart's
# discriminator learns to reject the other component.
from sklearn_cass.plotting import CrossWeightsDisplay

CrossWeightsDisplay.from_estimator(search)

# %%
# What they do change is what the discriminators know. Without them, outputs for the
# other component are near 0.5: a discriminator has never seen it. With them, they are
# lower: 0 would say "not a component of mine" with certainty.
from sklearn_cass.plotting import DiscriminationDisplay

separators = {}
for cross_weights in (0.0, 0.3):
    model = clone(separator).set_params(cross_weights=cross_weights)
    separators[f"cross weights: {cross_weights}"] = model.fit(X_train, y_train)
DiscriminationDisplay.from_estimators(
    separators, ppg.data[128:], component_names=ppg.component_names
)
