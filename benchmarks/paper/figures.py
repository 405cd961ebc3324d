"""Figures 4, 5 and 6 of the paper; ``records`` are {estimator: [record of a seed]}."""

import numpy as np

from ..figures import panels
from .published import CURVES, LABELS, MODELS
from .tasks import FAMILY

LAST = 2 / 5  # share of the epochs in the right half where the paper has no figure
COLORS = {name: f"C{k}" for k, name in enumerate(FAMILY)}
# what is drawn first is seen where the others lie on it
WIDTHS = dict(zip(FAMILY, (3.4, 2.2, 1), strict=True))


def error_curves(experiment, records):
    """Draw Figures 4 and 5: log of the test error; all epochs, and the last of them.

    Lines are means over seeds, areas lie between the least and greatest of them.
    """
    _, last = CURVES.get(experiment, (None, LAST))
    figure, axes = panels(4, n_columns=2)
    shares = [(k, share) for k in (0, 1) for share in (1, last)]
    for ax, (component, share) in zip(axes, shares, strict=True):
        for estimator in filter(records.get, FAMILY):
            curves = [run["curves"] for run in records[estimator]]
            epochs = np.array(curves[0]["epoch"])
            shown = epochs >= (1 - share) * epochs[-1]
            logs = np.log10([curve["shared_phase"] for curve in curves])
            logs, style = logs[:, shown, component], {"color": COLORS[estimator]}
            low, high = logs.min(0), logs.max(0)
            ax.fill_between(epochs[shown], low, high, alpha=0.15, lw=0, **style)
            style |= {"lw": WIDTHS[estimator], "label": LABELS[estimator]}
            ax.plot(epochs[shown], logs.mean(0), **style)
        about = "all epochs" if share == 1 else f"last {share:.0%}"
        ax.set_title(f"{MODELS[experiment][component]}, {about}", fontsize=10)
        ax.set_xlabel("epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
    return finished(figure, axes, "log10 of the error", 3)


def discriminator_outputs(component_names, records):
    """Draw Figure 6: histograms of each discriminator's outputs, all seeds together."""
    figure, axes = panels(2, n_columns=2)
    for ax, (i, j) in zip(axes, ((0, 1), (1, 0)), strict=True):
        for estimator in filter(records.get, FAMILY[1:]):
            outputs = [run["outputs"] for run in records[estimator]]
            for key, line in ((f"estimates{i}{j}", "-"), (f"true{i}", ":")):
                counts = np.sum(
                    [of_run[key]["histogram"] for of_run in outputs], axis=0
                )
                seen = "the other's estimates" if line == "-" else "true component"
                style = {"color": COLORS[estimator], "lw": WIDTHS[estimator]}
                style |= {"linestyle": line, "label": f"{LABELS[estimator]}: {seen}"}
                edges = np.linspace(0, 1, len(counts) + 1)
                ax.stairs(counts / counts.sum(), edges, **style)
        title = f"{component_names[i]} discriminator ({component_names[j]} estimates)"
        ax.set_title(title, fontsize=9)
        ax.set_xlabel("output: probability of being true")
        ax.set_ylim(0, 1.02)
    return finished(figure, axes, "share of outputs", 2)


def finished(figure, axes, label, n_columns):
    """Return the figure with the label of its rows, and one legend for all panels."""
    for ax in axes[::2]:
        ax.set_ylabel(label)
    place = {"loc": "outside lower center", "ncols": n_columns, "frameon": False}
    figure.legend(*axes[0].get_legend_handles_labels(), **place)
    return figure
