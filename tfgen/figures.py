"""The pictures of a run: grids of images, planes of codes and curves of training, as matplotlib figures."""

import math

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from scipy.stats import norm

from tfgen import evaluation, files, seeds

PIXELS_PER_IMAGE = 42  # a 28 x 28 image at one and a half times its size
DPI = 100
TAB10 = matplotlib.colormaps["tab10"]


def save(figure: Figure, path) -> None:
    """Writes a figure as PNG, whole or not at all."""
    with files.replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, facecolor="white")


def grid(images, columns: int, title: str = "", row_labels=()) -> Figure:
    """Images [N, 28, 28, 1] in [0, 1] as rows of `columns`, black ink on white."""
    images = np.asarray(images)[..., 0]
    rows = math.ceil(len(images) / columns)
    canvas = np.zeros((rows * 28, columns * 28))
    for i, image in enumerate(images):
        top, left = i // columns * 28, i % columns * 28
        canvas[top : top + 28, left : left + 28] = image
    title_height = 0.35 * bool(title)  # inches
    label_width = 0.2 + 0.085 * max(map(len, row_labels)) if row_labels else 0.0
    width, height = columns * PIXELS_PER_IMAGE / DPI, rows * PIXELS_PER_IMAGE / DPI
    figure = Figure(figsize=(width + label_width, height + title_height))
    box = (label_width / (width + label_width), 0, width / (width + label_width), height / (height + title_height))
    axes = figure.add_axes(box)
    axes.imshow(canvas, cmap="gray_r", vmin=0, vmax=1, aspect="auto")
    axes.set_axis_off()
    for row, label in enumerate(row_labels):
        axes.text(-6, row * 28 + 14, label, ha="right", va="center", fontsize=9)
    if title:
        figure.text(0.5, 1 - 0.5 * title_height / (height + title_height), title, ha="center", va="center", fontsize=10)
    return figure


def of_autoencoder(model, split) -> dict[str, Figure]:
    """The figures of every model that reconstructs, by name; with a 2-D latent its manifold and its plane of codes."""
    drawn = {"samples": samples(model), "reconstructions": reconstructions(model, split)}
    if model.latent_dim == 2 and not model.conditional:
        drawn |= {"manifold": manifold(model), "latent": latent(model, split)}
    return drawn


def samples(model, seed: int = 0) -> Figure:
    """100 images drawn from the model; of a conditional one, a row a digit."""
    if model.conditional:
        digits = np.repeat(np.arange(10), 10)
        return grid(model.sample(100, digit=digits, seed=seed), 10, f"{model.entry}: samples by digit")
    return grid(model.sample(100, seed=seed), 10, f"{model.entry}: samples")


def reconstructions(model, split) -> Figure:
    """Held-out images as the model sees them, each above its reconstruction."""
    images = evaluation.as_float(evaluation.held_out(model, split)[:40])
    given = {"digit": split.labels[:40]} if model.conditional else {}
    copies = np.asarray(model.reconstruct(images, **given))
    rows = [half[start : start + 10] for start in range(0, len(images), 10) for half in (images, copies)]
    labels = ["image", "copy"] * (len(rows) // 2)
    return grid(np.concatenate(rows), 10, f"{model.entry}: test images and their reconstructions", labels)


def digits(model, styles: int = 12, seed: int = 0) -> Figure:
    """A row a digit, a style (one z) a column: what the digit decides and what the code decides, apart."""
    latents = np.asarray(model.draw_prior(seeds.row_seeds(seed, styles)))  # [S, Z]
    images = model.decode(np.tile(latents, (10, 1)), digit=np.repeat(np.arange(10), styles))
    return grid(images, styles, f"{model.entry}: a digit a row, a style a column", [str(digit) for digit in range(10)])


def manifold(model, steps: int = 20) -> Figure:
    """The manifold of a 2-D latent: evenly spaced points of the unit square through the inverse Gaussian CDF, decoded.

    Kingma and Welling 2014, figure 4. The first coordinate grows to the right, the second upwards.
    """
    points = norm.ppf((np.arange(steps) + 0.5) / steps)
    latents = [(x, y) for y in points[::-1] for x in points]
    return grid(model.decode(np.array(latents, np.float32)), steps, f"{model.entry}: the manifold of a 2-D latent")


def latent(model, split, prior_samples=None) -> Figure:
    """Test codes (posterior means) in their first two coordinates, coloured by digit; beside them prior samples."""
    panels = [(f"{model.entry}: codes of the test images", evaluation.codes(model, split), split.labels)]
    if prior_samples is not None:
        panels.append(("samples of the prior", np.asarray(prior_samples), None))
    figure = Figure(figsize=(6.6 * len(panels), 6), layout="constrained")
    limit = max(np.quantile(np.abs(points[:, :2]), 0.999) for _, points, _ in panels) * 1.1
    for axes, (title, points, labels) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        if labels is None:
            axes.scatter(points[:, 0], points[:, 1], s=3, color="0.4", linewidths=0)
        else:
            for digit in range(10):
                chosen = points[labels == digit]
                axes.scatter(chosen[:, 0], chosen[:, 1], s=3, color=TAB10(digit), linewidths=0, label=str(digit))
            axes.legend(title="digit", markerscale=5, loc="upper right", fontsize=8)
        axes.set(
            title=title, xlabel="$z_1$", ylabel="$z_2$", xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal"
        )
    return figure


def interpolation(model, lines: int = 8, steps: int = 10, seed: int = 1) -> Figure:
    """Images on straight lines between pairs of codes drawn from the prior, a line a row."""
    ends = np.asarray(model.draw_prior(seeds.row_seeds(seed, 2 * lines))).reshape(2, lines, 1, -1)
    fraction = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    latents = (1 - fraction) * ends[0] + fraction * ends[1]  # [lines, steps, Z]
    images = model.decode(latents.reshape(lines * steps, -1))
    return grid(images, steps, f"{model.entry}: lines between codes")


def arithmetic(model, pool: int = 2000, members: int = 6, seed: int = 2) -> Figure:
    """Mean codes of three groups of samples, and slanted and heavy - upright and heavy + upright and light.

    Radford et al. 2016, figure 7, where a group is chosen by hand. Here it is chosen by two measures of a picture: its
    ink, and the slant of its strokes. Each row shows the group, then the image of its mean code.
    """
    latents = np.asarray(model.draw_prior(seeds.row_seeds(seed, pool)))
    images = np.asarray(model.decode(latents))
    ink, slant = _rank(images.sum((1, 2, 3))), _rank(_slant(images[..., 0]))
    wanted = {"slanted, heavy": slant + ink, "upright, heavy": ink - slant, "upright, light": -ink - slant}
    groups = {name: np.argsort(score)[-members:] for name, score in wanted.items()}
    means = [latents[chosen].mean(0) for chosen in groups.values()]
    result = means[0] - means[1] + means[2]
    nearby = result + 0.25 * np.asarray(model.draw_prior(seeds.row_seeds(seed + 1, members)))
    rows = [latents[chosen] for chosen in groups.values()] + [nearby]
    codes = np.concatenate([np.concatenate([row, [mean]]) for row, mean in zip(rows, [*means, result], strict=True)])
    labels = [*groups, "1st - 2nd + 3rd"]
    return grid(model.decode(codes), members + 1, f"{model.entry}: groups of codes, their means at the right", labels)


def _rank(values):
    return np.argsort(np.argsort(values)) / len(values)


def _slant(images):
    """How far the ink of images [N, 28, 28] leans to the right as it rises: minus the regression of x on y."""
    y, x = np.mgrid[:28, :28].reshape(2, -1)
    ink = images.reshape(len(images), -1) + 1e-6
    ink = ink / ink.sum(1, keepdims=True)
    mean_y, mean_x = ink @ y, ink @ x
    covariance, variance = ink @ (x * y) - mean_x * mean_y, ink @ (y * y) - mean_y**2
    return -covariance / variance


def history(rows: list[dict], title: str) -> Figure:
    """Curves over epochs, a panel a metric, training and validation together; -ELBO stands beside the training loss."""
    paired = {name: f"val_{name}" for name in rows[0] if name != "epoch" and not name.startswith("val_")}
    if "val_neg_elbo" in rows[0]:
        paired["loss"] = "val_neg_elbo"
    columns = min(4, len(paired))
    height = math.ceil(len(paired) / columns)
    figure = Figure(figsize=(4 * columns, 3.3 * height), layout="constrained")
    figure.suptitle(title)
    epochs = [row["epoch"] for row in rows]
    settled = rows[
        len(rows) // 20 :
    ]  # the first epochs fall from afar; the interesting part of a curve is what follows
    for axes, (name, held_out) in zip(
        np.atleast_1d(figure.subplots(height, columns)).flat, paired.items(), strict=False
    ):
        labels = {name: "training", held_out: "validation -ELBO" if held_out == "val_neg_elbo" else "validation"}
        shown = [key for key in labels if key in rows[0]]
        for key in shown:
            axes.plot(epochs, [row[key] for row in rows], label=labels[key], marker="o" if len(rows) == 1 else None)
        values = [row[key] for row in settled for key in shown]
        margin = 0.05 * (max(values) - min(values)) or 0.5
        axes.set(title=name.replace("_", " "), xlabel="epoch", ylim=(min(values) - margin, max(values) + margin))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(fontsize=8)
    for axes in figure.axes[len(paired) :]:
        axes.set_axis_off()
    return figure
