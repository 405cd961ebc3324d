"""Mixtures with components or labels, and parameters, as the separators get them."""

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st
from skorch.callbacks import Callback, EpochTimer
from strategies import COMPLEX, REAL, Recipe, any_shape, arrays, mostly

from sklearn_cass import STFTTransformer

# one training step of the smallest networks
TINY = {
    "n_filters": 1,
    "n_latent": 2,
    "max_epochs": 1,
    "batch_size": 8,
    "random_state": 0,
}

LABELS = {
    "whole numbers": lambda n: np.arange(n) % 2,
    "far apart": lambda n: np.arange(n) % 2 * (2**62),
    "negative": lambda n: -(np.arange(n) % 3),
    "all the same": lambda n: np.zeros(n, int),
    "all different": lambda n: np.arange(n),
    "bools": lambda n: np.arange(n) % 2 == 0,
    "strings": lambda n: np.array(["violin", "bass"])[np.arange(n) % 2],
    "bytes": lambda n: np.array([b"violin", b"bass"])[np.arange(n) % 2],
    "object strings": lambda n: np.array(["a", "b"], object)[np.arange(n) % 2],
    "list of strings": lambda n: ["ab"[k % 2] for k in range(n)],
    "whole floats": lambda n: np.arange(n) % 2 + 1.0,
    "float16": lambda n: (np.arange(n) % 2).astype("float16"),
    "longdouble": lambda n: (np.arange(n) % 2).astype("longdouble"),
    "fractions": lambda n: np.arange(n) / 3,
    "complex": lambda n: np.arange(n) * 1j,
    "dates": lambda n: (np.arange(n) % 2).astype("datetime64[D]"),
    "strings and numbers": lambda n: np.array(["a", 1], object)[np.arange(n) % 2],
    "None": lambda n: np.array(["a", None], object)[np.arange(n) % 2],
    "NaN": lambda n: np.full(n, np.nan),
    "one too many": lambda n: np.arange(n + 1) % 2,
    "column": lambda n: np.arange(n)[:, None] % 2,
}


@dataclass(frozen=True)
class Labels:
    """Labels for so many rows, of a kind in `LABELS`."""

    kind: str
    n_rows: int

    def make(self):
        return LABELS[self.kind](self.n_rows)


@dataclass(frozen=True)
class Problem:
    """Mixtures, and the components or labels that belong to them or do not."""

    X: Recipe
    y: Recipe | Labels | None
    n_fft: int | None = None  # given: X is brought to a Spectrogram by such a transform

    def make(self):
        X, y = self.X.make(), self.y if self.y is None else self.y.make()
        if self.n_fft is not None:
            X = STFTTransformer(n_fft=self.n_fft).fit_transform(X)
        return X, y


n_rows, n_parts = st.integers(1, 9), st.sampled_from([1, 2, 2, 2, 3])
lengths = st.one_of(st.integers(1, 12), st.integers(1, 70), st.sampled_from([127, 300]))
short = st.integers(1, 9)
waveform_shapes = st.one_of(
    st.tuples(n_rows, lengths),
    st.tuples(n_rows, lengths),
    st.tuples(n_rows, st.integers(1, 3), lengths),
)
image_shapes = st.tuples(n_rows, st.integers(1, 3), short, short)
spectrogram_shapes = st.one_of(
    st.tuples(n_rows, short, short), st.tuples(n_rows, st.integers(1, 2), short, short)
)


@st.composite
def valid_problems(draw):
    """Problems of every domain that nothing speaks against."""
    domain = draw(st.sampled_from(["waveforms", "images", "complex", "labels"]))
    dtype = draw(st.sampled_from(COMPLEX[:2] if domain == "complex" else REAL))
    shapes = {"images": image_shapes, "complex": spectrogram_shapes}
    X = Recipe(draw(shapes.get(domain, waveform_shapes)), dtype)
    if domain == "labels":
        kinds = ["whole numbers", "strings", "bools", "all the same", "object strings"]
        return Problem(X, Labels(draw(st.sampled_from(kinds)), X.shape[0]))
    shape = (X.shape[0], draw(n_parts), *X.shape[1:])
    if len(X.shape) > (2 if domain == "waveforms" else 3) and draw(st.booleans()):
        shape = (*shape[:2], *shape[3:])  # components without channels
    return Problem(X, X.but(shape=shape, seed=1))


@st.composite
def problems(draw):
    """Problems good and bad."""
    shapes = st.one_of(waveform_shapes, waveform_shapes, image_shapes, any_shape(600))
    dtypes = None
    if draw(st.integers(0, 5)) == 5:
        shapes, dtypes = spectrogram_shapes, st.sampled_from(COMPLEX)
    X = draw(arrays(shapes, dtypes))
    n = X.shape[0] if X.shape else 3
    labels = st.builds(Labels, st.sampled_from(list(LABELS)), st.just(n))
    like_X = st.just(X.dtype)
    fitting = arrays(
        n_parts.map(lambda k: (n, k, *X.shape[1:])),
        st.one_of(like_X, like_X, mostly(REAL, COMPLEX)) if dtypes is None else like_X,
    )
    anything = st.one_of(st.none(), arrays(any_shape(600)))
    kind = draw(st.integers(0, 11))
    y = draw(labels if kind > 9 else anything if kind == 9 else fitting)
    is_waveform = len(X.shape) in (2, 3) and 0 not in X.shape and dtypes is None
    as_spectrogram = is_waveform and X.values == "ordinary" and X.dtype in REAL
    n_fft = draw(st.sampled_from([None, 1, 7, 8])) if as_spectrogram else None
    return Problem(X, y, n_fft)


# Any value for any parameter, to be refused or to be used.
ODD_VALUES = [
    None,
    True,
    0,
    1,
    -1,
    2.5,
    np.nan,
    np.inf,
    -np.inf,
    10**30,
    1j,
    np.int8(1),
    np.float32(0.5),
    np.float64(1e-320),
    np.array(1),
    np.array([1.0, 2.0]),
    "",
    "auto",
    "cosine",
    "\0",
    b"cpu",
    (),
    [],
    [[]],
    [None],
    {},
    {"a": 1},
    object,
    len,
    slice(None),
    np.ma.masked,
]
TRANSFORMS = [
    {"n_fft": 8},
    {"n_fft": 1},
    {"n_fft": 7, "hop_length": 3},
    {"n_fft": 9, "win_length": 4, "hop_length": 1},
    {"n_fft": 8, "window": "boxcar", "hop_length": 8},
    {"n_fft": 8, "window": "hann", "hop_length": 8},
    {"n_fft": 8, "window": ("kaiser", 8.0)},
    {"n_fft": 8, "window": ()},
    {"n_fft": 8, "window": [1.0] * 8},
    {"n_fft": 8, "window": [0.0] * 8},
    {"n_fft": 4, "window": [1e200, 1, 1, 1]},
    {"n_fft": 4, "window": [1e-200] * 4},
    {"n_fft": 8, "win_length": 9},
    {"n_fft": -1},
    {"n_fft": "8"},
    {"hop_length": 10**30},
    {"n_fft": 301},
]
PARAMETERS = {
    "stft": [STFTTransformer(**settings) for settings in TRANSFORMS],
    "representation": ["complex", "magnitude", "Complex"],
    "output": ["direct", "mask", "both"],
    "encoder": [torch.nn.Linear],
    "decoder": [dict],
    "discriminator": [torch.nn.Identity],
    "n_filters": [1, 2, 3],
    "n_latent": [1, 3],
    "skip_connections": [False],
    "lr": [1e-30, 1e-3, 1e3, 1e38, 1e300],
    "discriminator_lr": [1e-30, 1e-3, 1e3, 1e38, 1e300],
    "lr_schedule": ["cosine", "constant"],
    "batch_size": [1, 2, 1000],
    "max_epochs": [1, 2, 3],
    "remix": [0, 0.1, 0.5, 1],
    "validation_fraction": [0, 0.1, 0.5, 0.99],
    "early_stopping": [True],
    "warm_start": [True],
    "callbacks": [
        [Callback()],
        [EpochTimer],
        ["timer"],
        [("timer", EpochTimer())],
        [3],
    ],
    "device": [
        "cpu",
        "CPU",
        "cpu:0",
        "cpu:1",
        "meta",
        "mps",
        "xla",
        "cuda:7",
        "cpu:-1",
    ],
    "precision": ["auto", "float32", "bf16", "float16"],
    "random_state": [0, 2**32 - 1, 2**32, np.random.RandomState(0)]
    + [np.random.default_rng(0), np.uint64(7), "0", [1, 2], np.random],
    "verbose": [False, 2],
    "alpha": [0, 1, 1e-300, 1e38, 1e300],
    "beta": [0, 1, 1e-300, 1e38, 1e300],
    "loss_weighting": ["gradient", "literal"],
    "cross_weights": [
        0,
        0.5,
        1e38,
        1e300,
        [[0, 0.1], [0.2, 0]],
        [[0, -0.1], [0.2, 0]],
        [[0, 1], [1]],
        [[0, "a"], [1, 0]],
        [[0, 1j], [1, 0]],
        np.ones((2, 2)),
        np.eye(2)[::-1],
        np.eye(2)[::-1].astype(object),
        np.zeros((2, 2, 2)),
        np.zeros((0, 0)),
        {"0": 1},
    ],
}
ENDLESS = {"max_epochs": [10**30]}  # valid, and not to be waited for


def parameters_of(cls):
    """Up to three parameters of a separator's class set to other values."""
    names = sorted(set(PARAMETERS) & set(cls().get_params(deep=False)))
    chosen = st.lists(st.sampled_from(names), max_size=3, unique=True)
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries({name: values_of(name) for name in names})
    )


def values_of(name):
    """Values of a parameter: its own in three of four draws, else any."""
    odd = [v for v in ODD_VALUES if not any(v is e or v == e for e in endless(name, v))]
    return mostly(PARAMETERS[name], odd)


def endless(name, value):
    return ENDLESS.get(name, []) if type(value) is int else []


recordings = arrays(
    st.one_of(lengths.map(lambda n: (n,)), waveform_shapes, any_shape(600))
)
