"""The sdist and the wheel: what they hold, and that they work by themselves."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import numpy as np
import pytest
from test_packaging import project, targets_of

ROOT = Path(__file__).parents[1]
IGNORED = (
    *(".git", ".venv*", "__pycache__", "build", "dist", "*.egg-info", ".*_cache"),
    *("demo_output", ".hypothesis", "checkpoints"),
)
pytestmark = pytest.mark.slow


def call(*command, **settings):
    """Run a command without the paths of this process; return its output."""
    env = {name: v for name, v in os.environ.items() if name != "PYTHONPATH"}
    env |= settings.pop("env", {})
    run = subprocess.run(command, capture_output=True, text=True, env=env, **settings)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    return run.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with both distributions, built from a copy of the project.

    As `python -m build` does, the wheel is built from the sdist.
    """
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("dist")
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*IGNORED))
    # without isolation: that would download setuptools
    options = ("--no-isolation", "--outdir", str(folder))
    call(sys.executable, "-m", "build", *options, str(source))
    return folder


def the_only(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


@pytest.fixture(scope="module")
def unpacked(folder):
    """Return the folder of the unpacked sdist."""
    with tarfile.open(the_only(folder, "*.tar.gz")) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    return the_only(folder / "unpacked", "*")


@pytest.fixture(scope="module")
def wheel(folder):
    return the_only(folder, "*.whl")


def files_in(folder):
    """Return the files of a part of the project, by their paths."""
    found = [p for p in (ROOT / folder).rglob("*") if p.is_file()]
    ignored = {"__pycache__", "quick", "validation", "work", "wheels", "_build"}
    paths = [path.relative_to(ROOT) for path in found]
    return {path.as_posix() for path in paths if not ignored & set(path.parts)}


def test_wheel_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == files_in("sklearn_cass")


def test_wheel_describes_itself_without_links_to_files(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    assert metadata["Version"] == project()["version"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert set(metadata.get_all("Provides-Extra")) == set(
        project()["optional-dependencies"]
    )
    text = metadata.get_payload(decode=True).decode()
    assert text.lstrip().startswith("# sklearn-cass")
    assert all(target.startswith("https://") for target in targets_of(text))


SEPARATE = """
import numpy as np
import sklearn_cass
from sklearn_cass import AESeparator, ResNet9, load

y = np.random.default_rng(0).normal(size=(8, 2, 64))
network = ResNet9(n_filters=2, n_latent=4)
separator = AESeparator(network, max_epochs=1, random_state=0).fit(y.sum(axis=1), y)
separator.save("separator.safetensors")
np.save("estimates.npy", load("separator.safetensors").transform(y.sum(axis=1)))
print(sklearn_cass.__file__)
print(sklearn_cass.__version__)
"""


def test_wheel_separates_in_an_environment_of_its_own(wheel, tmp_path):
    call(sys.executable, "-m", "venv", "--without-pip", "env", cwd=tmp_path)
    scripts = "Scripts" if os.name == "nt" else "bin"
    python = tmp_path / "env" / scripts / "python"
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install")
    call(*pip, "--quiet", "--no-deps", "--no-index", str(wheel))
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(call(str(python), "-c", code).strip())
    # what it requires is there; a path in such a file does not lead to editable ones
    present = sysconfig.get_path("purelib")
    (packages / "present.pth").write_text(present)
    output = call(str(python), "-c", SEPARATE, cwd=tmp_path).split()
    assert Path(output[0]).is_relative_to(tmp_path)
    assert output[1] == project()["version"]
    assert np.load(tmp_path / "estimates.npy").shape == (8, 2, 64)


@pytest.mark.parametrize("part", ["tests", "benchmarks", "docs", "sklearn_cass"])
def test_sdist_holds_what_its_tests_need(part, unpacked):
    missing = [name for name in files_in(part) if not (unpacked / name).exists()]
    assert missing == []


def test_tests_of_the_sdist_run(unpacked):
    pytest_in_sdist = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    settings = {"cwd": unpacked, "env": {"PYTHONPATH": str(unpacked)}}
    collected = call(*pytest_in_sdist, "--collect-only", "tests", **settings)
    assert "test_distributions.py" in collected
    files = ["tests/test_packaging.py", "tests/test_imports.py", "tests/test_losses.py"]
    output = call(*pytest_in_sdist, "-m", "not slow", *files, **settings)
    assert " passed" in output
