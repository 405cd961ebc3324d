"""Norms, levels and scale factors, against numpy and at the ends of the range."""

import numpy as np
import pytest
import torch

from sklearn_cass.numeric import (
    divide,
    divisor,
    level,
    powers_of_two,
    scaled_to_unit_level,
    to_unit_level,
    vector_norm,
)

TINY = np.finfo(np.float64).tiny


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


# --- levels of mixtures ---------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64, torch.complex128])
def test_level_is_each_mixtures_rms(dtype):
    z = torch.tensor(draw(3, 2, 5, 4) + 1j * draw(3, 2, 5, 4, seed=1))
    z = (z if dtype.is_complex else z.real).to(dtype)
    z[1] *= 1000
    expected = np.sqrt(np.mean(np.abs(z.numpy()) ** 2, axis=(1, 2, 3)))
    assert level(z).shape == (3, 1, 1, 1)
    assert level(z).dtype == z.real.dtype
    np.testing.assert_allclose(level(z).flatten().numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("factor", [1e-160, 1, 1e160])
def test_unit_level_is_reached_by_one_factor_for_each_row(factor):
    # squares of these levels underflow or overflow
    Y = torch.tensor(factor * draw(4, 3, 2, 5, 4))
    X, Y_unit, scale = to_unit_level(Y.sum(1), Y)
    np.testing.assert_allclose(level(X).flatten().numpy(), 1, rtol=1e-12)
    torch.testing.assert_close(X * scale, Y.sum(1))
    torch.testing.assert_close(Y_unit * scale.unsqueeze(1), Y)


@pytest.mark.parametrize("quiet", [0.0, TINY / 16])
def test_unit_level_leaves_silence_as_it_is(quiet):
    X = torch.full((2, 1, 3, 3), quiet, dtype=torch.float64)
    X[1] = 2
    unit, none, scale = to_unit_level(X)
    assert none is None
    assert torch.equal(unit[0], X[0])
    assert torch.equal(unit[1], torch.ones_like(X[1]))
    assert divisor(scale).flatten().tolist() == [1, 2]


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64, torch.complex128])
def test_one_pass_finds_the_level_of_values_in_range(dtype):
    z = torch.tensor(draw(4, 2, 5, 3) + 1j * draw(4, 2, 5, 3, seed=1)).transpose(2, 3)
    z = (z if dtype.is_complex else z.real).to(dtype)
    z[2] = 0
    expected, _, levels = to_unit_level(z)
    unit, scale = scaled_to_unit_level(z.clone())
    torch.testing.assert_close(unit, expected)
    torch.testing.assert_close(scale, levels)
    assert scale[2] == 0


# --- scale factors of arrays ----------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_powers_of_two_bound_the_largest_modulus(dtype):
    info = np.finfo(dtype)
    peaks = np.array([info.max / 4, 1, 1.5, info.tiny, info.smallest_subnormal])
    array = np.zeros((len(peaks), 2, 3), dtype)
    array[:, 1, 2] = peaks
    powers = powers_of_two(array)
    assert powers.shape == (len(peaks), 1, 1)
    assert powers.dtype == array.real.dtype
    mantissas, _ = np.frexp(powers)
    assert (mantissas == 0.5).all()
    scaled = divide(array, powers)[:, 1, 2]
    assert ((np.abs(scaled) >= 0.5) & (np.abs(scaled) < 1)).all()
    assert (scaled * powers.ravel() == array[:, 1, 2]).all()  # no bit is lost


def test_powers_of_two_of_silence_are_one():
    assert powers_of_two(np.zeros((2, 4))).tolist() == [[1], [1]]


@pytest.mark.parametrize("factor", [TINY, 1, 1e300])
def test_divide_is_exact_for_tiny_and_huge_divisors(factor):
    z = draw(3, 4) + 1j * draw(3, 4, seed=1)
    np.testing.assert_allclose(divide(factor * z, np.full((3, 1), factor)), z)


# --- norms ----------------------------------------------------------------------------


@pytest.mark.parametrize("ord", [1, 2, np.inf])
def test_vector_norm_equals_numpys(ord):
    z = draw(3, 4, 5) + 1j * draw(3, 4, 5, seed=1)
    expected = [np.linalg.norm(row.ravel(), ord) for row in z]
    found = vector_norm(torch.tensor(z), (1, 2), ord)
    assert found.shape == (3, 1, 1)
    np.testing.assert_allclose(found.flatten(), expected, rtol=1e-12)


@pytest.mark.parametrize("ord", [1, 2, np.inf])
@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_vector_norm_neither_overflows_nor_underflows(ord, factor):
    x = torch.tensor(draw(3, 20))
    found = vector_norm(factor * x, (1,), ord)
    torch.testing.assert_close(found / factor, vector_norm(x, (1,), ord))
    assert not vector_norm(0 * x, (1,), ord).any()
