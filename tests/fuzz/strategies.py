"""Strategies of arrays of every kind, and helpers for others."""

import tempfile
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse
import torch
from hypothesis import strategies as st

REAL = ("float64", "float32")
NUMBERS = (
    *REAL,
    "float16",
    "longdouble",
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint64",
    ">f8",
    ">i4",
    "object",
)
COMPLEX = ("complex64", "complex128", "clongdouble")
OTHERS = ("U3", "S3", "datetime64[s]", "timedelta64[s]", "mixed", "structured")
FINITE = (
    "ordinary",
    "zeros",
    "constant",
    "whole",
    "large",
    "huge",
    "largest",
    "small",
    "tiny",
    "subnormal",
    "one spike",
    "some silent rows",
    "huge and tiny rows",
    "huge and tiny entries",
)
VALUES = (*FINITE, "one nan", "one infinity", "all nan")
DENSE = (
    "C",
    "F",
    "negative strides",
    "every second",
    "read-only",
    "memmap",
    "list",
    "masked",
    "tensor",
)
LAYOUTS = (*DENSE, "one masked", "matrix", "sparse", "sparse array")


@dataclass(frozen=True)
class Recipe:
    """Description of an array: short to print and to copy into an example."""

    shape: tuple
    dtype: str = "float64"
    values: str = "ordinary"
    layout: str = "C"
    seed: int = 0

    def make(self):
        return laid_out(np.asarray(self.plain()), self.layout)

    def plain(self):
        """Return the array in numpy's default layout."""
        rng = np.random.default_rng(self.seed)
        with np.errstate(all="ignore"):
            wide = filled(rng, self.shape, self.values, self.dtype)
            return typed(wide, self.dtype)

    def but(self, **changes):
        return replace(self, **changes)


def filled(rng, shape, values, dtype):
    """Return an array of float64, or of the wider dtype, in the range of the dtype."""
    wide = np.dtype("longdouble" if dtype in ("longdouble", "clongdouble") else float)
    info = limits(dtype)
    base = np.asarray(rng.uniform(-1, 1, shape), wide)
    odd = np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1)) % 2 if shape else 1
    scales = {
        "ordinary": 1,
        "whole": 1,
        "large": info["max"] ** wide.type(0.5),
        "huge": info["max"] / 4,
        "largest": info["max"],
        "small": info["tiny"] ** wide.type(0.5),
        "tiny": info["tiny"] * 4,
        "subnormal": info["tiny"] / 64,
    }
    if values in ("largest", "whole"):
        base = np.sign(base) * (1 if values == "largest" else 5)
    if values in scales:
        return base * scales[values]
    if values == "zeros":
        return base * 0
    if values == "constant":
        return base * 0 + 1
    if values == "one spike":
        spike = np.zeros_like(base)
        spike.flat[:1] = 1
        return spike
    if values == "some silent rows":
        return base * odd
    alternating = [scales["huge"], scales["tiny"]]
    if values == "huge and tiny rows":
        return base * np.where(odd, *alternating)
    if values == "huge and tiny entries":
        return base * np.where(rng.uniform(size=shape) < 0.5, *alternating)
    bad = {"one infinity": np.inf}.get(values, np.nan)
    base.flat[: None if values == "all nan" else 1] = bad
    return base


def limits(dtype):
    """Return the largest and smallest normal numbers, of float64 by default."""
    if np.dtype(plain_dtype(dtype)).kind in "fc":
        info = np.finfo(plain_dtype(dtype))
        return {"max": info.max, "tiny": info.tiny}
    if np.dtype(plain_dtype(dtype)).kind in "iu":
        # the float64 next to the largest int64 is one too many
        return {"max": float(np.iinfo(dtype).max) * (1 - 1e-15), "tiny": 1.0}
    return {"max": np.finfo(float).max, "tiny": np.finfo(float).tiny}


def plain_dtype(dtype):
    return "O" if dtype in ("mixed", "structured") else dtype


def typed(array, dtype):
    """Convert the array to a type; values that it cannot hold become 0."""
    kind = np.dtype(plain_dtype(dtype)).kind
    if kind in "iuMm":
        array = np.nan_to_num(array, nan=0, posinf=0, neginf=0)
        array = abs(array) if kind == "u" else array
        array = np.clip(array, -(2.0**62), 2.0**63 if kind == "u" else 2.0**62)
    if kind == "c":
        return (array * (0.8 + 0.6j)).astype(dtype)
    if dtype == "structured":
        return array.astype([("left", float)])
    if dtype == "mixed":
        array = np.array(array, dtype=object)
        array.flat[-1:] = None
        return array
    return array.astype(dtype)


def laid_out(array, layout):
    """Return the array in another memory layout or another container."""
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "negative strides" and array.ndim:
        return array[..., ::-1].copy()[..., ::-1]
    if layout == "every second" and array.ndim:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if layout == "read-only":
        array.flags.writeable = False
    if layout == "memmap" and array.size and array.dtype.kind != "O":
        return as_memmap(array)
    if layout == "list":
        return array.tolist()
    if layout == "masked":
        return np.ma.masked_array(array, mask=np.zeros(array.shape, bool))
    if layout == "one masked" and array.size:
        masked = np.ma.masked_array(array, mask=np.zeros(array.shape, bool))
        masked.mask.flat[0] = True
        return masked
    if layout == "tensor" and array.dtype.kind in "fcib" and array.dtype.isnative:
        if array.dtype.itemsize <= 8 * (1 + (array.dtype.kind == "c")):
            return torch.from_numpy(array)
    if layout == "matrix" and array.ndim == 2:
        return array.view(np.matrix)
    if layout.startswith("sparse") and array.ndim == 2 and array.dtype.kind in "fc":
        if array.dtype.itemsize in (4, 8, 16) and array.dtype.isnative:
            is_array = layout == "sparse array"
            return (scipy.sparse.csr_array if is_array else scipy.sparse.csr_matrix)(
                array
            )
    return array


def as_memmap(array):
    """Return a read-only memmap of the array."""
    with tempfile.TemporaryFile() as file:
        array.tofile(file)
        file.flush()
        return np.memmap(file, array.dtype, "r", shape=array.shape)


# --- strategies ----------------------------------------------------------------------

sizes = st.one_of(
    st.integers(1, 4), st.integers(1, 40), st.sampled_from([0, 1, 63, 64, 65, 255, 300])
)
seeds = st.integers(0, 3)


def mostly(usual, *others):
    """Draw one of the usual choices in three of four draws, else one of the others."""
    usual, others = list(usual), [choice for group in others for choice in group]
    return st.integers(0, 3).flatmap(
        lambda n: st.sampled_from(others if n == 3 and others else usual)
    )


@st.composite
def arrays(draw, shapes, dtypes=None, values=None, layouts=None):
    """Recipes of arrays; most are real and finite, every kind can come."""
    dtypes = mostly(REAL, NUMBERS, COMPLEX, OTHERS) if dtypes is None else dtypes
    values = mostly(FINITE, VALUES) if values is None else values
    layouts = mostly(["C"], LAYOUTS) if layouts is None else layouts
    drawn = (draw(strategy) for strategy in (shapes, dtypes, values, layouts, seeds))
    return Recipe(*drawn)


@st.composite
def any_shape(draw, max_entries=2000):
    """0 to 5 axes, some empty, of at most so many entries."""
    shape, n_entries = [], 1
    for size in draw(st.lists(sizes, max_size=5)):
        size = min(size, max(1, max_entries // max(n_entries, 1)))
        shape.append(size)
        n_entries *= size
    return tuple(shape)
