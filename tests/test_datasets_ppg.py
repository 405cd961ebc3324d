"""Generated PPG mixtures: what they hold, and how like recorded ones they are."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import butter, find_peaks, sosfiltfilt

from sklearn_cass.datasets import load_bidmc, make_ppg_mixtures

TINY = {"n_times": 16, "windows_per_subject": 3}
TWO_MINUTES = 120 * 64
FIELDS = {
    *("data", "target", "component_names", "sfreq", "groups", "noise", "DESCR"),
    *("heart_bpm", "breaths_per_minute", "respiration_ratio", "inspiration"),
    *("noise_db", "sinus_arrhythmia", "pulse_modulation"),
    *("breath_variability", "pauses", "sighs", "modulation_lag"),
}
IRREGULAR = {
    "breath_variability": (0.3, 0.3),
    "pauses": (0.2, 0.2),
    "sighs": (0.1, 0.1),
    "modulation_lag": (-1, 1),
}


@pytest.fixture(scope="module")
def ppg():
    return make_ppg_mixtures(40, windows_per_subject=4, random_state=0)


@pytest.fixture(scope="module")
def long():
    """Twenty subjects, one row of two minutes each."""
    return make_ppg_mixtures(
        20, n_times=TWO_MINUTES, windows_per_subject=1, random_state=1
    )


def assert_same(one, other):
    assert one.keys() == other.keys()
    for key in one:
        assert_array_equal(one[key], other[key], err_msg=key)


def systolic_peaks(heart):
    return find_peaks(heart, height=0.35)[0]


def rate_of(peaks):
    """Mean rate per minute between the first peak and the last, at 64 Hz."""
    return 60 * 64 * (len(peaks) - 1) / (peaks[-1] - peaks[0])


def signs(x):
    """Signs along a curve, each run of equal ones once."""
    sign = np.sign(x)
    return sign[np.r_[True, sign[1:] != sign[:-1]]].astype(int).tolist()


# ---------------------------------------------------------------- what is returned


def test_mixture_is_exactly_its_parts(ppg):
    assert ppg.keys() == FIELDS
    assert ppg.data.shape == ppg.noise.shape == (40, 1024)
    assert ppg.target.shape == (40, 2, 1024)
    assert ppg.data.dtype == ppg.target.dtype == ppg.noise.dtype == np.float64
    assert_array_equal(ppg.data, ppg.target.sum(axis=1) + ppg.noise)
    assert ppg.component_names == ["heart", "respiration"]
    assert ppg.sfreq == 64
    assert "Solosenko" in ppg.DESCR
    for name in ("heart_bpm", "breaths_per_minute", "respiration_ratio", "inspiration"):
        assert ppg[name].shape == (40,)


def test_groups_are_subjects(ppg):
    assert_array_equal(ppg.groups, np.repeat(np.arange(10), 4))
    assert len(set(ppg.inspiration)) == 10  # a subject's breath is its own
    for name in ("heart_bpm", "breaths_per_minute"):
        rates = ppg[name].reshape(10, 4)
        assert len(set(ppg[name])) == 40
        assert (np.ptp(rates, axis=1) <= 0.1 * rates.max(axis=1)).all()
        assert np.ptp(rates.mean(axis=1)) > 0.2 * rates.mean()


@pytest.mark.parametrize("n_times", [1, 2, 3, 1023])
@pytest.mark.parametrize("sfreq", [64, 31.25])
def test_any_length_and_rate(n_times, sfreq):
    ppg = make_ppg_mixtures(2, n_times=n_times, sfreq=sfreq, random_state=0)
    assert ppg.data.shape == (2, n_times)
    assert np.isfinite(ppg.data).all()
    assert ppg.sfreq == sfreq


def test_draws_fill_their_ranges():
    ppg = make_ppg_mixtures(400, n_times=1, windows_per_subject=1, random_state=0)
    for name, low, high in [
        ("respiration_ratio", 0.1, 0.5),
        ("inspiration", 1 / 3, 0.4),
        ("noise_db", -50, -40),
        ("heart_bpm", 60, 100),
        ("breaths_per_minute", 12, 20),
    ]:
        drawn = (np.sort(ppg[name]) - low) / (high - low)
        assert drawn[0] >= 0
        assert drawn[-1] <= 1
        assert_allclose(drawn, np.linspace(0, 1, 400), atol=0.12)  # uniform


def test_rates_are_drawn_from_the_ranges_given():
    ppg = make_ppg_mixtures(
        40, n_times=1, heart_bpm=[50, 55], breaths_per_minute=(15, 15), random_state=0
    )
    assert ((ppg.heart_bpm >= 50) & (ppg.heart_bpm <= 55)).all()
    assert np.ptp(ppg.heart_bpm) > 1
    assert_allclose(ppg.breaths_per_minute, 15)


@pytest.mark.parametrize(
    "name", ["respiration_ratio", "sinus_arrhythmia", "pulse_modulation", "noise_db"]
)
def test_depths_and_levels_are_drawn_from_the_ranges_given(name):
    ranges = {name: (0.21, 0.29)}
    ppg = make_ppg_mixtures(40, n_times=1, random_state=0, **ranges)
    other = make_ppg_mixtures(40, n_times=1, random_state=0)
    assert ((ppg[name] >= 0.21) & (ppg[name] <= 0.29)).all()
    assert np.ptp(ppg[name]) > 0.06
    for key in ("heart_bpm", "breaths_per_minute", "inspiration"):
        assert_array_equal(ppg[key], other[key])


def test_breathing_changes_rate_and_height_of_the_beats_as_drawn():
    arguments = {
        "n_times": TWO_MINUTES,
        "windows_per_subject": 1,
        "random_state": 0,
        "heart_bpm": (80, 120),
        "breaths_per_minute": (8, 10),
    }
    deep = {"sinus_arrhythmia": (0.3, 0.3), "pulse_modulation": (0.6, 0.6)}
    spreads = []
    for depths in (dict.fromkeys(deep, (0, 0)), deep):
        ppg = make_ppg_mixtures(6, **depths, **arguments)
        for row in ppg.target[:, 0]:
            peaks = find_peaks(row, prominence=0.3 * row.max())[0]
            feet = [row[a:b].min() for a, b in zip(peaks[:-1], peaks[1:], strict=True)]
            intervals, heights = np.diff(peaks), row[peaks[1:]] - feet
            spreads.append([np.ptp(x) / x.mean() for x in (intervals, heights)])
    flat, modulated = np.array(spreads).reshape(2, 6, 2)
    assert (flat[:, 0] < 0.15).all()  # Mayer waves, and one time point
    assert (flat[:, 1] < 0.05).all()
    assert_allclose(modulated[:, 0], 0.3, atol=0.13)
    assert_allclose(modulated[:, 1], 0.6, atol=0.2)


# ---------------------------------------------------------------- heart


def test_heart_beats_at_its_rate(long, ppg):
    for row, drawn in zip(long.target[:, 0], long.heart_bpm, strict=True):
        assert abs(rate_of(systolic_peaks(row)) - drawn) < 1
    for row, drawn in zip(ppg.target[:, 0], ppg.heart_bpm, strict=True):
        assert abs(rate_of(systolic_peaks(row)) - drawn) < 3  # 16 s


def test_heart_component_has_its_power_at_the_heart_rate(long):
    frequencies = np.fft.rfftfreq(TWO_MINUTES, 1 / 64)
    for row, drawn in zip(long.target[:, 0], long.heart_bpm, strict=True):
        power = np.abs(np.fft.rfft(row)) ** 2
        near = np.abs(frequencies * 60 - drawn) < 0.12 * drawn
        assert power[near].sum() > 0.5 * power.sum()
        assert power[frequencies < 0.7].sum() < 0.01 * power.sum()


def test_one_systolic_peak_per_beat_of_the_pulses_height(long):
    for row, drawn in zip(long.target[:, 0], long.heart_bpm, strict=True):
        peaks = systolic_peaks(row)
        assert abs(len(peaks) - 2 * drawn) <= 1
        feet = [row[a:b].min() for a, b in zip(peaks[:-1], peaks[1:], strict=True)]
        height = row[peaks[1:]] - feet
        assert_allclose(height.mean(), 1, atol=0.03)
        assert_allclose(height, 1, atol=0.08)  # lower in inspiration


def test_beats_rise_fast_and_have_a_diastolic_wave():
    ppg = make_ppg_mixtures(60, sfreq=256, windows_per_subject=1, random_state=2)
    n_notches = 0
    for row, drawn in zip(ppg.target[:, 0], ppg.heart_bpm, strict=True):
        first, second = systolic_peaks(row)[:2]
        foot = first + row[first:second].argmin()
        assert second - foot < 0.3 * 256 * 60 / drawn
        # The fall bends up, down again at the diastolic wave, and up to the end.
        fall = row[first : first + round(0.65 * (second - first))]
        assert signs(np.diff(fall, 2))[:4] == [-1, 1, -1, 1]
        n_notches += signs(np.diff(fall)).count(1)
    assert 15 < n_notches < 45  # the others have a shoulder


def test_heart_is_faster_in_inspiration(long):
    def slopes(heart, respiration):
        peaks = systolic_peaks(heart)
        middle = (peaks[1:] + peaks[:-1]) // 2
        return np.corrcoef(np.diff(peaks), respiration[middle])[0, 1]

    assert np.mean([slopes(*row) for row in long.target]) > 0.5


# ---------------------------------------------------------------- respiration, noise


def test_breaths_come_at_their_rate(long):
    for row, drawn in zip(long.target[:, 1], long.breaths_per_minute, strict=True):
        peaks = find_peaks(-row, prominence=0.5 * np.ptp(row))[0]
        assert abs(len(peaks) - 2 * drawn) < 2  # none doubled, none missed inside
        assert abs(rate_of(peaks) - drawn) < 0.3


def test_inspiration_is_shorter_than_expiration(long):
    # The baseline falls in inspiration and rises in expiration.
    falling = (np.diff(long.target[:, 1], axis=1) < 0).mean(axis=1)
    assert_allclose(falling, long.inspiration, atol=0.01)
    assert (falling < 0.42).all()


def test_breaths_have_the_height_drawn(long):
    for row, drawn in zip(long.target[:, 1], long.respiration_ratio, strict=True):
        troughs = find_peaks(-row, prominence=0.5 * np.ptp(row))[0]
        assert_allclose(np.mean(row.max() - row[troughs]), drawn, rtol=0.02)
        assert np.ptp(row) < 1.11 * drawn
        assert 0.1 <= drawn <= 0.5


def test_components_have_no_constant_part(long, ppg):
    assert np.abs(long.target.mean(axis=-1)).max() < 0.02
    assert np.abs(ppg.target.mean(axis=-1)).max() < 0.1


def test_noise_is_pink_and_as_loud_as_drawn(long):
    level = np.mean(long.noise**2, axis=1) / np.mean(long.target[:, 0] ** 2, axis=1)
    assert_allclose(10 * np.log10(level), long.noise_db)
    power = (np.abs(np.fft.rfft(long.noise)) ** 2).mean(axis=0)
    octaves = [power[k : 2 * k].sum() for k in (60, 120, 240, 480, 960, 1920)]
    assert_allclose(octaves, np.mean(octaves), rtol=0.25)  # equal power in each


@pytest.mark.parametrize(
    ("noise", "name"),
    [
        ("white", "white"),
        (["wander", "mains"], "wander + mains"),
        (np.random.default_rng(0).normal(size=(2, 600)), "rows"),
    ],
    ids=["name", "names", "rows"],
)
def test_noise_may_be_of_other_kinds(noise, name):
    arguments = {"n_times": 512, "sfreq": 125, "random_state": 0}
    ppg = make_ppg_mixtures(8, noise=noise, noise_db=(-20, 0), **arguments)
    pink = make_ppg_mixtures(8, noise_db=(-20, 0), **arguments)
    assert_array_equal(ppg.target, pink.target)
    assert_array_equal(ppg.data, ppg.target.sum(axis=1) + ppg.noise)
    level = np.mean(ppg.noise**2, axis=1) / np.mean(ppg.target[:, 0] ** 2, axis=1)
    assert_allclose(10 * np.log10(level), ppg.noise_db)
    assert not np.isclose(ppg.noise, pink.noise).all(axis=1).any()
    assert f"the noise is {name}, -20 to 0 dB" in " ".join(ppg.DESCR.split())


def test_noise_may_be_absent():
    ppg = make_ppg_mixtures(4, noise=None, random_state=0, **TINY)
    assert_array_equal(ppg.noise, 0)
    assert_array_equal(ppg.data, ppg.target.sum(axis=1))
    assert ppg.keys() == FIELDS - {"noise_db"}


# ---------------------------------------------------------------- irregular breathing


def breaths_of(row):
    """Return the troughs of a baseline at 64 Hz, one a breath, and their depths."""
    troughs = find_peaks(-row, prominence=0.1 * np.ptp(row), distance=64)[0]
    return troughs, row.max() - row[troughs]


def long_breaths(**irregular):
    arguments = {"n_times": 4 * TWO_MINUTES, "windows_per_subject": 1, "noise": None}
    return make_ppg_mixtures(8, random_state=1, **arguments, **irregular)


def test_breaths_vary_as_much_as_asked_for():
    spreads = []
    for variability in (0, 0.1, 0.3):
        ppg = long_breaths(breath_variability=(variability, variability))
        found = [breaths_of(row) for row in ppg.target[:, 1]]
        lengths = [np.diff(troughs) for troughs, _ in found]
        spreads.append(
            [
                np.mean([np.std(np.log(x)) for x in values])
                for values in (lengths, [depths for _, depths in found])
            ]
        )
    assert_allclose(spreads[0], 0.05, atol=0.05)
    assert_allclose(spreads[1], 0.1, atol=0.05)
    assert_allclose(spreads[2], 0.3, atol=0.08)


def test_long_breaths_follow_long_ones():
    ppg = long_breaths(breath_variability=(0.3, 0.3))
    correlations = []
    for row in ppg.target[:, 1]:
        depths = breaths_of(row)[1]
        correlations.append(np.corrcoef(depths[1:], depths[:-1])[0, 1])
    assert_allclose(np.mean(correlations), 0.5, atol=0.2)


def test_pauses_are_level_and_sighs_deep():
    calm, paused, sighing = (
        long_breaths(),
        long_breaths(pauses=(0.3, 0.3)),
        long_breaths(sighs=(0.1, 0.1)),
    )

    def level(ppg):
        """Share of time at the end of expiration, where lungs are empty."""
        rows = ppg.target[:, 1]
        return np.mean(rows > rows.max(axis=1, keepdims=True) - 0.02, axis=1)

    assert (level(paused) > level(calm) + 0.05).all()
    for row, other in zip(sighing.target[:, 1], calm.target[:, 1], strict=True):
        depths, usual = (breaths_of(x)[1] for x in (row, other))
        assert 0 < np.mean(depths > 1.7 * np.median(depths)) < 0.3
        assert (usual < 1.3 * np.median(usual)).all()


@pytest.mark.parametrize("n_times", [2, 640, 2 * TWO_MINUTES])
def test_mean_rate_is_exact_however_irregular(n_times):
    for irregular in ({}, IRREGULAR):
        ppg = make_ppg_mixtures(6, n_times=n_times, random_state=0, **irregular)
        assert np.isfinite(ppg.data).all()
        for row, drawn in zip(ppg.target[:, 1], ppg.breaths_per_minute, strict=True):
            n_breaths = len(breaths_of(row)[0]) if n_times > 640 else None
            assert n_breaths is None or abs(n_breaths - 4 * drawn) < 5


def test_inspiration_may_be_longer():
    ppg = long_breaths(inspiration=(0.6, 0.6))
    falling = (np.diff(ppg.target[:, 1], axis=1) < 0).mean(axis=1)
    assert_allclose(falling, 0.6, atol=0.01)


def test_irregular_breathing_changes_no_other_draw():
    arguments = {"n_times": 640, "random_state": 0}
    regular = make_ppg_mixtures(6, **arguments)
    other = make_ppg_mixtures(6, **arguments, **IRREGULAR)
    changed = {"data", "target", "noise", *IRREGULAR}
    for key in FIELDS - changed:
        assert_array_equal(other[key], regular[key], err_msg=key)
    for name, (low, high) in IRREGULAR.items():
        assert_array_equal(regular[name], 0)
        assert ((other[name] >= low) & (other[name] <= high)).all()


def test_modulations_lag_the_breath_as_drawn():
    arguments = {
        "n_times": TWO_MINUTES,
        "windows_per_subject": 1,
        "random_state": 0,
        "sinus_arrhythmia": (0, 0),
        "pulse_modulation": (0.8, 0.8),
        "breaths_per_minute": (12, 12),
        "noise": None,
    }
    for lag in (-1.0, 0.0, 1.0):
        ppg = make_ppg_mixtures(4, modulation_lag=(lag, lag), **arguments)
        for heart, respiration in ppg.target:
            peaks = find_peaks(heart, distance=25, height=0.1)[0]
            heights = np.interp(np.arange(len(heart)), peaks, heart[peaks])
            lags = np.arange(-2 * 64, 2 * 64 + 1, 4)
            # both fall with inspiration
            inner = slice(3 * 64, -3 * 64)
            alike = [
                np.corrcoef(np.roll(respiration, k)[inner], heights[inner])[0, 1]
                for k in lags
            ]
            assert abs(lags[np.argmax(alike)] / 64 - lag) < 0.35


def test_irregular_rows_are_a_prefix_of_more():
    many = make_ppg_mixtures(8, random_state=0, **TINY, **IRREGULAR)
    few = make_ppg_mixtures(5, random_state=0, **TINY, **IRREGULAR)
    assert_array_equal(few.data, many.data[:5])


# ---------------------------------------------------------------- time


@pytest.mark.parametrize("irregular", [{}, IRREGULAR], ids=["regular", "irregular"])
def test_signals_do_not_depend_on_the_sampling_frequency(irregular):
    slow, fast = (
        make_ppg_mixtures(8, n_times=8 * f, sfreq=f, random_state=0, **irregular)
        for f in (64, 256)
    )
    assert_allclose(fast.target[..., ::4], slow.target, atol=0.01)


@pytest.mark.parametrize("irregular", [{}, IRREGULAR], ids=["regular", "irregular"])
def test_nothing_jumps(irregular):
    # The largest step of a continuous curve shrinks with the sampling interval.
    steps = []
    for sfreq in (4096, 16384):  # where steps are less than 0.001 and jumps stand out
        ppg = make_ppg_mixtures(
            16,
            n_times=2 * sfreq,
            sfreq=sfreq,
            windows_per_subject=1,
            random_state=0,
            **irregular,
        )
        steps.append(np.abs(np.diff(ppg.target)).max(axis=-1))
    assert_allclose(steps[1], steps[0] / 4, rtol=0.03)


# ---------------------------------------------------------------- seeds


def test_same_seed_same_bits_other_seed_other_bits():
    one, two, other = (
        make_ppg_mixtures(5, random_state=seed, **TINY) for seed in (3, 3, 4)
    )
    assert_same(one, two)
    assert not np.isclose(one.data, other.data).all(axis=1).any()
    rng = np.random.RandomState(3)
    assert_same(one, make_ppg_mixtures(5, random_state=rng, **TINY))
    again = make_ppg_mixtures(5, random_state=rng, **TINY)
    assert not np.array_equal(one.data, again.data)  # the instance has moved on


@pytest.mark.parametrize("n_samples", [1, 3, 4, 7])
def test_fewer_rows_are_a_prefix(n_samples):
    many = make_ppg_mixtures(8, random_state=0, **TINY)
    few = make_ppg_mixtures(n_samples, random_state=0, **TINY)
    for key in FIELDS - {"component_names", "sfreq", "DESCR"}:
        assert_array_equal(few[key], many[key][:n_samples], err_msg=key)


@pytest.mark.usefixtures("generators_stand_still")
def test_global_generators_are_left_as_they_were():
    make_ppg_mixtures(4, random_state=0, **TINY)


def test_random_state_none_follows_the_global_seed():
    state = np.random.get_state()
    try:
        np.random.seed(1)
        one, two = make_ppg_mixtures(2, **TINY), make_ppg_mixtures(2, **TINY)
        np.random.seed(1)
        assert_same(one, make_ppg_mixtures(2, **TINY))
    finally:
        np.random.set_state(state)
    assert not np.array_equal(one.data, two.data)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "name, value",
    [
        ("n_samples", 0),
        ("n_samples", 2.0),
        ("n_times", 0),
        ("sfreq", 0),
        ("sfreq", "64"),
        ("windows_per_subject", 0),
        ("heart_bpm", 70),
        ("breaths_per_minute", None),
        ("respiration_ratio", 0.2),
        ("noise", 3),
        ("noise_db", -20),
        ("random_state", "seed"),
    ],
)
def test_bad_arguments_are_named(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of make_ppg_mixtures"):
        make_ppg_mixtures(**{name: value})


@pytest.mark.parametrize("name", ["heart_bpm", "breaths_per_minute"])
@pytest.mark.parametrize(
    "value",
    [(), (60,), (60, 70, 80), (80, 60), (0, 60), (60, np.inf), (np.nan, 60), ["a", 1]],
)
def test_bad_ranges_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name} must be two positive numbers"):
        make_ppg_mixtures(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("respiration_ratio", (0, 1), "respiration_ratio must be two positive"),
        ("sinus_arrhythmia", (0, 0.6), "sinus_arrhythmia .* from 0 to 0.5"),
        ("pulse_modulation", (-0.1, 0), "pulse_modulation .* from 0 to 1"),
        ("inspiration", (0, 0.4), "inspiration .* from 0.1 to 0.9"),
        ("breath_variability", (0, 2), "breath_variability .* from 0 to 1"),
        ("pauses", (-1, 0), "pauses .* from 0 to 1"),
        ("sighs", (0.2, 0.1), "sighs .* from 0 to 1"),
        ("modulation_lag", (0, np.inf), "modulation_lag must be two finite numbers"),
        ("noise_db", (0, -10), "noise_db must be two finite numbers, the lower"),
        ("noise_db", (-np.inf, 0), "noise_db must be two finite numbers"),
        ("noise", "brown", "noise must be among .* got 'brown'"),
        ("noise", "mains", "noise='mains' needs .* 122 Hz at least, got sfreq=64"),
    ],
)
def test_bad_depths_and_noise_are_named(name, value, match):
    with pytest.raises(ValueError, match=match):
        make_ppg_mixtures(2, **{name: value})


@pytest.mark.parametrize("value", [True, np.True_])
@pytest.mark.parametrize(
    "name", ["n_samples", "n_times", "sfreq", "windows_per_subject"]
)
def test_booleans_are_no_numbers(name, value):
    with pytest.raises(ValueError, match=f"{name}"):
        make_ppg_mixtures(**{name: value})


@pytest.mark.parametrize("value", [10**12, 10**400])
@pytest.mark.parametrize("name", ["n_samples", "n_times", "windows_per_subject"])
def test_sizes_beyond_the_memory_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name}={value}.* GiB of memory"):
        make_ppg_mixtures(**{"n_samples": 2, name: value})


@pytest.mark.parametrize(
    "arguments",
    [{"heart_bpm": (60, 1e300)}, {"breaths_per_minute": (1, 3841)}, {"sfreq": 1e-300}],
)
def test_more_than_one_period_per_time_point_is_refused(arguments):
    with pytest.raises(ValueError, match="must be at most 60 . sfreq"):
        make_ppg_mixtures(2, **arguments)


# ---------------------------------------------------------------- recordings


@pytest.fixture(scope="module")
def recorded(data_folder):
    """PLETH signals of the BIDMC subjects, at 125 Hz."""
    if not list(data_folder.glob("bidmc/*_Signals.csv")):
        pytest.skip(f"no BIDMC recordings in {data_folder / 'bidmc'}")
    return [x for (x,) in load_bidmc(data_folder, channels=["PLETH"]).data]


def mean_beat(x, sfreq):
    """Median beat on 100 points, between steepest rises, of mean 0 and norm 1."""
    band = butter(2, [0.5, 8], "bandpass", fs=sfreq, output="sos")
    x = sosfiltfilt(band, x - x.mean())
    slope = np.diff(x)
    least = 0.5 * np.quantile(slope, 0.99)
    rises, _ = find_peaks(slope, height=least, distance=int(0.4 * sfreq))
    pairs = zip(rises[:-1], rises[1:], strict=True)
    points = [np.linspace(*pair, 100, endpoint=False) for pair in pairs]
    beat = np.median(np.interp(points, np.arange(len(x)), x), axis=0)
    beat -= beat.mean()
    return beat / np.linalg.norm(beat)


def likeness(one, other):
    """Largest correlation of two beats over their shifts in time."""
    return max(one @ np.roll(other, shift) for shift in range(100))


@pytest.fixture(scope="module")
def beats(recorded, long):
    """Mean beats of recorded patients, and of generated subjects."""
    return (
        np.array([mean_beat(x, 125) for x in recorded]),
        np.array([mean_beat(x, 64) for x in long.data]),
    )


def test_beats_are_like_recorded_ones(beats):
    recorded, generated = beats
    mean = generated.mean(axis=0) / np.linalg.norm(generated.mean(axis=0))
    for beat in recorded:
        assert likeness(beat, mean) > 0.9
        assert max(likeness(beat, other) for other in generated) > 0.95
        assert likeness(beat, mean) > likeness(beat, mean[::-1]) + 0.03  # time's arrow


def test_harmonics_fall_as_among_recorded_ones(beats):
    recorded, generated = (np.abs(np.fft.rfft(x)) for x in beats)
    for k in (2, 3, 4):
        theirs, ours = (x[:, k] / x[:, 1] for x in (recorded, generated))
        assert theirs.min() < np.median(ours) < theirs.max()
