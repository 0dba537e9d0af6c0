"""`python -m zoo.lecture NAME`: runs a lecture, with a table of numbers and a picture or an animation.

A lecture is a module of `zoo/lectures`, about a model that is not one of images. Its table is printed and written as
NAME.json, with NAME.png and for an animation NAME.gif, into a folder of its own.
"""

import importlib
import inspect
from pathlib import Path

from tfgen import checks, commandline, spelling
from zoo import commands, folders, lectures

USAGE = "python -m zoo.lecture"
FOLDER = Path("lectures")  # where results go
SEEDS = (0, 2**31 - 1)


def main(arguments: list[str] | None = None) -> None:
    """The command line: a lecture, then the options of `lecture` and of the lecture's `compute`."""
    with commandline.stoppable():
        arguments = commandline.begin(arguments)
        name = _lecture_argument(arguments)
    commandline.run(_with_options(name), arguments[1:], f"{USAGE} {name}", _who_has)


def lecture(name: str, /, *, to: Path | None = None, **options) -> None:
    """Runs a lecture, and prints and saves its numbers and its picture.

    Args:
        to: the directory to write to; by default lectures/NAME, or lectures/NAME-2, -3, ... if that exists.
    """
    with commandline.bad_input():
        _check(name, options)
        folders.check_place(to, FOLDER, name)
    from tfgen import quiet
    from zoo import evaluate

    quiet.import_tensorflow()
    from zoo.lectures import _log

    module = importlib.import_module(f"{lectures.__name__}.{name}")
    try:
        with evaluate.progress_bars() as track, commandline.bad_input(), _log.quiet():
            result, shown = module.compute(track, **options)
            drawn = module.draw(**shown)
    except KeyboardInterrupt as error:
        commandline.give_up(error, saved="nothing was written")
    with commandline.bad_input():
        folder = commandline.writable_directory(to) if to is not None else folders.numbered(FOLDER, name)
        paths = _write(folder / name, result, drawn, {"lecture": name, "options": options})
    print(result.as_text(), *paths, sep="\n")  # last: a closed pipe loses no numbers


def _lecture_argument(arguments: list[str]) -> str:
    """The lecture that a command line begins with; the list of them, or the end of the process, if there is none."""
    names = lectures.names()
    if arguments and arguments[0] in ("-h", "--help"):
        print(f"Usage: {USAGE} NAME [OPTIONS]\n\nRuns a lecture. NAME is one of\n")
        print(commandline.listed({name: lectures.question(name) for name in names}))
        print(f"\n{USAGE} {names[0]} --help lists the options of one.")
        raise SystemExit(0)
    if not arguments or arguments[0].startswith("-"):
        commandline.fail(f"a lecture comes first: {USAGE} NAME [OPTIONS], NAME one of {', '.join(names)}")
    if arguments[0] not in names:
        meant = spelling.meant(arguments[0], names)
        commandline.fail(f"unknown lecture {arguments[0]!r}; there are {', '.join(names)}{meant}")
    return arguments[0]


def _options(name: str) -> dict[str, inspect.Parameter]:
    """The options of a lecture: the keywords of its `compute`, read from its source."""
    _, *own = lectures.declaration(name).parameters("compute").values()
    return {parameter.name: parameter for parameter in own}


def _with_options(name: str):
    """`lecture(name, ...)` with the options of the lecture in place of its `**options`."""
    _, to, _ = inspect.signature(lecture, eval_str=True).parameters.values()
    merged_parameters = [*_options(name).values(), to]

    def merged(**options):
        return lecture(name, **options)

    merged.__signature__ = inspect.Signature(merged_parameters)
    merged.__annotations__ = {parameter.name: parameter.annotation for parameter in merged_parameters}
    shared_help = (inspect.getdoc(lecture) or "").partition("Args:\n")[2]
    own_help = lectures.declaration(name).documentation("compute").partition("Args:\n")[2].partition("\n\n")[0]
    merged.__doc__ = f"{lectures.question(name)}\n\nArgs:\n{own_help.rstrip()}\n{shared_help}"
    return merged


def _who_has(option: str) -> str:
    """The words `, which mcmc has` for the option of other lectures."""
    name = option.removeprefix("--").replace("-", "_")
    return spelling.had_by([each for each in lectures.names() if name in _options(each)])


def _check(name: str, options: dict) -> None:
    """Raises TypeError, ValueError for options out of range. TensorFlow is not imported."""
    limits = lectures.declaration(name).LIMITS | {"seed": SEEDS}
    for option, value in options.items():
        if option in limits and value is not None:
            check = checks.positive_int if isinstance(limits[option][0], int) else checks.in_range
            check(option.replace("_", "-"), value, *limits[option])
    if options.get("model") is not None:
        commands.check_model(options["model"], ())


def _write(stem: Path, result, drawn, content: dict) -> list[Path]:
    """Writes STEM.json, STEM.png, and STEM.gif of several frames, the last of which is the picture; their paths."""
    from tfgen import figures, files
    from tfgen.storage import runs

    frames = drawn if isinstance(drawn, list) else [drawn]
    paths = [stem.with_name(f"{stem.name}.{ending}") for ending in ("json", "png", "gif")[: 2 + (len(frames) > 1)]]
    for path in paths[2:]:
        figures.animation(frames, path)
    figures.save(frames[-1], paths[1])
    options = {name: str(value) if isinstance(value, Path) else value for name, value in content["options"].items()}
    versions = {"versions": runs.library_versions()}
    files.write_json(paths[0], result.as_json() | content | {"options": options} | versions)
    return paths


if __name__ == "__main__":
    main()
