"""Load fitted separators from the files in this folder."""

from pathlib import Path

from ..separators import load

FOLDER = Path(__file__).parent
# What each file separates, in one line; the names are those that users type.
DESCRIPTIONS = {
    "fetal-ecg": "maternal and fetal ECG in one abdominal channel",
    "ppg-respiration": "heartbeat and respiration in the PPG of a finger",
}


def pretrained(name):
    """Return a fitted separator that ships with the package.

    It was trained on generated mixtures and noise, and on nobody's recordings. It has
    learned the sampling rate and the filter of its data: pass the rate of a recording
    to ``separate``, and the recording as it is.

    Parameters
    ----------
    name : {"fetal-ecg", "ppg-respiration"}
        Maternal and fetal ECG in one abdominal channel, or heartbeat and respiration in
        a photoplethysmogram (PPG).

    Returns
    -------
    separator : AESeparator
        The fitted separator, a new object at each call.

    Raises
    ------
    ValueError
        If no separator has this name.

    See Also
    --------
    pretrained_card : What a separator was trained and measured on, where it fails.
    load : Load a separator from a file of one's own.

    Notes
    -----
    These separators are for research. They are no medical devices, and were not tested
    for any medical purpose.

    On public recordings, classical methods have smaller errors than either: subtraction
    of the mean maternal beat, and a band-pass of 0.1 to 0.5 Hz for respiration. The
    cards have the numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import pretrained
    >>> separator = pretrained("fetal-ecg")
    >>> abdomen = np.random.default_rng(0).normal(size=(2, 5000))  # 10 s at 500 Hz
    >>> maternal, fetal = separator.separate(abdomen, sfreq=500, polarity="both")
    >>> fetal.shape
    (2, 5000)
    """
    return load(model_file(name))


def pretrained_card(name):
    """Return the card of a separator that ships with the package.

    Parameters
    ----------
    name : {"fetal-ecg", "ppg-respiration"}
        As for :func:`pretrained`.

    Returns
    -------
    card : str
        What the separator was trained and measured on, and where it fails, in Markdown.

    Raises
    ------
    ValueError
        If no separator has this name.

    Examples
    --------
    >>> from sklearn_cass import pretrained_card
    >>> print(pretrained_card("ppg-respiration").partition("\\n")[0])
    # ppg-respiration
    """
    return model_file(name).with_suffix(".md").read_text("utf-8")


def model_file(name):
    """Return the file of a separator that ships.

    Parameters
    ----------
    name : str
        One of ``DESCRIPTIONS``.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    ValueError
        If no separator has this name.
    """
    if name not in DESCRIPTIONS:
        names = ", ".join(map(repr, DESCRIPTIONS))
        raise ValueError(f"name must be one of {names}, got {name!r}")
    return FOLDER / f"{name}.safetensors"
