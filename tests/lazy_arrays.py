"""Arrays in files, made of arrays in memory."""

import h5py
import numpy as np
import zarr

CHUNK_ROWS = 5  # of files: neither a batch nor a divisor of the number of rows


def memmap_of(array, folder, mode="r"):
    path = new_path(folder, ".npy")
    np.save(path, array)
    return np.load(path, mmap_mode=mode)


def h5py_of(array, folder):
    file = h5py.File(new_path(folder, ".h5"), "w")
    chunks = (min(CHUNK_ROWS, len(array)), *array.shape[1:])
    return file.create_dataset("data", data=array, chunks=chunks)


def zarr_of(array, folder):
    stored = zarr.open_array(
        str(new_path(folder, ".zarr")),
        mode="w",
        shape=array.shape,
        dtype=array.dtype,
        chunks=(CHUNK_ROWS, *array.shape[1:]),
    )
    stored[...] = array
    return stored


def new_path(folder, suffix):
    return folder / f"{len(list(folder.iterdir()))}{suffix}"


class Counting:
    """Array that takes only plain slices, as HDF5 does, and records what was read."""

    def __init__(self, array):
        self.array, self.reads = array, []
        self.shape, self.dtype = array.shape, array.dtype

    def __len__(self):
        return len(self.array)

    def __getitem__(self, key):
        cut = key[-1] if isinstance(key, tuple) else key
        assert isinstance(cut, slice) and cut.step in (None, 1), key
        part = self.array[key].copy()
        self.reads.append(part.nbytes)
        return part

    def __array__(self, *args, **kwargs):
        raise AssertionError("it was read whole")
