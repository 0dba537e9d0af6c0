"""Lectures: models that are not of images, each a module with its question, its equations, numbers and a picture.

`python -m zoo.lecture NAME` runs one. A module of this folder whose name begins with no underscore is a lecture. It has

    a docstring            `NAME`: the question that it answers, one sentence; then the equations, with their sources
    UPPERCASE constants    what it is computed with; LIMITS: option -> (smallest, largest)
    compute(track, *, option: type = default, ..., seed: int = 0) -> (Result, shown)
                           the numbers, as rows of `tfgen.tasks.common.result.Result`, and the arrays that `draw` takes;
                           `track(loop, name)` wraps a long loop in a progress bar. Options come to the command line
                           with the help in the docstring
    draw(**shown) -> Figure, or a list of them, which are the frames of an animation
"""

from pathlib import Path

from tfgen import source

_PARAGRAPH = "\n\n"


def names() -> tuple[str, ...]:
    """The names of the lectures, in alphabetical order; asking for them imports nothing."""
    folder = source.locate(__name__).parent
    return tuple(sorted(path.stem for path in Path(folder).glob("*.py") if not path.stem.startswith("_")))


def declaration(name: str) -> source.Source:
    """What the module of a lecture says, from its source."""
    return source.read(f"{__name__}.{name}")


def question(name: str) -> str:
    """What a lecture answers, in a sentence."""
    first = declaration(name).docstring().partition(_PARAGRAPH)[0]
    return " ".join(first.partition("`: ")[2].split())
