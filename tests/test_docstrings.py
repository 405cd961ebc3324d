"""Docstrings: numpydoc's form, one text for one parameter, plain English."""

import ast
import inspect
import re
from pathlib import Path

import pytest
from cases import FAST, make_mixtures
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate

import sklearn_cass
from sklearn_cass import (
    AESeparator,
    BaseSeparator,
    CASSSeparator,
    GANSeparator,
    RegularCASSSeparator,
    cli,
    datasets,
    metrics,
    nn,
    plotting,
    report,
)
from sklearn_cass.utils import estimator_checks

ROOT = Path(sklearn_cass.__file__).parent

# Codes of numpydoc.validate that must not come up. Left out: the rules that ask for
# an extended summary, See Also and examples everywhere (ES, SA, EX), for a full stop
# at the end of every description (PR09, RT05), and for the summary's verb (SS05, SS06).
CODES = {
    *("GL01", "GL02", "GL03", "GL05", "GL06", "GL07", "GL08", "GL10"),
    *("SS01", "SS02", "SS03", "SS04"),
    *("PR01", "PR02", "PR03", "PR04", "PR05", "PR06", "PR07", "PR10"),
    *("RT01", "RT03", "YD01"),
}
MODULES = (sklearn_cass, cli, datasets, estimator_checks, metrics, plotting, report)
NETWORKS = ("sklearn_cass.nn.MapShape", "sklearn_cass.nn.Network")


def is_ours(thing):
    return getattr(thing, "__module__", "").startswith("sklearn_cass")


def public_names():
    """Yield the names of public classes and functions."""
    for module in MODULES:
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):  # or a scorer
                yield f"{module.__name__}.{name}", thing
    for path in NETWORKS:
        yield path, getattr(nn, path.rpartition(".")[-1])


def public_objects():
    """Yield the names of public classes, their methods, and functions."""
    for path, thing in public_names():
        yield path
        for name, member in inspect.getmembers(thing, inspect.isfunction):
            if not name.startswith("_") and is_ours(member) and inspect.isclass(thing):
                yield f"{path}.{name}"


@pytest.mark.parametrize("path", sorted(public_objects()))
def test_docstring_is_in_numpydocs_form(path):
    result = validate(path)
    codes = CODES - {"RT01"} if "Yields\n" in result["docstring"] else CODES
    assert not [f"{code}: {text}" for code, text in result["errors"] if code in codes]


# --- estimators -----------------------------------------------------------------------

ESTIMATORS = [
    thing
    for name, thing in vars(sklearn_cass).items()
    if name in sklearn_cass.__all__
    and hasattr(thing, "fit")
    and thing is not BaseSeparator
]
FAMILY = (AESeparator, RegularCASSSeparator, CASSSeparator, GANSeparator)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_estimators_document_attributes_references_and_examples(cls):
    for section in ("Parameters", "Attributes", "References", "Examples", "See Also"):
        assert f"    {section}\n    {'-' * len(section)}\n" in cls.__doc__


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_learned_attributes_are_documented(cls):
    X, y = make_mixtures(4, n_times=8)
    settings = FAST if "network" in cls().get_params() else {}
    fitted = cls(**settings).fit(X, y)
    internal = {"domains_"}
    learned = {n for n in vars(fitted) if n.endswith("_") and not n.startswith("_")}
    assert learned - internal <= documented(cls, "Attributes").keys()


def documented(cls, section="Parameters"):
    """Return type and description of each parameter or attribute."""
    return {
        name: (entry.type, "\n".join(entry.desc))
        for entry in ClassDoc(cls)[section]
        for name in entry.name.split(", ")
    }


def test_shared_parameters_of_the_family_read_alike():
    texts = {}
    for cls in FAMILY:
        for name, text in documented(cls).items():
            assert texts.setdefault(name, text) == text, (cls, name)
    assert len(texts) == len(documented(CASSSeparator))


@pytest.mark.parametrize(
    ("cls", "limit"),
    [(AESeparator, 19), (RegularCASSSeparator, 23), (CASSSeparator, 24)],
)
def test_separators_have_few_parameters(cls, limit):
    assert len(cls().get_params(deep=False)) <= limit
    assert len(documented(cls)) == len(cls().get_params(deep=False))


WITH_PARAMETERS = [
    pytest.param(thing, id=path)
    for path, thing in public_names()
    if inspect.isclass(thing)
]


@pytest.mark.parametrize("cls", WITH_PARAMETERS)
def test_documented_defaults_are_those_of_the_signature(cls):
    signature = inspect.signature(cls).parameters
    for name, (kind, _) in documented(cls).items():
        stated = re.search(r"default=(.+)$", kind.replace("\\\n", " "))
        if name.startswith("*"):
            continue
        default = signature[name].default
        if stated is None:
            assert default is inspect.Parameter.empty, name
        else:
            assert ast.literal_eval(stated[1]) == default, name


# --- English --------------------------------------------------------------------------


def docstrings():
    """Yield file, name and text of all docstrings of the package."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            text = isinstance(node, kinds) and ast.get_docstring(node)
            if text:
                file = path.relative_to(ROOT).as_posix()
                yield f"{file}: {getattr(node, 'name', 'module')}", text


# Metaphors, and words for which this field has others: ablation or setting, learned,
# decide, probabilities or estimates, validation set.
WORDS = re.compile(
    r"\b(doors?|levers?|regimes?|judg\w*|pulled|dressed|learnt|answers?|held.out|"
    r"levelled|rows kept|to be had)\b",
    re.IGNORECASE,
)


def test_docstrings_begin_with_a_verb_or_a_noun():
    found = [
        f"{name}: {text.splitlines()[0]}"
        for name, text in docstrings()
        if re.match(r"(What|Whatever|How|Where|Why|Nor|Of|As|Gives|Made) ", text)
    ]
    assert found == []


def test_docstrings_hold_no_metaphors():
    found = [
        f"{name}: {match[0]}"
        for name, text in docstrings()
        for match in WORDS.finditer(text)
    ]
    assert found == []
