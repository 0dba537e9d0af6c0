"""`python -m zoo.evaluate ENTRY_OR_RUN`: measures a trained model and writes metrics.json and metrics.md.

    likelihood models   rate, distortion, -ELBO, NLL with its standard error, active units, KL of each dimension
    the others          the Parzen-window score; of aae how far the codes' mean and covariance are from the prior's
    all of them         Frechet and kernel distance, precision and recall in the features of a classifier of the data
                        set, or of any Keras model (--features); how surely and evenly the classes are recognised; the
                        same of training images, as the floor

Real images are the test images, which the data set's protocol binarises for likelihoods and leaves grey for the rest.
With `--split validation` they are the validation images, and the numbers stand beside those of the test: what is tried
out is compared on these, and test numbers are for what was chosen.
"""

import contextlib
import dataclasses
import time
from pathlib import Path
from typing import Literal

import numpy as np

from tfgen import commandline, terminal
from zoo import commands, report

USAGE = "python -m zoo.evaluate"
SAMPLES = 10_000  # drawn from the model, and training images that stand in for them in the floor
PARZEN_VALIDATION = 1000  # validation images that choose the bandwidth
FEWEST = 20  # images: two in each block of the kernel distance
TEST = "test"


def main(arguments: list[str] | None = None) -> None:
    """The command line: the options of `measure`."""
    commandline.run(measure, arguments, USAGE)


def measure(
    entry_or_run: str,
    /,
    *,
    k: int = 1000,
    images: int | None = None,
    split: Literal["validation", "test"] = "test",
    seed: int = 0,
    dataset: str | None = None,
    features: Path | None = None,
    data_dir: Path | None = None,
    to: Path | None = None,
    register: commandline.Modules = (),
) -> None:
    """Measures a trained model and writes metrics.json and metrics.md.

    Args:
        entry_or_run: an entry with shipped weights, such as vae, or a run directory.
        k: importance samples per image for the log-likelihood.
        images: measures only the first N images and as many samples, which is quick. The numbers go to
            metrics-first-N.json and metrics-first-N.md.
        split: the images to measure on. Use validation to choose settings, and test once, to report. The numbers on
            validation are written to metrics-validation.json and metrics-validation.md.
        seed: the seed of everything that is drawn.
        dataset: the data set to measure on; by default the one the model was trained on.
        features: the features in which images are compared: a run of zoo.classifier, or a Keras model of these images
            in a .keras file (load only files that you trust). By default the classifier shipped for the data set; if
            there is none, these scores are left out.
        data_dir: a TFDS directory that holds the prepared data set; TFDS_DATA_DIR by default.
        to: the directory to write to. By default the run, whose numbers of training stay as they are, or
            evaluation/ENTRY for an entry.
        register: a module of another package that defines the model, such as my_pkg.gmvae.
    """
    from tfgen import checks, data
    from tfgen.storage import loading, runs

    name = entry_or_run
    with commandline.bad_input():
        commands.check_model(name, register)
        run = commands.run_of(name)
        checks.positive_int("k", k)
        checks.in_range("seed", seed, 0, 2**31 - 1)
        own = loading.find(name)[0]["dataset"]
        if run and to is None and own is not None and dataset not in (None, own):
            raise ValueError(f"{name} was trained on {own}: say where its numbers on {dataset} go with --to DIR")
        if dataset is not None:
            data.check(dataset, data_dir)
        model = loading.load(name)
        measured = commands.dataset_of(name, data_dir, dataset if dataset != own else None)
        if measured.image_shape != model.image_shape:
            sizes = " x ".join(map(str, measured.image_shape)), " x ".join(map(str, model.image_shape))
            raise ValueError(f"the images of {measured.name} are {sizes[0]}, those of {name} are {sizes[1]}")
        part = getattr(measured, split)
        if len(measured.test.images) < 2 or len(measured.validation.images) < 2:
            raise ValueError(
                f"{measured.name} has too few images to measure a model on: its test and validation "
                f"parts hold {len(measured.test.images)} and {len(measured.validation.images)}"
            )
        compared = recogniser(measured, features)
        if images is not None and not FEWEST <= images <= len(part.images):
            raise ValueError(f"images must lie in {FEWEST}..{len(part.images)}, got {images}")
        stem = "metrics" if split == TEST else f"metrics-{split}"
        stem += "" if images is None else f"-first-{images}"
        in_run = run is not None and to is None
        directory = _finished(run) if in_run else _outside_runs(to or Path("evaluation") / name, stem)
        known = runs.read_metrics(run) if in_run and stem == "metrics" else {}
    if compared is None or len(part.images) < FEWEST:
        print(f"note: {_left_out(measured, split)}", flush=True)
    from tfgen.evaluation.features import NotFiniteError

    try:
        with progress_bars() as track:
            options = {"k": k, "images": images, "seed": seed, "split": split}
            metrics = evaluate(model, measured, compared, **options, track=track)
    except KeyboardInterrupt as error:
        commandline.give_up(error, saved="nothing was written")
    except NotFiniteError as error:
        commandline.fail(f"{error}; nothing was written")
    with commandline.bad_input():
        title = f"{model.entry}, {run.name}" if run else name
        paths = report.write(directory / stem, title, known | metrics)
    print(report.as_text(metrics), *paths, sep="\n")  # last: a closed pipe loses no numbers


def _finished(run: Path) -> Path:
    """A run that numbers may be written to. Raises ValueError unless it is finished: they would say that it is."""
    from tfgen.storage import runs

    if not runs.is_finished(run):
        raise ValueError(f"{run} is not finished: resume it, or say where its numbers go with --to DIR")
    return run


def _outside_runs(directory: Path, stem: str) -> Path:
    """A directory, made if need be. Raises ValueError if it is a run, or holds an evaluation of that name already."""
    from tfgen.storage import runs

    commandline.writable_directory(directory)
    if runs.is_run(directory):
        raise ValueError(f"{str(directory)!r} is a run directory; name another folder with --to DIR")
    report.check_new(directory / stem)
    return directory


def recogniser(dataset, source: Path | None = None):
    """The `tfgen.evaluation.features.Features` in which a data set's images are compared.

    Args:
        dataset: a `tfgen.data.Dataset`.
        source: a run of zoo.classifier or a `.keras` file; by default the classifier shipped for the data set.

    Returns:
        The features; None if no classifier ships.

    Raises:
        ValueError: files that are damaged, or whose model takes other images.
    """
    from tfgen.evaluation import features
    from zoo import classifier

    if source is not None and not Path(source).is_dir():
        return features.of_keras_file(source, dataset.image_shape)
    path = classifier.weights_of_run(source) if source is not None else classifier.shipped(dataset)
    if path is None:
        return None
    network = classifier.load(path)
    if network.input_shape[1:] != dataset.image_shape:
        sizes = (" x ".join(map(str, shape)) for shape in (network.input_shape[1:], dataset.image_shape))
        raise ValueError("the classifier {} takes images of {}, those of {} are {}".format(path, *sizes))
    return features.of_classifier(network, classifier.name_of(path))


def evaluate(
    model, dataset, compared, *, k: int = 1000, images: int | None = None, seed: int = 0, split: str = TEST, track=None
) -> dict:
    """The whole evaluation of a model.

    Args:
        model: a trained `tfgen.Model`.
        dataset: a `tfgen.data.Dataset`.
        compared: the features of the data set's `recogniser`, or None.
        k: importance samples per image.
        images: how many images, the first ones, and samples; all of them and 10,000 samples by default.
        seed: the seed of everything that is drawn. (The binarised test images have the protocol's own seed.)
        split: "test", or "validation".
        track: wraps each long loop, with a word that describes it.

    Returns:
        "protocol"; the numbers by the names that `zoo.report.MEANINGS` explains, the floor's with "floor_" before them,
        those of validation with "validation_" for "test_"; and "evaluation", their conditions.
    """
    from tfgen.evaluation import codes, likelihood
    from tfgen.storage import runs

    started, track = time.perf_counter(), track or (lambda loop, name: loop)
    whole = getattr(dataset, split)
    part = dataclasses.replace(dataset, test=first(whole, images or len(whole.images)))
    metrics, conditions = (
        likelihood.report(model, part, seed),
        {f"{split}_images": f"{len(part.test.images):,}, {part.test.name}"},
    )
    abilities = model.signatures()
    if "score" in abilities:
        bound = likelihood.negative_log_likelihood(model, part.test, k=k, seed=seed, track=track)
        metrics |= {f"test_{name}": value for name, value in bound.items()}
    if {"score", "encode"} <= set(abilities):
        metrics |= codes.code_usage(model, part.test, seed)
    elif {"encode", "sample"} <= set(abilities):
        metrics |= codes.code_moments(model, part.test)

    if "sample" in abilities:
        found, of_samples = measure_samples(model, part, compared, images or SAMPLES, seed, split, track)
        metrics, conditions = metrics | found, conditions | of_samples

    conditions |= {"versions": runs.library_versions(), "seconds": round(time.perf_counter() - started, 1)}
    protocol = dataset.protocol(model.pixels.protocol)
    if images is not None:
        protocol += f", first {images} {split} images only"
    elif split != TEST:
        protocol += f", {split} images"
    metrics = {name.replace(f"{TEST}_", f"{split}_", 1): value for name, value in report.rounded(metrics).items()}
    return {"protocol": protocol, **metrics, "evaluation": conditions}


def measure_samples(model, dataset, compared, count: int, seed: int, split: str, track) -> tuple[dict, dict]:
    """The numbers of `count` samples, and their conditions; arguments as in `evaluate`.

    The images of `split` are the test images of `dataset`.
    """
    from tfgen.evaluation import images as seen
    from tfgen.evaluation import parzen

    labels = np.resize(dataset.test.labels, count)
    samples = seen.samples(model, labels, seed, track)
    metrics, conditions = {}, {"samples": len(samples), "seed": seed}
    if compared is not None and len(dataset.test.images) >= FEWEST:
        conditions["features"], asked = compared.name, labels if model.conditional else None
        real = seen.as_drawn(model, dataset) if model.draws_pixels else dataset
        metrics, conditions["floor"] = in_features(compared, samples, real, asked=asked, seed=seed, track=track)
    else:
        conditions["left_out"] = _left_out(dataset, split)
    if "score" not in model.signatures():
        count = min(PARZEN_VALIDATION, len(dataset.validation.images))
        if split == TEST:
            choosing, scored = dataset.validation.images[:count], dataset.test.images
        else:  # images that chose the bandwidth are not scored by it
            count = min(count, len(dataset.test.images) // 2)
            choosing, scored = dataset.test.images[:count], dataset.test.images[count:]
        metrics |= parzen.parzen_score(samples, seen.as_float(choosing), seen.as_float(scored), track=track)
    return metrics, conditions


def in_features(compared, samples, dataset, *, asked=None, seed: int = 0, track) -> tuple[dict, str]:
    """The scores of samples, and of as many training images, against the test images; the name of the training images.

    Args:
        compared: the `tfgen.evaluation.features.Features`.
        samples: [N, H, W, C] in [0, 1].
        dataset: with the training and the test images.
        asked: [N], the classes that a conditional model was asked for.
        seed: of the kernel distance's blocks.
        track: as in `evaluate`.
    """
    from tfgen.evaluation import scores

    real, _ = compared.of(dataset.test.images)
    floor, metrics = first(dataset.train, len(samples)), {}
    for prefix, images in track([("", samples), (report.FLOOR, floor.images)], "features"):
        features, probabilities = compared.of(images)
        found = scores.all_of(real, features, seed)
        if probabilities is not None:
            found |= scores.class_balance(probabilities)
        if probabilities is not None and asked is not None and not prefix:
            found["recognised_as_asked"] = (probabilities.argmax(1) == asked).mean()
        metrics |= {f"{prefix}{name}": value for name, value in found.items()}
    return metrics, f"{len(floor.images):,}, {floor.name}"


def first(split, count: int):
    """The first images of a split, named as such; the whole split where it has no more."""
    if count >= len(split.images):
        return split
    name = f"the first of {split.name}"
    return dataclasses.replace(split, name=name, images=split.images[:count], labels=split.labels[:count])


@contextlib.contextmanager
def progress_bars():
    """A function that wraps a loop in a progress bar, which goes when the loop has ended; none but on a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console()
    with Progress(console=console, transient=True, disable=not terminal.is_interactive()) as bars:
        yield lambda loop, name: bars.track(loop, description=name)


def _left_out(dataset, split: str) -> str:
    few = len(getattr(dataset, split).images)
    if few < FEWEST:
        return f"scores in features need {FEWEST} {split} images, {dataset.name} has {few}; they are left out"
    source, trains = dataset.source or dataset.name, len(dataset.classes) > 1
    height, width, _ = dataset.image_shape
    size = f" --image-size {height}" if height == width and Path(source).is_dir() else ""
    command = f"python -m zoo.classifier --dataset {source}{size}"
    way = f"{command} trains one" if trains else "a Keras model in a .keras file does"
    return f"no classifier ships for {dataset.name}, and the scores in features are left out; {way} for --features"


if __name__ == "__main__":
    main()
