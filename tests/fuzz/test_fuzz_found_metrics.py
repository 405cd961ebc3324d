"""Failures that drawn cases once found in the metrics."""

import tracemalloc

import numpy as np
import pytest
from oracle import Refused, finite, works_or_refuses
from strategies import Recipe

from sklearn_cass import metrics

Y = Recipe((5, 2, 20))


@pytest.mark.parametrize("order", [np.array([1, 2]), "2", None, [[]]], ids=str)
def test_wrong_order(order):
    y = Y.make()

    def relative_error():
        return metrics.relative_error(y, y, ord=order)

    works_or_refuses(relative_error, named={"ord"})


@pytest.mark.parametrize("power", [{}, None, "1", 1j, [1, 2], np.nan], ids=str)
def test_wrong_power(power):
    y = Y.make()

    def oracle_ratio_mask():
        return metrics.oracle_ratio_mask(y, y.sum(axis=1), n_fft=8, power=power)

    works_or_refuses(oracle_ratio_mask, named={"power"})


def test_mask_of_short_waveforms_is_made_in_chunks():
    # padded to n_fft, the spectrograms of all rows take 68 MB
    y = Recipe((16, 16, 2)).make()

    def oracle_ratio_mask():
        return metrics.oracle_ratio_mask(y, y.sum(axis=1), n_fft=256, hop_length=2)

    tracemalloc.start()
    works_or_refuses(oracle_ratio_mask, named={}, check=finite(16, 16, 2))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**25


@pytest.mark.parametrize("dtype", ["longdouble", "clongdouble"])
def test_longdouble_past_float64(dtype):
    y = Y.but(dtype=dtype, values="huge").make()
    named = {"y_true", "y_pred"}
    works_or_refuses(lambda: metrics.sdr(y, y), named=named)


@pytest.mark.parametrize("values", ["huge", "largest", "tiny", "subnormal"])
@pytest.mark.parametrize("name", ["relative_error", "sdr", "si_sdr"])
def test_metrics_do_not_depend_on_the_unit(name, values):
    # signs of an odd number of values are never orthogonal
    y = Y.but(shape=(5, 2, 21), values=values)
    y_true, y_pred = y.make(), y.but(seed=1).make()
    check = finite(5, 2)
    call = getattr(metrics, name)
    # the largest of all are refused, the smallest are not
    named = {"y_true"} if values in ("huge", "largest") else {}
    result = works_or_refuses(lambda: call(y_true, y_pred), named=named, check=check)
    if isinstance(result, Refused):
        return
    unit = np.abs(y_true).max()
    expected = call(y_true / unit, y_pred / unit)
    np.testing.assert_allclose(result, expected, rtol=1e-3)
