"""`hash`: which images are like this one, found by comparing a few bits?

The codes that an encoder gives images are turned into bits, by `medians`, thresholds, or `ITQ`, a rotation and signs
(`tfgen.tasks.common.hashing`), and images are ranked by how many bits differ from those of a query (semantic hashing,
Salakhutdinov and Hinton 2009). No label is used. Test images look for training images; an image is right if it has the
class of the query. Baselines: ITQ and LSH on pixels, and all three on as many principal components as the code has
numbers. With `--query` the pictures of a folder are ranked instead.
"""

from pathlib import Path

import numpy as np

from tfgen import checks, inputs
from tfgen.tasks.common.job import Job, first, flat
from tfgen.tasks.common.result import BASELINE, MODEL, Result, Row, means

__all__ = ["binary_codes"]

ASKS = {"bits": ("encode",)}
FIT, DATABASE, VALIDATION, TEST = 10_000, 60_000, 1000, 1000  # images at most, by default
FEWEST = 20  # test images
MOST_BITS = 256
SHOWN, QUERIES = 10, 10  # images found, and queries, of the picture
OF_CODES, OF_PIXELS, OF_PCA = ("medians", "ITQ"), ("ITQ", "LSH"), ("medians", "ITQ", "LSH")
METRICS = {
    "map": "mean average precision of the ranking of all training images, 0 to 1; higher is better",
    "precision": "share of the right class among the 100 nearest, 0 to 1; higher is better",
}


def run(job: Job, *, bits: tuple[int, ...] = (16, 32), query: Path | None = None, top: int = 10) -> Result:
    """Turns codes into bits and measures how well these find images of the same class; or looks for a picture.

    Args:
        bits: the length of a binary code, one number or several; a query uses the last.
        query: a picture. The task looks for similar images in the folder --dataset, or in the training images.
        top: how many images a query lists.
    """
    return _measured(job, bits) if query is None else _looked_up(job, bits[-1], query, top)


def check(*, bits: tuple[int, ...] = (16, 32), query: Path | None = None, top: int = 10) -> None:
    """Raises TypeError, ValueError for options of `run` that are out of range, and for a query that is no picture."""
    for count in bits:
        checks.positive_int("bits", count)
        if count > MOST_BITS:
            raise ValueError(f"bits must be at most {MOST_BITS}, got {count}")
    checks.positive_int("top", top)
    if query is not None:
        _picture(query)


def binary_codes(model, images, *, fit_to, bits: int = 32, method: str = "ITQ", seed: int = 0) -> np.ndarray:
    """Binary codes of images: similar images have many bits in common.

    Args:
        model: a trained `tfgen.Model` with an encoder.
        images: [N, H, W, C], uint8 in 0..255, bool, or float in [0, 1], or another form that is unambiguous.
        fit_to: images that the thresholds or the rotation are fitted to, of the same form; thousands, if possible.
        bits: the length of a code.
        method: ITQ or medians.
        seed: the seed of the rotation with which the fit begins.

    Returns:
        bool [N, bits]. `numpy.packbits(codes, 1)` are bytes for a search index.

    Raises:
        TypeError, ValueError: images of another kind or shape, or a model without an encoder.
    """
    from tfgen.tasks.common import abilities, codes, hashing

    abilities.chosen(model, ASKS, None, "hash")
    check(bits=(bits,))
    checks.one_of("method", method, OF_CODES)
    encode = lambda array: codes.of(model, inputs.image_array(array, model.image_shape), seed=seed)  # noqa: E731
    return hashing.METHODS[method](encode(fit_to), bits, seed)(encode(images))


def _measured(job: Job, bits) -> Result:
    from tfgen.tasks.common import codes

    parts = _parts(job)
    images, labels = ([part[i] for part in parts] for i in (0, 1))  # to look in, queries to choose by, and to report
    encoded = [codes.of(job.model, each, seed=job.seed) for each in job.track(images, "codes")]
    found, on_validation = _rankings(job, images, labels, encoded, bits)
    best = {count: max(OF_CODES, key=lambda method: on_validation[count, method]) for count in bits}
    rows = []
    for (count, space, method), each in found.items():
        chosen = space == "codes" and method == best[count]
        kind, setting = MODEL if space == "codes" else BASELINE, "this one" if chosen else ""
        rows.append(means(f"{space}, {method}", kind, each, setting=setting, group=f"{count} bits"))
    title = f"{job.model.entry} of {job.own.name}: test images of {job.dataset.name} look for training images"
    figure = _retrieved(job, images, encoded, labels[2], (bits[-1], best[bits[-1]]), f"{title}, {bits[-1]} bits")
    searched, validation, test = (f"{len(each):,}" for each in images)
    conditions = {
        "searched": f"{searched} training images",
        "fitted_to": f"{min(FIT, len(images[0])):,} of them",
        "validation": f"{validation} queries",
        "test": f"{test} queries",
        "code": encoded[0].shape[1],
    }
    details = {"validation_map": {f"{count} bits, {method}": value for (count, method), value in on_validation.items()}}
    return Result(title, METRICS, rows, figure, conditions, details=details)


def _rankings(job: Job, images, labels, encoded, bits) -> tuple[dict, dict]:
    """{(bits, space, method): measures of the test queries}, and {(bits, method): map} of the codes on validation."""
    from tfgen.tasks.common import hashing, retrieval

    pixels = [_pixels(each) for each in images]
    spaces = {
        "codes": (encoded, OF_CODES),
        "pixels": (pixels, OF_PIXELS),
        "same-size PCA": (_principal(pixels, encoded[0].shape[1], job.seed), OF_PCA),
    }
    tries = [(count, space, method) for count in bits for space, each in spaces.items() for method in each[1]]
    found, on_validation = {}, {}
    for count, space, method in job.track(tries, "rankings"):
        database, validation, test = spaces[space][0]
        hashed = hashing.METHODS[method](database[:FIT], count, job.seed)
        codes = hashed(database)
        if space == "codes":
            each = retrieval.measures(hashed(validation), labels[1], codes, labels[0])
            on_validation[count, method] = float(np.mean(each["map"]))
        found[count, space, method] = retrieval.measures(hashed(test), labels[2], codes, labels[0])
    return found, on_validation


def _retrieved(job: Job, images, encoded, labels, code: tuple[int, str], title: str):
    """A row a class: a test image, and the training images whose bits are nearest."""
    from tfgen import figures
    from tfgen.tasks.common import hashing, retrieval

    count, method = code
    hashed = hashing.METHODS[method](encoded[0][:FIT], count, job.seed)
    database, chosen = hashed(encoded[0]), [np.flatnonzero(labels == label) for label in np.unique(labels)]
    rows, names = [], []
    for own in chosen[:QUERIES]:
        query = encoded[2][own[0]]
        found, _ = retrieval.nearest(hashed(query[None])[0], database, encoded[0], query, SHOWN)
        rows.append(np.concatenate([images[2][own[:1]], images[0][found]]))
        names.append(job.dataset.classes[labels[own[0]]])
    columns = ["query", *map(str, range(1, rows[0].shape[0]))]
    return figures.grid(np.concatenate(rows), rows[0].shape[0], title, names, columns)


def _looked_up(job: Job, bits: int, query: Path, top: int) -> Result:
    """The images whose bits are nearest to those of a picture."""
    from tfgen import figures
    from tfgen.tasks.common import codes, hashing, retrieval

    image = _picture(query, job.model.image_shape)[None]
    fitted, _ = first(job.own.train, FIT)
    images, names = _searched(job)
    vectors, query_vectors, database = (
        codes.of(job.model, each, seed=job.seed) for each in job.track([fitted, image, images], "codes")
    )
    hashed = hashing.itq(vectors, bits, job.seed)
    found, distance = retrieval.nearest(
        hashed(query_vectors)[0], hashed(database), database, query_vectors[0], min(top, len(images))
    )
    metrics = {"distance": f"bits of {bits} that differ; of the same number, those with the nearest code are first"}
    rows = [Row(names[i], MODEL, {"distance": (int(each), None)}) for i, each in zip(found, distance, strict=True)]
    title = f"{job.model.entry} of {job.own.name}: the images of {job.source or job.own.name} most like {query.name}"
    shown = np.concatenate([image, images[found]])
    figure = figures.grid(shown, min(SHOWN + 1, len(shown)), title)
    order = np.argsort(retrieval.distances(hashed(query_vectors), hashed(database))[0], kind="stable")
    conditions = {"images": len(images), "bits": bits, "query": str(query)}
    return Result(title, metrics, rows, figure, conditions, details={"ranking": [names[i] for i in order]})


def _searched(job: Job) -> tuple[np.ndarray, list[str]]:
    """The images to look in, and what each is called: every file of a folder, or training images."""
    if job.source is not None and Path(job.source).is_dir():
        return job.pictures()
    images, labels = first(job.dataset.train, DATABASE)
    classes = job.dataset.classes
    named = [f", {classes[label]}" if classes else "" for label in labels]
    return images, [f"{job.dataset.train.name} {row}{name}" for row, name in enumerate(named)]


def _parts(job: Job):
    """Images and labels to look in, of queries to choose by, and of queries to report."""
    dataset = job.dataset
    if len(dataset.classes) < 2:
        has = f"only the class {dataset.classes[0]}" if dataset.classes else "none"
        raise ValueError(
            f"hash measures by the class of each image, and {dataset.name} has {has}; --query PICTURE looks for one"
        )
    count = job.count(dataset.test, TEST, FEWEST)
    return first(dataset.train, DATABASE), first(dataset.validation, VALIDATION), first(dataset.test, count)


def _picture(path: Path, shape=None) -> np.ndarray:
    """A picture, as an image of a shape [H, W, C] or as it is. Raises ValueError for what is no picture."""
    from tfgen.data import pictures

    height, width, channels = shape or (None, None, None)
    if height != width:
        raise ValueError(f"pictures are made square, and the model's images are {height} x {width}")
    try:
        with pictures.no_bombs():
            return pictures.decode(Path(path).read_bytes(), height, channels)
    except OSError as error:
        raise ValueError(f"query {str(path)!r} cannot be read: {error.strerror}") from error
    except pictures.UnreadableError as error:
        raise ValueError(f"query {str(path)!r} is no picture: {error}") from error


def _principal(pixels, count: int, seed: int) -> list[np.ndarray]:
    """Pixels along the first principal components of the images that bits are fitted to."""
    from tfgen.tasks.common import probes

    return probes.principal([pixels[0][:FIT], *pixels], count, seed)[1:]


def _pixels(images) -> np.ndarray:
    from tfgen.evaluation.images import as_float

    return flat(as_float(images))
