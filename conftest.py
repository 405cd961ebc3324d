"""Settings of tests and doctests: one thread in each process, a cache of the run."""

import os

import pytest

# Read when numpy and torch are imported, also by child processes. With more threads
# than cores, tests that run side by side take several times as long.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory):
    """Return a folder for generated traces, which all workers of a run share."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # that of a worker lies in that of the run
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKLEARN_CASS_CACHE", str(folder / "cache"))
        yield folder / "cache"
