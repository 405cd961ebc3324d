"""Display classes: separated waveforms, errors per epoch, discriminators' answers."""

import numpy as np


def _subplots(n_rows, n_columns, **kwargs):
    import matplotlib.pyplot as plt

    return plt.subplots(
        n_rows, n_columns, squeeze=False, layout="constrained", **kwargs
    )


class SeparationDisplay:
    """A mixture and its components, the estimates drawn over the truth.

    Parameters
    ----------
    mixture : ndarray of shape (n_times,)
        The mixture.
    truth, estimates : ndarray of shape (n_components, n_times)
        True and estimated components.
    component_names : sequence of str
        Their names.
    sfreq : float, default=1
        Sampling frequency in Hz.
    unit : str, default=""
        Unit of the values.
    span : tuple of float, default=None
        First and last time to show. None shows all.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of matplotlib Axes
        One for the mixture, then one for each component.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass.plotting import SeparationDisplay
    >>> y = np.random.default_rng(0).normal(size=(2, 100))
    >>> display = SeparationDisplay(y.sum(0), y, 0.9 * y, ["heart", "breath"])
    >>> display.plot().axes_.shape  # doctest: +SKIP
    (3,)
    """

    def __init__(
        self,
        mixture,
        truth,
        estimates,
        component_names,
        *,
        sfreq=1.0,
        unit="",
        span=None,
    ):
        self.mixture = mixture
        self.truth = truth
        self.estimates = estimates
        self.component_names = component_names
        self.sfreq = sfreq
        self.unit = unit
        self.span = span

    @classmethod
    def from_estimator(cls, separator, X, y, *, row=0, **kwargs):
        """Separate one row of X and draw it.

        Parameters
        ----------
        separator : estimator
            A fitted separator.
        X : ndarray of shape (n_samples, n_times)
            Mixtures.
        y : ndarray of shape (n_samples, n_components, n_times)
            Their components.
        row : int, default=0
            Which row to draw.
        **kwargs
            As for the constructor; ``component_names`` defaults to the separator's.

        Returns
        -------
        SeparationDisplay
            The display, drawn.
        """
        estimates = separator.transform(X[row : row + 1])[0]
        names = kwargs.pop("component_names", separator.component_names_)
        return cls(X[row], y[row], estimates, names, **kwargs).plot()

    def plot(self):
        """Draw.

        Returns
        -------
        SeparationDisplay
            The display.
        """
        n_panels = 1 + len(self.truth)
        self.figure_, axes = _subplots(
            n_panels, 1, sharex=True, figsize=(9, 1.9 * n_panels)
        )
        self.axes_ = axes[:, 0]
        time = np.arange(len(self.mixture)) / self.sfreq
        first, last = self.span or (time[0], time[-1])
        shown = (time >= first) & (time <= last)
        time = time[shown]
        self.axes_[0].plot(time, self.mixture[shown], color="0.3", lw=0.9)
        self.axes_[0].set_title("mixture", loc="left")
        for k, name in enumerate(self.component_names):
            ax = self.axes_[k + 1]
            truth, estimate = self.truth[k, shown], self.estimates[k, shown]
            ax.plot(time, truth, color="0.7", lw=2.5, label="truth")
            ax.plot(time, estimate, color=f"C{k}", lw=1, label="estimate")
            ax.set_title(str(name), loc="left")
            above = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0}
            ax.legend(**above, ncols=2, frameon=False)
        for ax in self.axes_:
            ax.set_ylabel(self.unit)
            ax.margins(x=0)
        self.axes_[-1].set_xlabel("time [s]" if self.sfreq != 1 else "time [samples]")
        return self


class ErrorCurveDisplay:
    """Relative error on held-out rows after every epoch: Figures 4 and 5 of the paper.

    Parameters
    ----------
    errors : dict of str to ndarray of shape (n_epochs, n_components)
        For each separator, its relative errors.
    component_names : sequence of str
        Names of the components.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of matplotlib Axes
        One for each component.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass.plotting import ErrorCurveDisplay
    >>> errors = {"AE": np.array([[0.9, 0.8], [0.5, 0.6], [0.4, 0.5]])}
    >>> display = ErrorCurveDisplay(errors, ["heart", "breath"])
    >>> display.plot().axes_.shape  # doctest: +SKIP
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
            Fitted separators by the name to show.
        component_names : sequence of str
            Names of the components.

        Returns
        -------
        ErrorCurveDisplay
            The display, drawn.
        """
        errors = {
            name: np.array(separator.history_[:, "valid_relative_error"])
            for name, separator in separators.items()
        }
        return cls(errors, component_names).plot()

    def plot(self):
        """Draw.

        Returns
        -------
        ErrorCurveDisplay
            The display.
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
        self.axes_[0].set_ylabel("relative $L_2$ error, held-out rows")
        self.axes_[-1].legend(frameon=False)
        return self


class DiscriminationDisplay:
    """What each discriminator says of another's estimates: Figure 6 of the paper.

    Parameters
    ----------
    probabilities : dict of str to ndarray of shape (n_samples, n_components, \
n_components)
        For each separator what ``discriminate`` returned for estimates: entry
        [n, i, j] is D_i's answer to component j.
    component_names : sequence of str
        Names of the components.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of matplotlib Axes
        One for each pair of a discriminator and another component.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass.plotting import DiscriminationDisplay
    >>> probabilities = {"CASS": np.random.default_rng(0).uniform(size=(50, 2, 2))}
    >>> display = DiscriminationDisplay(probabilities, ["heart", "breath"])
    >>> display.plot().axes_.shape  # doctest: +SKIP
    (2,)
    """

    def __init__(self, probabilities, component_names):
        self.probabilities = probabilities
        self.component_names = component_names

    @classmethod
    def from_estimators(cls, separators, X, component_names):
        """Hand every separator's estimates to its discriminators and draw.

        Parameters
        ----------
        separators : dict of str to estimator
            Fitted separators with discriminators, by the name to show.
        X : ndarray of shape (n_samples, ...)
            Mixtures.
        component_names : sequence of str
            Names of the components.

        Returns
        -------
        DiscriminationDisplay
            The display, drawn.
        """
        probabilities = {
            name: separator.discriminate(separator.transform(X), X)
            for name, separator in separators.items()
        }
        return cls(probabilities, component_names).plot()

    def plot(self):
        """Draw.

        Returns
        -------
        DiscriminationDisplay
            The display.
        """
        names = self.component_names
        pairs = [(i, j) for i in range(len(names)) for j in range(len(names)) if i != j]
        self.figure_, axes = _subplots(
            len(pairs), 1, sharex=True, figsize=(8, 2.6 * len(pairs))
        )
        self.axes_ = axes[:, 0]
        for ax, (i, j) in zip(self.axes_, pairs, strict=True):
            for n, (label, answers) in enumerate(self.probabilities.items()):
                ax.plot(answers[:, i, j], ".", ms=4, color=f"C{n + 1}", label=label)
            ax.set_ylim(-0.03, 1.03)
            ax.set_ylabel("probability of true")
            title = f"the {names[i]} discriminator on estimates of the {names[j]}"
            ax.set_title(title, loc="left")
            ax.margins(x=0.01)
        handles = self.axes_[0].get_legend_handles_labels()
        self.figure_.legend(*handles, loc="outside upper right", ncols=2, frameon=False)
        self.axes_[-1].set_xlabel("sample")
        return self
