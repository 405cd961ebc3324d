"""The paper's numbers: relative errors of Tables 1 to 3."""

from .tasks import FAMILY

AE, CASS, CROSS = FAMILY
NORMS = ("L1", "L2", "Linf")
TABLES = {"bach10": 1, "ecg": 2, "ppg": 3}
# Figures 4 and 5: number, and the share of the 500 epochs that the right half shows
CURVES = {"bach10": (4, 200 / 500), "ecg": (5, 400 / 500)}
FETAL = 1  # of the models of "ecg"

# for each component the title of its block of the table
MODELS = {
    "bach10": ("Bass Model", "Saxophone Model"),
    "bach10-unseen": ("Bass Model", "Saxophone Model"),
    "ecg": ("Maternal Model", "Fetal Model"),
    "ppg": ("Heart Rate Model", "Respiratory Model"),
}
LABELS = {
    AE: "Baseline AE",
    CASS: "CASS",
    CROSS: "CASS with Cross Training",
    "NMFSeparator": "NMF",
    "ICASeparator": "ICA",
    "GANSeparator": "GAN, one network for all",
}

# for each component the errors in the order of NORMS
ERRORS = {
    ("bach10", AE): ((0.13942, 0.14630, 0.21712), (0.15845, 0.16984, 0.26421)),
    ("bach10", CASS): ((0.10363, 0.10909, 0.16692), (0.13325, 0.14254, 0.22329)),
    ("bach10", CROSS): ((0.10241, 0.10825, 0.16887), (0.12850, 0.13717, 0.21234)),
    ("ecg", AE): ((0.45158, 0.53502, 0.85077), (0.49818, 0.57435, 0.80709)),
    ("ecg", CASS): ((0.40672, 0.47942, 0.77370), (0.37387, 0.46627, 0.75402)),
    ("ecg", CROSS): ((0.40994, 0.48082, 0.77911), (0.37218, 0.45848, 0.74462)),
    ("ppg", AE): ((0.02409, 0.026174, 0.051244), (0.05874, 0.066493, 0.13064)),
    ("ppg", CASS): ((0.019765, 0.021612, 0.04225), (0.05117, 0.058100, 0.11460)),
    ("ppg", CROSS): ((0.02047, 0.022261, 0.043220), (0.05310, 0.06036, 0.119324)),
}


def error(experiment, estimator, component, norm):
    """Return a published error, or None where the paper has none."""
    found = ERRORS.get((experiment, estimator))
    return found and found[component][NORMS.index(norm)]
