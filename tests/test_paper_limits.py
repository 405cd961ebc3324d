"""The bounds of the generated ECG: the triangle, the densities, the posterior."""

import numpy as np
import pytest
from paper_rows import use_noise
from scipy.integrate import trapezoid

from benchmarks.paper import limits
from benchmarks.paper.__main__ import main
from benchmarks.paper.records import Records
from sklearn_cass.datasets import make_ecg_mixtures

WANDER = np.array([0.075 * np.exp(0.4j), 0.02 * np.exp(2.1j)])


def test_phasors_and_their_mirror_image_add_up():
    along, across = limits.mirrored(np.abs(WANDER), np.array([WANDER.sum()]))
    for pair in (along + across, along - across):
        np.testing.assert_allclose(pair.sum(axis=0), WANDER.sum())
        np.testing.assert_allclose(np.abs(pair[:, 0]), np.abs(WANDER))
    found = min(
        np.abs(pair[:, 0] - WANDER).max() for pair in (along + across, along - across)
    )
    assert found < 1e-12  # one of the two is the truth


def test_density_of_a_sum_is_that_of_drawn_sums():
    a, b = np.abs(WANDER)
    phases = np.random.default_rng(0).uniform(0, 2 * np.pi, size=200_000)
    drawn = np.abs(a + b * np.exp(1j * phases))
    edges = np.linspace(a - b, a + b, 9)
    counts, _ = np.histogram(drawn, edges)
    fine = np.linspace(edges[0], edges[-1], 400_001)
    middle = (fine[1:] + fine[:-1]) / 2
    mass = 2 * np.pi * middle * limits.density_of_sum(middle, a, b) * np.diff(fine)
    shares = mass.reshape(8, -1).sum(axis=1)
    np.testing.assert_allclose(shares, counts / len(drawn), atol=0.005)


def test_density_of_the_respiration_is_one():
    r = np.linspace(0, 0.5, 100_001)
    mass = trapezoid(2 * np.pi * r * limits.density_of_respiration(r), r)
    assert mass == pytest.approx(1, abs=1e-3)


def test_posterior_of_a_linear_model_in_closed_form():
    rng = np.random.default_rng(0)
    A, observed = rng.normal(size=(9, 4)), rng.normal(size=9)
    variances, noise = np.array([1.0, 1, 4, 4]), 0.5
    mean, root, _ = limits.posterior(A, observed, noise, variances)
    whole = A * variances @ A.T + noise**2 * np.eye(9)
    gain = (A * variances).T @ np.linalg.inv(whole)
    np.testing.assert_allclose(mean, gain @ observed)
    left = np.diag(variances) - gain @ (A * variances)
    np.testing.assert_allclose(root @ root.T, left, atol=1e-12)


def test_evidence_compares_models_as_the_likelihood_does():
    rng = np.random.default_rng(1)
    observed, variances, noise = rng.normal(size=9), np.ones(4), 0.7
    models = rng.normal(size=(2, 9, 4))
    evidences = limits.posterior(models, observed, noise, variances)[2]
    likelihoods = []
    for A in models:
        whole = A @ A.T + noise**2 * np.eye(9)
        misfit = observed @ np.linalg.solve(whole, observed)
        likelihoods.append(-0.5 * (misfit + np.linalg.slogdet(whole)[1]))
    assert np.diff(evidences) == pytest.approx(np.diff(likelihoods))


def test_more_noise_leaves_more_unknown(monkeypatch):
    monkeypatch.setattr(limits, "N_FREQUENCIES", 400)
    monkeypatch.setattr(limits, "N_DRAWS", 4000)
    ecg = make_ecg_mixtures(12, random_state=0)
    monkeypatch.setattr(limits, "NOISES", (0, 0.002, 0.02))
    found = limits.unknown_amplitudes(ecg.target, ecg.noise, ecg.sfreq)
    left_out, *left = (np.mean(amplitudes) for amplitudes in found.values())
    assert left[0] < left[1] < left[2]
    assert left[2] < left_out  # never more than to leave the wander out


def test_errors_fall_apart_at_the_frequency_of_the_wander():
    times = np.arange(1000) / 200
    at, other = (np.cos(2 * np.pi * f * times + 1) for f in (limits.WANDER_HZ, 3.0))
    errors = np.stack([2 * at, other, at + other])
    wander, rest = limits.split(errors, 200)
    np.testing.assert_allclose(wander + rest, errors)
    np.testing.assert_allclose(wander[0], errors[0], atol=1e-12)
    # orthogonal: squares add up
    squares = [np.sum(part**2, axis=-1) for part in (wander, rest, errors)]
    np.testing.assert_allclose(squares[0] + squares[1], squares[2])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_page_shows_bounds_and_what_was_learned(monkeypatch, tmp_path):
    use_noise(monkeypatch, "ecg")
    monkeypatch.setattr(limits, "NOISES", (0.0,))
    main(["limits", "--device", "cpu", "--jobs", "1", "--output", str(tmp_path)])
    (record,) = Records(tmp_path, "limits").by_digest.values()
    text = (tmp_path / "limits.md").read_text()
    for part in ("bounds", "learned"):
        for name, errors in record[part].items():
            (line,) = (x for x in text.splitlines() if x.startswith(f"| {name} "))
            assert [float(c) for c in line.split("|")[2:-1]] == pytest.approx(
                errors, abs=5e-4
            )
