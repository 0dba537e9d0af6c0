"""`python -m zoo.apply TASK ENTRY_OR_RUN`: uses a trained model for a task, with baselines, numbers and a picture.

A task is a file of `tfgen/tasks`; it says what it asks of a model. The table is printed and written as TASK.json and
TASK.md, with TASK.png, into a folder of its own: a run's own numbers stay as they are.
"""

import functools
import inspect
from pathlib import Path

from tfgen import commandline, spelling, tasks
from zoo import commands, folders

USAGE = "python -m zoo.apply"
LIST = "--list"
FOLDER = "tasks"  # of a run, or where an entry's results go
BEGUN = "runs"  # in the folder of a result, of a task that trains


def main(arguments: list[str] | None = None) -> None:
    """The command line: a task, then the options of `apply` and of the task's `run`."""
    with commandline.stoppable():
        arguments = commandline.begin(arguments)
        if arguments[:1] == [LIST]:
            commandline.run(suitable, arguments[1:], f"{USAGE} {LIST}")
            return
        task = _task_argument(arguments)
        commandline.run(_with_options(task), arguments[1:], f"{USAGE} {task}", _who_has)


def apply(
    task: str,
    entry_or_run: str,
    /,
    *,
    dataset: str | None = None,
    images: int | None = None,
    seed: int = 0,
    data_dir: Path | None = None,
    to: Path | None = None,
    register: commandline.Modules = (),
    **options,
) -> None:
    """Uses a trained model for a task, and prints and writes its results beside those of baselines.

    Args:
        entry_or_run: an entry with shipped weights, such as vae, or a run directory.
        dataset: the images to work on: a data set of TensorFlow Datasets, a folder of pictures, an .npz file, or
            digits; by default the one that the model was trained on.
        images: uses only the first N test images; each task has its own default.
        seed: the seed of everything that is drawn.
        data_dir: a TFDS directory that holds the prepared data sets; TFDS_DATA_DIR by default.
        to: the directory to write to; by default tasks/TASK in the run, or tasks/ENTRY/TASK for an entry, with -2, -3,
            ... appended if that exists.
        register: a module of another package that defines the model, such as my_pkg.gmvae.
    """
    from tfgen.storage import runs
    from tfgen.tasks.common import job as jobs

    with commandline.bad_input():
        commands.check_model(entry_or_run, register)
        run = commands.run_of(entry_or_run)
        module = tasks.module(task)
        _check(images, seed, [dataset, options.get("against")], data_dir)
        module.check(**options)
        folders.check_place(to, (run or Path()) / FOLDER, task)
        model = _able(entry_or_run, task, helped=bool(options.get("train") or options.get("completer")))
    from zoo import completers, evaluate

    completer = completers.of(module, options, entry_or_run, dataset, data_dir) if hasattr(module, "damage") else None
    base = (run or Path()) / FOLDER / ("" if run else entry_or_run)
    begun = BEGUN if options.get("train") else None
    folder = functools.cache(lambda: commandline.writable_directory(to) if to else folders.numbered(base, task, begun))
    try:
        with evaluate.progress_bars() as track, commandline.bad_input():
            job = jobs.Job(
                model,
                lambda: commands.dataset_of(entry_or_run, data_dir),
                name=entry_or_run,
                source=dataset,
                data_dir=data_dir,
                images=images,
                seed=seed,
                track=track,
                classifier=evaluate.recogniser,
                folder=folder,
                completer=completer,
            )
            result = module.run(job, **options)
    except KeyboardInterrupt as error:
        made = folder.cache_info().currsize
        kept = f"what is finished is kept in {folder()}; the same command resumes" if made else "nothing was written"
        commandline.give_up(error, saved=kept)
    of_command = {name: _plain(value) for name, value in options.items()}
    content = result.as_json() | {"task": task, "model": entry_or_run, "options": of_command, "seed": seed}
    with commandline.bad_input():
        paths = _write(folder() / task, result, content | {"versions": runs.library_versions()})
    print(result.as_text(), *paths, sep="\n")  # last: a closed pipe loses no numbers


def _check(images: int | None, seed: int, datasets: list[str | None], data_dir: Path | None) -> None:
    """Raises TypeError or ValueError for a number out of range and for a data set that cannot be read."""
    from tfgen import checks, data
    from tfgen.tasks.common import job

    checks.in_range("seed", seed, 0, 2**31 - 1)
    if images is not None:
        checks.positive_int("images", images)
    for name in datasets:
        if name is not None:
            data.check(name, job.directory_for(name, data_dir))


def _able(entry_or_run: str, task: str, helped: bool):
    """The trained model. Raises ValueError if it has no method of the task, and says which models have.

    A task that undoes damage takes any model beside a completer that it is `helped` by.
    """
    from tfgen.storage import loading
    from tfgen.tasks.common import abilities

    model = loading.load(entry_or_run)
    module = tasks.module(task)
    if not abilities.methods(model, module.ASKS) and not (helped and hasattr(module, "damage")):
        raise ValueError(abilities.refusal(model, module.ASKS, task))
    return model


def _plain(value):
    """The value of an option as JSON has it."""
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value


def suitable(*entries_or_runs: str, register: commandline.Modules = ()) -> None:
    """Says which tasks suit which models, by which methods, and what the others lack.

    Args:
        entries_or_runs: entries or run directories; by default the entries of the zoo.
        register: a module of another package that defines a model, such as my_pkg.gmvae.
    """
    from tfgen.storage import loading
    from tfgen.tasks.common import abilities

    with commandline.bad_input():
        for name in entries_or_runs:
            commands.check_model(name, register)
        models = {name: loading.load(name) for name in entries_or_runs} or abilities.entries_of_the_zoo()
    for task in tasks.names():
        asks = tasks.module(task).ASKS
        print(f"{task}: {tasks.question(task)}")
        for name, model in models.items():
            able = abilities.methods(model, asks)
            print(f"  {name}: {', '.join(able) or f'no, it has no {abilities.in_words(asks)}'}")


def _task_argument(arguments: list[str]) -> str:
    """The task that a command line begins with; the list of them, or the end of the process, if there is none."""
    names = tasks.names()
    if arguments and arguments[0] in ("-h", "--help"):
        print(f"Usage: {USAGE} TASK ENTRY_OR_RUN [OPTIONS]\n\nUses a trained model for a task. TASK is one of\n")
        print(commandline.listed({name: tasks.question(name) for name in names}))
        print(f"\n{USAGE} {names[0]} --help lists the options of one.")
        print(f"{USAGE} {LIST} [ENTRY_OR_RUN ...] says which tasks suit which models.")
        raise SystemExit(0)
    if not arguments or arguments[0].startswith("-"):
        commandline.fail(f"a task comes first: {USAGE} TASK ENTRY_OR_RUN [OPTIONS], TASK one of {', '.join(names)}")
    if arguments[0] not in names:
        meant = spelling.meant(arguments[0], names)
        commandline.fail(f"unknown task {arguments[0]!r}; there are {', '.join(names)}{meant}")
    return arguments[0]


def _options(task: str) -> dict[str, inspect.Parameter]:
    """The options of a task: the keywords of its `run`."""
    _, *own = inspect.signature(tasks.module(task).run, eval_str=True).parameters.values()
    return {parameter.name: parameter for parameter in own}


def _with_options(task: str):
    """`apply(task, ...)` with the options of the task in place of its `**options`."""
    _, *shared = inspect.signature(apply, eval_str=True).parameters.values()
    merged_parameters = [each for each in shared if each.kind is not each.VAR_KEYWORD] + [*_options(task).values()]

    def merged(entry_or_run, /, **options):
        return apply(task, entry_or_run, **options)

    merged.__signature__ = inspect.Signature(merged_parameters)
    merged.__annotations__ = {parameter.name: parameter.annotation for parameter in merged_parameters}
    summary, _, shared_help = inspect.getdoc(apply).partition("\n")
    own_help = (inspect.getdoc(tasks.module(task).run) or "").partition("Args:\n")[2]
    merged.__doc__ = f"{tasks.question(task) or summary}\n{shared_help.rstrip()}\n{own_help}"
    return merged


def _who_has(option: str) -> str:
    """The words `, which inpaint has` for the option of other tasks."""
    name = option.removeprefix("--").replace("-", "_")
    return spelling.had_by([task for task in tasks.names() if name in _options(task)])


def _write(stem: Path, result, content: dict) -> list[Path]:
    """Writes STEM.json, STEM.md and STEM.png; their paths."""
    from tfgen import figures, files

    paths = [stem.with_name(f"{stem.name}.{ending}") for ending in ("json", "md", "png")]
    figures.save(result.figure, paths[2])
    files.write_text(paths[1], result.as_markdown(paths[2].name))
    files.write_json(paths[0], content)
    return paths


if __name__ == "__main__":
    main()
