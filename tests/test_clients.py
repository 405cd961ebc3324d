"""Fitted separators in the files of skops and MLflow, and in pickles."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from cases import FAST, make_mixtures

from sklearn_cass import CASSSeparator, ICASeparator, NMFSeparator

pytestmark = [
    pytest.mark.filterwarnings("ignore:FastICA did not converge"),
    pytest.mark.filterwarnings("ignore:Maximum number of iterations"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, Y = make_mixtures(8)
SEPARATORS = {
    "net": CASSSeparator(**FAST),
    "nmf": NMFSeparator(n_atoms=2, max_iter=20, random_state=0),
    "ica": ICASeparator(n_delays=4, max_iter=20, random_state=0),
}
each = pytest.mark.parametrize("name", SEPARATORS)
# packages whose types a file may need to be trusted
OWNERS = {"sklearn_cass", "skorch", "torch", "functools"}


def code_blocks():
    page = Path(__file__).parents[1] / "docs" / "clients.md"
    return [part.split("```")[0] for part in page.read_text().split("```python\n")[1:]]


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
@each
def test_skops_keeps_a_separator(name):
    pytest.importorskip("skops.io")
    separator = SEPARATORS[name].fit(X, Y)
    names = {"separator": separator}
    exec(code_blocks()[1], names)
    assert {kind.split(".")[0] for kind in names["trusted"]} <= OWNERS
    loaded = names["loaded"]
    np.testing.assert_array_equal(loaded.transform(X), separator.transform(X))
    again = loaded.fit(X, Y)
    np.testing.assert_array_equal(again.transform(X), separator.transform(X))


@pytest.mark.slow
def test_warm_start_continues_from_a_file_of_skops():
    io = pytest.importorskip("skops.io")
    separator = CASSSeparator(**FAST, warm_start=True).fit(X, Y)
    data = io.dumps(separator)
    loaded = io.loads(data, trusted=io.get_untrusted_types(data=data))
    expected = separator.fit(X, Y).transform(X)
    np.testing.assert_array_equal(loaded.fit(X, Y).transform(X), expected)


@pytest.mark.slow
@each
def test_mlflow_keeps_a_separator(name, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    io = pytest.importorskip("skops.io")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(Path("runs").absolute().as_uri())
    separator = SEPARATORS[name].fit(X, Y)
    trusted = io.get_untrusted_types(data=io.dumps(separator))
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(
            separator, name="a", skops_trusted_types=trusted, pip_requirements=[]
        )
    loaded = mlflow.sklearn.load_model(info.model_uri)
    np.testing.assert_array_equal(loaded.transform(X), separator.transform(X))


def test_pickles_hold_no_data():
    X, y = make_mixtures(64)
    settings = FAST | {"validation_fraction": 0.5}
    sizes = [
        len(pickle.dumps(CASSSeparator(**settings).fit(X[:n], y[:n]))) for n in (16, 64)
    ]
    assert abs(sizes[1] - sizes[0]) < 0.02 * sizes[0]


def test_callbacks_of_the_page_work():
    names = {}
    exec(code_blocks()[0], names)
    separator = names["separator"].set_params(**FAST).fit(X, Y)
    assert np.isfinite(separator.history_[:, "valid_sdr"]).all()
