"""Names of components that `fit` is given."""

import numpy as np
import pytest
from cases import TINY, FilterDecoder, FilterDiscriminator, FilterEncoder, make_mixtures
from sklearn.model_selection import GridSearchCV

from sklearn_cass import AESeparator, ICASeparator, NMFSeparator, load

pytestmark = [
    pytest.mark.filterwarnings("ignore:FastICA did not converge"),
    pytest.mark.filterwarnings("ignore:Maximum number of iterations"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

OWN = (FilterEncoder, FilterDecoder, FilterDiscriminator)
X, Y = make_mixtures(8)
ISOLATED = Y.reshape(-1, Y.shape[-1])
SEPARATORS = {
    "net": AESeparator(**TINY),
    "nmf": NMFSeparator(n_atoms=2, max_iter=20, random_state=0),
    "ica": ICASeparator(n_delays=4, max_iter=20, random_state=0),
}
each = pytest.mark.parametrize("separator", SEPARATORS.values(), ids=list(SEPARATORS))


@each
@pytest.mark.parametrize(
    "names", [["voice", "noise"], (7, 3), np.array(["b", "a"], "O")]
)
def test_names_are_kept_and_saved(separator, names, tmp_path):
    separator.fit(X, Y, component_names=names)
    assert separator.component_names_.tolist() == list(names)
    separator.save(tmp_path / "a")
    loaded = load(tmp_path / "a", classes=OWN)
    assert loaded.component_names_.tolist() == list(names)
    assert separator.fit(X, Y).component_names_.tolist() == [0, 1]


@each
def test_names_change_no_estimate(separator):
    expected = separator.fit(X, Y).transform(X)
    found = separator.fit(X, Y, component_names=["b", "a"]).transform(X)
    np.testing.assert_array_equal(found, expected)


def test_labels_of_a_score_are_names():
    separator = SEPARATORS["nmf"].fit(X, Y, component_names=["voice", "noise"])
    found = separator.score(ISOLATED, ["voice", "noise"] * len(Y))
    swapped = separator.score(ISOLATED, ["noise", "voice"] * len(Y))
    assert found > swapped
    with pytest.raises(ValueError, match=r"y holds the labels \['a'\]"):
        separator.score(X, ["a"] * len(X))


def test_warnings_name_components():
    silent = Y * np.array([1, 0])[:, np.newaxis]
    with pytest.warns(UserWarning, match="'noise'"):
        SEPARATORS["nmf"].fit(X, silent, component_names=["voice", "noise"])


WRONG = {
    "number": ["a"],
    "equal": ["a", "a"],
    "type": [0.5, 1.5],
    "none": [None, "a"],
    "axes": [["a", "b"]],
}


@pytest.mark.parametrize("kind", WRONG)
def test_other_names_are_refused(kind):
    separator = SEPARATORS["nmf"].fit(X, Y)
    before = separator.dictionaries_
    with pytest.raises(ValueError, match="component_names"):
        separator.fit(X, Y, component_names=WRONG[kind])
    assert separator.dictionaries_ is before


def test_labels_are_names_already():
    with pytest.raises(ValueError, match="component_names .* labels are names already"):
        SEPARATORS["nmf"].fit(ISOLATED, [0, 1] * 8, component_names=["a", "b"])


def test_warm_start_keeps_the_names():
    separator = AESeparator(**TINY, warm_start=True)
    separator.fit(X, Y, component_names=["a", "b"]).fit(X, Y)
    assert separator.component_names_.tolist() == ["a", "b"]
    assert separator.n_iter_ == 2
    with pytest.raises(ValueError, match="warm_start=True continues with .*names"):
        separator.fit(X, Y, component_names=["c", "d"])


def test_search_passes_the_names_on():
    search = GridSearchCV(SEPARATORS["nmf"], {"n_atoms": [1, 2]}, cv=2)
    search.fit(X, Y, component_names=["a", "b"])
    assert search.best_estimator_.component_names_.tolist() == ["a", "b"]
