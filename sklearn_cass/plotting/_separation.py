"""Display of one mixture, its components, their estimates and the residual."""

import numpy as np

from ..inspection import (
    component_labels,
    components_as_waveforms,
    decibels,
    display_stft,
    estimate,
    fitted_separator,
    magnitude,
    mixtures_as_waveforms,
    one_channel,
    sampling_rate,
    take,
)
from ._axes import color, panels

LEGEND = {
    "loc": "lower right",
    "bbox_to_anchor": (1, 1),
    "borderaxespad": 0,
    "ncols": 2,
    "frameon": False,
}
RANGE_DB = 70  # of colors of spectrograms, below the loudest entry of the mixture


class SeparationDisplay:
    """Waveforms of a mixture, its true components and their estimates.

    Parameters
    ----------
    mixture : ndarray of shape (n_times,)
        The mixture.
    components : ndarray of shape (n_components, n_times) or None
        True components (sources), None if they are unknown.
    estimates : ndarray of shape (n_components, n_times)
        Estimated components.
    component_names : sequence of str, default=None
        Names of the components. If None, "component 0" and so on.
    sfreq : float, default=None
        Sampling frequency in Hz. If None, the horizontal axis shows time points.
    unit : str, default=""
        Unit of the waveforms, for instance "mV".
    span : tuple of float, default=None
        First and last time to show, in seconds or time points. If None, all.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of matplotlib Axes
        Waveforms: those of the mixture, of each component, and of the residual.
    spectrogram_axes_ : ndarray of shape (n_panels, 2)
        Axes beside them, if spectrograms are drawn: of the mixture and the true
        components, and of the estimates and the residual.

    See Also
    --------
    ErrorCurveDisplay : Relative error per epoch.
    DiscriminationDisplay : Outputs of the discriminators.
    CrossWeightsDisplay : Results of a search over cross weights.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass.plotting import SeparationDisplay
    >>> y = np.random.default_rng(0).normal(size=(2, 100))
    >>> display = SeparationDisplay(y.sum(axis=0), y, 0.9 * y, ["heart", "breath"])
    >>> display.plot().axes_.shape
    (3,)
    >>> display.plot(residual=True, spectrograms=True).spectrogram_axes_.shape
    (4, 2)
    """

    def __init__(
        self,
        mixture,
        components,
        estimates,
        component_names=None,
        *,
        sfreq=None,
        unit="",
        span=None,
    ):
        self.mixture = mixture
        self.components = components
        self.estimates = estimates
        self.component_names = component_names
        self.sfreq = sfreq
        self.unit = unit
        self.span = span

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        index=0,
        channel=0,
        component_names=None,
        sfreq=None,
        unit="",
        span=None,
        spectrograms=False,
        residual=False,
        ax=None,
    ):
        """Separate one sample and draw it.

        Parameters
        ----------
        estimator : estimator
            A fitted separator, a ``Pipeline`` with one at its end, or a search such as
            ``GridSearchCV``.
        X : array-like of shape (n_samples, [n_channels,] n_times)
            Mixtures: an array, a data frame, or a :class:`~sklearn_cass.Spectrogram`.
        y : array-like of shape (n_samples, n_components, ...), default=None
            Their components. If None, estimates alone are drawn.
        index : int, default=0
            Index of the sample.
        channel : int, default=0
            Channel to draw of multichannel waveforms.
        component_names : sequence of str, default=None
            Names of the components. If None, those of the estimator.
        sfreq : float, default=None
            Sampling frequency in Hz. If None, that passed to ``fit``, if any.
        unit : str, default=""
            Unit of the waveforms.
        span : tuple of float, default=None
            First and last time to show.
        spectrograms : bool, default=False
            Whether to draw spectrograms beside the waveforms.
        residual : bool, default=False
            Whether to draw the mixture minus the sum of the estimates.
        ax : matplotlib Axes or array-like of Axes, default=None
            As for ``plot``.

        Returns
        -------
        display : SeparationDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If X or y do not hold waveforms.
        """
        X = take(X, [index])
        return cls.from_predictions(
            None if y is None else take(y, [index]),
            estimate(estimator, X),
            X,
            channel=channel,
            component_names=_labels(estimator, component_names),
            sfreq=sampling_rate(estimator, sfreq),
            unit=unit,
            span=span,
            spectrograms=spectrograms,
            residual=residual,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_pred,
        X=None,
        *,
        index=0,
        channel=0,
        component_names=None,
        sfreq=None,
        unit="",
        span=None,
        spectrograms=False,
        residual=False,
        ax=None,
    ):
        """Draw one sample of known estimates.

        Parameters
        ----------
        y_true : array-like of shape (n_samples, n_components, ...) or None
            True components, None if they are unknown.
        y_pred : array-like of shape (n_samples, n_components, ...)
            Estimates.
        X : array-like of shape (n_samples, [n_channels,] n_times), default=None
            Mixtures. If None, the sums of the true components.
        index : int, default=0
            Index of the sample.
        channel : int, default=0
            Channel to draw of multichannel waveforms.
        component_names : sequence of str, default=None
            Names of the components.
        sfreq : float, default=None
            Sampling frequency in Hz.
        unit : str, default=""
            Unit of the waveforms.
        span : tuple of float, default=None
            First and last time to show.
        spectrograms : bool, default=False
            Whether to draw spectrograms beside the waveforms.
        residual : bool, default=False
            Whether to draw the mixture minus the sum of the estimates.
        ax : matplotlib Axes or array-like of Axes, default=None
            As for ``plot``.

        Returns
        -------
        display : SeparationDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If both `y_true` and `X` are None, or if an argument holds no waveforms.
        """
        if y_true is None and X is None:
            raise ValueError("X must hold the mixtures where y_true is None")
        estimates = _sample(y_pred, "y_pred", index, channel)
        truth = None if y_true is None else _sample(y_true, "y_true", index, channel)
        if X is None:
            mixture = truth.sum(axis=0)
        else:
            mixtures = mixtures_as_waveforms(take(X, [index]))
            mixture = one_channel(mixtures, 2, channel)[0]
        settings = {"sfreq": sfreq, "unit": unit, "span": span}
        display = cls(mixture, truth, estimates, component_names, **settings)
        return display.plot(spectrograms=spectrograms, residual=residual, ax=ax)

    def plot(self, *, spectrograms=False, residual=False, ax=None):
        """Draw the figure.

        Parameters
        ----------
        spectrograms : bool, default=False
            Whether to draw spectrograms beside the waveforms, in dB below the loudest
            entry of the mixture's.
        residual : bool, default=False
            Whether to draw the mixture minus the sum of the estimates, to the scale
            of the mixture.
        ax : matplotlib Axes or array-like of Axes, default=None
            Axes to draw on: one that is divided into panels, or one for each panel,
            row by row. If None, a new figure is made.

        Returns
        -------
        display : SeparationDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the number of axes is another than that of the panels, or if the names
            are not as many as the components.
        """
        names = component_labels(None, len(self.estimates), self.component_names)
        n_panels = 1 + len(names) + bool(residual)
        widths = [1.5, 1, 1] if spectrograms else [1]  # of columns
        size = (15 if spectrograms else 9, 1.9 * n_panels)
        self.figure_, axes = panels(
            ax, n_panels, len(widths), size, widths, sharex=True
        )
        self.axes_ = axes[:, 0]
        self._plot_waveforms(names, residual)
        if spectrograms:
            self.spectrogram_axes_ = axes[:, 1:]
            self._plot_spectrograms(names, residual)
        for axis in axes[-1]:
            axis.set_xlabel("time [s]" if self.sfreq else "time point")
        return self

    def _plot_waveforms(self, names, residual):
        time = np.arange(len(self.mixture)) / (self.sfreq or 1)
        first, last = self.span or (time[0], time[-1])
        shown = (time >= first) & (time <= last)
        time = time[shown]
        self.axes_[0].plot(time, self.mixture[shown], color="0.3", lw=0.9)
        self.axes_[0].set_title("mixture", loc="left")
        for k, (ax, name) in enumerate(zip(self.axes_[1:], names, strict=False)):
            self._plot_component(ax, k, name, time, shown)
        if residual:
            ax = self.axes_[-1]
            ax.plot(time, self._residual()[shown], color="0.3", lw=0.9)
            ax.set_title("residual: mixture minus the sum of estimates", loc="left")
            ax.set_ylim(self.axes_[0].get_ylim())
        for ax in self.axes_:
            ax.set_ylabel(self.unit)
            ax.margins(x=0)

    def _plot_component(self, ax, k, name, time, shown):
        if self.components is not None:
            truth = self.components[k, shown]
            ax.plot(time, truth, color="0.7", lw=2.5, label="true component")
        ax.plot(time, self.estimates[k, shown], color=color(k), lw=1, label="estimate")
        ax.set_title(name, loc="left")
        ax.legend(**LEGEND)

    def _residual(self):
        return self.mixture - np.sum(self.estimates, axis=0)

    def _plot_spectrograms(self, names, residual):
        stft = display_stft(len(self.mixture))
        top = magnitude(stft, self.mixture).max()
        left, right = self.spectrogram_axes_.T
        drawn = [(left[0], self.mixture, "mixture")]
        for k, name in enumerate(names):
            if self.components is not None:
                drawn.append((left[k + 1], self.components[k], f"{name}, true"))
            drawn.append((right[k + 1], self.estimates[k], f"{name}, estimate"))
        if residual:
            drawn.append((right[-1], self._residual(), "residual"))
        used = [ax for ax, _, _ in drawn]
        for ax, waveform, title in drawn:
            image = self._draw_spectrogram(ax, magnitude(stft, waveform), top)
            ax.set_title(title, loc="left")
        for ax in self.spectrogram_axes_.flat:
            ax.set_visible(ax in used)
        label = "dB, 0 is the mixture's maximum"
        self.figure_.colorbar(image, ax=used, label=label, aspect=40)

    def _draw_spectrogram(self, ax, values, top):
        sfreq = self.sfreq or 1
        extent = (0, (len(self.mixture) - 1) / sfreq or 1, 0, sfreq / 2)
        image = ax.imshow(
            decibels(values, top),
            **{"origin": "lower", "aspect": "auto", "extent": extent},
            **{"cmap": "viridis", "vmin": -RANGE_DB, "vmax": 0},
        )
        ax.set_xlim(self.span or extent[:2])
        ax.set_ylabel("frequency [Hz]" if self.sfreq else "cycles per point")
        return image


def _sample(y, name, index, channel):
    """Return one channel of the components of one sample, (n_components, n_times)."""
    waveforms = components_as_waveforms(take(y, [index]), name)
    return one_channel(waveforms, 3, channel)[0]


def _labels(estimator, names):
    """Return names of components where the estimator or the user gives any."""
    if names is None:
        n_components = len(getattr(fitted_separator(estimator), "component_names_", ()))
        return component_labels(estimator, n_components) if n_components else None
    return names
