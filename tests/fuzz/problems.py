"""Mixtures with components or labels, networks and other parameters of separators."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from cases import NoEncoder, UnitMask
from hypothesis import strategies as st
from sklearn_settings import MeanLogit
from skorch.callbacks import Callback, EpochTimer
from strategies import COMPLEX, DENSE, REAL, Recipe, any_shape, arrays, mostly

from sklearn_cass import Checkpoint, Modules, ResNet9, STFTTransformer
from sklearn_cass.training import Muon

# one training step of the smallest networks
TINY = {
    "network": ResNet9(1, 2),
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
    """Labels of a kind in `LABELS`, for some number of rows."""

    kind: str
    n_rows: int

    def make(self):
        return LABELS[self.kind](self.n_rows)


@dataclass(frozen=True)
class Problem:
    """Mixtures, and components or labels, which may not fit them."""

    X: Recipe
    y: Recipe | Labels | None
    n_fft: int | None = None  # X is transformed to a Spectrogram if given

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
    # at most as many channels as time points
    st.tuples(n_rows, st.integers(1, 3), lengths).map(
        lambda shape: (shape[0], min(shape[1:]), shape[2])
    ),
)
image_shapes = st.tuples(n_rows, st.integers(1, 3), short, short)
spectrogram_shapes = st.one_of(
    st.tuples(n_rows, short, short), st.tuples(n_rows, st.integers(1, 2), short, short)
)


@st.composite
def valid_problems(draw):
    """Problems of every domain, all of them valid."""
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
    """Problems, valid or not."""
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
    is_waveform = is_waveform and (len(X.shape) == 2 or X.shape[1] <= X.shape[2])
    as_spectrogram = is_waveform and X.values == "ordinary" and X.dtype in REAL
    as_spectrogram = as_spectrogram and X.layout in DENSE
    n_fft = draw(st.sampled_from([None, 1, 7, 8])) if as_spectrogram else None
    return Problem(X, y, n_fft)


# Values for any parameter, which may be valid or not.
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


class Crop(UnitMask):
    """Decoder whose maps have too few frames."""

    def forward(self, features):
        return super().forward(features)[..., 1:]


class Failing(NoEncoder):
    """Encoder that raises an error of its own kind."""

    def forward(self, x):
        raise KeyError("failed")


class ListOfMaps(UnitMask):
    """Decoder that returns a list."""

    def forward(self, features):
        return [super().forward(features)]


class Nameless:
    """Network whose parts are no modules."""

    def make_encoder(self, shape):
        return len

    def make_decoder(self, shape):
        return None

    def make_discriminator(self, shape):
        return shape


def linear(in_channels, n_freqs):
    """Encoder made by a function, without weights."""
    return torch.nn.Flatten(1, 2)


MODULES = partial(Modules, NoEncoder, UnitMask)
OUTPUTS = ["direct", "mask", "ratio_mask", "affine", "both"]
NETWORK_PARAMETERS = {
    "n_filters": [1, 2, 3],
    "n_latent": [1, 3],
    "skip_connections": [False],
    "dilation": [1, 2, 4, 9],
    "output": OUTPUTS,
    "compression": [1.0, 0.5, 1e-300],
    "discriminator_scale": [0.1, 1, 2],
    "discriminator_conditional": [True],
    "discriminator_local": [True],
    "discriminator_waveform": [True],
}
NETWORKS = [
    ResNet9,
    Modules,
    MODULES(output="mask"),
    MODULES(output="mask", decoder__n_parts=1),
    MODULES(output="mask", discriminator=MeanLogit),
    MODULES(output="mask", discriminator=torch.nn.Identity),
    MODULES(output="mask", discriminator=len),
    MODULES(output="mask", compression=2.0),
    MODULES(output="mask", encoder__width=3),
    MODULES(output="both"),
    Modules(NoEncoder, Crop, output="mask"),
    Modules(NoEncoder, ListOfMaps, output="mask"),
    Modules(Failing, UnitMask),
    Modules(NoEncoder(1, 1), UnitMask),
    Modules(NoEncoder, NoEncoder),
    Modules(torch.nn.Linear, torch.nn.Linear),
    Modules(dict, UnitMask),
    Modules(linear, UnitMask),
    Modules(None, "decoder"),
    Nameless(),
    torch.nn.Identity(),
]


def no_loss(estimate, target):
    return None


def loss_of_rows(estimate, target):
    return (estimate - target).square().mean(dim=(1, 2, 3))


def detached_loss(estimate, target):
    return (estimate - target).detach().square().mean()


def nan_loss(estimate, target):
    return (estimate - target).square().mean() * np.nan


def no_optimizer(parameters, lr):
    return None


PARAMETERS = {
    "stft": [False, *(STFTTransformer(**settings) for settings in TRANSFORMS)],
    "representation": ["complex", "magnitude", "phase-sensitive", "Complex"],
    "reconstruction_loss": [
        "mse",
        "relative",
        torch.nn.functional.l1_loss,
        torch.nn.MSELoss(),
        no_loss,
        loss_of_rows,
        detached_loss,
        nan_loss,
    ],
    "optimizer": [
        "adam",
        "muon",
        torch.optim.SGD,
        partial(Muon, weight_decay=0.1),
        partial(torch.optim.Adam, betas=(2, 3)),
        no_optimizer,
        dict,
    ],
    "checkpoint": [3, Checkpoint("folder", every=0), Checkpoint(None)],
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
# names of what a parameter holds, which an error may name instead
PARTS = {
    "stft": {"n_fft", "hop_length", "win_length", "window"},
    "network": {*NETWORK_PARAMETERS, "encoder", "decoder", "discriminator"},
    "checkpoint": {"folder", "every"},
}
ENDLESS = {"max_epochs": [10**30]}  # valid, but not to be waited for


def parameters_of(cls):
    """Draw up to three parameters of a class, with values that may be valid or not."""
    names = sorted(cls().get_params(deep=False))
    chosen = st.lists(st.sampled_from(names), max_size=3, unique=True)
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries({name: values_of(name) for name in names})
    )


def names_of(parameters):
    """Return the names of parameters, and of what their values hold."""
    return {*parameters}.union(*(PARTS.get(name, ()) for name in parameters))


def values_of(name):
    """Draw a value of a parameter: one of its own in three of four draws, else any."""
    if name == "network":
        return networks()
    return mostly(PARAMETERS[name], odd_values(name))


def odd_values(name):
    if name == "checkpoint":  # strings are folders
        return [value for value in ODD_VALUES if not isinstance(value, str)]
    excluded = ENDLESS.get(name, [])
    return [v for v in ODD_VALUES if type(v) is not int or v not in excluded]


@st.composite
def networks(draw):
    """A ResNet-9 with up to two other parameters, other networks, or anything."""
    kind = draw(st.integers(0, 3))
    if kind > 1:
        return draw(mostly(NETWORKS, ODD_VALUES))
    names = st.lists(st.sampled_from(list(NETWORK_PARAMETERS)), max_size=2, unique=True)
    values = {
        name: draw(mostly(NETWORK_PARAMETERS[name], ODD_VALUES)) for name in draw(names)
    }
    return ResNet9(1, 2).set_params(**values)


recordings = arrays(
    st.one_of(lengths.map(lambda n: (n,)), waveform_shapes, any_shape(600))
)
