"""Figures of the tasks besides grids of images."""

import math

import numpy as np

from tfgen import figures

BINS = 40
EXTREMES = 0.005  # of the scores at either end, which a histogram leaves out


@figures.style()
def histograms(panels: dict, names: tuple[str, str], title: str):
    """Two histograms a panel, of scores of normal images and of anomalies.

    Args:
        panels: the title of a panel -> (scores [N], scores [M]).
        names: of the two kinds of images.
        title: of the figure.
    """
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = figures.Picture(figsize=(3.6 * columns, 2.5 * rows + 0.6), dpi=figures.DPI, layout="constrained")
    figure.suptitle(title, fontsize=figures.TITLE_SIZE)
    all_axes = figure.subplots(rows, columns, squeeze=False).flat
    for axes, (text, scores) in zip(all_axes, panels.items(), strict=False):
        low, high = np.quantile(np.concatenate(scores), [EXTREMES, 1 - EXTREMES])
        for values, name, colour in zip(scores, names, ("tab:blue", "tab:red"), strict=True):
            axes.hist(values, BINS, range=(low, high), density=True, color=colour, alpha=0.55, label=name)
        axes.set_title(text)
        axes.set_yticks([])
    for axes in figure.axes[len(panels) :]:
        axes.set_axis_off()
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure
