"""ECG mixtures of the dipole model: channels that agree, rates, magnitudes."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import find_peaks

from sklearn_cass.datasets import make_ecg_mixtures

ARRAYS = (
    *("data", "target", "noise", "groups", "leads", "magnitude_ratio"),
    *("maternal_bpm", "fetal_bpm"),
)
RATES = {"maternal_bpm": (60, 110), "fetal_bpm": (110, 180)}


@pytest.fixture(scope="module")
def ecg():
    """Six channels of four pairs, two rows of 20 s each."""
    return make_ecg_mixtures(
        8,
        n_channels=6,
        n_times=20 * 500,
        sfreq=500,
        windows_per_trace=2,
        noise=["respiration", "muscle", "pink"],
        random_state=0,
        **RATES,
    )


def magnitudes(x):
    """Return the mean peak-to-peak magnitude over the channels."""
    return np.ptp(x, axis=-1).mean(axis=-1)


def mean_beat(row, beats, sfreq=256):
    """Return the mean of a row around its R waves, of norm 1."""
    places = np.rint(beats * sfreq).astype(int)
    places = places[(places > 20) & (places < len(row) - 80)]
    beat = np.mean([row[p - 20 : p + 80] for p in places], axis=0)
    return beat / np.linalg.norm(beat)


# ---------------------------------------------------------------- what is returned


def test_mixture_is_exactly_its_parts(ecg):
    assert ecg.data.shape == ecg.noise.shape == (8, 6, 10_000)
    assert ecg.target.shape == (8, 2, 6, 10_000)
    assert_array_equal(ecg.data, ecg.target.sum(axis=1) + ecg.noise)
    assert_array_equal(ecg.groups, np.repeat(range(4), 2))
    assert "dipole" in make_ecg_mixtures.__doc__
    assert "heart vectors" in " ".join(ecg.DESCR.split())


@pytest.mark.parametrize("n_channels", [None, 1, 2, 9])
@pytest.mark.parametrize("n_times", [1, 2, 257])
@pytest.mark.parametrize("sfreq", [1, 77, 256])
def test_any_size(n_channels, n_times, sfreq):
    arguments = {"n_times": n_times, "sfreq": sfreq, "random_state": 0}
    ecg = make_ecg_mixtures(3, leads="random", n_channels=n_channels, **arguments)
    channels = () if n_channels is None else (n_channels,)
    assert ecg.data.shape == ecg.noise.shape == (3, *channels, n_times)
    assert ecg.target.shape == (3, 2, *channels, n_times)
    assert ecg.leads.shape == (3, 2, *channels, 3)
    assert np.isfinite(ecg.data).all()


def test_one_channel_is_that_of_one_electrode():
    flat = make_ecg_mixtures(3, leads="random", random_state=0)
    deep = make_ecg_mixtures(3, n_channels=1, random_state=0)
    assert_array_equal(flat.target, deep.target[:, :, 0])


def test_signalz_is_not_needed(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "signalz", None)
    make_ecg_mixtures(2, n_channels=2, random_state=0, cache=tmp_path)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- channels


def test_channels_of_a_component_are_of_rank_3(ecg):
    values = np.linalg.svd(ecg.target, compute_uv=False)
    assert values.shape == (8, 2, 6)
    assert (values[..., 3:] < 1e-12 * values[..., :1]).all()
    assert (values[..., 2] > 1e-3 * values[..., 0]).all()


def test_leads_span_the_channels_and_belong_to_the_group(ecg):
    for k in range(8):
        for leads, x in zip(ecg.leads[k], ecg.target[k], strict=True):
            vector = np.linalg.lstsq(leads, x, rcond=None)[0]
            assert_allclose(leads @ vector, x, atol=1e-10)
    first, second = ecg.leads[::2], ecg.leads[1::2]
    ratio = first / second
    assert_allclose(ratio, np.broadcast_to(ratio[..., :1, :1], ratio.shape))
    others = ecg.leads[[0, 2, 4, 6]].reshape(4, 2, -1)
    others = others / np.linalg.norm(others, axis=-1, keepdims=True)
    for k in range(2):
        correlations = others[:, k] @ others[:, k].T
        assert np.abs(correlations[np.triu_indices(4, 1)]).max() < 0.9999


def test_hearts_are_seen_from_different_sides(ecg):
    # else one matrix would describe both components
    both = np.concatenate([ecg.leads[:, 0], ecg.leads[:, 1]], axis=2)
    values = np.linalg.svd(both / np.linalg.norm(both, axis=1, keepdims=True))[1]
    assert (values[:, 5] > 1e-4).all()


def test_upper_electrodes_see_more_of_the_mother():
    # the fetus lies among the electrodes, and sees no order of them
    ecg = make_ecg_mixtures(
        100, n_channels=4, n_times=64, windows_per_trace=1, random_state=0
    )
    size = np.linalg.norm(ecg.leads, axis=3)  # (n_samples, 2, n_channels)
    top_to_bottom = np.median(size[:, :, 0] / size[:, :, 2], axis=0)
    assert top_to_bottom[0] > 2 > top_to_bottom[1] > 0.5


def test_beats_differ_between_groups_and_not_within():
    ecg = make_ecg_mixtures(
        12, leads="random", n_times=4096, windows_per_trace=2, random_state=0
    )
    for k, name in enumerate(["maternal_beats", "fetal_beats"]):
        shapes = np.array(
            [mean_beat(*row) for row in zip(ecg.target[:, k], ecg[name], strict=True)]
        )
        likeness = shapes @ shapes.T
        assert np.diag(likeness, 1)[::2].min() > 0.97
        assert np.median(likeness[np.triu_indices(12, 2)]) < 0.95


# ---------------------------------------------------------------- rates


def test_rates_are_those_drawn(ecg):
    for name in ("maternal", "fetal"):
        rates, (low, high) = ecg[f"{name}_bpm"], RATES[f"{name}_bpm"]
        assert ((rates >= low) & (rates <= high)).all()
        assert len(set(rates)) == 8
        pairs = rates.reshape(4, 2)
        assert (np.ptp(pairs, axis=1) <= 0.1 * high).all()
        for beats, rate in zip(ecg[f"{name}_beats"], rates, strict=True):
            assert abs(len(beats) - 20 * rate / 60) <= 1
            intervals = np.diff(beats)
            assert abs(60 / intervals.mean() - rate) < 0.02 * rate
            assert np.abs(60 / intervals / rate - 1).max() < 0.13


def test_r_waves_are_at_the_beats(ecg):
    for k, name in enumerate(["maternal_beats", "fetal_beats"]):
        for x, beats in zip(ecg.target[:, k], ecg[name], strict=True):
            activity = np.linalg.norm(np.diff(x), axis=0)
            height = 0.4 * activity.max()
            distance = int(0.6 * 500 * np.diff(beats).min())
            found = find_peaks(activity, height=height, distance=distance)[0] / 500
            inner = beats[(beats > 0.1) & (beats < 19.9)]
            nearest = np.abs(found[:, None] - inner).min(axis=0)
            assert nearest.max() < 0.05
            assert abs(len(found) - len(beats)) <= 1


def test_autocorrelation_has_the_rate():
    ecg = make_ecg_mixtures(
        6, leads="random", n_times=30 * 256, windows_per_trace=1, random_state=1
    )
    for k, name in enumerate(["maternal_bpm", "fetal_bpm"]):
        for x, rate in zip(ecg.target[:, k], ecg[name], strict=True):
            spectrum = np.abs(np.fft.rfft(x - x.mean(), 2 * x.size)) ** 2
            correlation = np.fft.irfft(spectrum)[: 256 * 2]
            lag = 80 + correlation[80 : int(1.5 * 60 * 256 / rate)].argmax()
            assert abs(60 * 256 / lag - rate) < 0.06 * rate


def test_signals_do_not_depend_on_the_sampling_frequency():
    slow, fast = (
        make_ecg_mixtures(
            4, n_channels=3, n_times=2 * sfreq, sfreq=sfreq, random_state=0
        )
        for sfreq in (1000, 4000)
    )
    assert_allclose(fast.target[..., ::4], slow.target, atol=0.02)
    for one, other in zip(slow.fetal_beats, fast.fetal_beats, strict=True):
        inner = other[(other > 0.01) & (other < 1.99)]
        assert np.abs(one[:, None] - inner).min(axis=0).max() < 0.001


def test_qrs_complexes_are_as_long_at_any_rate_and_shorter_in_the_fetus():
    def lengths(bpm):
        ecg = make_ecg_mixtures(
            6, maternal_bpm=(bpm, bpm), fetal_bpm=(bpm, bpm), n_channels=3,
            n_times=2000, sfreq=500, windows_per_trace=1, random_state=0,
        )  # fmt: skip
        activity = np.linalg.norm(np.diff(ecg.target), axis=2)
        active = activity > 0.1 * activity.max(axis=2, keepdims=True)
        return active.mean(axis=2) / (bpm / 60)

    slow, fast = lengths(60), lengths(120)
    assert_allclose(slow.mean(axis=0), fast.mean(axis=0), rtol=0.15)
    assert (slow[:, 1] < 0.75 * slow[:, 0]).all()


# ---------------------------------------------------------------- magnitudes, noise


def test_magnitudes_are_those_drawn():
    ecg = make_ecg_mixtures(
        12,
        n_channels=4,
        n_times=8000,
        sfreq=2000,
        windows_per_trace=3,
        magnitude_ratio=(0.5, 5),
        noise=None,
        random_state=0,
    )
    assert ((ecg.magnitude_ratio >= 0.5) & (ecg.magnitude_ratio <= 5)).all()
    assert np.ptp(ecg.magnitude_ratio) > 3
    maternal, fetal = magnitudes(ecg.target[:, 0]), magnitudes(ecg.target[:, 1])
    assert_allclose(maternal, 1.6, rtol=0.01)
    assert_allclose(maternal / fetal, ecg.magnitude_ratio, rtol=0.01)


def test_respiration_is_one_sinusoid_seen_by_all_channels():
    ecg = make_ecg_mixtures(5, n_channels=4, n_times=8192, random_state=0)
    values = np.linalg.svd(ecg.noise, compute_uv=False)
    assert (values[:, 1:] < 1e-12 * values[:, :1]).all()
    largest = np.abs(ecg.noise).max(axis=(1, 2))
    assert_allclose(largest, ecg.noise_amplitude, rtol=1e-3)


def test_each_channel_has_its_own_noise_of_the_level_drawn():
    arguments = {"n_channels": 4, "random_state": 0}
    plain = make_ecg_mixtures(5, **arguments)
    noise = ["respiration", "white"]
    ecg = make_ecg_mixtures(5, noise=noise, noise_db=(-9, -6), **arguments)
    assert_array_equal(ecg.target, plain.target)
    added = ecg.noise - plain.noise
    power = np.mean(ecg.target[:, 0] ** 2, axis=(1, 2))
    level = 10 * np.log10(np.mean(added**2, axis=2) / power[:, None])
    assert_allclose(level, np.repeat(ecg.noise_db[:, None], 4, axis=1))
    for channels in added:
        assert np.abs(np.corrcoef(channels)[np.triu_indices(4, 1)]).max() < 0.2


def test_polarity_is_a_sign_of_each_component_and_channel():
    arguments = {"n_channels": 4, "n_times": 64, "windows_per_trace": 4}
    plain = make_ecg_mixtures(40, random_state=0, **arguments)
    ecg = make_ecg_mixtures(40, random_state=0, polarity="random", **arguments)
    assert ecg.polarity.shape == (40, 2, 4)
    assert_array_equal(ecg.target, plain.target * ecg.polarity[..., None])
    assert_array_equal(ecg.leads, plain.leads * ecg.polarity[..., None])
    assert abs(ecg.polarity.mean()) < 0.2
    assert abs((ecg.polarity[:, 0] * ecg.polarity[:, 1]).mean()) < 0.3


# ---------------------------------------------------------------- seeds


def test_same_seed_same_bits_other_seed_other_bits():
    arguments = {"n_channels": 2, "n_times": 64, "noise": "muscle"}
    one, two, other = (
        make_ecg_mixtures(5, random_state=seed, **arguments) for seed in (3, 3, 4)
    )
    for name in ARRAYS:
        assert_array_equal(one[name], two[name], err_msg=name)
    assert not np.isclose(one.data, other.data).all(axis=-1).any()


@pytest.mark.parametrize("n_samples", [1, 3, 4, 7])
def test_fewer_rows_are_a_prefix(n_samples):
    arguments = {"n_channels": 2, "n_times": 64, "windows_per_trace": 3}
    arguments |= {"noise": ["pink", "mains"], "polarity": "random", "random_state": 0}
    many, few = (make_ecg_mixtures(n, **arguments) for n in (8, n_samples))
    for name in (*ARRAYS, "polarity", "noise_db"):
        assert_array_equal(few[name], many[name][:n_samples], err_msg=name)
    for one, other in zip(few.fetal_beats, many.fetal_beats[:n_samples], strict=True):
        assert_array_equal(one, other)


@pytest.mark.usefixtures("generators_stand_still")
def test_global_generators_are_left_as_they_were():
    make_ecg_mixtures(3, n_channels=2, random_state=0, noise=["white", "muscle"])
