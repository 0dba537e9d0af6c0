"""`python -m zoo.sample ENTRY_OR_RUN --out FILE.png`: draws images from a trained model into one picture."""

import math
from pathlib import Path

from tfgen import commandline
from zoo import commands

USAGE = "python -m zoo.sample"
ROW = 10  # images of each class


def main(arguments: list[str] | None = None) -> None:
    """The command line: the options of `sample`."""
    commandline.run(sample, arguments, USAGE)


def sample(
    entry_or_run: str,
    /,
    *,
    out: Path,
    n: int | None = None,
    label: tuple[str, ...] = (),
    digit: tuple[int, ...] = (),
    seed: int | None = None,
    register: commandline.Modules = (),
) -> None:
    """Draws images from a trained model and writes them into one PNG file.

    Args:
        entry_or_run: an entry with shipped weights, such as vae, or a run directory.
        out: the PNG file to write; an existing file is not overwritten.
        n: how many images; 64 by default. A conditional model draws ten per class by default, or one per label if
            labels are named. With --n alone the classes take turns.
        label: for conditional models: the number or name of a class, one for all images or one per image.
        digit: the same as label, if the classes are digits.
        seed: an integer; the same seed gives the same images. By default a new seed is drawn.
        register: a module of another package that defines the model, such as my_pkg.gmvae.
    """
    from tfgen.storage import loading

    with commandline.bad_input():
        commands.check_model(entry_or_run, register)
        commandline.check_new_png(out)
        model = loading.load(entry_or_run)
        from tfgen.models import abilities

        if "sample" not in model.signatures():
            raise ValueError(f"nothing can be drawn: {abilities.reason(model, 'sample')}")
        labels, digits, columns = _labels(label), digit[0] if len(digit) == 1 else digit or None, None
        import numpy as np

        from tfgen import figures, inputs

        if labels is None and digits is None and model.conditional:
            classes = np.arange(len(model.class_names))
            labels = np.repeat(classes, ROW) if n is None else np.resize(classes, n)
            columns = ROW if n is None else None
        count = n if n is not None else inputs.label_count(labels if digits is None else digits) or 64
        if count < 1:
            raise ValueError(f"n must be at least 1 to draw a picture, got {count}")
        images = model.sample(count, label=labels, digit=digits, seed=seed)
        rows = model.class_names if columns else ()
        figures.save(figures.grid(images, columns or math.ceil(math.sqrt(count)), row_labels=rows), out)
    print(f"{commandline.counted(count, 'sample')} of {model.entry} -> {out}")


def _labels(words: tuple[str, ...]):
    """What `model.sample` takes for the words of --label: numbers where all of them are numbers, otherwise names."""
    values = [int(word) for word in words] if all(word.lstrip("-").isdigit() for word in words) else list(words)
    return None if not values else values[0] if len(values) == 1 else values


if __name__ == "__main__":
    main()
