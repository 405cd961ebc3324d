"""Displays of errors per epoch and of discriminator outputs."""

import numpy as np

from ..inspection import component_labels, fitted_separator
from ._axes import color, panels


class ErrorCurveDisplay:
    """Relative error on the validation set per epoch.

    Figures 4 and 5 of [1]_ show the same.

    Parameters
    ----------
    errors : dict of str to ndarray of shape (n_epochs, n_components)
        Relative errors of each separator, by its name.
    component_names : sequence of str, default=None
        Names of the components. If None, "component 0" and so on.

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

    def __init__(self, errors, component_names=None):
        self.errors = errors
        self.component_names = component_names

    @classmethod
    def from_estimator(cls, estimator, component_names=None, *, ax=None):
        """Draw the history of a separator fitted with ``validation_fraction``.

        Parameters
        ----------
        estimator : estimator
            A fitted separator, a ``Pipeline`` with one at its end, or a search.
        component_names : sequence of str, default=None
            Names of the components. If None, those of the estimator.
        ax : matplotlib Axes or array-like of Axes, default=None
            As for ``plot``.

        Returns
        -------
        display : ErrorCurveDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        KeyError
            If the separator was fitted without ``validation_fraction``.
        """
        name = type(fitted_separator(estimator)).__name__
        return cls.from_estimators({name: estimator}, component_names, ax=ax)

    @classmethod
    def from_estimators(cls, separators, component_names=None, *, ax=None):
        """Draw the histories of separators fitted with ``validation_fraction``.

        Parameters
        ----------
        separators : dict of str to estimator
            Fitted separators, pipelines or searches, by the names to show.
        component_names : sequence of str, default=None
            Names of the components. If None, those of the first separator.
        ax : matplotlib Axes or array-like of Axes, default=None
            As for ``plot``.

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
        errors = {name: validation_errors(s, name) for name, s in separators.items()}
        names = names_of(separators, component_names)
        return cls(errors, names).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the figure.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            Axes to draw on: one for each component, or one that is divided. If None,
            a new figure is made.

        Returns
        -------
        display : ErrorCurveDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        n_components = np.shape(next(iter(self.errors.values())))[1]
        names = component_labels(None, n_components, self.component_names)
        size = (4.5 * n_components, 3.4)
        self.figure_, axes = panels(ax, 1, n_components, size, sharey=True)
        self.axes_ = axes[0]
        for k, (axis, name) in enumerate(zip(self.axes_, names, strict=True)):
            for n, (label, errors) in enumerate(self.errors.items()):
                style = {"label": label, "color": color(n), "marker": "."}
                axis.semilogy(np.arange(len(errors)) + 1, errors[:, k], **style)
            axis.set_title(name, loc="left")
            axis.set_xlabel("epoch")
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.grid(which="both", alpha=0.3)
        self.axes_[0].set_ylabel("relative $L_2$ error, validation set")
        self.axes_[-1].legend(frameon=False)
        return self


def validation_errors(estimator, name):
    """Return the relative errors of each epoch, (n_epochs, n_components)."""
    separator = fitted_separator(estimator)
    try:
        return np.array(separator.history_[:, "valid_relative_error"])
    except (AttributeError, KeyError) as error:
        raise KeyError(
            f"{name} has no errors of a validation set: fit a separator that is "
            "trained in epochs, with validation_fraction"
        ) from error


def names_of(separators, names):
    """Return names of components: those passed, or those of the first separator."""
    if names is not None:
        return names
    first = fitted_separator(next(iter(separators.values())))
    return component_labels(first, first.n_components_)


class DiscriminationDisplay:
    """Outputs of discriminators for other components' estimates.

    Figure 6 of [1]_ shows the same.

    Parameters
    ----------
    probabilities : dict of str to ndarray of shape (n_samples, n_components, \
n_components)
        Outputs of each separator's method ``discriminate`` for its estimates, by its
        name. Entry [n, i, j] is the output of discriminator i for component j: the
        probability that this is a true component i.
    component_names : sequence of str, default=None
        Names of the components. If None, "component 0" and so on.

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

    def __init__(self, probabilities, component_names=None):
        self.probabilities = probabilities
        self.component_names = component_names

    @classmethod
    def from_estimator(cls, estimator, X, component_names=None, *, ax=None):
        """Separate mixtures, apply the discriminators to the estimates, and draw.

        Parameters
        ----------
        estimator : estimator
            A fitted separator with discriminators, a ``Pipeline`` with one at its end,
            or a search.
        X : array-like of shape (n_samples, ...)
            Mixtures.
        component_names : sequence of str, default=None
            Names of the components. If None, those of the estimator.
        ax : matplotlib Axes or array-like of Axes, default=None
            As for ``plot``.

        Returns
        -------
        display : DiscriminationDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        name = type(fitted_separator(estimator)).__name__
        return cls.from_estimators({name: estimator}, X, component_names, ax=ax)

    @classmethod
    def from_estimators(cls, separators, X, component_names=None, *, ax=None):
        """Separate mixtures, apply the discriminators to the estimates, and draw.

        Parameters
        ----------
        separators : dict of str to estimator
            Fitted separators with discriminators, pipelines or searches, by the names
            to show.
        X : array-like of shape (n_samples, ...)
            Mixtures.
        component_names : sequence of str, default=None
            Names of the components. If None, those of the first separator.
        ax : matplotlib Axes or array-like of Axes, default=None
            As for ``plot``.

        Returns
        -------
        display : DiscriminationDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        probabilities = {name: discriminate(s, X) for name, s in separators.items()}
        return cls(probabilities, names_of(separators, component_names)).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the figure.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            Axes to draw on: one for each pair, or one that is divided. If None, a new
            figure is made.

        Returns
        -------
        display : DiscriminationDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        n_components = np.shape(next(iter(self.probabilities.values())))[1]
        names = component_labels(None, n_components, self.component_names)
        pairs = [(i, j) for i in range(len(names)) for j in range(len(names)) if i != j]
        size = (8, 2.6 * len(pairs))
        self.figure_, axes = panels(ax, len(pairs), 1, size, sharex=True)
        self.axes_ = axes[:, 0]
        for axis, (i, j) in zip(self.axes_, pairs, strict=True):
            for n, (label, outputs) in enumerate(self.probabilities.items()):
                style = {"ms": 4, "color": color(n), "label": label}
                axis.plot(outputs[:, i, j], "osD^v"[n % 5], alpha=0.7, **style)
            axis.set_ylim(-0.03, 1.03)
            axis.set_ylabel("discriminator output")
            title = f"{names[i]} discriminator, estimates of {names[j]}"
            axis.set_title(title, loc="left")
            axis.margins(x=0.01)
        self._add_legend(is_own_figure=ax is None)
        self.axes_[-1].set_xlabel("sample")
        return self

    def _add_legend(self, is_own_figure):
        handles = self.axes_[0].get_legend_handles_labels()
        if is_own_figure:
            place = {"loc": "outside upper right", "ncols": 2}
            self.figure_.legend(*handles, frameon=False, **place)
        else:
            self.axes_[0].legend(*handles)


def discriminate(estimator, X):
    """Return outputs of the discriminators for estimates, by the steps of a pipeline.

    Parameters
    ----------
    estimator : estimator
        A separator, pipeline or search.
    X : array-like of shape (n_samples, ...)
        Mixtures.

    Returns
    -------
    outputs : ndarray of shape (n_samples, n_components, n_components)
        The outputs.
    """
    best = getattr(estimator, "best_estimator_", estimator)
    separator = fitted_separator(best)
    if not hasattr(separator, "discriminate"):
        raise ValueError(f"{type(separator).__name__} has no discriminators")
    if hasattr(best, "steps") and len(best.steps) > 1:
        X = best[:-1].transform(X)
    outputs = separator.discriminate(separator.transform(X), X)
    if outputs.ndim != 3:
        name = type(separator).__name__
        raise ValueError(f"{name} has no discriminator for each component")
    return outputs
