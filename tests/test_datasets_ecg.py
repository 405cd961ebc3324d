"""Generated ECG mixtures: what they hold, and signalz's traps."""

import math
import sys

import numpy as np
import pytest
import signalz
from joblib import parallel_config
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import find_peaks

from sklearn_cass.datasets import make_ecg_mixtures
from sklearn_cass.datasets._groups import seed_sequence
from sklearn_cass.datasets._traces import make_traces, open_cache

TINY = {"n_times": 16, "sfreq": 128, "windows_per_trace": 3}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("traces")


@pytest.fixture(scope="module")
def ecg(cache):
    return make_ecg_mixtures(6, windows_per_trace=3, random_state=0, cache=cache)


@pytest.fixture
def fake_ecgsyn(monkeypatch):
    """Stand in for ecgsyn: white noise of its length, at once; calls are kept."""

    class Fake:
        def __init__(self):
            self.calls, self.traces, self.errors = [], [], []

        def __call__(self, *, sfecg, n, hrmean, sfint, **others):
            self.calls.append((sfecg, n, hrmean, sfint))
            noise = np.random.standard_normal(2**16)  # it draws before it fails
            if self.errors:
                raise self.errors.pop(0)
            seconds = 2 ** math.ceil(math.log2(n * 60 / hrmean))
            self.traces.append(noise[: seconds * sfecg - 1])
            return self.traces[-1], None

    fake = Fake()
    monkeypatch.setattr(signalz, "ecgsyn", fake)
    return fake


def assert_same(one, other):
    assert one.keys() == other.keys()
    for key in one:
        assert_array_equal(one[key], other[key], err_msg=key)


def assert_state_equal(state, other):
    for one, two in zip(state, other, strict=True):
        assert_array_equal(one, two)


def heart_rate(x, sfreq):
    """Beats per minute from the R waves."""
    peaks, _ = find_peaks(x, height=0.7 * x.max(), distance=sfreq // 4)
    return 60 * sfreq / np.diff(peaks).mean()


# ---------------------------------------------------------------- what is returned


def test_mixture_is_exactly_its_parts(ecg):
    assert ecg.data.shape == ecg.noise.shape == (6, 1024)
    assert ecg.target.shape == (6, 2, 1024)
    assert ecg.data.dtype == ecg.target.dtype == np.float64
    assert_array_equal(ecg.data, ecg.target.sum(axis=1) + ecg.noise)
    assert ecg.component_names == ["maternal", "fetal"]
    assert ecg.sfreq == 256
    assert "ECGSYN" in ecg.DESCR


def test_defaults_draw_what_the_papers_model_needs_and_no_more(ecg, cache):
    # The draws of the second pair, in their order; anything else moves the bits.
    rng = np.random.default_rng(seed_sequence(0).spawn(2)[1])
    specs = [
        (float(rng.uniform(*bpm)), int(rng.integers(2**32)))
        for bpm in ((80, 90), (120, 160))
    ]
    traces = make_traces(specs, 32, 256, open_cache(cache), None)
    starts = rng.integers(len(traces[0]) - 1023, size=(2, 3))
    ratio = rng.uniform(2, 10, size=3)
    frequency, amplitude = rng.uniform(0.2, 0.6, size=3), rng.uniform(0.05, 0.3, size=3)
    phase = rng.uniform(0, 2 * np.pi, size=3)
    times = np.arange(1024) / 256
    angle = 2 * np.pi * frequency[:, None] * times + phase[:, None]
    for k in range(3):
        maternal, fetal = (
            trace[start : start + 1024]
            for trace, start in zip(traces, starts[:, k], strict=True)
        )
        assert_array_equal(ecg.target[3 + k], [maternal, fetal / ratio[k]])
        assert_array_equal(ecg.noise[3 + k], amplitude[k] * np.sin(angle[k]))
    assert set(ecg) == {
        *("data", "target", "component_names", "sfreq", "groups", "DESCR", "noise"),
        *("maternal_bpm", "fetal_bpm", "magnitude_ratio"),
        *("noise_frequency", "noise_amplitude"),
    }


def test_groups_number_the_pairs(ecg):
    assert_array_equal(ecg.groups, [0, 0, 0, 1, 1, 1])


def test_heart_rates_are_those_drawn(ecg):
    for row, drawn in zip(ecg.target[:, 0], ecg.maternal_bpm, strict=True):
        assert 80 <= drawn <= 90
        assert abs(heart_rate(row, 256) - drawn) < 4
    for row, drawn in zip(ecg.target[:, 1], ecg.fetal_bpm, strict=True):
        assert 120 <= drawn <= 160
        assert abs(heart_rate(row, 256) - drawn) < 4


def test_trace_beats_at_its_rate_with_either_integrator(monkeypatch):
    # signalz's own step makes time pass at 2/3 of its speed, a correct one does not.
    def runge_kutta(f, x, t, dt, *args):
        k1 = f(t, x, *args)
        k2 = f(t + dt / 2, x + dt / 2 * k1, *args)
        k3 = f(t + dt / 2, x + dt / 2 * k2, *args)
        k4 = f(t + dt, x + dt * k3, *args)
        return x + dt * (k1 + 2 * k2 + 2 * k3 + k4) / 6

    memory = open_cache(False)
    (trace,) = make_traces([(140.0, 1)], 16, 256, memory, None)
    monkeypatch.setattr(signalz.misc, "ode45_step", runge_kutta)
    (correct,) = make_traces([(140.0, 1)], 16, 256, memory, None)
    for x in (trace, correct):
        assert abs(heart_rate(x, 256) - 140) < 2
    # And the waves have the same shape: compare one beat around its R wave.
    beats = [x[206 + x[256:1280].argmax() :][:100] for x in (trace, correct)]
    assert np.corrcoef(*beats)[0, 1] > 0.99


def test_magnitudes_are_those_drawn(ecg):
    ratio = ecg.magnitude_ratio
    assert ((ratio >= 2) & (ratio <= 10)).all()
    maternal, fetal = np.moveaxis(ecg.target, 1, 0)
    for x in (maternal, fetal * ratio[:, None]):  # both in the range of ecgsyn, in mV
        assert x.min() >= -0.4 - 1e-9
        assert x.max() <= 1.2 + 1e-9
        assert np.ptp(x, axis=1).min() > 1.2


def test_noise_is_the_sinusoid_drawn(ecg):
    times = np.arange(1024) / 256
    frequency, amplitude = ecg.noise_frequency, ecg.noise_amplitude
    assert ((frequency >= 0.2) & (frequency <= 0.6)).all()
    assert ((amplitude >= 0.05) & (amplitude <= 0.3)).all()
    for noise, f, a in zip(ecg.noise, frequency, amplitude, strict=True):
        angle = 2 * np.pi * f * times
        basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        coefficients = np.linalg.lstsq(basis, noise, rcond=None)[0]
        assert_allclose(basis @ coefficients, noise, atol=1e-12)
        assert_allclose(np.hypot(*coefficients), a)


def test_no_trace_serves_two_groups(fake_ecgsyn):
    # The traces are noise, so a window of 16 samples has one place in one trace.
    ecg = make_ecg_mixtures(8, random_state=0, cache=False, **TINY)
    assert len(fake_ecgsyn.traces) == 2 * 3

    def standardize(x):
        x = x - x.mean(axis=-1, keepdims=True)
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    windows = [standardize(sliding_window_view(x, 16)) for x in fake_ecgsyn.traces]
    owner, places = {}, []
    for row, group in zip(ecg.target, ecg.groups, strict=True):
        for component in standardize(row):
            found = np.argwhere([w @ component > 1 - 1e-9 for w in windows])
            assert len(found) == 1
            trace, place = found[0]
            assert owner.setdefault(trace, group) == group
            places.append(place)
    assert len(owner) == 6
    assert len(set(places)) == 16  # also the two of a row are drawn independently


def test_draws_fill_their_ranges(fake_ecgsyn):
    ecg = make_ecg_mixtures(
        300, n_times=1, windows_per_trace=2, random_state=0, cache=False
    )
    for name, low, high in [
        ("maternal_bpm", 80, 90),
        ("fetal_bpm", 120, 160),
        ("magnitude_ratio", 2, 10),
        ("noise_frequency", 0.2, 0.6),
        ("noise_amplitude", 0.05, 0.3),
    ]:
        drawn = (np.sort(ecg[name]) - low) / (high - low)
        assert drawn[0] >= 0
        assert drawn[-1] <= 1
        assert_allclose(drawn, np.linspace(0, 1, 300), atol=0.12)  # uniform


def test_rates_and_ratio_are_drawn_from_the_ranges_given(cache):
    ecg = make_ecg_mixtures(
        4,
        windows_per_trace=2,
        maternal_bpm=(45, 50),
        fetal_bpm=(190, 200),
        magnitude_ratio=(0.5, 0.6),
        random_state=0,
        cache=cache,
    )
    for k, (name, low, high) in enumerate(
        [("maternal_bpm", 45, 50), ("fetal_bpm", 190, 200)]
    ):
        for row, drawn in zip(ecg.target[:, k], ecg[name], strict=True):
            assert low <= drawn <= high
            assert abs(heart_rate(row, 256) - drawn) < 0.05 * drawn
    ratio = np.ptp(ecg.target[:, 0], axis=1) / np.ptp(ecg.target[:, 1], axis=1)
    assert_allclose(ratio, ecg.magnitude_ratio, rtol=0.2)  # within a trace beats differ
    assert ((ecg.magnitude_ratio >= 0.5) & (ecg.magnitude_ratio <= 0.6)).all()
    assert "45-50 and 190-200 beats per minute" in " ".join(ecg.DESCR.split())


# ---------------------------------------------------------------- signs and noise


def test_polarity_is_a_random_sign_of_each_component(fake_ecgsyn):
    arguments = {**TINY, "random_state": 0, "cache": False}
    fixed = make_ecg_mixtures(300, **arguments)
    ecg = make_ecg_mixtures(300, polarity="random", **arguments)
    assert_array_equal(ecg.target, fixed.target * ecg.polarity[..., None])
    assert_array_equal(ecg.noise, fixed.noise)
    assert_array_equal(ecg.data, ecg.target.sum(axis=1) + ecg.noise)
    maternal, fetal = ecg.polarity.T
    for signs in (maternal, fetal, maternal * fetal):
        assert set(signs) == {-1, 1}
        assert abs(signs.mean()) < 0.2


@pytest.mark.parametrize("others", [["white"], ["pink"], ["muscle", "wander", "mains"]])
def test_noise_has_the_level_drawn(fake_ecgsyn, others):
    arguments = {"n_times": 128, "random_state": 0, "cache": False}
    plain = make_ecg_mixtures(20, **arguments)
    ecg = make_ecg_mixtures(20, noise=others, noise_db=(-12, -3), **arguments)
    assert_array_equal(ecg.target, plain.target)
    assert_array_equal(ecg.data, ecg.target.sum(axis=1) + ecg.noise)
    level = np.mean(ecg.noise**2, axis=1) / np.mean(ecg.target[:, 0] ** 2, axis=1)
    assert_allclose(10 * np.log10(level), ecg.noise_db)
    assert ((ecg.noise_db >= -12) & (ecg.noise_db <= -3)).all()
    assert np.ptp(ecg.noise_db) > 5
    assert "noise_amplitude" not in ecg
    both = [*others, "respiration"]
    ecg = make_ecg_mixtures(20, noise=both, noise_db=(-12, -3), **arguments)
    assert_array_equal(ecg.noise_frequency, plain.noise_frequency)
    added = np.mean((ecg.noise - plain.noise) ** 2, axis=1)
    assert_allclose(added, level * np.mean(ecg.target[:, 0] ** 2, axis=1))


def test_noise_may_be_rows_of_ones_own_or_absent(fake_ecgsyn):
    arguments = {**TINY, "random_state": 0, "cache": False}
    recorded = np.arange(20.0) + 1
    ecg = make_ecg_mixtures(4, noise=[recorded], **arguments)
    assert_allclose(np.diff(ecg.noise, 2), 0, atol=1e-12)  # parts of a straight line
    assert (np.diff(ecg.noise) > 0).all()
    ecg = make_ecg_mixtures(4, noise=None, **arguments)
    assert_array_equal(ecg.noise, 0)
    assert "noise_db" not in ecg


# ---------------------------------------------------------------- seeds


def test_same_seed_same_bits_other_seed_other_bits(fake_ecgsyn):
    one, two, other = (
        make_ecg_mixtures(5, random_state=seed, cache=False, **TINY)
        for seed in (3, 3, 4)
    )
    assert_same(one, two)
    assert not np.isclose(one.data, other.data).any(axis=1).all()
    rng = np.random.RandomState(3)
    assert_same(one, make_ecg_mixtures(5, random_state=rng, cache=False, **TINY))
    again = make_ecg_mixtures(5, random_state=rng, cache=False, **TINY)
    assert not np.array_equal(one.data, again.data)  # the instance has moved on


@pytest.mark.parametrize("n_samples", [1, 3, 4, 7])
def test_fewer_rows_are_a_prefix(fake_ecgsyn, n_samples):
    many = make_ecg_mixtures(8, random_state=0, cache=False, **TINY)
    few = make_ecg_mixtures(n_samples, random_state=0, cache=False, **TINY)
    for key in ("data", "target", "groups", "noise", "maternal_bpm", "magnitude_ratio"):
        assert_array_equal(few[key], many[key][:n_samples])


@pytest.mark.parametrize("errors", [[], [IndexError()], [IndexError(), ValueError()]])
def test_global_generator_is_left_as_it_was(fake_ecgsyn, errors):
    fake_ecgsyn.errors = list(errors)
    np.random.standard_normal()  # a second normal number now waits in the state
    before = np.random.get_state()
    make_ecg_mixtures(2, random_state=0, cache=False, **TINY)
    assert len(fake_ecgsyn.calls) == 2 + len(errors)
    assert_state_equal(before, np.random.get_state())


def test_global_generator_is_left_as_it_was_by_an_interrupt(fake_ecgsyn):
    fake_ecgsyn.errors = [KeyboardInterrupt()]
    before = np.random.get_state()
    with pytest.raises(KeyboardInterrupt):
        make_ecg_mixtures(2, random_state=0, cache=False, **TINY)
    assert_state_equal(before, np.random.get_state())


def test_global_generator_does_not_steer(fake_ecgsyn):
    np.random.seed(1)
    one = make_ecg_mixtures(2, random_state=0, cache=False, **TINY)
    np.random.seed(2)
    assert_same(one, make_ecg_mixtures(2, random_state=0, cache=False, **TINY))


def test_random_state_none_follows_the_global_seed(fake_ecgsyn, tmp_path):
    np.random.seed(1)
    one = make_ecg_mixtures(2, cache=tmp_path, **TINY)
    two = make_ecg_mixtures(2, cache=tmp_path, **TINY)
    np.random.seed(1)
    assert_same(one, make_ecg_mixtures(2, cache=tmp_path, **TINY))
    assert not np.array_equal(one.data, two.data)
    assert not list(tmp_path.iterdir())  # what nobody asks for again is not kept


# ---------------------------------------------------------------- signalz's traps


def test_failed_draw_is_replaced_deterministically(fake_ecgsyn):
    smooth = make_ecg_mixtures(2, random_state=0, cache=False, **TINY)
    results = []
    for _ in range(2):
        fake_ecgsyn.errors = [IndexError("index 16384 is out of bounds")]
        results.append(make_ecg_mixtures(2, random_state=0, cache=False, **TINY))
    assert_same(*results)
    assert not np.array_equal(smooth.target[:, 0], results[0].target[:, 0])
    assert_array_equal(smooth.target[:, 1], results[0].target[:, 1])  # no other trace


def test_endless_failure_ends(fake_ecgsyn):
    fake_ecgsyn.errors = [IndexError("index 16384 is out of bounds")] * 1000
    before = np.random.get_state()
    with pytest.raises(RuntimeError, match="failed 20 times"):
        make_ecg_mixtures(2, random_state=0, cache=False, **TINY)
    assert_state_equal(before, np.random.get_state())


@pytest.mark.parametrize("sfreq", [250, 256, 300, 360, 500, 77, 1, 1000])
def test_any_integer_rate(cache, monkeypatch, sfreq):
    real, calls = signalz.ecgsyn, []
    monkeypatch.setattr(signalz, "ecgsyn", lambda **k: calls.append(k) or real(**k))
    n_times = max(1, sfreq // 4)
    ecg = make_ecg_mixtures(
        2, n_times=n_times, sfreq=sfreq, random_state=0, cache=cache
    )
    assert ecg.data.shape == (2, n_times)
    assert np.isfinite(ecg.data).all()
    assert all(call["sfint"] % call["sfecg"] == 0 for call in calls)


def test_the_trace_is_the_same_at_every_rate(cache):
    memory = open_cache(cache)
    slow, fast = (
        make_traces([(85.0, 1)], 16, sfreq, memory, None)[0] for sfreq in (256, 1024)
    )
    assert len(slow) == 8 * 256
    assert_allclose(fast[::4], slow, atol=0.02)


def test_trace_has_settled(cache):
    # At fetal rates ecgsyn's first beat is deeper than any other.
    (trace,) = make_traces([(160.0, 1)], 16, 256, open_cache(cache), None)
    minima = trace.reshape(-1, 256).min(axis=1)
    assert_allclose(minima, -0.4, atol=0.2)
    assert (trace.min(), trace.max()) == pytest.approx((-0.4, 1.2))


@pytest.mark.parametrize("n_times, seconds", [(1, 16), (1024, 32), (5000, 256)])
def test_traces_are_long_enough(fake_ecgsyn, n_times, seconds):
    ecg = make_ecg_mixtures(2, n_times=n_times, random_state=0, cache=False)
    assert ecg.data.shape == (2, n_times)
    assert not np.array_equal(ecg.target[0], ecg.target[1])
    assert len(fake_ecgsyn.traces[0]) == seconds * 128 - 1


# ---------------------------------------------------------------- cache and workers


def test_cached_traces_are_not_generated_again(fake_ecgsyn, tmp_path):
    one = make_ecg_mixtures(4, random_state=0, cache=tmp_path, **TINY)
    assert len(fake_ecgsyn.calls) == 4
    two = make_ecg_mixtures(4, random_state=0, cache=str(tmp_path), **TINY)
    other_rate = {**TINY, "sfreq": 100}
    make_ecg_mixtures(4, random_state=0, cache=tmp_path, **other_rate)
    assert len(fake_ecgsyn.calls) == 4
    assert_same(one, two)
    make_ecg_mixtures(7, random_state=0, cache=tmp_path, **TINY)
    assert len(fake_ecgsyn.calls) == 6  # one more pair


def test_cache_false_keeps_nothing(fake_ecgsyn, tmp_path, monkeypatch):
    monkeypatch.setenv("SKLEARN_CASS_CACHE", str(tmp_path))
    for _ in range(2):
        make_ecg_mixtures(2, random_state=0, cache=False, **TINY)
    assert len(fake_ecgsyn.calls) == 4
    assert not list(tmp_path.iterdir())


def test_default_cache_folder(fake_ecgsyn, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("SKLEARN_CASS_CACHE", raising=False)
    make_ecg_mixtures(2, random_state=0, **TINY)
    assert list((tmp_path / "xdg" / "sklearn_cass").rglob("output.pkl"))
    monkeypatch.setenv("SKLEARN_CASS_CACHE", str(tmp_path / "own"))
    make_ecg_mixtures(2, random_state=0, **TINY)
    assert list((tmp_path / "own").rglob("output.pkl"))


def test_unusable_cache_is_not_fatal(fake_ecgsyn, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.warns(UserWarning, match="cache: .* cannot be used") as record:
        ecg = make_ecg_mixtures(
            2, random_state=0, cache=tmp_path / "file" / "traces", **TINY
        )
    assert len(record) == 1
    assert record[0].filename == __file__
    assert_same(ecg, make_ecg_mixtures(2, random_state=0, cache=False, **TINY))


def test_damaged_cache_entry_is_generated_again(fake_ecgsyn, tmp_path, caplog):
    one = make_ecg_mixtures(2, random_state=0, cache=tmp_path, **TINY)
    for entry in tmp_path.rglob("output.pkl"):
        entry.write_bytes(entry.read_bytes()[:100])
    two = make_ecg_mixtures(2, random_state=0, cache=tmp_path, **TINY)
    assert len(fake_ecgsyn.calls) == 4
    assert "Exception while loading results" in caplog.text
    assert_same(one, two)


def test_threads_do_not_disturb_each_other(fake_ecgsyn):
    one = make_ecg_mixtures(24, random_state=0, cache=False, **TINY)
    before = np.random.get_state()
    with parallel_config(backend="threading", n_jobs=4):
        two = make_ecg_mixtures(24, random_state=0, cache=False, **TINY)
    assert_same(one, two)
    assert_state_equal(before, np.random.get_state())


def test_workers_change_nothing(tmp_path):
    one = make_ecg_mixtures(2, random_state=0, cache=False, **TINY)
    assert_same(
        one, make_ecg_mixtures(2, random_state=0, cache=tmp_path, n_jobs=2, **TINY)
    )


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "name, value",
    [
        ("n_samples", 0),
        ("n_samples", 2.0),
        ("n_times", 0),
        ("sfreq", 0),
        ("sfreq", -256),
        ("sfreq", 256.5),
        ("sfreq", "256"),
        ("sfreq", 10**9),
        ("windows_per_trace", 0),
        ("maternal_bpm", 80),
        ("magnitude_ratio", 3),
        ("polarity", "upside down"),
        ("leads", "II"),
        ("n_channels", 0),
        ("noise", 1),
        ("noise_db", -20),
        ("random_state", "seed"),
        ("cache", True),
        ("n_jobs", 1.5),
    ],
)
def test_bad_arguments_are_named(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of make_ecg_mixtures"):
        make_ecg_mixtures(**{name: value})


@pytest.mark.parametrize("value", [True, np.True_])
@pytest.mark.parametrize(
    "name",
    ["n_samples", "n_times", "sfreq", "windows_per_trace", "n_channels", "n_jobs"],
)
def test_booleans_are_no_numbers(name, value):
    with pytest.raises(ValueError, match=f"{name}"):
        make_ecg_mixtures(**{**TINY, "n_samples": 2, name: value}, cache=False)


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("maternal_bpm", (90, 80), "maternal_bpm must be .* from 30 to 240, the lower"),
        ("fetal_bpm", (120, 241), "fetal_bpm must be two finite numbers from 30 to"),
        ("fetal_bpm", (np.nan, 140), "fetal_bpm must be two finite numbers"),
        ("magnitude_ratio", (0, 2), "magnitude_ratio must be two positive numbers"),
        ("noise", ["respiration", "hum"], "noise must be among .* got 'hum'"),
        ("noise", ["respiration"] * 2, "noise holds a kind twice"),
        ("noise", np.ones((3, 9)), "noise holds rows of 9 time points, fewer than"),
        ("noise_db", (-10, np.inf), "noise_db must be two finite numbers, the lower"),
    ],
)
def test_bad_ranges_and_noise_are_named(name, value, match):
    with pytest.raises(ValueError, match=match):
        make_ecg_mixtures(2, **{**TINY, name: value}, cache=False)


@pytest.mark.parametrize("value", [10**12, 10**400])
@pytest.mark.parametrize(
    "name", ["n_samples", "n_times", "windows_per_trace", "n_channels"]
)
def test_sizes_beyond_the_memory_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name}={value}.* GiB of memory"):
        make_ecg_mixtures(**{**TINY, "n_samples": 2, name: value}, cache=False)


def test_a_missing_signalz_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "signalz", None)
    with pytest.raises(ImportError, match="pip install --no-binary signalz signalz"):
        make_ecg_mixtures(n_samples=2, cache=False, random_state=0)
