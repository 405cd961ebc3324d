"""Display of the results of a search over cross weights."""

import numpy as np

from ..inspection import component_labels, fitted_separator
from ._axes import color, panels

PARAMETER = "cross_weights"


class CrossWeightsDisplay:
    """Scores of a search over ``cross_weights``.

    Candidates are drawn one below the other: the score of each fold, and their mean.
    Where all candidates are numbers or matrices of two components and nothing else is
    searched, ``plot(kind="heatmap")`` draws the mean scores over both weights.

    Parameters
    ----------
    weights : list of (float or ndarray of shape (n_components, n_components))
        Cross weights of each candidate.
    scores : ndarray of shape (n_candidates, n_folds)
        Scores of each candidate on each fold, higher is better.
    others : list of str, default=None
        Other parameters of each candidate, as text.
    component_names : sequence of str, default=None
        Names of the components, for the heat map.
    score_name : str, default="score"
        Name of the score, with its unit.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of shape (1,)
        Its Axes.

    See Also
    --------
    sklearn_cass.CASSSeparator : Has the parameter ``cross_weights``.
    SeparationDisplay : Waveforms of one sample.

    Examples
    --------
    >>> from sklearn_cass.plotting import CrossWeightsDisplay
    >>> weights = [0.0, 0.3, [[0, 0.3], [0, 0]]]
    >>> display = CrossWeightsDisplay(weights, [[9, 10], [9.4, 10.2], [9.5, 10.4]])
    >>> [text.get_text() for text in display.plot().axes_[0].get_yticklabels()]
    ['0', '0.3', '[[0, 0.3],\\n[0, 0]]']
    """

    def __init__(
        self, weights, scores, others=None, component_names=None, score_name="score"
    ):
        self.weights = weights
        self.scores = scores
        self.others = others
        self.component_names = component_names
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, search, *, component_names=None, kind="points", ax=None):
        """Draw the results of a fitted search.

        Parameters
        ----------
        search : estimator
            A fitted ``GridSearchCV``, ``RandomizedSearchCV`` or other search with
            ``cv_results_`` over ``cross_weights``, also of a step of a ``Pipeline``.
        component_names : sequence of str, default=None
            Names of the components. If None, those of the best separator, if the
            search has refitted it.
        kind : {"points", "heatmap"}, default="points"
            As for ``plot``.
        ax : matplotlib Axes, default=None
            As for ``plot``.

        Returns
        -------
        display : CrossWeightsDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the search is not fitted, or had other parameters only.
        """
        results = getattr(search, "cv_results_", None)
        if results is None:
            raise ValueError(f"search must be a fitted search, got {search!r}")
        name = _parameter(results)
        weights, others = _candidates(results["params"], name)
        if component_names is None and hasattr(search, "best_estimator_"):
            best = fitted_separator(search)
            component_names = component_labels(best, best.n_components_)
        scores = _scores(results, _metric(search))
        display = cls(weights, scores, others, component_names, _score_name(search))
        return display.plot(kind=kind, ax=ax)

    def plot(self, *, kind="points", ax=None):
        """Draw the figure.

        Parameters
        ----------
        kind : {"points", "heatmap"}, default="points"
            Whether to draw the scores of all folds of each candidate, or the mean
            scores over both weights of two components.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is made.

        Returns
        -------
        display : CrossWeightsDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `kind` is invalid, or if there is no heat map of these candidates.
        """
        if kind not in ("points", "heatmap"):
            raise ValueError(f"kind must be 'points' or 'heatmap', got {kind!r}")
        draw = self._plot_points if kind == "points" else self._plot_heatmap
        draw(ax)
        return self

    def _new_axes(self, ax, size):
        self.figure_, axes = panels(ax, 1, 1, size)
        self.axes_ = axes[0]
        return self.axes_[0]

    def _plot_points(self, ax):
        scores = np.asarray(self.scores, dtype=float)
        labels = self._labels()
        ax = self._new_axes(
            ax, (7, 1.2 + 0.22 * sum(n.count("\n") + 2 for n in labels))
        )
        places = np.arange(len(labels))
        means = scores.mean(axis=1)
        for n, (place, folds) in enumerate(zip(places, scores, strict=True)):
            label = "one fold" if n == 0 else None
            ax.plot(folds, np.full(len(folds), place), "o", color="0.6", label=label)
        ax.plot(means, places, "D", color=color(0), label="mean")
        if not np.isnan(means).all():
            best = np.nanargmax(means)
            style = {"ms": 13, "mfc": "none", "color": color(1), "label": "best mean"}
            ax.plot(means[best], best, "o", **style)
        ax.set_yticks(places, labels)
        ax.set_ylim(len(labels) - 0.5, -0.5)
        ax.set_ylabel("cross weights")
        ax.set_xlabel(self.score_name)
        ax.grid(axis="x", alpha=0.3)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False)

    def _labels(self):
        others = self.others or [""] * len(self.weights)
        texts = (_text(w) for w in self.weights)
        return [f"{t}\n{o}" if o else t for t, o in zip(texts, others, strict=True)]

    def _plot_heatmap(self, ax):
        first, second = self._pairs().T
        rows, columns = np.unique(first), np.unique(second)
        table = np.full((len(rows), len(columns)), np.nan)
        means = np.asarray(self.scores, dtype=float).mean(axis=1)
        table[np.searchsorted(rows, first), np.searchsorted(columns, second)] = means
        size = (3.5 + 0.9 * len(columns), 2 + 0.6 * len(rows))
        ax = self._new_axes(ax, size)
        image = ax.imshow(table, cmap="cividis", origin="lower", aspect="auto")
        for (i, j), mean in np.ndenumerate(table):
            if not np.isnan(mean):
                shade = "black" if image.norm(mean) > 0.5 else "white"
                ax.text(j, i, f"{mean:.2f}", ha="center", va="center", color=shade)
        a, b = component_labels(None, 2, self.component_names)
        ax.set_yticks(range(len(rows)), [f"{w:g}" for w in rows])
        ax.set_xticks(range(len(columns)), [f"{w:g}" for w in columns])
        ax.set_ylabel(f"{a} discriminator\nrejects {b}")
        ax.set_xlabel(f"{b} discriminator rejects {a}")
        self.figure_.colorbar(image, ax=ax, label=f"{self.score_name}, mean of folds")

    def _pairs(self):
        """Return both weights of each candidate, (n_candidates, 2)."""
        matrices = [_matrix(w) for w in self.weights]
        if any(m is None for m in matrices) or any(self.others or []):
            raise ValueError(
                "kind='heatmap' needs candidates that are numbers or 2 x 2 matrices, "
                "in a search over nothing else; kind='points' draws any"
            )
        return np.array([[m[0, 1], m[1, 0]] for m in matrices])


def _matrix(weights):
    """Return cross weights as a matrix of two components, None for more."""
    weights = np.asarray(weights, dtype=float)
    if weights.ndim == 0:
        return np.full((2, 2), float(weights))
    return weights if weights.shape == (2, 2) else None


def _text(weights):
    """Return cross weights as text, one line for each row of a matrix."""
    weights = np.asarray(weights, dtype=float)
    if weights.ndim == 0:
        return f"{weights:g}"
    rows = (", ".join(f"{w:g}" for w in row) for row in weights)
    return "[" + ",\n".join(f"[{row}]" for row in rows) + "]"


def _parameter(results):
    """Return the name under which a search varies cross weights."""
    for name in results["params"][0]:
        if name.split("__")[-1] == PARAMETER:
            return name
    raise ValueError(
        f"the search must be over {PARAMETER}, got {sorted(results['params'][0])}"
    )


def _candidates(params, name):
    """Return the cross weights of candidates, and their other parameters as text."""
    weights = [candidate[name] for candidate in params]
    others = [
        ", ".join(f"{k.split('__')[-1]}={v}" for k, v in candidate.items() if k != name)
        for candidate in params
    ]
    return weights, others


def _metric(search):
    """Return the name of the score by which a search chose."""
    refit = getattr(search, "refit", True)
    return refit if isinstance(refit, str) else "score"


def _scores(results, metric):
    """Return the scores of all candidates and folds."""
    folds = sorted(
        (key for key in results if key.startswith("split") and _is_of(key, metric)),
        key=lambda key: int(key[len("split") :].split("_")[0]),
    )
    if not folds:
        raise ValueError(f"cv_results_ has no scores named {metric!r} of single folds")
    return np.transpose([results[key] for key in folds])


def _is_of(key, metric):
    return key.endswith(f"_test_{metric}")


def _score_name(search):
    """Return the name of the score: the separators' own is an SDR."""
    if getattr(search, "scoring", None) is None:
        return "mean SDR [dB]"
    scoring = search.scoring
    return scoring if isinstance(scoring, str) else _metric(search)
