"""Compute bounds on separating the baseline of the generated ECG: see the page."""

import numpy as np

from ..markdown import table
from . import settings
from .tasks import PLAIN, Task

NAME = "limits"
N_ROWS = 160
WANDER_HZ = 0.25  # fresp in ECGSYN
RESPIRATION_HZ, RESPIRATION_MV = (0.2, 0.6), (0.05, 0.3)  # section 4.1
RESPIRATION_VARIANCE = (0.05**2 + 0.05 * 0.3 + 0.3**2) / 6  # of either part
RATE = 8  # Hz, of the baseline that is left once the beats are known
NOISES = (0.0, 0.002, 0.005, 0.01)  # mV, of each of its values
N_FREQUENCIES, N_DRAWS = 1600, 20_000


def tasks(seed, options):
    """Return the run that the bounds are compared with."""
    entries = settings.setting_of("best", "ecg")
    return [Task("ecg", "best", PLAIN, seed, entries, settings.rows_of("best", "ecg"))]


def more(experiment, estimate):
    """Return the bounds, and the errors of an estimate of the test rows."""
    index = experiment.parts["test"][:N_ROWS]
    y, noise = experiment.bunch.target[index], experiment.bunch.noise[index]
    sfreq, level = experiment.bunch.sfreq, np.sqrt(np.mean(np.square(y), axis=-1))
    wander, rest = split(estimate[:N_ROWS] - y, sfreq)
    errors = {"all": wander + rest, "at 0.25 Hz": wander, "elsewhere": rest}
    rms = {name: np.sqrt(np.mean(e**2, axis=-1)) for name, e in errors.items()}
    bounds = unknown_amplitudes(y, noise, sfreq)
    bounds = {name: left / np.sqrt(2) for name, left in bounds.items()}
    return {
        part: {name: (r / level).mean(axis=0).tolist() for name, r in of_part.items()}
        for part, of_part in (("bounds", bounds), ("learned", rms))
    }


def write(records, options):
    """Write the page."""
    (task,) = tasks(0, options)
    record, tables = records.find(task), {}
    for part, title in (("bounds", "noise"), ("learned", "error")):
        rows = []
        for name, of in record[part].items() if record else ():
            cells = zip(record["component_names"], of, strict=True)
            rows.append({title: name} | {k: f"{value:.3f}" for k, value in cells})
        tables[part] = table(rows)
    stale = records.stale(lambda seed: {PLAIN: task})
    return options.write_page(NAME, n_rows=N_ROWS, rate=RATE, stale=stale, **tables)


def unknown_amplitudes(y, noise, sfreq):
    """Return amplitudes of errors (n, 2), without any wander and by knowledge."""
    times = np.arange(y.shape[-1]) / sfreq
    wanders = 2 * (y * np.exp(-2j * np.pi * WANDER_HZ * times)).mean(axis=-1)
    step = sfreq // RATE
    turning = np.exp(2j * np.pi * WANDER_HZ * times[::step])
    baselines = (wanders.sum(axis=1)[:, None] * turning).real + noise[:, ::step]
    found = {"no wander at all in the estimate": np.abs(wanders)}
    for level in NOISES:
        rng = np.random.default_rng(0)
        pairs = zip(wanders, baselines, strict=True)
        left = [unknown(level, wander, baseline, rng) for wander, baseline in pairs]
        found[f"{1000 * level:.0f} µV"] = np.array(left)
    return found


def split(errors, sfreq):
    """Return the sinusoids of the wander's frequency in errors, and the rest."""
    angle = 2 * np.pi * WANDER_HZ * np.arange(errors.shape[-1]) / sfreq
    basis, _ = np.linalg.qr(np.stack([np.cos(angle), np.sin(angle)], axis=1))
    wander = errors @ basis @ basis.T
    return wander, errors - wander


def unknown(noise, wander, baseline, rng):
    """Return the amplitudes of the best estimate's errors, (2,): the posterior's mean.

    ``wander`` holds the true complex amplitudes, whose magnitudes are known.
    """
    if not noise:
        off = mirrored(np.abs(wander), np.array([wander.sum()]))[1][:, 0]
        return np.abs(off)
    observed = baseline + noise * rng.normal(size=len(baseline))
    total, weights = sums(observed, noise, np.abs(wander), rng)
    along, _ = mirrored(np.abs(wander), total)
    return np.abs((weights * along).sum(axis=1) - wander)


def mirrored(magnitudes, total):
    """Return a triangle of known sides: along ``total`` ± across it, both (2, n)."""
    a, b = magnitudes
    length = np.maximum(np.abs(total), np.finfo(float).tiny)
    difference = (a**2 - b**2) / length**2
    shares = np.stack([1 + difference, 1 - difference]) / 2
    height = np.sqrt(np.maximum(a**2 - (shares[0] * length) ** 2, 0))
    across = 1j * total / length * height
    return shares * total, np.stack([across, -across])


def sums(observed, noise, magnitudes, rng):
    """Return draws from the posterior of the wanders' sum, and their weights.

    Given the respiration's frequency the model is linear in the sum and in the
    respiration. With normal priors of their variances the posterior is normal and is
    drawn from; the recipe's own densities, over those priors, are the weights.
    """
    low, high = RESPIRATION_HZ
    grid = low + (high - low) * (np.arange(N_FREQUENCIES) + 0.5) / N_FREQUENCIES
    frequencies = np.stack([np.full_like(grid, WANDER_HZ), grid], axis=1)
    times = np.arange(len(observed))[:, None] / RATE
    angles = 2 * np.pi * frequencies[:, None] * times
    designs = np.concatenate([np.cos(angles), -np.sin(angles)], axis=-1)
    variances = np.tile([np.sum(magnitudes**2) / 2, RESPIRATION_VARIANCE], 2)
    means, roots, evidences = posterior(designs, observed, noise, variances)
    chances = np.exp(evidences - evidences.max())
    drawn = rng.choice(len(grid), size=N_DRAWS, p=chances / chances.sum())
    x = rng.normal(size=(N_DRAWS, 4))
    x = means[drawn] + np.einsum("nij,nj->ni", roots[drawn], x)
    total, respiration = x[:, 0] + 1j * x[:, 2], np.hypot(x[:, 1], x[:, 3])
    weights = density_of_sum(np.abs(total), *magnitudes)
    weights *= density_of_respiration(respiration)
    weights *= np.exp(0.5 * np.sum(x**2 / variances, axis=1))
    return total, weights / weights.sum()


def posterior(A, observed, noise, variances):
    """Return means, roots of covariances and log evidences of linear models."""
    transposed = A.swapaxes(-1, -2)
    covariance = np.linalg.inv(transposed @ A / noise**2 + np.diag(1 / variances))
    mean = (covariance @ (transposed @ observed)[..., None])[..., 0] / noise**2
    left = observed - (A @ mean[..., None])[..., 0]
    misfit = np.sum(left**2, -1) / noise**2 + np.sum(mean**2 / variances, -1)
    evidence = -0.5 * misfit + 0.5 * np.linalg.slogdet(covariance)[1]
    return mean, np.linalg.cholesky(covariance), evidence


def density_of_sum(length, a, b):
    """Return the density in the plane of a sum of phasors whose phases are uniform."""
    cosine = (length**2 - a**2 - b**2) / (2 * a * b)
    inside = np.abs(cosine) < 1
    sine = np.sqrt(1 - np.where(inside, cosine, 0) ** 2)
    return np.where(inside, 1 / (2 * np.pi**2 * a * b * sine), 0)


def density_of_respiration(amplitude):
    """Return the density in the plane of a phasor of uniform amplitude and phase."""
    low, high = RESPIRATION_MV
    inside = (low < amplitude) & (amplitude < high)
    density = 1 / (2 * np.pi * np.maximum(amplitude, low) * (high - low))
    return np.where(inside, density, 0)
