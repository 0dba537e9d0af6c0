"""What all commands share: options read from signatures, exit codes, and bad input that ends in one line."""

import contextlib
import signal
import sys
import typing
from pathlib import Path

import cyclopts

from tfgen import files

BAD_INPUT, NOT_FINITE, NOT_WRITTEN, LOST_WORKER, INTERRUPTED, TERMINATED = 2, 3, 4, 5, 130, 143
FAILED = 1  # what a verification that fails ends with


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does."""


@contextlib.contextmanager
def stoppable():
    """Ends the process in one line where Ctrl-C or SIGTERM ends the block."""

    def terminate(number, frame):
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except KeyboardInterrupt as error:
        give_up(error)
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def giving_up(place: Path, saved):
    """Ends the process in one line where the block is interrupted, or cannot write to `place`; `saved()` ends it.

    So does data that can no longer be read.
    """
    try:
        yield
    except (KeyboardInterrupt, OSError) as error:
        give_up(error, place, saved())


def give_up(error, place: Path | str = "", saved: str = ""):
    """Ends the process for an interruption, or for files in `place` that cannot be written; says what is saved."""
    if isinstance(error, Terminated):
        words, code = "terminated", TERMINATED
    elif isinstance(error, KeyboardInterrupt):
        words, code = "interrupted", INTERRUPTED
    elif isinstance(error, files.ReadError):
        words, code = str(error), BAD_INPUT
    else:
        words, code = f"{place} cannot be written: {error.strerror or error}", NOT_WRITTEN
    fail("; ".join(filter(None, (words, saved))), code)


def fail(message, code: int = BAD_INPUT):
    """Ends the process with one line on stderr."""
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr)
    raise SystemExit(code)


@contextlib.contextmanager
def bad_input():
    """Turns what user input raises into one line and exit code 2. Only checks belong in this block, no work."""
    try:
        yield
    except (ValueError, TypeError) as error:
        fail(error)
    except OSError as error:
        fail(f"{str(error.filename)!r}: {error.strerror}" if error.filename and error.strerror else error)


def check_new_png(path: Path) -> None:
    """Raises ValueError unless a PNG file can be made at `path`: another ending, an existing file, no such folder."""
    if path.suffix.lower() != ".png":
        raise ValueError(f"out must end in .png, got {str(path)!r}")
    if path.exists():
        raise ValueError(f"{str(path)!r} exists already; name another file, or remove it")
    if not path.parent.is_dir():
        raise ValueError(f"directory {str(path.parent)!r} does not exist")


def writable_directory(path: Path) -> Path:
    """`path`, made if need be. Raises ValueError if it cannot be a directory."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"directory {str(path)!r} cannot be made: {error.strerror}") from error
    return path


def run(function, arguments: list[str], name: str):
    """Calls `function` with options parsed from `arguments` by its signature and docstring (cyclopts).

    A keyword `name: type = default` becomes `--name`; `--help` prints the docstring. Wrong options end the process.
    """
    app = cyclopts.App(
        function.__name__,
        usage=f"Usage: {name} [OPTIONS]",
        version_flags=[],
        default_parameter=cyclopts.Parameter(
            converter=convert, consume_multiple=1, negative_bool=(), negative_iterable=()
        ),
        help_format="markdown",
        suppress_keyboard_interrupt=False,
    )
    app.default(function)
    try:
        with stoppable():
            return app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except files.ReadError as error:
        fail(error)
    except cyclopts.CycloptsError as error:
        fail(f"{str(error).rstrip('.')}; {name.partition(' [')[0]} --help lists the options")


def convert(kind, tokens):
    """The value of an option from its words: cyclopts's, but that it would round 1.5 to an int."""
    fractions = [token for token in tokens if "." in token.value]
    if fractions and (kind is int or set(typing.get_args(kind)) - {...} == {int}):
        raise cyclopts.CoercionError(msg=f"{fractions[0].value} is not an int", token=fractions[0])
    return cyclopts.convert(kind, tokens)


def table(rows: list[tuple]) -> str:
    """Rows of words as aligned columns, two spaces apart."""
    words = [[str(word) for word in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*words, strict=True)]
    lines = ("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) for row in words)
    return "\n".join(f"  {line}".rstrip() for line in lines)
