"""Figures of the tasks besides grids of images."""

import math
import textwrap

import numpy as np

from tfgen import figures

BINS = 40
LETTERS = 18  # of a line above a small image
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


@figures.style()
def maps(panels: dict, labels, names, title: str):
    """Points of several planes side by side, coloured by class, without scales: only nearness means something.

    Args:
        panels: the title of a panel -> points [N, 2], or [N, 1] of a line.
        labels: int [N], the classes.
        names: of the classes; more than 20 have no legend.
        title: of the figure.
    """
    figure = figures.Picture(figsize=(3.5 * len(panels), 4.2), dpi=figures.DPI, layout="constrained")
    figure.suptitle(title, fontsize=figures.TITLE_SIZE)
    colours = figures.colours(len(names))
    for axes, (text, points) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        across, up = np.asarray(points).T[[0, -1]]
        axes.scatter(across, up, c=colours[labels], s=6, linewidths=0)
        axes.set_title(text)
        axes.set_xticks([])
        axes.set_yticks([])
    if len(names) <= figures.LEGEND_LENGTH:
        dots = [figure.axes[0].scatter([], [], color=colour, s=20) for colour in colours]
        texts = [figures.short(name) for name in names]
        figure.legend(dots, texts, loc="outside lower center", ncols=min(10, len(names)))
    return figure


@figures.style()
def by_class(lines: dict, metric: str, title: str):
    """A number of each class, a mark a method: the first is drawn large.

    Args:
        lines: method -> {class: number}.
        metric: what the numbers are.
        title: of the figure.
    """
    names = list(next(iter(lines.values())))
    figure = figures.Picture(figsize=(max(6, 0.6 * len(names) + 2), 3.8), dpi=figures.DPI, layout="constrained")
    axes = figure.subplots()
    for number, (method, values) in enumerate(lines.items()):
        look = {"marker": "D", "s": 60, "zorder": 3} if number == 0 else {"marker": "os^v"[number % 4], "s": 25}
        axes.scatter(range(len(names)), [values[name] for name in names], label=method, **look)
    axes.set_xticks(range(len(names)), [figures.short(name) for name in names], rotation=90 if len(names[0]) > 4 else 0)
    axes.set(xlabel="class that is normal", ylabel=metric, title=title)
    axes.grid(axis="y", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


@figures.style()
def confusion(matrix, names, images, texts, title: str):
    """A confusion matrix, a class a row, and images with a text each beside it.

    Args:
        matrix: int [classes, classes], how many of the class of the row were taken for that of the column.
        names: of the classes.
        images: uint8 [N, H, W, C].
        texts: a line above each image.
        title: of the figure.
    """
    columns = 8
    figure = figures.Picture(figsize=(13, 6), dpi=figures.DPI, layout="constrained")
    figure.suptitle(title, fontsize=figures.TITLE_SIZE)
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.2))
    axes = left.subplots()
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    short = [figures.short(name) for name in names]
    turned = 90 if max(map(len, short)) > 3 else 0
    axes.set_xticks(range(len(short)), short, rotation=turned)
    axes.set_yticks(range(len(short)), short)
    axes.set(xlabel="taken for", ylabel="class", title="test images")
    if len(short) <= figures.LEGEND_LENGTH:
        for row, column in np.argwhere(matrix > 0):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, matrix[row, column], ha="center", va="center", fontsize=7, color=colour)
    right.suptitle("training images without a label, most surely wrong", fontsize=figures.TITLE_SIZE)
    grid = right.subplots(max(1, math.ceil(len(images) / columns)), columns, squeeze=False).flat
    for axes in grid:
        axes.set_axis_off()
    for axes, image, text in zip(right.axes, images, texts, strict=False):
        axes.imshow(255 - image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
        axes.set_title(textwrap.fill(text, LETTERS), fontsize=6)
    return figure


@figures.style()
def errors(groups: dict, images: dict, metric: str, title: str):
    """Numbers with error bars, a panel a group, above rows of images.

    Args:
        groups: the title of a panel -> {method: (value, its error or None)}.
        images: the text beside a row -> uint8 [K, H, W, C], as many images a row.
        metric: what the numbers are.
        title: of the figure.
    """
    columns = max(map(len, images.values()))
    figure = figures.Picture(figsize=(9, 5.4), dpi=figures.DPI, layout="constrained")
    figure.suptitle(title, fontsize=figures.TITLE_SIZE)
    upper, lower = figure.subfigures(2, 1, height_ratios=(1.2, 1))
    panels = upper.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for axes, (text, methods) in zip(panels, groups.items(), strict=True):
        for place, (value, error) in enumerate(methods.values()):
            axes.errorbar(value, place, xerr=error, fmt="o", color=figures.matplotlib.cm.tab10(place), capsize=3)
        axes.set_yticks(range(len(methods)), list(methods))
        axes.set_title(text)
        axes.grid(axis="x", alpha=0.3)
        axes.set_ylim(len(methods) - 0.5, -0.5)
    upper.supxlabel(metric, fontsize=figures.LABEL_SIZE)
    grid = lower.subplots(len(images), columns, squeeze=False)
    for row, (text, shown) in zip(grid, images.items(), strict=True):
        for axes in row:
            axes.set_axis_off()
        row[0].text(-0.2, 0.5, text, transform=row[0].transAxes, ha="right", va="center")
        for axes, image in zip(row, shown, strict=False):
            axes.imshow(255 - image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
    return figure
