import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from cases import SEPARATORS
from cases import make_mixtures as cases_make_mixtures


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory):
    """Generated traces are kept for this run and not in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("SKLEARN_CASS_CACHE", str(folder))
        yield folder


@pytest.fixture
def generators_stand_still():
    """Nothing that the test calls moves a global generator."""
    before = global_generators()
    yield
    assert global_generators() == before, "a global random generator was moved"


def global_generators():
    """States of the generators that users may have seeded."""
    name, keys, *rest = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": (name, keys.tobytes(), *rest),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }


@pytest.fixture
def torch_seeded():
    """For tests that draw weights: torch's generator seeded, and set back after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture
def make_mixtures():
    """Factory of X and y; see its parameters in `cases`."""
    return cases_make_mixtures


@pytest.fixture(params=SEPARATORS, ids=lambda cls: cls.__name__)
def separator_class(request):
    """Each member of the family in turn."""
    return request.param


@pytest.fixture(scope="session")
def data_folder():
    """Folder with the public recordings, where they are."""
    default = Path(__file__).parents[2] / "shared" / "data"
    return Path(os.environ.get("SKLEARN_CASS_DATA", default))
