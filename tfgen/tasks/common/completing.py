"""A model that undoes damage, by `complete`: which one a task has, whether it suits the damage, several draws of it."""

import numpy as np


def of_job(job, damage: str):
    """The model of a job that undoes a damage: the model itself, the one that was trained besides, or None.

    Raises ValueError for one that was trained on another damage, or on images of another shape.
    """
    model = job.model if "complete" in job.model.signatures() else job.completer
    if model is not None:
        check(model, damage, job.model.image_shape)
    return model


def check(model, damage: str, image_shape) -> None:
    """Raises ValueError unless a model undoes a damage of images of a shape."""
    if model.image_shape != tuple(image_shape):
        sizes = (" x ".join(map(str, shape)) for shape in (model.image_shape, image_shape))
        raise ValueError("the completer takes images of {}, those of the model are {}".format(*sizes))
    if not model.damage.covers(damage):
        raise ValueError(
            f"this completer undoes {model.damage.words}, and not {damage}: `python -m zoo.train completer --damage "
            f"{damage}` trains one, as --train does"
        )


def draws(model, damaged, count: int, seed: int = 0, track=lambda loop, name: loop) -> np.ndarray:
    """Several completions of each of N damaged images, float32 [count, N, H, W, C]."""
    return np.stack(
        [model.complete(damaged, seed=seed * count + turn).numpy() for turn in track(range(count), "completions")]
    )


def expected(model, damaged, count: int, seed: int = 0, track=lambda loop, name: loop) -> np.ndarray:
    """The mean of several completions of each of N damaged images, float32 [N, H, W, C]."""
    return np.mean(draws(model, damaged, count, seed, track), 0)
