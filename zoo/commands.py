"""What the commands share: options read from signatures, and bad input that ends in one line and exit code 2."""

import contextlib
import inspect
import signal
import sys
import typing
from pathlib import Path

import cyclopts

from zoo import ENTRIES

BAD_INPUT, NOT_FINITE, NOT_WRITTEN, LOST_WORKER, INTERRUPTED, TERMINATED = 2, 3, 4, 5, 130, 143


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
    """Ends the process in one line where the block is interrupted, or cannot write to `place`; `saved()` ends it."""
    try:
        yield
    except (KeyboardInterrupt, OSError) as error:
        give_up(error, place, saved())


@contextlib.contextmanager
def lost_workers(run: Path):
    """Ends the process in one line where another of several machines has gone in the block."""
    from tfgen import strategies

    try:
        yield
    except strategies.LostWorkerError as error:
        fail(f"{error}; start all machines again with --resume --run-dir {run}", LOST_WORKER)


def give_up(error, place: Path | str = "", saved: str = ""):
    """Ends the process for an interruption, or for files in `place` that cannot be written; says what is saved."""
    if isinstance(error, Terminated):
        words, code = "terminated", TERMINATED
    elif isinstance(error, KeyboardInterrupt):
        words, code = "interrupted", INTERRUPTED
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


def entry_argument(arguments: list[str], usage: str, summary: str) -> str:
    """The entry that a command line begins with; its help, or the end of the process, if there is none."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(f"usage: {usage} ENTRY [OPTIONS]\n\n{summary} ENTRY is one of {', '.join(ENTRIES)};")
        print(f"{usage} {ENTRIES[0]} --help lists the options of one.")
        raise SystemExit(0)
    if not arguments or arguments[0].startswith("-"):
        fail(f"an entry comes first: {usage} ENTRY [OPTIONS], ENTRY one of {', '.join(ENTRIES)}")
    if arguments[0] not in ENTRIES:
        fail(f"unknown entry {arguments[0]!r}; the zoo has {', '.join(ENTRIES)}")
    return arguments[0]


def model_argument(arguments: list[str], usage: str, summary: str):
    """The trained model of the entry or run directory that a command line begins with, or the end of the process.

    Without a model the help can still be had: `--help` anywhere is left to `run`, and None is returned.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"usage: {usage} ENTRY_OR_RUN [OPTIONS]\n\n{summary} ENTRY_OR_RUN is one of {', '.join(ENTRIES)}")
        print(f"or a run directory; {usage} {ENTRIES[0]} --help lists the options.")
        raise SystemExit(0 if arguments else BAD_INPUT)
    if {"-h", "--help"} & set(arguments):
        return None
    with stoppable():
        import tfgen

        with bad_input():
            return tfgen.load(arguments[0])


def names_run(argument: str) -> bool:
    """Whether an ENTRY_OR_RUN names a run directory; an entry's name wins over a folder of that name."""
    return argument not in ENTRIES


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
            converter=convert, consume_multiple=True, negative_bool=(), negative_iterable=()
        ),
        help_format="markdown",
        suppress_keyboard_interrupt=False,
    )
    app.default(function)
    try:
        with stoppable():
            return app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except cyclopts.CycloptsError as error:
        fail(f"{str(error).rstrip('.')}; {name.partition(' [')[0]} --help lists the options")


def convert(kind, tokens):
    """The value of an option from its words: cyclopts's, but that it would round 1.5 to an int."""
    fractions = [token for token in tokens if "." in token.value]
    if fractions and (kind is int or set(typing.get_args(kind)) - {...} == {int}):
        raise cyclopts.CoercionError(msg=f"{fractions[0].value} is not an int", token=fractions[0])
    return cyclopts.convert(kind, tokens)


def with_hyperparameters(command, entry: str, build):
    """`command(entry, ...)` with the keywords and help of an entry's `build` in place of its `**hyperparameters`."""
    group = cyclopts.Parameter(group=f"Hyperparameters of {entry}")
    _, *own = inspect.signature(command, eval_str=True).parameters.values()
    added = inspect.signature(build, eval_str=True).parameters.values()
    parameters = [parameter for parameter in own if parameter.kind is not parameter.VAR_KEYWORD]
    parameters += [parameter.replace(annotation=typing.Annotated[parameter.annotation, group]) for parameter in added]

    def merged(**options):
        return command(entry, **options)

    merged.__name__ = command.__name__
    merged.__signature__ = inspect.Signature(parameters)
    merged.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    build_help = inspect.getdoc(build).partition("Args:\n")[2].partition("\nRaises:")[0]
    merged.__doc__ = f"{inspect.getdoc(command).rstrip()}\n{build_help}"
    return merged


def defaults(build) -> dict:
    """The hyperparameters of an entry at their default values."""
    return {name: parameter.default for name, parameter in inspect.signature(build).parameters.items()}


def draw(module, model, dataset, directory: Path, run: Path | None) -> list[Path]:
    """Draws an entry's figures, and the history of its run if there is one; the paths of the files."""
    from tfgen import figures, runs

    drawn = module.draw(model, dataset)
    if run and (run / runs.HISTORY).is_file():
        drawn["history"] = figures.history(runs.read_history(run), f"{model.entry} on {dataset.name}")
    paths = [directory / f"{name}.png" for name in drawn]
    for path, figure in zip(paths, drawn.values(), strict=True):
        figures.save(figure, path)
    return paths
