"""Figures, axes and colors that all displays share."""

import numpy as np

# Okabe and Ito's colors, which people with any type of color vision tell apart.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def color(k):
    """Return the color of component or estimator k."""
    return COLORS[k % len(COLORS)]


def import_pyplot():
    """Return matplotlib's pyplot, or raise an error that names the extra."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "matplotlib is needed to draw displays: pip install sklearn-cass[plot]"
        ) from error
    return plt


def panels(ax, n_rows, n_columns, figsize, widths=None, **sharing):
    """Return a figure and a 2-D array of axes: new ones, or those of the user.

    Parameters
    ----------
    ax : matplotlib Axes, array-like of Axes or None
        Axes to draw on, one for each panel; one alone is divided into panels.
    n_rows, n_columns : int
        Numbers of panels.
    figsize : tuple of float
        Width and height of a new figure in inches.
    widths : list of float, default=None
        Relative widths of the columns.
    **sharing
        ``sharex`` or ``sharey``, as for :func:`matplotlib.pyplot.subplots`.

    Returns
    -------
    figure : matplotlib Figure
        The figure.
    axes : ndarray of shape (n_rows, n_columns)
        The axes.

    Raises
    ------
    ValueError
        If there are fewer or more axes than panels.
    """
    plt = import_pyplot()
    layout = {"squeeze": False, **sharing}
    if ax is None:
        layout |= {"figsize": figsize, "layout": "constrained"}
        return plt.subplots(n_rows, n_columns, width_ratios=widths, **layout)
    given = np.asarray(ax, dtype=object).reshape(-1)
    if len(given) == n_rows * n_columns:
        return given[0].figure, given.reshape(n_rows, n_columns)
    if len(given) > 1:
        raise ValueError(
            f"ax must be one Axes, or {n_rows * n_columns} for {n_rows} x {n_columns} "
            f"panels, got {len(given)}"
        )
    (whole,) = given
    whole.set_axis_off()
    grid = whole.get_subplotspec()
    if grid is None:  # axes that were placed by hand
        raise ValueError("ax must be part of a grid of axes, as plt.subplots makes it")
    grid = grid.subgridspec(n_rows, n_columns, width_ratios=widths)
    return whole.figure, grid.subplots(**layout)
