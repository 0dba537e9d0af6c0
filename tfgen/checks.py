"""Checks of hyperparameters and options. Every error names the value and the choices."""

import numbers
import re
import sys

INFINITY = float("inf")
SMALLEST_SIDE, LARGEST_SIDE = 16, 128  # pixels of an image's side that the networks are made for
CHANNELS = (1, 3)  # grey or colour
MOST_LAYERS = 100  # of a network, and steps of a flow: building each takes time, whatever its width
MOST_CLASSES = 100_000
SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(?:([KMGT])(I?))?B?", re.IGNORECASE)  # 500MB, 1.5 GB, 2GiB
UNITS = ("B", "KB", "MB", "GB", "TB")


def positive_int(name: str, value, smallest: int = 1, largest: int | None = None) -> int:
    """`value` as an int in smallest..largest; TypeError or ValueError that names it otherwise."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an int, got {value!r}")
    if value < smallest:
        raise ValueError(f"{name} must be at least {smallest}, got {value}")
    if largest is not None and value > largest:
        raise ValueError(f"{name} must be at most {largest}, got {value}")
    return int(value)


def positive_ints(name: str, values, count: int | None = None) -> tuple[int, ...]:
    """`values` as a tuple of ints >= 1, `count` of them if given; TypeError or ValueError that names them otherwise."""
    values = tuple(values)
    if len(values) > MOST_LAYERS:
        raise ValueError(f"{name} must be at most {MOST_LAYERS} ints, got {len(values)}")
    values = tuple(positive_int(name, value) for value in values)
    if count is not None and len(values) != count:
        raise ValueError(f"{name} must be {count} ints here, got {len(values)}: {', '.join(map(str, values))}")
    return values


def in_range(name: str, value, smallest: float, largest: float = INFINITY) -> float:
    """`value` as a float in [smallest, largest]; TypeError or ValueError that names it otherwise."""
    _check_real(name, value)
    if not smallest <= value <= largest or abs(value) == INFINITY:
        finite = "finite and " if abs(value) == INFINITY else ""
        bounds = f"at least {smallest}" if largest == INFINITY else f"in {smallest}..{largest}"
        raise ValueError(f"{name} must be {finite}{bounds}, got {value}")
    return float(value)


def above_zero(name: str, value) -> float:
    """`value` as a finite float > 0; TypeError or ValueError that names it otherwise."""
    _check_real(name, value)
    if not sys.float_info.min <= value < INFINITY:  # a denormal number has no reciprocal
        finite = "finite and " if abs(value) == INFINITY else ""
        raise ValueError(f"{name} must be {finite}above 0, got {value}")
    return float(value)


def shortened(text: str, most: int = 80) -> str:
    """A text as an error shows it: one line of at most `most` printable characters, cut off where it is longer."""
    printable = "".join(each if each.isprintable() else " " for each in text[: 4 * most])
    words = " ".join(printable.split())
    return words if len(words) <= most else f"{words[: most - 3]}..."


def _check_real(name: str, value) -> None:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {value!r}")


def size(name: str, text: str) -> int:
    """The bytes of a size as people write it, such as 500MB, 1.5 GB or 2GiB; ValueError that names it otherwise."""
    match = SIZE.fullmatch(text.strip())
    number, prefix, binary = match.groups() if match else ("0", None, None)
    base, power = 1024 if binary else 1000, " KMGT".index(prefix.upper()) if prefix else 0
    if (count := int(float(number) * base**power)) < 1:
        raise ValueError(f"{name} must be a size such as 500MB, 2GB or 2GiB, got {text!r}")
    return count


def size_words(count: int) -> str:
    """Bytes as people write them, such as 1.5GB, rounded up so that what is said to suffice does."""
    power = min((len(str(count)) - 1) // 3, len(UNITS) - 1)
    return f"{-(-10 * count // 1000**power) / 10:g}{UNITS[power]}"


def one_of(name: str, value, choices) -> None:
    """ValueError unless `value` is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}; got {value!r}")


def image_shape(shape) -> tuple[int, int, int]:
    """The shape of a model's images as (H, W, C).

    Raises:
        TypeError, ValueError: not three ints, a side outside 16..128 pixels, or channels that are not 1 or 3.
    """
    try:
        height, width, channels = shape
    except (TypeError, ValueError) as error:
        raise ValueError(f"image_shape must be three ints (height, width, channels), got {shape!r}") from error
    for side in (height, width):
        if positive_int("image_shape", side) < SMALLEST_SIDE or side > LARGEST_SIDE:
            bounds = f"{SMALLEST_SIDE} to {LARGEST_SIDE} pixels a side"
            raise ValueError(f"image_shape must have {bounds}, got {height} x {width}")
    if positive_int("image_shape", channels) not in CHANNELS:
        raise ValueError(f"image_shape must have 1 channel (grey) or 3 (colour), got {channels}")
    return int(height), int(width), int(channels)


def class_names(classes) -> tuple[str, ...]:
    """The names of a model's classes, from their number (named 0, 1, 2, ...) or from the names themselves.

    Raises:
        TypeError, ValueError: no positive number and no names, or a name twice.
    """
    if isinstance(classes, numbers.Integral):
        return tuple(map(str, range(positive_int("classes", classes, 1, MOST_CLASSES))))
    if isinstance(classes, str) or not hasattr(classes, "__iter__"):
        raise TypeError(f"classes must be a number of classes or their names, got {classes!r}")
    names = tuple(classes)
    if not names or not all(isinstance(name, str) for name in names):
        raise TypeError(f"classes must be a number of classes or their names, got {classes!r}")
    if repeated := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"each class needs a name of its own, got {sorted(repeated)[0]!r} more than once")
    return names
