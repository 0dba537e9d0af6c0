"""A network that learns from few labelled images and from images that models draw: the methods, and their trainings."""

import dataclasses
import gc

import numpy as np

from tfgen.data.dataset import Split
from tfgen.evaluation import images as of_models
from tfgen.tasks.common import few_labels, retraining
from tfgen.tasks.common.job import Job

CHOOSING = 2  # draws of the labels on which the number of added images is chosen


@dataclasses.dataclass(frozen=True)
class Method:
    """What the network learns from besides labelled images as they are.

    Attributes:
        name: of its row.
        source: whose images are added, `FEW` or `OWN`; None for none.
        moved: whether images are shifted and rotated.
    """

    name: str
    source: str | None
    moved: bool


FEW, OWN = "few-label images", "model's images"  # by a model trained on the labelled images, by the one at hand
USUAL = Method("shifts and rotations", None, True)
METHODS = (
    Method("plain", None, False),
    USUAL,
    Method(FEW, FEW, False),
    Method(f"{FEW}, both", FEW, True),
    Method(OWN, OWN, False),
    Method(f"{OWN}, both", OWN, True),
)


@dataclasses.dataclass(frozen=True)
class Found:
    """What a method reached, with one number of labels.

    Attributes:
        errors: on test images in percent, one a draw of the labels.
        added: how many images of each class were added.
        on_validation: number of added images -> mean error on validation images, by which it was chosen.
    """

    errors: list[float]
    added: int
    on_validation: dict[int, float]


class Study:
    """The trainings of the network.

    Attributes:
        job: the task's.
        test: images and labels to report on.
        added: the numbers of images of each class that are tried, in ascending order.
        steps: of each training of the network.
        model_steps: of each training of a model on the labelled images alone.
        pictures: an image of each class that is labelled, and that each model drew, of the first draw.
    """

    def __init__(self, job: Job, test, added, steps: int, model_steps: int):
        self.job, self.test, self.added = job, test, tuple(sorted(set(added)))
        self.steps, self.model_steps, self.pictures = steps, model_steps, {}

    def measured(self, splits) -> dict[Method, Found]:
        """What each method reaches with the labelled images of each draw, a list of `Split`s."""
        choosing, chosen, trained = min(CHOOSING, len(splits)), {}, {}
        errors = {method: [] for method in METHODS}
        for draw, split in self.job.track(list(enumerate(splits)), "draws"):
            seed = self.job.seed + draw
            drawn = self._drawn(split, seed)
            for method in METHODS:
                numbers = (0,) if method.source is None else self.added if draw < choosing else (chosen[method][0],)
                for number in numbers:
                    trained[method, draw, number] = self._network(method, split, drawn, number, seed)
            if draw == choosing - 1:
                chosen = {method: self._choice(method, trained) for method in METHODS}
            if draw >= choosing - 1:
                for (method, _, number), classify in trained.items():
                    if number == chosen[method][0]:
                        errors[method].append(_error(classify, *self.test))
                trained.clear()
                gc.collect()  # networks hold themselves in circles
        return {method: Found(errors[method], *chosen[method]) for method in METHODS}

    def _drawn(self, split: Split, seed: int) -> dict:
        """As many images of each class as may be added: source -> (images, labels)."""
        settings = retraining.recipe(self.job.model, self.model_steps) | {"seed": seed}
        few_label = retraining.train_model(
            self.job.model, split, settings, lambda epochs: self.job.track(epochs, "few-label model")
        )
        found = {FEW: drawn(few_label, self.added[-1], seed), OWN: drawn(self.job.model, self.added[-1], seed)}
        if not self.pictures:
            classes = len(self.job.dataset.classes)
            rows = [np.flatnonzero(split.labels == label)[0] for label in range(classes)]
            self.pictures = {"labelled": split.images[rows]} | {name: each[0][:classes] for name, each in found.items()}
        return found

    def _network(self, method: Method, split: Split, drawn: dict, number: int, seed: int):
        """The network of a method, a function from images to probabilities."""
        classes = len(self.job.dataset.classes)
        if number:
            images, labels = drawn[method.source]
            split = mixed(split, images[: number * classes], labels[: number * classes])
        return few_labels.network(split, classes, self.steps, seed, moved=method.moved)

    def _choice(self, method: Method, trained: dict) -> tuple[int, dict]:
        """The number of added images with the lowest mean error on validation images, and {number: that error}."""
        found, validation = {}, self.job.dataset.validation
        for (other, _, number), classify in trained.items():
            if other == method:
                found.setdefault(number, []).append(_error(classify, validation.images, validation.labels))
        by_number = {number: float(np.mean(errors)) for number, errors in found.items()}
        return min(by_number, key=by_number.get), by_number


def drawn(model, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """So many images of each class that a model draws, uint8, and their labels: one of each class, then the next."""
    labels = np.tile(np.arange(len(model.class_names)), count)
    return as_bytes(of_models.samples(model, labels, seed)), labels


def as_bytes(images) -> np.ndarray:
    """Images in [0, 1] as uint8 in 0..255."""
    return np.rint(255 * np.asarray(images)).astype(np.uint8)


def mixed(split: Split, images, labels) -> Split:
    """A split with images added; its own are repeated where they would be less than half."""
    rows = np.resize(np.arange(len(split.images)), max(len(split.images), len(images)))
    return dataclasses.replace(
        split,
        images=np.concatenate([split.images[rows], images]),
        labels=np.concatenate([split.labels[rows], labels]).astype(np.int64),
    )


def _error(classify, images, labels) -> float:
    """The percentage of images whose class is not recognised."""
    return 100 * float(np.mean(classify(images).argmax(1) != labels))
