"""Separators that ship with the package, as they are.

They learned from generated data alone, and ignore the recordings to learn from.
"""

import hashlib

from sklearn_cass import pretrained
from sklearn_cass.models import model_file

POLARITY = {"fetal-ecg": "both", "ppg-respiration": "given"}
WANTED = 1  # the component whose events are known


def settings_of(name):
    """Return all that the estimates of a separator depend on."""
    path = model_file(name)
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
    return {"sha256": digest, "polarity": POLARITY[name]}


def fetal_pretrained(training, recording):
    """Return fetal estimates for each channel."""
    return separated("fetal-ecg", recording)


def respiration_pretrained(training, recording):
    """Return the respiration in a PPG."""
    return separated("ppg-respiration", recording)


def separated(name, recording):
    """Return estimates of the wanted component, a row for each channel."""
    estimates = pretrained(name).separate(
        recording.data, sfreq=recording.sfreq, polarity=POLARITY[name]
    )
    return estimates[WANTED]
