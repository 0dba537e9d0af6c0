"""`arithmetic`: do sums and differences of codes change what you name, such as thin + slanted, and nothing else?

    z' = z + s sum_g (mean of the codes of group g - mean of all codes)

(Radford, Metz and Chintala 2016, section 6.3.2, where groups are picked by eye.) Here a group is the tenth of many
images that has most or least of an attribute that can be measured, `tfgen.tasks.common.attributes`, so that a number
says whether the sum came out. With an encoder the codes are those of training and test images, without one they are
drawn from the prior; what is measured are the images of the codes. Baseline: the same sum on the pixels of these.
"""

from typing import Literal

import numpy as np

from tfgen import checks, inputs
from tfgen.tasks.common import attributes as measured
from tfgen.tasks.common.job import Job, first
from tfgen.tasks.common.result import BASELINE, MODEL, Result, means

__all__ = ["arithmetic", "attributes"]

ASKS = {"encoded": ("decode", "encode"), "drawn": ("decode",)}
Method = Literal["encoded", "drawn"]
POOL, TEST = 2000, 500  # codes of which the groups are the extremes, and codes to add to
FEWEST = 20
GROUP = 0.1  # share of the pool in a group
SHOWN = 8  # images that are drawn
CAME_OUT = "percent of images that lie in the range of every group asked for; higher is better"
KEPT = "percent whose class, as the classifier that ships sees it, is what it was; higher is better"


def run(
    job: Job, *, add: tuple[str, ...] = ("thin", "slanted"), method: Method | None = None, strength: float = 1.0
) -> Result:
    """Adds what groups of codes have in common to other codes, and measures the resulting images.

    Args:
        add: words for the groups: thin or thick, slanted or backslanted, light or heavy, narrow or wide, short or tall;
            for coloured images also red, green, blue.
        method: which codes to use: of encoded images, or drawn from the prior; by default the first that the model can
            do.
        strength: how many times the difference of a group's mean from the mean of all is added.
    """
    from tfgen.tasks.common import abilities, codes

    method = abilities.chosen(job.model, ASKS, method, "arithmetic")
    if job.model.image_shape[-1] == 1 and (colours := [word for word in add if word in measured.COLOURS]):
        raise ValueError(f"{colours[0]} is asked for, and the images of the model are grey")
    (pool, pool_labels), (start, labels) = _codes(job, method)
    images = codes.decoded(job.model, pool, pool_labels)
    groups, limits = _groups(images, add)
    steps = {word: strength * (pool[group].mean(0) - pool.mean(0)) for word, group in groups.items()}
    pixel_steps = {word: strength * (images[group].mean(0) - images.mean(0)) for word, group in groups.items()}

    start = np.concatenate([pool.mean(0, keepdims=True), start])  # of all codes, for the picture
    labels = None if labels is None else np.concatenate([labels[:1], labels])
    sums = {"as they were": start} | {f"+ {word}": start + step for word, step in steps.items()}
    total = " + ".join(["", *add]).strip()
    sums[total] = start + sum(steps.values())
    made = {name: codes.decoded(job.model, each, labels) for name, each in job.track(list(sums.items()), "sums")}
    pixels = np.clip(made["as they were"] + sum(pixel_steps.values()), 0, 1)

    judge = _class_judge(job, made["as they were"][1:])
    rows = [means(name, MODEL, _measures(each[1:], add, limits, judge)) for name, each in made.items()]
    rows.append(means(f"{total} on pixels", BASELINE, _measures(pixels[1:], add, limits, judge)))
    strong = "" if strength == 1 else f", {strength:g} times"
    title = f"{job.model.entry} of {job.own.name}: {' and '.join(add)} added to {method} codes{strong}"
    metrics = {name: measured.UNITS[name] + f"; {word}: {_range(*limits[word])}" for word, name in _names(add).items()}
    metrics |= {"came_out": CAME_OUT} | ({"class_kept": KEPT} if judge else {})
    figure = _figure(made | {"on pixels": pixels}, title)
    conditions = {"codes": method, "pool": f"{len(pool):,}", "test": f"{len(start) - 1:,}", "strength": strength}
    return Result(title, metrics, rows, figure, conditions)


def check(*, add: tuple[str, ...] = ("thin", "slanted"), strength: float = 1.0, **_) -> None:
    """Raises TypeError, ValueError for options of `run` that are out of range."""
    measured.check(add)
    checks.above_zero("strength", strength)


def arithmetic(model, start, plus, minus, *, label=None, strength: float = 1.0) -> np.ndarray:
    """The images of codes, plus the mean code of one group, minus that of another.

    Args:
        model: a trained `tfgen.Model`.
        start, plus, minus: images [N, H, W, C] each, any number of them, as `Model.encode` takes
            them; codes [N, Z] if the model has no encoder.
        label: for conditional models, the number or name of the class of `start`, or N of them; the class of the
            images of both groups is the one under which their ELBO is highest.
        strength: how many times the difference of the groups is added.

    Returns:
        float32 [N, H, W, C] in [0, 1], an image for each of `start`.

    Raises:
        TypeError, ValueError: images, codes or label of another kind or shape, or a model without codes.
    """
    from tfgen.tasks.common import abilities, codes

    method = abilities.chosen(model, ASKS, None, "arithmetic")
    checks.above_zero("strength", strength)
    if label is not None and not model.conditional:
        raise TypeError(f"{model.entry} is not conditional and takes no label, got {label!r}")
    if method == "drawn":
        start, plus, minus = (inputs.latents(each, model.latent_dim) for each in (start, plus, minus))
    else:
        start, plus, minus = (inputs.image_array(each, model.image_shape) for each in (start, plus, minus))
    told = inputs.labels(label, len(start), model.class_names, model.entry) if model.conditional else None
    if method == "encoded":
        start, plus, minus = (
            codes.decodable(model, each, own) for each, own in ((start, told), (plus, None), (minus, None))
        )
    return codes.decoded(model, start + strength * (plus.mean(0) - minus.mean(0)), told)


def attributes(images) -> dict[str, np.ndarray]:
    """What can be measured of images: thickness, slant, ink, width, height, and of coloured ones red, green, blue.

    Args:
        images: [N, H, W, 1 or 3], uint8 in 0..255, bool, or float in [0, 1].

    Returns:
        name -> float64 [N].

    Raises:
        TypeError, ValueError: images of another kind or shape.
    """
    from tfgen.evaluation.images import as_float

    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"images must have shape [N, H, W, 1 or 3], got {list(images.shape)}")
    return measured.measure(as_float(inputs.image_array(images, images.shape[1:])))


def _codes(job: Job, method: str):
    """Codes of the pool and codes to add to, each with labels, or None for a model that takes none."""
    from tfgen.tasks.common import codes

    model = job.model
    if method == "encoded":
        dataset = job.dataset
        job.check_labels(dataset)
        count, there = job.count(dataset.test, TEST, FEWEST), len(dataset.train.images)
        if there < FEWEST:
            raise ValueError(f"arithmetic needs at least {FEWEST} images, and {dataset.train.name} has {there}")
        parts = first(dataset.train, min(POOL, there)), first(dataset.test, count)
        labels = [each if job.needs_labels else None for _, each in parts]
        return [(codes.decodable(model, images, each), each) for (images, _), each in zip(parts, labels, strict=True)]
    count = job.images or TEST
    if count < FEWEST:
        raise ValueError(f"images must be at least {FEWEST}, got {count}")
    if job.source is not None:
        raise ValueError(f"codes are drawn from the prior of {model.entry}, and need no dataset, got {job.source}")
    drawn = codes.drawn(model, POOL + count, job.seed)
    labels = np.arange(len(drawn)) % len(model.class_names) if model.conditional else None
    parts = slice(POOL), slice(POOL, None)
    return [(drawn[part], None if labels is None else labels[part]) for part in parts]


def _groups(images, words):
    """The rows of each group, word -> int [G], and its range of the attribute, word -> (low, high)."""
    found = measured.measure(images)
    groups, limits = {}, {}
    for word in words:
        name, sign = measured.WORDS[word]
        size = max(2, round(GROUP * len(images)))
        groups[word] = np.argsort(-sign * found[name], kind="stable")[:size]
        edge = found[name][groups[word][-1]]
        limits[word] = (edge, np.inf) if sign > 0 else (-np.inf, edge)
    return groups, limits


def _names(words) -> dict[str, str]:
    """word -> its attribute."""
    return {word: measured.WORDS[word][0] for word in words}


def _measures(images, words, limits, judge) -> dict:
    """The metrics [N] of images [N, H, W, C]."""
    found = measured.measure(images)
    inside = [
        (low <= found[name]) & (found[name] <= high)
        for (low, high), name in ((limits[word], _names(words)[word]) for word in words)
    ]
    values = {name: found[name] for name in _names(words).values()} | {"came_out": 100.0 * np.all(inside, 0)}
    return values | ({"class_kept": 100.0 * judge(images)} if judge else {})


def _class_judge(job: Job, images):
    """A function that says of which images the class is that of these, bool [N]; None where no classifier ships."""
    compared = job.classifier(job.own)
    if compared is None:
        return None
    before = compared.of(images)[1].argmax(1)
    return lambda others: compared.of(others)[1].argmax(1) == before


def _range(low: float, high: float) -> str:
    return f"at least {low:.3g}" if np.isfinite(low) else f"at most {high:.3g}"


def _figure(columns: dict, title: str):
    from tfgen import figures

    count = min(SHOWN + 1, len(columns["as they were"]))
    tiles = np.stack([each[:count] for each in columns.values()], 1)
    tiles = tiles.reshape(-1, *tiles.shape[2:])
    return figures.grid(tiles, len(columns), title, ["mean code"] + [""] * (count - 1), list(columns))
