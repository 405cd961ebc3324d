"""Results do not depend on settings of the process, and these stay as they are."""

from contextlib import contextmanager

import numpy as np
import pytest
import sklearn
import torch
from cases import FAST, make_mixtures

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    ICASeparator,
    NMFSeparator,
    STFTTransformer,
    load,
)
from sklearn_cass.metrics import relative_error, sdr, shared_phase_error
from sklearn_cass.utils.estimator_checks._state import process_state

X, Y = make_mixtures(12, n_times=64)
SEPARATORS = [
    CASSSeparator(**FAST | {"early_stopping": True, "validation_fraction": 0.2}),
    AESeparator(**FAST, optimizer="adam", stft=False),
    NMFSeparator(n_atoms=2, max_iter=20, random_state=0),
    ICASeparator(random_state=0),
]


@contextmanager
def switched(switch, value, back):
    switch(value)
    try:
        yield
    finally:
        switch(back)


SETTINGS = {
    "float64": lambda: switched(torch.set_default_dtype, torch.float64, torch.float32),
    "bfloat16": lambda: switched(
        torch.set_default_dtype, torch.bfloat16, torch.float32
    ),
    "device": lambda: switched(torch.set_default_device, "meta", None),
    "device in a context": lambda: torch.device("meta"),
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu"),
    "deterministic": lambda: switched(torch.use_deterministic_algorithms, True, False),
    "numpy errors": lambda: np.errstate(all="raise"),
    "numpy seed": lambda: switched(np.random.seed, 1, None),
    "torch seed": lambda: switched(torch.manual_seed, 1, 0),
    "printing": lambda: np.printoptions(precision=1, threshold=1),
    "pandas": lambda: sklearn.config_context(transform_output="pandas"),
    "assume finite": lambda: sklearn.config_context(assume_finite=True),
}


def results(separator, folder):
    """Return what all methods return, also of a saved and of a continued separator."""
    separator = sklearn.clone(separator).fit(X, Y)
    found = {
        "transform": separator.transform(X),
        "separate": separator.separate(X[:3].ravel()),
        "stream": next(separator.separate_stream([X[:3].ravel()])),
        "score": separator.score(X, Y),
    }
    if hasattr(separator, "discriminate"):
        found["discriminate"] = separator.discriminate(Y, X)
    separator.save(folder / "separator")
    loaded = load(folder / "separator")
    found["loaded"] = loaded.transform(X)
    if hasattr(loaded, "warm_start"):
        found["continued"] = loaded.set_params(warm_start=True).fit(X, Y).transform(X)
    return found


def results_of_others():
    stft = STFTTransformer(n_fft=8).fit(X)
    Z = stft.transform(X)
    return {
        "STFT": np.asarray(Z),
        "inverse": stft.inverse_transform(Z),
        "sdr": sdr(Y, 2 * Y),
        "relative_error": relative_error(Y, 2 * Y),
        "shared_phase_error": shared_phase_error(Y, 2 * Y, X),
    }


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return {}


@pytest.mark.parametrize("separator", SEPARATORS, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.filterwarnings("ignore:.*iterations:sklearn.exceptions.ConvergenceWarning")
def test_separators_do_not_depend_on_the_setting(
    separator, setting, expected, tmp_path
):
    name = type(separator).__name__
    if name not in expected:
        expected[name] = results(separator, tmp_path)
    with SETTINGS[setting]():
        before = process_state()
        found = results(separator, tmp_path)
        assert process_state() == before
    assert found.keys() == expected[name].keys()
    for method in found:
        assert np.array_equal(found[method], expected[name][method]), method


@pytest.mark.parametrize("setting", SETTINGS)
def test_transform_and_metrics_do_not_depend_on_the_setting(setting):
    expected = results_of_others()
    with SETTINGS[setting]():
        found = results_of_others()
    for name in found:
        assert np.array_equal(found[name], expected[name]), name
