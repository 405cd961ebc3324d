"""Kinds of noise: their levels, spectra and seeds."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import periodogram

from sklearn_cass.numeric.noise import NOISES, check_noise, draw_noise

SFREQ, SECONDS = 1000, 64


def draw(noise, n_rows=8, n_times=SFREQ * SECONDS, sfreq=SFREQ, seed=0):
    kinds = check_noise(noise, n_times, sfreq)
    return draw_noise(kinds, n_rows, n_times, sfreq, np.random.default_rng(seed))


def density(rows, sfreq=SFREQ):
    """Return frequencies in Hz and the mean density of rows, without much leakage."""
    frequency, power = periodogram(rows, sfreq, "blackmanharris", detrend=False)
    return frequency, power.mean(axis=0)


def share(rows, low, high, sfreq=SFREQ):
    """Return the share of the power between two frequencies in Hz."""
    frequency, power = density(rows, sfreq)
    return power[(frequency >= low) & (frequency <= high)].sum() / power.sum()


def slope(rows, low, high):
    """Return the exponent of the density as a power of the frequency."""
    frequency, power = density(rows)
    edges = np.geomspace(low, high, 9)
    means = [
        power[(frequency >= one) & (frequency < two)].mean()
        for one, two in zip(edges[:-1], edges[1:], strict=True)
    ]
    return np.polyfit(np.log(edges[:-1]), np.log(means), 1)[0]


# --- level and seeds ------------------------------------------------------------------


@pytest.mark.parametrize("noise", [*NOISES, [*NOISES]], ids=str)
def test_rows_have_unit_rms_and_depend_on_the_seed_alone(noise):
    one, two = (draw(noise, n_times=2000) for _ in range(2))
    assert one.shape == (8, 2000)
    assert one.dtype == np.float64
    assert_allclose(np.mean(one**2, axis=1), 1)
    assert_array_equal(one, two)
    assert not np.isclose(one, draw(noise, n_times=2000, seed=1)).all(axis=1).any()
    assert np.abs(np.corrcoef(one)[np.triu_indices(8, 1)]).max() < 0.999


@pytest.mark.parametrize("noise", [*NOISES, [*NOISES]], ids=str)
@pytest.mark.parametrize("n_times", [1, 2, 7])
def test_short_rows_are_finite(noise, n_times):
    rows = draw(noise, n_times=n_times)
    assert rows.shape == (8, n_times)
    assert np.isfinite(rows).all()


@pytest.mark.usefixtures("generators_stand_still")
def test_global_generators_are_left_as_they_were():
    draw([*NOISES], n_times=100)


# --- spectra --------------------------------------------------------------------------


def test_white_noise_has_equal_power_at_all_frequencies():
    assert abs(slope(draw("white"), 1, 400)) < 0.05


def test_power_of_pink_noise_falls_as_the_frequency_rises():
    assert abs(slope(draw("pink"), 0.5, 400) + 1) < 0.05


def test_muscle_noise_is_bursts_in_its_band():
    rows = draw("muscle")
    assert share(rows, 19, 158) > 0.95
    assert share(rows, 0, 10) < 0.01
    assert abs(slope(rows, 30, 120)) < 0.2

    def unevenness(rows):
        power = np.mean(rows.reshape(8, -1, SFREQ // 4) ** 2, axis=2)
        return (power.max(axis=1) / np.median(power, axis=1)).min()

    assert unevenness(rows) > 3 > unevenness(draw("white"))


def test_muscle_noise_of_a_low_rate_ends_at_half_of_it():
    rows = draw("muscle", sfreq=128, n_times=8192)
    assert share(rows, 19, 64, sfreq=128) > 0.95


@pytest.mark.parametrize("seconds", [2, 8])
def test_every_row_of_muscle_noise_has_a_burst(seconds):
    rows = draw("muscle", n_rows=50, n_times=seconds * SFREQ)
    power = np.mean(rows.reshape(50, -1, SFREQ // 10) ** 2, axis=2)
    assert (power.max(axis=1) > 3 * power.min(axis=1)).all()


def test_wander_is_below_half_a_hertz():
    rows = draw("wander", sfreq=100, n_times=40_000)
    assert share(rows, 0, 0.55, sfreq=100) > 0.999
    assert share(rows, 0.1, 0.45, sfreq=100) > 0.5


def test_mains_is_a_line_and_its_harmonics():
    rows = draw("mains", n_rows=20, n_times=16 * SFREQ)
    frequency, _ = density(rows[:1])
    peaks = []
    for row in rows:
        power = density(row[None])[1]
        peak = frequency[power.argmax()]
        near = np.abs(frequency / peak - np.rint(frequency / peak)) * peak < 0.5
        assert power[near & (frequency > 40)].sum() > 0.999 * power.sum()
        assert power[np.abs(frequency - peak) < 0.5].sum() > 0.5 * power.sum()
        peaks.append(peak)
    peaks = np.array(peaks)
    assert set(np.rint(peaks / 10) * 10) == {50, 60}
    assert np.abs(peaks - np.rint(peaks / 10) * 10).max() < 0.15


def test_mains_has_no_aliases():
    # at 128 Hz the second harmonic would be at 28 or 8 Hz
    assert share(draw("mains", sfreq=128, n_times=8192), 49, 61, sfreq=128) > 0.999


# --- rows of the user's own, several kinds --------------------------------------------


def test_own_rows_are_cut_at_random_places():
    recorded = np.random.default_rng(0).normal(size=(3, 50))
    rows = draw(recorded, n_rows=200, n_times=16)
    windows = np.lib.stride_tricks.sliding_window_view(recorded, 16, axis=1)
    windows = windows.reshape(-1, 16)
    windows = windows / np.sqrt(np.mean(windows**2, axis=1, keepdims=True))
    match = rows @ windows.T / 16 > 1 - 1e-9
    assert_array_equal(match.sum(axis=1), 1)
    assert match.any(axis=0).mean() > 0.6  # 200 draws of 105 windows


@pytest.mark.parametrize(
    "rows", [[[1.0, -1.0, 1.0]], (1.0, -1.0, 1.0), np.array([1, -1, 1])]
)
def test_own_rows_may_be_lists_and_as_long_as_the_mixtures(rows):
    assert_array_equal(draw([rows], n_times=3), [[1, -1, 1]] * 8)


def test_silent_rows_stay_silent():
    assert_array_equal(draw(np.zeros((2, 10)), n_times=5), 0)


def test_kinds_share_the_power_at_random():
    rows = draw(["wander", "mains"], n_rows=300, n_times=4 * SFREQ)
    low = [share(row[None], 0, 10) for row in rows]
    assert_allclose(np.sort(low), np.linspace(0, 1, 300), atol=0.12)  # uniform


def test_no_kind_is_no_noise():
    assert_array_equal(draw(None), 0)
    assert_array_equal(draw([]), 0)


# --- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("noise", "sfreq", "match"),
    [
        ("brown", 1000, "noise must be among .*'white', .* or rows, got 'brown'"),
        (["white", "white"], 1000, "noise holds a kind twice"),
        ("muscle", 64, "noise='muscle' needs .* 80 Hz at least, got sfreq=64"),
        ("mains", 100, "noise='mains' needs .* 122 Hz at least, got sfreq=100"),
        ("wander", 0.5, "noise='wander' needs .* 1.0 Hz at least"),
        ("mains", None, "noise='mains' needs a sampling frequency, sfreq is None"),
        (np.ones((2, 9)), 1000, "rows of 9 time points, fewer than the 10"),
        ([np.full((2, 10), np.nan)], 1000, "noise holds rows with NaN"),
        (np.ones((2, 2, 10)), 1000, r"got shape \(2, 2, 10\)"),
        (np.ones((0, 10)), 1000, r"got shape \(0, 10\)"),
        ([object()], 1000, "neither a name nor rows"),
        ([[["a"]]], 1000, "neither a name nor rows"),
    ],
)
def test_bad_noise_is_named(noise, sfreq, match):
    with pytest.raises(ValueError, match=match):
        check_noise(noise, 10, sfreq)


def test_rate_may_be_unknown_where_it_does_not_matter():
    kinds = check_noise(["white", "pink", np.ones(20)], 10, None)
    rows = draw_noise(kinds, 2, 10, None, np.random.default_rng(0))
    assert_allclose(np.mean(rows**2, axis=1), 1)
