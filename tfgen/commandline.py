"""What all commands share: options read from signatures, exit codes, and bad input that ends in one line."""

import contextlib
import inspect
import os
import re
import signal
import sys
import textwrap
import threading
import typing
import warnings
from pathlib import Path

import cyclopts

from tfgen import files, spelling, terminal

BAD_INPUT, NOT_FINITE, NOT_WRITTEN, LOST_WORKER, INTERRUPTED, TERMINATED = 2, 3, 4, 5, 130, 143
FAILED = 1  # what a verification that fails ends with
KINDS = {int: "an int", float: "a number", bool: "true or false"}  # of values, in words
WIDTH = 80  # characters of a line
Modules = typing.Annotated[tuple[str, ...], cyclopts.Parameter(consume_multiple=False)]  # one behind each --register
FOREIGN = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")  # they would cut a training short


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does."""


@contextlib.contextmanager
def stoppable():
    """Ends the process in one line where Ctrl-C or SIGTERM ends the block. A terminal that is closed ends nothing."""

    def terminate(number, frame):
        raise Terminated

    handlers = {}
    if threading.current_thread() is threading.main_thread():  # no other may set them
        actions = {signal.SIGTERM: terminate}
        if hasattr(signal, "SIGHUP"):
            actions[signal.SIGHUP] = signal.SIG_IGN
        handlers = {number: signal.signal(number, handler) for number, handler in actions.items()}
    try:
        yield
    except KeyboardInterrupt as error:
        give_up(error)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


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


def begin(arguments: list[str] | None = None) -> list[str]:
    """The arguments of a command, by default those of this process.

    The output of a process that is a command outlasts its readers, and settings of the user's for other programs that
    would change what it does are out of its sight.
    """
    if terminal.protect_streams():
        if sys.warnoptions:  # PYTHONWARNINGS=error is about the user's own code
            warnings.simplefilter("ignore")
        for name in FOREIGN:
            os.environ.pop(name, None)
        os.environ["KERAS_HOME"] = os.devnull  # no keras.json is there
    return sys.argv[1:] if arguments is None else list(arguments)


def run(function, arguments: list[str] | None, command: str, hint=lambda option: "", epilogue: str = ""):
    """Calls `function` with options parsed from `arguments` by its signature and docstring (cyclopts).

    A keyword `name: type = default` becomes `--name`; `--help` prints the docstring. Wrong options end the process.

    Args:
        function: what the command does.
        arguments: the words behind the command; those of this process where they are None.
        command: how users call it, for instance "python -m zoo.sample".
        hint: words about an option that the command does not have; "" where nothing is known of it.
        epilogue: words below the options in the help.
    """
    arguments = begin(arguments)
    app = cyclopts.App(
        function.__name__,
        usage=f"Usage: {command} {usage(function)}",
        version_flags=[],
        default_parameter=cyclopts.Parameter(
            converter=convert, consume_multiple=1, negative_bool=(), negative_iterable=(), show_default=shown_default
        ),
        help_epilogue=epilogue,
        help_format="markdown",
        suppress_keyboard_interrupt=False,
    )
    app["--help"].show = False  # who reads it knows of it
    app.default(function)
    try:
        with stoppable(), _numpy_as_it_begins():
            return app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except (files.ReadError, ImportError) as error:
        fail(error)
    except cyclopts.CycloptsError as error:
        fail(f"{in_words(error, hint)}; {command} --help lists the options")


def _numpy_as_it_begins():
    """NumPy's own way with overflow and the like, whatever changed it; commands that need no NumPy import none."""
    if numpy := sys.modules.get("numpy"):
        return numpy.errstate(all="warn", under="ignore")
    return contextlib.nullcontext()


def usage(function) -> str:
    """What follows a command: `ENTRY_OR_RUN --out PATH [OPTIONS]`."""
    words, optional = [], False
    for parameter in inspect.signature(function).parameters.values():
        name = parameter.name.upper()
        if parameter.kind is parameter.VAR_POSITIONAL:
            words.append(f"[{name} ...]")
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            words.append(name if parameter.default is parameter.empty else f"[{name}]")
        elif parameter.default is parameter.empty:
            value = "PATH" if parameter.annotation is Path else name
            words.append(f"--{parameter.name.replace('_', '-')} {value}")
        else:
            optional = True
    return " ".join([*words, "[OPTIONS]"] if optional else words)


def shown_default(value):
    """The default of an option as its help has it: nothing for a flag, and for a list or a text that is empty."""
    return None if value is False or value in ((), "") else value


def convert(kind, tokens):
    """The value of an option from its words: cyclopts's, but that it would round 1.5 to an int."""
    fractions = [token for token in tokens if "." in token.value]
    if fractions and (kind is int or set(typing.get_args(kind)) - {...} == {int}):
        raise cyclopts.CoercionError(token=fractions[0], target_type=int)
    return cyclopts.convert(kind, tokens)


def in_words(error: cyclopts.CycloptsError, hint) -> str:
    """What is wrong with a command line; `hint` as of `run`."""
    if isinstance(error, cyclopts.UnknownOptionError):
        return _unknown_option(error.token.keyword or error.token.value, error.argument_collection, hint)
    argument = error.argument
    if isinstance(error, cyclopts.ConsumeMultipleError):
        return f"{error.keyword or argument.name} needs at least 1 value, got none"
    if isinstance(error, cyclopts.MissingArgumentError):
        option = error.keyword or next((token.keyword for token in argument.tokens if token.keyword), None)
        if option:
            return f"{option} needs a value, got none"
        stray = [word for word in error.unused_tokens or () if re.match("--?[a-zA-Z]", word)]
        if stray:
            return _unknown_option(stray[0], error.app.assemble_argument_collection(), hint)
        meaning = _meaning(error.target, argument.field_info.name)
        return f"{_name(argument)} is missing: {meaning}" if meaning else f"{_name(argument)} is missing"
    if isinstance(error, cyclopts.CoercionError) and error.token and error.target_type:
        name = error.token.keyword or (_name(argument) if argument else "")
        kind, value = error.target_type, error.token.value
        if typing.get_origin(kind) is typing.Literal:
            choices = typing.get_args(kind)
            return (
                f"{name} must be one of {', '.join(map(str, choices))}; got {value!r}{spelling.meant(value, choices)}"
            )
        return f"{name} must be {KINDS.get(kind, kind)}, got {value!r}"
    if isinstance(error, cyclopts.UnusedCliTokensError):
        return f"unexpected argument {error.unused_tokens[0]!r}"
    if isinstance(error, cyclopts.RepeatArgumentError) and error.token.keyword:
        return f"{error.token.keyword} is given twice"
    return str(error).rstrip(".")


def _meaning(function, name: str) -> str:
    """The first words that a docstring has for a parameter."""
    found = re.search(
        rf"^    {name}: (.+?)(?=[;.:]\s|\n    \w+: |\Z)", inspect.getdoc(function) or "", re.DOTALL | re.MULTILINE
    )
    return " ".join(found[1].split()).rstrip(".") if found else ""


def _name(argument) -> str:
    """How users call a parameter: --out, ENTRY_OR_RUN."""
    return argument.name if argument.name.startswith("-") else argument.name.upper().replace("-", "_")


def _unknown_option(word: str, known, hint) -> str:
    option = word.partition("=")[0]
    names = [name for argument in known for name in argument.names if name.startswith("--")]
    return f"unknown option {option}{hint(option) or spelling.meant(option, names)}"


def listed(meanings: dict[str, str]) -> str:
    """Names with what each means, a paragraph each, as wide as a terminal."""
    width = max(map(len, meanings)) + 4
    return "\n".join(
        textwrap.fill(meaning, WIDTH, initial_indent=f"  {name}".ljust(width), subsequent_indent=" " * width)
        for name, meaning in meanings.items()
    )


def table(rows: list[tuple]) -> str:
    """Rows of words as aligned columns, two spaces apart."""
    words = [[str(word) for word in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*words, strict=True)]
    lines = ("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) for row in words)
    return "\n".join(f"  {line}".rstrip() for line in lines)


def counted(count: int, noun: str) -> str:
    """A count with its noun: `1 epoch`, `1,000 epochs`."""
    return f"{count:,} {noun}" + ("s" if count != 1 else "")
