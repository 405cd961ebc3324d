"""Displays of separated waveforms, errors per epoch and discriminator outputs."""

import numpy as np


def _subplots(n_rows, n_columns, **kwargs):
    """Return a matplotlib figure and its 2-D array of axes."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "matplotlib is needed to draw displays: pip install sklearn-cass[plot]"
        ) from error
    return plt.subplots(
        n_rows, n_columns, squeeze=False, layout="constrained", **kwargs
    )


class SeparationDisplay:
    """Waveforms of a mixture, its true components and their estimates.

    Parameters
    ----------
    mixture : ndarray of shape (n_times,)
        The mixture.
    components, estimates : ndarray of shape (n_components, n_times)
        True and estimated components.
    component_names : sequence of str
        Names of the components.
    sfreq : float, default=None
        Sampling frequency in Hz. If None, the horizontal axis shows time points.
    unit : str, default=""
        Unit of the waveforms.
    span : tuple of float, default=None
        First and last time to show, in seconds or time points. If None, all.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of matplotlib Axes
        Those of the mixture, and of each component.

    See Also
    --------
    ErrorCurveDisplay : Relative error per epoch.
    DiscriminationDisplay : Outputs of the discriminators.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass.plotting import SeparationDisplay
    >>> y = np.random.default_rng(0).normal(size=(2, 100))
    >>> display = SeparationDisplay(y.sum(axis=0), y, 0.9 * y, ["heart", "breath"])
    >>> display.plot().axes_.shape
    (3,)
    """

    def __init__(
        self,
        mixture,
        components,
        estimates,
        component_names,
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
    def from_estimator(cls, separator, X, y, *, index=0, **kwargs):
        """Separate one sample and draw it.

        Parameters
        ----------
        separator : estimator
            A fitted separator.
        X : ndarray of shape (n_samples, n_times)
            Mixtures.
        y : ndarray of shape (n_samples, n_components, n_times)
            Their components.
        index : int, default=0
            Index of the sample.
        **kwargs
            Parameters of the display. ``component_names`` defaults to those of the
            separator.

        Returns
        -------
        display : SeparationDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        estimates = separator.transform(X[[index]])[0]
        names = kwargs.pop("component_names", separator.component_names_)
        return cls(X[index], y[index], estimates, names, **kwargs).plot()

    def plot(self):
        """Draw the figure.

        Returns
        -------
        display : SeparationDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        n_panels = 1 + len(self.components)
        self.figure_, axes = _subplots(
            n_panels, 1, sharex=True, figsize=(9, 1.9 * n_panels)
        )
        self.axes_ = axes[:, 0]
        time = np.arange(len(self.mixture)) / (self.sfreq or 1)
        first, last = self.span or (time[0], time[-1])
        shown = (time >= first) & (time <= last)
        time = time[shown]
        self.axes_[0].plot(time, self.mixture[shown], color="0.3", lw=0.9)
        self.axes_[0].set_title("mixture", loc="left")
        for k, name in enumerate(self.component_names):
            ax = self.axes_[k + 1]
            component, estimate = self.components[k, shown], self.estimates[k, shown]
            ax.plot(time, component, color="0.7", lw=2.5, label="true component")
            ax.plot(time, estimate, color=f"C{k}", lw=1, label="estimate")
            ax.set_title(str(name), loc="left")
            above = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0}
            ax.legend(**above, ncols=2, frameon=False)
        for ax in self.axes_:
            ax.set_ylabel(self.unit)
            ax.margins(x=0)
        self.axes_[-1].set_xlabel("time [s]" if self.sfreq else "time point")
        return self


class ErrorCurveDisplay:
    """Relative error on the validation set per epoch, as in Figures 4 and 5 of [1]_.

    Parameters
    ----------
    errors : dict of str to ndarray of shape (n_epochs, n_components)
        Relative errors of each separator, by its name.
    component_names : sequence of str
        Names of the components.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of matplotlib Axes
        Those of each component.

    See Also
    --------
    SeparationDisplay : Waveforms of one sample.
    DiscriminationDisplay : Outputs of the discriminators.

    References
    ----------
    .. [1] Y. Z. Ong, C. K. Chui, H. Yang, "CASS: Cross adversarial source separation
       via autoencoder", 2019, `arXiv:1905.09877 <https://arxiv.org/abs/1905.09877>`_.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass.plotting import ErrorCurveDisplay
    >>> errors = {"AE": np.array([[0.9, 0.8], [0.5, 0.6], [0.4, 0.5]])}
    >>> display = ErrorCurveDisplay(errors, ["heart", "breath"])
    >>> display.plot().axes_.shape
    (2,)
    """

    def __init__(self, errors, component_names):
        self.errors = errors
        self.component_names = component_names

    @classmethod
    def from_estimators(cls, separators, component_names):
        """Draw the histories of separators fitted with ``validation_fraction``.

        Parameters
        ----------
        separators : dict of str to estimator
            Fitted separators, by the names to show.
        component_names : sequence of str
            Names of the components.

        Returns
        -------
        display : ErrorCurveDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        KeyError
            If a separator was fitted without ``validation_fraction``.
        """
        errors = {
            name: np.array(separator.history_[:, "valid_relative_error"])
            for name, separator in separators.items()
        }
        return cls(errors, component_names).plot()

    def plot(self):
        """Draw the figure.

        Returns
        -------
        display : ErrorCurveDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        n_panels = len(self.component_names)
        self.figure_, axes = _subplots(1, n_panels, figsize=(4.5 * n_panels, 3.4))
        self.axes_ = axes[0]
        for k, (ax, name) in enumerate(
            zip(self.axes_, self.component_names, strict=True)
        ):
            for label, errors in self.errors.items():
                ax.semilogy(np.arange(len(errors)) + 1, errors[:, k], label=label)
            ax.set_title(str(name), loc="left")
            ax.set_xlabel("epoch")
            ax.xaxis.get_major_locator().set_params(integer=True)
            ax.grid(which="both", alpha=0.3)
        self.axes_[0].set_ylabel("relative $L_2$ error, validation set")
        self.axes_[-1].legend(frameon=False)
        return self


class DiscriminationDisplay:
    """Outputs of discriminators for other components' estimates, as Figure 6 of [1]_.

    Parameters
    ----------
    probabilities : dict of str to ndarray of shape (n_samples, n_components, \
n_components)
        Outputs of each separator's method ``discriminate`` for its estimates, by its
        name. Entry [n, i, j] is the output of discriminator i for component j: the
        probability that this is a true component i.
    component_names : sequence of str
        Names of the components.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of matplotlib Axes
        Those of each pair of a discriminator and another component.

    See Also
    --------
    SeparationDisplay : Waveforms of one sample.
    ErrorCurveDisplay : Relative error per epoch.

    References
    ----------
    .. [1] Y. Z. Ong, C. K. Chui, H. Yang, "CASS: Cross adversarial source separation
       via autoencoder", 2019, `arXiv:1905.09877 <https://arxiv.org/abs/1905.09877>`_.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass.plotting import DiscriminationDisplay
    >>> probabilities = {"CASS": np.random.default_rng(0).uniform(size=(50, 2, 2))}
    >>> display = DiscriminationDisplay(probabilities, ["heart", "breath"])
    >>> display.plot().axes_.shape
    (2,)
    """

    def __init__(self, probabilities, component_names):
        self.probabilities = probabilities
        self.component_names = component_names

    @classmethod
    def from_estimators(cls, separators, X, component_names):
        """Separate mixtures, apply the discriminators to the estimates, and draw.

        Parameters
        ----------
        separators : dict of str to estimator
            Fitted separators with discriminators, by the names to show.
        X : ndarray of shape (n_samples, ...)
            Mixtures.
        component_names : sequence of str
            Names of the components.

        Returns
        -------
        display : DiscriminationDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        probabilities = {
            name: separator.discriminate(separator.transform(X), X)
            for name, separator in separators.items()
        }
        return cls(probabilities, component_names).plot()

    def plot(self):
        """Draw the figure.

        Returns
        -------
        display : DiscriminationDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        names = self.component_names
        pairs = [(i, j) for i in range(len(names)) for j in range(len(names)) if i != j]
        self.figure_, axes = _subplots(
            len(pairs), 1, sharex=True, figsize=(8, 2.6 * len(pairs))
        )
        self.axes_ = axes[:, 0]
        for ax, (i, j) in zip(self.axes_, pairs, strict=True):
            for n, (label, outputs) in enumerate(self.probabilities.items()):
                ax.plot(outputs[:, i, j], ".", ms=4, color=f"C{n + 1}", label=label)
            ax.set_ylim(-0.03, 1.03)
            ax.set_ylabel("discriminator output")
            title = f"{names[i]} discriminator, estimates of {names[j]}"
            ax.set_title(title, loc="left")
            ax.margins(x=0.01)
        handles = self.axes_[0].get_legend_handles_labels()
        self.figure_.legend(*handles, loc="outside upper right", ncols=2, frameon=False)
        self.axes_[-1].set_xlabel("sample")
        return self
