"""Errors of events: beats or breaths that are found, missed or invented."""

import math

import numpy as np

from ..numeric import is_number
from ._checks import check_array_of_numbers

# Times are sums of rounded numbers: 0.05 s apart may be 0.05000000000000004.
_ROUNDING = 1e-9


def _check_events(name, events):
    """Return times of events in seconds, ascending."""
    events = np.asarray(events)
    if events.shape == (0,):
        return np.zeros(0)
    events = check_array_of_numbers(events, name, 1).astype(np.float64)
    if events.ndim != 1:
        raise ValueError(
            f"{name} must be the times of one recording, of shape (n_events,), got "
            f"{events.shape}"
        )
    return events


def _check_positive(name, value):
    if not is_number(value) or not 0 < value < math.inf:
        raise ValueError(f"{name} must be a positive number, got {value!r}")
    return float(value)


def match_events(events_true, events_pred, *, tolerance=0.05):
    """Match true and predicted events one to one, as many as possible.

    Parameters
    ----------
    events_true : array-like of shape (n_true,)
        Times of the true events in seconds, in any order.
    events_pred : array-like of shape (n_pred,)
        Times of the predicted events.
    tolerance : float, default=0.05
        Largest distance of the two events of a pair, in seconds.

    Returns
    -------
    index_true, index_pred : ndarray of int of shape (n_pairs,)
        Indices of the events of each pair. Events without an index here were missed, or
        are false.

    Raises
    ------
    ValueError
        If events are not finite numbers in an array of one axis, or `tolerance` is not
        positive.

    See Also
    --------
    detection_f1 : Harmonic mean of precision and recall.

    Examples
    --------
    >>> from sklearn_cass.metrics import match_events
    >>> match_events([0.5, 1.0, 1.5], [0.52, 1.52])
    (array([0, 2]), array([0, 1]))
    """
    true = _check_events("events_true", events_true)
    pred = _check_events("events_pred", events_pred)
    widest = _check_positive("tolerance", tolerance) + _ROUNDING
    order_true, order_pred = np.argsort(true), np.argsort(pred)
    pairs, i, j = [], 0, 0
    # In the order of time, pairing the first two that are near loses no pair.
    while i < len(true) and j < len(pred):
        distance = pred[order_pred[j]] - true[order_true[i]]
        if abs(distance) <= widest:
            pairs.append((order_true[i], order_pred[j]))
        i, j = i + (distance >= -widest), j + (distance <= widest)
    found = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _counts(events_true, events_pred, tolerance):
    """Return the numbers of pairs, true and predicted events."""
    index_true, _ = match_events(events_true, events_pred, tolerance=tolerance)
    return len(index_true), np.size(events_true), np.size(events_pred)


def detection_f1(events_true, events_pred, *, tolerance=0.05):
    """Return the F1 score of events that were found in a recording.

    It is ``2 * n_pairs / (n_true + n_pred)``, the harmonic mean of precision and
    recall, where true and predicted events are matched one to one, see
    :func:`match_events`. Unlike the SDR, it shows whether a fetal beat under a maternal
    one is lost.

    Parameters
    ----------
    events_true : array-like of shape (n_true,)
        Times of the true events in seconds.
    events_pred : array-like of shape (n_pred,)
        Times of the predicted events.
    tolerance : float, default=0.05
        Largest distance of the two events of a pair, in seconds. Fetal beats are
        usually compared at 50 ms, those of adults at 150 ms.

    Returns
    -------
    score : float
        From 0 to 1, higher is better. NaN if there is no event at all.

    Raises
    ------
    ValueError
        If events are not finite numbers in an array of one axis, or `tolerance` is not
        positive.

    See Also
    --------
    detection_precision : Share of the predicted events that are true.
    detection_recall : Share of the true events that are found.
    find_beats : Beats in a waveform.

    Examples
    --------
    >>> from sklearn_cass.metrics import detection_f1
    >>> round(detection_f1([0.5, 1.0, 1.5], [0.52, 1.52]), 3)  # two of three are found
    0.8
    """
    n_pairs, n_true, n_pred = _counts(events_true, events_pred, tolerance)
    return _share(2 * n_pairs, n_true + n_pred)


def detection_precision(events_true, events_pred, *, tolerance=0.05):
    """Return the share of predicted events that are true.

    Parameters
    ----------
    events_true : array-like of shape (n_true,)
        Times of the true events in seconds.
    events_pred : array-like of shape (n_pred,)
        Times of the predicted events.
    tolerance : float, default=0.05
        Largest distance of the two events of a pair, in seconds.

    Returns
    -------
    score : float
        From 0 to 1, higher is better. NaN if no event is predicted.

    Raises
    ------
    ValueError
        If events are not finite numbers in an array of one axis, or `tolerance` is not
        positive.

    See Also
    --------
    detection_f1 : Harmonic mean of precision and recall.

    Examples
    --------
    >>> from sklearn_cass.metrics import detection_precision
    >>> detection_precision([0.5, 1.0, 1.5], [0.52, 1.52])
    1.0
    """
    n_pairs, _, n_pred = _counts(events_true, events_pred, tolerance)
    return _share(n_pairs, n_pred)


def detection_recall(events_true, events_pred, *, tolerance=0.05):
    """Return the share of true events that are found.

    Parameters
    ----------
    events_true : array-like of shape (n_true,)
        Times of the true events in seconds.
    events_pred : array-like of shape (n_pred,)
        Times of the predicted events.
    tolerance : float, default=0.05
        Largest distance of the two events of a pair, in seconds.

    Returns
    -------
    score : float
        From 0 to 1, higher is better. NaN if there is no true event.

    Raises
    ------
    ValueError
        If events are not finite numbers in an array of one axis, or `tolerance` is not
        positive.

    See Also
    --------
    detection_f1 : Harmonic mean of precision and recall.

    Examples
    --------
    >>> from sklearn_cass.metrics import detection_recall
    >>> round(detection_recall([0.5, 1.0, 1.5], [0.52, 1.52]), 3)
    0.667
    """
    n_pairs, n_true, _ = _counts(events_true, events_pred, tolerance)
    return _share(n_pairs, n_true)


def _share(part, whole):
    return part / whole if whole else math.nan


def rate_error(events_true, events_pred, *, duration, window=64.0, hop=None):
    """Return the mean absolute error of a rate per minute, over windows.

    The rate of a window is that of the mean interval between its events, 0 if it has
    fewer than two. Windows with fewer than two true events are not compared.

    Parameters
    ----------
    events_true : array-like of shape (n_true,)
        Times of the true events in seconds.
    events_pred : array-like of shape (n_pred,)
        Times of the predicted events.
    duration : float
        Duration of the recording in seconds.
    window : float, default=64.0
        Duration of a window in seconds. Of a recording that is shorter, it is the whole
        recording.
    hop : float or None, default=None
        Seconds between the starts of windows. None: `window`.

    Returns
    -------
    error : float
        In events per minute, lower is better. NaN if no window has two true events.

    Raises
    ------
    ValueError
        If events are not finite numbers in an array of one axis, or another argument is
        not positive.

    See Also
    --------
    find_breaths : Breaths in a waveform.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass.metrics import rate_error
    >>> every_4_s, every_5_s = np.arange(0, 480, 4), np.arange(0, 480, 5)
    >>> rate_error(every_4_s, every_5_s, duration=480)  # 15 and 12 a minute
    3.0
    """
    true = np.sort(_check_events("events_true", events_true))
    pred = np.sort(_check_events("events_pred", events_pred))
    duration = _check_positive("duration", duration)
    window = min(_check_positive("window", window), duration)
    hop = window if hop is None else _check_positive("hop", hop)
    starts = hop * np.arange(1 + int((duration - window) / hop + _ROUNDING))
    rates_true = _rates(true, starts, window)
    known = rates_true > 0
    if not known.any():
        return math.nan
    errors = np.abs(rates_true - _rates(pred, starts, window))
    return float(errors[known].mean())


def _rates(events, starts, window):
    """Return the number of events per minute in windows, given sorted events."""
    first = np.searchsorted(events, starts)
    stop = np.searchsorted(events, starts + window)
    rates = np.zeros(len(starts))
    for k, (i, j) in enumerate(zip(first, stop, strict=True)):
        if j - i > 1 and events[j - 1] > events[i]:
            rates[k] = 60 * (j - i - 1) / (events[j - 1] - events[i])
    return rates
