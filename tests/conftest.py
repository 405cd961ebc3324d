import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from cases import SEPARATORS
from cases import make_mixtures as cases_make_mixtures


@pytest.fixture
def generators_stand_still():
    """Check that nothing in the test moves a global random generator."""
    before = global_generators()
    yield
    assert global_generators() == before, "a global random generator was moved"


def global_generators():
    """Return the states of the generators that users may have seeded."""
    name, keys, *rest = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": (name, keys.tobytes(), *rest),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }


@pytest.fixture
def torch_seeded():
    """Seed torch's generator for tests that draw weights, and restore it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture
def make_mixtures():
    """Return the function of `cases` that makes X and y."""
    return cases_make_mixtures


@pytest.fixture(scope="module")
def data():
    """Return X and y; modules that need others have a fixture of this name."""
    return cases_make_mixtures(20)


@pytest.fixture(params=SEPARATORS, ids=lambda cls: cls.__name__)
def separator_class(request):
    """Each class of the family in turn."""
    return request.param


@pytest.fixture(scope="session")
def data_folder():
    """Return the folder of the public recordings, which may not exist."""
    default = Path(__file__).parents[2] / "shared" / "data"
    return Path(os.environ.get("SKLEARN_CASS_DATA", default))
