"""Checks of what users pass in; messages say what was expected and what came."""

from functools import partial

import numpy as np
import torch
from sklearn.utils import assert_all_finite, check_array, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data
from skorch.callbacks import Callback

from ..arrays import SlicedArray, shared_mapping, takes_slices
from ..checks import check_numbers, naming
from ._domains import SPECTROGRAM


def check_mixtures(estimator, X, *, reset):
    """Validated mixtures, in one of the shapes that separators take.

    Sets ``n_features_in_``, which is ``X.shape[1]``, where ``reset``.
    """
    if _is_complex(X):
        X = _check_spectrograms(X, "X", ("n_samples",))
        checks = {"skip_check_array": True}
    else:
        checks = {"allow_nd": True, "ensure_all_finite": False}
    hint = "" if reset else "`separate` takes recordings of any length"
    with naming("X", hint):
        X = _checked(X, partial(validate_data, estimator, reset=reset, **checks))
        check_numbers(X, "X")
    if 0 in X.shape:
        raise ValueError(f"X has an axis of length 0 and is empty: shape {X.shape}")
    if X.ndim > 4:
        raise ValueError(
            "X must have shape (n_samples, n_times), (n_samples, n_channels, n_times) "
            f"or (n_samples, n_channels, height, width), got {X.ndim} dimensions"
        )
    return X


def check_same_shape(estimator, X, domains):
    """Refuse mixtures of another shape or domain than in ``fit``, with the way out."""
    name, shape = type(estimator).__name__, domains.X_shape
    if X.shape[1:] != shape:
        raise ValueError(
            f"X has {X.shape[1]} features, but {name} is expecting {shape[0]} "
            f"features as input; its rows have shape {X.shape[1:]} where {name} was "
            f"fitted with {shape}. `separate` takes recordings of any length."
        )
    if _is_complex(X) != (domains.X_domain == SPECTROGRAM):
        raise ValueError(
            f"X is of type {X.dtype}, but {name} was fitted with {domains.X_domain}"
        )


def check_components(y, X):
    """Validated components, or labels where y is 1-D; one row for each of X."""
    if _is_complex(y):
        y = _check_spectrograms(y, "y", ("n_samples", "n_components"))
    else:
        anything = {"ensure_2d": False, "allow_nd": True, "input_name": "y"}
        with naming("y"):
            anything["ensure_all_finite"] = False
            y = _checked(y, partial(check_array, dtype=None, **anything))
            if y.ndim > 1:
                y = _checked(y, partial(check_array, **anything))
                check_numbers(y, "y")
            elif any(isinstance(label, bytes) for label in y[:1].tolist()):
                # of which older scikit-learn only warns
                raise ValueError("labels must be strings or numbers, not bytes")
            else:
                assert_all_finite(y, input_name="y")
    with naming("y"):
        check_consistent_length(X, y)
        if y.ndim == 1:
            check_classification_targets(y)
            np.unique(y)  # labels of several types have no order
    return y


def _checked(array, check, min_ndim=2):
    """What ``check`` makes of an array; one that is read a part at a time where it can.

    Of such an array that is no ndarray, ``check`` sees the type and shape alone.
    """
    if isinstance(array, SlicedArray):
        return array
    if takes_slices(array) and len(array.shape) >= min_ndim:
        check(np.broadcast_to(np.zeros((), array.dtype), array.shape))
        return SlicedArray(array)
    array = check(array)
    is_mapped = array.ndim >= min_ndim and shared_mapping(array) is not None
    return SlicedArray(array) if is_mapped else array


def _is_complex(array):
    return getattr(getattr(array, "dtype", None), "kind", None) == "c"


def _check_spectrograms(array, name, leading):
    array = _checked(array, np.asanyarray)
    n_dims = len(leading) + 2
    if array.ndim not in (n_dims, n_dims + 1):
        shape = ", ".join([*leading, "n_freqs", "n_frames"])
        raise ValueError(
            f"Complex data not supported where {name} has {array.ndim} dimensions: "
            f"complex spectrograms have shape ({shape}), or one axis of channels more"
        )
    if 0 in array.shape:
        raise ValueError(f"{name} is empty: its shape is {array.shape}")
    check_numbers(array, name)
    return array


def check_cross_weights(cross_weights, n_components):
    """The matrix of cross weights, (n_components, n_components), its diagonal 0."""
    with naming("cross_weights"):
        given = np.asarray(cross_weights, dtype=float)
    shape = (n_components, n_components)
    if given.ndim and given.shape != shape:
        raise ValueError(
            "cross_weights must be a number or a matrix of shape (n_components, "
            f"n_components) = {shape}, got shape {given.shape}"
        )
    if not np.isfinite(given).all() or (given < 0).any():
        raise ValueError(
            f"cross_weights must be finite and not negative, got {given.tolist()}"
        )
    if given.ndim:
        if np.diag(given).any():
            raise ValueError(
                "cross_weights must have a diagonal of zeros: no discriminator has "
                f"itself for another; got {np.diag(given).tolist()} there"
            )
        return given
    return given * (1 - np.eye(n_components))


def check_device(device):
    """The torch device; ``"auto"`` is CUDA where it is there, else the CPU."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        if "mkldnn" in str(device):  # torch warns of it
            raise ValueError("it is no device of its own")
        wanted = torch.device(device)
        torch.zeros(1, device=wanted).item()
    except Exception as error:  # each backend has its own
        raise ValueError(
            f"device={device!r} is not to be had here ({error}); expected 'auto', "
            "'cpu', or the name of a device that torch can use"
        ) from error
    return wanted


def use_bfloat16(precision, device):
    """Whether to compute in bfloat16: where asked, or where it is fast."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    # a private function of torch, which older releases lack
    has_matrix_units = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return device.type == "cpu" and has_matrix_units()


def n_validation_rows(n_samples, validation_fraction, early_stopping):
    """How many rows are held out."""
    if validation_fraction is None:
        validation_fraction = 0.1 if early_stopping else 0.0
    if early_stopping and not validation_fraction:
        raise ValueError(
            "early_stopping=True needs rows to watch: validation_fraction must be "
            f"positive, got {validation_fraction}"
        )
    n_held_out = int(np.ceil(validation_fraction * n_samples))
    if n_held_out >= n_samples:
        because = " (early_stopping=True)" if early_stopping else ""
        raise ValueError(
            f"validation_fraction={validation_fraction}{because} of "
            f"n_samples={n_samples} rows leaves none to train on"
        )
    return n_held_out


def check_recording(recording, domains, name="recording"):
    """A recording of any length: one row's mixture but for its last axis.

    What comes back has ``shape`` and ``dtype``; ``[..., start:stop]`` is an ndarray;
    a recording in a file stays there.
    """
    shape = domains.window_shape
    if domains.y_domain == SPECTROGRAM and _is_complex(recording):
        check = np.asarray
    else:
        anything = {"ensure_2d": False, "allow_nd": True, "ensure_all_finite": False}
        check = partial(check_array, input_name=name, **anything)
    with naming(name):
        recording = _checked(recording, check, min_ndim=1)
    check_numbers(recording, name, axis=-1)
    wanted = ", ".join([*map(str, shape[:-1]), "any length"])
    right_kind = _is_complex(recording) == (domains.y_domain == SPECTROGRAM)
    if not right_kind or recording.shape[:-1] != shape[:-1] or 0 in recording.shape:
        raise ValueError(
            f"{name} must hold {domains.y_domain} of shape ({wanted}), got "
            f"{recording.dtype} of shape {recording.shape}"
        )
    return recording


def check_out(out, shape, dtype):
    """The array to write to, made where there is none."""
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray) or not out.flags.writeable:
        raise ValueError(
            f"out must be a numpy array that can be written to, got {type(out)}"
            f"{' that is read-only' if isinstance(out, np.ndarray) else ''}"
        )
    if out.shape != shape:
        raise ValueError(f"out must be an array of shape {shape}, got {out.shape}")
    if out.dtype.kind not in "fc" or not np.can_cast(dtype, out.dtype, "same_kind"):
        raise ValueError(f"out must take values of type {dtype}, got {out.dtype}")
    return out


def check_callbacks(callbacks):
    """A list of what skorch takes: callbacks, their classes, or those with a name."""
    for entry in callbacks or []:
        callback = entry
        if isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], str):
            callback = entry[1]
        is_class = isinstance(callback, type) and issubclass(callback, Callback)
        if not (is_class or isinstance(callback, Callback)):
            raise TypeError(
                "callbacks must hold skorch callbacks, or tuples of a name and a "
                f"callback, got {entry!r}"
            )
    return list(callbacks or [])
