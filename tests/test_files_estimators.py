"""Files of separators with arrays, of transformers, and of pipelines of the two."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from cases import FAST, make_mixtures
from crafted_files import read_crafted, write_crafted
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_cass import (
    AESeparator,
    BaseSeparator,
    CASSSeparator,
    GANSeparator,
    ICASeparator,
    NMFSeparator,
    Spectrogram,
    STFTTransformer,
    load,
    save,
)

pytestmark = [
    pytest.mark.usefixtures("generators_stand_still"),
    pytest.mark.filterwarnings("ignore:FastICA did not converge"),
    pytest.mark.filterwarnings("ignore:Maximum number of iterations"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

NMF = {"n_atoms": 2, "max_iter": 20, "random_state": 0}
SEPARATORS = {
    "gan": lambda: GANSeparator(**FAST),
    "ica": lambda: ICASeparator(n_delays=4, random_state=0),
    "nmf": lambda: NMFSeparator(**NMF, beta_loss="frobenius", power=2.0),
}
DATA = {
    "one channel": make_mixtures(8),
    "channels": make_mixtures(8, n_channels=3),
    "channels of X alone": (
        make_mixtures(8, n_channels=3)[0],
        make_mixtures(8, n_channels=3)[1][:, :, 0],
    ),
}


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def saved_and_loaded(estimator):
    """Save an estimator, load it, save that, and compare the files."""
    save(estimator, "a")
    loaded = load("a")
    assert type(loaded) is type(estimator)
    assert repr(loaded) == repr(estimator)
    save(loaded, "b")
    assert Path("a").read_bytes() == Path("b").read_bytes()
    return loaded


def assert_equal_attributes(found, wanted):
    """Compare public attributes but for objects."""
    assert public(found).keys() == public(wanted).keys()
    for name, value in public(wanted).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(found, name), value)
            assert getattr(found, name).dtype == value.dtype
        elif isinstance(value, int | float | str | None):
            assert getattr(found, name) == value


def public(estimator):
    return {name: v for name, v in vars(estimator).items() if name[0] != "_"}


# --- round trips --------------------------------------------------------------------


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("name", SEPARATORS)
def test_loaded_separator_equals_the_saved_one(name, kind):
    X, y = DATA[kind]
    separator = SEPARATORS[name]().fit(X, y, sfreq=100.0)
    loaded = saved_and_loaded(separator)
    assert_equal_attributes(loaded, separator)
    np.testing.assert_array_equal(loaded.transform(X), separator.transform(X))
    np.testing.assert_array_equal(loaded.separate(X[0]), separator.separate(X[0]))
    separator.save("c")  # the method writes the same
    assert Path("a").read_bytes() == Path("c").read_bytes()


@pytest.mark.parametrize("name", SEPARATORS)
def test_loaded_separator_keeps_labels_and_can_be_fitted_again(name):
    _, y = DATA["one channel"]
    rows, labels = y.reshape(-1, y.shape[-1]), ["voice", "noise"] * len(y)
    separator = SEPARATORS[name]().fit(rows, labels)
    loaded = saved_and_loaded(separator)
    assert loaded.component_names_.tolist() == ["noise", "voice"]
    assert loaded.score(rows, labels) == separator.score(rows, labels)
    again = loaded.fit(rows, labels)
    np.testing.assert_array_equal(again.transform(rows), separator.transform(rows))


@pytest.mark.parametrize("n_channels", [None, 3])
def test_loaded_transformer_equals_the_saved_one(n_channels):
    X, _ = make_mixtures(4, n_channels=n_channels)
    stft = STFTTransformer(n_fft=16, window=np.hanning(18)[1:-1]).fit(X)
    loaded = saved_and_loaded(stft)
    assert_equal_attributes(loaded, stft)
    Z = loaded.transform(X)
    np.testing.assert_array_equal(Z, stft.transform(X))
    np.testing.assert_array_equal(
        loaded.inverse_transform(Z), stft.inverse_transform(Z)
    )


def test_transformer_keeps_the_names_of_features():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(make_mixtures(4, n_times=8)[0]).add_prefix("t")
    stft = STFTTransformer().fit(X)
    loaded = saved_and_loaded(stft)
    assert loaded.feature_names_in_.tolist() == [f"t{i}" for i in range(8)]
    np.testing.assert_array_equal(loaded.transform(X), stft.transform(X))


STEPS = {**SEPARATORS, "cass": lambda: CASSSeparator(**FAST)}


@pytest.mark.parametrize("name", STEPS)
def test_loaded_pipeline_equals_the_saved_one(name):
    X, y = DATA["one channel"]
    steps = [("transform", STFTTransformer(n_fft=16)), ("separate", STEPS[name]())]
    pipeline = Pipeline(steps).fit(X, y)
    loaded = saved_and_loaded(pipeline)
    assert list(loaded.named_steps) == ["transform", "separate"]
    for step in loaded.named_steps:
        assert_equal_attributes(loaded[step], pipeline[step])
    np.testing.assert_array_equal(loaded.transform(X), pipeline.transform(X))
    assert loaded.score(X, y) == pipeline.score(X, y)
    again = loaded.fit(X, y).transform(X)
    np.testing.assert_array_equal(again, pipeline.transform(X))


def test_folder_of_a_cache_is_not_saved():
    X, y = DATA["one channel"]
    stft, separator = STFTTransformer(n_fft=16), NMFSeparator(**NMF)
    pipeline = make_pipeline(stft, separator, memory="cache").fit(X, y)
    save(pipeline, "a")
    assert load("a").memory is None


# --- waveforms behind an STFT step --------------------------------------------------


@pytest.mark.parametrize("kind", ["waveforms", "spectrograms"])
@pytest.mark.parametrize("name", STEPS)
def test_separator_of_a_pipeline_takes_waveforms(name, kind):
    X, y = DATA["channels"]
    stft = STFTTransformer(n_fft=16)
    Z = stft.fit_transform(X)
    if kind == "spectrograms":
        y = stft.transform(y.reshape(-1, *X.shape[1:])).reshape(
            *y.shape[:2], *Z.shape[1:]
        )
    STEPS[name]().fit(Z, y).save("a")
    separator = load("a")
    expected, found = separator.transform(Z), separator.transform(X)
    assert found.dtype == expected.dtype and type(found) is type(expected)
    assert isinstance(found, Spectrogram) == (kind == "spectrograms")
    np.testing.assert_allclose(found, expected, atol=1e-5 * abs(expected).max())
    np.testing.assert_allclose(separator.score(X, y), separator.score(Z, y), atol=1e-3)


def test_separator_of_a_pipeline_takes_waveforms_of_its_length_alone():
    X, y = DATA["one channel"]
    Z = STFTTransformer(n_fft=16).fit_transform(X)
    separator = NMFSeparator(**NMF).fit(Z, y)
    with pytest.raises(ValueError, match=r"waveforms of shape \(64,\) are taken"):
        separator.transform(X[:, :32])
    with pytest.raises(ValueError, match="NaN"):
        separator.transform(np.full_like(X, np.nan))


def test_discriminators_take_waveforms_of_a_pipeline():
    X, y = DATA["one channel"]
    Z = STFTTransformer(n_fft=16).fit_transform(X)
    separator = CASSSeparator(**FAST).fit(Z, y)
    expected = separator.discriminate(y, Z)
    np.testing.assert_allclose(separator.discriminate(y, X), expected, atol=1e-5)


# --- what is refused ----------------------------------------------------------------


class OwnSeparator(BaseSeparator):
    """A separator that is derived from the base class alone."""

    def __init__(self, stft=None, random_state=None):
        self.stft = stft
        self.random_state = random_state

    def _fit_samples(self, samples, rng):
        pass

    def _estimate(self, X):
        return X.unsqueeze(1).expand(-1, self.n_components_, -1, -1, -1)


SEARCH = GridSearchCV(NMFSeparator(**NMF), {"n_atoms": [1]}, cv=2)
REFUSED = {
    "own": (OwnSeparator(), "OwnSeparator, whose class does not say .* joblib"),
    "search": (SEARCH, "GridSearchCV: save its best_estimator_"),
    "scaler": (StandardScaler(), "StandardScaler, but a separator, an STFTTransformer"),
    "other steps": (
        make_pipeline(StandardScaler(), NMFSeparator(**NMF)),
        "Pipeline of two steps, .* got .'StandardScaler', 'NMFSeparator'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_estimators_are_not_saved(name):
    estimator, message = REFUSED[name]
    X, y = DATA["one channel"]
    fitted = estimator.fit(X) if name == "scaler" else estimator.fit(X, y)
    with pytest.raises(TypeError, match=message):
        save(fitted, "a")
    assert not os.listdir()


@pytest.mark.parametrize(
    "estimator",
    [
        NMFSeparator(),
        STFTTransformer(),
        make_pipeline(STFTTransformer(), NMFSeparator()),
    ],
)
def test_save_needs_a_fitted_estimator(estimator):
    with pytest.raises(NotFittedError):
        save(estimator, "a")
    assert not os.listdir()


MADE = {
    "nmf": lambda: NMFSeparator(**NMF).fit(*DATA["channels of X alone"]),
    "ica": lambda: ICASeparator(n_delays=2, random_state=0).fit(*DATA["channels"]),
    "stft": lambda: STFTTransformer(n_fft=16).fit(DATA["one channel"][0]),
    "pipeline": lambda: make_pipeline(
        STFTTransformer(n_fft=16), NMFSeparator(**NMF)
    ).fit(*DATA["one channel"]),
    "net": lambda: AESeparator(**FAST).fit(*DATA["one channel"]),
}


def put(*names):
    """Return a change of one entry of a header to a value."""
    *names, last = names

    def change(value):
        def apply(header, tensors):
            for name in names:
                header = header[name]
            header[last] = value

        return apply

    return change


def alter(name, function):
    """Return a change of one tensor."""

    def apply(header, tensors):
        tensors[name] = function(tensors[name])

    return apply


CRAFTED = {
    "atoms below 0": ("nmf", alter("dictionaries_", torch.neg), "without negative"),
    "atoms without end": (
        "nmf",
        alter("dictionaries_", lambda t: t * float("inf")),
        "dictionaries_: expected finite",
    ),
    "more frequencies": (
        "nmf",
        alter("dictionaries_", lambda t: t.repeat(1, 1, 2)),
        "dictionaries_ must be an array of shape",
    ),
    "no atoms": ("nmf", lambda h, t: t.pop("dictionaries_"), "dictionaries_ must be"),
    "no weights": ("nmf", lambda h, t: t.pop("channel_weights_"), "channel_weights_"),
    "other numbers": (
        "nmf",
        alter("dictionaries_", torch.Tensor.long),
        "dictionaries_: expected one of",
    ),
    "more arrays": (
        "nmf",
        lambda h, t: t.update(random_state=torch.ones(3)),
        "alone, got .*random_state",
    ),
    "iterations": ("nmf", put("learned", "n_iter_")(0), "n_iter_: expected an integer"),
    "domains": ("nmf", put("domains", "class")("WaveformDomains"), "expected Domains"),
    "filters": (
        "ica",
        alter("filters_", lambda t: t[..., 1:].clone()),
        "an odd length",
    ),
    "long filters": (
        "ica",
        alter("filters_", lambda t: t.repeat(1, 1, 1, 99)),
        "length of at most 127",
    ),
    "components": (
        "ica",
        alter("source_components_", lambda t: t + 2),
        "indices below 2",
    ),
    "class": (
        "ica",
        put("separator")(["sklearn_cass.separators._cass", "CASSSeparator"]),
        "what CASSSeparator learns",
    ),
    "class of a net": (
        "net",
        put("separator")(["sklearn_cass.separators._nmf", "NMFSeparator"]),
        "what NMFSeparator learns",
    ),
    "hop": ("stft", put("stft", "hop_length_")(17), "cannot be inverted"),
    "tensors": ("stft", lambda h, t: t.update(a=torch.ones(2)), "expected no tensors"),
    "names": (
        "stft",
        put("feature_names_in_")({"ndarray": ["|O", ["a"]]}),
        "length 64",
    ),
    "steps": ("pipeline", put("names")(["a", "a"]), "names"),
    "nested names": ("pipeline", put("names")(["a__b", "c"]), "names"),
    "memory": ("pipeline", put("memory")("folder"), "the fields"),
    "other lengths": (
        "pipeline",
        put("transformer", "stft", "n_times_")(640),
        "transformer: expected spectrograms",
    ),
    "separator": ("pipeline", put("separator")(3), "separator: expected an object"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_files_are_refused(name):
    kind, change, message = CRAFTED[name]
    save(MADE[kind](), "a")
    content, tensors = read_crafted(Path("a"))
    write_crafted(Path("a"), content, tensors)
    load("a")  # what is changed is all that is refused
    change(content["header"], tensors)
    write_crafted(Path("a"), content, tensors)
    with pytest.raises(ValueError, match=f"'a': .*{message}"):
        load("a")


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("claimed", ["separator", "pipeline", "transformer"])
def test_kind_of_a_file_cannot_be_changed(kind, claimed):
    save(MADE[kind](), "a")
    content, tensors = read_crafted(Path("a"))
    if content["kind"] != claimed:
        write_crafted(Path("a"), content | {"kind": claimed}, tensors)
        with pytest.raises(ValueError, match="'a': "):
            load("a")
