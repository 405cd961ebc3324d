"""Metrics against closed forms, invariances and a second route to the same number."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import ShortTimeFFT, get_window
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_cass import STFTTransformer
from sklearn_cass.metrics import (
    _errors,
    mean_ignoring_nan,
    neg_relative_error_score,
    oracle_ratio_mask,
    relative_error,
    sdr,
    sdr_improvement,
    sdr_score,
    share_phase,
    shared_phase_error,
    si_sdr,
    si_sdr_improvement,
    si_sdr_score,
)

ORDS = (1, 2, np.inf)
PAIR_METRICS = (relative_error, sdr, si_sdr)
MIXTURE_METRICS = (sdr_improvement, si_sdr_improvement, shared_phase_error)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def fast_bss_eval():
    import fast_bss_eval

    return fast_bss_eval


def draw(rng, shape, kind="real"):
    values = rng.standard_normal(shape)
    return values + 1j * rng.standard_normal(shape) if kind == "complex" else values


def draw_orthogonal(rng, shape, kind="real"):
    """Return a signal and an error of the same norm that is orthogonal to it."""
    s, n = draw(rng, shape, kind), draw(rng, shape, kind)
    axes = tuple(range(2, len(shape)))
    power = np.sum(abs(s) ** 2, axis=axes, keepdims=True)
    n = n - s * np.sum(s.conj() * n, axis=axes, keepdims=True) / power
    n *= np.sqrt(power / np.sum(abs(n) ** 2, axis=axes, keepdims=True))
    return s, n


# --- closed forms -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("shape", [(3, 2, 50), (2, 3, 2, 20), (2, 2, 2, 5, 4)])
@pytest.mark.parametrize("a, b", [(1.0, 0.1), (0.5, 0.2), (-2.0, 1.0), (1e-3, 1.0)])
def test_known_mixing_coefficients(rng, shape, kind, a, b):
    # est = a s + b n with <s, n> = 0 and |s| = |n|: every ratio is known.
    s, n = draw_orthogonal(rng, shape, kind)
    est = a * s + b * n
    error = np.hypot(a - 1, b)
    np.testing.assert_allclose(relative_error(s, est), np.full(shape[:2], error))
    np.testing.assert_allclose(sdr(s, est), np.full(shape[:2], -20 * np.log10(error)))
    np.testing.assert_allclose(
        si_sdr(s, est), np.full(shape[:2], 20 * np.log10(abs(a) / b))
    )


@pytest.mark.parametrize(
    "ord, expected", [(1, 7 / 5), (2, 5 / 13**0.5), (np.inf, 4 / 3)]
)
def test_relative_error_norms(ord, expected):
    # The component is (-2, 3) and the error (3, -4).
    error = relative_error([[[-2, 3]]], [[[1, -1]]], ord=ord)
    np.testing.assert_allclose(error, [[expected]])


def test_integer_lists_are_as_good_as_float_arrays():
    np.testing.assert_array_equal(
        relative_error([[[200, 100]]], np.array([[[0, 255]]], dtype=np.uint8)),
        relative_error(np.array([[[200.0, 100.0]]]), np.array([[[0.0, 255.0]]])),
    )


@pytest.mark.parametrize("metric", PAIR_METRICS)
def test_result_is_a_plain_float64_array(rng, metric):
    class Signal(np.ndarray):
        pass

    y = draw(rng, (2, 3, 8)).astype(np.float32)
    values = metric(y.view(Signal), (y + 1).view(Signal))
    assert type(values) is np.ndarray
    assert values.shape == (2, 3)
    assert values.dtype == np.float64


def test_exact_zero_and_orthogonal_estimates(rng):
    s, n = draw_orthogonal(rng, (2, 2, 30))
    zero = np.zeros_like(s)
    np.testing.assert_array_equal(relative_error(s, s), 0)
    np.testing.assert_array_equal(sdr(s, s), np.inf)
    np.testing.assert_array_equal(si_sdr(s, s), np.inf)
    np.testing.assert_array_equal(relative_error(s, zero), 1)
    np.testing.assert_array_equal(sdr(s, zero), 0)
    np.testing.assert_array_equal(si_sdr(s, zero), -np.inf)
    assert si_sdr([[[1, 0]]], [[[0, 1]]]) == -np.inf
    assert si_sdr(s, n).max() < -200
    assert si_sdr(s, 3 * s).min() > 290


@pytest.mark.parametrize("level", [1e-300, 1e-160, 1.0, 1e160, 1e300])
def test_levels_whose_squares_leave_the_float_range(rng, level):
    s, n = draw_orthogonal(rng, (1, 2, 20))
    est = s + 0.1 * n
    np.testing.assert_allclose(sdr(level * s, level * est), [[20, 20]])
    np.testing.assert_allclose(si_sdr(s, level * est), [[20, 20]])
    np.testing.assert_allclose(si_sdr(level * s, est), [[20, 20]])


# --- silence ------------------------------------------------------------------------


@pytest.mark.parametrize("metric", PAIR_METRICS)
@pytest.mark.parametrize("estimate", ["silent", "loud"])
def test_silent_true_component_is_nan_there_alone(rng, metric, estimate):
    y_true, y_pred = draw(rng, (2, 3, 10)), draw(rng, (2, 3, 10))
    intact = metric(y_true, y_pred)
    y_true[1, 2] = 0
    if estimate == "silent":
        y_pred[1, 2] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = metric(y_true, y_pred)
    assert np.argwhere(np.isnan(values)).tolist() == [[1, 2]]
    intact[1, 2] = np.nan
    np.testing.assert_array_equal(values, intact)


@pytest.mark.parametrize("metric", MIXTURE_METRICS)
def test_silent_true_component_beside_a_mixture(rng, metric):
    y_true, y_pred = draw(rng, (2, 2, 40)), draw(rng, (2, 2, 40))
    y_true[0, 1] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = metric(y_true, y_pred, y_true.sum(axis=1))
    assert np.argwhere(np.isnan(values)).tolist() == [[0, 1]]


def test_constant_component_is_silent_once_its_mean_is_gone(rng):
    # For most of these levels the mean of 999 equal values is not that value.
    level = np.broadcast_to(rng.uniform(0.1, 10, (50, 1, 1)), (50, 1, 999))
    wave = np.broadcast_to(np.sin(np.arange(999)), level.shape)
    assert np.isnan(si_sdr(level, wave, zero_mean=True)).all()
    assert np.isneginf(si_sdr(wave, level, zero_mean=True)).all()


def test_mean_leaves_out_what_is_not_defined():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mean_ignoring_nan([[1.0, np.nan], [4.0, np.nan]]) == 2.5
        assert mean_ignoring_nan([[np.inf, 1.0]]) == np.inf
        assert np.isnan(mean_ignoring_nan([[np.nan]]))
        assert np.isnan(mean_ignoring_nan([[np.inf, -np.inf]]))


# --- invariances --------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    scale=st.floats(1e-6, 1e6),
    sign=st.sampled_from([-1, 1]),
    zero_mean=st.booleans(),
)
def test_si_sdr_does_not_see_the_scale_of_the_estimate(seed, scale, sign, zero_mean):
    y_true, y_pred = np.random.default_rng(seed).standard_normal((2, 2, 2, 12))
    values = si_sdr(y_true, y_pred, zero_mean=zero_mean)
    for other in (
        si_sdr(y_true, sign * scale * y_pred, zero_mean=zero_mean),
        si_sdr(scale * y_true, y_pred, zero_mean=zero_mean),
        si_sdr(y_pred, y_true, zero_mean=zero_mean),  # symmetric
    ):
        np.testing.assert_allclose(other, values, rtol=1e-6, atol=1e-6)


def test_si_sdr_does_not_see_a_common_phase(rng):
    y_true, y_pred = draw(rng, (2, 2, 2, 5, 6), "complex")
    np.testing.assert_allclose(si_sdr(y_true, 1j * y_pred), si_sdr(y_true, y_pred))


def test_si_sdr_zero_mean_does_not_see_an_offset(rng):
    y_true, y_pred = draw(rng, (2, 3, 2, 64))
    np.testing.assert_allclose(
        si_sdr(y_true + 5, y_pred - 7, zero_mean=True),
        si_sdr(y_true, y_pred, zero_mean=True),
    )


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    scale=st.floats(1e-6, 1e6),
    ord=st.sampled_from(ORDS),
)
def test_relative_error_does_not_see_a_joint_scale(seed, scale, ord):
    y_true, y_pred = np.random.default_rng(seed).standard_normal((2, 2, 3, 12))
    values = relative_error(y_true, y_pred, ord=ord)
    joint = relative_error(scale * y_true, -scale * -y_pred, ord=ord)
    np.testing.assert_allclose(joint, values)
    # Scaling the error alone scales the result.
    scaled = relative_error(y_true, y_true + scale * (y_pred - y_true), ord=ord)
    np.testing.assert_allclose(scaled, scale * values, rtol=1e-6)


@pytest.mark.parametrize("metric", PAIR_METRICS + MIXTURE_METRICS)
def test_order_of_samples_and_components_is_kept(rng, metric):
    # Estimate k meets true component k, row n meets row n, and nothing else.
    y_true, y_pred = draw(rng, (2, 5, 3, 40))
    mixtures = (y_true.sum(axis=1),) if metric in MIXTURE_METRICS else ()
    values = metric(y_true, y_pred, *mixtures)
    rows, parts = rng.permutation(5), rng.permutation(3)
    permuted = metric(
        y_true[rows][:, parts], y_pred[rows][:, parts], *(X[rows] for X in mixtures)
    )
    np.testing.assert_allclose(permuted, values[rows][:, parts], rtol=1e-9)


@pytest.mark.parametrize("ord", ORDS)
def test_swapped_arguments_are_told_apart(rng, ord):
    y_true, y_pred = draw(rng, (2, 2, 2, 20))
    norms = [np.linalg.norm(y, ord=ord, axis=-1) for y in (y_true, y_pred)]
    np.testing.assert_allclose(
        relative_error(y_pred, y_true, ord=ord),
        relative_error(y_true, y_pred, ord=ord) * norms[0] / norms[1],
    )


# --- two routes to one number -------------------------------------------------------


def test_sdr_is_relative_error_in_decibels(rng):
    y_true, y_pred = draw(rng, (2, 3, 2, 50))
    np.testing.assert_allclose(
        sdr(y_true, y_pred), -20 * np.log10(relative_error(y_true, y_pred))
    )


@pytest.mark.parametrize("zero_mean", [False, True])
def test_si_sdr_agrees_with_fast_bss_eval(fast_bss_eval, rng, zero_mean):
    # Its loss keeps the order of the components; its si_sdr would permute them.
    y_true, y_pred = draw(rng, (2, 4, 3, 200)) + 0.5
    theirs = -fast_bss_eval.si_sdr_loss(est=y_pred, ref=y_true, zero_mean=zero_mean)
    np.testing.assert_allclose(si_sdr(y_true, y_pred, zero_mean=zero_mean), theirs)
    # Close estimates need no permutation: then the two of theirs are the same.
    y_pred = y_true + 0.1 * y_pred
    theirs = fast_bss_eval.si_sdr(ref=y_true, est=y_pred, zero_mean=zero_mean)
    np.testing.assert_allclose(si_sdr(y_true, y_pred, zero_mean=zero_mean), theirs)


def test_sdr_agrees_with_fast_bss_eval_once_the_scale_is_put_back(fast_bss_eval, rng):
    # Even with filter_length=1 theirs forgives the scale a = <s, est> / |s|^2, so
    # |est - s|^2 = |est - a s|^2 + (a - 1)^2 |s|^2 takes it from there to ours.
    y_true, y_pred = draw(rng, (2, 4, 3, 200))
    y_pred += y_true
    theirs = -fast_bss_eval.sdr_loss(est=y_pred, ref=y_true, filter_length=1)
    a = (y_true * y_pred).sum(axis=-1) / (y_true**2).sum(axis=-1)
    error = a**2 / 10 ** (theirs / 10) + (a - 1) ** 2
    np.testing.assert_allclose(sdr(y_true, y_pred), -10 * np.log10(error))


def test_sdr_agrees_with_fast_bss_eval_where_no_scale_helps(fast_bss_eval, rng):
    s, n = draw_orthogonal(rng, (4, 2, 200))
    est = s + 0.3 * n
    theirs = -fast_bss_eval.sdr_loss(est=est, ref=s, filter_length=1)
    np.testing.assert_allclose(sdr(s, est), theirs)


@pytest.mark.parametrize(
    "improvement, metric", [(sdr_improvement, sdr), (si_sdr_improvement, si_sdr)]
)
@pytest.mark.parametrize("shape", [(3, 2, 30), (3, 2, 2, 30)])
def test_improvement_is_counted_from_the_mixture(rng, improvement, metric, shape):
    y_true, y_pred = draw(rng, (2, *shape))
    X = y_true.sum(axis=1)
    as_estimate = np.stack([X] * shape[1], axis=1)
    np.testing.assert_array_equal(improvement(y_true, as_estimate, X), 0)
    np.testing.assert_allclose(
        improvement(y_true, y_pred, X) + metric(y_true, as_estimate),
        metric(y_true, y_pred),
    )


def test_si_sdr_improvement_with_zero_mean_does_not_see_offsets(rng):
    y_true, y_pred = draw(rng, (2, 3, 2, 64))
    X = y_true.sum(axis=1)
    np.testing.assert_allclose(
        si_sdr_improvement(y_true + 1, y_pred - 2, X + 3, zero_mean=True),
        si_sdr_improvement(y_true, y_pred, X, zero_mean=True),
    )


def test_improvement_of_nothing_over_perfection_is_not_defined(rng):
    y = draw(rng, (2, 1, 30))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(sdr_improvement(y, y, y[:, 0])).all()
        assert np.isnan(si_sdr_improvement(y, y, y[:, 0])).all()


# --- shared phase -------------------------------------------------------------------


@pytest.mark.parametrize("ord", ORDS)
@pytest.mark.parametrize("n_times", [1, 2, 63, 64, 500])
def test_shared_phase_error_without_another_phase(rng, n_times, ord):
    # The only component is the mixture and the estimate a scaled copy of it: the
    # phase is theirs already, and rebuilding returns them, first and last included.
    y_true = draw(rng, (2, 1, n_times))
    y_pred, X = 0.3 * y_true, y_true[:, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = shared_phase_error(y_true, y_pred, X, ord=ord, n_fft=64)
    np.testing.assert_allclose(values, relative_error(y_true, y_pred, ord=ord))


@pytest.mark.parametrize("shape", [(2, 3, 100), (2, 3, 2, 100)])
def test_shared_phase_error_sees_magnitudes_alone(rng, shape):
    y_true = draw(rng, shape)
    X = y_true.sum(axis=1) + draw(rng, (2, *shape[2:]))
    np.testing.assert_array_equal(shared_phase_error(y_true, y_true, X), 0)
    # A flipped sign is an error of phase, a doubled level one of magnitude.
    np.testing.assert_array_equal(shared_phase_error(y_true, -y_true, X), 0)
    np.testing.assert_allclose(shared_phase_error(y_true, -2 * y_true, X), 1)


def give_phase(y, x, n_fft, hop_length):
    """Return y with the phase of x; frames are centred at 0, hop_length, ..."""
    window = np.hanning(n_fft + 1)[:-1]
    half = n_fft // 2
    y, x = np.pad(y, half), np.pad(x, half)
    rebuilt, weights = np.zeros(len(y)), np.zeros(len(y))
    for start in range(0, len(y) - n_fft + 1, hop_length):
        frame = slice(start, start + n_fft)
        Y, X = np.fft.rfft(window * y[frame]), np.fft.rfft(window * x[frame])
        rebuilt[frame] += window * np.fft.irfft(abs(Y) * np.exp(1j * np.angle(X)))
        weights[frame] += window**2
    return rebuilt[half:-half] / weights[half:-half]


@pytest.mark.parametrize("ord", ORDS)
@pytest.mark.parametrize("n_fft, hop_length", [(32, None), (32, 16), (64, 8)])
def test_shared_phase_error_agrees_with_the_textbook(rng, n_fft, hop_length, ord):
    y_true, y_pred = draw(rng, (2, 2, 3, 256))
    X = draw(rng, (2, 256))
    kwargs = {"n_fft": n_fft, "hop_length": hop_length or n_fft // 4}
    rebuilt = [
        [
            [give_phase(y, x, **kwargs) for y in row]
            for row, x in zip(ys, X, strict=True)
        ]
        for ys in (y_true, y_pred)
    ]
    np.testing.assert_allclose(
        shared_phase_error(y_true, y_pred, X, ord=ord, **kwargs),
        relative_error(*rebuilt, ord=ord),
    )


@pytest.mark.parametrize("ord", ORDS)
def test_shared_phase_error_of_spectrograms(rng, ord):
    y_true, y_pred = draw(rng, (2, 2, 3, 5, 6), "complex")
    X = y_true.sum(axis=1)
    rotated = y_pred * np.exp(1j * draw(rng, y_pred.shape))
    np.testing.assert_allclose(
        shared_phase_error(y_true, rotated, X, ord=ord),
        relative_error(abs(y_true), abs(y_pred), ord=ord),
    )


# --- oracle mask --------------------------------------------------------------------


@pytest.mark.parametrize("power", [0.5, 1, 2, 200.0])
@pytest.mark.parametrize("shape", [(2, 1), (2, 63), (3, 2, 700)])
def test_oracle_mask_of_a_single_component_is_the_mixture(rng, shape, power):
    X = draw(rng, shape)
    estimates = oracle_ratio_mask(X[:, np.newaxis], X, n_fft=256, power=power)
    np.testing.assert_allclose(estimates[:, 0], X, atol=1e-12)


@pytest.mark.parametrize("power", [0.5, 1, 2, 3])
def test_oracle_mask_of_known_magnitudes(power):
    # Components of 3 and 4i, a residual of -1: shares of 3^p, 4^p and 1.
    y_true = np.array([3, 4j]).reshape(1, 2, 1, 1)
    estimates = oracle_ratio_mask(y_true, [[[2 + 4j]]], power=power)
    shares = np.array([3**power, 4**power]) / (3**power + 4**power + 1)
    np.testing.assert_allclose(estimates.ravel(), (2 + 4j) * shares)


@pytest.mark.parametrize("power", [0.5, 1, 2])
@pytest.mark.parametrize("kind", ["real", "complex"])
def test_oracle_mask_shares_out_the_mixture_and_the_noise_goes_to_nobody(
    rng, kind, power
):
    shape = (2, 3, 300) if kind == "real" else (2, 3, 2, 9, 8)
    y_true = draw(rng, shape, kind)
    X = y_true.sum(axis=1)
    kwargs = {"n_fft": 64, "power": power}
    np.testing.assert_allclose(
        oracle_ratio_mask(y_true, X, **kwargs).sum(axis=1), X, atol=1e-12
    )
    # One component more, called noise: the others' estimates stay what they were.
    np.testing.assert_allclose(
        oracle_ratio_mask(y_true[:, :2], X, **kwargs),
        oracle_ratio_mask(y_true, X, **kwargs)[:, :2],
        atol=1e-12,
    )


@pytest.mark.parametrize("n_channels", [None, 2])
@pytest.mark.parametrize("power", [1, 2])
def test_oracle_mask_parts_what_does_not_overlap(n_channels, power):
    low, high = np.sin(np.outer([0.1, 2.0], np.arange(2048)))
    low[1024:] = 0  # apart in frequency, and for one half in time
    y_true = np.stack([low, high])[np.newaxis]
    if n_channels:
        y_true = np.stack([y_true] * n_channels, axis=2)
    X = y_true.sum(axis=1)
    estimates = oracle_ratio_mask(y_true, X, n_fft=256, power=power)
    assert estimates.shape == y_true.shape
    assert sdr(y_true, estimates).min() > 30
    assert sdr_improvement(y_true, estimates, X).min() > 25


@pytest.mark.parametrize("n_times", [500, 512])
@pytest.mark.parametrize("n_fft, hop_length", [(128, 32), (64, 32), (33, 8)])
def test_oracle_mask_agrees_with_scipy_away_from_the_ends(
    rng, n_times, n_fft, hop_length
):
    # within n_fft of the ends, scipy's transform has frames that ours has not
    y_true = draw(rng, (2, 3, n_times))
    X = y_true.sum(axis=1) + draw(rng, (2, n_times))
    scipy_stft = ShortTimeFFT(get_window("hann", n_fft), hop_length, fs=1.0)
    parts = np.concatenate([y_true, (X - y_true.sum(axis=1))[:, np.newaxis]], axis=1)
    magnitudes = abs(scipy_stft.stft(parts))
    masks = magnitudes[:, :-1] / magnitudes.sum(axis=1, keepdims=True)
    masked = masks * scipy_stft.stft(X)[:, np.newaxis]
    expected = scipy_stft.istft(masked, k1=n_times)
    estimates = oracle_ratio_mask(y_true, X, n_fft=n_fft, hop_length=hop_length)
    interior = slice(n_fft, -n_fft)
    np.testing.assert_allclose(
        estimates[..., interior], expected[..., interior], atol=1e-12
    )


def test_spectrograms_are_computed_in_batches(rng, monkeypatch):
    sizes = []

    def forward(self, waveforms):
        spectra = original(self, waveforms)
        sizes.append(spectra.numel())
        return spectra

    original = STFTTransformer.forward
    monkeypatch.setattr(STFTTransformer, "forward", forward)
    y = draw(rng, (200, 2, 1024))
    oracle_ratio_mask(y, y.sum(axis=1), n_fft=64, hop_length=8)
    share_phase(y, y.sum(axis=1), n_fft=64, hop_length=8)
    # mask: components, residual and mixture; phase: components and mixture
    assert sum(sizes) == (4 + 3) * 200 * 33 * 129
    assert max(sizes) <= 2**18 * 3 / 2


def test_oracle_mask_of_disjoint_spectrograms_is_exact(rng):
    X = draw(rng, (2, 7, 6), "complex")
    owner = rng.integers(0, 3, X.shape)
    y_true = np.stack([X * (owner == k) for k in range(3)], axis=1)
    np.testing.assert_allclose(oracle_ratio_mask(y_true, X), y_true, atol=1e-15)


def test_oracle_mask_of_silence_is_silence():
    estimates = oracle_ratio_mask(np.zeros((2, 2, 50)), np.zeros((2, 50)))
    np.testing.assert_array_equal(estimates, np.zeros((2, 2, 50)))


def test_rows_do_not_depend_on_the_rows_beside_them(rng):
    # 40,000 time points a row: more than one batch of rows.
    y = draw(rng, (5, 2, 40_000))
    X = y.sum(axis=1)
    np.testing.assert_allclose(
        oracle_ratio_mask(y, X)[3:4], oracle_ratio_mask(y[3:4], X[3:4]), atol=1e-12
    )


# --- scorers ------------------------------------------------------------------------


class Share(BaseEstimator):
    """Gives each component a fixed share of the mixture."""

    def __init__(self, shares=(0.5, 0.5)):
        self.shares = shares

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.asarray(self.shares)[:, np.newaxis] * X[:, np.newaxis]


@pytest.fixture
def mixtures(rng):
    X = draw(rng, (12, 30))
    return X, np.stack([0.9 * X, 0.1 * X], axis=1)


@pytest.mark.parametrize("scorer", [sdr_score, neg_relative_error_score])
def test_scorers_choose_the_best_in_a_grid_search(mixtures, scorer):
    X, y = mixtures
    grid = {"shares": [(0.1, 0.9), (0.8, 0.2), (0.5, 0.5)]}
    search = GridSearchCV(Share(), grid, scoring=scorer, cv=3, n_jobs=2).fit(X, y)
    assert search.best_params_ == {"shares": (0.8, 0.2)}


@pytest.mark.parametrize(
    "scorer, metric, sign",
    [
        (sdr_score, sdr, 1),
        (si_sdr_score, si_sdr, 1),
        (neg_relative_error_score, relative_error, -1),
    ],
)
def test_scorers_are_the_mean_of_their_metric(rng, scorer, metric, sign):
    X, y = draw(rng, (12, 30)), draw(rng, (12, 2, 30))
    y[5, 1] = 0  # counted in no mean
    separator = Share((0.7, 0.3))
    scorer = pickle.loads(pickle.dumps(scorer))
    scores = cross_val_score(separator, X, y, scoring=scorer, cv=3)
    for score, rows in zip(scores, np.split(np.arange(12), 3), strict=True):
        values = metric(y[rows], separator.predict(X[rows]))
        assert score == pytest.approx(sign * np.nanmean(values))


def test_scorers_refuse_labels():
    with pytest.raises(ValueError, match=r"y_true must have shape .*\(4,\)"):
        sdr_score(Share(), np.ones((4, 5)), np.arange(4))


# --- bad input ----------------------------------------------------------------------


@pytest.mark.parametrize("metric", PAIR_METRICS)
@pytest.mark.parametrize(
    "y_true, y_pred, match",
    [
        (np.ones((2, 3, 4)), np.ones((2, 3, 5)), r"y_true and y_pred .*4\) and \(2"),
        (np.ones((2, 3, 4)), np.ones((2, 3, 1)), "y_true and y_pred"),
        (np.ones((2, 3)), np.ones((2, 3)), r"y_true .*at least 3 axes.*\(2, 3\)"),
        (np.ones((2, 3, 4)), np.ones(4), "y_pred .*at least 3 axes"),
        (np.ones((2, 0, 4)), np.ones((2, 0, 4)), "y_true .*no empty one"),
        (np.full((1, 1, 2), np.nan), np.ones((1, 1, 2)), "y_true contains NaN"),
        (np.ones((1, 1, 2)), np.full((1, 1, 2), np.inf), "y_pred contains infinity"),
        (np.ones((1, 1, 2)), np.full((1, 1, 2), np.nan + 0j), "y_pred contains NaN"),
        (np.ones((1, 1, 2)), [[["a", "b"]]], "y_pred must hold numbers"),
        (np.ones((1, 1, 2)), [[[1.0, None]]], "y_pred must hold numbers.* object"),
        ([[[1, 2], [3]]], np.ones((1, 2, 2)), "y_true is not an array of numbers"),
    ],
)
def test_bad_pairs(metric, y_true, y_pred, match):
    with pytest.raises(ValueError, match=match):
        metric(y_true, y_pred)


@pytest.mark.parametrize("ord", [0, 3, -np.inf, "fro", None])
def test_bad_ord(ord):
    y = np.ones((1, 1, 8))
    for call in (
        lambda: relative_error(y, y, ord=ord),
        lambda: shared_phase_error(y, y, y[:, 0], ord=ord),
    ):
        with pytest.raises(ValueError, match="ord must be 1, 2 or inf, got"):
            call()


def test_everything_after_the_pair_is_keyword_only():
    y = np.ones((1, 1, 2))
    with pytest.raises(TypeError):
        relative_error(y, y, 1)
    with pytest.raises(TypeError):
        si_sdr(y, y, True)


@pytest.mark.parametrize("metric", MIXTURE_METRICS)
@pytest.mark.parametrize(
    "y_shape, X_shape, match",
    [
        ((4, 2, 30), (4, 3, 30), r"X has 3 channels and .*X\[:, channel\]"),
        ((4, 2, 5, 6), (4, 3, 5, 6), r"X has 3 channels and .*X\[:, channel\]"),
        ((4, 2, 30), (3, 30), r"X must have shape \(4, 30\).*\(3, 30\)"),
        ((4, 2, 30), (4, 31), r"X must have shape \(4, 30\)"),
        ((4, 2, 3, 30), (4, 30), r"X must have shape \(4, 3, 30\)"),
        ((4, 2, 30), (30,), "X must have shape .*at least 2 axes"),
    ],
)
def test_bad_mixtures(metric, y_shape, X_shape, match):
    y = np.ones(y_shape)
    with pytest.raises(ValueError, match=match):
        metric(y, y, np.ones(X_shape))
    with pytest.raises(ValueError, match=match):
        oracle_ratio_mask(y, np.ones(X_shape))


def test_mixture_that_is_not_finite():
    y = np.ones((1, 2, 8))
    with pytest.raises(ValueError, match="X contains NaN"):
        sdr_improvement(y, y, np.full((1, 8), np.nan))


@pytest.mark.parametrize(
    "y, X, match",
    [
        (np.ones((1, 2, 5, 6)), np.ones((1, 5, 6)) + 0j, "real y_true.* complex X"),
        (np.ones((1, 2, 5)) + 0j, np.ones((1, 5)) + 0j, r"complex y_true .*n_freqs"),
        (np.ones((1, 2, 1, 5, 6)), np.ones((1, 1, 5, 6)), "images have no phase"),
    ],
)
def test_domains_that_do_not_fit(y, X, match):
    with pytest.raises(ValueError, match=match):
        shared_phase_error(y, y, X)
    with pytest.raises(ValueError, match=match):
        oracle_ratio_mask(y, X)


@pytest.mark.parametrize(
    "stft, match",
    [
        ({"n_fft": 0}, "'n_fft' parameter .* Got 0"),
        ({"hop_length": 0}, "'hop_length' parameter .* Got 0"),
        ({"n_fft": 16, "hop_length": 16}, "n_fft=16 with hop_length=16 .*smaller"),
        ({"n_fft": 16, "hop_length": 40}, "n_fft=16 with hop_length=40 .*smaller"),
    ],
)
def test_bad_stft_settings(stft, match):
    y = np.ones((1, 2, 100))
    with pytest.raises(ValueError, match=match):
        shared_phase_error(y, y, y[:, 0], **stft)
    with pytest.raises(ValueError, match=match):
        oracle_ratio_mask(y, y[:, 0], **stft)


@pytest.mark.parametrize("power", [0, -1, np.nan, np.inf])
def test_bad_power(power):
    y = np.ones((1, 2, 100))
    with pytest.raises(ValueError, match="power must be positive and finite"):
        oracle_ratio_mask(y, y[:, 0], power=power)


def test_components_that_share_the_phase_of_the_mixture(rng):
    y_true, y_pred = rng.normal(size=(2, 3, 2, 50))
    X = y_true.sum(axis=1)
    stft = {"n_fft": 16, "hop_length": 4}
    rebuilt = [share_phase(y, X, **stft) for y in (y_true, y_pred)]
    np.testing.assert_allclose(
        relative_error(*rebuilt), shared_phase_error(y_true, y_pred, X, **stft)
    )
    np.testing.assert_allclose(share_phase(X[:, None], X, **stft)[:, 0], X, atol=1e-12)
    np.testing.assert_array_equal(share_phase(-y_true, X, **stft), rebuilt[0])
    with pytest.raises(ValueError, match="sample of y "):
        share_phase(y_true, X[:, :-1])


# --- memory -------------------------------------------------------------------------

ERRORS = [*PAIR_METRICS, *MIXTURE_METRICS]


def call(metric, y_true, y_pred):
    if metric in PAIR_METRICS:
        return metric(y_true, y_pred)
    if metric in (share_phase, oracle_ratio_mask):
        return metric(y_true, y_true.sum(axis=1))
    return metric(y_true, y_pred, y_true.sum(axis=1))


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16"])
@pytest.mark.parametrize("metric", [*ERRORS, share_phase, oracle_ratio_mask])
def test_samples_have_the_same_bits_in_batches_of_any_size(
    metric, dtype, rng, monkeypatch
):
    y_true, y_pred = (100 * draw(rng, (7, 2, 50))).astype(dtype), draw(rng, (7, 2, 50))
    expected = call(metric, y_true, y_pred)
    assert expected.dtype == float
    for n_entries in (1, 300, 10**6):
        monkeypatch.setattr(_errors, "BATCH_ENTRIES", n_entries)
        assert np.array_equal(call(metric, y_true, y_pred), expected)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16"])
@pytest.mark.parametrize("metric", ERRORS)
def test_errors_take_little_memory(metric, dtype, rng):
    y = (100 * draw(rng, (2000, 2, 1024))).astype(dtype)  # 31 MiB in double precision
    # without the mixtures, which a caller has anyway
    arguments = (y, y) if metric in PAIR_METRICS else (y, y, y[:, 0])
    tracemalloc.start()  # does not see torch's arrays, which are of the same size
    try:
        metric(*arguments)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 26 * 2**20


@pytest.mark.parametrize("exponent", [-1060, -1000, 900])
def test_phase_of_the_mixture_does_not_depend_on_its_size(rng, exponent):
    y, X = rng.normal(size=(2, 3, 1, 29)), rng.normal(size=(2, 29))
    y = np.concatenate([y, y[:, :1] / 2], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shared = share_phase(y, np.ldexp(X[:, np.newaxis], exponent))
    expected = share_phase(y, X[:, np.newaxis])
    np.testing.assert_allclose(shared, expected, atol=1e-2)
