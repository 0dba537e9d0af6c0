"""`python -m zoo.sample ENTRY_OR_RUN --out FILE.png`: a picture of images drawn from a trained model."""

import math
import sys
from pathlib import Path

from zoo import commands

USAGE = "python -m zoo.sample"


def main(arguments: list[str] | None = None) -> None:
    """The command line: an entry or a run directory, then the options of `sample`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    model = commands.model_argument(arguments, USAGE, "Draws a picture of samples.")

    def sample(*, out: Path, n: int | None = None, digit: tuple[int, ...] = (), seed: int | None = None) -> None:
        """Draws images from a trained model into one PNG file.

        Args:
            out: the PNG file to write; an existing one is not overwritten.
            n: how many images; 64 by default, or as many as digits are given.
            digit: for conditional models: the digit of all images, or one digit an image.
            seed: an int; the same seed gives the same images. By default a fresh one.
        """
        from tfgen import figures

        with commands.bad_input():
            commands.check_new_png(out)
            count = n if n is not None else len(digit) if len(digit) > 1 else 64
            digits = digit[0] if len(digit) == 1 else digit or None
            images = model.sample(count, digit=digits, seed=seed)
            if not len(images):
                raise ValueError("n must be at least 1 to draw a picture, got 0")
            figures.save(figures.grid(images, math.ceil(math.sqrt(count))), out)
        print(f"{count} samples of {model.entry} -> {out}")

    commands.run(sample, arguments[1:], f"{USAGE} {arguments[0]}")


if __name__ == "__main__":
    main()
