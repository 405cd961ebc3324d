"""Validation of the arrays that users pass; messages say what was expected."""

import math
from fractions import Fraction
from functools import partial

import numpy as np
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import assert_all_finite, check_array, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets

from ..numeric import (
    as_plain,
    check_channels,
    check_numbers,
    check_unread,
    error_context,
    is_number,
    known_entries,
    share_memory,
    validate_samples,
)
from ..numeric.warning import warn_user
from .domains import SPECTROGRAM, WAVEFORM, mixture_domain

# of scikit-learn's checks: any shape, values are checked by `check_numbers`
ANY_ARRAY = {"ensure_2d": False, "allow_nd": True, "ensure_all_finite": False}


def check_mixtures(estimator, X, *, domains=None):
    """Return validated mixtures, in one of the shapes that separators take.

    Parameters
    ----------
    estimator : BaseSeparator
        The separator; ``n_features_in_`` (``X.shape[1]``) is set in ``fit``.
    X : array-like
        Mixtures.
    domains : Domains, default=None
        The domains seen in ``fit``, which X must have; None in ``fit``. X may hold
        waveforms where those of ``fit`` came as a :class:`Spectrogram`.

    Returns
    -------
    X : ndarray, Spectrogram or SlicedArray
        The mixtures.

    Raises
    ------
    ValueError
        If X does not hold finite mixtures, or others than those seen in ``fit``.
    """
    try:
        return _checked_mixtures(estimator, X, domains)
    except ValueError as error:
        if "X contains NaN" not in str(error):
            raise
        raise ValueError(
            f"{error} `separate` takes recordings with gaps, which are NaN: leave out "
            "the rows of X that have one."
        ) from error


def _checked_mixtures(estimator, X, domains):
    reset, X = domains is None, as_plain(X, "X")
    if not reset and domains.X_domain == SPECTROGRAM and not _is_complex(X):
        with error_context("X"):
            X = check_unread(X, partial(check_array, input_name="X", **ANY_ARRAY))
        if X.shape[1:] == domains.waveform_shape:
            check_numbers(X, "X")
            return X
    if _is_complex(X):
        X = _check_spectrograms(X, "X", ("n_samples",))
        checks = {"skip_check_array": True}
    else:
        checks = {"allow_nd": True, "ensure_all_finite": False}
    hint = "" if reset else _remedy(getattr(X, "shape", ())[1:], domains)
    X = validate_samples(estimator, X, reset=reset, hint=hint, **checks)
    if X.ndim > 4:
        raise ValueError(
            "X must have shape (n_samples, n_times), (n_samples, n_channels, n_times) "
            f"or (n_samples, n_channels, height, width), got {X.ndim} dimensions"
        )
    if domains is not None:
        _check_same_domain(estimator, X, domains)
    elif not _is_complex(X):
        check_channels(X)
    return X


def _remedy(shape, domains):
    """Return what to do with mixtures of another shape than in ``fit``."""
    remedy = _axis_remedy("X", shape, domains.X_shape, domains.X_domain)
    if remedy:
        return remedy
    remedy = "`separate` takes recordings of any length"
    if domains.waveform_shape in (None, domains.X_shape):
        return remedy
    return f"waveforms of shape {domains.waveform_shape} are taken, too; {remedy}"


def _axis_remedy(name, shape, fitted, domain, rows=":, "):
    """Return how to mend an axis of channels that is missing, last, or too many.

    Parameters
    ----------
    name : str
        Name of the argument.
    shape, fitted : tuple
        Shapes of a row, and of one in ``fit``; None stands for any length.
    domain : str
        The domain of ``fit``.
    rows : str, default=":, "
        Index of all rows, "" for a recording.

    Returns
    -------
    remedy : str
        The remedy, "" if there is none.
    """
    if domain != WAVEFORM or len(shape) not in (1, 2):
        return ""
    n_axes, axis = len(fitted), 1 if rows else 0
    n_channels = fitted[0] if n_axes == 2 else 1
    if not rows and n_channels == 1 and len(shape) == 2 and shape[0] > shape[1] > 1:
        return f"channels come first: pass {name}.T"
    if len(shape) < n_axes:
        return f"pass {name}[{rows}np.newaxis]" if n_channels == 1 else ""
    if len(shape) == n_axes == 2 and shape[1] == n_channels < shape[0]:
        turned = "np.swapaxes(X, 1, 2)" if rows else f"{name}.T"
        return f"channels come first: pass {turned}"
    if len(shape) == 1 or n_axes == 2:
        return ""
    channels = int(shape[0] > shape[1])  # they are fewer than time points
    if shape[channels] == 1:
        return f"pass {name}[{rows}{':, 0' if channels else '0'}]"
    return (
        f"it has {shape[channels]} channels and those of fit had none: pass their "
        f"mean, {name}.mean(axis={axis + channels}), or one of them"
    )


def _check_same_domain(estimator, X, domains):
    """Raise a ValueError for rows of another shape or domain than in ``fit``."""
    name, shape = type(estimator).__name__, domains.X_shape
    if X.shape[1:] != shape:
        raise ValueError(
            f"X has {X.shape[1]} features, but {name} is expecting {shape[0]} "
            f"features as input; its rows have shape {X.shape[1:]} where {name} was "
            f"fitted with {shape}. {_remedy(X.shape[1:], domains)}."
        )
    if _is_complex(X) != (domains.X_domain == SPECTROGRAM):
        raise ValueError(
            f"X is of type {X.dtype}, but {name} was fitted with {domains.X_domain}"
        )


def check_components(y, X):
    """Return validated components, or labels if y is 1-D; one row for each of X."""
    y, _ = _checked_components(y, X, allow_unknown=False)
    return y


def check_partly_known(y, X):
    """Return validated components, of which some may not be known, or labels.

    Parameters
    ----------
    y : array-like
        As for ``fit``.
    X : ndarray or SlicedArray
        Their mixtures.

    Returns
    -------
    y : ndarray or SlicedArray
        The components, those that are not known as NaN; or the labels.
    known : ndarray of shape (n_samples, n_components) or None
        Which components are known; None if all are.
    """
    y, has_nan = _checked_components(y, X, allow_unknown=True)
    return y, known_entries(y, "y") if has_nan else None


def _checked_components(y, X, allow_unknown):
    """Return validated components or labels, and whether any are NaN."""
    y = as_plain(y, "y")
    if _is_complex(y):
        y = _check_spectrograms(y, "y", ("n_samples", "n_components"))
        has_nan = check_numbers(y, "y", allow_nan=allow_unknown)
    else:
        y, has_nan = _check_real_components(y, allow_unknown)
    with error_context("y"):
        check_consistent_length(X, y)
        if y.ndim == 1:
            check_classification_targets(y)
            np.unique(y)  # labels of several types have no order
    return y, has_nan


def _check_real_components(y, allow_unknown):
    has_nan, check = False, partial(check_array, input_name="y", **ANY_ARRAY)
    with error_context("y"):
        y = _labels_of_column(check_unread(y, partial(check, dtype=None)))
        if y.ndim > 1:
            y = check_unread(y, check)
            has_nan = check_numbers(y, "y", allow_nan=allow_unknown and y.ndim > 2)
        elif any(isinstance(label, bytes) for label in y[:1].tolist()):
            # older scikit-learn only warns of them
            raise ValueError("labels must be strings or numbers, not bytes")
        else:
            assert_all_finite(y, input_name="y")
    return y, has_nan


def _labels_of_column(y):
    """Return the labels in an array of one column, and warn as scikit-learn does."""
    if y.ndim != 2 or y.shape[1] != 1:
        return y
    warn_user(
        "A column-vector y was passed when a 1d array of labels was expected. Please "
        "change the shape of y to (n_samples, ), for example using ravel().",
        DataConversionWarning,
    )
    return np.asarray(y).ravel()


def check_component_names(names, y):
    """Return the names of the components in y, strings or integers, or None."""
    if names is None:
        return None
    if y.ndim < 3:
        raise ValueError(
            "component_names are given for y of shape (n_samples, n_components, ...); "
            f"labels are names already, and y has shape {y.shape}"
        )
    with error_context("component_names"):
        found = np.asarray(as_plain(names, "component_names"))
    if found.dtype.kind == "O" and all(isinstance(name, str) for name in found.flat):
        found = found.astype(str)
    is_valid = found.shape == (y.shape[1],) and found.dtype.kind in "Uiu"
    if not is_valid or len(np.unique(found)) < len(found):
        raise ValueError(
            f"component_names must hold n_components={y.shape[1]} strings or integers "
            f"that differ, got {names!r}"
        )
    return found


def check_components_like(y, n_components, domains):
    """Raise a ValueError unless y has the shape and domain of the components in fit."""
    wanted = (n_components, *domains.y_shape)
    if y.shape[1:] != wanted or _is_complex(y) != domains.has_complex_y:
        sizes = ", ".join(map(str, wanted))
        raise ValueError(
            f"y must hold components ({domains.y_domain}) of shape (n_samples, "
            f"{sizes}), got {'complex' if _is_complex(y) else 'real'} values of shape "
            f"{y.shape}"
        )


def _is_complex(array):
    return getattr(getattr(array, "dtype", None), "kind", None) == "c"


def _check_spectrograms(array, name, leading):
    array = check_unread(array, np.asanyarray)
    n_dims = len(leading) + 2
    if array.ndim not in (n_dims, n_dims + 1):
        shape = ", ".join([*leading, "n_freqs", "n_frames"])
        raise ValueError(
            f"Complex data not supported where {name} has {array.ndim} dimensions: "
            f"complex spectrograms have shape ({shape}), or one axis of channels more"
        )
    if 0 in array.shape:
        raise ValueError(f"{name} is empty: its shape is {array.shape}")
    return array


def check_recording(recording, domains, name="recording", n_thin=0):
    """Return a validated recording of any length.

    Parameters
    ----------
    recording : array-like
        Shaped as the mixture of one row, but for the last axis; or waveforms of several
        channels for a separator of one. Values may be NaN.
    domains : Domains
        The domains seen in ``fit``.
    name : str, default="recording"
        Name of the argument.
    n_thin : int, default=0
        Number of channels up to which there may be more of them than time points. They
        have come last in a recording of more.

    Returns
    -------
    recording : ndarray or SlicedArray
        ``recording[..., start:stop]`` is an ndarray; a recording in a file is not read
        into memory.
    """
    shape, recording = domains.window_shape, as_plain(recording, name)
    if domains.y_domain == SPECTROGRAM and _is_complex(recording):
        check = np.asarray
    else:
        check = partial(check_array, input_name=name, **ANY_ARRAY)
    with error_context(name):
        recording = check_unread(recording, check, min_ndim=1)
    check_numbers(recording, name, axis=-1, allow_nan=True)
    wanted = ", ".join([*map(str, shape[:-1]), "any length"])
    right_kind = _is_complex(recording) == (domains.y_domain == SPECTROGRAM)
    right_shape = recording.shape[:-1] == shape[:-1]
    if takes_channels_apart(recording.shape, domains):
        right_shape = recording.shape[0] <= max(recording.shape[1], n_thin)
    if not right_kind or not right_shape or 0 in recording.shape:
        fitted = (*shape[:-1], None)
        hint = _axis_remedy(name, recording.shape, fitted, domains.y_domain, rows="")
        hint = f"; {hint}" if hint else ""
        raise ValueError(
            f"{name} must hold {domains.y_domain} of shape ({wanted}), got "
            f"{recording.dtype} of shape {recording.shape}{hint}"
        )
    return recording


def takes_channels_apart(shape, domains):
    """Return whether a recording has several channels for a separator of one."""
    fitted = domains.window_shape
    is_single = domains.y_domain == WAVEFORM and fitted[:-1] in ((), (1,))
    return is_single and len(shape) == 2 and shape[:-1] != fitted[:-1]


def check_out(out, shape, dtype, recording):
    """Return the array to write to, away from the recording; a new one for None."""
    if out is None:
        return np.empty(shape, dtype)
    if isinstance(out, np.ma.MaskedArray):
        raise ValueError("out must be a plain array, got a masked array")
    if not isinstance(out, np.ndarray) or not out.flags.writeable:
        raise ValueError(
            f"out must be a numpy array that can be written to, got {type(out)}"
            f"{' that is read-only' if isinstance(out, np.ndarray) else ''}"
        )
    if out.shape != shape:
        raise ValueError(f"out must be an array of shape {shape}, got {out.shape}")
    if out.dtype.kind not in "fc" or not np.can_cast(dtype, out.dtype, "same_kind"):
        raise ValueError(f"out must take values of type {dtype}, got {out.dtype}")
    if share_memory(out, recording):
        raise ValueError(
            "out must not share memory with the recording, which is read while out is "
            "written: pass another array, or a copy of the recording"
        )
    return out


def check_waveforms(X, name):
    """Raise a ValueError unless mixtures are waveforms, as an argument needs them."""
    domain = mixture_domain(X)
    if domain != WAVEFORM:
        raise ValueError(
            f"{name} is for waveforms of shape (n_samples, n_times) or (n_samples, "
            f"n_channels, n_times), but X holds {domain}: pass X as waveforms, and an "
            "STFTTransformer as the separator's stft"
        )


def check_sfreq(sfreq):
    """Return a sampling rate as a float, or None."""
    if sfreq is None:
        return None
    if not is_number(sfreq) or not 0 < sfreq < np.inf:
        raise ValueError(
            f"sfreq must be a positive number in Hz or None, got {sfreq!r}"
        )
    return float(sfreq)


def check_same_sfreq(given, fitted, name="the recording"):
    """Raise a ValueError unless two sampling rates agree, or one is not known."""
    given = check_sfreq(given)
    if None in (given, fitted) or math.isclose(given, fitted, rel_tol=1e-6):
        return
    ratio = Fraction(fitted / given).limit_denominator(1000)
    raise ValueError(
        f"sfreq={given:g} Hz differs from the sfreq={fitted:g} Hz that the separator "
        f"was fitted with: resample {name} first, for instance with "
        f"scipy.signal.resample_poly(..., {ratio.numerator}, {ratio.denominator}, "
        "axis=-1)"
    )
