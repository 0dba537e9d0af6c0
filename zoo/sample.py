"""`python -m zoo.sample ENTRY_OR_RUN --out FILE.png`: a picture of images drawn from a trained model."""

import math
import sys
from pathlib import Path

import numpy as np

from tfgen import commandline, inputs
from zoo import commands

USAGE = "python -m zoo.sample"
ROW = 10  # images of each class


def main(arguments: list[str] | None = None) -> None:
    """The command line: an entry or a run directory, then the options of `sample`."""
    arguments = commands.without_registered(sys.argv[1:] if arguments is None else arguments)
    model = commands.model_argument(arguments, USAGE, "Draws a picture of samples.")

    def sample(
        *,
        out: Path,
        n: int | None = None,
        label: tuple[str, ...] = (),
        digit: tuple[int, ...] = (),
        seed: int | None = None,
    ) -> None:
        """Draws images from a trained model into one PNG file.

        Args:
            out: the PNG file to write; an existing one is not overwritten.
            n: how many images; by default 64, or of a conditional model a row of ten for each class, or as many as
                labels are given. With --n alone the classes take turns.
            label: for conditional models: the number or name of the class of all images, or one class an image.
            digit: the same, where the classes are the digits.
            seed: an int; the same seed gives the same images. By default a fresh one.
        """
        from tfgen import figures

        with commandline.bad_input():
            commandline.check_new_png(out)
            labels = _labels(label)
            if labels is None and not digit and model.conditional:
                classes = np.arange(len(model.class_names))
                labels = np.repeat(classes, ROW) if n is None else np.resize(classes, n)
                columns = ROW if n is None else None
            else:
                columns = None
            digits = digit[0] if len(digit) == 1 else digit or None
            count = n if n is not None else inputs.label_count(labels if digits is None else digits) or 64
            if count < 1:
                raise ValueError(f"n must be at least 1 to draw a picture, got {count}")
            images = model.sample(count, label=labels, digit=digits, seed=seed)
            rows = model.class_names if columns else ()
            figures.save(figures.grid(images, columns or math.ceil(math.sqrt(count)), row_labels=rows), out)
        print(f"{count} samples of {model.entry} -> {out}")

    commandline.run(sample, arguments[1:], f"{USAGE} {arguments[0]}")


def _labels(words: tuple[str, ...]):
    """What `model.sample` takes for the words of --label: numbers where all of them are numbers, otherwise names."""
    values = [int(word) for word in words] if all(word.lstrip("-").isdigit() for word in words) else list(words)
    return None if not values else values[0] if len(values) == 1 else values


if __name__ == "__main__":
    main()
