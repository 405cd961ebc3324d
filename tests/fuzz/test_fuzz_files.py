"""Files made by a stranger: each is refused, or a separator that works."""

import functools
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from cases import IDENTITY, NoEncoder, UnitMask, make_mixtures
from crafted_files import read_crafted, write_crafted
from headers import (
    ACTIONS,
    TENSOR_ACTIONS,
    VALUES,
    Change,
    TensorChange,
    bounded_memory,
    nothing_happens,
    peak_memory,
    reset_peak,
)
from hypothesis import strategies as st
from oracle import Failure, current_test, fuzzed, require, tally, time_limit
from problems import TINY
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    GANSeparator,
    ICASeparator,
    NMFSeparator,
    RegularCASSSeparator,
    ResNet9,
    STFTTransformer,
    load,
    save,
)
from sklearn_cass.persistence.file_format import tree_from_tensor, tree_tensor

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="memory is measured through /proc"
)

OWN = (NoEncoder, UnitMask)
X, Y = make_mixtures(4, n_times=20)
STFT = STFTTransformer(n_fft=8, window=np.hanning(10)[1:-1])
MADE = {
    "ae": lambda: AESeparator(**TINY).fit(X, Y),
    "cass": lambda: CASSSeparator(
        **TINY | {"random_state": np.random.RandomState(0)},
        cross_weights=[[0, 0.1], [0, 0]],
        stft=STFT,
    ).fit(X, Y),
    "gan": lambda: GANSeparator(
        **TINY, stft=False, representation="magnitude", reconstruction_loss="relative"
    ).fit(X, Y),
    "labels": lambda: RegularCASSSeparator(
        **TINY | {"network": ResNet9(1, 2, output="mask", compression=0.5)}
    ).fit(Y.reshape(-1, 20), ["a", "b"] * 4),
    "spectrograms": lambda: AESeparator(**TINY, optimizer="adam").fit(
        STFTTransformer(n_fft=8).fit_transform(X), Y
    ),
    "images": lambda: CASSSeparator(**TINY).fit(
        X.reshape(4, 1, 4, 5), Y.reshape(4, 2, 1, 4, 5)
    ),
    "nmf": lambda: NMFSeparator(n_atoms=2, max_iter=5, random_state=0).fit(
        *make_mixtures(4, n_times=20, n_channels=2)
    ),
    "ica": lambda: ICASeparator(n_delays=3, max_iter=5, random_state=0).fit(X, Y),
    "transformer": lambda: STFTTransformer(n_fft=8, hop_length=3).fit(X),
    "pipeline": lambda: make_pipeline(
        STFT, NMFSeparator(n_atoms=2, max_iter=5, random_state=0)
    ).fit(X, Y),
    "own classes": lambda: AESeparator(**TINY | IDENTITY).fit(X, Y),
}


@functools.cache
def honest(name):
    """Return content and tensors of a file, the separator, and its memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            save(MADE[name](), path)
        load(path, classes=OWN)  # what is imported late does not count
        before = reset_peak()
        separator = load(path, classes=OWN)
        use(separator, separator)
        return *read_crafted(path), separator, peak_memory() - before


def use(separator, like):
    """Separate, and fit again, as its user would; errors are those of bad input."""
    if isinstance(separator, Pipeline):
        use(separator[0], like[0])
        use(separator[1], like[1])
    elif isinstance(separator, STFTTransformer):
        transform_and_invert(separator, like)
    else:
        separate(separator, like)


def transform_and_invert(stft, like):
    """Transform what the honest transformer takes, and invert it."""
    try:
        spectrograms = stft.transform(X[:, : like.n_times_])
        waveforms = stft.inverse_transform(spectrograms)
    except ValueError:
        return
    require(waveforms.shape == X[:, : like.n_times_].shape, f"{waveforms.shape}")
    require(np.isfinite(waveforms).all(), "waveforms that are not finite")


def separate(separator, like):
    """Separate mixtures, and fit again."""
    if "max_iter" in separator.get_params():
        separator.set_params(max_iter=5)  # large by its nature
    shape = (3, *like.domains_.X_shape)
    mixtures = np.random.default_rng(0).normal(size=shape)
    if like.domains_.X_domain == "complex spectrograms":
        stft = like.domains_.stft
        mixtures = stft.transform(np.resize(mixtures, (3, like.domains_.n_times)))
    try:
        estimates = separator.transform(mixtures)
    except ValueError:
        return
    wanted = (3, separator.n_components_, *separator.domains_.y_shape)
    require(estimates.shape == wanted, f"{estimates.shape}, expected {wanted}")
    require(np.isfinite(estimates).all(), "estimates that are not finite")
    refit(separator, like, mixtures)


SIZED = ("network", "stft", "max_frames", "max_times", "n_delays")


def refit(separator, like, mixtures):
    """Fit with the file's parameters but those that are large by their nature."""
    known = like.get_params(deep=False)
    sizes = {"batch_size": 8, "max_epochs": 1, "verbose": 0, "n_atoms": 2}
    sizes = {name: size for name, size in sizes.items() if name in known}
    sizes |= {n: clone(known[n], safe=False) for n in SIZED if n in known}
    again = clone(separator).set_params(**sizes)
    components = np.stack([mixtures / 2, mixtures / 2], 1)
    try:
        again.fit(np.asarray(mixtures), np.asarray(components))
    except (ValueError, TypeError):
        pass


def is_refused_or_works(name, content, tensors):
    """Load a crafted file, use what it holds, and require that nothing else happens."""
    *_, separator, n_bytes = honest(name)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder, "a")
        write_crafted(path, content, tensors)
        with bounded_memory(2 * n_bytes + 2**25), time_limit(60), nothing_happens():
            try:
                loaded = load(path, classes=OWN)
                use(loaded, separator)
                tally["worked"][current_test()] += 1
            except (ValueError, OSError):
                tally["refused"][current_test()] += 1
                return
            except Failure:
                raise
            except Exception as error:
                kind = type(error).__name__
                raise Failure(f"{kind} is no refusal: {error}") from error
    for found, known in pairs_of_objects(loaded, separator):
        extra = set(vars(found)) ^ set(vars(known))
        require(not extra, f"attributes {extra}")
        for name in ("checkpoint", "callbacks", "memory"):
            require(getattr(found, name, None) in (None, []), f"a {name}")


def pairs_of_objects(loaded, honest):
    """Yield loaded objects, and those of the honest file, whose attributes are equal"""
    yield loaded, honest
    if isinstance(honest, Pipeline):
        for pair in zip(loaded.named_steps.values(), honest, strict=True):
            yield from pairs_of_objects(*pair)
    if hasattr(honest, "net_"):
        yield loaded.net_, honest.net_


# Checkpoints --------------------------------------------------------------------------

RESUMED = {
    "ae": {"cls": AESeparator},
    "cass": {"cls": CASSSeparator, "random_state": np.random.RandomState(1)},
    "early stopping": {"cls": AESeparator, "early_stopping": True, "optimizer": "adam"},
}


def trained(name, folder, max_epochs):
    """Fit with a checkpoint in a folder."""
    settings = TINY | {"lr_schedule": "constant", "max_epochs": max_epochs}
    settings |= RESUMED[name]
    cls = settings.pop("cls")
    return cls(**settings, checkpoint=folder).fit(X, Y)


@functools.cache
def honest_state(name):
    """Return path, content and tensors of a checkpoint, and the memory to resume."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trained(name, folder, 1)
        (path,) = Path(folder).glob("*/checkpoint.safetensors")
        content, tensors = read_crafted(path)
        before = reset_peak()
        separator = trained(name, folder, 2)
        n_bytes = peak_memory() - before
        return path.relative_to(folder), content, tensors, separator, n_bytes


def is_refused_or_resumed(name, content, tensors, tree):
    """Resume from a crafted checkpoint."""
    path, _, _, separator, n_bytes = honest_state(name)
    tensors = tensors | {"state": tree_tensor(tree)}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder, path)
        path.parent.mkdir()
        write_crafted(path, content, tensors)
        with bounded_memory(2 * n_bytes + 2**25), time_limit(60):
            try:
                resumed = trained(name, folder, 2)
                estimates = resumed.transform(X)
                tally["worked"][current_test()] += 1
            except (ValueError, OSError):
                tally["refused"][current_test()] += 1
                return
            except Exception as error:
                kind = type(error).__name__
                raise Failure(f"{kind} is no refusal: {error}") from error
        extra = set(vars(resumed.net_)) ^ set(vars(separator.net_))
        require(not extra, f"attributes {extra}")
        require(resumed.n_iter_ in (1, 2), f"{resumed.n_iter_} epochs")
        require(np.isfinite(estimates).all(), "estimates that are not finite")


names = st.sampled_from(list(MADE))
places = st.integers(0, 10**4)
changes = st.builds(
    Change, places, st.sampled_from(ACTIONS), st.integers(0, len(VALUES) - 1)
)
tensor_changes = st.builds(TensorChange, places, st.sampled_from(TENSOR_ACTIONS))


@fuzzed(
    test=100, fuzz=5000, name=names, drawn=st.lists(changes, min_size=1, max_size=2)
)
def test_any_header(name, drawn):
    content, tensors, *_ = honest(name)
    header = content["header"]
    for change in drawn:
        header = change.apply(header) if header else header
    is_refused_or_works(name, content | {"header": header}, tensors)


@fuzzed(
    test=40,
    fuzz=1000,
    name=names,
    drawn=st.lists(tensor_changes, min_size=1, max_size=2),
)
def test_any_tensors(name, drawn):
    content, tensors, *_ = honest(name)
    for change in drawn:
        tensors = change.apply(tensors) if tensors else tensors
    is_refused_or_works(name, content, tensors)


@fuzzed(
    test=20,
    fuzz=1000,
    name=st.sampled_from(list(RESUMED)),
    place=st.sampled_from(["header", "state", "state", "tensors"]),
    change=changes,
    tensor_change=tensor_changes,
)
def test_any_checkpoint(name, place, change, tensor_change):
    _, content, tensors, *_ = honest_state(name)
    tree = tree_from_tensor(tensors["state"])
    others = {key: tensor for key, tensor in tensors.items() if key != "state"}
    if place == "header":
        content = content | {"header": change.apply(content["header"])}
    elif place == "state":
        tree = change.apply(tree)
    else:
        others = tensor_change.apply(others)
    is_refused_or_resumed(name, content, others, tree)
