"""The device that "auto" stands for: one that works, tried out with a fake."""

import warnings

import numpy as np
import pytest
import torch
from cases import TINY, make_mixtures

from sklearn_cass import AESeparator
from sklearn_cass.training import devices

pytestmark = [
    pytest.mark.usefixtures("generators_stand_still"),
    pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA comes first"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.fixture
def with_mps(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)


def test_auto_is_mps_where_a_trial_works(with_mps, monkeypatch):
    tried = []
    monkeypatch.setattr(devices, "failure_on", lambda device: tried.append(device))
    assert devices.check_device("auto") == torch.device("mps")
    assert tried == ["mps"]


def test_auto_is_the_cpu_where_the_trial_fails(with_mps, monkeypatch):
    monkeypatch.setattr(devices, "failure_on", lambda device: "no complex numbers")
    X, y = make_mixtures(8)
    message = "device='auto' computes on the CPU, .*'mps' failed: no complex numbers$"
    with pytest.warns(UserWarning, match=message):
        separator = AESeparator(**TINY).fit(X, y)
    assert separator.net_.device == "cpu"
    assert np.isfinite(separator.transform(X)).all()


def test_auto_tries_nothing_without_mps(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(devices, "failure_on", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert devices.check_device("auto") == torch.device("cpu")


def test_trial_finds_what_works():
    assert devices.failure_on("cpu") is None
    assert "meta" in devices.failure_on("meta")  # has no values


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="it is available")
def test_trial_on_a_device_that_is_missing_fails():
    failure = devices.failure_on("mps")
    assert failure and "\n" not in failure
