"""Masked arrays, tensors, data frames and quantities: understood, or refused."""

import os

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from cases import FAST, TINY, make_mixtures
from sklearn.exceptions import DataConversionWarning

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    ICASeparator,
    NMFSeparator,
    STFTTransformer,
)
from sklearn_cass.metrics import (
    mean_ignoring_nan,
    relative_error,
    sdr,
    sdr_improvement,
    si_sdr,
)

pytestmark = pytest.mark.usefixtures("generators_stand_still")

X, Y = make_mixtures(8, n_times=32)
LABELS = np.array([0, 1] * 4)


def masked(array, n_entries=1):
    mask = np.zeros(array.shape, bool)
    mask.flat[3 : 3 + n_entries] = True
    return np.ma.masked_array(array, mask)


@pytest.fixture(scope="module")
def fitted():
    return CASSSeparator(**FAST).fit(X, Y)


# --- masked arrays --------------------------------------------------------------------


class MaskedOnDisk:
    """Array that returns masked slices, as variables of netCDF4 do."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, key):
        return self.array[key]


@pytest.mark.parametrize("dtype", [float, np.int16])
@pytest.mark.parametrize("cls", [AESeparator, NMFSeparator, ICASeparator])
def test_fit_refuses_masked_entries(cls, dtype):
    settings = TINY if cls is AESeparator else {}
    x, y = (X * 100).astype(dtype), (Y * 100).astype(dtype)
    with pytest.raises(ValueError, match="X contains masked entries"):
        cls(**settings).fit(masked(x), y)
    with pytest.raises(ValueError, match="y contains masked entries"):
        cls(**settings).fit(x, masked(y))


@pytest.mark.parametrize("dtype", [float, np.int16])
def test_masked_entries_in_lists_and_files_are_refused(dtype):
    x, y = (X * 100).astype(dtype), (Y * 100).astype(dtype)
    for make in (lambda a: list(masked(a)), lambda a: MaskedOnDisk(masked(a))):
        with pytest.raises(ValueError, match="X contains masked entries"):
            AESeparator(**TINY).fit(make(x), y)
        with pytest.raises(ValueError, match="y contains masked entries"):
            AESeparator(**TINY).fit(x, make(y))


def test_masked_labels_are_refused():
    with pytest.raises(ValueError, match="y contains masked entries"):
        AESeparator(**TINY).fit(X, masked(LABELS))
    for missing in (pd.NA, None, np.nan):
        labels = pd.Series([*LABELS[:7], missing], dtype="Int64")
        with pytest.raises(ValueError, match="y contains NaN"):
            AESeparator(**TINY).fit(X, labels)


def test_methods_refuse_masked_entries(fitted):
    message = "contains masked entries"
    row = masked(X[0])
    for method in (fitted.transform, fitted.predict, STFTTransformer().fit):
        with pytest.raises(ValueError, match="X contains masked"):
            method(masked(X, 2))
    for call in (
        lambda: fitted.score(X, masked(Y, 2)),
        lambda: fitted.score(masked(X, 2), Y),
        lambda: fitted.discriminate(masked(Y, 2)),
        lambda: fitted.discriminate(Y, masked(X, 2)),
        lambda: fitted.separate(masked(X[0], 3)),
        lambda: list(fitted.separate_stream([X[0], masked(X[0], 2)])),
        lambda: list(fitted.separate_stream([[row[0], *masked(X[0], 3)]])),
    ):
        with pytest.raises(ValueError, match=message + "|NaN"):
            call()
    with pytest.raises(ValueError, match="out must be a plain array, got a masked"):
        fitted.separate(X[0], out=np.ma.zeros((2, 32)))


def test_transform_and_its_inverse_refuse_masked_entries():
    stft = STFTTransformer(n_fft=8).fit(X)
    Z = np.asarray(stft.transform(X))
    with pytest.raises(ValueError, match="X contains masked"):
        stft.transform(masked(X))
    with pytest.raises(ValueError, match="Z contains masked"):
        stft.inverse_transform(masked(Z))


def test_metrics_refuse_masked_entries():
    for metric in (sdr, si_sdr, relative_error):
        with pytest.raises(ValueError, match="y_true contains masked"):
            metric(masked(Y), Y)
        with pytest.raises(ValueError, match="y_pred contains masked"):
            metric(Y, masked(Y))
    with pytest.raises(ValueError, match="X contains masked"):
        sdr_improvement(Y, Y, masked(X))
    with pytest.raises(ValueError, match="values contains masked"):
        mean_ignoring_nan(masked(sdr(Y, 2 * Y)))


def test_masked_arrays_without_masked_entries_are_arrays():
    x, y = masked(X, 0), masked(Y, 0)
    separator = AESeparator(**TINY).fit(x, y)
    expected = AESeparator(**TINY).fit(X, Y)
    assert np.array_equal(separator.transform(x), expected.transform(X))
    assert np.array_equal(separator.separate(x[0]), expected.separate(X[0]))
    assert type(separator.transform(x)) is np.ndarray


# --- tensors --------------------------------------------------------------------------


def tensor(array):
    return torch.tensor(array)


def with_gradient(array):
    return torch.tensor(array, requires_grad=array.dtype.kind in "fc")


def conjugate(array):
    return torch.tensor(array.conj()).conj()


def list_of_tensors(array):
    return [torch.tensor(row, requires_grad=array.dtype.kind in "fc") for row in array]


HAS_DISPATCH = os.environ.get("SCIPY_ARRAY_API") == "1" and hasattr(np, "isdtype")
DISPATCH = pytest.param(
    True, marks=pytest.mark.skipif(not HAS_DISPATCH, reason="SCIPY_ARRAY_API is off")
)


@pytest.mark.parametrize("dispatch", [False, DISPATCH])
@pytest.mark.parametrize("make", [tensor, with_gradient, conjugate, list_of_tensors])
def test_tensors_are_arrays(fitted, make, dispatch):
    z = np.asarray(STFTTransformer(n_fft=8).fit_transform(X))
    zy = np.asarray(STFTTransformer(n_fft=8).fit_transform(Y.reshape(16, 32)))
    zy = zy.reshape(8, 2, *zy.shape[1:])
    calls = {
        "fit": lambda f: AESeparator(**TINY).fit(f(X), f(Y)).transform(X),
        "labels": lambda f: AESeparator(**TINY).fit(f(X), f(LABELS)).transform(X),
        "complex": lambda f: AESeparator(**TINY).fit(f(z), f(zy)).transform(f(z)),
        "transform": lambda f: fitted.transform(f(X)),
        "score": lambda f: fitted.score(f(X), f(Y)),
        "discriminate": lambda f: fitted.discriminate(f(Y), f(X)),
        "separate": lambda f: fitted.separate(f(X[0])),
        "stream": lambda f: list(fitted.separate_stream([f(X[0])]))[0],
        "STFT": lambda f: np.asarray(STFTTransformer().fit(f(X)).transform(f(X))),
        "inverse": lambda f: STFTTransformer(8).fit(X).inverse_transform(f(z)),
        "sdr": lambda f: sdr(f(Y), f(2 * Y)),
    }
    for name, call in calls.items():
        if make is list_of_tensors and name in ("complex", "inverse"):
            continue  # a list has no type that says that it is complex
        with sklearn.config_context(array_api_dispatch=dispatch):
            found = call(make)
        assert isinstance(found, np.ndarray | float), name
        assert np.array_equal(found, call(np.asarray)), name


def test_tensors_without_values_are_refused():
    for bad in (torch.zeros(8, 32, device="meta"), torch.tensor(X).to_sparse()):
        with pytest.raises(TypeError, match="X is a tensor without numpy values"):
            AESeparator(**TINY).fit(bad, Y)


def test_bfloat16_is_single_precision(fitted):
    x = torch.tensor(X, dtype=torch.bfloat16)
    assert np.array_equal(fitted.transform(x), fitted.transform(x.float()))


# --- data frames, quantities ----------------------------------------------------------


def test_data_frames_of_nullable_types():
    frame = pd.DataFrame(X).astype("Float64")
    separator = AESeparator(**TINY).fit(frame, Y)
    assert np.array_equal(
        separator.transform(frame), AESeparator(**TINY).fit(X, Y).transform(X)
    )
    for dtype in ("Float64", object):
        missing = frame.astype(dtype)
        missing.iloc[0, 3] = pd.NA
        with pytest.raises((TypeError, ValueError), match=r"\bX\b"):
            AESeparator(**TINY).fit(missing, Y)


@pytest.mark.parametrize(
    "make", [lambda y: y[:, None], lambda y: pd.DataFrame({"part": y})]
)
def test_labels_in_a_column_are_labels(make):
    labels = np.array(["violin", "bass"] * 4)
    expected = AESeparator(**TINY).fit(X, labels)
    with pytest.warns(DataConversionWarning, match="column-vector y") as caught:
        separator = AESeparator(**TINY).fit(X, make(labels))
    assert [warning.filename for warning in caught] == [__file__]
    assert separator.component_names_.tolist() == ["bass", "violin"]
    assert np.array_equal(separator.transform(X), expected.transform(X))
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        assert separator.score(X, make(labels)) == expected.score(X, labels)


class Quantity(np.ndarray):
    """Array with a unit, as those of astropy."""

    unit = "mV"

    def to_value(self, unit=None):
        return np.asarray(self)


def test_quantities_are_refused():
    with pytest.raises(ValueError, match=r"X has a unit \(mV\)"):
        AESeparator(**TINY).fit(X.view(Quantity), Y)
    with pytest.raises(ValueError, match=r"y has a unit \(mV\)"):
        AESeparator(**TINY).fit(X, Y.view(Quantity))
