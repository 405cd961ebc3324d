"""Every public object says what it takes and returns, in numpydoc's form."""

import inspect

import pytest
from cases import FAST, make_mixtures
from numpydoc.validate import validate

import sklearn_cass
from sklearn_cass import datasets, metrics, nn
from sklearn_cass.utils import estimator_checks

# Codes of numpydoc.validate that must not come up. Left out: the rules that ask for
# an extended summary, See Also and examples everywhere (ES, SA, EX), for a full stop
# at the end of every description (PR09, RT05), and for the summary's verb (SS05, SS06).
CODES = {
    "GL01",
    "GL02",
    "GL03",
    "GL05",
    "GL06",
    "GL07",
    "GL08",
    "GL10",
    "SS01",
    "SS02",
    "SS03",
    "SS04",
    "PR01",
    "PR02",
    "PR03",
    "PR04",
    "PR05",
    "PR06",
    "PR07",
    "PR10",
    "RT01",
    "RT03",
    "YD01",
}
METHODS = {
    "fit",
    "transform",
    "inverse_transform",
    "predict",
    "score",
    "separate",
    "discriminate",
    "save",
}
MODULES = (sklearn_cass, datasets, metrics, estimator_checks)


def public_objects():
    """Names of classes, functions and of the methods that are ours."""
    for module in MODULES:
        for name in module.__all__:
            thing = getattr(module, name)
            if not inspect.isclass(thing) and not inspect.isfunction(thing):
                continue  # a scorer: an instance
            path = f"{module.__name__}.{name}"
            yield path
            if inspect.isclass(thing):
                yield from (f"{path}.{m}" for m in METHODS if hasattr(thing, m))


@pytest.mark.parametrize("path", sorted(public_objects()))
def test_docstring_is_numpydoc(path):
    found = [f"{code}: {text}" for code, text in validate(path)["errors"]]
    assert not [error for error in found if error[:4] in CODES]


ESTIMATORS = [
    thing
    for name in sklearn_cass.__all__
    if hasattr(thing := getattr(sklearn_cass, name), "get_params")
]


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_estimators_say_what_they_learn_and_show_it(cls):
    for section in ("Parameters", "Attributes", "References", "Examples", "See Also"):
        assert f"    {section}\n    {'-' * len(section)}\n" in cls.__doc__
    assert "{" not in cls.__doc__.split("Examples")[0].replace('{"', "")


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_every_learned_attribute_is_described(cls):
    X, y = make_mixtures(4, n_times=8)
    settings = FAST if "n_filters" in cls().get_params() else {}
    fitted = cls(**settings).fit(X, y)
    internal = {"domains_"}
    learned = {n for n in vars(fitted) if n.endswith("_") and not n.startswith("_")}
    described = cls.__doc__.split("Attributes\n")[1].split("\n    See Also")[0]
    assert not [n for n in learned - internal if n not in described]


def test_networks_are_described():
    for name in nn.__all__:
        assert getattr(nn, name).__doc__
