"""Generated mixtures of heartbeat and respiratory photoplethysmogram (PPG)."""

from numbers import Real

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, validate_params

from ..numeric.noise import check_noise, draw_noise
from ._breaths import draw_breaths, phase_and_depth
from ._checks import (
    COUNT,
    check_interval,
    check_memory,
    check_range,
    refuse_bools,
)
from ._descriptions import describe, name_kinds
from ._groups import concatenate_groups, seed_sequence
from ._ppg_waves import lung_volume, mean_volume, pulse_wave
from ._rates import check_rates, delayed, draw_rates, integrate

MAYER_HZ = 0.1
DRIFT_PERIODS_PER_BREATH = 0.4  # of the drift from breath to breath

# Ranges of uniform draws, one for each subject: phases, delays after the systolic peak
# and widths in radians of the beat, heights relative to the systolic wave; inspiration
# as a fraction of the breath; n of cos^(2n). None is a parameter.
SUBJECT = {
    "systolic_peak": (1.0, 1.5),
    "systolic_width": (0.35, 0.5),
    "late_delay": (0.9, 1.1),
    "late_width": (0.5, 0.6),
    "late_height": (0.0, 0.2),
    "diastolic_delay": (2.2, 2.6),
    "diastolic_width": (0.7, 1.0),
    "diastolic_height": (0.2, 0.45),
    "inspiration": None,
    "breath_power": (1, 2),
}
# Ranges of uniform draws, one for each window, in the order of the draws. Modulations
# are relative: peak to peak those by breathing, amplitudes of sinusoids the others.
WINDOW = {
    "respiration_ratio": None,
    "noise_db": None,
    "sinus_arrhythmia": None,
    "mayer_wave": (0, 0.03),
    "pulse_modulation": None,
    "breath_drift": (0, 0.1),
}

# Parameters of irregular breathing, drawn for each window from a generator of their
# own: they change no other draw.
IRREGULAR = ("breath_variability", "pauses", "sighs", "modulation_lag")

REPORTED = (
    *("heart_bpm", "breaths_per_minute", "respiration_ratio", "noise_db"),
    *("sinus_arrhythmia", "pulse_modulation", *IRREGULAR),
)

_TITLE = "Generated mixtures of heartbeat and respiratory PPG"
_TEXT = """\
Each mixture is heart + respiration + noise; the unit is the height of the subject's
pulse. A beat is the sum of a log-normal systolic wave and two Gaussian ones (Solosenko
et al. 2017, doi:10.1016/j.compbiomed.2016.12.016); respiration is a baseline that falls
with every breath, of shape cos^(2n) (Lujan et al. 1999), of which inspiration is
{inspiration}; the noise is {noise}. Ranges are drawn from uniformly. Samples with equal
`groups` are windows of one subject.
"""


def _draw_subject(seed, n_windows, ranges):
    """Draw the parameters of a subject, floats, and of its windows, (n_windows, 1).

    Returns the generator of the draws as well, and one for each window's breaths.
    """
    rng, own = (np.random.default_rng(s) for s in (seed, *seed.spawn(1)))
    subject = {
        name: float(rng.uniform(*(limits or ranges[name])))
        for name, limits in SUBJECT.items()
    }
    windows = {
        name: draw_rates(rng, ranges[name], n_windows)
        for name in ("heart_bpm", "breaths_per_minute")
    }
    for name, limits in WINDOW.items():
        windows[name] = rng.uniform(*(limits or ranges[name]), size=n_windows)
    for name in ("heart_phase", "breath_phase", "mayer_phase", "drift_phase"):
        windows[name] = rng.uniform(0, 2 * np.pi, size=n_windows)
    for name in IRREGULAR:
        windows[name] = own.uniform(*ranges[name], size=n_windows)
    drawn = subject | {name: values[:, None] for name, values in windows.items()}
    return drawn, rng, own.spawn(n_windows)


def _breathe(drawn, n_times, sfreq, generators):
    """Return phase and depth of the breaths in each window."""
    per_minute = drawn["breaths_per_minute"]
    periods = per_minute / 60 * DRIFT_PERIODS_PER_BREATH * np.arange(n_times) / sfreq
    drift = drawn["breath_drift"] * np.sin(2 * np.pi * periods + drawn["drift_phase"])
    phase = integrate(drawn["breath_phase"], per_minute, drift, sfreq)
    depth = 1 - drift  # faster breaths are shallower
    for k, generator in enumerate(generators):
        irregular = {name: drawn[name][k, 0] for name in IRREGULAR[:-1]}
        if any(irregular.values()):
            breaths = draw_breaths(generator, np.ptp(phase[k]), **irregular)
            phase[k], factor = phase_and_depth(phase[k], breaths)
            depth[k] *= factor
    return phase, depth


def _beat(drawn, volume, sfreq):
    """Return the pulse waves in each window, modulated by the lung volume."""
    mayer = 2 * np.pi * MAYER_HZ * np.arange(volume.shape[1]) / sfreq
    modulation = drawn["sinus_arrhythmia"] * volume
    modulation += drawn["mayer_wave"] * np.sin(mayer + drawn["mayer_phase"])
    phase = integrate(drawn["heart_phase"], drawn["heart_bpm"], modulation, sfreq)
    return pulse_wave(phase, drawn) * (1 - drawn["pulse_modulation"] * (volume - 0.5))


def _make_subject(seed, kinds, n_windows, n_times, sfreq, ranges):
    """Generate the samples of one subject."""
    drawn, rng, generators = _draw_subject(seed, n_windows, ranges)
    phase, depth = _breathe(drawn, n_times, sfreq, generators)
    shape = drawn["inspiration"], drawn["breath_power"]
    # all breaths end at the same level
    fall = mean_volume(drawn["breath_power"]) - depth * lung_volume(phase, *shape)
    respiration = drawn["respiration_ratio"] * fall
    volume = lung_volume(delayed(phase, drawn["modulation_lag"] * sfreq), *shape)
    heart = _beat(drawn, volume, sfreq)
    level = np.mean(heart**2, axis=1, keepdims=True) * 10 ** (drawn["noise_db"] / 10)
    return {
        "target": np.stack([heart, respiration], axis=1),  # (n_windows, 2, n_times)
        "noise": np.sqrt(level) * draw_noise(kinds, n_windows, n_times, sfreq, rng),
        "inspiration": np.full(n_windows, drawn["inspiration"]),
        **{name: drawn[name][:, 0] for name in REPORTED},
    }


@validate_params(
    {
        "n_samples": [COUNT],
        "n_times": [COUNT],
        "sfreq": [Interval(Real, 0, None, closed="neither")],
        "windows_per_subject": [COUNT],
        "heart_bpm": ["array-like"],
        "breaths_per_minute": ["array-like"],
        "respiration_ratio": ["array-like"],
        "sinus_arrhythmia": ["array-like"],
        "pulse_modulation": ["array-like"],
        "inspiration": ["array-like"],
        "breath_variability": ["array-like"],
        "pauses": ["array-like"],
        "sighs": ["array-like"],
        "modulation_lag": ["array-like"],
        "noise": [str, "array-like", None],
        "noise_db": ["array-like"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_ppg_mixtures(
    n_samples=400,
    *,
    n_times=1024,
    sfreq=64,
    windows_per_subject=16,
    heart_bpm=(60, 100),
    breaths_per_minute=(12, 20),
    respiration_ratio=(0.1, 0.5),
    sinus_arrhythmia=(0.02, 0.08),
    pulse_modulation=(0, 0.1),
    inspiration=(1 / 3, 0.4),
    breath_variability=(0, 0),
    pauses=(0, 0),
    sighs=(0, 0),
    modulation_lag=(0, 0),
    noise="pink",
    noise_db=(-50, -40),
    random_state=None,
):
    """Generate mixtures of heartbeat and respiratory photoplethysmogram (PPG).

    The setting is that of sections 4.1 and 4.4 of [1]_: heartbeats and breaths at
    random rates, by default at rest, with minimal noise. Each beat is the sum of a
    log-normal systolic wave and two Gaussian waves, late systolic and diastolic, as in
    the model of Solosenko et al. [2]_. Respiration is an additive baseline that falls
    as the volume of the lungs rises. The volume has the cos^(2n) shape of Lujan et al.
    [3]_, by default with a ratio of inspiration to expiration between 1:2 and 1:1.5.
    Breaths are alike by default; those of patients are not: see `breath_variability`,
    `pauses`, `sighs` and `modulation_lag`.

    Parameters
    ----------
    n_samples : int, default=400
        Number of mixtures. With the same `random_state`, fewer mixtures are the first
        of more.
    n_times : int, default=1024
        Number of time points of a mixture.
    sfreq : float, default=64
        Sampling frequency in Hz. By default a mixture lasts 16 s, which are three to
        five breaths; the ten harmonics that shape a beat are below 17 Hz.
    windows_per_subject : int, default=16
        Number of mixtures drawn from one subject.
    heart_bpm : (float, float), default=(60, 100)
        Range of heart rates at rest, in beats per minute; at most one beat per time
        point, ``60 * sfreq``.
    breaths_per_minute : (float, float), default=(12, 20)
        Range of breathing rates at rest: 0.2 to 0.33 Hz; at most ``60 * sfreq``.
    respiration_ratio : (float, float), default=(0.1, 0.5)
        Range of the mean height of a breath, relative to that of the pulse: the depth
        of the modulation of the baseline.
    sinus_arrhythmia : (float, float), default=(0.02, 0.08)
        Range of the modulation of the heart rate by breathing, peak to peak, relative
        to the heart rate; within 0 to 0.5.
    pulse_modulation : (float, float), default=(0, 0.1)
        Range of the modulation of the pulses' height by breathing, peak to peak,
        relative to their height; within 0 to 1.
    inspiration : (float, float), default=(1 / 3, 0.4)
        Range of the fraction of a breath that is inspiration; from 0.1 to 0.9.
    breath_variability : (float, float), default=(0, 0)
        Range of the standard deviation of the logarithms of the lengths of breaths, and
        of their depths; from 0 to 1. 0.1 to 0.3 are usual at rest [6]_. 0 leaves what
        the Notes describe.
    pauses : (float, float), default=(0, 0)
        Range of the share of breaths after which breathing pauses, for half a breath to
        two; from 0 to 1.
    sighs : (float, float), default=(0, 0)
        Range of the share of breaths that are sighs, two to three times as deep and one
        and a half times as long; from 0 to 1.
    modulation_lag : (float, float), default=(0, 0)
        Range of the time in seconds by which modulations of the heart rate and of the
        pulses' height follow the breath; negative ones precede it.
    noise : str, ndarray, list of them, or None, default="pink"
        Kinds of noise: "white", "pink" (of density 1 / frequency), "muscle" (bursts
        between 20 and 150 Hz), "wander" (drifts below 0.5 Hz), "mains" (hum of 50 or
        60 Hz with harmonics), and rows of noise of your own, of shape
        (n_rows, n_row_times), from which windows are drawn. "muscle" needs a sampling
        frequency of 80 Hz, "mains" one of 122 Hz. Several kinds share the power at
        random. If None, there is none.
    noise_db : (float, float), default=(-50, -40)
        Range of the power of the noise relative to that of the heartbeat component, in
        dB.
    random_state : int, RandomState instance or None, default=None
        Seed of all draws. Mixtures with other `noise` have the same components.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : ndarray of shape (n_samples, n_times)
            Mixtures, equal to ``target.sum(axis=1) + noise``. The unit is the height
            of the subject's pulse, from its foot to the systolic peak.
        target : ndarray of shape (n_samples, 2, n_times)
            Heartbeat and respiratory component (source).
        component_names : list of str
            ``["heart", "respiration"]``.
        sfreq : float
            Sampling frequency in Hz.
        groups : ndarray of int of shape (n_samples,)
            The subject of each mixture. Training and test sets of `GroupKFold` share
            no subject.
        noise : ndarray of shape (n_samples, n_times)
            The noise.
        heart_bpm, breaths_per_minute : ndarray of shape (n_samples,)
            Mean rates of the mixture, exact over its `n_times` time points.
        respiration_ratio : ndarray of shape (n_samples,)
            Mean height of a breath, relative to that of the pulse.
        sinus_arrhythmia, pulse_modulation : ndarray of shape (n_samples,)
            Modulations of heart rate and pulses by breathing, peak to peak.
        inspiration, breath_variability, pauses, sighs, modulation_lag : ndarray of \
                shape (n_samples,)
            Shape and irregularity of the breaths, as drawn.
        noise_db : ndarray of shape (n_samples,)
            Power of the noise relative to that of the heartbeat component, in dB;
            without noise, absent.
        DESCR : str
            Description of the data.

    Raises
    ------
    ValueError
        If an argument is out of range or of the wrong type, or if the mixtures need
        more memory than there is.

    Notes
    -----
    A subject has its own shapes of pulse and breath, and rates from which those of its
    mixtures differ by at most 5 %. In radians of the beat, the systolic wave has its
    peak 1.0 to 1.5 after the foot and log-normal widths of 0.35 to 0.5; the late
    systolic wave follows the peak by 0.9 to 1.1 (standard deviation 0.5 to 0.6, height
    0 to 0.2 of the systolic wave), the diastolic one by 2.2 to 2.6 (0.7 to 1.0, 0.2 to
    0.45). Two in five subjects have a dicrotic notch, the others a shoulder. These
    ranges are not from [2]_; the mean beats have correlations above 0.9 with those of
    recorded patients [5]_.

    Respiration also modulates the beats, in both of the ways described in [4]_, and the
    modulations are part of the heartbeat component: the heart rate is higher during
    inspiration (sinus arrhythmia, by default 2 to 8 % peak to peak) and the pulses are
    lower (0 to 10 %). The heart rate is also modulated at 0.1 Hz (Mayer wave, up to
    3 %). Breaths differ within a mixture by up to 10 % in rate and height. Rates are
    integrated to phases, so that beats and breaths are continuous.

    With `breath_variability`, each breath has its own length and depth, log-normal and
    correlated by 0.5 with those of the breath before. They change at the end of
    expiration, where the baseline is highest. Modulations of baseline, height and rate
    of the pulses differ in strength among patients, and do not always agree in time
    [7]_; `respiration_ratio`, `pulse_modulation`, `sinus_arrhythmia` and
    `modulation_lag` are drawn independently.

    The mean of the components over a whole beat or breath is 0, as in the output of an
    AC-coupled sensor. Over a mixture, which is no whole number of them, it is near 0.

    References
    ----------
    .. [1] Y. Z. Ong, C. K. Chui, H. Yang, "CASS: Cross adversarial source separation
       via autoencoder", 2019, `arXiv:1905.09877 <https://arxiv.org/abs/1905.09877>`_.
    .. [2] A. Solosenko, A. Petrenas, V. Marozas, L. Sornmo, "Modeling of the
       photoplethysmogram during atrial fibrillation", Computers in Biology and
       Medicine 81, 130-138, 2017, `doi:10.1016/j.compbiomed.2016.12.016
       <https://doi.org/10.1016/j.compbiomed.2016.12.016>`_.
    .. [3] A. E. Lujan, E. W. Larsen, J. M. Balter, R. K. Ten Haken, "A method for
       incorporating organ motion due to breathing into 3D dose calculations", Medical
       Physics 26(5), 715-720, 1999.
    .. [4] P. H. Charlton et al., "An assessment of algorithms to estimate respiratory
       rate from the electrocardiogram and photoplethysmogram", Physiological
       Measurement 37(4), 610-626, 2016, `doi:10.1088/0967-3334/37/4/610
       <https://doi.org/10.1088/0967-3334/37/4/610>`_.
    .. [5] M. A. F. Pimentel et al., "Toward a robust estimation of respiratory rate
       from pulse oximeters", IEEE Transactions on Biomedical Engineering 64(8),
       1914-1923, 2017, `doi:10.1109/TBME.2016.2613124
       <https://doi.org/10.1109/TBME.2016.2613124>`_; BIDMC PPG and Respiration Dataset
       1.0.0, PhysioNet, https://physionet.org/content/bidmc/1.0.0/
    .. [6] M. J. Tobin, M. J. Mador, S. M. Guenther, R. F. Lodato, M. A. Sackner,
       "Variability of resting respiratory drive and timing in healthy subjects",
       Journal of Applied Physiology 65(1), 309-317, 1988.
    .. [7] P. H. Charlton et al., "Breathing rate estimation from the electrocardiogram
       and photoplethysmogram: a review", IEEE Reviews in Biomedical Engineering 11,
       2-20, 2018, `doi:10.1109/RBME.2017.2763681
       <https://doi.org/10.1109/RBME.2017.2763681>`_.

    Examples
    --------
    >>> from sklearn_cass.datasets import make_ppg_mixtures
    >>> ppg = make_ppg_mixtures(4, random_state=0)
    >>> ppg.data.shape, ppg.target.shape, ppg.component_names
    ((4, 1024), (4, 2, 1024), ['heart', 'respiration'])
    >>> bool((ppg.data == ppg.target.sum(axis=1) + ppg.noise).all())
    True
    """
    refuse_bools(
        n_samples=n_samples,
        n_times=n_times,
        sfreq=sfreq,
        windows_per_subject=windows_per_subject,
    )
    ranges = {
        "heart_bpm": check_rates("heart_bpm", heart_bpm, sfreq),
        "breaths_per_minute": check_rates(
            "breaths_per_minute", breaths_per_minute, sfreq
        ),
        "respiration_ratio": check_range("respiration_ratio", respiration_ratio),
        "sinus_arrhythmia": check_interval(
            "sinus_arrhythmia", sinus_arrhythmia, 0, 0.5
        ),
        "pulse_modulation": check_interval("pulse_modulation", pulse_modulation, 0, 1),
        "inspiration": check_interval("inspiration", inspiration, 0.1, 0.9),
        "breath_variability": check_interval(
            "breath_variability", breath_variability, 0, 1
        ),
        "pauses": check_interval("pauses", pauses, 0, 1),
        "sighs": check_interval("sighs", sighs, 0, 1),
        "modulation_lag": check_interval("modulation_lag", modulation_lag),
        "noise_db": check_interval("noise_db", noise_db),
    }
    kinds = check_noise(noise, n_times, sfreq)
    n_subjects = -(-n_samples // windows_per_subject)
    # double precision: three signals twice, mixtures; objects for each subject
    n_bytes = n_subjects * (8 * 8 * windows_per_subject * n_times + 2**13)
    check_memory(
        n_bytes,
        n_samples=n_samples,
        n_times=n_times,
        windows_per_subject=windows_per_subject,
    )
    subjects = []
    for seed in seed_sequence(random_state).spawn(n_subjects):
        sizes = windows_per_subject, n_times, sfreq
        subjects.append(_make_subject(seed, kinds, *sizes, ranges))
    samples = concatenate_groups(subjects, n_samples)
    if not kinds:
        del samples["noise_db"]
    return Bunch(
        data=samples["target"].sum(axis=1) + samples["noise"],
        component_names=["heart", "respiration"],
        sfreq=sfreq,
        groups=np.arange(n_samples) // windows_per_subject,
        DESCR=describe(
            _TITLE,
            _TEXT,
            inspiration="{:.2g} to {:.2g}".format(*ranges["inspiration"]),
            noise=_describe_noise(kinds, noise_db),
        ),
        **samples,
    )


def _describe_noise(kinds, noise_db):
    """Return a phrase on the noise."""
    low, high = noise_db
    level = f", {low:g} to {high:g} dB relative to the beats"
    return name_kinds(kinds) + level if kinds else "zero"
