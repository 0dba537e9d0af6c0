"""`python -m zoo.figures ENTRY_OR_RUN`: redraws the figures of a trained model."""

from pathlib import Path

from tfgen import commandline
from zoo import commands

USAGE = "python -m zoo.figures"


def main(arguments: list[str] | None = None) -> None:
    """The command line: the options of `figures`."""
    commandline.run(figures, arguments, USAGE)


def figures(
    entry_or_run: str,
    /,
    *,
    data_dir: Path | None = None,
    out: Path | None = None,
    register: commandline.Modules = (),
) -> None:
    """Redraws the figures of a trained model on the test images of its data set.

    Args:
        entry_or_run: an entry with shipped weights, such as vae, or a run directory.
        data_dir: a TFDS directory that holds the prepared data set; TFDS_DATA_DIR by default.
        out: the directory to write to; by default the `figures` of the run. An entry needs this option.
        register: a module of another package that defines the model, such as my_pkg.gmvae.
    """
    from tfgen.storage import loading, runs

    with commandline.bad_input():
        commands.check_model(entry_or_run, register)
        run = commands.run_of(entry_or_run)
        if run is None and out is None:
            raise ValueError(f"{entry_or_run} is an entry, not a run: say where to with --out DIR")
        directory = commandline.writable_directory(out or run / runs.FIGURES)
        model = loading.load(entry_or_run)
        dataset = commands.dataset_of(entry_or_run, data_dir)
        training = commands.training_figures(model, dataset, run)
    for path in commands.draw(model, dataset, directory, training):
        print(path)


if __name__ == "__main__":
    main()
