"""The site: its pages, its API, and the gallery's examples."""

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_cass

ROOT = Path(__file__).parents[1]
DOCS, EXAMPLES = ROOT / "docs", ROOT / "examples"
# without pages that are written by people
MADE = ("_build/", "api/", "gallery/", "_templates/", "paper/quick/", "paper/valid")
MODULES = (
    *("sklearn_cass", "sklearn_cass.nn", "sklearn_cass.metrics"),
    *("sklearn_cass.datasets", "sklearn_cass.plotting", "sklearn_cass.training"),
    *("sklearn_cass.report", "sklearn_cass.utils.estimator_checks"),
)
# Pages with code, which is run as it stands, block after block.
PAGES = ("start.md", "guide/shapes.md", "guide/pipelines.md", "guide/recordings.md")


@pytest.fixture(scope="module")
def conf():
    """Return the names of docs/conf.py."""
    for package in ("sphinx_gallery", "myst_parser", "numpydoc"):
        pytest.importorskip(package)
    before = list(sys.path)
    names = {"__file__": str(DOCS / "conf.py")}
    exec((DOCS / "conf.py").read_text(), names)
    sys.path[:] = before
    return names


@pytest.fixture
def repository_pages(monkeypatch):
    """Return the extension that changes links."""
    monkeypatch.syspath_prepend(DOCS / "_ext")
    return importlib.import_module("repository_pages")


# --- pages ----------------------------------------------------------------------------


def pages():
    """Return the names of all pages, without their endings."""
    paths = [*DOCS.rglob("*.md"), *DOCS.rglob("*.rst")]
    names = {p.relative_to(DOCS).with_suffix("").as_posix() for p in paths}
    return {n for n in names if not n.startswith(MADE)}


def listed(page):
    """Yield the pages in the toctrees of a page."""
    text = next(p for p in DOCS.glob(f"{page}.*") if p.suffix != ".png").read_text()
    for tree in re.findall(r"```\{toctree\}\n(.*?)```", text, re.DOTALL):
        entries = [line for line in tree.splitlines() if line and line[0] != ":"]
        for entry in (re.sub(r".*<(.*)>", r"\1", line) for line in entries):
            found = DOCS.glob(f"{entry}.*") if "*" in entry else [DOCS / entry]
            yield from (p.relative_to(DOCS).with_suffix("").as_posix() for p in found)


def test_every_page_is_in_one_toctree():
    # toctrees have the paths of their pages relative to docs/: all are in its pages
    trees = [name for page in pages() for name in listed(page)]
    assert sorted(trees) == sorted(pages() - {"index"} | {"gallery/index"})


def test_pages_that_are_included_exist(repository_pages):
    optional = "CONTRIBUTING.md"
    for name, page in repository_pages.INCLUDED.items():
        assert (ROOT / name).exists() or name == optional
        assert f"/{name}\n" in (DOCS / page).read_text()


def test_included_parts_of_pages_are_found():
    for page in DOCS.rglob("*.md"):
        blocks = re.findall(r"```\{include\} (\S+)\n(.*?)```", page.read_text(), re.S)
        for target, options in blocks:
            if "CONTRIBUTING" not in target:
                text = (page.parent / target).read_text()
                bounds = re.findall(r':(?:start-after|end-before): "(.*)"', options)
                assert all(text.count(bound) >= 1 for bound in bounds), page


def test_settings_of_the_site_can_be_read(conf):
    assert conf["project"] == "sklearn-cass"
    assert conf["release"] == sklearn_cass.__version__
    assert conf["nitpicky"]


@pytest.mark.parametrize(
    ("text", "on_site"),
    [
        ("[x](networks.md#files)", "[x](../networks.md#files)"),
        ("![x](images/separation.png)", "![x](../images/separation.png)"),
        ("[x](../SECURITY.md)", "[x](security.md)"),
        ("[`losses.py`](../sklearn_cass/training/losses.py)", "`losses.py`"),
        ("[x](../benchmarks/)", "x"),
        ("[x](../examples)", "[x](../gallery/index.rst)"),
        ("[x](../examples/plot_ppg.py)", "[x](../gallery/plot_ppg.rst)"),
        ("[x](https://arxiv.org/a.md)", "[x](https://arxiv.org/a.md)"),
        ("[x](#here)", "[x](#here)"),
        ("```\n[x](../benchmarks/)\n```", "```\n[x](../benchmarks/)\n```"),
    ],
)
def test_links_lead_to_pages_of_the_site(repository_pages, text, on_site):
    # as of a page in docs/ that one in docs/project/ includes
    assert repository_pages.relink(text, DOCS, DOCS / "project", DOCS) == on_site


# --- API ------------------------------------------------------------------------------


def public_objects():
    """Yield module and name of every public object."""
    for module in MODULES:
        yield from ((module, name) for name in importlib.import_module(module).__all__)


def documented():
    """Return the objects in docs/api.rst, as module and name."""
    found, module = [], None
    for line in (DOCS / "api.rst").read_text().splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split()[-1]
        elif re.fullmatch(r"   \w+", line):
            found.append((module, line.strip()))
    return found


def test_every_public_object_is_in_the_api_once():
    def places(pairs):
        """Return the pairs by what they name: some names are in two modules."""
        things = [getattr(importlib.import_module(m), name) for m, name in pairs]
        return [id(thing) for thing in things]

    api = places(documented())
    assert len(api) == len(set(api))
    assert set(api) == set(places(public_objects()))


@pytest.mark.parametrize(("module", "name"), sorted(public_objects()))
def test_every_public_object_has_an_example(module, name):
    thing = getattr(importlib.import_module(module), name)
    if inspect.isclass(thing) or inspect.isfunction(thing):
        text = inspect.getdoc(thing)
    else:  # a dict or a scorer: in the docstring of its module
        text = importlib.import_module(module).__doc__
    _, prompt, example = text.partition(">>> ")
    assert prompt
    assert name in example


# --- gallery --------------------------------------------------------------------------

SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py"))


def test_gallery_has_ten_examples_or_more():
    assert len(SCRIPTS) >= 10
    assert all(name.startswith("plot_") for name in SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_examples_begin_with_a_title_and_say_what_one_sees(name):
    text = (EXAMPLES / name).read_text()
    title, line, *rest = ast.get_docstring(ast.parse(text)).splitlines()
    assert line == "=" * len(title)
    assert any(rest)
    code = "\n".join(text.split("# %%\n"))
    assert "matplotlib" in code or "Display" in code
    for cell in text.split("# %%\n")[1:]:
        assert cell.startswith("# ")  # text before the code of each cell


def test_order_of_the_gallery_names_examples(conf):
    assert set(conf["EXAMPLES"]) - {"*"} <= set(SCRIPTS)


def quiet_environment():
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return os.environ | one | {"MPLBACKEND": "Agg", "PYTHONPATH": path}


def run(command, folder):
    """Run a command of Python, and return its output."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=quiet_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_examples_run(name, tmp_path):
    if name == "plot_mne.py":
        pytest.importorskip("mne")
    output = run([EXAMPLES / name], tmp_path)
    assert "Warning" not in output
    assert list(tmp_path.iterdir()) == []  # they leave nothing in the user's folder


@pytest.mark.slow
def test_site_is_built_without_a_warning(conf, tmp_path):
    settings = ["-W", "--keep-going", "-q", "-D", "sphinx_gallery_conf.plot_gallery=0"]
    folders = ["-d", tmp_path / "doctrees", DOCS, tmp_path / "html"]
    assert run(["-m", "sphinx", *settings, *folders], ROOT) == ""
    html = (tmp_path / "html" / "guide" / "method.html").read_text()
    assert html.count("<math") > 20  # equations are MathML
    pages = [p.read_text() for p in (tmp_path / "html").rglob("*.html")]
    sources = re.findall(
        r'<(?:script|img|link)\b[^>]*(?:src|href)="(\w+:)?', "".join(pages)
    )
    assert not any(sources)  # nothing is fetched from elsewhere


# --- code -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_code_of_pages_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    namespace = {"__name__": "page"}
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    for block in blocks:
        exec(block, namespace)
