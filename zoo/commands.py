"""What the commands of the zoo share: the entry or run that a command line names, its data set, its figures."""

import contextlib
import inspect
import typing
from pathlib import Path

import cyclopts

from tfgen import spelling
from tfgen.commandline import LOST_WORKER, bad_input, begin, fail, listed
from tfgen.storage import entries
from zoo import ENTRIES

FROM_DATA = ("image_shape", "classes")  # hyperparameters that the trainer fills in from the data set
DEFAULT_FROM_DATA = ("likelihood",)  # ... where the command line does not say them
REGISTER = "--register"
REGISTERING = f"{REGISTER} MODULE adds an entry of another package, such as my_pkg.gmvae."


def arguments_of(arguments: list[str] | None) -> list[str]:
    """The arguments of a command, by default this process's, without `--register MODULE`: these models are registered.

    A module that is named so is imported when the command begins its work, or at once if its source does not tell what
    the command line needs to know of it.
    """
    left, waiting = [], begin(arguments)
    while waiting:
        word = waiting.pop(0)
        option, equals, module = word.partition("=")
        if option != REGISTER:
            left.append(word)
            continue
        if not equals and not waiting:
            fail(f"{REGISTER} needs the name of a module, such as my_pkg.gmvae")
        with bad_input():
            entries.announce(module if equals else waiting.pop(0))
    return left


def entry_argument(arguments: list[str], usage: str, summary: str) -> str:
    """The entry that a command line begins with; its help, or the end of the process, if there is none."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(f"Usage: {usage} ENTRY [OPTIONS]\n\n{summary} ENTRY is one of\n")
        print(listed({name: entries.declaration(name).about for name in entries.known()}))
        print(f"\n{usage} {ENTRIES[0]} --help lists the options of one.\n{REGISTERING}")
        raise SystemExit(0)
    if not arguments or arguments[0].startswith("-"):
        fail(f"an entry comes first: {usage} ENTRY [OPTIONS], ENTRY one of {', '.join(ENTRIES)}")
    if arguments[0] not in entries.known():
        fail(f"{entries.unknown(arguments[0])}; {REGISTER} my_pkg.name adds a model of your own")
    return arguments[0]


def check_model(entry_or_run, modules) -> None:
    """Raises ValueError unless that is an entry whose weights ship or a run directory; TensorFlow is not imported.

    Its model may be of another package, whose modules are registered first.
    """
    from tfgen.storage import loading

    for module in modules:
        entries.announce(module)
    loading.find(entry_or_run)


def run_of(argument: str) -> Path | None:
    """The run directory that an ENTRY_OR_RUN names; None for an entry, whose name wins over a folder of that name."""
    from tfgen.storage import loading

    return None if argument in ENTRIES or loading.is_shipped(argument) else Path(argument)


def dataset_of(entry_or_run, data_dir: Path | None, name: str | None = None):
    """The data set to show or measure a model on.

    Args:
        entry_or_run: the run directory of the model, or the name of weights that ship.
        data_dir: a TFDS directory that holds it prepared, or None.
        name: another data set, by name or path; by default the one that the model was trained on.
    """
    from tfgen import data
    from tfgen.storage import loading

    config, _ = loading.find(entry_or_run)
    source = config.get("data", {"source": config["dataset"], "image_size": None, "image_channels": None})
    if name is None and source["source"] is None:
        raise ValueError(
            f"{str(entry_or_run)!r} does not say which data set its model was trained on: zoo.evaluate takes "
            "--dataset NAME, model.save_run dataset=NAME"
        )
    if name is not None:
        height, _, channels = config.get("hyperparameters", {}).get("image_shape", (28, 28, 1))
        plain = name == data.EMBEDDED or data.prepared(name, data_dir)
        source = {"source": name, "image_size": None if plain else height, "image_channels": channels}
    return data.load(source["source"], data_dir, image_size=source["image_size"], channels=source["image_channels"])


def say(text: str) -> None:
    """A line of the command's own on stdout, at once."""
    print(text, flush=True)


@contextlib.contextmanager
def lost_workers(run: Path):
    """Ends the process in one line where another of several machines is lost in the block."""
    from tfgen.training import strategies

    try:
        yield
    except strategies.LostWorkerError as error:
        fail(f"{error}; start all machines again with --resume --run-dir {run}", LOST_WORKER)


def with_hyperparameters(command, entry: str, recipe: dict[str, str] | None = None):
    """`command(entry, ...)` with the hyperparameters of an entry in place of its `**hyperparameters`.

    Args:
        command: a function of an entry, keywords and `**hyperparameters`.
        entry: the entry's name.
        recipe: options of the command whose default is the entry's own, with the words that say what it is.
    """
    group = cyclopts.Parameter(group=f"Hyperparameters of {entry}")
    declared, recipe = entries.declaration(entry), recipe or {}
    _, *own = inspect.signature(command, eval_str=True).parameters.values()
    merged_parameters = []
    for parameter in own:
        if parameter.name in recipe:
            shown = cyclopts.Parameter(show_default=recipe[parameter.name])
            parameter = parameter.replace(annotation=typing.Annotated[parameter.annotation, shown])
        if parameter.kind is not parameter.VAR_KEYWORD:
            merged_parameters.append(parameter)
    taken = {parameter.name for parameter in merged_parameters}
    for name, parameter in declared.parameters.items():
        if name in taken:
            fail(f"{entry} has a hyperparameter {name}, which is an option of the command; give it another name")
        if name in DEFAULT_FROM_DATA:
            parameter = parameter.replace(annotation=parameter.annotation | None, default=None)
        if name not in FROM_DATA:
            merged_parameters.append(parameter.replace(annotation=typing.Annotated[parameter.annotation, group]))

    def merged(**options):
        return command(entry, **options)

    merged.__name__ = command.__name__
    merged.__signature__ = inspect.Signature(merged_parameters)
    merged.__annotations__ = {parameter.name: parameter.annotation for parameter in merged_parameters}
    hyperparameter_help = declared.documentation.partition("Args:\n")[2].partition("\nRaises:")[0]
    merged.__doc__ = f"{(inspect.getdoc(command) or '').rstrip()}\n{hyperparameter_help}"
    return merged


def who_has(option: str) -> str:
    """The words `, which iaf_vae has` for the hyperparameter of other entries; "" where none has it."""
    name = option.removeprefix("--").replace("-", "_")
    return spelling.had_by([entry for entry in entries.known() if name in entries.declaration(entry).parameters])


def draw(model, dataset, directory: Path, training: dict) -> list[Path]:
    """Draws a model's figures on a data set, and writes them after those of its training; the paths of the files."""
    from tfgen import figures
    from tfgen.evaluation import pictures

    drawn = pictures.of_model(model, dataset)
    if own := getattr(entries.module(model.entry), "draw", None):
        drawn |= _own_figures(own, model, dataset)
    drawn |= training
    paths = [directory / f"{name}.png" for name in drawn]
    for path, figure in zip(paths, drawn.values(), strict=True):
        figures.save(figure, path)
    return paths


def training_figures(model, dataset, run: Path | None) -> dict:
    """The figures of a run's history, by name; none of a model without a run, or of a run without a history.

    Raises ValueError if the history is damaged.
    """
    from tfgen import figures
    from tfgen.storage import runs

    if not run or not (run / runs.HISTORY).is_file():
        return {}
    rows = runs.read_history(run)
    drawn = {"history": figures.history(rows, f"{model.entry} on {dataset.name}")}
    if own := getattr(entries.module(model.entry), "draw_training", None):
        try:
            drawn |= _own_figures(own, model, rows)
        except ValueError as error:
            raise ValueError(f"{str(run / runs.HISTORY)!r} is damaged: {error}") from error
    return drawn


def _own_figures(draw, model, shown) -> dict:
    """The figures that an entry's own module draws of a data set or of a history.

    Where it fails there is a note and none of them, since all else is done.
    """
    from tfgen.storage import requirements

    try:
        return draw(model, shown)
    except Exception as error:
        if model.entry in entries.entries():
            raise
        module = entries.module_name(model.entry)
        say(f"note: {module}.{draw.__name__} failed and its figures are left out: {requirements.in_words(error)}")
        return {}
