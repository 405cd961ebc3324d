"""Noise of recordings: rows of unit RMS, of several kinds or from the user's own."""

import numpy as np

from .containers import as_plain

MUSCLE_HZ = (20, 150)
BURSTS_PER_SECOND = 0.5
BURST_SECONDS = (0.1, 0.4)  # standard deviation of the envelope
BURST_FLOOR = 0.1  # of the envelope, between bursts
WANDER_HZ = (0.05, 0.5)
N_WANDER_WAVES = 8
MAINS_HZ = (50, 60)
MAINS_DEVIATION_HZ = 0.1
N_MAINS_HARMONICS = 5


def to_unit_rms(rows):
    """Scale rows to a root mean square of 1; rows of zeros stay zero."""
    power = np.mean(rows**2, axis=-1, keepdims=True)
    return rows / np.sqrt(np.where(power > 0, power, 1))


def white_noise(n_rows, n_times, sfreq, rng):
    """Draw Gaussian noise of equal power at all frequencies."""
    return to_unit_rms(rng.standard_normal((n_rows, n_times)))


def pink_noise(n_rows, n_times, sfreq, rng):
    """Draw noise of mean 0 whose density is that of 1 / frequency."""
    spectrum = np.fft.rfft(rng.standard_normal((n_rows, n_times)))
    spectrum[:, 0] = 0
    spectrum[:, 1:] /= np.sqrt(np.arange(1, spectrum.shape[1]))
    return to_unit_rms(np.fft.irfft(spectrum, n_times))


def muscle_noise(n_rows, n_times, sfreq, rng):
    """Draw bursts of noise between 20 and 150 Hz, as muscles make them."""
    low, high = MUSCLE_HZ
    frequency = np.fft.rfftfreq(n_times, 1 / sfreq)[1:]
    spectrum = np.fft.rfft(rng.standard_normal((n_rows, n_times)))
    spectrum[:, 0] = 0
    # magnitudes of Butterworth filters of order 8
    spectrum[:, 1:] /= np.sqrt(1 + (low / frequency) ** 16)
    spectrum[:, 1:] /= np.sqrt(1 + (frequency / high) ** 16)
    rows = np.fft.irfft(spectrum, n_times)
    return to_unit_rms(rows * _bursts(n_rows, n_times, sfreq, rng))


def _bursts(n_rows, n_times, sfreq, rng):
    """Draw an envelope with one burst or more in each row."""
    seconds = n_times / sfreq
    times = np.arange(n_times) / sfreq
    envelope = np.full((n_rows, n_times), BURST_FLOOR)
    for _ in range(max(1, round(BURSTS_PER_SECOND * seconds))):
        center = rng.uniform(0, seconds, size=(n_rows, 1))
        width = rng.uniform(*BURST_SECONDS, size=(n_rows, 1))
        envelope += np.exp(-(((times - center) / width) ** 2) / 2)
    return envelope


def wander_noise(n_rows, n_times, sfreq, rng):
    """Draw slow drifts of the baseline, below 0.5 Hz."""
    times = np.arange(n_times) / sfreq
    rows = np.zeros((n_rows, n_times))
    for _ in range(N_WANDER_WAVES):
        frequency = rng.uniform(*WANDER_HZ, size=(n_rows, 1))
        rows += _sinusoid(times, frequency, rng)
    return to_unit_rms(rows)


def mains_noise(n_rows, n_times, sfreq, rng):
    """Draw hum of 50 or 60 Hz, with its harmonics below half of `sfreq`."""
    times = np.arange(n_times) / sfreq
    frequency = rng.choice(MAINS_HZ, size=(n_rows, 1)).astype(float)
    frequency += rng.uniform(-MAINS_DEVIATION_HZ, MAINS_DEVIATION_HZ, size=(n_rows, 1))
    rows = _sinusoid(times, frequency, rng)
    for harmonic in range(2, N_MAINS_HARMONICS + 1):
        amplitude = rng.uniform(0, 1 / harmonic, size=(n_rows, 1))
        amplitude *= harmonic * frequency < sfreq / 2
        rows += amplitude * _sinusoid(times, harmonic * frequency, rng)
    return to_unit_rms(rows)


def _sinusoid(times, frequency, rng):
    """Return sinusoids of frequencies (n_rows, 1), each with a random phase."""
    phase = rng.uniform(0, 2 * np.pi, size=frequency.shape)
    return np.sin(2 * np.pi * frequency * times + phase)


NOISES = {
    "white": white_noise,
    "pink": pink_noise,
    "muscle": muscle_noise,
    "wander": wander_noise,
    "mains": mains_noise,
}
# Sampling frequencies in Hz that the kinds need at least.
_LEAST_SFREQ = {
    "muscle": 4 * MUSCLE_HZ[0],
    "wander": 2 * WANDER_HZ[1],
    "mains": 2 * (MAINS_HZ[1] + 1),
}


def recorded_noise(recorded, n_rows, n_times, rng):
    """Draw windows of the user's own rows, at random places.

    Parameters
    ----------
    recorded : ndarray of shape (n_recorded, n_recorded_times)
        Rows of noise, of `n_times` time points at least.
    n_rows, n_times : int
        Number of windows, and of their time points.
    rng : numpy.random.Generator
        Random generator.

    Returns
    -------
    rows : ndarray of shape (n_rows, n_times)
        Of unit RMS; windows of zeros stay zero.
    """
    chosen = rng.integers(len(recorded), size=n_rows)
    starts = rng.integers(recorded.shape[1] - n_times + 1, size=n_rows)
    places = zip(chosen, starts, strict=True)
    rows = [recorded[row, start : start + n_times] for row, start in places]
    return to_unit_rms(np.array(rows, dtype=float).reshape(n_rows, n_times))


def check_noise(noise, n_times, sfreq, *, name="noise", others=()):
    """Return kinds of noise as a list.

    Parameters
    ----------
    noise : str, ndarray, list of str and ndarray, or None
        Names in `NOISES` or `others`, and rows of the user's own, of shape
        (n_recorded, n_recorded_times) or (n_recorded_times,). None is no noise.
    n_times : int
        Number of time points that will be drawn.
    sfreq : float or None
        Sampling frequency in Hz. With None, "white", "pink" and rows can be drawn.
    name : str, default="noise"
        Name of the argument, for messages.
    others : sequence of str
        More names, which :func:`draw_noise` does not know.

    Returns
    -------
    kinds : list of str and ndarray
        The kinds, rows as two-dimensional arrays of floats.

    Raises
    ------
    ValueError
        If a name is unknown or comes twice, needs a higher sampling frequency, or if
        rows are too short, not finite or of another shape.
    """
    if noise is None:
        return []
    if isinstance(noise, str) or hasattr(noise, "__array__"):
        noise = [noise]
    kinds = [
        _check_kind(kind, sfreq, name, others)
        if isinstance(kind, str)
        else _check_rows(kind, n_times, name)
        for kind in noise
    ]
    names = [kind for kind in kinds if isinstance(kind, str)]
    if len(set(names)) < len(names):
        raise ValueError(f"{name} holds a kind twice: {names}")
    return kinds


def _check_kind(kind, sfreq, name, others):
    """Return the name of a kind of noise that can be drawn at a frequency."""
    known = [*others, *NOISES]
    if kind not in known:
        raise ValueError(f"{name} must be among {known} or rows, got {kind!r}")
    least = _LEAST_SFREQ.get(kind, 0)
    if least and sfreq is None:
        raise ValueError(f"{name}={kind!r} needs a sampling frequency, sfreq is None")
    if least and sfreq < least:
        raise ValueError(
            f"{name}={kind!r} needs a sampling frequency of {least} Hz at least, got "
            f"sfreq={sfreq:g}"
        )
    return kind


def _check_rows(rows, n_times, name):
    """Return rows of recorded noise as a two-dimensional array."""
    rows = as_plain(rows, name)
    try:
        rows = np.atleast_2d(np.asarray(rows, dtype=float))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} holds {rows!r}, neither a name nor rows") from error
    if rows.ndim != 2 or not len(rows):
        raise ValueError(
            f"{name} must hold rows of shape (n_recorded, n_recorded_times), got shape "
            f"{rows.shape}"
        )
    if rows.shape[1] < n_times:
        raise ValueError(
            f"{name} holds rows of {rows.shape[1]} time points, fewer than the "
            f"{n_times} of a mixture"
        )
    if not np.isfinite(rows).all():
        raise ValueError(f"{name} holds rows with NaN or infinity")
    return rows


def draw_noise(kinds, n_rows, n_times, sfreq, rng):
    """Draw rows of noise, each a random combination of the kinds.

    The shares of the kinds in the power are uniform among all that sum to 1.

    Parameters
    ----------
    kinds : list of str and ndarray
        From :func:`check_noise`.
    n_rows, n_times : int
        Number of rows, and of their time points.
    sfreq : float or None
        Sampling frequency in Hz.
    rng : numpy.random.Generator
        Random generator.

    Returns
    -------
    rows : ndarray of shape (n_rows, n_times)
        Of unit RMS, or zero without kinds. Noise without a constant part (pink,
        muscle) is zero for a single time point, too.
    """
    if not kinds:
        return np.zeros((n_rows, n_times))
    if len(kinds) == 1:
        return _draw_kind(kinds[0], n_rows, n_times, sfreq, rng)
    rows = np.zeros((n_rows, n_times))
    shares = rng.dirichlet(np.ones(len(kinds)), size=n_rows)
    for share, kind in zip(shares.T, kinds, strict=True):
        drawn = _draw_kind(kind, n_rows, n_times, sfreq, rng)
        rows += np.sqrt(share)[:, None] * drawn
    return to_unit_rms(rows)


def _draw_kind(kind, n_rows, n_times, sfreq, rng):
    """Draw rows of one kind."""
    if isinstance(kind, str):
        return NOISES[kind](n_rows, n_times, sfreq, rng)
    return recorded_noise(kind, n_rows, n_times, rng)
