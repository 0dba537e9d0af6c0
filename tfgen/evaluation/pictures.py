"""Pictures of a trained model: samples, styles, reconstructions, and what its code means.

Which of them a model gets follows from what it can be asked (`Model.signatures`) and from the size of its code.
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from scipy.stats import norm

from tfgen import figures
from tfgen.evaluation import images as images_of
from tfgen.evaluation.codes import ACTIVE
from tfgen.evaluation.codes import codes as codes_of
from tfgen.inputs import row_seeds

COLUMNS = 10
ROWS = 20  # classes at most, of which samples are shown
CODES = 5000  # images at most, whose codes are shown, and samples of the prior beside them
CHUNK_NUMBERS = 200_000  # in the images that are decoded at once


def of_model(model, dataset, epoch: int | None = None) -> dict[str, Figure]:
    """The pictures of a model, by name.

    Args:
        model: a `tfgen.Model`.
        dataset: a `tfgen.data.Dataset`; pictures show images of its test split.
        epoch: of the training, for the titles.

    Returns:
        "samples", "styles", "reconstructions", "manifold", "latent", "traversal", "interpolation", "arithmetic":
        those that the model can have.
    """
    abilities = model.signatures()
    name = title(model, dataset, epoch)
    drawn = {}
    if "sample" in abilities:
        drawn["samples"] = samples(model, name)
    if "decode" in abilities and model.conditional:
        drawn["styles"] = styles(model, name)
    if "reconstruct" in abilities and len(dataset.test.images):
        drawn["reconstructions"] = reconstructions(model, dataset.test, name)
    if "decode" in abilities and "reconstruct" in abilities:
        prior = _prior_draws(model, CODES, seed=1) if "sample" in abilities else None
        drawn |= _of_codes(model, dataset, name, prior)
    elif "decode" in abilities:
        drawn["interpolation"] = interpolation(model, name)
        if not model.conditional:
            drawn["arithmetic"] = arithmetic(model, name)
    return drawn


def title(model, dataset, epoch: int | None = None) -> str:
    """What a picture's title begins with: the entry, the data set, and the epoch where it is known."""
    return f"{model.entry} on {dataset.name}" + ("" if epoch is None else f", epoch {epoch}")


def _of_codes(model, dataset, name: str, prior) -> dict[str, Figure]:
    """The pictures of a model with both encoder and decoder; prior: codes drawn from it, None where there is none."""
    split, drawn = _head(dataset.test, CODES), {}
    codes = codes_of(model, split) if len(split.images) else np.zeros([0, model.latent_dim])
    finite = np.isfinite(codes).all(1)
    codes, labels = codes[finite], split.labels[finite]
    if len(codes) < 2:  # no images, or a model whose codes are NaN
        return drawn
    draws = codes if prior is None else prior
    encode = model.signatures().get("encode")
    is_categorical = encode is not None and "logits" in encode.outputs  # there is nothing between two codes to sweep
    if model.latent_dim == 2 and not model.conditional and not is_categorical:
        even = prior is not None and hasattr(model.prior, "bijector")
        drawn["manifold"] = manifold(model, name, None if even else draws)
    drawn["latent"] = latent(codes, labels, dataset.classes, name, prior)
    if model.latent_dim > 2 and not is_categorical:
        variance = 1.0 if prior is None else np.asarray(model.prior_variance())
        drawn["traversal"] = traversal(model, codes, labels, name, draws, variance)
    return drawn


def sample_images(model, seed: int = 0) -> np.ndarray:
    """The images that `samples` shows, [N, H, W, C] in [0, 1]: 100, or of a conditional model ten of a class."""
    rows = len(model.class_names[:ROWS]) if model.conditional else COLUMNS
    return images_of.samples(model, np.repeat(np.arange(rows), COLUMNS), seed)


def samples(model, name: str, images=None) -> Figure:
    """Images drawn from the model; of a conditional one, a row per class.

    Args:
        model: a model that samples.
        name: what the title begins with.
        images: what `sample_images` drew before, in an earlier epoch for example; by default it draws now.
    """
    images = sample_images(model) if images is None else images
    if model.conditional:
        return figures.grid(images, COLUMNS, f"{name}: samples {_by_class(model)}", model.class_names[:ROWS])
    return figures.grid(images, COLUMNS, f"{name}: samples")


def styles(model, name: str, count: int = 12, seed: int = 0) -> Figure:
    """A row a class, a style (one z) a column: what the class decides and what the code decides, apart."""
    classes = model.class_names[:ROWS]
    latents = np.tile(_prior_draws(model, count, seed), (len(classes), 1))
    images = _decode(model, latents, np.repeat(np.arange(len(classes)), count))
    return figures.grid(images, count, f"{name}: samples {_by_class(model)}, one code per column", classes)


def reconstructions(model, split, name: str, count: int = 40) -> Figure:
    """Held-out images as the model sees them, each above its reconstruction."""
    columns = min(COLUMNS, len(split.images))
    count = min(count, len(split.images)) // columns * columns
    split = _head(split, count)
    images = images_of.as_float(images_of.held_out(model, split))
    copies = model.reconstruct(images, **model.condition({"label": split.labels}))
    pairs = np.stack([images, copies]).reshape(2, -1, columns, *images.shape[1:])
    rows = pairs.swapaxes(0, 1).reshape(-1, *images.shape[1:])
    text = f"{name}: test images and their reconstructions"
    return figures.grid(rows, columns, text, ["image", "copy"] * (count // columns))


def shown(model, dataset, count: int = COLUMNS) -> np.ndarray:
    """The first test images as the model sees held-out ones, float32 [N, H, W, C]."""
    return images_of.as_float(images_of.held_out(model, _head(dataset.test, count)))


def columns(rows, title: str) -> Figure:
    """Images in rows [R][N, H, W, C] that belong together column by column."""
    return figures.grid(np.concatenate([np.asarray(row) for row in rows]), len(rows[0]), title)


def filters(weights, image_shape, name: str, count: int = 100) -> Figure:
    """The weights [Z, H * W * C] of the first units that see an image, each on its own scale around grey."""
    weights = np.asarray(weights[:count])
    tiles = 0.5 + weights / (2 * np.abs(weights).max(1, keepdims=True) + 1e-12)
    return figures.grid(tiles.reshape(-1, *image_shape), COLUMNS, f"{name}: what units of the code look for")


def manifold(model, name: str, draws=None, steps: int = 20) -> Figure:
    """The manifold of a 2-D code: evenly spaced points of the unit square through the prior's quantiles, decoded.

    Kingma and Welling 2014, figure 4. The first coordinate grows to the right, the second upwards.

    Args:
        model: an unconditional model with a code of two dimensions.
        name: what the title begins with.
        draws: codes [N, 2] whose quantiles stand in for those of the prior where it is not a bijector over standard
            normal noise: of the first coordinate, then of the second among draws with a similar first one.
        steps: images per side.
    """
    shares = (np.arange(steps) + 0.5) / steps
    if draws is None:
        square = np.array([(x, y) for y in shares[::-1] for x in shares], np.float32)
        latents = model.prior.bijector.forward(norm.ppf(square).astype(np.float32))
    else:
        draws = np.repeat(draws[np.argsort(draws[:, 0])], -(-steps // len(draws)), axis=0)
        columns = np.array_split(draws, steps)  # equal shares of the draws, from left to right
        rows = np.stack([np.quantile(column[:, 1], shares[::-1]) for column in columns], axis=1)
        across = np.broadcast_to([np.median(column[:, 0]) for column in columns], rows.shape)
        latents = np.stack([across, rows], axis=-1).reshape(-1, 2)
    return figures.grid(_decode(model, latents), steps, f"{name}: the manifold of a 2-D code")


def latent(codes, labels, classes, name: str, prior=None) -> Figure:
    """Codes of test images by class, beside samples of the prior; of larger codes along their principal components.

    Args:
        codes: [N, Z].
        labels: [N].
        classes: their names, () for none.
        name: what the title begins with.
        prior: codes drawn from the prior, [M, Z], if there is one.
    """
    text, beside = f"{name}: codes of test images", "samples of the prior"
    if codes.shape[1] <= 2:
        return figures.plane(codes, labels, classes, title=text, beside=prior, beside_title=beside)
    components, shares = principal_components(codes, codes)
    names = [f"principal component {i + 1}, {share:.0%} of the variance" for i, share in enumerate(shares)]
    prior = None if prior is None else principal_components(codes, prior)[0]
    return figures.plane(components, labels, classes, title=text, axis_names=names, beside=prior, beside_title=beside)


def principal_components(codes, points, count: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Points [M, Z] along the directions in which codes [N, Z] vary most.

    Returns:
        (the points' coordinates from the codes' mean, [M, count], and the shares of the codes' variance, [count]).
    """
    codes = np.asarray(codes, np.float64)
    offsets = codes - codes.mean(0)
    variances, directions = np.linalg.eigh(offsets.T @ offsets)
    largest = np.argsort(variances)[::-1][:count]
    directions = directions[:, largest]
    directions *= np.sign(directions[np.abs(directions).argmax(0), np.arange(count)])
    return (points - codes.mean(0)) @ directions, variances[largest] / (variances.sum() or 1)


def traversal(model, codes, labels, name: str, draws, variance=1.0, rows: int = 10, steps: int = 11) -> Figure:
    """The code of one test image, each of its most active dimensions swept in a row of its own.

    Active is what varies over test images. A row goes from the 1 % to the 99 % quantile of that dimension.

    Args:
        model: a model with a code.
        codes, labels: of test images, [N, Z] and [N]; the first is swept.
        name: what the title begins with.
        draws: codes whose quantiles bound the rows, [M, Z]: of the prior, if there is one.
        variance: the prior's, [Z], beside which codes vary much or little.
        rows: dimensions at most.
        steps: images per row.
    """
    variances = codes.var(0) / variance
    active = np.argsort(-variances, kind="stable")[:rows]
    active = active[: max(1, np.sum(variances[active] > ACTIVE))]
    low, high = np.quantile(draws, [0.01, 0.99], axis=0)
    latents = np.tile(codes[0], (len(active), steps, 1))
    for row, axis in enumerate(active):
        latents[row, :, axis] = np.linspace(low[axis], high[axis], steps)
    images = _decode(model, latents.reshape(-1, codes.shape[1]), np.repeat(labels[:1], len(active) * steps))
    text = f"{name}: the most active dimensions of the code, each swept from its 1 % to its 99 % quantile"
    return figures.grid(images, steps, text, [f"z{_subscript(axis + 1)}" for axis in active])


def interpolation(model, name: str, lines: int = 8, steps: int = 10, seed: int = 1) -> Figure:
    """Images on straight lines between pairs of codes drawn from the prior, a line a row; conditional, of one class."""
    ends = _prior_draws(model, 2 * lines, seed).reshape(2, lines, 1, -1)
    fraction = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    latents = (1 - fraction) * ends[0] + fraction * ends[1]  # [lines, steps, Z]
    labels = np.repeat(np.resize(np.arange(max(1, len(model.class_names))), lines), steps)
    images = _decode(model, latents.reshape(lines * steps, -1), labels)
    return figures.grid(images, steps, f"{name}: lines between codes")


def arithmetic(model, name: str, pool: int = 2000, members: int = 6, seed: int = 2) -> Figure:
    """Mean codes of three groups of samples, and slanted and heavy - upright and heavy + upright and light.

    Radford et al. 2016, figure 7, where a group is chosen by hand. Here it is chosen by two measures of a picture: its
    ink, and the slant of its strokes. Each row shows the group, then the image of its mean code.
    """
    latents = _prior_draws(model, pool, seed)
    parts = [_ink(_decode(model, part)) for part in np.array_split(latents, 20)]  # never all images at once
    ink, slant = (_rank(np.concatenate(values)) for values in zip(*parts, strict=True))
    scores = {"slanted, heavy": slant + ink, "upright, heavy": ink - slant, "upright, light": -ink - slant}
    groups = {group: np.argsort(score)[-members:] for group, score in scores.items()}
    means = [latents[chosen].mean(0) for chosen in groups.values()]
    result = means[0] - means[1] + means[2]
    nearby = result + 0.25 * _prior_draws(model, members, seed + 1)
    rows = [*(latents[chosen] for chosen in groups.values()), nearby]
    codes = np.concatenate([np.concatenate([row, [mean]]) for row, mean in zip(rows, [*means, result], strict=True)])
    labels, columns = [*groups, "1st - 2nd + 3rd"], [""] * members + ["mean"]
    return figures.grid(_decode(model, codes), members + 1, f"{name}: groups of codes", labels, columns)


def _ink(images) -> tuple[np.ndarray, np.ndarray]:
    """How dark images [N, H, W, C] are on average, and how far their ink leans to the right as it rises, [N] each.

    Ink is what is drawn dark: the value of a grey pixel, what a coloured one lacks to white. The slant is minus the
    regression of x on y.
    """
    ink = images[..., 0] if images.shape[-1] == 1 else 1 - images.mean(-1)
    y, x = np.mgrid[: ink.shape[1], : ink.shape[2]].reshape(2, -1)
    ink = ink.reshape(len(ink), -1).astype(np.float64)
    weights = (ink + 1e-6) / (ink + 1e-6).sum(1, keepdims=True)
    mean_y, mean_x = weights @ y, weights @ x
    covariance, variance = weights @ (x * y) - mean_x * mean_y, weights @ (y * y) - mean_y**2
    return ink.mean(1), -covariance / variance


def _rank(values) -> np.ndarray:
    return np.argsort(np.argsort(values)) / len(values)


def _head(split, count: int):
    """The first `count` images of a split, as a split."""
    return dataclasses.replace(split, images=split.images[:count], labels=split.labels[:count])


def _decode(model, latents, labels=None) -> np.ndarray:
    """Images [N, H, W, C] of codes [N, Z], of a conditional model given labels [N]."""
    latents = np.asarray(latents, np.float32)
    labels = np.zeros(len(latents), np.int64) if labels is None else labels
    size = max(1, CHUNK_NUMBERS // math.prod(model.image_shape))
    parts = images_of.chunks(model, labels, size)
    return np.concatenate([model.decode(latents[part], **condition) for part, condition in parts])


def _prior_draws(model, count: int, seed: int) -> np.ndarray:
    """Codes drawn from the prior, [count, Z]."""
    return np.asarray(model.draw_prior(tf.constant(row_seeds(seed, count))))


def _by_class(model) -> str:
    """What a title says of rows of classes."""
    count = len(model.class_names)
    return "by class" if count <= ROWS else f"of the first {ROWS} of {count} classes"


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
