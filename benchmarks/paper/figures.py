"""Figures 4, 5 and 6 as the paper draws them."""

import numpy as np

from ..figures import panels
from .estimators import FAMILY
from .published import CURVES, MODELS
from .tables import label

LAST = 2 / 5  # share of the epochs in the right half where the paper has no figure
COLORS = {name: f"C{k}" for k, name in enumerate(FAMILY)}
# what is drawn first is seen where the others lie on it
WIDTHS = dict(zip(FAMILY, (3.4, 2.2, 1), strict=True))
MARKERS = {
    "RegularCASSSeparator": {"marker": "o", "markersize": 6, "fillstyle": "none"},
    "CASSSeparator": {"marker": ".", "markersize": 4},
}


def error_curves(experiment, records, measure="shared_phase"):
    """Figures 4 and 5: log of the test error; all epochs, and the last of them."""
    _, last = CURVES.get(experiment, (None, LAST))
    figure, axes = panels(4, n_columns=2)
    for component, name in enumerate(MODELS[experiment]):
        for column, share in enumerate((1, last)):
            ax = axes[2 * component + column]
            for estimator in FAMILY:
                runs = [of_seed[estimator]["curves"] for of_seed in records.values()]
                draw_curve(ax, runs, measure, component, share, estimator)
            what = "all epochs" if share == 1 else f"last {share:.0%}"
            ax.set_title(f"{name}, {what}", fontsize=10)
            ax.set_xlabel("epoch")
            ax.xaxis.get_major_locator().set_params(integer=True)
        axes[2 * component].set_ylabel("log10 of the error")
    legend_below(figure, axes[0])
    return figure


def draw_curve(ax, runs, measure, component, share, estimator):
    """The mean over seeds, and between which values the seeds lie."""
    epochs = np.array(runs[0]["epoch"])
    shown = epochs >= (1 - share) * epochs[-1]
    errors = [[looked[component] for looked in run[measure]] for run in runs]
    logs = np.log10(errors)[:, shown]
    x, color = epochs[shown], COLORS[estimator]
    ax.fill_between(x, logs.min(0), logs.max(0), color=color, alpha=0.15, lw=0)
    style = {"color": color, "lw": WIDTHS[estimator], "label": label(estimator)}
    ax.plot(x, logs.mean(0), **style)


def legend_below(figure, ax):
    """One legend for all panels."""
    handles = ax.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, frameon=False)


def discriminator_outputs(component_names, of_seed):
    """Figure 6: each discriminator on the other component's estimates, one seed."""
    figure, axes = panels(2, n_columns=1)
    figure.set_size_inches(7.2, 5.4)
    for ax, (i, j) in zip(axes, ((0, 1), (1, 0)), strict=True):
        for estimator in FAMILY[1:]:
            said = of_seed[estimator]["answers"][f"estimates{i}{j}"]
            style = MARKERS[estimator] | {"color": COLORS[estimator]}
            ax.plot(said, linestyle="", label=label(estimator), **style)
        ax.set_ylim(-0.03, 1.03)
        ax.set_ylabel("discriminator output")
        judge, judged = component_names[i], component_names[j]
        ax.set_title(f"{judge} discriminator on {judged} estimates", fontsize=10)
    axes[-1].set_xlabel("sample number")
    legend_below(figure, axes[0])
    return figure
