"""Generated mixtures of heart-beat and respiratory photoplethysmogram (PPG)."""

import math
from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, validate_params

from ._ppg_waves import integrate, lung_volume, mean_volume, pink_noise, pulse_wave
from ._windows import concatenate_rows, seed_sequence

RATE_SPREAD = 0.05  # of a subject's rates, from row to row
MAYER_HZ = 0.1
SWINGS_PER_BREATH = 0.4  # of the drift from breath to breath

# Drawn once per subject, uniformly: phases, delays after the systolic peak and widths
# in radians of the beat, heights relative to the systolic wave; inspiration as a share
# of the breath; n of cos^(2n).
SUBJECT = {
    "systolic_peak": (1.0, 1.5),
    "systolic_width": (0.35, 0.5),
    "late_delay": (0.9, 1.1),
    "late_width": (0.5, 0.6),
    "late_height": (0.0, 0.2),
    "diastolic_delay": (2.2, 2.6),
    "diastolic_width": (0.7, 1.0),
    "diastolic_height": (0.2, 0.45),
    "inspiration": (1 / 3, 0.4),
    "breath_power": (1, 2),
}
# Drawn once per row, uniformly. The modulations are relative, peak to peak those by
# breathing, amplitudes of sinusoids the others.
ROW = {
    "respiration_ratio": (0.1, 0.5),
    "noise_db": (-50, -40),
    "sinus_arrhythmia": (0.02, 0.08),
    "mayer_wave": (0, 0.03),
    "pulse_modulation": (0, 0.1),
    "breath_drift": (0, 0.1),
}

REPORTED = ("heart_bpm", "breaths_per_minute", "respiration_ratio", "noise_db")

_DESCR = """\
Generated mixtures of heart-beat and respiratory PPG
----------------------------------------------------
Each row is heart + respiration + noise, in heights of the subject's pulse. A beat is
a log-normal systolic wave and two Gaussian ones (Solosenko et al. 2017); respiration is
a baseline that falls with every breath, cos^(2n) in shape (Lujan et al. 1999) with
inspiration shorter than expiration; noise is pink and 40-50 dB below the beats. All
draws are uniform. Rows with equal `groups` are one subject's.
"""


def _check_rates(name, rates):
    """Return the two ends of a range of rates per minute."""
    try:
        low, high = (float(rate) for rate in rates)
    except (TypeError, ValueError):
        low = high = math.nan
    if not 0 < low <= high < math.inf:
        raise ValueError(
            f"{name} must be two positive numbers, the lower one first, got {rates!r}"
        )
    return low, high


def _draw_rates(rng, limits, n_rows):
    """Draw a subject's rate per minute, and those of its rows near it."""
    own = rng.uniform(*limits)
    low, high = np.clip([own * (1 - RATE_SPREAD), own * (1 + RATE_SPREAD)], *limits)
    return rng.uniform(low, high, size=n_rows)


def _draw_subject(rng, n_rows, heart_bpm, breaths_per_minute):
    """Draw a subject: floats of its own, arrays of shape (n_rows, 1) of its rows."""
    subject = {name: float(rng.uniform(*SUBJECT[name])) for name in SUBJECT}
    rows = {
        "heart_bpm": _draw_rates(rng, heart_bpm, n_rows),
        "breaths_per_minute": _draw_rates(rng, breaths_per_minute, n_rows),
    }
    rows |= {name: rng.uniform(*ROW[name], size=n_rows) for name in ROW}
    for name in ("heart_phase", "breath_phase", "mayer_phase", "drift_phase"):
        rows[name] = rng.uniform(0, 2 * np.pi, size=n_rows)
    return subject | {name: values[:, None] for name, values in rows.items()}


def _breathe(drawn, n_times, sfreq):
    """Return lung volume and its drift from breath to breath, in each row."""
    per_minute = drawn["breaths_per_minute"]
    swings = per_minute / 60 * SWINGS_PER_BREATH * np.arange(n_times) / sfreq
    drift = drawn["breath_drift"] * np.sin(2 * np.pi * swings + drawn["drift_phase"])
    phase = integrate(drawn["breath_phase"], per_minute, drift, sfreq)
    return lung_volume(phase, drawn["inspiration"], drawn["breath_power"]), drift


def _beat(drawn, volume, sfreq):
    """Return the pulse waves of each row, at a heart rate that follows the lungs."""
    mayer = 2 * np.pi * MAYER_HZ * np.arange(volume.shape[1]) / sfreq
    modulation = drawn["sinus_arrhythmia"] * volume
    modulation += drawn["mayer_wave"] * np.sin(mayer + drawn["mayer_phase"])
    phase = integrate(drawn["heart_phase"], drawn["heart_bpm"], modulation, sfreq)
    return pulse_wave(phase, drawn) * (1 - drawn["pulse_modulation"] * (volume - 0.5))


def _make_subject(rng, drawn, n_rows, n_times, sfreq):
    """Make the rows of one subject."""
    volume, drift = _breathe(drawn, n_times, sfreq)
    heart = _beat(drawn, volume, sfreq)
    # Quicker breaths are shallower; all end at the same level.
    depth = mean_volume(drawn["breath_power"]) - (1 - drift) * volume
    respiration = drawn["respiration_ratio"] * depth
    level = np.mean(heart**2, axis=1, keepdims=True) * 10 ** (drawn["noise_db"] / 10)
    return {
        "target": np.stack([heart, respiration], axis=1),  # (n_rows, 2, n_times)
        "noise": np.sqrt(level) * pink_noise(rng, n_rows, n_times),
        "inspiration": np.full(n_rows, drawn["inspiration"]),
        **{name: drawn[name][:, 0] for name in REPORTED},
    }


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "n_times": [Interval(Integral, 1, None, closed="left")],
        "sfreq": [Interval(Real, 0, None, closed="neither")],
        "rows_per_subject": [Interval(Integral, 1, None, closed="left")],
        "heart_bpm": ["array-like"],
        "breaths_per_minute": ["array-like"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_ppg_mixtures(
    n_samples=400,
    *,
    n_times=1024,
    sfreq=64,
    rows_per_subject=16,
    heart_bpm=(60, 100),
    breaths_per_minute=(12, 20),
    random_state=None,
):
    """Generate mixtures of heart-beat PPG and respiration.

    The setting is that of sections 4.1 and 4.4 of [1]_: heart beats and breaths of
    random rates, at rest, with minimal noise. Each beat is a systolic wave, log-normal
    in shape, and two Gaussian ones, late in systole and in diastole: the model of
    Solosenko et al. [2]_. Respiration is an additive baseline: it falls as the volume
    of the lungs rises, which has the cos^(2n) shape of Lujan et al. [3]_, with
    inspiration at a speed of its own: 1:2 to 1:1.5 of expiration.

    Parameters
    ----------
    n_samples : int, default=400
        Number of mixtures. Fewer mixtures of the same `random_state` are the first
        rows of more.
    n_times : int, default=1024
        Length of a mixture in samples.
    sfreq : float, default=64
        Sampling frequency in Hz. The default row lasts 16 s: three to five breaths are
        in a row, and the ten harmonics that shape a beat are below 17 Hz.
    rows_per_subject : int, default=16
        Rows drawn from one subject.
    heart_bpm : (float, float), default=(60, 100)
        Range of heart rates at rest, in beats per minute.
    breaths_per_minute : (float, float), default=(12, 20)
        Range of breathing rates at rest: 0.2 to 0.33 Hz.
    random_state : int, RandomState instance or None, default=None
        Seed of all draws.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : ndarray of shape (n_samples, n_times)
            Mixtures: exactly ``target.sum(axis=1) + noise``. The unit is the height of
            the subject's pulse, from its foot to the systolic peak.
        target : ndarray of shape (n_samples, 2, n_times)
            Heart-beat and respiratory component (source).
        component_names : list of str
            ``["heart", "respiration"]``.
        sfreq : float
            Sampling frequency in Hz.
        groups : ndarray of int of shape (n_samples,)
            The subject: `GroupKFold` and its kin never share one between train and
            test.
        noise : ndarray of shape (n_samples, n_times)
            Pink noise: slow motion more than fast.
        heart_bpm, breaths_per_minute : ndarray of shape (n_samples,)
            Mean rates of the row, exact over its `n_times` samples.
        respiration_ratio : ndarray of shape (n_samples,)
            Mean height of a breath, 0.1 to 0.5 of the pulse's.
        inspiration : ndarray of shape (n_samples,)
            Share of a breath that is inspiration, 1/3 to 0.4.
        noise_db : ndarray of shape (n_samples,)
            Power of the noise relative to the heart component's, -50 to -40 dB.
        DESCR : str
            Description of the data.

    Raises
    ------
    ValueError
        If an argument is out of range or of the wrong type.

    Notes
    -----
    A subject has a pulse and a breath of its own, and rates from which those of its
    rows differ by 5 % at most. In radians of the beat, the systolic wave has its peak
    1.0 to 1.5 after the foot and log-normal widths of 0.35 to 0.5; the late systolic
    wave follows the peak by 0.9 to 1.1 (standard deviation 0.5 to 0.6, height 0 to 0.2
    of the systolic wave), the diastolic one by 2.2 to 2.6 (0.7 to 1.0, 0.2 to 0.45).
    Two in five subjects have a dicrotic notch, the others a shoulder. These
    ranges are no part of [2]_; mean beats correlate above 0.9 with those of recorded
    patients [5]_.

    Breathing acts on the beats, too, in both of the ways in which it does so in people
    [4]_, and these belong to the heart component: the heart is faster in inspiration
    (sinus arrhythmia, 2 to 8 % from end to end) and its pulses are lower (0 to 10 %).
    A wave of 0.1 Hz (Mayer, up to 3 %) moves the heart rate as well. Breaths differ in
    a row by up to 10 % in rate and height. Rates are integrated to phases, so beats
    and breaths join without a jump.

    The components have no constant part, as in the output of an AC-coupled sensor: the
    mean over a whole beat or breath is 0. Over a row, which is no whole number of them,
    it is near 0.

    References
    ----------
    .. [1] "Cross adversarial source separation via autoencoder", arXiv preprint.
    .. [2] A. Solosenko, A. Petrenas, V. Marozas, L. Sornmo, "Modeling of the
       photoplethysmogram during atrial fibrillation", Computers in Biology and
       Medicine 81, 130-138, 2017.
    .. [3] A. E. Lujan, E. W. Larsen, J. M. Balter, R. K. Ten Haken, "A method for
       incorporating organ motion due to breathing into 3D dose calculations", Medical
       Physics 26(5), 715-720, 1999.
    .. [4] P. H. Charlton et al., "An assessment of algorithms to estimate respiratory
       rate from the electrocardiogram and photoplethysmogram", Physiological
       Measurement 37(4), 610-626, 2016.
    .. [5] M. A. F. Pimentel et al., "Toward a robust estimation of respiratory rate
       from pulse oximeters", IEEE Transactions on Biomedical Engineering 64(8),
       1914-1923, 2017.

    Examples
    --------
    >>> from sklearn_cass.datasets import make_ppg_mixtures
    >>> ppg = make_ppg_mixtures(4, random_state=0)
    >>> ppg.data.shape, ppg.target.shape, ppg.component_names
    ((4, 1024), (4, 2, 1024), ['heart', 'respiration'])
    >>> bool((ppg.data == ppg.target.sum(axis=1) + ppg.noise).all())
    True
    """
    rates = (
        _check_rates("heart_bpm", heart_bpm),
        _check_rates("breaths_per_minute", breaths_per_minute),
    )
    n_subjects = math.ceil(n_samples / rows_per_subject)
    parts = []
    for seed in seed_sequence(random_state).spawn(n_subjects):
        rng = np.random.default_rng(seed)
        drawn = _draw_subject(rng, rows_per_subject, *rates)
        parts.append(_make_subject(rng, drawn, rows_per_subject, n_times, sfreq))
    rows = concatenate_rows(parts, n_samples)
    return Bunch(
        data=rows["target"].sum(axis=1) + rows["noise"],
        component_names=["heart", "respiration"],
        sfreq=sfreq,
        groups=np.arange(n_samples) // rows_per_subject,
        DESCR=_DESCR,
        **rows,
    )
