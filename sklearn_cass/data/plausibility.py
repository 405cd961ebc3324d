"""Warnings of training data that are valid, but seldom what was meant.

They are measured on a subsample of the rows, always the same one: it draws nothing from
the random state of the fit.
"""

import numpy as np
from sklearn.utils import gen_batches

from ..numeric import divide, expand_rows, in_double, powers_of_two
from ..numeric.warning import warn_user
from .dataset import as_waveforms, complete_rows, labelled_rows
from .domains import WAVEFORM

N_ROWS, BLOCK_ROWS = 64, 8  # measured, in blocks that are read at once
N_ENTRIES, CHUNK_ENTRIES = 2**24, 2**20  # of components: measured, in memory at a time
UNEQUAL = 20  # dB; noise may make mixtures louder than components, seldom by so much
# dB; of components so far below their mixtures, no estimate with any setting that was
# tried had an SDR above 5 dB, and 10 dB further down none had one above 2 dB
FAR_BELOW = -40
OFFSET = 0.5  # share of the mean in the power
FEW_TIMES = 16  # the mean of fewer time points need not be an offset


def warn_of_data(samples, domains):
    """Warn of units that differ, of offsets, and of (nearly) silent components.

    Parameters
    ----------
    samples : Samples or MixedSamples
        The training data.
    domains : Domains
        Their domains.
    """
    complete = complete_rows(samples)
    known = complete if len(complete) else labelled_rows(samples, every_row(samples))
    if not len(known):  # of this process; another has some
        return
    rows = known[some_rows(len(known), int(np.prod(domains.y_shape)))]
    measured = [row_statistics(X, y) for X, y in chunks_of_rows(samples, rows)]
    of_rows = {key: np.concatenate([m[key] for m in measured]) for key in measured[0]}
    names = [f"component {name!r}" for name in samples.component_names.tolist()]
    warn_of_silent_components(of_rows, names, samples)
    shares = np.column_stack([of_rows["X_mean"], of_rows["y_mean"]])
    if domains.y_domain == WAVEFORM and warn_of_offset(shares, ["X", *names]):
        return  # levels are those of the offset
    if len(complete):
        warn_of_units(of_rows)
    warn_of_quiet_components(of_rows, names)


# Measurements -----------------------------------------------------------------


def every_row(samples):
    """Return all rows."""
    return np.arange(len(samples))


def some_rows(n_samples, n_entries):
    """Return the rows to measure: all, or blocks at equal distances."""
    n_blocks = max(1, min(N_ROWS, N_ENTRIES // n_entries) // BLOCK_ROWS)
    if n_samples <= n_blocks * BLOCK_ROWS:
        return np.arange(n_samples)
    starts = np.linspace(0, n_samples - BLOCK_ROWS, n_blocks).astype(int)
    return (starts[:, np.newaxis] + np.arange(BLOCK_ROWS)).ravel()


def chunks_of_rows(samples, rows):
    """Yield mixtures and components of rows in the components' domain, scaled alike."""
    _, y = samples.arrays(rows[:1])
    n_at_once = max(1, min(BLOCK_ROWS, CHUNK_ENTRIES // y.size))
    for part in gen_batches(len(rows), n_at_once):
        X, y = samples.arrays(rows[part])
        X, y = X if y.dtype.kind == "c" else as_waveforms(X), np.asarray(y)
        X, y = in_double(np.asarray(X)), in_double(y)
        powers = np.maximum(powers_of_two(X).ravel(), powers_of_two(y).ravel())
        yield divide(X, expand_rows(powers, X)), divide(y, expand_rows(powers, y))


def row_statistics(X, y):
    """Return levels of mixtures and components, and shares of their means in the power.

    Each is an array of shape (n_rows,) or (n_rows, n_components).
    """
    return {
        "X": rms(X, 1),
        "sum": rms(y.sum(axis=1), 1),
        "y": rms(y, 2),
        "X_mean": mean_shares(X, 1),
        "y_mean": mean_shares(y, 2),
    }


def rms(array, n_leading):
    """Return the root mean square over all but the leading axes."""
    flat = np.abs(array).reshape(*array.shape[:n_leading], -1)
    return np.sqrt(np.square(flat).mean(axis=-1))


def mean_shares(array, n_leading):
    """Return the share that the means over time have in the power; NaN for silence."""
    if array.shape[-1] < FEW_TIMES:
        return np.full(array.shape[:n_leading], np.nan)
    means, power = rms(array.mean(axis=-1), n_leading), rms(array, n_leading)
    with np.errstate(invalid="ignore"):
        return np.square(means / power)


def median_ratio(levels, others):
    """Return the median of ratios of levels in dB, or NaN.

    Parameters
    ----------
    levels, others : ndarray of shape (n_rows,)
        Levels; rows in which one is 0 do not count.
    """
    audible = (levels > 0) & (others > 0)
    return median(20 * np.log10(levels[audible] / others[audible]))


def median(values):
    """Return the median of the values that are not NaN, or NaN."""
    values = values[~np.isnan(values)]
    return np.median(values) if len(values) else np.nan


# Warnings ---------------------------------------------------------------------


def warn_of_units(of_rows):
    """Warn of mixtures and components whose levels do not belong together."""
    loudest = np.maximum(of_rows["sum"], of_rows["y"].max(axis=1))  # they may cancel
    above = median_ratio(of_rows["X"], loudest)
    below = median_ratio(of_rows["sum"], of_rows["X"])
    if above > UNEQUAL:
        warn_user(
            f"X is {above:.0f} dB louder than the components y (median over rows), as "
            "if their units differed: scale both alike (16-bit integers become "
            "fractions of full scale by X / 32768). If the rest of X is noise, it can "
            "be a component of its own."
        )
    elif below > UNEQUAL:
        warn_user(
            f"the sum of the components y is {below:.0f} dB louder than X (median over "
            "rows), as if their units differed: scale both alike (16-bit integers "
            "become fractions of full scale by y / 32768)."
        )


def warn_of_quiet_components(of_rows, names):
    """Warn of components far below their mixtures, unless all are."""
    below = [median_ratio(levels, of_rows["X"]) for levels in of_rows["y"].T]
    if not any(level >= FAR_BELOW for level in below):  # their unit is another
        return
    for name, level in zip(names, below, strict=True):
        if level < FAR_BELOW:
            warn_user(
                f"{name} is {-level:.0f} dB below the mixtures (median over rows): "
                "estimates of a component so quiet can hardly be better than silence. "
                "Check its unit, or filter X and y to frequencies at which it is "
                "louder."
            )


def warn_of_silent_components(of_rows, names, samples):
    """Warn of components that are silent in all rows, not only in those measured."""
    silent = ~of_rows["y"].any(axis=0)
    if samples.known is not None:  # mixtures may teach what their known rows lack
        silent &= samples.known.all(axis=0)
    if not silent.any():
        return
    for _, y in chunks_of_rows(samples, every_row(samples)):
        silent &= ~y.any(axis=(0, *range(2, y.ndim)))
        if not silent.any():
            return
    for k in np.flatnonzero(silent):
        warn_user(
            f"{names[k]} is silent in all rows of y: there is nothing to learn, and "
            "its scores are NaN. Leave it out, or check how y was made."
        )


def warn_of_offset(shares, names):
    """Warn of waveforms whose means hold most of the power; return whether any do.

    Parameters
    ----------
    shares : ndarray of shape (n_rows, n_names)
        Shares of the means in the power, NaN for silence.
    names : sequence
        What they are the shares of.
    """
    medians = [median(column) for column in shares.T]
    found = [
        f"{name} ({share:.0%})"
        for name, share in zip(names, medians, strict=True)
        if share > OFFSET
    ]
    if found:
        warn_user(
            "the mean over time holds most of the power (median over rows) of "
            f"{', '.join(found)}: if that is an offset, errors of the signal itself "
            "hardly count in training and in scores. Subtract the mean of each row "
            "from X and y, or apply a high-pass filter to both."
        )
    return bool(found)
