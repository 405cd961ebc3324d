"""Memory of fit and transform in addition to the user's arrays."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.format import open_memmap

from benchmarks.memory import PEAK
from sklearn_cass import AESeparator

ALLOWED = 32 * 2**20  # a batch of four rows takes some 22 MiB
N_SAMPLES, N_TIMES = 640, 2**14  # 40 MiB of X, 80 MiB of y in single precision

# Pages of a mapped file count as resident until the system reclaims them, which it may
# at any time: the memory that a process needs is its anonymous memory. A thread reads
# it while the others work.
CODE = """
import json, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from cases import FAST, IDENTITY
from benchmarks.memory import Watch, anonymous
from sklearn_cass import AESeparator, STFTTransformer

what, folder, dtype = sys.argv[2:]

def measured(call):
    with Watch(0.001) as watch:
        result = call()
    return watch.peak, result

def separator():
    settings = FAST | IDENTITY | {"batch_size": 4}
    return AESeparator(**settings, stft=STFTTransformer(n_fft=1024))

X = np.load(folder + "/X.npy", mmap_mode="r")
y = np.load(folder + "/y.npy", mmap_mode="r")
assert X.dtype == dtype
fitted = separator().fit(X[:8], y[:8])
fitted.transform(X[:8])
before = anonymous()
if what == "fit":
    peak, _ = measured(lambda: separator().fit(X, y))
    output = 0
elif what == "labels":
    labels = np.arange(len(X)) % 2
    peak, _ = measured(lambda: separator().fit(X, labels))
    output = 0
else:
    peak, estimates = measured(lambda: fitted.transform(X))
    output = estimates.nbytes
print(json.dumps({"extra": peak - before - output}))
"""


# those that are not floating are converted
@pytest.fixture(scope="module", params=["float32", "int16"])
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory")
    rng = np.random.default_rng(0)
    shape = (N_SAMPLES, 2, N_TIMES)
    y = open_memmap(folder / "y.npy", "w+", request.param, shape)
    X = open_memmap(folder / "X.npy", "w+", request.param, shape[::2])
    row = (1000 * rng.normal(size=shape[1:])).astype(request.param)
    for n in range(N_SAMPLES):
        y[n] = row
        X[n] = y[n].sum(axis=0)
    return folder, request.param


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("what", ["fit", "labels", "transform"])
def test_memmaps_are_not_copied(what, folder):
    folder, dtype = folder
    here = Path(__file__).parent
    command = [sys.executable, "-W", "ignore", "-c", CODE, here, what, folder, dtype]
    run = subprocess.run(command, capture_output=True, text=True, cwd=here.parent)
    assert not run.returncode, run.stderr
    assert json.loads(run.stdout)["extra"] < ALLOWED


STFT_CODE = """
import json
import numpy as np
from benchmarks.memory import measured
from sklearn_cass import STFTTransformer

X = np.random.default_rng(0).normal(size=(4000, 1024))  # 31 MiB
stft = STFTTransformer().fit(X[:8])
Z = stft.transform(X)
stft.inverse_transform(Z[:8])
calls = {"transform": (stft.transform, X), "inverse": (stft.inverse_transform, Z)}
extra = {}
for name, (call, array) in calls.items():
    result = []
    peak = measured(lambda: result.append(call(array)))["anonymous"]
    extra[name] = peak - result[0].nbytes / 2**20
print(json.dumps(extra))
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.access(PEAK, os.W_OK), reason=f"needs {PEAK}")
def test_spectrograms_take_little_more_than_the_result():
    command = [sys.executable, "-W", "ignore", "-c", STFT_CODE]
    here = Path(__file__).parent
    run = subprocess.run(command, capture_output=True, text=True, cwd=here.parent)
    assert not run.returncode, run.stderr
    for extra in json.loads(run.stdout).values():  # MiB
        assert extra < 64


def test_bad_value_at_the_end_of_a_memmap_is_found(tmp_path):
    X = open_memmap(tmp_path / "X.npy", "w+", "float32", (100, 2**16))
    y = open_memmap(tmp_path / "y.npy", "w+", "float32", (100, 1, 2**16))
    y[-1, 0, -1] = np.nan
    with pytest.raises(ValueError, match="y contains NaN"):
        AESeparator().fit(X, y)
    X[-1, -1] = np.inf
    with pytest.raises(ValueError, match="X contains infinity"):
        AESeparator().fit(X, y)
