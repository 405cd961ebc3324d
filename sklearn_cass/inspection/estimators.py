"""Names, sampling rates and estimates of separators, pipelines and searches."""

from numbers import Integral

from sklearn.utils.validation import check_is_fitted


def fitted_separator(estimator):
    """Return the separator inside a pipeline or a search; others as they are.

    Parameters
    ----------
    estimator : estimator
        A fitted separator, ``Pipeline``, or search such as ``GridSearchCV``.

    Returns
    -------
    separator : estimator
        The last step of the pipeline, of the best pipeline of a search.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is a class, or something without ``fit``.
    AttributeError
        If a search has no best estimator, because of ``refit=False``.
    """
    check_is_fitted(estimator)
    if hasattr(estimator, "cv_results_"):
        if not hasattr(estimator, "best_estimator_"):
            raise AttributeError(
                f"{type(estimator).__name__} has no best_estimator_: it was fitted "
                "with refit=False"
            )
        return fitted_separator(estimator.best_estimator_)
    steps = getattr(estimator, "steps", None)
    return fitted_separator(steps[-1][1]) if steps else estimator


def component_labels(estimator, n_components, names=None):
    """Return the names of components as text: one's own, or the estimator's.

    Parameters
    ----------
    estimator : estimator or None
        A fitted estimator, whose ``component_names_`` are used, where it has any.
    n_components : int
        Number of components.
    names : sequence, default=None
        Names to use instead.

    Returns
    -------
    labels : list of str
        The names; "component 0" and so on for names that are numbers.
    """
    if names is None and estimator is not None:
        names = getattr(fitted_separator(estimator), "component_names_", None)
    if names is None:
        names = range(n_components)
    names = list(names)
    if len(names) != n_components:
        raise ValueError(
            f"component_names must hold {n_components} names, one for each component, "
            f"got {len(names)}: {names}"
        )
    return [f"component {n}" if isinstance(n, Integral) else str(n) for n in names]


def sampling_rate(estimator, sfreq=None):
    """Return a sampling rate in Hz: that which is passed, or that seen in ``fit``.

    Parameters
    ----------
    estimator : estimator or None
        A fitted estimator.
    sfreq : float, default=None
        The sampling rate, where it is known.

    Returns
    -------
    sfreq : float or None
        The rate, None if it is unknown.
    """
    if sfreq is None and estimator is not None:
        return getattr(fitted_separator(estimator), "sfreq_", None)
    return sfreq


def estimate(estimator, X):
    """Return the estimates of an estimator, by ``predict`` or ``transform``.

    Parameters
    ----------
    estimator : estimator
        A fitted separator, pipeline or search.
    X : array-like of shape (n_samples, ...)
        Mixtures.

    Returns
    -------
    y_pred : ndarray of shape (n_samples, n_components, ...)
        Its estimates.
    """
    method = getattr(estimator, "predict", None) or estimator.transform
    return method(X)
