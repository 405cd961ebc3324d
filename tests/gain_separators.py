"""Separator of a few lines that keeps the contract, and many that break it."""

import os
import random
import tempfile
import warnings

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import assert_all_finite, check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from sklearn_cass.metrics import sdr, si_sdr

NUMBERS = {"allow_nd": True, "dtype": [np.float64, np.float32]}


def checked(array, name):
    """Return a validated array of mixtures or components; Spectrograms stay such."""
    if np.iscomplexobj(array):
        assert_all_finite(array, input_name=name)
        return array
    return check_array(array, input_name=name, **NUMBERS)


class GainSeparator(TransformerMixin, BaseEstimator):
    """Separator whose estimates are the mixture times a gain, that of least squares."""

    def __init__(self, ridge=0.0, verbose=0):
        self.ridge = ridge
        self.verbose = verbose

    def fit(self, X, y):
        X = checked(X, "X")
        check_consistent_length(X, y)
        names = np.arange(y.shape[1]) if np.ndim(y) > 1 else np.unique(y)
        if np.ndim(y) == 1:
            rows = [np.flatnonzero(y == name) for name in names]
            n = min(map(len, rows))
            y = np.stack([X[r[:n]] for r in rows], axis=1)
            X = y.sum(axis=1)
        else:
            y = checked(y, "y")
        in_waveforms = np.iscomplexobj(X) and not np.iscomplexobj(y)
        if in_waveforms and getattr(X, "stft", None) is None:
            raise ValueError("y holds waveforms, but X does not know its STFT")
        mixtures = self._of_components(X, y.ndim - 1, in_waveforms)
        if mixtures.shape[1:] != y.shape[2:]:
            raise ValueError(f"y holds no components of X: shape {y.shape}")
        power = np.vdot(mixtures, mixtures) + self.ridge
        gains = [np.vdot(mixtures, y[:, k]) / (power or 1) for k in range(y.shape[1])]
        self.shapes_ = X.shape[1:], y.ndim - 1, in_waveforms
        self.gains_ = np.array(gains)
        self.component_names_, self.n_components_ = names, len(names)
        return self

    @staticmethod
    def _of_components(X, n_dims, in_waveforms):
        """Return mixtures in the domain of the components, (n_samples, ...)."""
        X = X.stft.inverse_transform(X) if in_waveforms else np.asarray(X)
        return X if X.ndim == n_dims else X.mean(axis=1)

    def transform(self, X):
        check_is_fitted(self)
        X = checked(X, "X")
        shape, n_dims, in_waveforms = self.shapes_
        if X.shape[1:] != shape:
            raise ValueError(f"X has rows of shape {X.shape[1:]}, fitted with {shape}")
        mixtures = self._of_components(X, n_dims, in_waveforms)
        gains = self.gains_.reshape(-1, *[1] * (n_dims - 1))
        return (mixtures[:, None] * gains).astype(mixtures.dtype)

    def predict(self, X):
        return self.transform(X)

    def score(self, X, y):
        return np.nanmean(sdr(y, self.transform(X)))

    def separate(self, recording):
        return self.gains_[:, None] * recording


class WaveformSeparator(GainSeparator):
    """Separator that takes only waveforms of one channel, and says so."""

    separate = property()

    def fit(self, X, y):
        if np.ndim(X) != 2 or np.ndim(y) != 3:
            raise ValueError("X and y must be waveforms of one channel")
        return super().fit(X, y)


FAULTS = {}  # broken separators, and the names of the checks that they fail


def fails(*checks):
    """Decorate a broken separator: register the checks that it fails."""

    def register(cls):
        FAULTS[cls] = {f"check_separator_{check}" for check in checks}
        return cls

    return register


class AfterFit(GainSeparator):
    """Base class: does something to X, y or itself at the end of ``fit``."""

    def fit(self, X, y):
        super().fit(X, y)
        self.afterwards(X, y)
        return self


class AfterTransform(GainSeparator):
    """Base class: does something to the estimates, or besides them."""

    def transform(self, X):
        estimates = super().transform(X)
        changed = self.afterwards(np.asarray(X), estimates)
        return estimates if changed is None else changed


# --- estimates ----------------------------------------------------------------------


@fails("component_order")
class SwapsComponents(AfterTransform):
    def afterwards(self, X, estimates):
        return estimates[:, ::-1]


@fails("component_order")
class SortsByLoudness(AfterFit):
    def afterwards(self, X, y):
        self.gains_ = np.sort(self.gains_)[::-1]


@fails("scale_equivariance")
class ScalesToUnitPeak(AfterTransform):
    def afterwards(self, X, estimates):
        peaks = np.abs(estimates).max(axis=tuple(range(1, estimates.ndim)))
        peaks = np.where(peaks, peaks, 1).astype(peaks.dtype)
        return estimates / peaks.reshape(-1, *[1] * (estimates.ndim - 1))


@fails("batch_independence", "scale_equivariance")
class RoundsToTheLoudestRow(AfterTransform):
    def afterwards(self, X, estimates):
        step = np.abs(estimates).max() / 1000 or 1
        return (np.round(estimates / step) * step).astype(estimates.dtype)


@fails("silence")
class DividesByItsLevel(AfterTransform):
    def afterwards(self, X, estimates):
        axes = tuple(range(2, estimates.ndim))
        level = np.abs(estimates).sum(axis=axes, keepdims=True)
        with np.errstate(invalid="ignore"):
            return estimates / level * level


@fails("reproducible")
class DrawsEstimates(AfterTransform):
    def afterwards(self, X, estimates):
        return estimates * (1 + 1e-12 * np.random.default_rng().normal())


@fails("refit")
class GoesOnFromTheFitBefore(AfterFit):
    def afterwards(self, X, y):
        self.n_fits_ = getattr(self, "n_fits_", 0) + 1
        self.gains_ = self.gains_ / self.n_fits_


@fails("writable_estimates")
class ReturnsItsCache(AfterTransform):
    def afterwards(self, X, estimates):
        if not hasattr(self, "cache_"):
            self.cache_ = {}
        return self.cache_.setdefault((X.shape, str(X.dtype), X.tobytes()), estimates)


@fails("dtypes")
class ReturnsDoubles(AfterTransform):
    def afterwards(self, X, estimates):
        return estimates if np.iscomplexobj(estimates) else estimates.astype(float)


@fails("memory_layout")
class ReadsMemoryInItsOrder(GainSeparator):
    def transform(self, X):
        if np.ndim(X) == 2:
            X = X.ravel(order="K").reshape(X.shape)
        return super().transform(X)


@fails("readonly_memmap")
class ComputesInPlace(GainSeparator):
    def transform(self, X):
        X *= 1
        return super().transform(X)


# --- shapes and domains -------------------------------------------------------------


@fails(
    "waveforms",
    "one_sample",
    "one_component",
    "short_signals",
    "batch_independence",
)
class Squeezes(AfterTransform):
    def afterwards(self, X, estimates):
        return np.squeeze(estimates)


@fails("one_sample")
class WantsTwoRows(AfterFit):
    def afterwards(self, X, y):
        if len(X) == 1:
            raise ValueError("X must have two rows")


@fails("one_component")
class DropsTheOneComponent(AfterTransform):
    def afterwards(self, X, estimates):
        return estimates[:, 0] if estimates.shape[1] == 1 else estimates


@fails("several_components")
class KnowsTwoComponents(GainSeparator):
    def fit(self, X, y):
        return super().fit(X, y[:, :2] if np.ndim(y) > 1 else y)


@fails("odd_lengths", "short_signals")
class CropsOddLengths(AfterTransform):
    def afterwards(self, X, estimates):
        return estimates[..., : X.shape[1] // 2 * 2] if X.ndim == 2 else estimates


@fails("short_signals")
class PadsToItsWindow(AfterTransform):
    def afterwards(self, X, estimates):
        missing = max(0, 4 - X.shape[-1])
        return np.pad(estimates, [(0, 0)] * (estimates.ndim - 1) + [(0, missing)])


@fails("multichannel")
class MixesChannelsDown(AfterTransform):
    def afterwards(self, X, estimates):
        has_channels = estimates.ndim == 4 and not np.iscomplexobj(X)
        return estimates.mean(axis=2) if has_channels else estimates


@fails("multichannel_to_one_channel")
class RepeatsTheChannel(AfterTransform):
    def afterwards(self, X, estimates):
        lacks_channels = X.ndim == 3 == estimates.ndim and not np.iscomplexobj(X)
        return estimates[:, :, None].repeat(2, 2) if lacks_channels else estimates


@fails("multichannel", "multichannel_to_one_channel")
class RefusesWithoutSayingWhat(GainSeparator):
    def fit(self, X, y):
        if np.ndim(X) == 3 and not np.iscomplexobj(X):
            raise ValueError("expected 2 dimensions")
        return super().fit(X, y)


@fails("complex_spectrograms", "multichannel_spectrograms")
class DropsTheImaginaryPart(AfterTransform):
    def afterwards(self, X, estimates):
        return estimates.real


@fails("spectrograms_of_waveforms", "after_stft")
class KeepsTheDomainOfX(AfterTransform):
    def afterwards(self, X, estimates):
        return X[:, None] * np.ones((2, 1, 1)) if self.shapes_[2] else estimates


@fails("bare_spectrograms_with_waveforms")
class MakesSenseOfAnything(GainSeparator):
    def fit(self, X, y):
        if np.iscomplexobj(X) and not np.iscomplexobj(y) and not hasattr(X, "stft"):
            y = y.sum(axis=2)[:, :, None, None] * X[:, None]
        return super().fit(X, y)


@fails("images")
class FlattensImages(AfterTransform):
    def afterwards(self, X, estimates):
        is_image = X.ndim == 4 and not np.iscomplexobj(X)
        return estimates.reshape(*estimates.shape[:2], -1) if is_image else estimates


@fails("labels")
class KeepsLabelsAsTheyCome(AfterFit):
    def afterwards(self, X, y):
        if np.ndim(y) == 1:
            self.component_names_ = list(dict.fromkeys(y))


@fails("separate")
class SeparatesWholeWindows(GainSeparator):
    def separate(self, recording):
        return super().separate(recording)[:, : len(recording) // 4 * 4]


# --- what must stay as it was -------------------------------------------------------


def nudge(array):
    """Change an entry by its last bit, where that is possible."""
    if array.flags.writeable and array.dtype.kind == "f":
        array.flat[0] = np.nextafter(array.flat[0], np.inf)


@fails("data_unchanged")
class ChangesXInFit(AfterFit):
    def afterwards(self, X, y):
        nudge(X)


@fails("data_unchanged")
class ChangesYInFit(AfterFit):
    def afterwards(self, X, y):
        nudge(y)


@fails("data_unchanged")
class ChangesXInTransform(AfterTransform):
    def afterwards(self, X, estimates):
        nudge(X)


@fails("parameters_unchanged")
class ChangesItsParameter(AfterFit):
    def afterwards(self, X, y):
        self.verbose = 1


class MovesState:
    """Mixin: changes the state of the process in one of several ways."""

    def afterwards(self, X, other):
        self.move()


STATE_FAULTS = {
    "SeedsPython": lambda: random.seed(5),
    "SeedsNumpy": lambda: np.random.seed(5),
    "DrawsFromNumpy": lambda: np.random.normal(),
    "SeedsTorch": lambda: torch.manual_seed(5),
    "SetsThreads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "TurnsGradientsOff": lambda: torch.set_grad_enabled(False),
    "SetsTheDefaultType": lambda: torch.set_default_dtype(torch.float64),
    "SilencesWarnings": lambda: warnings.simplefilter("ignore"),
    "SilencesNumpy": lambda: np.seterr(all="ignore"),
    "SetsTheEnvironment": lambda: os.environ.update(GAIN_SEPARATOR="1"),
    "ChangesTheFolder": lambda: os.chdir(tempfile.gettempdir()),
}
for base, method in ((AfterFit, "fit"), (AfterTransform, "transform")):
    for name, move in STATE_FAULTS.items():
        name = f"{name}In{method.title()}"
        body = {"move": staticmethod(move), "__module__": __name__}
        cls = type(name, (MovesState, base), body)
        globals()[name] = fails(f"{method}_leaves_global_state")(cls)


# --- workflow -----------------------------------------------------------------------


@fails("pickle")
class HoldsAFunction(AfterFit):
    def afterwards(self, X, y):
        self.filter_ = lambda signal: signal


class LearnsNothingElsewhere(AfterFit):
    """Fails in other processes alone."""

    def __getstate__(self):
        return super().__getstate__() | {"travelled": True}

    def afterwards(self, X, y):
        if hasattr(self, "travelled"):
            self.gains_ = 0 * self.gains_


@fails("predict")
class FitReturnsNothing(GainSeparator):
    def fit(self, X, y):
        super().fit(X, y)


@fails("predict", "pipeline", "group_k_fold")
class PredictsSomethingElse(GainSeparator):
    def predict(self, X):
        return 2 * self.transform(X)


@fails("score")
class ScoresByAnotherMetric(GainSeparator):
    def score(self, X, y):
        return np.nanmean(si_sdr(y, self.transform(X)))


@fails("score")
class ScoresSilence(GainSeparator):
    def score(self, X, y):
        return np.mean(sdr(y, self.transform(X)))


@fails("clone", "not_fitted")
class GuessesUnfitted(GainSeparator):
    def transform(self, X):
        if not hasattr(self, "gains_"):
            return np.stack([X, X], axis=1)
        return super().transform(X)


@fails("not_fitted")
class HalfFitted(GainSeparator):
    def fit(self, X, y):
        try:
            return super().fit(X, y)
        except ValueError:
            super().fit(X, np.stack([X, X], axis=1))
            raise


@fails("invalid_training_data")
class TakesNaN(GainSeparator):
    def fit(self, X, y):
        return super().fit(X, y if np.ndim(y) == 1 else np.nan_to_num(y))


@fails("invalid_mixtures")
class TakesOtherLengths(GainSeparator):
    def transform(self, X):
        if hasattr(self, "shapes_") and np.ndim(X) == 2:
            self.shapes_ = (np.shape(X)[1:], *self.shapes_[1:])
        return super().transform(X)


class ConstructorChangesParameters(GainSeparator):
    """Separator that cannot be cloned, so that every check fails."""

    def __init__(self, ridge=0.0, verbose=0):
        super().__init__(ridge=ridge, verbose=verbose + 1)
