"""Arrays read and written in chunks: memory-mapped files, HDF5, Zarr, Dask."""

import math
import mmap
from contextlib import suppress
from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import gen_batches

CHUNK_BYTES = 2**24
# Pages of a mapped file are released after about READ_BYTES have been mapped. The
# system maps up to RUN_BYTES around every run of entries: Linux 6.18 maps whole folios.
READ_BYTES, RUN_BYTES = 2**26, 2**21


class SlicedArray:
    """Array of numbers that is read a slice at a time.

    It is indexed by rows, with slices or with integer arrays of any order and shape,
    and along its last axis as ``[..., start:stop]``. Indexing returns an ndarray.

    Parameters
    ----------
    array : ndarray, or object with ``shape`` and ``dtype`` that takes slices
        The array to read from.

    Attributes
    ----------
    shape : tuple
        Its shape.
    dtype : dtype
        Its type.
    ndim : int
        Its number of axes.
    stft, n_times : object
        Those of a :class:`~sklearn_cass.Spectrogram`, else None.
    """

    def __init__(self, array):
        self.array, self.pages = array, Pages(array)
        self.shape, self.dtype = tuple(map(int, array.shape)), array.dtype
        self.ndim = len(self.shape)
        self.stft = getattr(array, "stft", None)
        self.n_times = getattr(array, "n_times", None)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, key):
        if isinstance(key, np.ndarray) and not isinstance(self.array, np.ndarray):
            return rows_by_slices(self.array, key)
        part = np.asanyarray(self.array[key])
        self.pages.use(part.nbytes + RUN_BYTES * math.prod(part.shape[:-1]))
        return part

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[:], dtype)


def rows_by_slices(array, rows):
    """Return rows in any order, also repeated ones, of an array that takes slices."""
    wanted, places = np.unique(rows, return_inverse=True)
    runs = np.split(wanted, np.flatnonzero(np.diff(wanted) != 1) + 1)
    bounds = [(int(run[0]), int(run[-1]) + 1) for run in runs if len(run)]
    parts = [np.asarray(array[start:stop]) for start, stop in bounds or [(0, 0)]]
    # without its type, another byte order would be lost
    joined = np.concatenate(parts, dtype=parts[0].dtype)
    return joined[places.reshape(rows.shape)]


def takes_slices(array):
    """Return whether an object is an array of numbers that can be read in slices.

    Arrays that are in memory anyway (numpy, torch, CuPy) and data frames are not.
    """
    if isinstance(array, np.ndarray | np.generic) or issparse(array):
        return False
    if any(hasattr(array, name) for name in ("__array_namespace__", "iloc")):
        return False
    dtype, shape = getattr(array, "dtype", None), getattr(array, "shape", None)
    return (
        hasattr(array, "__getitem__")
        and isinstance(dtype, np.dtype)
        and dtype.kind in "biufc"
        and isinstance(shape, tuple)
        and all(isinstance(length, Integral) for length in shape)
    )


def shared_mapping(array):
    """Return the memory map of the file that an array is a view of, or None.

    Private maps (mode "c") do not count: their changes are in memory alone.
    """
    while array is not None:
        if isinstance(array, np.memmap) and array.mode in ("r", "r+", "w+"):
            return array._mmap
        array = getattr(array, "base", None)
    return None


def share_memory(a, b):
    """Return whether two arrays share an entry; True where that is hard to tell."""
    a, b = (x.array if isinstance(x, SlicedArray) else x for x in (a, b))
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
        return False
    try:
        return np.shares_memory(a, b, max_work=10**6)
    except np.exceptions.TooHardError:
        return True


def write_parts(array, parts):
    """Write parts one after the other along the last axis of an array or memmap."""
    pages, start = Pages(array), 0
    for part in parts:
        stop = start + part.shape[-1]
        array[..., start:stop] = part
        pages.use(part.nbytes)
        start = stop


class Pages:
    """Release the pages of the mapped file, if any, that an array is a view of."""

    def __init__(self, array):
        self.mapping, self.n_bytes = shared_mapping(array), 0

    def use(self, n_bytes):
        """Count bytes that are read or written; release all pages after READ_BYTES."""
        # not the pages of these bytes: a view of them may be read after this
        if self.mapping is not None and self.n_bytes >= READ_BYTES:
            release_pages(self.mapping)
            self.n_bytes = 0
        self.n_bytes += n_bytes


def release_pages(mapping):
    """Release the pages of a mapped file, which can be read again.

    They would otherwise count as memory of this process until the system needs it.
    Values that were written to them are on their way to the file.
    """
    if hasattr(mapping, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
        with suppress(OSError, ValueError):  # pages that are locked, a mapping closed
            mapping.madvise(mmap.MADV_DONTNEED)


def chunks_of(array, axis=0):
    """Yield the array along its first or last axis, a few megabytes at a time."""
    length = array.shape[axis]
    n_bytes = array.dtype.itemsize * math.prod(array.shape) // max(1, length)
    for part in gen_batches(length, max(1, CHUNK_BYTES // max(1, n_bytes))):
        yield np.asanyarray(array[part] if axis == 0 else array[..., part])
