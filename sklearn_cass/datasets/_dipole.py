"""Dipole model of maternal and fetal ECG: heart vectors, seen by electrodes."""

import numpy as np
from scipy.spatial.transform import Rotation

from ._rates import PERIOD, draw_rates, integrate
from ._traces import TRACE_MV

# The heart vector is a sum of Gaussian waves in the directions left, down and back. For
# each wave: seconds after the R wave and standard deviation, at 60 beats per minute,
# and its vector, relative to the R wave. The vectors are those of a normal heart in
# rough: the atria from right to left, the septum to the right and to the front, the
# ventricles to the left and down, their base to the back.
WAVES = {
    "P, right": (-0.18, 0.020, (0.04, 0.10, -0.03)),
    "P, left": (-0.155, 0.020, (0.07, 0.06, 0.04)),
    "Q": (-0.026, 0.009, (-0.12, -0.04, -0.18)),
    "R": (0.0, 0.012, (1.00, 0.80, 0.10)),
    "R, late": (0.022, 0.011, (0.20, 0.10, 0.60)),
    "S": (0.040, 0.010, (-0.20, -0.18, 0.25)),
    "T": (0.21, 0.050, (0.10, 0.08, -0.07)),
    "T, late": (0.26, 0.035, (0.15, 0.11, -0.10)),
}
_QRS = np.array([name[0] in "QRS" for name in WAVES])
# Ranges of uniform draws for each subject: factors of times, widths and vectors.
FACTORS = {"time": (0.9, 1.1), "width": (0.85, 1.15), "vector": (0.75, 1.25)}
FETAL_QRS = 0.55  # its duration relative to the adult one
FETAL_P_T = 0.5  # their height relative to the adult ones
# Sinusoids that modulate the heart rate: frequency in Hz, relative amplitude.
VARIABILITY = (((0.03, 0.15), (0, 0.03)), ((0.2, 0.6), (0, 0.03)))

# Positions to the left, down and back, in units of the radius of the trunk, from the
# middle of the trunk at the height of the navel.
MATERNAL_HEART = (0.15, -2.0, -0.3)
MATERNAL_HEART_SPREAD = 0.15
FETAL_HEART = ((-0.35, 0.35), (-0.2, 0.5), (-0.65, -0.35))
REFERENCE = (0.0, 0.9, -1.0)  # electrode above the pubic bone
RING = (0.35, 0.65)  # distance of the electrodes from the navel
AXIS_SPREAD = 0.5  # in radians, of the direction of an adult heart

_N_PHASES = 1024


def _draw_waves(rng, fetal):
    """Draw times and widths in seconds, (n_waves,), and vectors, (n_waves, 3)."""
    times, widths, vectors = (
        np.array(values) for values in zip(*WAVES.values(), strict=True)
    )
    times = times * rng.uniform(*FACTORS["time"], size=times.shape)
    widths = widths * rng.uniform(*FACTORS["width"], size=widths.shape)
    vectors = vectors * rng.uniform(*FACTORS["vector"], size=vectors.shape)
    if fetal:
        factor = np.where(_QRS, FETAL_QRS, 1)
        times, widths = times * factor, widths * factor
        vectors = vectors * np.where(_QRS, 1, FETAL_P_T)[:, None]
    return times, widths, vectors


def heart_vector(phase, bpm, waves):
    """Return the heart vector, a sum of Gaussian waves in each direction.

    It is the model of Sameni et al. (2007), integrated over the phase. The QRS complex
    lasts as long at any rate, the distances and widths of the P and T waves grow with
    the root of the time between beats.

    Parameters
    ----------
    phase : ndarray of shape (n_samples, n_times)
        Phase of the beat in radians; the R wave is at 0.
    bpm : ndarray of shape (n_samples, 1)
        Heart rates in beats per minute.
    waves : tuple of ndarray
        Times and widths, (n_waves,), and vectors, (n_waves, 3).

    Returns
    -------
    vector : ndarray of shape (n_samples, 3, n_times)
        The heart vector.
    """
    vector = np.zeros((len(phase), 3, phase.shape[1]))
    for qrs, time, width, direction in zip(_QRS, *waves, strict=True):
        radians = PERIOD * bpm / 60 * (1 if qrs else np.sqrt(60 / bpm))
        angle = (phase - time * radians + np.pi) % PERIOD - np.pi
        wave = np.exp(-((angle / (width * radians)) ** 2) / 2)
        vector += direction[:, None] * wave[:, None]
    return vector


def _lead_field(electrodes, heart):
    """Return the potentials of unit dipoles in the three directions, by electrode.

    They are those in an infinite homogeneous conductor, against the reference.
    """
    distance = np.vstack([electrodes, REFERENCE]) - heart
    field = distance / np.linalg.norm(distance, axis=1, keepdims=True) ** 3
    return field[:-1] - field[-1]


def _draw_electrodes(rng, n_channels):
    """Draw electrodes on the front of the trunk, in a ring around the navel."""
    angle = PERIOD * np.arange(n_channels) / n_channels
    angle += rng.uniform(-0.5, 0.5, size=n_channels) * np.pi / max(n_channels, 2)
    radius = rng.uniform(*RING, size=n_channels)
    left, down = radius * np.sin(angle), -radius * np.cos(angle)
    return np.stack([np.sin(left), down, -np.cos(left)], axis=1)


def draw_leads(rng, n_channels):
    """Draw the matrices that project both heart vectors on the channels.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    n_channels : int
        Number of electrodes.

    Returns
    -------
    leads : ndarray of shape (2, n_channels, 3)
        Of the mother and the fetus, whose orientations are included.
    """
    electrodes = _draw_electrodes(rng, n_channels)
    mother = MATERNAL_HEART + rng.uniform(-1, 1, size=3) * MATERNAL_HEART_SPREAD
    fetus = rng.uniform(*np.transpose(FETAL_HEART))
    axis = Rotation.from_rotvec(rng.normal(scale=AXIS_SPREAD, size=3)).as_matrix()
    lie = Rotation.from_quat(rng.normal(size=4)).as_matrix()  # any direction
    return np.stack(
        [_lead_field(electrodes, mother) @ axis, _lead_field(electrodes, fetus) @ lie]
    )


def _draw_phase(rng, bpm, n_times, sfreq):
    """Draw phases of the beat at a rate that varies."""
    seconds = np.arange(n_times) / sfreq
    modulation = np.zeros((len(bpm), n_times))
    for frequencies, amplitudes in VARIABILITY:
        frequency = rng.uniform(*frequencies, size=bpm.shape)
        start = rng.uniform(0, PERIOD, size=bpm.shape)
        amplitude = rng.uniform(*amplitudes, size=bpm.shape)
        modulation += amplitude * np.sin(PERIOD * frequency * seconds + start)
    start = rng.uniform(0, PERIOD, size=bpm.shape)
    return integrate(start, bpm, modulation, sfreq)


def _beats(phase, sfreq):
    """Return the seconds of the R waves of each sample."""
    seconds = np.arange(phase.shape[1]) / sfreq
    turns = phase / PERIOD
    return [
        np.interp(np.arange(np.ceil(row[0]), np.floor(row[-1]) + 1), row, seconds)
        for row in turns
    ]


def _make_component(rng, leads, limits, magnitude, n_times, sfreq, fetal):
    """Return channels of one heart, (n_samples, n_channels, n_times), and more.

    `magnitude`, of shape (n_samples,), is the mean peak-to-peak magnitude of its beats
    over the channels.
    """
    waves = _draw_waves(rng, fetal)
    bpm = draw_rates(rng, limits, len(magnitude))[:, None]
    phase = _draw_phase(rng, bpm, n_times, sfreq)
    circle = np.linspace(0, PERIOD, _N_PHASES, endpoint=False)
    beat = leads @ heart_vector(np.tile(circle, (len(bpm), 1)), bpm, waves)
    scale = magnitude / np.ptp(beat, axis=2).mean(axis=1)
    leads = scale[:, None, None] * leads
    x = leads @ heart_vector(phase, bpm, waves)
    return x, leads, bpm[:, 0], _beats(phase, sfreq)


def make_dipole_pair(rng, limits, ratio, n_samples, n_times, sfreq, n_channels):
    """Generate the samples of one mother and her fetus.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    limits : list of (float, float)
        Ranges of the maternal and the fetal heart rate.
    ratio : (float, float)
        Range of the magnitude ratios.
    n_samples, n_times : int
        Number of samples, and of their time points.
    sfreq : float
        Sampling frequency in Hz.
    n_channels : int
        Number of channels.

    Returns
    -------
    samples : dict
        With ``target`` of shape (n_samples, 2, n_channels, n_times).
    """
    leads = draw_leads(rng, n_channels)
    ratio = rng.uniform(*ratio, size=n_samples)
    height = TRACE_MV[1] - TRACE_MV[0]
    heights = np.full(n_samples, height), height / ratio
    hearts = [
        _make_component(rng, *arguments, n_times, sfreq, fetal)
        for *arguments, fetal in zip(leads, limits, heights, (False, True), strict=True)
    ]
    xs, matrices, bpm, beats = zip(*hearts, strict=True)
    return {
        "target": np.stack(xs, axis=1),
        "leads": np.stack(matrices, axis=1),
        "maternal_bpm": bpm[0],
        "fetal_bpm": bpm[1],
        "maternal_beats": _objects(beats[0]),
        "fetal_beats": _objects(beats[1]),
        "magnitude_ratio": ratio,
    }


def _objects(rows):
    """Return arrays of different lengths as an array of objects."""
    found = np.empty(len(rows), dtype=object)
    for k, row in enumerate(rows):
        found[k] = row
    return found
