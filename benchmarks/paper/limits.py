"""How well the baseline of the generated ECG can be told apart at all.

    python -m benchmarks.paper.limits

ECGSYN adds to every trace a baseline wander of 0.25 Hz, whatever the heart rate. In a
window of four seconds the maternal and the fetal one add up to a single sinusoid, and
the respiration is another whose frequency is near. What an estimator cannot know of
them is an error that no training takes away. Here it is computed for an estimator that
knows everything else: the beats, the amplitude of either wander and the recipe.
"""

import argparse
from pathlib import Path

import numpy as np

from sklearn_cass.datasets import make_ecg_mixtures

from ..report import machine
from . import data, estimators, settings
from .data import FIRST_SEED
from .tables import markdown

WANDER_HZ = 0.25  # fresp in ECGSYN
RESPIRATION_HZ, RESPIRATION_MV = (0.2, 0.6), (0.05, 0.3)  # section 4.1
RESPIRATION_VARIANCE = (0.05**2 + 0.05 * 0.3 + 0.3**2) / 6  # of either part
RATE = 8  # Hz, of the baseline that is left once the beats are known
NOISES = (0.0, 0.002, 0.005, 0.01)  # mV, of each of its values
N_FREQUENCIES, N_DRAWS = 1600, 20_000
HEADING = """\
# What the generated ECG leaves unknown

Written by `python -m benchmarks.paper.limits`: {n_rows} rows that tables are tested on,
seed 0; {machine}.

{about}
The least relative L2 error that the wander alone leaves, mean over rows, to be added in
squares to every other error of an estimator. *Noise* is how well the estimator knows
the baseline between the beats: white, on values at {rate} Hz. Without noise the
respiration is known, and what is left is in closed form: two pairs of phases, mirrored
at the sum, are equally likely.
"""
LEARNED = """\
And what an `AESeparator` of the setting *best* has wrong on those rows (seed 0, trained
as for the tables): relative L2 errors, means over rows, of the whole error, of its
sinusoid at the wander's frequency, and of what is left without.
"""


def main(arguments=None):
    """Print the table, and write it to the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=160)
    parser.add_argument("--output", default="docs/paper")
    options = parser.parse_args(arguments)
    ecg = make_ecg_mixtures(
        options.rows, random_state=FIRST_SEED, **settings.ECG["generator"], n_jobs=-1
    )
    text = table(ecg)
    heading = HEADING.format(
        n_rows=options.rows,
        machine=machine(),
        rate=RATE,
        about="\n".join(__doc__.splitlines()[4:]),
    )
    text += "\n\n" + LEARNED + "\n" + learned(options.rows)
    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "limits.md").write_text(f"{heading}\n{text}\n")
    print(text)


def learned(n_rows):
    """What a trained separator has wrong, at the wander's frequency and elsewhere."""
    experiment = data.make("ecg", settings.rows_of("full", "best", "ecg"), 0)
    setting = settings.setting_of("full", "best", "ecg")
    separator = estimators.make("AESeparator", setting, random_state=0)
    separator.fit(*experiment.training_rows("test"))
    X, y = experiment.rows("test")
    X, y = X[:n_rows], y[:n_rows]
    wander, rest = split(separator.transform(X) - y, experiment.bunch.sfreq)
    level = np.linalg.norm(y, axis=-1)
    lines = {"all": wander + rest, "at 0.25 Hz": wander, "elsewhere": rest}
    rows = [
        [name, *(f"{v:.3f}" for v in (np.linalg.norm(e, axis=-1) / level).mean(axis=0))]
        for name, e in lines.items()
    ]
    return markdown(["error", *experiment.bunch.component_names], rows)


def split(errors, sfreq):
    """The sinusoids of the wander's frequency in errors (..., n_times); the rest."""
    times = np.arange(errors.shape[-1]) / sfreq
    angle = 2 * np.pi * WANDER_HZ * times
    basis, _ = np.linalg.qr(np.stack([np.cos(angle), np.sin(angle)], axis=1))
    wander = errors @ basis @ basis.T
    return wander, errors - wander


def table(ecg):
    """A line for each noise, and one for an estimate without any wander."""
    wanders = amplitudes(ecg)
    rows = [["no wander at all in the estimate", *errors_text(ecg, np.abs(wanders))]]
    for noise in NOISES:
        rng = np.random.default_rng(0)
        left = np.array(
            [
                unknown(noise, wander, baseline, rng)
                for wander, baseline in zip(
                    wanders, baselines(ecg, wanders), strict=True
                )
            ]
        )
        rows.append([f"{1000 * noise:.0f} µV", *errors_text(ecg, left)])
    return markdown(["noise", *ecg.component_names], rows)


def errors_text(ecg, left):
    """Relative errors of sinusoids of these amplitudes (n, 2), means over rows."""
    level = np.sqrt(np.mean(np.square(ecg.target), axis=-1))
    return [f"{value:.3f}" for value in (left / np.sqrt(2) / level).mean(axis=0)]


def amplitudes(ecg):
    """Complex amplitudes of the wanders, (n, 2): the component's own at 0.25 Hz."""
    times = np.arange(ecg.target.shape[-1]) / ecg.sfreq
    return 2 * (ecg.target * np.exp(-2j * np.pi * WANDER_HZ * times)).mean(axis=-1)


def baselines(ecg, wanders):
    """What is left of each row once the beats are known, at a low rate."""
    step = ecg.sfreq // RATE
    times = np.arange(ecg.data.shape[-1])[::step] / ecg.sfreq
    turning = np.exp(2j * np.pi * WANDER_HZ * times)
    wander = (wanders.sum(axis=1)[:, None] * turning).real
    return wander + ecg.noise[:, ::step]


def unknown(noise, wander, baseline, rng):
    """Expected amplitude of the error of the best estimate of either wander, (2,).

    The best estimate is the mean of the posterior. ``wander`` holds the true complex
    amplitudes (2,), of which the estimator knows the magnitudes.
    """
    if not noise:
        off = mirrored(np.abs(wander), np.array([wander.sum()]))[1][:, 0]
        return np.abs(off)
    observed = baseline + noise * rng.normal(size=len(baseline))
    total, weights = sums(observed, noise, np.abs(wander), rng)
    along, _ = mirrored(np.abs(wander), total)
    best = (weights * along).sum(axis=1)
    return np.abs(best - wander)


def mirrored(magnitudes, total):
    """Two phasors of known magnitudes and sum: along it ± across it, both (2, n).

    A triangle of three known sides, and its mirror image.
    """
    a, b = magnitudes
    length = np.maximum(np.abs(total), np.finfo(float).tiny)
    shares = np.stack(
        [
            (length**2 + a**2 - b**2) / (2 * length**2),
            (length**2 + b**2 - a**2) / (2 * length**2),
        ]
    )
    height = np.sqrt(np.maximum(a**2 - (shares[0] * length) ** 2, 0))
    direction = total / length
    across = 1j * direction * height
    return shares * total, np.stack([across, -across])


def sums(observed, noise, magnitudes, rng):
    """Draws from the posterior of the wanders' sum, with weights that add up to 1.

    Given the respiration's frequency the model is linear in the sum and in the
    respiration. With normal priors of their variances the posterior is normal and is
    drawn from; the recipe's own densities, over those priors, are the weights.
    """
    times = np.arange(len(observed)) / RATE
    low, high = RESPIRATION_HZ
    grid = low + (high - low) * (np.arange(N_FREQUENCIES) + 0.5) / N_FREQUENCIES
    variances = np.repeat([np.sum(magnitudes**2) / 2, RESPIRATION_VARIANCE], 2)
    fits = [posterior(design(times, f), observed, noise, variances) for f in grid]
    evidence = np.array([fit[2] for fit in fits])
    chances = np.exp(evidence - evidence.max())
    drawn = rng.choice(len(grid), size=N_DRAWS, p=chances / chances.sum())
    means = np.array([fits[k][0] for k in drawn])
    roots = np.array([fits[k][1] for k in drawn])
    x = means + np.einsum("nij,nj->ni", roots, rng.normal(size=means.shape))
    total, respiration = x[:, 0] + 1j * x[:, 1], np.hypot(x[:, 2], x[:, 3])
    weights = density_of_sum(np.abs(total), *magnitudes)
    weights *= density_of_respiration(respiration)
    weights *= np.exp(0.5 * np.sum(x**2 / variances, axis=1))
    return total, weights / weights.sum()


def design(times, frequency):
    """Columns: real and imaginary parts of the sum's and the respiration's phasor."""
    angles = 2 * np.pi * np.array([WANDER_HZ, frequency])[:, None] * times
    columns = [np.cos(angles[0]), -np.sin(angles[0])]
    return np.stack([*columns, np.cos(angles[1]), -np.sin(angles[1])], axis=1)


def posterior(A, observed, noise, variances):
    """Mean, root of the covariance and log evidence of a linear model, normal prior."""
    covariance = np.linalg.inv(A.T @ A / noise**2 + np.diag(1 / variances))
    mean = covariance @ (A.T @ observed) / noise**2
    misfit = np.sum((observed - A @ mean) ** 2) / noise**2
    misfit += np.sum(mean**2 / variances)
    evidence = -0.5 * misfit + 0.5 * np.linalg.slogdet(covariance)[1]
    return mean, np.linalg.cholesky(covariance), evidence


def density_of_sum(length, a, b):
    """Density in the plane of a sum of two phasors whose phases are uniform."""
    cosine = (length**2 - a**2 - b**2) / (2 * a * b)
    inside = np.abs(cosine) < 1
    sine = np.sqrt(1 - np.where(inside, cosine, 0) ** 2)
    return np.where(inside, 1 / (2 * np.pi**2 * a * b * sine), 0)


def density_of_respiration(amplitude):
    """Density in the plane of a phasor whose amplitude and phase are uniform."""
    low, high = RESPIRATION_MV
    inside = (low < amplitude) & (amplitude < high)
    density = 1 / (2 * np.pi * np.maximum(amplitude, low) * (high - low))
    return np.where(inside, density, 0)


if __name__ == "__main__":
    main()
